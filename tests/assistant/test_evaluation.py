"""Test prompts are read strictly, replies are measured by what can be looked up, and floors gate the totals."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from assistant.conversation import Citation, Reply, Turn
from assistant.errors import EvaluationInvalid, PromptsInvalid, QuestionInvalid
from assistant.evaluation.floors import find_breaches, load_floors
from assistant.evaluation.measures import Result, holds_fact, is_valid, measure_reply, total_results
from assistant.evaluation.prompts import TestPrompt, load_prompts
from assistant.evaluation.report import as_dict, build_page, compare_outcomes, load_outcomes
from assistant.evaluation.run import Evaluation, ask_prompts, evaluate
from assistant.settings import Settings, find_corpus
from ingest.article import Article
from ingest.errors import ArticleUnknown

TEXT = "Engineers earn $158,147. Managers earn 3.5% more."
QUOTE = "Engineers earn $158,147."
CITATION = Citation(1, "pay", "Pay", "", "", "Pay", 0, len(QUOTE), QUOTE)
REPLY = Reply("What do they earn?", "What do they earn?", f"{QUOTE} [1]", (CITATION,), seconds=0.5)
REFUSAL = Reply("How tall?", "How tall?", "The articles don't say.", answered=False, seconds=1.5)
ANSWERABLE = TestPrompt("What do they earn?", facts=("$158,147",), articles=("pay",), where="prompts.yaml:1")
UNANSWERABLE = TestPrompt("How tall?", answerable=False, where="prompts.yaml:5")


def find_text(article_id: str) -> str:
    return {"pay": TEXT}.get(article_id, "")


def measure(prompt: TestPrompt, reply: Reply) -> Result:
    return measure_reply(prompt, reply, find_text)


# -- prompts ----------------------------------------------------------------------------------------------------------


def load(tmp_path: Path, text: str) -> list[TestPrompt]:
    path = tmp_path / "prompts.yaml"
    path.write_text(text, encoding="utf-8")
    return load_prompts([path])


def test_a_prompt_is_read_with_all_its_fields_and_its_line(tmp_path: Path) -> None:
    text = '# pay\n\n- question: And there?\n  history: ["Here?"]\n  facts: ["$1"]\n  articles: [pay]\n'
    (prompt,) = load(tmp_path, text)
    assert prompt == TestPrompt(
        "And there?", (Turn("Here?"),), ("$1",), ("pay",), answerable=True, where=f"{tmp_path}/prompts.yaml:3"
    )


def test_a_turn_of_the_history_may_hold_its_answer(tmp_path: Path) -> None:
    (prompt,) = load(tmp_path, "- question: And there?\n  history: [{question: 'Here?', answer: Yes.}]\n")
    assert prompt.history == (Turn("Here?", answer="Yes."),)


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
        ("- question: !!python/name:os.system x", ":1: not plain text"),
    ],
)
def test_a_prompt_that_cannot_be_used_is_named_with_line_and_remedy(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(PromptsInvalid) as raised:
        load(tmp_path, text)
    assert message in str(raised.value)
    assert "prompts.yaml" in str(raised.value)


def test_prompts_that_are_not_there_are_named() -> None:
    with pytest.raises(PromptsInvalid, match=r"none\.yaml: no such file"):
        load_prompts([Path("none.yaml")])


def test_prompts_that_are_not_text_are_named(tmp_path: Path) -> None:
    (tmp_path / "prompts.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PromptsInvalid, match="not UTF-8 text"):
        load_prompts([tmp_path / "prompts.yaml"])


def test_prompts_nested_without_end_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PromptsInvalid, match=r"prompts\.yaml: nested too deeply"):
        load(tmp_path, "[" * 5_000)


def test_the_packaged_prompts_and_floors_can_be_read() -> None:
    files = sorted((find_corpus() / "prompts").glob("*.yaml"))
    assert len(load_prompts(files)) >= 60
    assert load_floors(files)["citations_valid"] == 1


def test_the_packaged_prompts_name_packaged_articles_only() -> None:
    files = sorted((find_corpus() / "prompts").glob("*.yaml"))
    named = {article for prompt in load_prompts(files) for article in prompt.articles}
    assert named <= {path.stem for path in (find_corpus() / "articles").glob("*.md")}


# -- measures ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quote", "fact"),
    [
        ("They earn  $158,147\na year", "$158,147 A YEAR"),
        ("growth of 5–7 percent", "5-7 percent"),
        ("the company’s “own” data", 'company\'s "own" data'),
        ("between 40 and 50", "40 and 50"),
        ("$158,147", "$158"),
        ("$130–160K", "160K"),
        ("soft\u00adware", "software"),
    ],
)
def test_a_fact_is_found_whatever_its_case_space_and_typography(quote: str, fact: str) -> None:
    assert holds_fact(quote, fact)


@pytest.mark.parametrize(("quote", "fact"), [("$158", "$15"), ("112%", "12%"), ("3.5%", "5%"), ("3.5", "3"), ("a", "")])
def test_a_fact_is_not_cut_out_of_a_longer_number(quote: str, fact: str) -> None:
    assert not holds_fact(quote, fact)


def test_a_fact_must_stand_in_a_single_quote() -> None:
    halves = tuple(replace(CITATION, quote=quote) for quote in ("Engineers earn", "$158,147"))
    prompt = replace(ANSWERABLE, facts=("Engineers earn $158,147",))
    assert measure(prompt, replace(REPLY, citations=halves)).missing_facts == prompt.facts


def test_a_fact_in_the_answer_but_in_no_quote_is_missing() -> None:
    assert measure(ANSWERABLE, replace(REPLY, citations=())).missing_facts == ("$158,147",)


@pytest.mark.parametrize(
    "citation",
    [
        replace(CITATION, end=CITATION.end + 1),
        replace(CITATION, start=-len(TEXT), end=-len(TEXT) + len(QUOTE)),
        replace(CITATION, start=3, end=3, quote=""),
        replace(CITATION, end=10_000, quote=TEXT),
        replace(CITATION, quote=QUOTE.lower()),
    ],
)
def test_a_citation_is_valid_only_character_for_character(citation: Citation) -> None:
    assert is_valid(CITATION, TEXT)
    assert not is_valid(citation, TEXT)


def test_a_citation_of_an_article_the_library_does_not_hold_is_not_valid() -> None:
    assert measure(ANSWERABLE, replace(REPLY, citations=(replace(CITATION, article_id="gone"),))).valid_citations == 0


def test_a_right_reply_has_no_failures() -> None:
    assert measure(ANSWERABLE, REPLY).failures == ()
    assert measure(UNANSWERABLE, REFUSAL).passed


def test_each_failure_says_what_is_wrong() -> None:
    wrong = replace(REPLY, citations=(replace(CITATION, article_id="other", quote="Nurses"),))
    assert measure(ANSWERABLE, wrong).failures == (
        "no quote holds '$158,147'",
        "cites none of pay",
        "1 of 1 citations not in the article",
    )


def test_refusing_and_answering_wrongly_are_failures() -> None:
    assert measure(ANSWERABLE, REFUSAL).failures == ("refused, but the articles answer it",)
    assert measure(UNANSWERABLE, REPLY).failures == ("answered, not refused",)


def test_totals_are_shares_of_what_could_be_measured() -> None:
    two_facts = replace(ANSWERABLE, facts=("$158,147", "$1"))
    totals = total_results(
        [
            measure(two_facts, REPLY),
            measure(ANSWERABLE, REFUSAL),
            measure(UNANSWERABLE, REFUSAL),
            measure(UNANSWERABLE, REPLY),
        ]
    )
    assert (totals.prompts, totals.passed) == (4, 1)
    assert totals.facts_in_quotes == pytest.approx(1 / 3)
    assert (totals.right_article, totals.citations_valid) == (0.5, 1.0)
    assert (totals.refusals_right, totals.answerable_refused) == (0.5, 0.5)
    assert (totals.seconds_p50, totals.seconds_p95) == (0.5, 1.5)


def test_totals_of_nothing_measure_nothing() -> None:
    totals = total_results([])
    assert totals.facts_in_quotes is totals.citations_valid is totals.seconds_p95 is None


# -- floors -----------------------------------------------------------------------------------------------------------


def test_a_total_below_its_floor_names_the_prompts_to_blame() -> None:
    results = [measure(ANSWERABLE, REPLY), measure(replace(ANSWERABLE, facts=("$1",), where="prompts.yaml:9"), REPLY)]
    (breach,) = find_breaches(results, {"facts_in_quotes": 0.95, "citations_valid": 1.0})
    assert str(breach) == "facts_in_quotes 0.500 is below its floor 0.950: prompts.yaml:9"


def test_a_total_above_its_ceiling_is_a_breach() -> None:
    (breach,) = find_breaches([measure(ANSWERABLE, REFUSAL)], {"answerable_refused_at_most": 0.05})
    assert str(breach) == "answerable_refused 1.000 is above its ceiling 0.050: prompts.yaml:1"


def test_a_total_at_its_floor_is_no_breach() -> None:
    assert find_breaches([measure(ANSWERABLE, REPLY)], {"facts_in_quotes": 1.0}) == []


def test_what_was_not_measured_is_no_breach() -> None:
    assert find_breaches([measure(ANSWERABLE, REPLY)], {"refusals_right": 0.9}) == []


def test_prompts_without_floors_are_not_gated(tmp_path: Path) -> None:
    assert load_floors([tmp_path / "prompts.yaml"]) == {}


@pytest.mark.parametrize(
    "text", ["[", "[]", '{"fact_in_quotes": 1}', '{"facts_in_quotes": "1"}', '{"refusals_right": 95}']
)
def test_floors_that_cannot_be_used_are_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "floors.json").write_text(text)
    with pytest.raises(EvaluationInvalid, match=r"floors\.json"):
        load_floors([tmp_path / "prompts.yaml"])


# -- a whole evaluation -----------------------------------------------------------------------------------------------


@dataclass
class FakeChain:
    """Replies to the questions it knows, and refuses the others."""

    replies: Mapping[str, Reply] = field(default_factory=lambda: {REPLY.question: REPLY})
    asked: list[Any] = field(default_factory=list)

    def invoke(self, input: Any, /) -> Reply:
        self.asked.append(input)
        if not input["question"].strip("."):
            raise QuestionInvalid("The question is empty. Write one.")
        return self.replies.get(input["question"], REFUSAL)


class FakeLibrary:
    def article(self, article_id: str, /) -> Article:
        if article_id != "pay":
            raise ArticleUnknown(f"{article_id}: no such article.")
        return Article("pay", "/pay.md", "Pay", TEXT)


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    path = tmp_path / "prompts.yaml"
    path.write_text(
        '- question: What do they earn?\n  facts: ["$158,147"]\n  articles: [pay]\n'
        '- question: How tall?\n  history: ["What do they earn?"]\n  answerable: false\n'
    )
    return path


def run(prompts: Path, chain: FakeChain | None = None) -> Evaluation:
    return evaluate(
        [prompts], chain or FakeChain(), FakeLibrary(), Settings(home=prompts.parent, passages_per_question=7)
    )


def test_every_prompt_is_asked_with_its_history(prompts: Path) -> None:
    chain = FakeChain()
    run(prompts, chain)
    assert chain.asked == [
        {"question": "What do they earn?", "history": []},
        {"question": "How tall?", "history": [Turn("What do they earn?")]},
    ]


def test_an_evaluation_knows_what_it_was_made_with(prompts: Path) -> None:
    evaluation = run(prompts)
    assert evaluation.settings["passages_per_question"] == 7
    assert "home" not in evaluation.settings
    assert evaluation.versions["langchain-core"]
    assert len(evaluation.prompts_digest) == 64


def test_a_prompt_whose_question_cannot_be_asked_is_named() -> None:
    unaskable = TestPrompt("...", where="prompts.yaml:3")
    with pytest.raises(PromptsInvalid, match=r"prompts\.yaml:3: The question is empty"):
        list(ask_prompts([unaskable], FakeChain(), find_text))


def test_an_article_that_no_reply_cites_is_listed(prompts: Path) -> None:
    assert run(prompts).missing_articles == ()
    assert run(prompts, FakeChain({})).missing_articles == ("pay",)


def test_the_json_of_an_evaluation_is_what_compare_reads(prompts: Path, tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text(json.dumps(as_dict(run(prompts))))
    assert compare_outcomes(run(prompts), load_outcomes(tmp_path / "old.json")) == []


def test_compare_names_prompts_that_changed_came_and_went(prompts: Path) -> None:
    before = {"What do they earn?": False, "Who?": True}
    changes = [str(change) for change in compare_outcomes(run(prompts), before)]
    assert changes == [
        "wrong -> right: What do they earn?",
        "not asked -> right: How tall?",
        "right -> not asked: Who?",
    ]


@pytest.mark.parametrize("text", ["", "[]", '{"results": [{}]}'])
def test_compare_with_something_else_names_the_remedy(tmp_path: Path, text: str) -> None:
    (tmp_path / "old.json").write_text(text)
    with pytest.raises(EvaluationInvalid, match="career evaluate --json >"):
        load_outcomes(tmp_path / "old.json")


def test_the_page_escapes_everything_that_came_from_outside(prompts: Path) -> None:
    attack = "<script>alert(1)</script>"
    hostile = replace(REPLY, text=attack, citations=(replace(CITATION, quote=attack),))
    page = build_page(run(prompts, FakeChain({REPLY.question: hostile})))
    assert attack not in page
    assert page.count("&lt;script&gt;") == 2


def test_the_page_loads_nothing(prompts: Path) -> None:
    page = build_page(run(prompts))
    assert not [word for word in ("src=", "href=", "@import", "url(") if word in page]
