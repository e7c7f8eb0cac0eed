"""The whole path of an article into the library, top to bottom."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from ingest.article import Article, Page, Passage
from ingest.errors import CareerError, EmbeddingModelUnknown, LibraryError
from ingest.extract import extract_article
from ingest.fetch import fetch_page, list_sources
from ingest.library import Library
from ingest.settings import IngestSettings
from ingest.split import split_article

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What became of one source."""

    source: str
    status: str  # "added", "updated", "unchanged" or "failed"
    article_id: str = ""
    title: str = ""
    passages: int = 0
    reason: str = ""  # why it failed, in one line


@dataclass(frozen=True)
class Steps:
    """The steps before the library, so that tests can pass others."""

    list_sources: Callable[[str], list[str]] = list_sources
    fetch_page: Callable[[str, IngestSettings], Page] = fetch_page
    extract_article: Callable[[Page], Article] = extract_article
    split_article: Callable[[Article, IngestSettings], list[Passage]] = split_article


STEPS = Steps()


def add_article(source: str, library: Library, settings: IngestSettings, steps: Steps = STEPS) -> Outcome:
    """Put one file or URL into the library. Raises a CareerError that names the source and the remedy."""
    page = steps.fetch_page(source, settings)  # 1. bytes, from a file or a URL
    article = steps.extract_article(page)  # 2. title, date, clean Markdown text
    stored = library.find_unchanged(article)  # nothing to split and embed when it is there already
    if stored is None:
        passages = steps.split_article(article, settings)  # 3. spans of that text, headings kept
        stored = library.replace(article, passages)  # 4. embedded, committed, searchable
    return Outcome(source, stored.status, stored.article.id, stored.article.title, stored.passages)


def add_articles(
    sources: Iterable[str], library: Library, settings: IngestSettings, steps: Steps = STEPS
) -> Iterator[Outcome]:
    """Put files, folders and URLs into the library, one outcome each, in order; one that fails leaves the others alone.

    Raises what concerns every source: a LibraryError, or EmbeddingModelUnknown.
    """
    for source in sources:
        try:
            found = steps.list_sources(source)
        except CareerError as error:
            yield Outcome(source, "failed", reason=str(error))
            continue
        for one in found:
            yield _try_article(one, library, settings, steps)


def _try_article(source: str, library: Library, settings: IngestSettings, steps: Steps) -> Outcome:
    try:
        return add_article(source, library, settings, steps)
    except (LibraryError, EmbeddingModelUnknown):
        raise
    except CareerError as error:
        log.info("%s failed", source, exc_info=True)
        return Outcome(source, "failed", reason=str(error))
    except Exception as error:
        # A parser may stumble over a page in any way; the other pages must not suffer.
        log.exception("%s could not be read", source)
        return Outcome(source, "failed", reason=f"{source}: could not be read: {type(error).__name__}.")
