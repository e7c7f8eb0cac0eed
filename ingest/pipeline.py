"""The whole path of an article into the library, top to bottom."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from ingest.article import LINKS, Article, Outcome, Page, Passage, Unmodified, Validators
from ingest.errors import (
    ArticleUnknown,
    CareerError,
    EmbeddingModelUnknown,
    LibraryError,
    SourceUnreadable,
)
from ingest.extract import VERSION
from ingest.extract_links import Links
from ingest.fetch import Fetcher, Selection, list_sources, name_source
from ingest.library import KnownSource, Library, Reading
from ingest.reader import PageReader
from ingest.settings import IngestSettings
from ingest.split import split_article

log = logging.getLogger(__name__)

EVERYTHING = Selection()
DEEPEST_LIST = 2  # an index of sitemaps, then its sitemaps: the protocol knows no deeper one (sitemaps.org)


@dataclass(frozen=True)
class Steps:
    """The steps before the library, so that tests can pass others."""

    list_sources: Callable[[str, Selection], list[str]]
    fetch_page: Callable[[str, Validators], Page | Unmodified]
    list_links: Callable[[Page], Links]
    extract_article: Callable[[Page], Article]
    split_article: Callable[[Article, IngestSettings], list[Passage]]


@contextmanager
def open_steps(settings: IngestSettings) -> Iterator[Steps]:
    """The real steps, for one run: one fetcher, which is polite to hosts, and one child process that reads pages."""
    fetcher = Fetcher(settings)
    with PageReader(settings) as reader:
        yield Steps(list_sources, fetcher.fetch_page, reader.list_links, reader.extract_article, split_article)


def add_article(source: str, library: Library, settings: IngestSettings, steps: Steps | None = None) -> Outcome:
    """Put one file or address into the library. Raises a CareerError that names the source and the remedy."""
    with _use(steps, settings) as opened:
        ingest = _Ingest(library, settings, opened)
        known, page = ingest.fetch(source)
        if isinstance(page, Page) and page.media_type == LINKS:
            raise SourceUnreadable(f"{source}: is a feed or a sitemap, not an article. Name one of its pages.")
        return ingest.add_page(source, page, known)


def add_articles(
    sources: Iterable[str],
    library: Library,
    settings: IngestSettings,
    *,
    selection: Selection = EVERYTHING,
    on_found: Callable[[int], None] = lambda _count: None,
    steps: Steps | None = None,
) -> Iterator[Outcome]:
    """Put files, folders, URLs, and what feeds and sitemaps list into the library, one outcome each, in order.

    A source that fails leaves the others alone. `selection` says which files of a folder and which links of a list are
    wanted, and how many of each source; `on_found` hears of how many sources there are, as they are found. Raises what
    concerns every source: a LibraryError, or EmbeddingModelUnknown.
    """
    library.check_embedding_model()  # also when no source turns out to be new
    with _use(steps, settings) as opened:
        yield from _Ingest(library, settings, opened, selection, on_found).run(sources)


def _use(steps: Steps | None, settings: IngestSettings) -> AbstractContextManager[Steps]:
    return open_steps(settings) if steps is None else nullcontext(steps)


@dataclass(frozen=True)
class _Ingest:
    """One run over some sources."""

    library: Library
    settings: IngestSettings
    steps: Steps
    selection: Selection = EVERYTHING
    on_found: Callable[[int], None] = lambda _count: None

    def run(self, sources: Iterable[str]) -> Iterator[Outcome]:
        for source in sources:
            yield from islice(self._add_source(source), self.selection.limit or None)

    def _add_source(self, source: str) -> Iterator[Outcome]:
        try:
            found = self.steps.list_sources(source, self.selection)
        except CareerError as error:
            self.on_found(1)
            yield _explain(source, error)
            return
        self.on_found(len(found))
        for one in found:
            yield from self._add(one, DEEPEST_LIST)

    def _add(self, source: str, lists: int) -> Iterator[Outcome]:
        """One file or address: an article, or, where so many lists may follow one another, what a list leads to."""
        try:
            known, page = self.fetch(source)
            if not isinstance(page, Page) or page.media_type != LINKS:
                yield self.add_page(source, page, known)
                return
            links = self._list_links(page, lists)
        except Exception as error:
            yield _explain(source, error)
            return
        self.on_found(len(links.addresses) - 1)  # the list itself was counted
        for address in links.addresses:
            yield from self._add(address, lists - 1 if links.lead_to_lists else 0)

    def _list_links(self, page: Page, lists: int) -> Links:
        """The wanted links of a feed or a sitemap; which pages are wanted does not concern links to lists."""
        if not lists:
            raise SourceUnreadable(f"{page.source}: is a list within a list. Ingest it by itself.")
        links = self.steps.list_links(page)
        if links.lead_to_lists:
            return links
        wanted = tuple(filter(self.selection.admits, links.addresses))[: self.selection.limit or None]
        if not wanted:
            raise SourceUnreadable(f"{page.source}: --include and --exclude leave none of its links. Change them.")
        return Links(wanted)

    def fetch(self, source: str) -> tuple[KnownSource | None, Page | Unmodified]:
        """What the library knows of a source, and the source as it is now."""
        known = self.library.find_source(name_source(source))
        return known, self.steps.fetch_page(source, _choose_validators(known))  # 1. bytes, from a file or a URL

    def add_page(self, source: str, page: Page | Unmodified, known: KnownSource | None) -> Outcome:
        if known is not None and _is_as_before(page, known.reading):
            return Outcome(source, "unchanged", known.article.id, known.article.title, known.passages)
        if isinstance(page, Unmodified):
            raise SourceUnreadable(f"{source}: the server sent nothing, as if it had been read before. Try again.")
        article = self.steps.extract_article(page)  # 2. title, date, clean Markdown text
        reading = Reading(page.content_hash, VERSION, page.validators)
        stored = self.library.find_unchanged(article)
        if stored is not None:  # nothing to split and embed
            self.library.note_source(stored.article.id, article.source, reading)
        else:
            passages = self.steps.split_article(article, self.settings)  # 3. spans of that text, headings kept
            stored = self.library.replace(article, passages, reading)  # 4. embedded, committed, searchable
        return Outcome(source, stored.status, stored.article.id, stored.article.title, stored.passages)


def _choose_validators(known: KnownSource | None) -> Validators:
    """None for a page that an older reader has read: it is to be read again."""
    return known.reading.validators if known is not None and known.reading.reader == VERSION else Validators()


def _is_as_before(page: Page | Unmodified, reading: Reading) -> bool:
    """True when the same reader has read the same bytes: they need not be parsed again."""
    return isinstance(page, Unmodified) or (reading.page_hash, reading.reader) == (page.content_hash, VERSION)


def _explain(source: str, error: Exception) -> Outcome:
    """Why one source failed. What concerns every source is raised again."""
    if isinstance(error, ArticleUnknown):  # another process removed it between two steps
        return Outcome(source, "failed", reason=f"{source}: was removed meanwhile. Ingest it again to have it back.")
    if isinstance(error, LibraryError | EmbeddingModelUnknown):
        raise error
    if isinstance(error, CareerError):
        log.info("%r failed", source, exc_info=error)
        return Outcome(source, "failed", reason=str(error))
    log.error("%r could not be read", source, exc_info=error)
    return Outcome(source, "failed", reason=f"{source}: could not be read: {type(error).__name__}. The log says more.")


def prune_folder(folder: str, library: Library) -> Iterator[Outcome]:
    """Forget the sources below a folder whose files are no longer there; articles with another source stay.

    Nothing is forgotten below a folder that is missing or empty, as one is whose disk was not mounted, nor of what
    cannot be looked at.
    """
    path = Path(name_source(folder))
    if not path.is_dir() or not any(path.iterdir()):
        log.warning("%r is missing or empty: nothing below it is removed", folder)
        return
    for source in library.list_sources(str(path / "_")[:-1]):
        known = library.find_source(source)
        if known is None or not _is_gone(Path(source)):
            continue
        gone, article = library.forget_source(source), known.article
        if gone:
            yield Outcome(source, "removed", article.id, article.title, known.passages)
        else:
            left = library.article(article.id).source
            yield Outcome(source, "kept", article.id, article.title, known.passages, f"also read from {left}")


def _is_gone(path: Path) -> bool:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:  # no permission: it may be there
        return False
    return False
