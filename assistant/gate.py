"""The gate: do these passages answer the question? Decided before any writer is called."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from assistant.conversation import ScoredPassage, ScoredUnit
from assistant.question import Query, cover, has_kind
from ingest.article import Passage
from ingest.terms import find_words, split_terms


@dataclass(frozen=True)
class Evidence:
    """What speaks for and against an answer; as WEIGHTS, what each is worth in log-odds."""

    similarity: float  # cosine of the best unit to the question
    coverage: float  # share of the question's terms in the best unit and what announces it; in a comparison in all
    unlike: float  # share of the terms that no passage near it holds, each by how far its nearest word there is from it
    name_missing: float  # 1 when one of them is a name or a figure, or all of a side: none has a substitute
    kind_missing: float  # 1 when the best unit lacks the sort of thing asked for: an amount, a date, a reason


# Logistic regression on answerable against unanswerable questions: the shipped prompts, questions made for the 54
# pages, 80 prompts of an outsider, and SQuAD 2.0's tuning titles, whose unanswerable questions twist one word of a
# passage; each set with the same weight and in it both answers: `python -m tests.benchmarks.fit gate`.
BIAS = -4.96
WEIGHTS = Evidence(similarity=5.88, coverage=3.03, unlike=-3.47, name_missing=-3.07, kind_missing=-1.14)
# Right refusals there, in this order, at .3: .96, .76, .88, .35; wrong ones 0, 0, .09, .17. At .2, where a tenth of
# SQuAD's are wrong, .88, .71, .75, .25; at .4, where a sixth of the outsider's are wrong, 1.0, .80, .96, .44.
THRESHOLD = 0.3
CLOSE = 2.0  # log-odds; passages with a unit this close to the best one are near it; in a comparison all are


@dataclass(frozen=True)
class Judgement:
    """How likely it is that the passages answer, 0 to 1, and what the nearest of them lacks."""

    confidence: float
    missing: tuple[str, ...] = ()  # terms of the question that stand nowhere near the best unit, the rarest first
    lacks_kind: str = ""  # the kind of answer that the best unit does not hold: "amount", "date"
    nearest: Passage | None = None  # that holds the best unit, when it holds some of the question's terms

    @property
    def answerable(self) -> bool:
        return self.confidence >= THRESHOLD


def judge(query: Query, passages: Sequence[ScoredPassage]) -> Judgement:
    """Weigh how near the best unit comes in meaning and words, and whether a name, a figure or the kind is missing."""
    if not query.terms or not any(scored.units for scored in passages):
        return Judgement(0.0)
    evidence, missing = read_evidence(query, passages)
    best = max(passages, key=lambda scored: max((unit.score for unit in scored.units), default=-math.inf))
    odds = BIAS + sum(getattr(WEIGHTS, field.name) * getattr(evidence, field.name) for field in fields(Evidence))
    return Judgement(
        1 / (1 + math.exp(-odds)),
        missing,
        query.kind if evidence.kind_missing else "",
        best.passage if evidence.coverage else None,
    )


def read_evidence(query: Query, passages: Sequence[ScoredPassage]) -> tuple[Evidence, tuple[str, ...]]:
    """The evidence of passages that hold at least one unit, and the missing terms, those that tell most first."""
    terms = query.terms
    units = [(unit, scored.passage) for scored in passages for unit in scored.units]
    best, passage = max(units, key=lambda pair: pair[0].score)
    near = [(unit, around) for unit, around in units if query.sides or unit.score > best.score - CLOSE]
    held = frozenset[str]().union(*(split_terms(around.embedded_text) for _, around in near))
    missing = sorted((term for term in terms if term not in held), key=lambda term: -terms[term])
    nearest = _match_terms(query, [unit for unit, _ in near])
    evidence = Evidence(
        similarity=best.similarity,
        coverage=cover(terms, held if query.sides else _read_near(best, passage)),
        unlike=sum(terms[term] * (1 - nearest.get(term, 0.0)) for term in missing) / sum(terms.values()),
        name_missing=float(_lacks_name(query, missing)),
        kind_missing=float(not has_kind(query.kind, best.text)),
    )
    return evidence, tuple(missing)


def _lacks_name(query: Query, missing: Sequence[str]) -> bool:
    """True without "Germany" or "2034", and in a comparison without any word of one side."""
    return bool(query.names.intersection(missing)) or any(side.issubset(missing) for side in query.sides)


def _match_terms(query: Query, units: Sequence[ScoredUnit]) -> Mapping[str, float]:
    """For each term of the question how near the nearest word of these units comes to a word of it, in meaning."""
    nearest = [max(matches, default=0.0) for matches in zip(*(unit.matches for unit in units), strict=False)]
    found: dict[str, float] = {}
    for (start, end), match in zip(find_words(query.text), nearest, strict=False):
        for term in split_terms(query.text[start:end]):
            found[term] = max(match, found.get(term, match))
    return found


def _read_near(best: ScoredUnit, passage: Passage) -> frozenset[str]:
    """The terms of a unit and of what announces it."""
    return frozenset(split_terms(f"{best.text} {passage.context} {passage.announcement(best.unit)}"))
