"""The Articles tab: the library as a table; adding, reading again and removing for those who may."""

from __future__ import annotations

import logging
from asyncio import wrap_future
from collections.abc import Generator, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import gradio
from gradio.utils import get_upload_folder

from assistant.errors import CareerError
from assistant.page.access import may_edit
from assistant.page.component import UNEXPECTED, html, read_event
from assistant.page.loader import ChainLoader, PageLibrary
from assistant.page.shelf import (
    COLUMNS,
    FILES_AT_ONCE,
    LINKS_AT_ONCE,
    PAGES_OF_A_LIST,
    Shelf,
    View,
    render_progress,
    render_refused,
    render_shelf,
    render_tools,
)
from assistant.page.uploads import Upload, add_upload, remove_article
from assistant.page.work import Tell, Work, Workplace
from assistant.settings import Settings
from ingest.addresses import is_web_address
from ingest.article import Outcome
from ingest.errors import SourceError
from ingest.fetch import Selection
from ingest.pipeline import add_article, add_articles, open_steps

logger = logging.getLogger(__name__)

MAY_NOT = "You can read the articles here, but not change them."
WORK_AT_ONCE = 4  # one writes and the others wait for it; each takes a thread

_GETTING_READY = '<p class="progress"><span class="dots" aria-hidden="true"></span>The articles are being opened.</p>'


class ArticlesTab:
    """The tab's components and what happens on each event. Holds nothing of any visitor."""

    def __init__(self, loader: ChainLoader, settings: Settings) -> None:
        self._loader = loader
        self._settings = settings
        self._workplace = Workplace()

    def compose(self) -> None:
        """Lay the components out and connect their events, inside the tab's column."""
        tools = html("", "adding.js", elem_id="shelf-tools")
        progress = html("", "work.js", elem_id="shelf-work")
        shelf = html(_GETTING_READY, "shelf.js", elem_id="shelf")
        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        work: dict[str, Any] = {"outputs": [progress], "concurrency_limit": WORK_AT_ONCE, **quiet}
        shelf.focus(self.show_tools, None, [tools], concurrency_limit=None, **quiet)
        shelf.input(self.show, None, [shelf], concurrency_limit=None, trigger_mode="always_last", **quiet)
        gradio.on([tools.upload], self.add_files, concurrency_id="work", **work)
        gradio.on([tools.submit], self.add_links, concurrency_id="work", **work)
        gradio.on([tools.delete], self.remove, concurrency_id="work", **work)
        gradio.on([shelf.edit], self.read_again, concurrency_id="work", **work)
        progress.clear(self.stop, None, None, concurrency_limit=None, **quiet)

    # -- what is shown -------------------------------------------------------------------------------------------------

    def show_tools(self, request: gradio.Request) -> str:
        return render_tools(may_edit=may_edit(request, self._settings), max_bytes=self._settings.fetch_max_bytes)

    async def show(self, event: gradio.EventData, request: gradio.Request) -> str:
        """The page of the table that is asked for."""
        try:
            chain = await wrap_future(self._loader.start())
            shelf = Shelf(chain.library.articles(), self._settings.home, may_edit(request, self._settings))
            return render_shelf(shelf, _read_view(event))
        except CareerError as error:
            return render_refused(str(error))
        except Exception:
            logger.exception("the articles could not be shown")
            return render_refused(UNEXPECTED)

    # -- what is done --------------------------------------------------------------------------------------------------

    def add_files(self, event: gradio.EventData, request: gradio.Request) -> Iterator[str]:
        """Add what was uploaded, one outcome a file."""
        sent = read_event(event, "files")
        files = sent if isinstance(sent, list) else []
        if len(files) > FILES_AT_ONCE:
            yield render_refused(f"{len(files)} files at once are too many; at most {FILES_AT_ONCE}. Choose fewer.")
            return
        uploads = [_read_upload(each) for each in files]
        yield from self._work(partial(self._add_uploads, uploads), request, len(uploads))

    def add_links(self, event: gradio.EventData, request: gradio.Request) -> Iterator[str]:
        """Add pages of the web, and what feeds and sitemaps list."""
        links = str(read_event(event, "links") or "").split()
        if len(links) > LINKS_AT_ONCE:
            yield render_refused(f"{len(links)} links at once are too many; at most {LINKS_AT_ONCE}. Add fewer.")
            return
        yield from self._work(partial(self._add_links, links), request)

    def read_again(self, event: gradio.EventData, request: gradio.Request) -> Iterator[str]:
        """Read an article's source again."""
        article_id = str(read_event(event, "article") or "")
        yield from self._work(partial(self._read_again, article_id), request, 1)

    def remove(self, event: gradio.EventData, request: gradio.Request) -> Iterator[str]:
        """Remove an article; who asks has confirmed it."""
        article_id = str(read_event(event, "article") or "")
        yield from self._work(partial(self._remove, article_id), request, 1)

    def stop(self, event: gradio.EventData) -> None:
        self._workplace.stop(str(read_event(event, "name") or ""))

    def _work(self, work: Work, request: gradio.Request, found: int = 0) -> Iterator[str]:
        """Every deed passes here, where it is asked who may."""
        if not may_edit(request, self._settings):
            yield render_refused(MAY_NOT)
            return
        for progress in self._workplace.follow(work, found):
            yield render_progress(progress)

    def _library(self) -> PageLibrary:
        return self._loader.start().result().library

    def _add_uploads(self, uploads: Sequence[Upload | Outcome], tell: Tell) -> Generator[Outcome]:
        with self._library().open_writer(tell.waiting) as library, open_steps(self._settings) as steps:
            library.check_embedding_model()
            for upload in uploads:
                yield upload if isinstance(upload, Outcome) else add_upload(upload, library, self._settings, steps)

    def _add_links(self, links: Sequence[str], tell: Tell) -> Generator[Outcome]:
        refused = [link for link in links if not is_web_address(link)]
        tell.found(len(refused))
        for link in refused:
            yield Outcome(link, "failed", reason=f"{link[:200]}: not a link. Begin with https:// or http://.")
        wanted = [link for link in links if link not in refused]
        with self._library().open_writer(tell.waiting) as library:
            selection = Selection(limit=PAGES_OF_A_LIST)
            yield from add_articles(wanted, library, self._settings, selection=selection, on_found=tell.found)

    def _read_again(self, article_id: str, tell: Tell) -> Generator[Outcome]:
        source = self._library().article(article_id).source
        with self._library().open_writer(tell.waiting) as library:
            try:
                yield add_article(source, library, self._settings)
            except SourceError as error:
                yield Outcome(source, "failed", reason=str(error))

    def _remove(self, article_id: str, tell: Tell) -> Generator[Outcome]:
        with self._library().open_writer(tell.waiting) as library:
            yield remove_article(article_id, library, self._settings.home)


def _read_view(event: gradio.EventData) -> View:
    words, column, page = (read_event(event, name) for name in ("words", "column", "page"))
    return View(
        words if isinstance(words, str) else "",
        column if column in COLUMNS else "title",
        read_event(event, "descending") is True,
        page if isinstance(page, int) else 0,
    )


def _read_upload(sent: Any) -> Upload | Outcome:
    """A file of those that the server received, and of no others; or why it cannot be one."""
    name, path = (sent.get(key) if isinstance(sent, dict) else None for key in ("name", "path"))
    shown = name if isinstance(name, str) and name else "A file"
    received = Path(path) if isinstance(path, str) and path and "\0" not in path else None
    if received is None or not _is_received(received):
        return Outcome(shown[:200], "failed", reason=f"{shown[:200]}: did not arrive. It may be too large; try again.")
    return Upload(shown, received)


def _is_received(path: Path) -> bool:
    folder = Path(get_upload_folder()).resolve()
    return path.resolve().is_relative_to(folder) and path.is_file()
