"""A whole evaluation: every prompt asked, the run kept as JSON, compared with an earlier one, and shown to CI."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from langchain_core.language_models import FakeMessagesListChatModel
from langchain_core.messages import AIMessage

from assistant.conversation import Reply, Turn
from assistant.errors import EvaluationInvalid, PromptsInvalid
from assistant.evaluation.compare import PASSED, compare
from assistant.evaluation.junit import build_junit
from assistant.evaluation.prompts import TestPrompt
from assistant.evaluation.record import as_dict, load_record, write_record
from assistant.evaluation.run import Evaluation, ask_prompts, digest_articles, find_commit
from assistant.evaluation.summary import describe_comparison, describe_result, describe_totals
from ingest.article import Article
from tests.assistant.evaluation_examples import (
    ARTICLE,
    CITATION,
    REPLY,
    FakeChain,
    FakeLibrary,
    find_text,
    run,
    write_prompts,
)

TIMES = ("date", "seconds", "seconds_p50", "seconds_p95")


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    return write_prompts(tmp_path)


def test_every_prompt_is_asked_with_its_history(prompts: Path) -> None:
    chain = FakeChain()
    run(prompts, chain)
    assert chain.asked == [
        {"question": "What do they earn?", "history": []},
        {"question": "How tall?", "history": [Turn("What do they earn?")]},
    ]


def test_a_stand_alone_form_is_asked_by_itself(prompts: Path) -> None:
    prompts.write_text("- question: And they?\n  history: ['Who?']\n  standalone: What do they earn?\n")
    chain = FakeChain()
    (result,) = run(prompts, chain).results
    assert chain.asked[1] == {"question": "What do they earn?", "history": []}
    assert result.standalone_ranked == ("pay#0", "pay#1")


def test_an_evaluation_knows_what_it_was_made_with(prompts: Path) -> None:
    evaluation = run(prompts)
    assert evaluation.settings["passages_per_question"] == 7
    assert "home" not in evaluation.settings
    assert evaluation.versions["langchain-core"]
    assert len(evaluation.prompts_digest) == len(evaluation.corpus_digest) == 64


def test_another_article_is_another_corpus() -> None:
    class Changed(FakeLibrary):
        def article(self, article_id: str, /) -> Article:
            return replace(ARTICLE, text=f"{ARTICLE.text} More.")

    assert digest_articles(FakeLibrary()) == digest_articles(FakeLibrary())
    assert digest_articles(FakeLibrary()) != digest_articles(Changed())


def test_the_commit_is_that_of_the_checkout_with_a_mark_for_changes(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        identity = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
        subprocess.run(["git", "-C", tmp_path, *identity, *arguments], check=True, capture_output=True)

    assert find_commit(tmp_path) == ""
    git("init")
    (tmp_path / "file").write_text("one")
    git("add", "file")
    git("commit", "-m", "one")
    commit = find_commit(tmp_path)
    assert len(commit) == 40
    (tmp_path / "file").write_text("two")
    assert find_commit(tmp_path) == f"{commit}+"


def test_tokens_that_a_model_reports_are_counted(prompts: Path) -> None:
    usage = {"input_tokens": 70, "output_tokens": 5, "total_tokens": 75}
    said = AIMessage("Hello.", usage_metadata=usage, response_metadata={"model_name": "fake"})

    class ModelChain(FakeChain):
        def invoke(self, input: Any, /) -> Reply:
            FakeMessagesListChatModel(responses=[said]).invoke("Hello?")
            return super().invoke(input)

    totals = run(prompts, ModelChain()).totals
    assert (totals.tokens_read, totals.tokens_written) == (140, 10)
    assert run(prompts).totals.tokens_read is None


def test_a_prompt_whose_question_cannot_be_asked_is_named() -> None:
    unaskable = TestPrompt("...", where="prompts.yaml:3")
    with pytest.raises(PromptsInvalid, match=r"prompts\.yaml:3: question: The question is empty"):
        list(ask_prompts([unaskable], FakeChain(), find_text))


def test_an_article_that_no_reply_cites_is_listed(prompts: Path) -> None:
    assert run(prompts).missing_articles == ()
    assert run(prompts, FakeChain({})).missing_articles == ("pay",)


def test_the_steps_that_went_wrong_are_counted(prompts: Path) -> None:
    assert run(prompts).blamed_steps == {}
    lost = FakeChain({REPLY.question: replace(REPLY, passages=(), citations=(), answered=False)})
    assert run(prompts, lost).blamed_steps == {"retriever": 1}


# -- on a terminal ----------------------------------------------------------------------------------------------------


def test_a_line_says_what_is_wrong_where_and_at_which_step(prompts: Path) -> None:
    wrong, _ = run(prompts, FakeChain({})).results
    assert describe_result(wrong) == (
        "WRONG  0/1 facts  0/0 cited    1.50 s  What do they earn?"
        f"  [{prompts}:1: retriever: refused, but the articles answer it]"
    )


def test_totals_are_a_line_a_measure_with_its_interval(prompts: Path) -> None:
    lines = describe_totals(run(prompts))
    assert "prompts right          2 of 2" in lines
    assert "citations valid        100.0%   [100.0% to 100.0%]" in lines
    assert not [line for line in lines if line.startswith("nothing forbidden")]  # no prompt forbids anything


# -- kept as JSON, and compared ---------------------------------------------------------------------------------------


def drop_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: drop_times(part) for name, part in value.items() if name not in TIMES}
    return [drop_times(part) for part in value] if isinstance(value, list) else value


class SlowChain(FakeChain):
    """The same replies, each taking another time."""

    def invoke(self, input: Any, /) -> Reply:
        return replace(super().invoke(input), seconds=len(self.asked) / 3)


def test_two_runs_differ_in_times_and_dates_alone(prompts: Path) -> None:
    first, second = as_dict(run(prompts)), as_dict(run(prompts, SlowChain()))
    assert json.dumps(first) != json.dumps(second)
    assert json.dumps(drop_times(first)) == json.dumps(drop_times(second))


def test_the_json_of_an_evaluation_is_what_compare_reads(prompts: Path, tmp_path: Path) -> None:
    write_record(run(prompts), tmp_path / "old.json")
    comparison = compare(run(prompts), load_record(tmp_path / "old.json"))
    assert comparison.changes == ()
    assert (comparison.paired, comparison.same_prompts, comparison.same_articles) == (2, True, True)
    assert all(one.before == one.after and one.chance == 1 for one in comparison.differences)


def test_compare_names_prompts_that_changed_came_and_went(prompts: Path, tmp_path: Path) -> None:
    results = [
        {"question": "What do they earn?", "history": [], "passed": False},
        {"question": "Who?", "history": [], "passed": True},
    ]
    (tmp_path / "old.json").write_text(json.dumps({"results": results}))  # as an older version wrote it
    comparison = compare(run(prompts), load_record(tmp_path / "old.json"))
    assert [str(change) for change in comparison.changes] == [
        "wrong -> right: What do they earn?",
        "not asked -> right: How tall?",
        "right -> not asked: Who?",
    ]
    assert [one.measure for one in comparison.differences] == [PASSED]


class Half(FakeChain):
    """Knows the answers to the first questions only."""

    def __init__(self, known: int) -> None:
        super().__init__({f"What do they earn, {number}?": REPLY for number in range(known)})


@pytest.fixture
def many(tmp_path: Path) -> Path:
    path = tmp_path / "many.yaml"
    path.write_text(
        "".join(f'- question: What do they earn, {n}?\n  facts: ["$158,147"]\n  articles: [pay]\n' for n in range(30))
    )
    return path


def compare_halves(many: Path, before: int, after: int) -> dict[str, bool]:
    kept = many.parent / "before.json"
    write_record(run(many, Half(before)), kept)
    comparison = compare(run(many, Half(after)), load_record(kept))
    return {one.measure: one.is_real for one in comparison.differences if one.before != one.after}


def test_a_large_difference_is_more_than_chance(many: Path) -> None:
    moved = compare_halves(many, before=10, after=30)
    assert moved[PASSED]
    assert moved["facts_in_quotes"]
    assert moved["answerable_refused"]


def test_a_difference_of_two_prompts_may_be_chance(many: Path) -> None:
    moved = compare_halves(many, before=28, after=30)
    assert moved
    assert not any(moved.values())


def test_a_comparison_is_told_in_lines(many: Path) -> None:
    kept = many.parent / "before.json"
    write_record(run(many, Half(30)), kept)
    lines = describe_comparison(compare(run(many, Half(29)), load_record(kept)))
    assert "over 30 prompts that both asked" in lines[0]
    assert "right -> wrong: What do they earn, 29? (refused, but the articles answer it)" in lines
    assert [line for line in lines if line.startswith("facts in cited quotes") and "may be chance" in line]


@pytest.mark.parametrize("text", ["", "[]", '{"results": [{}]}', '{"results": [{"history": [], "question": "a"}]}'])
def test_compare_with_something_else_names_the_remedy(tmp_path: Path, text: str) -> None:
    (tmp_path / "old.json").write_text(text)
    with pytest.raises(EvaluationInvalid, match="career evaluate --json >"):
        load_record(tmp_path / "old.json")


def test_a_run_that_cannot_be_kept_is_one_line(prompts: Path, tmp_path: Path) -> None:
    with pytest.raises(EvaluationInvalid, match=r"cannot be written \(No such file or directory\)"):
        write_record(run(prompts), tmp_path / "none" / "run.json")


# -- for continuous integration ---------------------------------------------------------------------------------------


def read_cases(evaluation: Evaluation) -> Iterator[tuple[str, str]]:
    """The name of every case with the message of its failure."""
    for case in ElementTree.fromstring(build_junit(evaluation)).iter("testcase"):
        failure = case.find("failure")
        yield case.attrib["name"], "" if failure is None else failure.attrib["message"]


def test_every_prompt_and_every_floor_is_a_case(prompts: Path) -> None:
    (prompts.parent / "floors.json").write_text('{"facts_in_quotes": 1.0, "citations_valid": 1.0}')
    assert dict(read_cases(run(prompts, FakeChain({})))) == {
        "1: What do they earn?": "retriever: refused, but the articles answer it",
        "5: What do they earn? / How tall?": "",
        "facts_in_quotes": f"facts_in_quotes 0.000 is below its floor 1.000: {prompts}:1",
        "citations_valid": "",
    }


def test_the_suites_count_their_cases(prompts: Path) -> None:
    suites = ElementTree.fromstring(build_junit(run(prompts, FakeChain({})))).findall("testsuite")
    assert [(suite.get("name"), suite.get("tests"), suite.get("failures")) for suite in suites] == [
        (str(prompts), "2", "1"),
        ("floors", "0", "0"),
    ]


def test_what_no_xml_may_hold_does_not_break_the_report(prompts: Path) -> None:
    odd = replace(REPLY, text="\x00\x1b\ud800 </failure>", citations=(replace(CITATION, article_id="\x07"),))
    cases = dict(read_cases(run(prompts, FakeChain({REPLY.question: odd}))))
    assert len(cases) == 2
