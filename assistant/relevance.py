"""How likely each candidate passage answers a question: the signals of one passage and what each is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from assistant.question import Query, match_heading
from ingest.embed import unpack_words
from ingest.terms import split_terms

if TYPE_CHECKING:
    from ingest.embed import QuestionVectors
    from ingest.library import StoredPassage

# Characters between two passages of one section that follow each other: a blank line, an item's indent and mark.
LONGEST_GAP = 16
# What one term may add to BM25 at most, in units of its inverse document frequency: k1 + 1, with FTS5's k1 of 1.2.
BM25_CEILING = 2.2


@dataclass(frozen=True)
class Relevance:
    """What speaks for a passage; as WEIGHTS, what each is worth in log-odds."""

    similarity: float  # cosine of the passage's vector to the question's
    best_unit: float  # ... of its nearest unit's
    words: float  # each word of the question with the word of the passage that is nearest: mean cosine, by weight
    neighbours: float  # the same of the better neighbour in its section
    bm25: float  # share of what BM25 could give at most
    heading: float  # F1 of its heading's terms and the question's
    headings: float  # ... of all the headings that it stands under


# Conditional logit over the candidates of both searches (which passage holds the answer?), fitted with equal weight to
# SQuAD 2.0's tuning titles and FeedbackQA's valid queries: `python -m tests.benchmarks.fit`.
WEIGHTS = Relevance(
    similarity=4.74, best_unit=4.95, words=7.95, neighbours=2.18, bm25=5.99, heading=1.49, headings=2.01
)
OF_WORDS = frozenset({"bm25", "heading", "headings"})  # the others are of meaning


class WordMatcher:
    """The words of a question against those of texts, by their vectors ("late interaction").

    Each word of the question is compared with all words of the text and keeps the nearest (MaxSim; ColBERT, Khattab &
    Zaharia 2020, arXiv:2004.12832). The text's words are kept as one bit a dimension.
    """

    def __init__(self, query: Query, vectors: QuestionVectors) -> None:
        self._vectors = vectors.words
        weights = np.asarray(query.word_weights, dtype=np.float32)
        self._weights = weights / weights.sum() if len(weights) else weights

    def compare(self, packed: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Cosines, shape (words of the question, words of the text)."""
        compared: NDArray[np.float32] = self._vectors @ unpack_words(packed, self._vectors.shape[1]).T
        return compared

    def average_each(self, texts: Sequence[NDArray[np.uint8]]) -> list[float]:
        """For each text the weighted mean over the question's words of the nearest word's cosine; 0 without words."""
        kept = [packed for packed in texts if len(packed)]
        if not kept or not len(self._vectors):
            return [0.0] * len(texts)
        compared = self.compare(np.concatenate(kept))  # all at once: ten times as fast as one by one
        begins = np.cumsum([0, *(len(packed) for packed in kept[:-1])])
        averages = iter((self._weights @ np.maximum.reduceat(compared, begins, axis=1)).tolist())
        return [next(averages) if len(packed) else 0.0 for packed in texts]


def weigh_passages(
    query: Query, vectors: QuestionVectors, stored: Mapping[str, StoredPassage], bm25: Mapping[str, float], share: float
) -> dict[str, float]:
    """The log-odds of each stored passage, up to a constant; `share` is that of meaning against words, .5 as fitted."""
    worth = {
        field.name: 2 * (1 - share if field.name in OF_WORDS else share) * getattr(WEIGHTS, field.name)
        for field in fields(Relevance)
    }
    signals = read_relevance(query, vectors, stored, bm25)
    return {key: sum(worth[name] * getattr(signal, name) for name in worth) for key, signal in signals.items()}


def read_relevance(
    query: Query, vectors: QuestionVectors, stored: Mapping[str, StoredPassage], bm25: Mapping[str, float]
) -> dict[str, Relevance]:
    """The signals of each stored passage."""
    averages = WordMatcher(query, vectors).average_each([entry.words for entry in stored.values()])
    words = dict(zip(stored, averages, strict=True))
    beside = find_neighbours(stored)
    ceiling = BM25_CEILING * sum(query.weights[term] - 1 for term in dict.fromkeys(query.words)) or 1.0
    return {
        key: Relevance(
            similarity=float(entry.vector @ vectors.text),
            best_unit=float((entry.unit_vectors @ vectors.text).max(initial=-1.0)),
            words=words[key],
            neighbours=max((words[other] for other in beside[key]), default=words[key]),
            bm25=bm25.get(key, 0.0) / ceiling,
            heading=match_heading(query.weights, split_terms("".join(entry.passage.headings[-1:]))),
            headings=match_heading(query.weights, split_terms("\n".join(entry.passage.headings))),
        )
        for key, entry in stored.items()
    }


def find_neighbours(stored: Mapping[str, StoredPassage]) -> dict[str, list[str]]:
    """For each passage those among the others that stand right before and after it under the same headings."""
    beside: dict[str, list[str]] = {key: [] for key in stored}
    for before, after in pairwise(sorted(stored, key=lambda key: _place(stored[key]))):
        if _touch(stored[before], stored[after]):
            beside[before].append(after)
            beside[after].append(before)
    return beside


def _place(entry: StoredPassage) -> tuple[str, int]:
    return (entry.passage.article_id, entry.passage.start)


def _touch(before: StoredPassage, after: StoredPassage) -> bool:
    first, second = before.passage, after.passage
    same_section = (first.article_id, first.headings) == (second.article_id, second.headings)
    return same_section and 0 <= second.start - first.end <= LONGEST_GAP


def select_matches(compared: NDArray[np.float32], columns: Sequence[bool] | NDArray[np.bool_]) -> tuple[float, ...]:
    """For each word of the question the nearest among the chosen words of the text; 0 when none is chosen."""
    chosen = compared[:, np.asarray(columns, dtype=bool)]
    return tuple(chosen.max(axis=1).tolist()) if chosen.size else (0.0,) * compared.shape[0]
