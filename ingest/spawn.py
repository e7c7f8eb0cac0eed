"""Processes of this machine that are trusted as this one is, and what they answer.

A process that is not trusted, because of what it reads, is a child of ingest/child.py.
"""

from __future__ import annotations

import logging
import multiprocessing
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from logging.handlers import QueueHandler
from multiprocessing.context import SpawnProcess
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

T = TypeVar("T")


def spawn(target: Callable[..., None], *arguments: Any) -> SpawnProcess:
    """A process that runs `target`. It does not hear Ctrl+C, which goes to all of a terminal: the first one ends it."""
    context = multiprocessing.get_context("spawn")  # a fork would copy locks that other threads hold
    process = context.Process(target=target, args=arguments, daemon=True)
    with _deaf_to_interrupts():
        process.start()
    return process


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Processes started meanwhile are, and the threads of this one are again afterwards what they were."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@dataclass(frozen=True)
class Answer(Generic[T]):
    """What came of work in another process, and what was logged there meanwhile: both are the first process's."""

    result: T | Exception
    log: list[logging.LogRecord]

    def take(self) -> T:
        """The result. Raises what the work raised."""
        for record in self.log:
            logging.getLogger(record.name).handle(record)
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


def answer(work: Callable[[], T]) -> Answer[T]:
    """Do it, and raise nothing: something that can be pickled."""
    with _collect_log() as records:
        try:
            result: T | Exception = work()
        except Exception as error:
            result = error
    return Answer(result, [records.get() for _ in range(records.qsize())])


@contextmanager
def _collect_log() -> Iterator[SimpleQueue[logging.LogRecord]]:
    """Keep what is logged meanwhile off the terminal, where logging would print tracebacks. They become text."""
    records: SimpleQueue[logging.LogRecord] = SimpleQueue()
    handler, root = QueueHandler(records), logging.getLogger()
    root.addHandler(handler)
    try:
        yield records
    finally:
        root.removeHandler(handler)
