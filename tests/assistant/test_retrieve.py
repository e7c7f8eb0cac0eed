"""Retrieval fuses two searches and says how near each passage and each of its sentences is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from assistant.question import read_question
from assistant.retrieve import PassageRetriever, find_passages, weigh_terms
from assistant.settings import Settings
from ingest.article import Article, Passage, Unit
from ingest.catalog import StoredPassage
from ingest.embed import QuestionVectors
from ingest.errors import ArticleUnknown
from ingest.library import Library
from ingest.split import split_article
from tests.fakes import FakeEmbedder

TEXT = """\
## What nurses earn

Nurses earn $80,000 a year. Nurses work at night.

## What dentists earn

Dentists earn $170,000 a year. Dentists work by day.

## What pilots do

Pilots fly planes over the ocean. Pilots rest in hotels."""
ARTICLE = Article("pay", "/articles/pay.md", "Pay", TEXT)
QUERY = read_question("anything")


def make_settings(home: Path = Path("unused"), **options: Any) -> Settings:
    return Settings(home=home, _env_file=None, **options)  # type: ignore[call-arg]


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with Library.open(make_settings(tmp_path), FakeEmbedder()) as library:
        library.replace(ARTICLE, split_article(ARTICLE, make_settings()))
        yield library


@dataclass
class ScriptedLibrary:
    """Passages named by their cosine, found by whichever search is told to find them."""

    cosines: dict[str, float]
    by_vector: Sequence[str] = ()
    by_text: dict[str, float] = field(default_factory=dict)

    def embed_question(self, text: str) -> QuestionVectors:
        return QuestionVectors(np.array([1, 0], dtype=np.float32), np.zeros((0, 2), dtype=np.float32))

    def search_vectors(
        self, vector: NDArray[np.float32], limit: int, articles: Sequence[str] = ()
    ) -> list[tuple[str, float]]:
        return [(name, self.cosines.get(name, 1.0)) for name in self.by_vector]

    def search_text(self, question: str, limit: int, articles: Sequence[str] = ()) -> list[tuple[str, float]]:
        return list(self.by_text.items())

    def passages(self, ids: Sequence[str]) -> dict[str, StoredPassage]:
        return {name: self._store(name) for name in ids if name in self.cosines}

    def _store(self, name: str) -> StoredPassage:
        cosine = self.cosines[name]
        vector = np.array([cosine, np.sqrt(1 - cosine**2)], dtype=np.float32)
        passage = Passage("pay", "Pay", (), 0, len(name), name, units=(Unit(0, len(name), "sentence"),))
        return StoredPassage(passage, vector, vector[np.newaxis], np.zeros((0, 1), dtype=np.uint8))


def rank(scripted: ScriptedLibrary, **options: Any) -> list[str]:
    found = find_passages(QUERY, cast("Library", scripted), make_settings(**options))
    return [scored.passage.text for scored in found]


# -- fusion -----------------------------------------------------------------------------------------------------------


def test_a_passage_that_only_the_words_found_is_ranked() -> None:
    assert "words" in rank(ScriptedLibrary({"vector": 0.9, "words": 0.1}, ["vector"], {"words": 7.0}))


def test_a_passage_that_only_the_vectors_found_is_ranked() -> None:
    assert "vector" in rank(ScriptedLibrary({"vector": 0.9, "words": 0.1}, ["vector"], {"words": 7.0}))


def test_a_passage_that_both_found_is_ranked_once() -> None:
    assert rank(ScriptedLibrary({"double": 0.9, "single": 0.2}, ["double", "single"], {"double": 7.0})) == [
        "double",
        "single",
    ]


def test_vectors_alone_decide_when_they_have_all_the_weight() -> None:
    library = ScriptedLibrary({"vector": 0.9, "words": 0.1}, ["vector", "words"], {"words": 7.0})
    assert rank(library, vector_weight=1) == ["vector", "words"]


def test_words_alone_decide_when_the_vectors_have_no_weight() -> None:
    library = ScriptedLibrary({"vector": 0.9, "words": 0.1}, ["vector", "words"], {"words": 7.0})
    assert rank(library, vector_weight=0) == ["words", "vector"]


def test_a_hit_that_the_catalog_no_longer_holds_is_left_out() -> None:
    library = ScriptedLibrary({"here": 0.5}, ["gone", "here"], {"gone too": 9.0, "here": 1.0})
    assert rank(library) == ["here"]


def test_passages_that_score_alike_always_come_in_the_same_order() -> None:
    forth = rank(ScriptedLibrary({"one": 0.5, "two": 0.5}, ["one", "two"]))
    back = rank(ScriptedLibrary({"two": 0.5, "one": 0.5}, ["two", "one"]))
    assert forth == back


def test_no_more_passages_than_asked_for_are_ranked() -> None:
    library = ScriptedLibrary({str(number): number / 10 for number in range(10)}, [str(number) for number in range(10)])
    assert rank(library, passages_per_question=2) == ["9", "8"]


def test_nothing_found_ranks_nothing() -> None:
    assert rank(ScriptedLibrary({})) == []


def test_the_similarity_is_the_cosine_to_the_question() -> None:
    library = ScriptedLibrary({"near": 0.75, "far": 0.25}, ["near", "far"])
    found = find_passages(QUERY, cast("Library", library), make_settings())
    assert [scored.similarity for scored in found] == pytest.approx([0.75, 0.25])


def test_each_unit_has_its_own_words_and_similarity() -> None:
    library = ScriptedLibrary({"near": 0.75}, ["near"])
    (scored,) = find_passages(QUERY, cast("Library", library), make_settings())
    assert [unit.text for unit in scored.units] == ["near"]
    assert scored.units[0].similarity == pytest.approx(0.75)


# -- a real library ---------------------------------------------------------------------------------------------------


def test_the_passage_that_answers_comes_first(library: Library) -> None:
    found = find_passages(read_question("How much do dentists earn a year?"), library, make_settings())
    assert found[0].passage.heading == "What dentists earn"


def test_scores_fall_and_lie_between_zero_and_one(library: Library) -> None:
    found = find_passages(read_question("How much do nurses earn?"), library, make_settings())
    scores = [scored.score for scored in found]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)


def test_units_stand_beside_the_units_of_their_passage(library: Library) -> None:
    found = find_passages(read_question("What do pilots do?"), library, make_settings())
    assert [[TEXT[unit.unit.start : unit.unit.end] for unit in scored.units] for scored in found] == [
        [unit.text for unit in scored.units] for scored in found
    ]
    assert [tuple(unit.unit for unit in scored.units) for scored in found] == [scored.passage.units for scored in found]


@pytest.mark.parametrize("question", ['"', "AND OR NOT", "nurse*", "a:b", "(", "\0", "'; DROP TABLE passages; --"])
def test_any_question_is_safe_to_search_for(library: Library, question: str) -> None:
    assert len(find_passages(read_question(question), library, make_settings())) == 3


def test_an_empty_library_has_no_passages(tmp_path: Path) -> None:
    with Library.open(make_settings(tmp_path), FakeEmbedder()) as library:
        assert find_passages(QUERY, library, make_settings()) == []


def test_a_rare_term_tells_more_than_a_common_one(library: Library) -> None:
    hotel, work = read_question("hotels work").words
    weights = weigh_terms([hotel, work], library)
    assert weights[hotel] > weights[work] > 0


def test_a_term_that_no_passage_holds_tells_most(library: Library) -> None:
    weights = weigh_terms(["hotel", "zebra"], library)
    assert weights["zebra"] > weights["hotel"]


# -- neighbours and copies --------------------------------------------------------------------------------------------

SECTION = """\
## Nights

Nurses work at night in wards. {filler}

Nurses earn more at night. {filler}

## Days

Dentists work by day."""


def find_in(home: Path, texts: Sequence[str], question: str, **options: Any) -> list[str]:
    settings = make_settings(home, passage_characters=200, **options)
    with Library.open(settings, FakeEmbedder()) as library:
        for number, text in enumerate(texts):
            article = Article(f"a{number}", f"/a{number}.md", "Jobs", text)
            library.replace(article, split_article(article, settings))
        found = find_passages(read_question(question), library, settings)
        for scored in found:
            article = library.article(scored.passage.article_id)
            assert article.text[scored.passage.start : scored.passage.end] == scored.passage.text
            assert scored.passage.units == tuple(unit.unit for unit in scored.units)
        return [scored.passage.text for scored in found]


def test_neighbours_come_as_one_passage(tmp_path: Path) -> None:
    text = SECTION.format(filler="The doors of hospitals are red or white or green, and never close." * 2)
    first, second = find_in(tmp_path, [text], "nurses at night")
    assert first.startswith("Nurses work at night in wards.")
    assert "\n\nNurses earn more at night." in first
    assert second == "Dentists work by day."


class ForgetfulLibrary:
    """A library whose articles are removed just before they are read."""

    def __init__(self, library: Library) -> None:
        self._library = library

    def __getattr__(self, name: str) -> Any:
        return getattr(self._library, name)

    def article(self, article_id: str) -> Article:
        raise ArticleUnknown(f"{article_id}: removed")


def test_neighbours_of_an_article_removed_meanwhile_are_not_joined(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, passage_characters=200)
    text = SECTION.format(filler="The doors of hospitals are red or white or green, and never close." * 2)
    article = Article("a", "/a.md", "Jobs", text)
    with Library.open(settings, FakeEmbedder()) as library:
        library.replace(article, split_article(article, settings))
        forgetful = cast("Library", ForgetfulLibrary(library))
        found = find_passages(read_question("nurses at night"), forgetful, settings)
    assert all("\n\n" not in scored.passage.text for scored in found)


def test_of_two_copies_of_an_article_only_one_is_found(tmp_path: Path) -> None:
    text = "Nurses earn $80,000 a year in hospitals and clinics, more at night or on holidays, less in schools."
    assert find_in(tmp_path, [text, text + " Indeed."], "What do nurses earn?") in ([text], [text + " Indeed."])


def test_passages_with_other_figures_are_no_copies(tmp_path: Path) -> None:
    texts = ["Nurses earn $80,000 a year in hospitals.", "Nurses earn $90,000 a year in hospitals."]
    assert sorted(find_in(tmp_path, texts, "What do nurses earn?")) == texts


def test_what_an_article_repeats_under_another_heading_is_no_copy(tmp_path: Path) -> None:
    paid = "Nurses earn a good deal in hospitals and clinics, more at night or on holidays, less in schools."
    text = f"## Now\n\n{paid}\n\n## Later\n\n{paid}"
    assert find_in(tmp_path, [text], "What do nurses earn?") == [paid, paid]


def test_a_comparison_finds_the_side_that_the_library_has_less_about(tmp_path: Path) -> None:
    nurses = [f"Nurses earn ${number},000 a year, a nurse says who likes to earn." for number in range(70, 80)]
    texts = [*nurses, "Welders are paid by the hour."]
    assert texts[-1] in find_in(tmp_path, texts, "Who earns more, nurses or welders?", passages_per_question=2)
    assert texts[-1] not in find_in(tmp_path, texts, "How much do nurses earn?", passages_per_question=2)


def test_where_an_or_compares_nothing_the_whole_question_comes_first(tmp_path: Path) -> None:
    both = "Nurses and welders alike may travel to the coast for free, by bus, by train and on foot."
    texts = [both, "Nurses.", "Welders."]
    assert find_in(tmp_path, texts, "May nurses or welders travel by bus?")[0] == both


# -- of some articles only --------------------------------------------------------------------------------------------


@pytest.fixture
def many(tmp_path: Path) -> Iterator[Library]:
    """The three passages of "pay" beside 300 that all come nearer to a question about nurses."""
    settings = make_settings(tmp_path)
    with Library.open(settings, FakeEmbedder()) as library:
        crowd = Article("crowd", "/crowd.md", "Crowd", "\n\n".join(f"## {n}\n\nNurses earn ${n}." for n in range(300)))
        for article in (crowd, ARTICLE):
            library.replace(article, split_article(article, settings))
        yield library


NURSES = read_question("What do nurses earn?")


def test_only_passages_of_the_chosen_article_are_found(many: Library) -> None:
    everywhere = find_passages(NURSES, many, make_settings())
    assert "crowd" in {scored.passage.article_id for scored in everywhere}
    chosen = find_passages(NURSES, many, make_settings(), ["pay"])
    assert [scored.passage.article_id for scored in chosen] == ["pay"] * 3
    assert chosen[0].passage.heading == "What nurses earn"


def test_every_passage_of_an_article_is_found_among_many_that_are_nearer(many: Library) -> None:
    chosen = find_passages(read_question("Nurses earn"), many, make_settings(), ["pay"])
    assert {scored.passage.heading for scored in chosen} == {"What nurses earn", "What dentists earn", "What pilots do"}


def test_both_sides_of_a_comparison_come_from_the_chosen_article(many: Library) -> None:
    query = read_question("Who earns more, nurses or dentists?")
    assert query.sides
    chosen = find_passages(query, many, make_settings(), ["pay"])
    assert {scored.passage.article_id for scored in chosen} == {"pay"}


def test_all_articles_chosen_are_as_none_chosen(many: Library) -> None:
    everywhere = find_passages(NURSES, many, make_settings())
    assert find_passages(NURSES, many, make_settings(), ["crowd", "pay"]) == everywhere


def test_a_retriever_of_one_article_hands_over_nothing_else(many: Library) -> None:
    retriever = PassageRetriever(library=many, settings=make_settings(), articles=("pay",))
    assert {one.metadata["article_id"] for one in retriever.invoke("What do nurses earn?")} == {"pay"}


def test_a_retriever_of_an_unknown_article_says_so(library: Library) -> None:
    retriever = PassageRetriever(library=library, settings=make_settings(), articles=("pai",))
    with pytest.raises(ArticleUnknown, match="Did you mean pay"):
        retriever.invoke("What do nurses earn?")


# -- LangChain's retriever --------------------------------------------------------------------------------------------


def test_a_document_is_a_span_of_its_article(library: Library) -> None:
    documents = PassageRetriever(library=library, settings=make_settings()).invoke("How much do nurses earn?")
    assert [TEXT[one.metadata["start"] : one.metadata["end"]] for one in documents] == [
        one.page_content for one in documents
    ]


def test_documents_name_their_article_and_heading(library: Library) -> None:
    first = PassageRetriever(library=library, settings=make_settings()).invoke("How much do nurses earn a year?")[0]
    assert {key: first.metadata[key] for key in ("article_id", "title", "heading")} == {
        "article_id": "pay",
        "title": "Pay",
        "heading": "What nurses earn",
    }


def test_documents_come_best_first(library: Library) -> None:
    documents = PassageRetriever(library=library, settings=make_settings()).invoke("Where do pilots rest?")
    scores = [document.metadata["score"] for document in documents]
    assert scores == sorted(scores, reverse=True)


def test_the_retriever_answers_a_batch(library: Library) -> None:
    retriever = PassageRetriever(library=library, settings=make_settings(passages_per_question=1))
    batches = retriever.batch(["Where do pilots rest?", "How much do dentists earn a year?"])
    assert [one.metadata["heading"] for batch in batches for one in batch] == ["What pilots do", "What dentists earn"]
