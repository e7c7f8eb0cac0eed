"""Pages are read in a child process: one that crashes, hangs or fills the memory fails alone."""

from __future__ import annotations

import logging
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ingest.article import Article, Page
from ingest.child import Child, ChildFailed, Limits
from ingest.draft import DraftRefused
from ingest.errors import SourceError, SourceUnreadable
from ingest.extract_links import Links, read_links

if TYPE_CHECKING:  # the child imports this file, and pydantic is a third of what it would import
    from ingest.settings import IngestSettings

log = logging.getLogger(__name__)

_REFUSALS = {kind.__name__: kind for kind in SourceError.__subclasses__()}


class PageReader:
    """Reads pages in a child process, which starts with the first page and again after one that ended it."""

    def __init__(self, settings: IngestSettings) -> None:
        limits = Limits(settings.read_timeout, settings.read_memory)
        self._child = Child("ingest.reader:read_in_child", limits)

    def __enter__(self) -> PageReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._child.close()

    @property
    def peak_memory(self) -> int:
        """Bytes that a child took, at most, as far as one lived to tell; 0 where the system does not tell."""
        return self._child.peak_memory

    def extract_article(self, page: Page) -> Article:
        """As `extract.extract_article`, with its errors; SourceUnreadable also for a page that ends the child."""
        fields = self._ask("article", page)["article"]
        return Article(**{**fields, "pages": tuple(fields["pages"])})

    def list_links(self, page: Page) -> Links:
        """The addresses in a feed or a sitemap. Raises SourceUnreadable, which names the source."""
        found = self._ask("links", page)
        return Links(tuple(map(str, found["addresses"])), bool(found["lead_to_lists"]))

    def _ask(self, task: str, page: Page) -> dict[str, Any]:
        about = {"source": page.source, "media_type": page.media_type, "url": page.url, "fetched_at": page.fetched_at}
        try:
            reply = self._child.ask({"task": task, "page": about}, page.content)
        except ChildFailed as error:
            log.warning("%r could not be read", page.source, exc_info=True)
            reason = f"{page.source}: could not be read: reading it {error}."
            raise SourceUnreadable(_on_one_line(f"{reason} Save its text as .md or .txt and ingest that.")) from error
        if "refused" in reply:
            raise _REFUSALS.get(reply["refused"], SourceError)(_on_one_line(reply["message"]))
        return reply


def _on_one_line(message: str) -> str:
    """A file's name may hold line breaks."""
    return " ".join(message.splitlines())


def read_in_child(header: dict[str, Any], payload: bytes) -> dict[str, Any]:
    """What PageReader asks for, or the refusal; readers are imported here, so that no other page pays for them."""
    page = Page(content=payload, **header["page"])
    try:
        if header["task"] == "links":
            return asdict(_list_links(page))
        return {"article": _extract(page)}
    except SourceError as error:
        return {"refused": type(error).__name__, "message": str(error)}


def _list_links(page: Page) -> Links:
    try:
        return read_links(page.content, page.url)
    except DraftRefused as error:
        raise SourceUnreadable(f"{page.source}: {error}") from error


def _extract(page: Page) -> dict[str, Any]:
    from ingest.extract import extract_article

    return asdict(extract_article(page))
