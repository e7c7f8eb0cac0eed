"""Question -> ranked passages: found by vectors and by words, weighed by both and by the words' own vectors."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict

from assistant.conversation import ScoredPassage, ScoredUnit
from assistant.question import Query, read_question
from assistant.relevance import WordMatcher, find_neighbours, select_matches, weigh_passages
from assistant.settings import Settings
from ingest.errors import ArticleUnknown
from ingest.terms import find_words, split_terms

if TYPE_CHECKING:
    from ingest.embed import QuestionVectors
    from ingest.library import Library, StoredPassage

# From each of the two searches; the passage that answers is among them for 99% of SQuAD's tuning questions.
CANDIDATES = 50
BM25_SCORES = 200  # so that nearly every candidate of the vectors has its BM25 score, too
# A passage among this many of the best that follows or precedes one of those chosen is handed over with it.
NEIGHBOURS_AMONG = 20
PASSAGES_PER_SIDE = 3  # of a comparison, beside those of the whole question
# Log-odds that a side's passage is put behind where an "or" compares nothing: 64 of FeedbackQA's valid queries have
# sides, and of those P@1 goes from .500 to .547; 2 does no more.
ASIDE = 1.0
# Passages of two articles with this share of their terms in common, and the same figures, are copies of one another.
SAME = 0.9
FIGURE = re.compile(r"\d[\d.,]*")


class PassageRetriever(BaseRetriever):
    """The library as a LangChain retriever: documents are passages, best first, spans and scores in the metadata."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    library: Any  # ingest.library.Library
    settings: Settings
    articles: tuple[str, ...] = ()  # ids of those to search; () means all

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:  # noqa: ARG002 - LangChain calls it so
        weighed = read_question(query, lambda terms: weigh_terms(terms, self.library))
        self.library.refuse_unknown(self.articles)
        found = find_passages(weighed, self.library, self.settings, self.articles)
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


def find_passages(
    query: Query, library: Library, settings: Settings, articles: Sequence[str] = ()
) -> list[ScoredPassage]:
    """The passages most likely to answer, best first, `settings.passages_per_question` of them.

    Of these articles, of all for (). Candidates of a vector search and of BM25 are weighed by `assistant.relevance`.
    Neighbours that both rank high come as one passage, and of two articles' copies of a passage only the better. A
    question that compares is also searched for each side alone, or all the places would go to the side that the library
    has more about; it gets up to PASSAGES_PER_SIDE more for each.
    """
    vectors = library.embed_question(query.text)
    stored, found = _search(query, vectors, library, settings, articles)
    sides = query.sides
    behind = 0.0 if query.contrasts else ASIDE
    for side in sides:
        others = frozenset[str]().union(*(other for other in sides if other != side))
        about = read_question(query.without(others), lambda terms: weigh_terms(terms, library))
        also, alone = _search(about, library.embed_question(about.text), library, settings, articles)
        for key in _rank(alone)[:PASSAGES_PER_SIDE]:
            found[key] = max(alone[key] - behind, found.get(key, -math.inf))
            stored[key] = also[key]
    groups = _group(
        {key: stored[key] for key in _rank(found)}, settings.passages_per_question + PASSAGES_PER_SIDE * len(sides)
    )
    matcher = WordMatcher(query, vectors)
    scored = [[_score(stored[key], found[key], vectors, matcher) for key in group] for group in groups]
    return [_join(parts, library) for parts in scored]


def _rank(scores: Mapping[str, float]) -> list[str]:
    """Best first; the id decides between equals, so that the same question gets the same answer."""
    return sorted(scores, key=lambda key: (-scores[key], key))


def _search(
    query: Query, vectors: QuestionVectors, library: Library, settings: Settings, articles: Sequence[str]
) -> tuple[dict[str, StoredPassage], dict[str, float]]:
    """The candidates of both searches, and their log-odds beside the best one."""
    stored, bm25 = find_candidates(query, vectors, library, articles)
    scores = weigh_passages(query, vectors, stored, bm25, settings.vector_weight)
    best = max(scores.values(), default=0.0)
    return stored, {key: score - best for key, score in scores.items()}


def find_candidates(
    query: Query, vectors: QuestionVectors, library: Library, articles: Sequence[str] = ()
) -> tuple[dict[str, StoredPassage], dict[str, float]]:
    """The passages that either search finds, by id, and the BM25 scores of those that hold a term of the question."""
    bm25 = dict(library.search_text(query.text, BM25_SCORES, articles))
    near = [key for key, _ in library.search_vectors(vectors.text, CANDIDATES, articles)]
    return library.passages(list(dict.fromkeys([*near, *list(bm25)[:CANDIDATES]]))), bm25


def _group(ranked: Mapping[str, StoredPassage], limit: int) -> list[list[str]]:
    """The best passages, each with those among the first NEIGHBOURS_AMONG that stand right beside it."""
    among = {key: ranked[key] for key in list(ranked)[:NEIGHBOURS_AMONG]}
    beside = find_neighbours(among)
    groups: list[list[str]] = []
    for key, entry in ranked.items():
        touched = [group for group in groups if any(other in group for other in beside.get(key, ()))]
        if touched:
            touched[0] += [key, *(other for group in touched[1:] for other in group)]
            groups = [group for group in groups if group not in touched[1:]]
        elif len(groups) < limit and not any(_say_same(entry, ranked[group[0]]) for group in groups):
            groups.append([key])
    return groups


def _say_same(one: StoredPassage, other: StoredPassage) -> bool:
    if one.passage.article_id == other.passage.article_id:  # what an article repeats is its own
        return False
    first, second = one.passage.embedded_text, other.passage.embedded_text
    terms, others = set(split_terms(first)), set(split_terms(second))
    alike = len(terms & others) >= SAME * len(terms | others)
    return alike and set(FIGURE.findall(first)) == set(FIGURE.findall(second))


def _score(entry: StoredPassage, odds: float, vectors: QuestionVectors, matcher: WordMatcher) -> ScoredPassage:
    passage, similarities, compared = entry.passage, entry.unit_vectors @ vectors.text, matcher.compare(entry.words)
    shift = len(passage.embedded_text) - len(passage.text) - passage.start
    starts = [start - shift for start, _ in find_words(passage.embedded_text)] if compared.shape[1] else []
    units = tuple(
        ScoredUnit(
            unit,
            passage.text[unit.start - passage.start : unit.end - passage.start],
            similarity=float(similarity),
            matches=select_matches(compared, [unit.start <= start < unit.end for start in starts]),
            relevance=odds,
        )
        for unit, similarity in zip(passage.units, similarities, strict=True)
    )
    return ScoredPassage(passage, math.exp(odds), float(entry.vector @ vectors.text), units)


def _join(parts: list[ScoredPassage], library: Library) -> ScoredPassage:
    """Neighbours as one passage, with the score of the best of them."""
    if len(parts) == 1:
        return parts[0]
    best = parts[0]
    in_order = sorted(parts, key=lambda part: part.passage.start)
    first, last = in_order[0].passage, in_order[-1].passage
    try:
        text = library.article(first.article_id).text
    except ArticleUnknown:  # removed while this question was being answered
        return best
    joined = replace(
        first,
        end=last.end,
        text=text[first.start : last.end],
        units=tuple(unit for part in in_order for unit in part.passage.units),
    )
    return replace(best, passage=joined, units=tuple(unit for part in in_order for unit in part.units))


def weigh_terms(terms: Sequence[str], library: Library) -> dict[str, float]:
    """How much each term tells: one, plus BM25's inverse document frequency over the library's passages.

    The one keeps the subject in a small library, where "software" and "engineer" stand in every other passage. Of the
    whole library also where only some articles are searched: so does BM25, whose ceiling is made of these weights, and
    a subject that stands in every passage of its own article is what the question is about all the same. Of 69 prompts
    for one of 54 pages (tests/benchmarks/prompts) 45 are answered rightly from that page with either.
    """
    total, counts = library.count_passages(), library.document_frequencies(terms)
    return {term: 1 + math.log(1 + (total - counts[term] + 0.5) / (counts[term] + 0.5)) for term in terms}
