"""Question -> ranked passages: vectors and BM25, fused."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from numpy.typing import NDArray
from pydantic import ConfigDict

from assistant.conversation import ScoredPassage, ScoredUnit
from assistant.question import Query, read_question
from assistant.settings import Settings

if TYPE_CHECKING:
    import numpy as np

    from ingest.library import Library, StoredPassage

CANDIDATES = 50  # from each of the two searches; the gold passage of 97% of SQuAD's tuning questions is in the first 10

PASSAGES_PER_SIDE = 3  # of a comparison, beside those of the whole question


class PassageRetriever(BaseRetriever):
    """The library as a LangChain retriever: documents are passages, best first, spans and scores in the metadata."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    library: Any  # ingest.library.Library
    settings: Settings

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:  # noqa: ARG002 - LangChain calls it so
        weighed = read_question(query, lambda terms: weigh_terms(terms, self.library))
        found = find_passages(weighed, self.library, self.settings)
        return [_as_document(scored) for scored in found]


def _as_document(scored: ScoredPassage) -> Document:
    passage = scored.passage
    return Document(
        id=passage.id,
        page_content=passage.text,
        metadata={
            "article_id": passage.article_id,
            "title": passage.title,
            "heading": passage.heading,
            "start": passage.start,
            "end": passage.end,
            "score": scored.score,
        },
    )


def find_passages(query: Query, library: Library, settings: Settings) -> list[ScoredPassage]:
    """The passages most likely to answer, best first, at most `settings.passages_per_question`.

    The score is `vector_weight` times the cosine plus the rest times BM25, each scaled to 0..1 over the candidates of
    both searches (min-max fusion; Bruch et al. 2023, arXiv:2210.11934). A question that compares is also searched for
    each side alone, or all the places would go to the side that the library has more about.
    """
    vector = library.embed_question(query.text)
    fused = _keep_best(_search(query.text, vector, library, settings), settings.passages_per_question)
    sides = query.sides
    for side in sides:
        others = frozenset[str]().union(*(other for other in sides if other != side))
        about = query.without(others)
        found = _search(about, library.embed_question(about), library, settings)
        for identifier, score in _keep_best(found, PASSAGES_PER_SIDE).items():
            fused[identifier] = max(score, fused.get(identifier, 0.0))
    return _read(_keep_best(fused, len(fused)), vector, library)


def _keep_best(scores: Mapping[str, float], limit: int) -> dict[str, float]:
    """The best scores, best first; the id decides between equals, so that the same question gets the same answer."""
    return {key: scores[key] for key in sorted(scores, key=lambda key: (-scores[key], key))[:limit]}


def _search(text: str, vector: NDArray[np.float32], library: Library, settings: Settings) -> dict[str, float]:
    """The fused score of every candidate of both searches."""
    by_text = dict(library.search_text(text, CANDIDATES))
    found = [identifier for identifier, _ in library.search_vectors(vector, CANDIDATES)]
    stored = library.passages(list(dict.fromkeys([*found, *by_text])))
    # The catalog's vectors give the exact cosine to every candidate, also to those that only BM25 found.
    cosines = {identifier: float(entry.vector @ vector) for identifier, entry in stored.items()}
    return _fuse(cosines, {key: by_text.get(key, 0.0) for key in stored}, settings.vector_weight)


def _read(scores: Mapping[str, float], vector: NDArray[np.float32], library: Library) -> list[ScoredPassage]:
    return [
        ScoredPassage(entry.passage, scores[identifier], float(entry.vector @ vector), _list_units(entry, vector))
        for identifier, entry in library.passages(list(scores)).items()
    ]


def _fuse(cosines: Mapping[str, float], bm25: Mapping[str, float], weight: float) -> dict[str, float]:
    by_vector, by_text = _scale(cosines), _scale(bm25)
    return {key: weight * by_vector[key] + (1 - weight) * by_text[key] for key in cosines}


def _scale(scores: Mapping[str, float]) -> dict[str, float]:
    if not scores:
        return {}
    low, high = min(scores.values()), max(scores.values())
    return {key: (score - low) / (high - low) if high > low else 0.0 for key, score in scores.items()}


def weigh_terms(terms: Sequence[str], library: Library) -> dict[str, float]:
    """How much each term tells: one, plus BM25's inverse document frequency over the library's passages.

    The one keeps the subject in a small library, where "software" and "engineer" stand in every other passage.
    """
    total, counts = library.count_passages(), library.document_frequencies(terms)
    return {term: 1 + math.log(1 + (total - counts[term] + 0.5) / (counts[term] + 0.5)) for term in terms}


def _list_units(entry: StoredPassage, vector: NDArray[np.float32]) -> tuple[ScoredUnit, ...]:
    passage, similarities = entry.passage, entry.unit_vectors @ vector
    return tuple(
        ScoredUnit(unit, passage.text[unit.start - passage.start : unit.end - passage.start], float(similarity))
        for unit, similarity in zip(passage.units, similarities, strict=True)
    )
