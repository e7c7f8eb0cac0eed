"""The whole path of an article into the library, top to bottom."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from ingest.article import LINKS, Outcome, Page, Unmodified, Validators
from ingest.errors import CareerError, SourceUnreadable
from ingest.extract import VERSION
from ingest.extract_links import Links
from ingest.fetch import Selection, name_source
from ingest.library import KnownSource, Library, Reading
from ingest.prepare import (
    Fetched,
    Item,
    Prepare,
    Prepared,
    Result,
    Steps,
    explain,
    open_steps,
    prepare_ahead,
    prepare_page,
)
from ingest.settings import IngestSettings

__all__ = ["Steps", "add_article", "add_articles", "open_steps", "prune_folder"]

log = logging.getLogger(__name__)

EVERYTHING = Selection()
DEEPEST_LIST = 2  # an index of sitemaps, then its sitemaps: the protocol knows no deeper one (sitemaps.org)


def add_article(source: str, library: Library, settings: IngestSettings, steps: Steps | None = None) -> Outcome:
    """Put one file or address into the library. Raises a CareerError that names the source and the remedy."""
    with _use(steps, settings) as opened:
        ingest = _Ingest(library, settings, opened)
        found = ingest.fetch(source)
        if isinstance(found, Outcome):
            return found
        if found.page.media_type == LINKS:
            raise SourceUnreadable(f"{source}: is a feed or a sitemap, not an article. Name one of its pages.")
        return ingest.store(prepare_page(found, settings, opened, lambda _article: False))


def add_articles(
    sources: Iterable[str],
    library: Library,
    settings: IngestSettings,
    *,
    selection: Selection = EVERYTHING,
    on_found: Callable[[int], None] = lambda _count: None,
    steps: Steps | None = None,
    prepare: Prepare = prepare_ahead,
) -> Iterator[Outcome]:
    """Put files, folders, URLs, and what feeds and sitemaps list into the library, one outcome each, in order.

    A source that fails leaves the others alone. `selection` says which files of a folder and which links of a list are
    wanted, and how many of each source; `on_found` hears of how many sources there are, as they are found, in another
    thread. `prepare` decides where pages are read and embedded. Raises what concerns every source: a LibraryError, or
    EmbeddingModelUnknown.
    """
    library.check_embedding_model()  # also when no source turns out to be new
    with _use(steps, settings) as opened, library.index_in_portions():
        ingest = _Ingest(library, settings, opened, selection, on_found)
        with closing(prepare(ingest.fetch_all(sources), library, settings, opened)) as prepared:
            yield from map(ingest.finish, prepared)


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

    def fetch_all(self, sources: Iterable[str]) -> Iterator[Item]:
        """Every page of the sources, and the outcome of every source that has none to prepare."""
        for source in sources:
            yield from islice(self._fetch_source(source), self.selection.limit or None)

    def _fetch_source(self, source: str) -> Iterator[Item]:
        try:
            found = self.steps.list_sources(source, self.selection)
        except CareerError as error:
            self.on_found(1)
            yield explain(source, error)
            return
        self.on_found(len(found))
        for one in found:
            yield from self._fetch_one(one, DEEPEST_LIST)

    def _fetch_one(self, source: str, lists: int) -> Iterator[Item]:
        """One file or address: a page, or, where so many lists may follow one another, what a list leads to."""
        try:
            found = self.fetch(source)
            if isinstance(found, Outcome) or found.page.media_type != LINKS:
                yield found
                return
            links = self._list_links(found.page, lists)
        except Exception as error:
            yield explain(source, error)
            return
        self.on_found(len(links.addresses) - 1)  # the list itself was counted
        for address in links.addresses:
            yield from self._fetch_one(address, lists - 1 if links.lead_to_lists else 0)

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

    def fetch(self, source: str) -> Item:
        """The source as it is now; the outcome of one that has not changed."""
        known = self.library.find_source(name_source(source))
        page = self.steps.fetch_page(source, _choose_validators(known))  # 1. bytes, from a file or a URL
        if known is not None and _is_as_before(page, known.reading):
            return Outcome(source, "unchanged", known.article.id, known.article.title, known.passages)
        if isinstance(page, Unmodified):
            raise SourceUnreadable(f"{source}: the server sent nothing, as if it had been read before. Try again.")
        return Fetched(source, page)

    def finish(self, result: Result) -> Outcome:
        """What became of a source in the end."""
        if isinstance(result, Outcome):
            return result
        try:
            return self.store(result)
        except Exception as error:
            return explain(result.source, error)

    def store(self, prepared: Prepared) -> Outcome:
        article, reading = prepared.article, prepared.reading
        stored = self.library.find_unchanged(article)
        if stored is not None:
            self.library.note_source(stored.article.id, article.source, reading)
        else:
            # What was held when it was read, and left out therefore, may have gone since.
            passages = prepared.passages or self.steps.split_article(article, self.settings)
            made = prepared.made
            stored = self.library.replace(article, passages, reading, made)  # 4. embedded, committed, searchable
        return Outcome(prepared.source, stored.status, stored.article.id, stored.article.title, stored.passages)


def _choose_validators(known: KnownSource | None) -> Validators:
    """None for a page that an older reader has read: it is to be read again."""
    return known.reading.validators if known is not None and known.reading.reader == VERSION else Validators()


def _is_as_before(page: Page | Unmodified, reading: Reading) -> bool:
    """True when the same reader has read the same bytes: they need not be parsed again."""
    return isinstance(page, Unmodified) or (reading.page_hash, reading.reader) == (page.content_hash, VERSION)


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
