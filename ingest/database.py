"""One SQLite file: connections, transactions, and errors that name the file and the remedy."""

from __future__ import annotations

import sqlite3
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from ingest.errors import LibraryDamaged, LibraryError, LibraryLocked, LibraryUnwritable

BUSY_TIMEOUT = 10.0  # seconds; transactions take milliseconds, so only a stuck process makes anyone wait this long


class Connection(sqlite3.Connection):
    """A connection that can be referred to weakly: one whose thread has ended closes itself."""


class Database:
    """Snapshots to read and transactions to write, from any thread. Raises nothing but LibraryError."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self.read_only = read_only
        self._local = threading.local()
        self._connections: weakref.WeakSet[Connection] = weakref.WeakSet()
        self._guard = threading.Lock()
        self._closed = False

    def make_folder(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def is_emptied(self) -> bool:
        """True for a file of no bytes, which SQLite would take for a new database."""
        try:
            return self.path.exists() and not self.path.stat().st_size
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
        """The thread's own connection: SQLite serialises threads that share one."""
        connection = getattr(self._local, "connection", None)
        if connection is None:
            with self._guard:
                if self._closed:
                    raise LibraryError(f"{self.path}: the library was closed.")
                connection = self._local.connection = _open_connection(self.path)
                self._connections.add(connection)
        return cast(Connection, connection)

    def count_connections(self) -> int:
        return len(self._connections)

    def close(self) -> None:
        with self._guard:
            self._closed = True
            for connection in list(self._connections):
                connection.close()


def _open_connection(path: Path) -> Connection:
    # check_same_thread: only `close` is ever called from another thread.
    connection = sqlite3.connect(
        path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False, factory=Connection
    )
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA journal_mode = WAL")
    # FULL: in WAL mode NORMAL may lose the last commits with the power; an article once acknowledged must stay.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


@contextmanager
def _translate_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise _translate(path, error) from error
    except OSError as error:
        raise _unwritable(path, error) from error


def _translate(path: Path, error: sqlite3.Error) -> LibraryError:
    code = getattr(error, "sqlite_errorcode", None) or 0
    if code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return LibraryLocked(f"{path}: another process keeps the catalog busy. Try again when it is done.")
    if code & 0xFF in (
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_AUTH,
    ):
        return _unwritable(path, error)
    if code == sqlite3.SQLITE_CORRUPT_VTAB or "passage_words" in str(error):
        return LibraryDamaged(f"{path}: the full-text index is damaged ({error}). Run `career doctor --repair`.")
    if code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) or "no such" in str(error):
        return damaged(path, str(error))
    if "decode" in str(error):  # a text column that holds no text
        return damaged(path, "it holds bytes that are no text")
    return LibraryError(f"{path}: {error}.")


def damaged(path: Path, reason: str) -> LibraryDamaged:
    """Without `career doctor --repair`: it makes the indexes anew from the catalog, and cannot mend the catalog."""
    return LibraryDamaged(
        f"{path}: the catalog is damaged ({reason}). Restore a backup of this file, or move it away and ingest the "
        "articles again."
    )


def _unwritable(path: Path, error: Exception) -> LibraryUnwritable:
    if isinstance(error, FileExistsError | NotADirectoryError):
        return LibraryUnwritable(f"{path.parent}: is a file, not a folder. Set CAREER_HOME to a folder.")
    reason = getattr(error, "strerror", None) or str(error)
    return LibraryUnwritable(
        f"{path}: cannot be written ({reason}). Free some space or fix the permissions, or set CAREER_HOME to another "
        "folder."
    )
