"""The chain in the background, so that the page stands at once and only the first question waits."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any, Protocol

from ingest.article import Article
from ingest.catalog_feedback import Feedback
from ingest.errors import CareerError
from ingest.library import Library

logger = logging.getLogger(__name__)


class PageLibrary(Protocol):
    """What the page needs of the library."""

    def article(self, article_id: str, /) -> Article: ...
    def refuse_unknown(self, article_ids: Sequence[str], /) -> None: ...
    def articles(self) -> Sequence[Any]: ...
    def headings(self) -> Sequence[Any]: ...
    def keep_feedback(self, feedback: Feedback, /) -> None: ...
    def feedback(self) -> Sequence[Feedback]: ...
    def open_writer(self, tell: Callable[[str], None], /) -> Library: ...


class Chain(Protocol):
    """What the page asks of the chain (assistant/answer.py): snapshots of a reply, the last one proved."""

    @property
    def library(self) -> PageLibrary: ...
    def stream(self, question: Any, /) -> Iterator[Any]: ...


class ChainLoader:
    """Calls `load` once, in a thread of its own. After a failure the next one who asks makes it try again."""

    def __init__(self, load: Callable[[], Chain]) -> None:
        self._load = load
        self._lock = threading.Lock()
        self._chain: Future[Chain] | None = None

    @classmethod
    def holding(cls, chain: Chain) -> ChainLoader:
        """A loader that has nothing left to do."""
        loader = cls(lambda: chain)
        loader._chain = Future()
        loader._chain.set_result(chain)
        return loader

    def start(self) -> Future[Chain]:
        """The chain to come; begins loading when that has not begun yet, or failed."""
        with self._lock:
            if self._chain is None or (self._chain.done() and self._chain.exception() is not None):
                self._chain = Future()
                self._chain.set_running_or_notify_cancel()  # a visitor who leaves must not cancel it for all others
                # A daemon: Ctrl+C must not wait for a model to finish loading.
                threading.Thread(target=self._fulfil, args=(self._chain,), daemon=True, name="load-chain").start()
            return self._chain

    @property
    def is_ready(self) -> bool:
        chain = self._chain
        return chain is not None and chain.done() and chain.exception() is None

    @property
    def is_loading(self) -> bool:
        chain = self._chain
        return chain is not None and not chain.done()

    @property
    def has_failed(self) -> bool:
        chain = self._chain
        return chain is not None and chain.done() and chain.exception() is not None

    def _fulfil(self, chain: Future[Chain]) -> None:
        try:
            chain.set_result(self._load())
        except CareerError as error:
            logger.warning("the library could not be opened: %s", error)
            chain.set_exception(error)
        except BaseException as error:  # whoever waits must be woken, whatever happened
            logger.exception("the library could not be opened")
            chain.set_exception(error)
