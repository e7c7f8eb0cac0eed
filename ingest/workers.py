"""Pages prepared by several processes of this machine, while this one fetches them and writes what they made.

Addresses are fetched by one process, which is polite to hosts, and the library is written by the same. The others read,
split and embed. They are trusted as this one is: what a hostile file may take over is the child process of each.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from ingest.article import Outcome
from ingest.embed import load_embedder
from ingest.errors import WorkerLost
from ingest.library import Known, Library
from ingest.look_ahead import look_ahead
from ingest.prepare import Item, Preparer, Result, Steps, open_steps, trim_settings
from ingest.settings import IngestSettings
from ingest.spawn import Answer, answer, spawn

if TYPE_CHECKING:
    from ingest.pooling import Embedder

FAREWELL = 2  # seconds that a process may take to end


class Workers:
    """Prepares pages in so many processes. Raises WorkerLost when one of them ends before its time."""

    def __init__(self, count: int, load: Callable[[IngestSettings, str], Embedder] = load_embedder) -> None:
        self._count = count
        self._load = load  # in the other process: something that can be imported

    def __call__(
        self,
        items: Iterable[Item],
        library: Library,
        settings: IngestSettings,
        steps: Steps,  # noqa: ARG002 - each process has its own
    ) -> Generator[Result]:
        threads = max(1, settings.embedding_threads // self._count)
        trimmed = trim_settings(settings, embedding_threads=threads)
        with _open_workers(self._count, trimmed, library.list_known(), self._load) as ask:
            # One thread more than workers: it has the next page when one of them is free.
            ahead = look_ahead(items, ask, threads=self._count + 1, depth=2 * self._count)
            with closing(ahead):
                yield from ahead


@contextmanager
def _open_workers(
    count: int, settings: IngestSettings, known: Known, load: Callable[[IngestSettings, str], Embedder]
) -> Iterator[Callable[[Item], Result]]:
    """A function that prepares one page in whichever worker is free."""
    workers = [Worker(settings, known, load) for _ in range(count)]
    free: SimpleQueue[Worker] = SimpleQueue()
    for worker in workers:
        free.put(worker)

    def ask(item: Item) -> Result:
        if isinstance(item, Outcome):
            return item
        worker = free.get()
        try:
            return worker.ask(item)
        finally:
            free.put(worker)

    try:
        yield ask
    finally:
        for worker in workers:
            worker.end()


class Worker:
    """One process, and the pipe to it."""

    def __init__(self, *arguments: Any) -> None:
        self._connection, other = multiprocessing.Pipe()
        self._process = spawn(_serve, other, *arguments)
        other.close()

    def ask(self, item: Item) -> Result:
        try:
            self._connection.send(item)
            answered: Answer[Result] = self._connection.recv()
        except (EOFError, OSError) as error:
            self._process.join(FAREWELL)
            raise WorkerLost(
                f"a process of --workers ended (exit status {self._process.exitcode}), perhaps for want of memory. "
                "What was stored is kept: ingest the same again, with fewer --workers."
            ) from error
        return answered.take()

    def end(self) -> None:
        """At once, whatever it does; its own child ends with it."""
        self._process.kill()
        self._process.join(FAREWELL)
        self._connection.close()


def _serve(
    connection: Connection, settings: IngestSettings, known: Known, load: Callable[[IngestSettings, str], Embedder]
) -> None:
    """A worker's whole life."""
    with suppress(EOFError, OSError), open_steps(settings) as steps:  # the pipe ends with the first process
        prepare = Preparer(settings, steps, known, load)
        while True:
            item = connection.recv()
            connection.send(answer(partial(prepare, item)))
