"""A page -> an article in passages, with their vectors when they are made elsewhere: all that needs no library.

The one library is written by one process. Whatever can be done without it stands here, so that threads of this process
(`prepare_ahead`), other processes (ingest/workers.py) and other machines (ingest/cluster.py) do the same.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from ingest.article import Article, Outcome, Page, Passage, Unmodified, Validators
from ingest.errors import ArticleUnknown, CareerError, EmbeddingModelUnknown, LibraryError
from ingest.extract import VERSION
from ingest.extract_links import Links
from ingest.fetch import Fetcher, Selection, list_sources
from ingest.library import Known, Library, Made, Reading, describe_embedding, make_vectors, vector_key
from ingest.look_ahead import look_ahead
from ingest.reader import PageReader
from ingest.settings import IngestSettings
from ingest.split import split_article

if TYPE_CHECKING:
    from ingest.pooling import Embedder

log = logging.getLogger(__name__)

READERS = 2  # threads: one fetches a page while the other waits for the child process that reads the one before
AHEAD = 4  # pages


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


@dataclass(frozen=True)
class Fetched:
    """A page that the library may not hold as it is now."""

    source: str  # as the editor named it
    page: Page


@dataclass(frozen=True)
class Prepared:
    """What the library is to store."""

    source: str
    article: Article
    reading: Reading
    passages: list[Passage]
    made: Made | None = None  # None: its vectors are still to be made


Item = Outcome | Fetched  # an outcome: of a source that there is nothing to prepare of
Result = Outcome | Prepared


class Prepare(Protocol):
    """A way to prepare pages: each in the order given, outcomes passed on in their place."""

    def __call__(
        self, items: Iterable[Item], library: Library, settings: IngestSettings, steps: Steps
    ) -> Generator[Result]: ...


def prepare_ahead(items: Iterable[Item], library: Library, settings: IngestSettings, steps: Steps) -> Generator[Result]:
    """In threads of this process: while one article is embedded the next ones are fetched and read."""

    def prepare(item: Item) -> Result:
        return prepare_item(item, settings, steps, lambda article: library.find_unchanged(article) is not None)

    return look_ahead(items, prepare, threads=READERS, depth=AHEAD)


def prepare_item(item: Item, settings: IngestSettings, steps: Steps, is_known: Callable[[Article], bool]) -> Result:
    """The page prepared, or why not."""
    if isinstance(item, Outcome):
        return item
    try:
        return prepare_page(item, settings, steps, is_known)
    except Exception as error:
        return explain(item.source, error)


def prepare_page(
    fetched: Fetched, settings: IngestSettings, steps: Steps, is_known: Callable[[Article], bool]
) -> Prepared:
    """Steps 2 and 3; what the library holds already is not split. Raises a CareerError."""
    page = fetched.page
    article = steps.extract_article(page)  # 2. title, date, clean Markdown text
    reading = Reading(page.content_hash, VERSION, page.validators)
    passages = [] if is_known(article) else steps.split_article(article, settings)  # 3. spans of it, headings kept
    return Prepared(fetched.source, article, reading, passages)


class Preparer:
    """Prepares pages to the last vector, in a process that has no library."""

    def __init__(
        self, settings: IngestSettings, steps: Steps, known: Known, load: Callable[[IngestSettings, str], Embedder]
    ) -> None:
        self._settings = settings
        self._steps = steps
        self._known = known
        self._load = load
        self._embedder: Embedder | None = None

    def __call__(self, item: Item) -> Result:
        prepared = prepare_item(item, self._settings, self._steps, self._known.holds)
        return self._embed(prepared) if isinstance(prepared, Prepared) and prepared.passages else prepared

    def _embed(self, prepared: Prepared) -> Prepared:
        if self._embedder is None:
            self._embedder = self._load(self._settings, self._known.method)
        new = {vector_key(passage): passage for passage in prepared.passages}
        new = {key: passage for key, passage in new.items() if key not in self._known.vector_keys}
        embedding = describe_embedding(self._settings, self._embedder)
        return replace(prepared, made=Made(embedding, make_vectors(self._embedder, new)))


def trim_settings(settings: IngestSettings, *, embedding_threads: int) -> IngestSettings:
    """What another process needs to know: no keys, no passwords."""
    needed = {name: getattr(settings, name) for name in IngestSettings.model_fields}
    return IngestSettings.model_construct(**{**needed, "embedding_threads": embedding_threads})


def explain(source: str, error: Exception) -> Outcome:
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
