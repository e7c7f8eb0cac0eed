"""Slips of the pen are set right from the library's own words; what may be meant as it stands is left alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.settings import Settings
from assistant.spell import correct_spelling, count_slips
from ingest.library import Library
from ingest.split import split_article
from tests.fakes import FakeEmbedder, make_article

TEXT = """\
An apprenticeship takes four years. Planners arrange vocational courses. A technician repairs elevators in Holland.

Ukraine trains welders, and each welder repels rust."""


@pytest.fixture
def embedder() -> FakeEmbedder:
    return FakeEmbedder()


@pytest.fixture
def library(tmp_path: Path, embedder: FakeEmbedder) -> Iterator[Library]:
    settings = Settings(home=tmp_path, _env_file=None)  # type: ignore[call-arg]
    with Library.open(settings, embedder) as library:
        article = make_article(TEXT)
        library.replace(article, split_article(article, settings))
        yield library


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("how long is the aprenticeship", "how long is the apprenticeship"),  # a letter left out
        ("how long is the apprenntiecship?", "how long is the apprenticeship?"),  # two slips in a long word
        ("what does a technicain do", "what does a technician do"),  # two letters in each other's place
        ("what is the diference betwen them", "what is the difference between them"),  # words of any question
        ("does a planer travel", "does a planner travel"),  # in the singular, as it was asked
    ],
)
def test_a_slip_is_set_right_as_the_library_spells_it(library: Library, written: str, meant: str) -> None:
    assert correct_spelling(written, library) == meant


@pytest.mark.parametrize(
    "question",
    [
        "how long is the apprenticeship",  # right already
        "does Holand have elevators",  # a capital may be a name
        "do welders rebel",  # short words are near to too many others
        "is a welder untrained",  # near by the stem alone
        "does a dentist travel",  # near to nothing
        "is the 2033x2 plan known",
        "",
        "?",
    ],
)
def test_a_question_is_left_alone(library: Library, question: str) -> None:
    assert correct_spelling(question, library) == question


def test_a_word_that_the_embedding_model_knows_is_no_slip(library: Library, embedder: FakeEmbedder) -> None:
    asked = "how much vacational time"
    assert correct_spelling(asked, library) == "how much vocational time"
    embedder.known_words.add("vacational")
    assert correct_spelling(asked, library) == asked


@pytest.mark.parametrize(
    ("one", "other", "slips"), [("", "", 0), ("pay", "pay", 0), ("pay", "pya", 1), ("pay", "pray", 1), ("ab", "xyz", 3)]
)
def test_slips_are_counted(one: str, other: str, slips: int) -> None:
    assert count_slips(one, other, 5) == slips == count_slips(other, one, 5)


def test_counting_stops_beyond_the_most_that_matter() -> None:
    assert count_slips("apprenticeship", "x", 1) == 2
