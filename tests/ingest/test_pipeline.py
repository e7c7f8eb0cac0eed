"""The path of an article into the library, with fake steps before it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.article import Article, Page, Passage
from ingest.errors import EmbeddingModelUnknown, LibraryLocked, SourceMissing
from ingest.library import Library
from ingest.lock import WriterLock
from ingest.pipeline import Outcome, Steps, add_article, add_articles
from ingest.settings import IngestSettings
from tests.fakes import FakeEmbedder, split_paragraphs


class FakeWeb:
    """Pages by their source; a page of "crash" makes extraction stumble."""

    def __init__(self, **pages: str) -> None:
        self.pages = pages
        self.split: list[str] = []

    def list_sources(self, source: str) -> list[str]:
        if source == "nowhere":
            raise SourceMissing("nowhere: no such folder.")
        return sorted(self.pages) if source == "folder" else [source]

    def fetch_page(self, source: str, settings: IngestSettings) -> Page:
        if source not in self.pages:
            raise SourceMissing(f"{source}: no such file. Check the path.")
        return Page(source, self.pages[source].encode(), "text/plain")

    def extract_article(self, page: Page) -> Article:
        text = page.content.decode()
        if text == "crash":
            raise KeyError("a bug in a parser")
        return Article(id=page.source, source=page.source, title=page.source.title(), text=text)

    def split_article(self, article: Article, settings: IngestSettings) -> list[Passage]:
        self.split.append(article.source)
        return split_paragraphs(article)

    @property
    def steps(self) -> Steps:
        return Steps(self.list_sources, self.fetch_page, self.extract_article, self.split_article)


@pytest.fixture
def settings(tmp_path: Path) -> IngestSettings:
    return IngestSettings(home=tmp_path, lock_timeout=0.1, _env_file=None)  # type: ignore[call-arg]


@pytest.fixture
def library(settings: IngestSettings) -> Iterator[Library]:
    with Library.open(settings, FakeEmbedder()) as opened:
        yield opened


def statuses(outcomes: Iterator[Outcome]) -> list[tuple[str, str]]:
    return [(outcome.source, outcome.status) for outcome in outcomes]


def test_an_article_goes_through_every_step(library: Library, settings: IngestSettings) -> None:
    outcome = add_article("boats", library, settings, FakeWeb(boats="Boats float.\nShips sail.").steps)
    assert outcome == Outcome("boats", "added", "boats", "Boats", 2)
    assert library.article("boats").text == "Boats float.\nShips sail."


def test_an_unchanged_article_is_neither_split_nor_stored_again(library: Library, settings: IngestSettings) -> None:
    web = FakeWeb(boats="Boats float.")
    again = [add_article("boats", library, settings, web.steps) for _ in range(2)][1]
    assert again == Outcome("boats", "unchanged", "boats", "Boats", 1)
    assert (web.split, library.generation) == (["boats"], 1)


def test_a_changed_article_is_updated(library: Library, settings: IngestSettings) -> None:
    web = FakeWeb(boats="Boats float.")
    add_article("boats", library, settings, web.steps)
    web.pages["boats"] = "Boats sink."
    assert add_article("boats", library, settings, web.steps).status == "updated"
    assert [article.id for article in library.articles()] == ["boats"]


def test_one_that_fails_is_reported_in_its_place_and_leaves_the_others_alone(
    library: Library, settings: IngestSettings
) -> None:
    web = FakeWeb(boats="Boats float.", trains="Trains roll.")
    outcomes = list(add_articles(["boats", "gone", "nowhere", "trains"], library, settings, web.steps))
    assert [outcome.status for outcome in outcomes] == ["added", "failed", "failed", "added"]
    assert outcomes[1] == Outcome("gone", "failed", reason="gone: no such file. Check the path.")


def test_a_folder_is_expanded_in_order(library: Library, settings: IngestSettings) -> None:
    web = FakeWeb(trains="Trains roll.", boats="Boats float.")
    assert statuses(add_articles(["folder"], library, settings, web.steps)) == [("boats", "added"), ("trains", "added")]


def test_a_parser_that_stumbles_fails_one_source_and_is_logged(
    library: Library, settings: IngestSettings, caplog: pytest.LogCaptureFixture
) -> None:
    web = FakeWeb(bad="crash", boats="Boats float.")
    with caplog.at_level(logging.ERROR):
        outcomes = list(add_articles(["bad", "boats"], library, settings, web.steps))
    assert outcomes[0] == Outcome("bad", "failed", reason="bad: could not be read: KeyError.")
    assert outcomes[1].status == "added"
    assert "a bug in a parser" in caplog.text


def test_a_library_that_is_locked_ends_the_run(library: Library, settings: IngestSettings) -> None:
    web = FakeWeb(boats="Boats float.")
    with WriterLock(settings.home, 0).hold(), pytest.raises(LibraryLocked):
        list(add_articles(["boats"], library, settings, web.steps))


def test_an_unknown_embedding_model_ends_the_run(settings: IngestSettings) -> None:
    def load() -> FakeEmbedder:
        raise EmbeddingModelUnknown("none: cannot be loaded.")

    web = FakeWeb(boats="Boats float.")
    with Library.open(settings, load) as library, pytest.raises(EmbeddingModelUnknown):
        list(add_articles(["boats"], library, settings, web.steps))


def test_outcomes_come_one_by_one(library: Library, settings: IngestSettings) -> None:
    web = FakeWeb(boats="Boats float.", trains="Trains roll.")
    outcomes = add_articles(["boats", "trains"], library, settings, web.steps)
    assert next(outcomes).article_id == "boats"
    assert [article.id for article in library.articles()] == ["boats"]


def test_the_real_steps_are_the_default(library: Library, settings: IngestSettings, tmp_path: Path) -> None:
    file = tmp_path / "nurses.md"
    file.write_text("# Nurses\n\n" + "Nurses care for people who are ill, and they earn well for it. " * 5)
    outcome = add_article(str(file), library, settings)
    assert (outcome.status, outcome.article_id) == ("added", "nurses")
    assert library.check() == []
