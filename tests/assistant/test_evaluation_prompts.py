"""Test prompts are read strictly from YAML, JSON Lines and CSV; what cannot be used is named with line and remedy."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from assistant.conversation import Turn
from assistant.errors import PromptsInvalid
from assistant.evaluation.facts import Amount, AnyOf
from assistant.evaluation.prompt_writer import write_prompts
from assistant.evaluation.prompts import TestPrompt, load_prompts
from assistant.settings import find_corpus

PACKAGED = find_corpus() / "prompts"


def load(tmp_path: Path, text: str, name: str = "prompts.yaml") -> list[TestPrompt]:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return load_prompts([path])


FULL_YAML = """# pay

- question: And there?
  history: ["Here?"]
  standalone: What do they earn there?
  facts: ["$1", {number: 2, unit: "%", tolerance: 0.5}, {any: [a, {number: 3}]}]
  forbidden: ["$9"]
  articles: [pay]
  headings: [Work]
  tags: [money, abroad]
  note: Ask twice.
"""
FULL = TestPrompt(
    "And there?",
    (Turn("Here?"),),
    ("$1", Amount(2, "%", 0.5), AnyOf(("a", Amount(3)))),
    ("pay",),
    standalone="What do they earn there?",
    forbidden=("$9",),
    headings=("Work",),
    tags=("money", "abroad"),
    note="Ask twice.",
)


def without_place(prompt: TestPrompt) -> dict[str, Any]:
    return {name: value for name, value in vars(prompt).items() if name != "where"}


def test_a_prompt_is_read_with_all_its_fields_and_its_line(tmp_path: Path) -> None:
    (prompt,) = load(tmp_path, FULL_YAML)
    assert without_place(prompt) == without_place(FULL)
    assert prompt.where == f"{tmp_path}/prompts.yaml:3"


def test_json_lines_say_the_same(tmp_path: Path) -> None:
    (fields,) = yaml.safe_load(FULL_YAML)
    (prompt,) = load(tmp_path, f"\n{json.dumps(fields)}\n", "prompts.jsonl")
    assert without_place(prompt) == without_place(FULL)
    assert prompt.where == f"{tmp_path}/prompts.jsonl:2"


def test_csv_says_the_same(tmp_path: Path) -> None:
    text = (
        "question,history,standalone,facts,forbidden,articles,headings,tags,note\n"
        'And there?,Here?,What do they earn there?,"$1 | {""number"": 2, ""unit"": ""%"", ""tolerance"": 0.5} |'
        ' {""any"": [""a"", {""number"": 3}]}",$9,pay,Work,money | abroad,Ask twice.\n'
    )
    (prompt,) = load(tmp_path, text, "prompts.csv")
    assert without_place(prompt) == without_place(FULL)


def test_a_row_of_csv_is_named_by_the_line_on_which_it_begins(tmp_path: Path) -> None:
    prompts = load(tmp_path, 'question,answerable\n"Two\nlines?",no\n\nWho?,true\n', "prompts.csv")
    assert [prompt.where.rpartition(":")[2] for prompt in prompts] == ["2", "5"]
    assert [prompt.answerable for prompt in prompts] == [False, True]


def test_a_turn_of_the_history_may_hold_its_answer(tmp_path: Path) -> None:
    (prompt,) = load(tmp_path, "- question: And there?\n  history: [{question: 'Here?', answer: Yes.}]\n")
    assert prompt.history == (Turn("Here?", answer="Yes."),)


def test_a_tolerance_may_be_a_share(tmp_path: Path) -> None:
    (prompt,) = load(tmp_path, '- question: What?\n  facts: [{number: 200, tolerance: "2%"}]\n')
    assert prompt.facts == (Amount(200, tolerance=4),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no test prompts"),
        ("question: What?", "holds no test prompts"),
        ("- What?", ":1: not a test prompt"),
        ("- facts: []", ":1: question is missing"),
        ("- question: ''", ":1: question: is empty"),
        ("- question: What?\n  fact: [a]", ":2: fact: no such field"),
        ("- question: What?\n  question: Who?", ":2: question is given twice"),
        ("- question: What?\n  facts: a", ":2: facts: must be a list"),
        ("- question: What?\n  facts: [2026]", ":2: facts: 2026 is not text. Put it in quotes"),
        ("- question: What?\n  answerable: maybe", ":2: answerable: must be true or false"),
        ("- question: What?\n  answerable: false\n  facts: [a]", ":1: facts and articles cannot go with"),
        ("- question: What?\n  history: [{answer: a}]", ":2: history: write a question"),
        ("- question: [What", ":1: not valid YAML"),
        ("- question: a\n- question: \x01", ":2: not valid YAML"),
        ("- question: !!python/name:os.system x", ":1: not plain text"),
        ("- question: What?\n  facts: [{number: x}]", ":2: facts: number: 'x' is not a number"),
        ("- question: What?\n  facts: [{number: 1e999}]", ":2: facts: number: "),
        ("- question: What?\n  facts: [{number: .nan}]", ":2: facts: number: nan is not a number"),
        ("- question: What?\n  facts: [{unit: $}]", ":2: facts: number: is missing"),
        ("- question: What?\n  facts: [{number: 1, units: $}]", ":2: facts: units: no such part"),
        ("- question: What?\n  facts: [{number: 1, tolerance: -1}]", ":2: facts: tolerance: -1 is below 0"),
        ("- question: What?\n  facts: [{number: 1, tolerance: x%}]", ":2: facts: tolerance: 'x%' is not a number"),
        ("- question: What?\n  facts: [{any: [a]}]", ":2: facts: any: must be a list of two or more"),
        ("- question: What?\n  facts: [{any: [a, {any: [b, c]}]}]", ":2: facts: any: holds another any"),
        ("- question: What?\n  forbidden: [1]", ":2: forbidden: 1 is not text"),
        ("- question: What?\n  facts: [a]\n  forbidden: [a]", ":1: forbidden: a is among the facts, too"),
        ("- question: What?\n  headings: [Pay]", ":1: headings without articles"),
        ("- question: What?\n  standalone: Who?", ":1: standalone without history"),
        ("- question: What?\n  tags: pay", ":2: tags: must be a list"),
        ("- question: What?\n  note: 7", ":2: note: 7 is not text"),
        ("- question: What?\n  note: 0x" + "f" * 9_999, ":2: note: a number of thousands of digits is not text"),
        ("- question: What?\n  ? [a]\n  : b", ":1: the name of a field is not text"),
    ],
)
def test_a_prompt_that_cannot_be_used_is_named_with_line_and_remedy(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(PromptsInvalid) as raised:
        load(tmp_path, text)
    assert message in str(raised.value)
    assert "prompts.yaml" in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.jsonl", "", "a.jsonl: holds no test prompts"),
        ("a.jsonl", '{"question": "What?"}\n{"question": ', "a.jsonl:2: not valid JSON"),
        ("a.jsonl", "[]", "a.jsonl:1: not a test prompt"),
        ("a.jsonl", '{"question": "a", "question": "b"}', "a.jsonl:1: question is given twice"),
        ("a.jsonl", '{"question": "a", "fact": []}', "a.jsonl:1: fact: no such field"),
        ("a.csv", "", "a.csv: holds no test prompts"),
        ("a.csv", "question\n", "a.csv: holds no test prompts"),
        ("a.csv", "question,fact\nWhat?,a\n", "a.csv:2: fact: no such field"),
        ("a.csv", "question,facts\nWhat?,a,b\n", "a.csv:2: 3 cells below 2 names"),
        ("a.csv", 'question\n"What?\n', "a.csv:2: not valid CSV"),
        ("a.csv", "question,facts\nWhat?,{1\n", "a.csv:2: facts: not valid JSON"),
        ("a.csv", "question,answerable\nWhat?,maybe\n", "a.csv:2: answerable: must be true or false"),
        ("a.csv", "facts\na\n", "a.csv:2: question is missing"),
        ("a.txt", "What?", "a.txt: not a kind of file that is read"),
    ],
)
def test_every_format_names_what_it_cannot_use(tmp_path: Path, name: str, text: str, message: str) -> None:
    with pytest.raises(PromptsInvalid) as raised:
        load(tmp_path, text, name)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_prompts_that_are_not_there_are_named() -> None:
    with pytest.raises(PromptsInvalid, match=r"none\.yaml: no such file"):
        load_prompts([Path("none.yaml")])


def test_a_folder_of_prompts_is_named(tmp_path: Path) -> None:
    (tmp_path / "prompts.yaml").mkdir()
    with pytest.raises(PromptsInvalid, match="a folder"):
        load_prompts([tmp_path / "prompts.yaml"])


def test_prompts_that_are_not_text_are_named(tmp_path: Path) -> None:
    (tmp_path / "prompts.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PromptsInvalid, match="not UTF-8 text"):
        load_prompts([tmp_path / "prompts.yaml"])


@pytest.mark.parametrize("name", ["prompts.yaml", "prompts.jsonl"])
def test_prompts_nested_without_end_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(PromptsInvalid, match="nested too deeply"):
        load(tmp_path, "[" * 100_000, name)


def test_a_value_that_unfolds_without_end_is_named_in_short(tmp_path: Path) -> None:
    """Each alias holds ten of the one before: written out, the value of this small file has a million words."""
    lists = [f", &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, 6)]
    with pytest.raises(PromptsInvalid, match="is not text") as raised:
        load(tmp_path, f"- question: What?\n  note: [&a0 [{', '.join('x' * 10)}]{''.join(lists)}]")
    assert len(str(raised.value)) < 500


def test_prompts_are_written_as_they_are_read(tmp_path: Path) -> None:
    unanswerable = TestPrompt("Über was: “dies”?", answerable=False)
    written = load(tmp_path, write_prompts([FULL, unanswerable]))
    assert [without_place(prompt) for prompt in written] == [without_place(FULL), without_place(unanswerable)]


# -- the schema for editors -------------------------------------------------------------------------------------------


def find_errors(document: Any) -> list[Any]:
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    schema = json.loads((PACKAGED / "prompts.schema.json").read_text())
    return list(jsonschema.Draft202012Validator(schema).iter_errors(document))


@pytest.mark.parametrize("path", sorted(PACKAGED.glob("*.yaml")), ids=lambda path: path.name)
def test_the_packaged_prompts_follow_the_schema_and_name_it(path: Path) -> None:
    assert find_errors(yaml.safe_load(path.read_text())) == []
    assert path.read_text().startswith("# yaml-language-server: $schema=prompts.schema.json\n")


def test_the_schema_takes_every_field() -> None:
    assert find_errors(yaml.safe_load(FULL_YAML)) == []


@pytest.mark.parametrize(
    "text",
    [
        "question: What?",
        "- facts: []",
        "- question: ''",
        "- question: What?\n  fact: [a]",
        "- question: What?\n  facts: [2026]",
        "- question: What?\n  answerable: maybe",
        "- question: What?\n  answerable: false\n  facts: [a]",
        "- question: What?\n  history: [{answer: a}]",
        "- question: What?\n  facts: [{unit: $}]",
        "- question: What?\n  facts: [{any: [a]}]",
        "- question: What?\n  facts: [{number: 1, tolerance: -1}]",
        "- question: What?\n  headings: [Pay]",
        "- question: What?\n  standalone: Who?",
    ],
)
def test_the_schema_refuses_what_the_reader_refuses(tmp_path: Path, text: str) -> None:
    assert find_errors(yaml.safe_load(text))
    with pytest.raises(PromptsInvalid):
        load(tmp_path, text)


def test_the_packaged_prompts_can_be_read() -> None:
    assert len(load_prompts(sorted(PACKAGED.glob("*.yaml")))) >= 60


def test_the_packaged_prompts_name_packaged_articles_only() -> None:
    named = {article for prompt in load_prompts(sorted(PACKAGED.glob("*.yaml"))) for article in prompt.articles}
    assert named <= {path.stem for path in (find_corpus() / "articles").glob("*.md")}


def test_every_packaged_follow_up_has_its_stand_alone_form() -> None:
    prompts = load_prompts([PACKAGED / "follow-ups.yaml"])
    assert all(prompt.standalone for prompt in prompts if prompt.history)


def read_examples(language: str) -> list[str]:
    """The code blocks of corpus/README.md in one language."""
    text = (find_corpus() / "README.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)


def test_the_documented_examples_can_be_read(tmp_path: Path) -> None:
    (in_yaml,) = read_examples("yaml")
    first, second = load(tmp_path, in_yaml)
    assert first.facts == ("$112,165", Amount(112_165, "$", 500), AnyOf(("base salary", "base pay")))
    assert set(without_place(first)) == {name for name, value in vars(first).items() if value and name != "where"}
    assert not second.answerable
    (in_csv,) = read_examples("csv")
    assert [prompt.answerable for prompt in load(tmp_path, in_csv, "prompts.csv")] == [True, False]
