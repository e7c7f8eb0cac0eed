"""The gate: do these passages answer the question? Decided before any writer is called."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, fields
from functools import cache

import numpy as np
from numpy.typing import NDArray

from assistant.conversation import ScoredPassage
from assistant.question import Query, cover, has_kind
from ingest.article import Passage
from ingest.terms import find_words, split_terms

EmbedWords = Callable[[Sequence[str]], NDArray[np.float32]]  # the unit vector of each word by itself
LETTERS = re.compile(r"[a-z]+")
# Each line: words, and what they are not.
OPPOSITES = """
high higher highest | low lower lowest
more most greater | less least fewer fewest
large larger largest big bigger biggest great greatest | small smaller smallest little tiny
first earliest | last latest
before prior | after following
north northern | south southern
east eastern | west western
old older oldest | young younger youngest new newest
early earlier | late later
best | worst
rich richer wealthy | poor poorer
male men man | female women woman
won win victory | lost lose loss defeat
allow allowed allows legal permitted | forbid forbidden prohibit prohibited illegal banned
always often common commonly frequently | never rarely rare seldom uncommon
strong stronger strongest | weak weaker weakest
fast faster fastest quick quickly | slow slower slowest slowly
easy easier | hard harder difficult
public | private
upper above | lower below
maximum | minimum
long longer longest | short shorter shortest
majority | minority
inside indoor indoors internal | outside outdoor outdoors external
agree agreed accept accepted support supported | disagree disagreed reject rejected oppose opposed
include included includes | exclude excluded excludes
"""
NEGATIONS = re.compile(
    r"\b(?:not|never|no|none|nobody|nothing|neither|nor|without|cannot|\w+n['’]t|unable|fail(?:s|ed)?|lacks?|lacked|except"
    r"|excluding|rarely|seldom|hardly|avoid\w*|prevent\w*|prohibit\w*|refus\w+|reject\w*|oppos\w+|against)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Evidence:
    """What speaks for and against an answer; as WEIGHTS, what each is worth in log-odds."""

    similarity: float  # cosine of the best unit to the question
    coverage: float  # share of the question's terms in the best unit and what announces it, words near to them in part
    unlike: float  # share of the terms that no passage near it holds, each by how far from it the best unit's words are
    name_missing: float  # 1 when one of them is a name or a figure, or all of a side: none has a substitute
    name_apart: float  # 1 when a name or a figure does not stand in the best unit and what announces it
    kind_missing: float  # 1 when the best unit lacks the sort of thing asked for: an amount, a date, a reason
    negated: float  # 1 when the question says "not" and the best unit does not
    opposed: float  # 1 when the question says "lower" and the best unit "higher"


# Logistic regression on answerable against unanswerable questions: the shipped prompts, questions made for the 54
# pages, SQuAD 2.0's tuning titles, whose unanswerable questions twist one word of a passage, 80 prompts of an outsider
# and 113 of our own in everyday words; each set with the same weight and in it both answers:
# `python -m tests.benchmarks.fit gate`.
BIAS = -5.00
WEIGHTS = Evidence(
    similarity=5.35,
    coverage=3.40,
    unlike=-2.39,
    name_missing=-2.65,
    name_apart=-0.67,
    kind_missing=-1.15,
    negated=-1.32,
    opposed=-1.72,
)
# Right refusals there, in this order, at .4: 1.0, .76, .46, .88, .79; wrong ones 0, 0, .20, .09, .25. At .3 .83, .73,
# .35, .71, .71 and 0, 0, .14, .05, .18; at .5 1.0, .79, .54, .96, .81 and 0, 0, .28, .11, .32.
THRESHOLD = 0.4
# Cosines of two words by themselves: below the first one says nothing of the other ("cost" and "pay"), from the second
# on one stands in for the other ("eyesight" and "vision", "repairman" and "repairers").
STRANGE, ALIKE = 0.45, 0.70
STAND_IN = 0.6  # worth of a word that is no longer told as missing
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


def judge(query: Query, passages: Sequence[ScoredPassage], embed_words: EmbedWords) -> Judgement:
    """Weigh how near the best unit comes in meaning and words, and whether a name, a figure or the kind is missing."""
    if not query.terms or not any(scored.units for scored in passages):
        return Judgement(0.0)
    evidence, missing = read_evidence(query, passages, embed_words)
    best = max(passages, key=lambda scored: max((unit.score for unit in scored.units), default=-math.inf))
    odds = BIAS + sum(getattr(WEIGHTS, field.name) * getattr(evidence, field.name) for field in fields(Evidence))
    return Judgement(
        1 / (1 + math.exp(-odds)),
        missing,
        query.kind if evidence.kind_missing else "",
        best.passage if evidence.coverage else None,
    )


def read_evidence(
    query: Query, passages: Sequence[ScoredPassage], embed_words: EmbedWords
) -> tuple[Evidence, tuple[str, ...]]:
    """The evidence of passages that hold at least one unit, and the missing terms, those that tell most first."""
    terms = query.terms
    units = [(unit, scored.passage) for scored in passages for unit in scored.units]
    best, passage = max(units, key=lambda pair: pair[0].score)
    near = [around for unit, around in units if query.sides or unit.score > best.score - CLOSE]
    held = frozenset[str]().union(*(split_terms(around.embedded_text) for around in near))
    read = f"{best.text} {passage.context} {passage.announcement(best.unit)}"
    covered = held if query.sides else frozenset(split_terms(read))
    kin = _find_kin(query, covered, read, embed_words)
    lost = {term: weight * (1 - kin.get(term, 0.0)) for term, weight in terms.items() if term not in held}
    missing = [term for term in sorted(lost, key=lambda term: -lost[term]) if kin.get(term, 0.0) < STAND_IN]
    evidence = Evidence(
        similarity=best.similarity,
        coverage=cover(terms, covered) + sum(terms[term] * worth for term, worth in kin.items()) / sum(terms.values()),
        unlike=sum(lost.values()) / sum(terms.values()),
        name_missing=float(_lacks_name(query, missing)),
        name_apart=float(bool((query.names & terms.keys()).difference(split_terms(read)))),
        kind_missing=float(not has_kind(query.kind, best.text)),
        negated=float(bool(NEGATIONS.search(query.text)) and not NEGATIONS.search(best.text)),
        opposed=float(is_opposed(query.text, best.text)),
    )
    return evidence, tuple(missing)


def _find_kin(query: Query, covered: Set[str], text: str, embed_words: EmbedWords) -> Mapping[str, float]:
    """For each term of the question that is not covered how well the nearest word of the text stands in for it, 0 to 1.

    A name has no substitute. Words are compared by themselves: in their sentences "vacation" comes as near as "fixing".
    """
    asked = {
        query.text[start:end].lower(): term
        for start, end in find_words(query.text)
        for term in split_terms(query.text[start:end])
        if term in query.terms and term not in covered and term not in query.names
    }
    against = sorted({word for start, end in find_words(text) if not (word := text[start:end].lower())[0].isdigit()})
    if not asked or not against:
        return {}
    vectors = embed_words([*asked, *against])
    nearest = (vectors[: len(asked)] @ vectors[len(asked) :].T).max(axis=1)
    worth = np.clip((nearest - STRANGE) / (ALIKE - STRANGE), 0.0, 1.0)
    return dict(zip(asked.values(), worth.tolist(), strict=True))


def _lacks_name(query: Query, missing: Sequence[str]) -> bool:
    """True without "Germany" or "2034", and in a comparison without any word of one side."""
    return bool(query.names.intersection(missing)) or any(side.issubset(missing) for side in query.sides)


def is_opposed(question: str, text: str) -> bool:
    """True when the text holds an opposite of a word of the question that it lacks."""
    asked, told = (frozenset(LETTERS.findall(part.lower())) for part in (question, text))
    return any(_opposites().get(word, frozenset()) & (told - asked) for word in asked - told)


@cache
def _opposites() -> Mapping[str, frozenset[str]]:
    pairs = [[side.split() for side in line.split("|")] for line in OPPOSITES.strip().splitlines()]
    found: dict[str, frozenset[str]] = {}
    for sides in pairs:
        for one, other in (sides, sides[::-1]):
            found.update({word: found.get(word, frozenset()).union(other) for word in one})
    return found
