"""The gate: do these passages answer the question? Decided before any writer is called."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from assistant.conversation import ScoredPassage
from assistant.question import Query, has_kind
from ingest.terms import split_terms

BIAS, SIMILARITY, HELD, MISSING, KIND = -3.0, 6.0, 2.0, -2.5, 0.5
THRESHOLD = 0.5


@dataclass(frozen=True)
class Judgement:
    """How likely it is that the passages answer, 0 to 1, and the question's terms that none of them holds."""

    confidence: float
    missing: tuple[str, ...] = ()

    @property
    def answerable(self) -> bool:
        return self.confidence >= THRESHOLD


def judge(query: Query, passages: Sequence[ScoredPassage]) -> Judgement:
    """Weigh the best unit's similarity, the share of the terms it covers, and the terms found nowhere near it."""
    units = [(unit, scored.passage) for scored in passages for unit in scored.units]
    if not units or not query.terms:
        return Judgement(0.0)
    best = max(units, key=lambda pair: pair[0].score)[0]
    top = [scored for scored in passages if any(unit.score > best.score - 2 for unit in scored.units)]
    held = frozenset[str]().union(*(split_terms(scored.passage.embedded_text) for scored in top))
    missing = {term: weight for term, weight in query.terms.items() if term not in held}
    share = sum(missing.values()) / sum(query.terms.values())
    kind = query.kind == "open" or has_kind(query.kind, best.text)
    odds = (
        BIAS + SIMILARITY * best.similarity + HELD * best.coverage + MISSING * share + KIND * kind
    )
    return Judgement(1 / (1 + math.exp(-odds)), tuple(sorted(missing, key=lambda term: -missing[term])))
