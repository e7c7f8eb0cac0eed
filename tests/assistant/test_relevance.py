"""A passage is weighed by meaning, by its words' own vectors, by BM25, by its heading and by its neighbours."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assistant.question import read_question
from assistant.relevance import Relevance, WordMatcher, find_neighbours, read_relevance, weigh_passages
from ingest.catalog import StoredPassage
from ingest.settings import IngestSettings
from ingest.split import split_article
from tests.fakes import FakeEmbedder, make_article

EMBEDDER = FakeEmbedder(dimension=256)
LONG = " Hospitals never close, and the doors of wards are red or white or green." * 5
TEXT = f"""\
## What nurses earn

Nurses earn $80,000.{LONG}

Night shifts pay more.{LONG}

## Pilots

Pilots fly planes."""


@pytest.fixture
def stored() -> dict[str, StoredPassage]:
    settings = IngestSettings(_env_file=None, passage_characters=400)  # type: ignore[call-arg]
    passages = split_article(make_article(TEXT, title="Jobs"), settings)
    made = EMBEDDER.embed_passages(passages)
    return {
        name: StoredPassage(passage, vectors.passage, vectors.units, vectors.words)
        for name, passage, vectors in zip(("earn", "night", "pilots"), passages, made, strict=True)
    }


def read(question: str, stored: dict[str, StoredPassage], bm25: dict[str, float] | None = None) -> dict[str, Relevance]:
    return read_relevance(read_question(question), EMBEDDER.embed_question(question), stored, bm25 or {})


def test_the_words_of_a_question_are_found_by_their_vectors(stored: dict[str, StoredPassage]) -> None:
    signals = read("planes fly", stored)
    assert signals["pilots"].words == pytest.approx(1, abs=0.01)
    assert signals["earn"].words < 0.5


def test_a_rare_word_counts_more_than_a_common_one(stored: dict[str, StoredPassage]) -> None:
    query = read_question("planes wards", lambda terms: {term: 9.0 if term == "plane" else 1.0 for term in terms})
    signals = read_relevance(query, EMBEDDER.embed_question(query.text), stored, {})
    assert signals["pilots"].words > signals["earn"].words


def test_a_passage_is_as_near_as_its_nearest_unit(stored: dict[str, StoredPassage]) -> None:
    signals = read("Nurses earn $80,000.", stored)
    assert signals["earn"].best_unit == pytest.approx(1, abs=0.01)
    assert signals["earn"].best_unit > signals["earn"].similarity


def test_a_passage_is_supported_by_the_better_neighbour_of_its_section(stored: dict[str, StoredPassage]) -> None:
    signals = read("shifts at night", stored)
    assert signals["earn"].neighbours == signals["night"].words > signals["earn"].words


def test_a_passage_without_neighbours_is_its_own(stored: dict[str, StoredPassage]) -> None:
    signals = read("shifts at night", stored)
    assert signals["pilots"].neighbours == signals["pilots"].words


def test_passages_under_another_heading_are_no_neighbours(stored: dict[str, StoredPassage]) -> None:
    assert find_neighbours(stored) == {"earn": ["night"], "night": ["earn"], "pilots": []}


def test_the_heading_counts(stored: dict[str, StoredPassage]) -> None:
    signals = read("What do nurses earn?", stored)
    assert signals["earn"].heading == 1.0
    assert signals["pilots"].heading == 0.0


def test_the_headings_above_count_too(stored: dict[str, StoredPassage]) -> None:
    def stand_under(*headings: str) -> Relevance:
        moved = {"earn": replace(stored["earn"], passage=replace(stored["earn"].passage, headings=headings))}
        return read("What do nurses earn?", moved)["earn"]

    assert stand_under("Nurses", "Pay").headings > stand_under("Pilots", "Pay").headings
    assert stand_under("Nurses", "Pay").heading == stand_under("Pilots", "Pay").heading


def test_bm25_is_a_share_of_what_it_could_be(stored: dict[str, StoredPassage]) -> None:
    query = read_question("planes", lambda terms: dict.fromkeys(terms, 3.0))
    signals = read_relevance(query, EMBEDDER.embed_question("planes"), stored, {"pilots": 2.2})
    assert signals["pilots"].bm25 == pytest.approx(0.5)
    assert signals["earn"].bm25 == 0.0


def test_the_share_of_meaning_decides_between_meaning_and_words(stored: dict[str, StoredPassage]) -> None:
    query = read_question("planes fly", lambda terms: dict.fromkeys(terms, 3.0))
    vectors = EMBEDDER.embed_question(query.text)
    by_meaning = weigh_passages(query, vectors, stored, {"earn": 8.8}, share=1.0)
    by_words = weigh_passages(query, vectors, stored, {"earn": 8.8}, share=0.0)
    assert max(by_meaning, key=by_meaning.__getitem__) == "pilots"
    assert max(by_words, key=by_words.__getitem__) == "earn"


def test_a_model_without_word_vectors_leaves_that_signal_out(stored: dict[str, StoredPassage]) -> None:
    bare = {
        key: StoredPassage(entry.passage, entry.vector, entry.unit_vectors, entry.words[:0])
        for key, entry in stored.items()
    }
    assert {signal.words for signal in read("planes fly", bare).values()} == {0.0}


def test_a_question_of_stop_words_alone_matches_nothing() -> None:
    vectors = EMBEDDER.embed_question("what is it?")
    matcher = WordMatcher(read_question("what is it?"), vectors)
    assert matcher.average_each([np.ones((2, 32), dtype=np.uint8)]) == [0.0]
