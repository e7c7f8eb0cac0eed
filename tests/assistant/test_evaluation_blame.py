"""One part of an assistant is broken on purpose: the gate of `career evaluate` closes and names prompts and culprit."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from assistant.cite import cite
from assistant.cli import Application, main
from assistant.conversation import Citation, Claim, Reply, ScoredPassage
from assistant.evaluation.sections import split_sections
from assistant.settings import Settings
from ingest.article import Article, Passage, Unit
from ingest.errors import ArticleUnknown
from ingest.terms import split_terms

PAY = {"Nurses": "$81,220", "Bakers": "$34,950", "Pilots": "$219,140", "Dancers": "$24"}
TEXT = "\n\n".join(f"## {who}\n\n{who} earn {sum_} a year.\n\n{who} like to sing." for who, sum_ in PAY.items())
ARTICLE = Article("pay", "/pay.md", "Pay", TEXT)
FLOORS = {"hit_at_5": 1.0, "refusals_right": 1.0, "answerable_refused_at_most": 0.0, "facts_in_quotes": 1.0}
FLOORS |= {"citations_valid": 1.0, "statements_supported": 1.0}

Found = list[ScoredPassage]


def find_passages(question: str) -> Found:
    """Each section, those first that share most words with the question."""
    passages = [_make_passage(section.headings, section.start, section.text) for section in split_sections(TEXT)[1:]]
    terms = set(split_terms(question))
    return sorted(passages, key=lambda found: -len(terms.intersection(split_terms(found.passage.text))))


def _make_passage(headings: tuple[str, ...], start: int, text: str) -> ScoredPassage:
    lines = [line for line in text.strip().split("\n\n") if not line.startswith("#")]
    units = tuple(Unit(TEXT.index(line), TEXT.index(line) + len(line), "sentence") for line in lines)
    first, last = units[0].start, units[-1].end
    return ScoredPassage(Passage("pay", "Pay", headings, first, last, TEXT[first:last], units=units), 1.0)


def is_answerable(question: str, passages: Found) -> bool:
    return not set(split_terms(question)) - set(split_terms(passages[0].passage.embedded_text))


def write_claims(passages: Found) -> list[Claim]:
    """The first sentence of the best passage."""
    unit = passages[0].passage.units[0]
    return [Claim(TEXT[unit.start : unit.end], (1,), unit)]


def check_citations(claims: Sequence[Claim], passages: Found) -> tuple[str, tuple[Citation, ...]]:
    proof = cite(claims, passages, lambda _: ARTICLE)
    return proof.text, proof.citations


class FakeLibrary:
    def articles(self) -> list[Article]:
        return [ARTICLE]

    def article(self, article_id: str, /) -> Article:
        if article_id != "pay":
            raise ArticleUnknown(f"{article_id}: no such article.")
        return ARTICLE

    def close(self) -> None:
        pass


@dataclass(frozen=True)
class Assistant:
    """An assistant of four parts, each of which may be exchanged."""

    retriever: Callable[[str], Found] = find_passages
    gate: Callable[[str, Found], bool] = is_answerable
    writer: Callable[[Found], list[Claim]] = write_claims
    checker: Callable[[Sequence[Claim], Found], tuple[str, tuple[Citation, ...]]] = check_citations
    library: Any = field(default_factory=FakeLibrary)

    def invoke(self, input: Any, /) -> Reply:
        question = input["question"]
        passages = self.retriever(question)
        draft = Reply(question, question, "The articles don't say.", answered=False, passages=tuple(passages))
        if not self.gate(question, passages):
            return draft
        text, citations = self.checker(self.writer(passages), passages)
        return replace(draft, text=text, citations=citations, answered=True)


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    path = tmp_path / "pay.yaml"
    answerable = "".join(
        f'- question: What do {who.lower()} earn?\n  facts: ["{pay}"]\n  articles: [pay]\n' for who, pay in PAY.items()
    )
    refused = ("Do nurses vote?", "Who sold cod?")
    unanswerable = "".join(f"- question: {asked}\n  answerable: false\n" for asked in refused)
    path.write_text(answerable + unanswerable)
    (tmp_path / "floors.json").write_text(json.dumps(FLOORS))
    return path


ANSWERABLE_LINES, UNANSWERABLE_LINES = (1, 4, 7, 10), (13, 15)


@dataclass
class Outcome:
    code: int
    breaches: dict[str, list[int]]  # measure -> lines of the prompts to blame, as they were named on stderr
    steps: dict[str, int]


def evaluate(assistant: Assistant, prompts: Path, capsys: pytest.CaptureFixture[str]) -> Outcome:
    application = Application(
        load_settings=lambda: Settings(home=prompts.parent, _env_file=None),  # type: ignore[call-arg]
        load_chain=lambda _: assistant,  # type: ignore[arg-type,return-value]
    )
    code = main(["evaluate", str(prompts), "--json"], application)
    out, err = capsys.readouterr()
    breaches = {}
    for line in err.splitlines():
        told, _, named = line.partition(": ")
        if told.endswith(tuple("0123456789")):
            breaches[told.split()[0]] = [int(name.rpartition(":")[2]) for name in named.split(", ")]
    return Outcome(code, breaches, json.loads(out)["blamed_steps"])


def test_an_assistant_that_works_passes(prompts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate(Assistant(), prompts, capsys) == Outcome(0, {}, {})


def test_a_broken_retriever_is_blamed(prompts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def find_the_wrong_ones(question: str) -> Found:
        return find_passages(question)[1:]

    outcome = evaluate(Assistant(retriever=find_the_wrong_ones), prompts, capsys)
    assert outcome.code == 1
    assert next(iter(outcome.breaches)) == "hit_at_5"
    assert outcome.breaches["hit_at_5"] == [*ANSWERABLE_LINES]
    assert outcome.steps == {"retriever": 4}


def test_a_gate_that_stands_open_is_blamed(prompts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = evaluate(Assistant(gate=lambda _question, _passages: True), prompts, capsys)
    assert outcome == Outcome(1, {"refusals_right": [*UNANSWERABLE_LINES]}, {"gate": 2})


def test_a_gate_that_stays_shut_is_blamed(prompts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = evaluate(Assistant(gate=lambda _question, _passages: False), prompts, capsys)
    assert outcome.code == 1
    assert next(iter(outcome.breaches)) == "answerable_refused"
    assert outcome.breaches["answerable_refused"] == [*ANSWERABLE_LINES]
    assert outcome.steps == {"gate": 4}


def test_a_broken_writer_is_blamed(prompts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def write_of_singing(passages: Found) -> list[Claim]:
        unit = passages[0].passage.units[1]
        return [Claim(TEXT[unit.start : unit.end], (1,), unit)]

    outcome = evaluate(Assistant(writer=write_of_singing), prompts, capsys)
    assert outcome == Outcome(1, {"facts_in_quotes": [*ANSWERABLE_LINES]}, {"writer": 4})


def test_a_citation_checker_that_lets_false_places_through_is_blamed(
    prompts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def check_nothing(claims: Sequence[Claim], passages: Found) -> tuple[str, tuple[Citation, ...]]:
        text, citations = check_citations(claims, passages)
        return text, tuple(replace(one, start=one.start + 1, end=one.end + 1) for one in citations)

    outcome = evaluate(Assistant(checker=check_nothing), prompts, capsys)
    assert outcome == Outcome(1, {"citations_valid": [*ANSWERABLE_LINES]}, {"citations": 4})


def test_a_citation_checker_that_lets_unproved_claims_through_is_blamed(
    prompts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def let_through(claims: Sequence[Claim], passages: Found) -> tuple[str, tuple[Citation, ...]]:
        text, citations = check_citations(claims, passages)
        return f"{text} They also fly to the moon for $7. [1]", citations

    outcome = evaluate(Assistant(checker=let_through), prompts, capsys)
    assert outcome == Outcome(1, {"statements_supported": [*ANSWERABLE_LINES]}, {"citations": 4})
