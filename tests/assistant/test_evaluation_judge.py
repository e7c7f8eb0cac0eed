"""A judge sees question, answer and quotes, never what is expected; what it says stays apart, and may fail."""

from __future__ import annotations

import pytest

from assistant.errors import ModelUnknown
from assistant.evaluation.judge import Judgement, describe_judgements, judge_results, load_judge, write_request
from assistant.settings import Settings
from tests.assistant.evaluation_examples import ANSWERABLE, QUOTE, REFUSAL, REPLY, UNANSWERABLE, measure

RIGHT = measure(ANSWERABLE, REPLY)


def judge(said: str) -> Judgement:
    return judge_results([RIGHT], lambda _request: said)["prompts.yaml:1"]


@pytest.mark.parametrize(
    ("said", "judgement"),
    [
        ("SCORE: 4\nREASON: One figure is missing.", Judgement(4, "One figure is missing.")),
        ("**Score:** 5\n**Reason:** All there.", Judgement(5, "All there.")),
        ("I would rather not.", Judgement(0, "I would rather not.")),
        ("SCORE: 9", Judgement(0, "SCORE: 9")),
    ],
)
def test_a_judgement_is_read_however_it_is_laid_out(said: str, judgement: Judgement) -> None:
    assert judge(said) == judgement


def test_a_judge_that_fails_costs_its_judgement_alone() -> None:
    def fail(_request: str) -> str:
        raise TimeoutError

    assert judge_results([RIGHT], fail)["prompts.yaml:1"] == Judgement(0, "the judge failed (TimeoutError)")


def test_refusals_are_not_judged() -> None:
    assert judge_results([measure(UNANSWERABLE, REFUSAL)], lambda _request: "SCORE: 1") == {}


def test_the_judge_is_not_told_what_is_expected() -> None:
    hidden = measure(ANSWERABLE.__class__("What do they earn?", facts=("a secret",)), REPLY)
    request = write_request(hidden)
    assert "a secret" not in request
    assert request.count(QUOTE) == 2  # the answer, and its quote


def test_judgements_are_told_in_a_line() -> None:
    given = {"a": Judgement(5, ""), "b": Judgement(4, ""), "c": Judgement(0, "")}
    (line,) = describe_judgements(given)
    assert line == "the judge, kept apart  4.50 of 5 over 3 answers (1 × 5, 1 × 4, 1 × unreadable)"
    assert describe_judgements({}) == []


def test_a_judge_that_is_no_model_is_named_by_the_option() -> None:
    with pytest.raises(ModelUnknown, match=r"--judge nobody:none: "):
        load_judge("nobody:none", Settings(_env_file=None))  # type: ignore[call-arg]
