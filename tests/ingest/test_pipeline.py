"""The path of an article into the library, with fake steps before it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ingest.article import LINKS, PLAIN_TEXT, Article, Outcome, Page, Passage, Unmodified, Validators
from ingest.errors import (
    ArticleUnknown,
    EmbeddingMismatch,
    EmbeddingModelUnknown,
    LibraryLocked,
    SourceMissing,
    SourceUnreadable,
)
from ingest.extract import VERSION
from ingest.extract_links import Links
from ingest.fetch import Selection
from ingest.library import Library, Reading
from ingest.lock import WriterLock
from ingest.pipeline import Steps, add_article, add_articles, open_steps, prune_folder
from ingest.settings import IngestSettings
from tests.fakes import FakeEmbedder, split_paragraphs

NURSES = "# Nurses\n\n" + "Nurses care for people who are ill, and they earn well for it. " * 5
ROOT = "https://example.org"


class FakeWeb:
    """Pages by their source; "crash" makes extraction stumble, and one that begins with "links" is a list of some."""

    def __init__(self, pages: dict[str, str]) -> None:
        self.pages = pages
        self.etags: dict[str, str] = {}
        self.asked: list[str] = []
        self.read: list[str] = []
        self.split: list[str] = []

    def list_sources(self, source: str, selection: Selection) -> list[str]:
        if source == "nowhere":
            raise SourceMissing("nowhere: no such folder.")
        return sorted(self.pages) if source == "folder" else [source]

    def fetch_page(self, source: str, validators: Validators) -> Page | Unmodified:
        self.asked.append(source)
        if source not in self.pages:
            raise SourceMissing(f"{source}: no such file. Check the path.")
        text, etag = self.pages[source], self.etags.get(source, "")
        if etag and validators.etag == etag:
            return Unmodified(source)
        media_type = LINKS if text.startswith("links") else PLAIN_TEXT
        return Page(source, text.encode(), media_type, validators=Validators(etag))

    def list_links(self, page: Page) -> Links:
        kind, *addresses = page.content.decode().split()
        return Links(tuple(addresses), lead_to_lists=kind == "links-to-lists")

    def extract_article(self, page: Page) -> Article:
        self.read.append(page.source)
        text = page.content.decode()
        if text == "crash":
            raise KeyError("a bug in a parser")
        name = page.source.rpartition("/")[2]
        return Article(id=name, source=page.source, title=name.title(), text=text)

    def split_article(self, article: Article, settings: IngestSettings) -> list[Passage]:
        self.split.append(article.source)
        return split_paragraphs(article)

    @property
    def steps(self) -> Steps:
        return Steps(self.list_sources, self.fetch_page, self.list_links, self.extract_article, self.split_article)


@pytest.fixture
def settings(tmp_path: Path) -> IngestSettings:
    return IngestSettings(home=tmp_path / "home", lock_timeout=0.1, _env_file=None)  # type: ignore[call-arg]


@pytest.fixture
def library(settings: IngestSettings) -> Iterator[Library]:
    with Library.open(settings, FakeEmbedder()) as opened:
        yield opened


class Run:
    """Ingests from a fake web into a real library."""

    def __init__(self, library: Library, settings: IngestSettings, **pages: str) -> None:
        self.library = library
        self.settings = settings
        self.web = FakeWeb({f"/{name}": text for name, text in pages.items()})
        self.found = 0

    def __call__(self, *sources: str, selection: Selection = Selection()) -> list[Outcome]:  # noqa: B008 - frozen
        steps = self.web.steps
        given = {"selection": selection, "on_found": self._count, "steps": steps}
        return list(add_articles(sources, self.library, self.settings, **given))  # type: ignore[arg-type]

    def _count(self, number: int) -> None:
        self.found += number


@pytest.fixture
def run(library: Library, settings: IngestSettings) -> Run:
    return Run(library, settings, boats="Boats float.\nShips sail.", trains="Trains roll.")


def statuses(outcomes: list[Outcome]) -> list[tuple[str, str]]:
    return [(outcome.source, outcome.status) for outcome in outcomes]


# -- one article -------------------------------------------------------------------------------------------------------


def test_an_article_goes_through_every_step(run: Run) -> None:
    assert run("/boats") == [Outcome("/boats", "added", "boats", "Boats", 2)]
    assert run.library.article("boats").text == "Boats float.\nShips sail."


def test_one_article_by_itself_goes_the_same_way(run: Run) -> None:
    outcome = add_article("/boats", run.library, run.settings, run.web.steps)
    assert outcome == Outcome("/boats", "added", "boats", "Boats", 2)


def test_one_article_by_itself_is_no_list(run: Run) -> None:
    run.web.pages["/feed"] = "links /boats"
    with pytest.raises(SourceUnreadable, match="/feed: is a feed or a sitemap"):
        add_article("/feed", run.library, run.settings, run.web.steps)


def test_the_same_bytes_are_not_read_again(run: Run) -> None:
    run("/boats")
    assert run("/boats") == [Outcome("/boats", "unchanged", "boats", "Boats", 2)]
    assert run.web.read == ["/boats"]
    assert run.library.generation == 1


def test_a_page_that_the_server_says_is_the_same_is_not_read_again(run: Run) -> None:
    run.web.etags["/boats"] = "one"
    run("/boats")
    run.web.pages["/boats"] = "Boats sink, but the server does not know."
    assert statuses(run("/boats")) == [("/boats", "unchanged")]
    run.web.etags["/boats"] = "two"
    assert statuses(run("/boats")) == [("/boats", "updated")]


def test_a_page_that_older_code_has_read_is_read_again(run: Run) -> None:
    run.web.etags["/boats"] = "one"
    run("/boats")
    known = run.library.find_source("/boats")
    assert known is not None
    run.library.note_source("boats", "/boats", replace(known.reading, reader=VERSION - 1))
    assert statuses(run("/boats")) == [("/boats", "unchanged")]
    assert run.web.read == ["/boats", "/boats"]
    assert run.web.split == ["/boats"]


def test_a_server_that_sends_nothing_unasked_is_refused(run: Run) -> None:
    steps = replace(run.web.steps, fetch_page=lambda source, _: Unmodified(source))
    with pytest.raises(SourceUnreadable, match="the server sent nothing"):
        add_article("/boats", run.library, run.settings, steps)


def test_a_changed_article_is_updated(run: Run) -> None:
    run("/boats")
    run.web.pages["/boats"] = "Boats sink."
    assert statuses(run("/boats")) == [("/boats", "updated")]
    assert [article.id for article in run.library.articles()] == ["boats"]


def test_only_the_changed_passages_of_an_article_are_embedded(settings: IngestSettings) -> None:
    embedder = FakeEmbedder()
    with Library.open(settings, embedder) as library:
        run = Run(library, settings, boats="Boats float.\nShips sail.\nRafts drift.")
        run("/boats")
        run.web.pages["/boats"] = "Boats float.\nShips sink.\nRafts drift."
        run("/boats")
    assert embedder.embedded == ["Boats float.", "Ships sail.", "Rafts drift.", "Ships sink."]


def test_the_same_words_from_another_source_are_the_same_article(run: Run) -> None:
    run.web.pages["/copy"] = run.web.pages["/boats"]
    steps = replace(run.web.steps, extract_article=lambda page: replace(run.web.extract_article(page), title="Boats"))
    for source in ("/boats", "/copy", "/copy"):
        outcome = add_article(source, run.library, run.settings, steps)
    assert outcome == Outcome("/copy", "unchanged", "boats", "Boats", 2)
    assert run.web.read == ["/boats", "/copy"]


# -- several -----------------------------------------------------------------------------------------------------------


def test_one_that_fails_is_reported_in_its_place_and_leaves_the_others_alone(run: Run) -> None:
    outcomes = run("/boats", "/gone", "nowhere", "/trains")
    assert [outcome.status for outcome in outcomes] == ["added", "failed", "failed", "added"]
    assert outcomes[1] == Outcome("/gone", "failed", reason="/gone: no such file. Check the path.")


def test_a_folder_is_expanded_in_order(run: Run) -> None:
    assert statuses(run("folder")) == [("/boats", "added"), ("/trains", "added")]
    assert run.found == 2


def test_no_more_of_a_source_is_read_than_wanted(run: Run) -> None:
    assert statuses(run("folder", "/trains", selection=Selection(limit=1))) == [
        ("/boats", "added"),
        ("/trains", "added"),
    ]


def test_a_parser_that_stumbles_fails_one_source_and_is_logged(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    run.web.pages["/bad"] = "crash"
    with caplog.at_level(logging.ERROR):
        outcomes = run("/bad", "/boats")
    assert outcomes[0] == Outcome("/bad", "failed", reason="/bad: could not be read: KeyError. The log says more.")
    assert outcomes[1].status == "added"
    assert "a bug in a parser" in caplog.text


def test_an_article_that_is_removed_between_two_steps_fails_alone(run: Run) -> None:
    class Busy(Library):
        def note_source(self, article_id: str, source: str, reading: Reading) -> None:
            raise ArticleUnknown(f"{article_id}: no article with this id.")

    run("/boats")
    run.web.pages["/copy"] = "Boats float.\nShips sail."
    steps = replace(run.web.steps, extract_article=lambda page: replace(run.web.extract_article(page), title="Boats"))
    with Busy.open(run.settings, FakeEmbedder()) as library:
        outcomes = list(add_articles(["/copy", "/trains"], library, run.settings, steps=steps))
    assert [outcome.status for outcome in outcomes] == ["failed", "added"]
    assert outcomes[0].reason == "/copy: was removed meanwhile. Ingest it again to have it back."


def test_a_library_that_is_locked_ends_the_run(run: Run) -> None:
    with WriterLock(run.settings.home, 0).hold(), pytest.raises(LibraryLocked):
        run("/boats")


def test_an_unknown_embedding_model_ends_the_run(settings: IngestSettings) -> None:
    def load(_method: str) -> FakeEmbedder:
        raise EmbeddingModelUnknown("none: cannot be loaded.")

    with Library.open(settings, load) as library, pytest.raises(EmbeddingModelUnknown):
        Run(library, settings, boats="Boats float.")("/boats")


def test_another_embedding_model_is_noticed_when_nothing_is_new(run: Run) -> None:
    run("/boats")
    other = run.settings.model_copy(update={"embedding_model": "another"})
    with Library.open(other, FakeEmbedder()) as library, pytest.raises(EmbeddingMismatch):
        list(add_articles(["/boats"], library, other, steps=run.web.steps))


def test_outcomes_come_one_by_one(run: Run) -> None:
    outcomes = add_articles(["/boats", "/trains"], run.library, run.settings, steps=run.web.steps)
    assert next(outcomes).article_id == "boats"
    assert [article.id for article in run.library.articles()] == ["boats"]


# -- feeds and sitemaps ------------------------------------------------------------------------------------------------


def test_a_feed_gives_the_articles_that_it_lists(run: Run) -> None:
    run.web.pages["/feed"] = "links /boats /gone /trains"
    assert statuses(run("/feed")) == [("/boats", "added"), ("/gone", "failed"), ("/trains", "added")]
    assert run.found == 3
    assert run.library.list_sources() == ["/boats", "/trains"]


def test_an_index_of_sitemaps_leads_to_their_pages(run: Run) -> None:
    run.web.pages.update({"/index": "links-to-lists /one /none /two", "/one": "links /boats", "/two": "links /trains"})
    assert statuses(run("/index")) == [("/boats", "added"), ("/none", "failed"), ("/trains", "added")]


@pytest.mark.parametrize("page", ["links /boats", "links-to-lists /feed"])
def test_a_list_among_the_pages_of_a_list_is_not_followed(run: Run, page: str) -> None:
    run.web.pages.update({"/feed": "links /other /trains", "/other": page})
    outcomes = run("/feed")
    assert outcomes[0].reason == "/other: is a list within a list. Ingest it by itself."
    assert outcomes[1].status == "added"


def test_indexes_that_lead_to_one_another_come_to_an_end(run: Run) -> None:
    run.web.pages.update({"/one": "links-to-lists /two", "/two": "links-to-lists /one"})
    assert [outcome.status for outcome in run("/one")] == ["failed"]


def test_only_the_wanted_links_of_a_feed_are_fetched(run: Run) -> None:
    run.web.pages[f"{ROOT}/feed"] = f"links {ROOT}/news/boats {ROOT}/jobs/boats {ROOT}/news/old"
    run.web.pages[f"{ROOT}/news/boats"] = "Boats float."
    run(f"{ROOT}/feed", selection=Selection(("*/news/*",), ("*/old",)))
    assert run.web.asked == [f"{ROOT}/feed", f"{ROOT}/news/boats"]


def test_a_feed_of_which_nothing_is_wanted_says_so(run: Run) -> None:
    run.web.pages["/feed"] = "links /boats"
    reason = "/feed: --include and --exclude leave none of its links. Change them."
    assert run("/feed", selection=Selection(exclude=("*",))) == [Outcome("/feed", "failed", reason=reason)]


def test_a_feed_is_not_followed_beyond_the_limit(run: Run) -> None:
    run.web.pages["/feed"] = "links /boats /trains"
    assert statuses(run("/feed", selection=Selection(limit=1))) == [("/boats", "added")]
    assert run.web.asked == ["/feed", "/boats"]


# -- pruning -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two articles, in the library too, and one beside the folder whose name begins like it."""
    folder = tmp_path / "articles"
    (folder / "deep").mkdir(parents=True)
    (tmp_path / "articles-of-others").mkdir()
    for path in (folder / "boats.md", folder / "deep" / "trains.md", tmp_path / "articles-of-others" / "cars.md"):
        path.write_text(NURSES.replace("Nurses", path.stem), encoding="utf-8")
    return folder


@pytest.fixture
def filled(library: Library, settings: IngestSettings, folder: Path) -> Library:
    list(add_articles([str(folder), str(folder.parent / "articles-of-others")], library, settings))
    return library


def list_ids(library: Library) -> list[str]:
    return [article.id for article in library.articles()]


def test_what_left_a_folder_is_removed(filled: Library, folder: Path) -> None:
    (folder / "deep" / "trains.md").unlink()
    outcomes = list(prune_folder(str(folder), filled))
    assert outcomes == [Outcome(str(folder / "deep" / "trains.md"), "removed", "trains", "trains", 1)]
    assert list_ids(filled) == ["boats", "cars"]
    assert filled.check() == []


def test_nothing_is_removed_while_everything_is_there(filled: Library, folder: Path) -> None:
    assert list(prune_folder(str(folder), filled)) == []


@pytest.mark.parametrize("remains", [True, False])
def test_nothing_is_removed_when_the_folder_is_empty_or_gone(filled: Library, folder: Path, remains: bool) -> None:
    (folder / "boats.md").unlink()
    (folder / "deep" / "trains.md").unlink()
    (folder / "deep").rmdir()
    if not remains:
        folder.rmdir()
    assert list(prune_folder(str(folder), filled)) == []
    assert list_ids(filled) == ["boats", "cars", "trains"]


def test_an_article_that_moved_within_the_folder_stays(filled: Library, settings: IngestSettings, folder: Path) -> None:
    (folder / "deep" / "trains.md").rename(folder / "railways.md")
    list(add_articles([str(folder)], filled, settings))
    assert statuses(list(prune_folder(str(folder), filled))) == [(str(folder / "deep" / "trains.md"), "kept")]
    assert filled.article("trains").source == str(folder / "railways.md")


# -- the real steps ----------------------------------------------------------------------------------------------------


def test_the_real_steps_are_the_default(library: Library, settings: IngestSettings, tmp_path: Path) -> None:
    file = tmp_path / "nurses.md"
    file.write_text(NURSES, encoding="utf-8")
    outcome = add_article(str(file), library, settings)
    assert (outcome.status, outcome.article_id) == ("added", "nurses")
    assert library.check() == []


def test_pages_are_read_in_a_child_process(settings: IngestSettings) -> None:
    with open_steps(settings) as steps, pytest.raises(SourceUnreadable, match="could not be read: reading it"):
        steps.extract_article(Page("/articles/odd", NURSES.encode(), "no/such-kind"))
