"""One writer at a time, across processes, with a note that tells the others who it is."""

from __future__ import annotations

import json
import logging
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from ingest.errors import LibraryLocked, LibraryUnwritable

log = logging.getLogger(__name__)


class WriterLock:
    """One writer at a time, in any process. The lock is the system's: it ends with the process that holds it."""

    def __init__(self, home: Path, timeout: float) -> None:
        self._lock = FileLock(home / "writer.lock")
        self._holder = home / "writer.json"
        self._timeout = timeout  # seconds

    @contextmanager
    def hold(self, wait: float | None = None) -> Iterator[None]:
        """Raises LibraryLocked, which names the holder, after `wait` seconds."""
        seconds = self._timeout if wait is None else wait
        try:
            self._lock.acquire(timeout=seconds)
        except Timeout as error:
            raise LibraryLocked(
                f"{self._holder.parent}: {self._describe_holder()} is writing to the library; waited {seconds:g} s. "
                "Try again when it is done, or raise CAREER_LOCK_TIMEOUT."
            ) from error
        except OSError as error:
            raise LibraryUnwritable(
                f"{self._holder.parent}: cannot be written ({error.strerror}). Fix the permissions, or set CAREER_HOME "
                "to another folder."
            ) from error
        try:
            self._write_holder()
            yield
        finally:
            self._remove_holder()
            self._lock.release()

    def _write_holder(self) -> None:
        holder = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])[:200],
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        try:
            self._holder.write_text(json.dumps(holder), encoding="utf-8")
        except OSError:
            log.debug("the holder of the writer lock cannot be noted", exc_info=True)

    def _remove_holder(self) -> None:
        try:
            self._holder.unlink(missing_ok=True)
        except OSError:
            log.debug("the note about the holder cannot be removed", exc_info=True)

    def _describe_holder(self) -> str:
        try:
            note = json.loads(self._holder.read_text(encoding="utf-8"))
            return f"process {note['pid']} on {note['host']} ({note['command']}, since {note['since']})"
        except (OSError, ValueError, KeyError, TypeError):
            return "another process"  # it took the lock a moment ago
