"""Ranked passages -> how well each of their sentences, list items and table rows answers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise

from assistant.conversation import ScoredPassage, ScoredUnit
from assistant.question import Query, cover, has_kind, match_heading
from ingest.article import Passage
from ingest.markdown import read_cells
from ingest.terms import split_terms

DEFINING = re.compile(
    r"(?:an? |the )?[^.,;:]{1,60} (?:is|are|means?|refers? to) (?:an? |the )?"
    r"|an? (?!.{1,40} (?:therefore|must|cannot|can|should|needs?|has|may|also)\b)",
    re.I,
)
# A cell that is a figure: "$47,440", "30%", "1.1 million", "-3".
FIGURE = re.compile(r"\W{0,2}?(-?\d[\d,]*(?:\.\d+)?)\s?(k|thousand|million|billion)?\b", re.I)
SCALES = {"k": 1e3, "thousand": 1e3, "million": 1e6, "billion": 1e9}
# Log-odds of the row asked for before the best of its table or the table's lead-in. Of nine such questions among the
# prompts that are tuned on seven have it first with 3, five with 0.1.
AHEAD = 3.0


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
# three in .81 / .93, .86 / .97 and .71 / .86.
WEIGHTS = Signals(
    similarity=1.56,
    passage=0.98,
    words=2.61,
    words_near=1.08,
    weakest=3.40,
    held=1.64,
    held_near=2.82,
    pairs=1.00,
    kind=2.28,
    heading=0.33,
    defines=1.56,
)


def score_units(query: Query, passages: Sequence[ScoredPassage]) -> list[ScoredPassage]:
    """The same passages, each unit scored by the weighted sum of its signals."""
    return [
        replace(scored, units=raise_extremes(query, scored.passage, list(_score_passage(query, scored))))
        for scored in passages
    ]


def _score_passage(query: Query, scored: ScoredPassage) -> Iterable[ScoredUnit]:
    for unit, signals in zip(scored.units, read_signals(query, scored), strict=True):
        score = sum(getattr(WEIGHTS, field.name) * getattr(signals, field.name) for field in fields(Signals))
        yield replace(unit, score=score, coverage=signals.held_near)


def raise_extremes(query: Query, passage: Passage, units: list[ScoredUnit]) -> tuple[ScoredUnit, ...]:
    """Where the question asks which has most or least, the row of each table that has it stands for the whole table."""
    begin = 0
    for end in range(1, len(units) + 1) if query.extreme else ():
        if end < len(units) and units[begin].unit.kind == units[end].unit.kind:
            continue
        rows = units[begin:end]
        extreme = _find_extreme(query, passage, rows) if rows[0].unit.kind == "row" else None
        if extreme is not None:
            table = [*units[max(0, begin - 1) : begin], *rows] if _leads_in(units, begin) else rows
            units[begin + extreme] = _stand_for(rows[extreme], table)
        begin = end
    return tuple(units)


def _leads_in(units: Sequence[ScoredUnit], begin: int) -> bool:
    return begin > 0 and units[begin - 1].text.endswith(":")


def _find_extreme(query: Query, passage: Passage, rows: Sequence[ScoredUnit]) -> int | None:
    """The row with the largest or smallest figure in the column that is asked about; None without such a column."""
    cells = [read_cells(row.text) for row in rows]
    columns = [[_read_figure(cell) for cell in column] for column in zip(*cells, strict=False)]
    header = read_cells(passage.announcement(rows[0].unit).rpartition("\n")[2])
    told = [cover(query.terms, split_terms(name)) for name in (header + [""] * len(columns))[: len(columns)]]
    whole = [index for index, column in enumerate(columns) if len(rows) > 1 and None not in column]
    if not whole:
        return None
    column = columns[max(whole, key=lambda index: told[index])]
    return max(range(len(rows)), key=lambda row: query.extreme * (column[row] or 0.0))


def _read_figure(cell: str) -> float | None:
    match = FIGURE.match(cell)
    return float(match[1].replace(",", "")) * SCALES.get((match[2] or "").lower(), 1.0) if match else None


def _stand_for(row: ScoredUnit, table: Sequence[ScoredUnit]) -> ScoredUnit:
    return replace(
        row,
        score=max(unit.score for unit in table) + AHEAD,
        similarity=max(unit.similarity for unit in table),
        matches=tuple(map(max, *(unit.matches for unit in table))),
        coverage=max(unit.coverage for unit in table),
    )


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
