"""A damaged catalog -> a sound one in its place, with everything that can still be read and proves to be whole.

SQLite finds a row through the pages that lead to it, so one bad page hides others that are sound. Here every row is
asked for alone, by each number that any of the table's trees still knows, and is kept when its checksum and hash hold.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ingest.catalog_check import find_fault, find_fault_of_article
from ingest.catalog_passages import PASSAGE_TYPE, read_passage, write_words
from ingest.catalog_schema import Embedding, IndexState, make_schema, set_embedding, set_meta
from ingest.catalog_sources import Reading, note_source
from ingest.database import Connection, Database
from ingest.errors import LibraryUnwritable

log = logging.getLogger(__name__)

UNKNOWN = "unknown"  # the name of an embedding model that nothing tells of any more
PAGE = 4096  # bytes: SQLite's default, which every catalog is made with
ROWS_BEYOND = 10_000  # numbers that are tried although no tree knows them

Row = dict[str, Any]


def salvage_catalog(path: Path) -> list[str]:
    """Put a sound catalog in the place of a damaged one, which is kept beside it; a line for each thing that was lost.

    Only for the holder of the writer lock. A kill at any moment leaves the damaged catalog or the sound one. Raises
    LibraryUnwritable.
    """
    copy, new = (path.with_name(f"{path.name}.{word}") for word in ("copy", "new"))
    try:
        for leftover in (copy, new):
            _remove(leftover)
        with closing(_open_copy(path, copy)) as damaged:
            saved = _fill(new, damaged)
        kept = _exchange(path, new)
        _remove(copy)
    except OSError as error:
        raise LibraryUnwritable(
            f"{path}: cannot be repaired ({error.strerror}). Free some space, twice what the file takes, or fix the "
            "permissions."
        ) from error
    return [*saved.tell_losses(), f"what could be read is saved; the damaged catalog is kept as {kept.name}"]


@dataclass
class Saved:
    """What was found in a damaged catalog, and what of it is whole."""

    articles: dict[str, int] = field(default_factory=dict)  # id -> passages that belong to it
    passages: Counter[str] = field(default_factory=Counter)  # article id -> passages saved
    named: set[str] = field(default_factory=set)  # ids of all articles that any row speaks of
    sources: dict[str, list[str]] = field(default_factory=dict)  # article id -> where it was read from

    @property
    def incomplete(self) -> list[str]:
        return [article for article, count in self.articles.items() if self.passages[article] < count]

    def tell_losses(self) -> Iterator[str]:
        for article in sorted(self.named - self.articles.keys()):
            yield f"article {article}: lost; ingest {self._name_sources(article)} again"
        for article in sorted(self.incomplete):
            count = f"{self.passages[article]} of {self.articles[article]} passages saved"
            yield f"article {article}: {count}; ingest {self._name_sources(article)} again"
        if not self.named:
            yield "no article could be read; restore a backup, or ingest the articles again"

    def _name_sources(self, article: str) -> str:
        return ", ".join(self.sources.get(article, ())) or "it"


# -- the damaged file --------------------------------------------------------------------------------------------------


def _open_copy(path: Path, copy: Path) -> sqlite3.Connection:
    """A connection to a copy: SQLite may write to what it reads, and the first page may have to be made again."""
    shutil.copyfile(path, copy)
    waiting = path.with_name(f"{path.name}-wal")
    if waiting.exists():
        shutil.copyfile(waiting, copy.with_name(f"{copy.name}-wal"))
    connection = _connect(copy)
    with suppress(sqlite3.Error):
        make_schema(connection)  # gives an older format what it lacks
        if connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'articles'").fetchone()[0]:
            return connection
    connection.close()
    _write_first_page(copy)
    return _connect(copy)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.row_factory = sqlite3.Row
    connection.text_factory = lambda content: content.decode("utf-8", "replace")
    with suppress(sqlite3.Error):
        connection.execute("PRAGMA writable_schema = ON")  # reads on where it would give up: a file that was cut short
    return connection


def _write_first_page(copy: Path) -> None:
    """Without its first page SQLite knows no tables; in every catalog of this format they begin at the same pages."""
    empty = copy.with_name(f"{copy.name}.empty")
    with closing(sqlite3.connect(empty, isolation_level=None)) as connection:
        make_schema(connection)
    page = bytearray(empty.read_bytes()[:PAGE])
    empty.unlink()
    page[28:32] = (copy.stat().st_size // PAGE).to_bytes(4, "big")
    with copy.open("r+b") as file:
        file.write(page)


def _read_rows(connection: sqlite3.Connection, table: str) -> Iterator[Row]:
    """Every row of a table that can be read at all."""
    for number in _find_numbers(connection, table):
        with suppress(sqlite3.Error):
            row = connection.execute(f"SELECT * FROM {table} WHERE rowid = ?", (number,)).fetchone()  # noqa: S608 - ours
            if row is not None:
                yield dict(row)


def _find_numbers(connection: sqlite3.Connection, table: str) -> list[int]:
    """The numbers of a table's rows, as its own tree and those of its indexes know them, from either end."""
    trees = ["NOT INDEXED"]
    with suppress(sqlite3.Error):
        trees += [f'INDEXED BY "{row["name"]}"' for row in connection.execute(f"PRAGMA index_list({table})")]
    found: set[int] = set()
    for tree in trees:
        for order in ("", " ORDER BY rowid DESC") if tree == trees[0] else ("",):
            with suppress(sqlite3.Error):
                rows = connection.execute(f"SELECT rowid FROM {table} {tree}{order}")  # noqa: S608 - our own names
                for (number,) in rows:
                    found.add(number)
    between = range(1, min(max(found, default=0), 2 * len(found) + ROWS_BEYOND))
    return sorted(found.union(between))


def _scan(connection: sqlite3.Connection, table: str, key: str) -> dict[str, Row]:
    """The rows of a table without numbers, from either end as far as they can be read."""
    found: dict[str, Row] = {}
    for order in ("ASC", "DESC"):
        with suppress(sqlite3.Error):
            for row in connection.execute(f"SELECT * FROM {table} ORDER BY {key} {order}"):  # noqa: S608 - our own names
                found[str(row[key])] = dict(row)
    return found


# -- the sound one -----------------------------------------------------------------------------------------------------


def _fill(new: Path, damaged: sqlite3.Connection) -> Saved:
    database = Database(new)
    database.create()
    saved = Saved()
    try:
        with database.write(force=True) as connection:
            make_schema(connection)
            dimension = _save_state(connection, damaged)
            _save_articles(connection, damaged, saved)
            _save_passages(connection, damaged, saved, dimension)
            _save_sources(connection, damaged, saved)
    finally:
        database.close()
    return saved


def _save_state(connection: Connection, damaged: sqlite3.Connection) -> int:
    """Keep what the catalog knows of itself; numbers in a vector, 0 when nothing tells."""
    meta = {name: row["value"] for name, row in _scan(damaged, "meta", "name").items()}
    if meta.get("library_id"):
        set_meta(connection, "library_id", meta["library_id"])
    number = 0
    generation = int(time.time())  # higher than any before, so that whoever reads notices
    with suppress(KeyError, TypeError, ValueError):
        generation = int(meta["generation"]) + 1
    with suppress(KeyError, TypeError, ValueError):
        number = IndexState(**json.loads(meta["index"])).number
    set_meta(connection, "generation", str(generation))
    set_meta(connection, "index", json.dumps(asdict(IndexState(number))))
    with suppress(KeyError, TypeError, ValueError, AttributeError):
        embedding = Embedding(**json.loads(meta["embedding"]))
        dimension = int(embedding.fingerprint["dimension"])
        set_embedding(connection, embedding)
        return dimension
    return 0


def _save_articles(connection: Connection, damaged: sqlite3.Connection, saved: Saved) -> None:
    for row in _read_rows(damaged, "articles"):
        article = str(row["id"])
        saved.named.add(article)
        saved.sources.setdefault(article, []).append(str(row["source"]))
        if not _find_fault_of_article(row) and _insert(connection, "articles", row):
            saved.articles[article] = row["passages"]


def _find_fault_of_article(row: Row) -> str:
    try:
        return find_fault_of_article(row)
    except (KeyError, TypeError, ValueError) as error:  # a column of another kind than it must be
        return str(error)


def _save_passages(connection: Connection, damaged: sqlite3.Connection, saved: Saved, dimension: int) -> None:
    article, text = "", ""
    for row in _read_rows(damaged, "passages"):
        saved.named.add(str(row["article_id"]))
        if row["article_id"] not in saved.articles:
            continue
        if row["article_id"] != article:
            article = row["article_id"]
            text = connection.execute("SELECT text FROM articles WHERE id = ?", (article,)).fetchone()[0]
        try:
            if not dimension:
                dimension = _note_unknown_embedding(connection, row)
            if not find_fault(row, text, dimension) and _insert(connection, "passages", row):
                write_words(connection, row["number"], read_passage(row))
                saved.passages[article] += 1
        except (KeyError, TypeError, ValueError):
            log.debug("a passage of %s cannot be read", article, exc_info=True)


def _note_unknown_embedding(connection: Connection, row: Row) -> int:
    """Vectors that nobody knows the model of: `career reembed` is then asked for before any is compared."""
    dimension = len(row["vector"]) // PASSAGE_TYPE.itemsize
    set_embedding(connection, Embedding(UNKNOWN, {"name": UNKNOWN, "weights": "", "dimension": dimension}))
    return dimension


def _save_sources(connection: Connection, damaged: sqlite3.Connection, saved: Saved) -> None:
    """Keep where articles were read from; what lacks passages must not be passed over as unchanged."""
    incomplete = set(saved.incomplete)
    for source, row in _scan(damaged, "sources", "source").items():
        article = str(row["article_id"])
        saved.named.add(article)
        saved.sources.setdefault(article, [])
        if source not in saved.sources[article]:
            saved.sources[article].append(source)
        if article in saved.articles and article not in incomplete:
            _insert(connection, "sources", row)
    for article in saved.articles:
        for source in saved.sources[article]:
            known = connection.execute("SELECT 1 FROM sources WHERE source = ?", (source,)).fetchone()
            if known is None:
                note_source(connection, article, source, Reading())


def _insert(connection: Connection, table: str, row: Row) -> bool:
    """True when the row is one that the table takes, and does not hold yet."""
    columns = ", ".join(f":{name}" for name in row)
    try:
        cursor = connection.execute(f"INSERT OR IGNORE INTO {table} ({', '.join(row)}) VALUES ({columns})", row)  # noqa: S608 - our own names
    except sqlite3.IntegrityError:
        return False
    return cursor.rowcount == 1


# -- the exchange ------------------------------------------------------------------------------------------------------


def _exchange(path: Path, new: Path) -> Path:
    """Put `new` in the place of the damaged file; where that is kept."""
    kept = path.with_name(f"{path.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S}")
    try:
        os.link(path, kept)  # at no moment is there no catalog
    except OSError:  # a file system without links
        shutil.copyfile(path, kept)
    # A -wal left beside it would be taken for changes of the new file.
    waiting = path.with_name(f"{path.name}-wal")
    if waiting.exists():
        waiting.replace(kept.with_name(f"{kept.name}-wal"))
    path.with_name(f"{path.name}-shm").unlink(missing_ok=True)
    new.replace(path)
    return kept


def _remove(path: Path) -> None:
    for ending in ("", "-wal", "-shm", "-journal"):
        path.with_name(f"{path.name}{ending}").unlink(missing_ok=True)
