"""One SQLite file: connections, transactions, and errors that name the file and the remedy."""

from __future__ import annotations

import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from ingest.errors import LibraryDamaged, LibraryError, LibraryLocked, LibraryUnwritable

BUSY_TIMEOUT = 10.0  # seconds; transactions take milliseconds, so only a stuck process makes anyone wait this long


class RowDamaged(sqlite3.DatabaseError):
    """What stands in a row cannot be what was written there."""


class Connection(sqlite3.Connection):
    """A connection that can be referred to weakly: one whose thread has ended closes itself."""

    frozen = False  # reads a file that nobody can change; see _open_frozen
    file: tuple[int, ...] = ()  # which one it has open; see _identify


class Database:
    """Snapshots to read and transactions to write, from any thread. Raises nothing but LibraryError."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self.read_only = read_only
        self._local = threading.local()
        self._connections: weakref.WeakSet[Connection] = weakref.WeakSet()
        self._guard = threading.Lock()
        self._closed = False

    def create(self) -> None:
        """The folder and an empty file, where there is none: SQLite is never asked to make one, so that a file which
        disappears while a process uses it is missed, not begun anew.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.open("ab").close()
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def has_content(self) -> bool:
        """False for no file, and for one of no bytes, either of which SQLite would take for a new database."""
        try:
            return self.path.stat().st_size > 0
        except FileNotFoundError:
            return False
        except OSError as error:
            raise _unwritable(self.path, error) from error

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One snapshot for everything read inside."""
        with _translate_errors(self.path):
            connection = self.connect()
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.rollback()

    @contextmanager
    def write(self, *, force: bool = False) -> Iterator[Connection]:
        """All of what is written inside, or nothing of it; `force` writes to a database opened for reading."""
        if self.read_only and not force:
            raise LibraryUnwritable(f"{self.path}: opened for reading only.")
        with _translate_errors(self.path):
            connection = self.connect()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                connection.rollback()
                raise

    def connect(self) -> Connection:
        """The thread's own connection: SQLite serialises threads that share one. A file that was exchanged (by
        `career doctor --repair`, or a backup put back) is opened anew.
        """
        connection = cast("Connection | None", getattr(self._local, "connection", None))
        if connection is not None and not self._closed:
            if connection.in_transaction or connection.file == _identify(self.path, frozen=connection.frozen):
                return connection
            connection.close()
        with self._guard:
            if self._closed:
                raise LibraryError(f"{self.path}: the library was closed.")
            connection = self._local.connection = _open(self.path, read_only=self.read_only)
            self._connections.add(connection)
        return connection

    def close(self) -> None:
        with self._guard:
            self._closed = True
            for connection in list(self._connections):
                connection.close()


def _identify(path: Path, *, frozen: bool) -> tuple[int, ...]:
    """Which file lies there; of one that was opened as frozen, whether it is as it was, too. Raises OSError."""
    status = path.stat()
    which = (status.st_dev, status.st_ino)
    return (*which, status.st_size, status.st_mtime_ns, _count_waiting_bytes(path)) if frozen else which


def _count_waiting_bytes(path: Path) -> int:
    """Of changes that are committed and not in the file itself yet."""
    try:
        return path.with_name(f"{path.name}-wal").stat().st_size
    except FileNotFoundError:
        return 0


def _open(path: Path, *, read_only: bool) -> Connection:
    path.stat()  # raises FileNotFoundError, which says more than SQLite
    try:
        return _open_connection(path)
    except sqlite3.OperationalError as error:
        if not (read_only and path.is_file() and _is_refusal(error)):
            raise
        return _open_frozen(path, error)


def _open_frozen(path: Path, error: sqlite3.Error) -> Connection:
    """A reader's connection where SQLite cannot write the -shm that all of its readers share: on a disk that is full or
    must only be read. Safe as long as nobody writes, which `connect` looks at each time.
    """
    if _count_waiting_bytes(path):
        raise LibraryUnwritable(
            f"{path}: its last changes stand in {path.name}-wal, and reading them needs a folder that can be written "
            f"({error}). Free some space or fix the permissions, or copy the folder and set CAREER_HOME to the copy."
        ) from error
    connection = _connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1")
    connection.execute("SELECT 1 FROM sqlite_master")
    connection.frozen, connection.file = True, _identify(path, frozen=True)
    return connection


def _open_connection(path: Path) -> Connection:
    file = _identify(path, frozen=False)
    connection = _connect(f"{path.absolute().as_uri()}?mode=rw")
    try:
        _switch_to_wal(connection)
        # FULL: in WAL mode NORMAL may lose the last commits with the power; an article once acknowledged must stay.
        connection.execute("PRAGMA synchronous = FULL")
        # After every commit: a -wal that is lost or damaged after a kill must not take acknowledged articles with it.
        connection.execute("PRAGMA wal_autocheckpoint = 1")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("SELECT 1 FROM sqlite_master")
    except BaseException:
        connection.close()
        raise
    connection.file = file
    return connection


def _switch_to_wal(connection: Connection) -> None:
    """SQLite does not wait for another process that switches at the same moment, as two do that begin one library."""
    deadline = time.monotonic() + BUSY_TIMEOUT
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _connect(address: str) -> Connection:
    # check_same_thread: only `close` is ever called from another thread.
    connection = sqlite3.connect(
        address, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False, factory=Connection, uri=True
    )
    connection.row_factory = sqlite3.Row
    return connection


@contextmanager
def _translate_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise _translate(path, error) from error
    except FileNotFoundError as error:
        if path.parent.is_dir():
            raise lost(path, "it is missing") from error
        raise _unwritable(path, error) from error
    except OSError as error:
        raise _unwritable(path, error) from error


def _is_refusal(error: sqlite3.Error) -> bool:
    """True when the system did not let SQLite do what it must."""
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF in (
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_AUTH,
    )


def _translate(path: Path, error: sqlite3.Error) -> LibraryError:
    code = getattr(error, "sqlite_errorcode", None) or 0
    if code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return LibraryLocked(f"{path}: another process keeps the catalog busy. Try again when it is done.")
    if _is_refusal(error):
        return _unwritable(path, error)
    if code == sqlite3.SQLITE_CORRUPT_VTAB or "passage_words" in str(error):
        return LibraryDamaged(f"{path}: the full-text index is damaged ({error}). Run `career doctor --repair`.")
    reason = "it holds bytes that are no text" if "decode" in str(error) else str(error)
    broken = code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) or "no such" in reason
    if broken or isinstance(error, RowDamaged) or reason != str(error):
        return damaged(path, reason)
    return LibraryError(f"{path}: {error}.")


def damaged(path: Path, reason: str) -> LibraryDamaged:
    return LibraryDamaged(
        f"{path}: the catalog is damaged ({reason}). Run `career doctor --repair`: it saves all that can be read."
    )


def lost(path: Path, reason: str) -> LibraryDamaged:
    """Without `career doctor --repair`: there is nothing to repair."""
    return LibraryDamaged(
        f"{path}: the catalog is lost ({reason}). Restore a backup of this file, or remove the folder "
        f"{path.parent / 'chroma'} and ingest the articles again."
    )


def _unwritable(path: Path, error: Exception) -> LibraryUnwritable:
    if isinstance(error, FileExistsError | NotADirectoryError):
        return LibraryUnwritable(f"{path.parent}: is a file, not a folder. Set CAREER_HOME to a folder.")
    reason = getattr(error, "strerror", None) or str(error)
    return LibraryUnwritable(
        f"{path}: cannot be written ({reason}). Free some space or fix the permissions, or set CAREER_HOME to another "
        "folder."
    )
