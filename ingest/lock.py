"""One writer at a time, across processes, with a note that tells the others who it is."""

from __future__ import annotations

import json
import logging
import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from ingest.errors import LibraryLocked, LibraryUnwritable

log = logging.getLogger(__name__)

QUIET = 2  # seconds that a wait goes without a word


class WriterLock:
    """One writer at a time, in any process. The lock is the system's: it ends with the process that holds it."""

    def __init__(self, home: Path, timeout: float, tell: Callable[[str], None] = log.warning) -> None:
        self._lock = FileLock(home / "writer.lock")
        self._holder = home / "writer.json"
        self._timeout = timeout  # seconds
        self._tell = tell  # called with one line when the wait becomes long enough to wonder

    @contextmanager
    def hold(self, wait: float | None = None) -> Iterator[None]:
        """Raises LibraryLocked, which names the holder, after `wait` seconds, and LibraryUnwritable."""
        self._acquire(self._timeout if wait is None else wait)
        try:
            self._write_holder()
            yield
        finally:
            self._remove_holder()
            self._lock.release()

    def _acquire(self, seconds: float) -> None:
        try:
            self._wait(seconds)
        except Timeout as error:
            raise LibraryLocked(
                f"{self._holder.parent}: {self._describe_holder()} is writing to the library; waited {seconds:g} s. "
                "Try again when it is done, or raise CAREER_LOCK_TIMEOUT."
            ) from error
        except (OSError, NotImplementedError) as error:  # the latter: a file system without locks
            reason = getattr(error, "strerror", None) or error
            raise LibraryUnwritable(
                f"{self._holder.parent}: cannot be written ({reason}). Free some space or fix the permissions, or set "
                "CAREER_HOME to another folder."
            ) from error

    def _wait(self, seconds: float) -> None:
        quiet = min(seconds, QUIET)
        try:
            self._lock.acquire(timeout=quiet)
        except Timeout:
            if seconds <= quiet:
                raise
            self._tell(f"{self._describe_holder()} is writing to the library: waiting up to {seconds:g} s for it")
            self._lock.acquire(timeout=seconds - quiet)

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
            if note["host"] == socket.gethostname() and not _is_running(int(note["pid"])):
                return "another process"  # that has not noted itself: the note is left from one that was killed
            return f"process {note['pid']} on {note['host']} ({note['command']}, since {note['since']})"
        except (OSError, ValueError, KeyError, TypeError):
            return "another process"  # it took the lock a moment ago


def _is_running(process_id: int) -> bool:
    if os.name != "posix":  # on Windows, asking by a signal would end it
        return True
    try:
        os.kill(process_id, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # another user's
        return True
    return True
