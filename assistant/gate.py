"""The gate: do these passages answer the question? Decided before any writer is called."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from assistant.conversation import ScoredPassage, ScoredUnit
from assistant.question import Query, cover, has_kind
from ingest.article import Passage
from ingest.terms import split_terms

# Logistic regression on answerable against unanswerable questions: the shipped prompts, asked of the shipped article
# and of the text that its facts come from, 549 questions made for the 54 pages, and at a third of their weight SQuAD
# 2.0's tuning titles, whose unanswerable questions twist one word of a passage.
BIAS, SIMILARITY, COVERAGE, MISSING, NAME_MISSING, KIND_MISSING = -6.58, 5.95, 6.26, -4.07, -3.07, -2.47
# At .4, in this order, right refusals: .96, 1.0, .88, .45; wrong ones: 0, 0, 0, .26. The three sets but SQuAD were also
# looked at while the terms were chosen; on 125 prompts that nobody had tuned on, .95 and .16 (14
# of 85), mostly for words that say little, which have become frame words or synonyms since.
THRESHOLD = 0.4
CLOSE = 2.0  # log-odds; passages with a unit this close to the best one are near it; in a comparison all are


@dataclass(frozen=True)
class Judgement:
    """How likely it is that the passages answer, 0 to 1, and which terms of the question are nowhere near the best."""

    confidence: float
    missing: tuple[str, ...] = ()

    @property
    def answerable(self) -> bool:
        return self.confidence >= THRESHOLD


def judge(query: Query, passages: Sequence[ScoredPassage]) -> Judgement:
    """Weigh how near the best unit comes in meaning and words, and whether a name, a figure or the kind is missing."""
    units = [(unit, scored.passage) for scored in passages for unit in scored.units]
    terms = query.terms
    if not units or not terms:
        return Judgement(0.0)
    best, passage = max(units, key=lambda pair: pair[0].score)
    held = frozenset[str]().union(
        *(split_terms(near.embedded_text) for unit, near in units if query.sides or unit.score > best.score - CLOSE)
    )
    missing = sorted((term for term in terms if term not in held), key=lambda term: -terms[term])
    odds = (
        BIAS
        + SIMILARITY * best.similarity
        + COVERAGE * cover(terms, held if query.sides else _read_near(best, passage))
        + MISSING * cover(terms, missing)
        + NAME_MISSING * any(term in query.names for term in missing)
        + KIND_MISSING * (not has_kind(query.kind, best.text))
    )
    return Judgement(1 / (1 + math.exp(-odds)), tuple(missing))


def _read_near(best: ScoredUnit, passage: Passage) -> frozenset[str]:
    """The terms of a unit and of what announces it."""
    return frozenset(split_terms(f"{best.text} {passage.context} {passage.announcement(best.unit)}"))
