"""Ranked passages -> how well each of their sentences, list items and table rows answers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise

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
    """What speaks for a unit, each 0 to 1 unless it says otherwise; as WEIGHTS, what each is worth in log-odds."""

    similarity: float  # cosine of the unit's vector to the question's
    passage: float  # log-odds of its passage beside the best one, 0 or less
    words: float  # each word of the question with the nearest word of the unit: mean cosine, by weight
    words_near: float  # ... with the nearest word of the unit or of the one before it
    weakest: float  # ... of the unit, for the word that comes off worst
    held: float  # share of the question's terms in the unit itself
    held_near: float  # ... or in its headings, its lead-in and the unit before it
    pairs: float  # share of the question's neighbouring terms that are neighbours in the unit
    kind: float  # 1 when it holds the sort of thing asked for: an amount, a date, a reason
    heading: float  # F1 of its heading's terms and the question's
    defines: float  # for "what is a ...": the unit begins as a definition of it


# Conditional logit over the units of the ranked passages (which unit holds the gold answer?), fitted to SQuAD 2.0's
# tuning titles, questions made from the 54 pages' pay, outlook and openings, and the shipped prompts, the first with
# four times the weight of each other: `python -m tests.benchmarks.fit units`. There the right unit comes first / among
# three in .81 / .93, .87 / .98 and .74 / .88.
WEIGHTS = Signals(
    similarity=1.74,
    passage=0.93,
    words=3.00,
    words_near=0.87,
    weakest=3.69,
    held=1.57,
    held_near=3.09,
    pairs=0.84,
    kind=2.38,
    heading=0.60,
    defines=1.78,
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
    passage, weights, told = scored.passage, query.terms, _share(query.word_weights)
    terms = [split_terms(unit.text) for unit in scored.units]
    around = [frozenset(split_terms(f"{passage.context} {passage.announcement(unit.unit)}")) for unit in scored.units]
    heading = match_heading(query.weights, split_terms(passage.headings[-1])) if passage.headings else 0.0
    before: ScoredUnit | None = None
    signals = []
    for index, unit in enumerate(scored.units):
        near = tuple(map(max, unit.matches, before.matches)) if before else unit.matches
        signals.append(
            Signals(
                similarity=unit.similarity,
                passage=unit.relevance,
                words=_average(told, unit.matches),
                words_near=_average(told, near),
                weakest=min(unit.matches, default=0.0),
                held=cover(weights, terms[index]),
                held_near=cover(weights, around[index].union(terms[index], terms[index - 1] if index else ())),
                pairs=cover(query.pairs, pairwise(terms[index])),
                kind=float(query.kind != "open" and has_kind(query.kind, unit.text)),
                heading=heading,
                defines=_cover_definition(query, unit.text, terms[index]),
            )
        )
        before = unit
    return signals


def _share(weights: Sequence[float]) -> list[float]:
    total = sum(weights)
    return [weight / total for weight in weights]


def _average(weights: Sequence[float], matches: Sequence[float]) -> float:
    """The weighted mean; 0 where the embedding model gives no vectors of words."""
    return sum(weight * match for weight, match in zip(weights, matches, strict=False))


def _cover_definition(query: Query, text: str, terms: Sequence[str]) -> float:
    """The share of the question's terms with which the unit begins as a definition."""
    begins = query.defines and DEFINING.match(text)
    return cover(query.terms, terms[: len(query.terms) + 1]) if begins else 0.0
