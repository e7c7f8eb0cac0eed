"""Ranked passages -> how well each of their sentences, list items and table rows answers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace

from assistant.conversation import ScoredPassage, ScoredUnit
from assistant.question import Query, cover, has_kind, match_heading
from ingest.terms import split_terms

DEFINING = re.compile(
    r"(?:an? |the )?[^.,;:]{1,60} (?:is|are|means?|refers? to) (?:an? |the )?"
    r"|an? (?!.{1,40} (?:therefore|must|cannot|can|should|needs?|has|may|also)\b)",
    re.I,
)


@dataclass(frozen=True)
class Signals:
    """What speaks for a unit, each 0 to 1; as WEIGHTS, what each is worth in log-odds."""

    similarity: float  # cosine of the unit's vector to the question's
    passage: float  # the passage's fused score
    held: float  # share of the question's terms in the unit itself
    held_near: float  # ... or in its headings, its lead-in and the unit before it
    held_in_passage: float  # ... or anywhere in its passage
    pairs: float  # share of the question's neighbouring terms that are neighbours in the unit
    kind: float  # 1 when it holds the sort of thing asked for: an amount, a date, a reason
    heading: float  # F1 of its heading's terms and the question's
    defines: float  # for "what is a ...": the unit begins as a definition of it


# Conditional logit over the units of the ranked passages (which unit holds the gold answer?), fitted with equal weight
# to SQuAD 2.0's tuning titles (2,048 questions), 145 questions on the 54 pages made from their pay, outlook and
# openings, and the 66 shipped prompts. The gold unit is first / among three: .75 / .89, .73 / .95, .76 / .91.
WEIGHTS = Signals(
    similarity=4.75,
    passage=3.98,
    held=2.46,
    held_near=3.24,
    held_in_passage=0.98,
    pairs=1.52,
    kind=2.25,
    heading=2.86,
    defines=2.21,
)


def score_units(query: Query, passages: Sequence[ScoredPassage]) -> list[ScoredPassage]:
    """The same passages, each unit scored by the weighted sum of its signals."""
    return [replace(scored, units=tuple(_score_passage(query, scored))) for scored in passages]


def _score_passage(query: Query, scored: ScoredPassage) -> Iterable[ScoredUnit]:
    for unit, signals in zip(scored.units, read_signals(query, scored), strict=True):
        score = sum(getattr(WEIGHTS, field.name) * getattr(signals, field.name) for field in fields(Signals))
        yield replace(unit, score=score, coverage=signals.held_near)


def read_signals(query: Query, scored: ScoredPassage) -> list[Signals]:
    """One set of signals for each unit of the passage, in order."""
    passage, weights = scored.passage, query.terms
    terms = [split_terms(unit.text) for unit in scored.units]
    around = [frozenset(split_terms(f"{passage.context} {passage.announcement(unit.unit)}")) for unit in scored.units]
    held_in_passage = cover(weights, frozenset().union(*around, *terms))
    heading = match_heading(query.weights, split_terms(passage.headings[-1])) if passage.headings else 0.0
    return [
        Signals(
            similarity=unit.similarity,
            passage=scored.score,
            held=cover(weights, terms[index]),
            held_near=cover(weights, around[index].union(terms[index], terms[index - 1] if index else ())),
            held_in_passage=held_in_passage,
            pairs=cover(query.pairs, zip(terms[index], terms[index][1:], strict=False)),
            kind=float(query.kind != "open" and has_kind(query.kind, unit.text)),
            heading=heading,
            defines=cover(weights, terms[index][: len(weights) + 1])
            if query.defines and DEFINING.match(unit.text)
            else 0.0,
        )
        for index, unit in enumerate(scored.units)
    ]
