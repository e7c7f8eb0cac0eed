"""Ratings are kept beside the articles, by readers too, and change nothing else of the library."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ingest.catalog_feedback import Feedback, Quote, keep_feedback, list_feedback
from ingest.database import Database
from ingest.library import Library
from ingest.settings import IngestSettings
from tests.fakes import FakeEmbedder

FEEDBACK = Feedback("up", "What do they “earn”?", ("Who?",), "$1 [1]", True, (Quote("pay", "Pay", 0, 2, "$1"),))


def open_library(home: Path, *, read_only: bool) -> Library:
    settings = IngestSettings(home=home, _env_file=None)  # type: ignore[call-arg]
    return Library.open(settings, FakeEmbedder(), read_only=read_only)


def test_a_reader_keeps_ratings_that_others_read(tmp_path: Path) -> None:
    with open_library(tmp_path, read_only=True) as reader:
        reader.keep_feedback(FEEDBACK)
        reader.keep_feedback(replace(FEEDBACK, rating="down", quotes=()))
    with open_library(tmp_path, read_only=True) as other:
        first, second = other.feedback()
    assert replace(first, given_at="") == FEEDBACK
    assert first.given_at.endswith("+00:00")
    assert (second.rating, second.quotes) == ("down", ())


def test_a_library_without_ratings_has_none(tmp_path: Path) -> None:
    with open_library(tmp_path, read_only=True) as library:
        assert library.feedback() == []


def test_the_oldest_ratings_go_first_when_there_are_too_many(tmp_path: Path) -> None:
    database = Database(tmp_path / "catalog.sqlite3")
    database.create()
    with database.write() as connection:
        for number in range(5):
            keep_feedback(connection, replace(FEEDBACK, question=str(number)), kept=3)
        assert [feedback.question for feedback in list_feedback(connection)] == ["2", "3", "4"]


def test_a_rating_is_no_change_of_the_articles(tmp_path: Path) -> None:
    with open_library(tmp_path, read_only=False) as library:
        before = library.generation
        library.keep_feedback(FEEDBACK)
        assert library.generation == before
        assert library.check() == []
