"""Work done ahead of whoever takes its results: in order, by threads, and never far ahead."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def look_ahead(items: Iterable[Item], work: Callable[[Item], Result], *, threads: int, depth: int) -> Generator[Result]:
    """The result of `work` for each item, in order; at most `depth` items are begun that nobody has asked for yet.

    The threads take items in turn, so that one is fetched while others are worked on. What either raises is raised in
    its place, and ends it. Whoever stops asking is not kept waiting: what is under way ends by itself, unseen.
    """
    ahead = _LookAhead(iter(items), work, depth)
    for number in range(threads):
        threading.Thread(target=ahead.run, daemon=True, name=f"look-ahead-{number}").start()
    try:
        while (future := ahead.begun.get()) is not None:
            ahead.room.release()
            yield future.result()
    finally:
        ahead.stop()


class _LookAhead(Generic[Item, Result]):
    """What the threads share."""

    def __init__(self, items: Iterator[Item], work: Callable[[Item], Result], depth: int) -> None:
        self._items = items
        self._work = work
        self._turn = threading.Lock()
        self._ended = False
        self.room = threading.Semaphore(depth)
        self.begun: SimpleQueue[Future[Result] | None] = SimpleQueue()

    def stop(self) -> None:
        self._ended = True
        self.room.release()

    def run(self) -> None:
        """A thread's whole life."""
        while True:
            self.room.acquire()
            with self._turn:
                taken = None if self._ended else self._take()
            if taken is None:
                break
            self._settle(*taken)
        self.room.release()  # for the next thread, which has ended then, too

    def _take(self) -> tuple[Future[Result], Item] | None:
        future: Future[Result] = Future()
        try:
            item = next(self._items)
        except StopIteration:
            self._ended = True
            self.begun.put(None)
            return None
        except BaseException as error:
            self._ended = True
            future.set_exception(error)
            self.begun.put(future)
            return None
        self.begun.put(future)
        return None if self._ended else (future, item)  # nobody asks any more

    def _settle(self, future: Future[Result], item: Item) -> None:
        try:
            future.set_result(self._work(item))
        except BaseException as error:
            future.set_exception(error)
