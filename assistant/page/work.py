"""Work on the library that takes a while: done in a thread of its own, followed by who asked for it, and stopped."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from queue import SimpleQueue
from typing import Protocol

from assistant.errors import CareerError
from assistant.page.component import UNEXPECTED
from ingest.article import Outcome

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Progress:
    """How far a piece of work is."""

    name: str  # by which it can be stopped: a secret of who began it
    found: int = 0  # sources, as far as is known
    outcomes: tuple[Outcome, ...] = ()
    waiting: str = ""  # what it waits for, in one line
    error: str = ""  # what ended it, in one line
    is_stopped: bool = False
    is_done: bool = False


class Tell(Protocol):
    """What the work tells while it goes on."""

    def found(self, sources: int, /) -> None: ...
    def waiting(self, line: str, /) -> None: ...


Work = Callable[[Tell], Generator[Outcome]]
Change = Callable[[Progress], Progress]


class Workplace:
    """The work that is going on. It outlives its page: a visitor who leaves loses no outcome, and leaves none half."""

    def __init__(self) -> None:
        self._stops: dict[str, threading.Event] = {}

    def follow(self, work: Work, found: int = 0) -> Iterator[Progress]:
        """Begin the work; its progress at once and with everything that becomes known, the last one done."""
        name, stop, news = secrets.token_urlsafe(12), threading.Event(), _News()
        self._stops[name] = stop
        threading.Thread(target=self._do, args=(name, work, stop, news), daemon=True, name="articles").start()
        progress = Progress(name, found)
        yield progress
        while (change := news.changes.get()) is not None:
            progress = change(progress)
            yield progress
        yield replace(progress, waiting="", is_stopped=stop.is_set(), is_done=True)

    def stop(self, name: str) -> None:
        """End the work after the source that it is at, which is finished."""
        if name in self._stops:
            self._stops[name].set()

    def _do(self, name: str, work: Work, stop: threading.Event, news: _News) -> None:
        try:
            with closing(work(news)) as outcomes:
                for outcome in outcomes:
                    news.outcome(outcome)
                    if stop.is_set():
                        break
        except CareerError as error:
            news.error(str(error))
        except Exception:
            logger.exception("work on the library failed")
            news.error(UNEXPECTED)
        finally:
            del self._stops[name]
            news.changes.put(None)


class _News:
    """What the work's thread tells the one that follows it."""

    def __init__(self) -> None:
        self.changes: SimpleQueue[Change | None] = SimpleQueue()

    def found(self, sources: int) -> None:
        self.changes.put(lambda progress: replace(progress, found=progress.found + sources))

    def waiting(self, line: str) -> None:
        self.changes.put(lambda progress: replace(progress, waiting=line))

    def outcome(self, outcome: Outcome) -> None:
        self.changes.put(lambda progress: replace(progress, outcomes=(*progress.outcomes, outcome), waiting=""))

    def error(self, line: str) -> None:
        self.changes.put(lambda progress: replace(progress, error=line))
