"""The library's truth: articles, passages, their vectors and the full-text index, in one SQLite file.

Every public method is one transaction, may be called from any thread, and raises nothing but LibraryError.
"""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
import threading
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple, cast
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from ingest.article import Article, Passage, Unit
from ingest.errors import (
    ArticleUnknown,
    EmbeddingMismatch,
    LibraryDamaged,
    LibraryError,
    LibraryLocked,
    LibraryUnwritable,
)
from ingest.terms import VERSION as TERMS_VERSION
from ingest.terms import split_terms

SCHEMA_VERSION = 1
FILE_NAME = "catalog.sqlite3"
BUSY_TIMEOUT = 10.0  # seconds; transactions take milliseconds, so only a stuck process makes anyone wait this long

# Passage vectors keep full precision; unit vectors, three times as many, half of it: over 603 units of the seed and of
# three BLS pages a cosine moved by at most 0.00004, and the first ten units of ten questions kept their order.
PASSAGE_TYPE = np.dtype("<f4")
UNIT_TYPE = np.dtype("<f2")

CONTEXT_WEIGHT = 1.0  # of title and headings in BM25, beside
BODY_WEIGHT = 1.0
LONGEST_QUERY = 64  # distinct terms; FTS5 refuses an expression deeper than 256

SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE articles (
    id TEXT PRIMARY KEY, source TEXT NOT NULL UNIQUE, title TEXT NOT NULL, text TEXT NOT NULL, author TEXT NOT NULL,
    published TEXT NOT NULL, language TEXT NOT NULL, url TEXT NOT NULL, fetched_at TEXT NOT NULL,
    content_hash TEXT NOT NULL, text_hash TEXT NOT NULL, added_at TEXT NOT NULL
);
CREATE INDEX articles_by_text ON articles (text_hash);
CREATE TABLE passages (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,
    article_id TEXT NOT NULL REFERENCES articles (id) ON DELETE CASCADE,
    title TEXT NOT NULL, headings TEXT NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL, text TEXT NOT NULL,
    lead TEXT NOT NULL, units TEXT NOT NULL, vector_key TEXT NOT NULL, vector BLOB NOT NULL, unit_vectors BLOB NOT NULL
);
CREATE INDEX passages_by_article ON passages (article_id, start);
CREATE INDEX passages_by_key ON passages (vector_key);
CREATE TABLE index_queue (passage_id TEXT PRIMARY KEY) WITHOUT ROWID;
"""
WORDS_SCHEMA = """
CREATE VIRTUAL TABLE passage_words USING fts5 (context, body, tokenize = "unicode61 tokenchars '+#.'")
"""  # holds terms, already folded and stemmed by ingest/terms.py, so that BM25 and the answer's scoring agree
TERMS_SCHEMA = "CREATE VIRTUAL TABLE IF NOT EXISTS passage_terms USING fts5vocab (passage_words, row)"

Vector = NDArray[np.float32]


@dataclass(frozen=True)
class ArticleSummary:
    id: str
    source: str
    title: str
    author: str
    published: str
    url: str
    language: str
    added_at: str  # ISO 8601, UTC
    passages: int


class HeadingPath(NamedTuple):
    """One place in an article; a named tuple so that callers may unpack it."""

    article_id: str
    title: str
    headings: tuple[str, ...]  # outermost first, empty above the first heading


@dataclass(frozen=True, eq=False)
class StoredPassage:
    passage: Passage
    vector: Vector  # (dimension,), length one
    unit_vectors: Vector  # (number of units, dimension), each of length one


@dataclass(frozen=True)
class Stored:
    """What became of an article that was to be stored; `article` carries the id it has in the library."""

    status: str  # "added", "updated" or "unchanged"
    article: Article
    passages: int


@dataclass(frozen=True)
class IndexState:
    """The vector index as the catalog last knew it."""

    number: int = 0  # of its folder or collection; 0: none yet
    generation: int = 0  # of the catalog that it mirrors
    location: str = ""  # the server's address, "" for a folder of this library
    seal: str = ""  # digest of its files, "" on a server


@dataclass(frozen=True)
class Embedding:
    """The model that made the vectors: the name it was asked for by, and its fingerprint as a plain dict."""

    model: str
    fingerprint: Mapping[str, Any]


@dataclass(frozen=True)
class CatalogState:
    library_id: str
    generation: int
    index: IndexState
    embedding: Embedding | None  # None until the first passage is stored


@dataclass(frozen=True)
class IndexWork:
    """What the vector index has yet to learn."""

    upserts: Mapping[str, tuple[str, Vector]]  # passage id -> article id, vector
    deletes: Sequence[str]


class Catalog:
    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self.read_only = read_only
        self._local = threading.local()
        self._connections: weakref.WeakSet[_Connection] = weakref.WeakSet()
        self._guard = threading.Lock()
        self._closed = False

    @classmethod
    def open(cls, home: Path, *, read_only: bool = False) -> Catalog:
        """The catalog of a library; an empty one is made where there is none, so that readers can wait for articles.

        Raises LibraryDamaged or LibraryUnwritable.
        """
        catalog = cls(home / FILE_NAME, read_only=read_only)
        catalog._refuse_emptied_file(home)
        with _translate_errors(catalog.path):
            home.mkdir(parents=True, exist_ok=True)
            # One transaction, a reader's too: two processes that open a new library at once must agree on one schema.
            with catalog._transaction(force=True) as connection:
                _make_schema(connection)
        catalog._refuse_other_schema()
        return catalog

    def close(self) -> None:
        with self._guard:
            self._closed = True
            for connection in list(self._connections):
                connection.close()

    # -- reading -----------------------------------------------------------------------------------------------------

    def read_state(self) -> CatalogState:
        with self._reading() as connection:
            return _read_state(connection)

    def list_articles(self) -> list[ArticleSummary]:
        """Every article in the order of its title."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT id, source, title, author, published, url, language, added_at,"
                " (SELECT count(*) FROM passages WHERE article_id = articles.id)"
                " FROM articles ORDER BY title COLLATE NOCASE, id"
            )
            return [ArticleSummary(*row) for row in rows]

    def find_article(self, article_id: str) -> Article:
        """The article with that id. Raises ArticleUnknown, which names the nearest ids."""
        with self._reading() as connection:
            found = _find_by_id(connection, article_id)
            if found is None:
                raise _unknown(connection, article_id)
            return found

    def find_unchanged(self, article: Article) -> Stored | None:
        """What the library already holds of `article`: from the same source, or the same words from another."""
        with self._reading() as connection:
            return _find_unchanged(connection, article)

    def count_passages(self) -> int:
        with self._reading() as connection:
            return int(connection.execute("SELECT count(*) FROM passages").fetchone()[0])

    def list_headings(self) -> list[HeadingPath]:
        """Every heading path that has a passage, in reading order."""
        with self._reading() as connection:
            rows = connection.execute("SELECT article_id, title, headings FROM passages ORDER BY article_id, start")
            paths = (HeadingPath(row[0], row[1], tuple(json.loads(row[2]))) for row in rows)
            return list(dict.fromkeys(paths))

    def find_passages(self, ids: Sequence[str]) -> dict[str, StoredPassage]:
        """The passages that exist, in the order asked for."""
        with self._reading() as connection:
            rows = connection.execute("SELECT * FROM passages WHERE id IN (SELECT value FROM json_each(?))", _list(ids))
            found = {row["id"]: _to_passage(row) for row in rows}
        return {passage_id: found[passage_id] for passage_id in ids if passage_id in found}

    def keep_known(self, ids: Sequence[str]) -> set[str]:
        with self._reading() as connection:
            statement = "SELECT id FROM passages WHERE id IN (SELECT value FROM json_each(?))"
            return {row["id"] for row in connection.execute(statement, _list(ids))}

    def rank_by_words(self, question: str, limit: int) -> list[tuple[str, float]]:
        """Passage ids with their BM25 score, best first; higher is better. Any string is a safe question."""
        query = write_query(question)
        if not query or limit < 1:
            return []
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT passages.id, -found.score FROM (SELECT rowid, bm25(passage_words, ?, ?) AS score"
                " FROM passage_words WHERE passage_words MATCH ? ORDER BY score LIMIT ?) AS found"
                " JOIN passages ON passages.number = found.rowid ORDER BY found.score, passages.number",
                (CONTEXT_WEIGHT, BODY_WEIGHT, query, limit),
            )
            return [(row[0], float(row[1])) for row in rows]

    def count_documents(self, terms: Sequence[str]) -> dict[str, int]:
        """In how many passages each term stands, 0 for one in none."""
        with self._reading() as connection:
            statement = "SELECT term, doc FROM passage_terms WHERE term = ?"
            found = dict(row for term in set(terms) for row in connection.execute(statement, (term,)))
        return {term: int(found.get(term, 0)) for term in terms}

    def has_current_terms(self) -> bool:
        """False when the full-text index was made with an older ingest/terms.py."""
        with self._reading() as connection:
            return _get_meta(connection, "terms_version") == str(TERMS_VERSION)

    def read_vectors(self) -> tuple[list[str], list[str], Vector]:
        """Ids, article ids and vectors (number of passages, dimension) of every passage."""
        with self._reading() as connection:
            rows = connection.execute("SELECT id, article_id, vector FROM passages ORDER BY number").fetchall()
        joined = np.frombuffer(b"".join(row[2] for row in rows), PASSAGE_TYPE)
        vectors = joined.reshape(len(rows), -1) if rows else joined.reshape(0, 0)
        return [row[0] for row in rows], [row[1] for row in rows], vectors

    def find_vectors(self, keys: Sequence[str]) -> dict[str, tuple[Vector, Vector]]:
        """Passage and unit vectors already made for these vector keys."""
        with self._reading() as connection:
            statement = (
                "SELECT vector_key, vector, unit_vectors FROM passages"
                " WHERE vector_key IN (SELECT value FROM json_each(?))"
            )
            rows = connection.execute(statement, _list(keys))
            return {row[0]: _to_vectors(row[1], row[2]) for row in rows}

    def list_passages(self) -> list[tuple[str, Passage]]:
        with self._reading() as connection:
            rows = connection.execute("SELECT * FROM passages ORDER BY number")
            return [(row["id"], _to_passage(row).passage) for row in rows]

    def read_index_work(self) -> IndexWork:
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT passage_id, article_id, vector FROM index_queue LEFT JOIN passages ON passages.id = passage_id"
            ).fetchall()
        upserts = {row[0]: (row[1], np.frombuffer(row[2], PASSAGE_TYPE)) for row in rows if row[1] is not None}
        return IndexWork(upserts, [row[0] for row in rows if row[1] is None])

    # -- writing -----------------------------------------------------------------------------------------------------

    def store(self, article: Article, passages: Sequence[StoredPassage], embedding: Embedding) -> Stored:
        """Make an article visible, or put its new text in place of the old, and queue what the index must learn."""
        with self._transaction() as connection:
            unchanged = _find_unchanged(connection, article)
            if unchanged is not None:
                return unchanged
            _claim_embedding(connection, embedding)
            known = _find_by_source(connection, article.source)
            article = replace(article, id=known.id if known else _free_id(connection, article.id))
            _write_article(connection, article)
            kept = _write_passages(connection, article, passages)
            _bump_generation(connection)
            return Stored("updated" if known else "added", article, kept)

    def remove(self, article_id: str) -> None:
        with self._transaction() as connection:
            if _find_by_id(connection, article_id) is None:
                raise _unknown(connection, article_id)
            _drop_passages(connection, _passage_numbers(connection, article_id))
            connection.execute("DELETE FROM articles WHERE id = ?", (article_id,))
            _bump_generation(connection)

    def finish_index_work(self, work: IndexWork, index: IndexState) -> None:
        """Note that the index mirrors `index.generation`, and take what it learned off the queue."""
        with self._transaction() as connection:
            done = [(passage_id,) for passage_id in (*work.upserts, *work.deletes)]
            connection.executemany("DELETE FROM index_queue WHERE passage_id = ?", done)
            _set_meta(connection, "index", json.dumps(asdict(index)))

    def replace_vectors(self, vectors: Iterable[tuple[str, Vector, Vector]], embedding: Embedding) -> None:
        """Exchange every vector (passage id, vector, unit vectors) for another model's, and give up the index."""
        with self._transaction() as connection:
            rows = ((*_to_blobs(vector, units), passage_id) for passage_id, vector, units in vectors)
            connection.executemany("UPDATE passages SET vector = ?, unit_vectors = ? WHERE id = ?", rows)
            _set_embedding(connection, embedding)
            number = _read_state(connection).index.number
            _set_meta(connection, "index", json.dumps(asdict(IndexState(number + 1))))
            _bump_generation(connection)

    def rebuild_words(self) -> None:
        """Make the full-text index anew from the passages."""
        with self._transaction() as connection:
            connection.execute("DROP TABLE IF EXISTS passage_words")
            connection.execute(WORDS_SCHEMA)
            connection.execute(TERMS_SCHEMA)
            _set_meta(connection, "terms_version", str(TERMS_VERSION))
            for row in connection.execute("SELECT * FROM passages").fetchall():
                _write_words(connection, row["number"], _to_passage(row).passage)

    # -- checking ----------------------------------------------------------------------------------------------------

    def find_problems(self) -> list[str]:
        """One line for everything in the file that contradicts itself."""
        problems: list[str] = []
        with self._reading() as connection:
            for (line,) in connection.execute("PRAGMA integrity_check"):
                problems += [f"catalog: {line}"] if line != "ok" else []
            for row in connection.execute("PRAGMA foreign_key_check"):
                problems.append(f"catalog: a row of {row[0]} belongs to no article")
            problems += _find_bad_passages(connection)
            problems += _find_bad_words(connection)
        return problems if self.read_only else problems + self._find_bad_word_index()

    def _find_bad_word_index(self) -> list[str]:
        try:
            with self._transaction() as connection:
                connection.execute("INSERT INTO passage_words (passage_words) VALUES ('integrity-check')")
        except LibraryError:
            return ["full-text index: its words do not agree with its passages"]
        return []

    # -- connections -------------------------------------------------------------------------------------------------

    @contextmanager
    def _reading(self) -> Iterator[_Connection]:
        """One snapshot for everything read inside."""
        with _translate_errors(self.path):
            connection = self._connect()
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.rollback()

    @contextmanager
    def _transaction(self, *, force: bool = False) -> Iterator[_Connection]:
        """All of what is written inside, or nothing of it."""
        if self.read_only and not force:
            raise LibraryUnwritable(f"{self.path}: opened for reading only.")
        with _translate_errors(self.path):
            connection = self._connect()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                connection.rollback()
                raise

    def _connect(self) -> _Connection:
        """The thread's own connection: SQLite serialises threads that share one."""
        connection = getattr(self._local, "connection", None)
        if connection is None:
            with self._guard:
                if self._closed:
                    raise LibraryError(f"{self.path}: the library was closed.")
                connection = self._local.connection = _open_connection(self.path)
                self._connections.add(connection)
        return cast(_Connection, connection)

    def _refuse_emptied_file(self, home: Path) -> None:
        # SQLite takes a file of no bytes for a new database: a catalog cut to nothing would be an empty library.
        try:
            emptied = self.path.exists() and not self.path.stat().st_size and (home / "chroma").exists()
        except OSError as error:
            raise _unwritable(self.path, error) from error
        if emptied:
            raise _damaged(self.path, "the file is empty")

    def _refuse_other_schema(self) -> None:
        with self._reading() as connection:
            version = _get_meta(connection, "schema_version") or "none"
        if version != str(SCHEMA_VERSION):
            raise LibraryError(
                f"{self.path}: made by another version of career (format {version}, this one reads {SCHEMA_VERSION}). "
                "Upgrade career, or set CAREER_HOME to another folder."
            )


class _Connection(sqlite3.Connection):
    """A connection that can be referred to weakly: one whose thread has ended closes itself."""


def _open_connection(path: Path) -> _Connection:
    # check_same_thread: only `close` is ever called from another thread.
    connection = sqlite3.connect(
        path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False, factory=_Connection
    )
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA journal_mode = WAL")
    # FULL: in WAL mode NORMAL may lose the last commits with the power; an article once acknowledged must stay.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def _make_schema(connection: sqlite3.Connection) -> None:
    if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        return
    for statement in (*SCHEMA.split(";\n"), WORDS_SCHEMA, TERMS_SCHEMA):
        if statement.strip():
            connection.execute(statement)
    _set_meta(connection, "schema_version", str(SCHEMA_VERSION))
    _set_meta(connection, "terms_version", str(TERMS_VERSION))
    _set_meta(connection, "library_id", uuid4().hex)
    _set_meta(connection, "generation", "0")


# -- meta ------------------------------------------------------------------------------------------------------------


def _get_meta(connection: sqlite3.Connection, name: str) -> str | None:
    row = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row[0])


def _set_meta(connection: sqlite3.Connection, name: str, value: str) -> None:
    connection.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (name, value))


def _read_state(connection: sqlite3.Connection) -> CatalogState:
    meta = {row["name"]: row["value"] for row in connection.execute("SELECT name, value FROM meta")}
    embedding = Embedding(**json.loads(meta["embedding"])) if "embedding" in meta else None
    index = IndexState(**json.loads(meta["index"])) if "index" in meta else IndexState()
    return CatalogState(meta["library_id"], int(meta["generation"]), index, embedding)


def _bump_generation(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE name = 'generation'")


def _set_embedding(connection: sqlite3.Connection, embedding: Embedding) -> None:
    value = {"model": embedding.model, "fingerprint": dict(embedding.fingerprint)}
    _set_meta(connection, "embedding", json.dumps(value))


def _claim_embedding(connection: sqlite3.Connection, embedding: Embedding) -> None:
    """The first writer decides the model; checked in the transaction because another process may have re-embedded."""
    stored = _read_state(connection).embedding
    if stored is None:
        _set_embedding(connection, embedding)
    else:
        refuse_other_fingerprint(stored, embedding)


def refuse_other_fingerprint(stored: Embedding, current: Embedding) -> None:
    """Raise EmbeddingMismatch unless both models make vectors of one space."""
    if dict(stored.fingerprint) != dict(current.fingerprint):
        raise mismatch(_describe(stored), _describe(current), stored.model)


def mismatch(stored: str, current: str, setting: str) -> EmbeddingMismatch:
    return EmbeddingMismatch(
        f"The library was made with the embedding model {stored}, but now {current} is set. "
        f"Run `career reembed`, or set CAREER_EMBEDDING_MODEL={setting}."
    )


def _describe(embedding: Embedding) -> str:
    weights = str(embedding.fingerprint.get("weights", ""))[:12]
    return f"{embedding.fingerprint.get('name', embedding.model)} (weights {weights})"


# -- articles --------------------------------------------------------------------------------------------------------


def _find_by_id(connection: sqlite3.Connection, article_id: str) -> Article | None:
    return _to_article(connection.execute("SELECT * FROM articles WHERE id = ?", (article_id,)).fetchone())


def _find_by_source(connection: sqlite3.Connection, source: str) -> Article | None:
    return _to_article(connection.execute("SELECT * FROM articles WHERE source = ?", (source,)).fetchone())


def _find_by_text(connection: sqlite3.Connection, text_hash: str) -> Article | None:
    return _to_article(connection.execute("SELECT * FROM articles WHERE text_hash = ?", (text_hash,)).fetchone())


def _to_article(row: sqlite3.Row | None) -> Article | None:
    return None if row is None else Article(**{field.name: row[field.name] for field in fields(Article)})


def _find_unchanged(connection: sqlite3.Connection, article: Article) -> Stored | None:
    known = _find_by_source(connection, article.source)
    if known is None:
        known = _find_by_text(connection, _hash_text(article))
    elif known.content_hash != article.content_hash:
        return None
    if known is None:
        return None
    return Stored("unchanged", known, len(_passage_numbers(connection, known.id)))


def _hash_text(article: Article) -> str:
    return hashlib.sha256(f"{article.title}\0{article.text}".encode("utf-8", "surrogatepass")).hexdigest()


def _free_id(connection: sqlite3.Connection, wanted: str) -> str:
    wanted = wanted or "article"
    taken = {row[0] for row in connection.execute("SELECT id FROM articles WHERE id >= ?", (wanted,))}
    number, free = 2, wanted
    while free in taken:
        free, number = f"{wanted}-{number}", number + 1
    return free


def _write_article(connection: sqlite3.Connection, article: Article) -> None:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    hashes = {"content_hash": article.content_hash, "text_hash": _hash_text(article)}
    connection.execute(
        """
        INSERT INTO articles VALUES (:id, :source, :title, :text, :author, :published, :language, :url, :fetched_at,
                                     :content_hash, :text_hash, :added_at)
        ON CONFLICT (id) DO UPDATE SET title = :title, text = :text, author = :author, published = :published,
            language = :language, url = :url, fetched_at = :fetched_at, content_hash = :content_hash,
            text_hash = :text_hash
        """,
        {**asdict(article), **hashes, "added_at": now},
    )


def _unknown(connection: sqlite3.Connection, article_id: str) -> ArticleUnknown:
    ids = [row[0] for row in connection.execute("SELECT id FROM articles ORDER BY id")]
    near = get_close_matches(article_id, ids, n=3, cutoff=0.4)
    hint = f"Did you mean {', '.join(near)}?" if near else "`career articles` lists them."
    return ArticleUnknown(f"{article_id}: no article with this id. {hint}")


# -- passages --------------------------------------------------------------------------------------------------------


def vector_key(passage: Passage) -> str:
    """Equal for passages whose vectors are equal: the same words under the same headings, cut into the same units."""
    cuts = ",".join(f"{unit.start - passage.start}-{unit.end - passage.start}" for unit in passage.units)
    key = "\0".join((passage.context, passage.lead, passage.text, cuts))
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _write_passages(connection: sqlite3.Connection, article: Article, passages: Sequence[StoredPassage]) -> int:
    """Put `passages` in place of the article's old ones; those that stay are not touched."""
    new: dict[str, StoredPassage] = {}
    for stored in passages:
        passage = replace(stored.passage, article_id=article.id, title=article.title)
        _refuse_wrong_span(article, passage)
        new[passage.id] = replace(stored, passage=passage)
    old = _passage_numbers(connection, article.id)
    _drop_passages(connection, {passage_id: number for passage_id, number in old.items() if passage_id not in new})
    for passage_id, stored in new.items():
        if passage_id not in old or _units_differ(connection, stored.passage, old[passage_id]):
            _write_passage(connection, stored, passage_id)
    return len(new)


def _refuse_wrong_span(article: Article, passage: Passage) -> None:
    """A citation is only as true as these offsets."""
    inside = all(passage.start <= unit.start < unit.end <= passage.end for unit in passage.units)
    if not inside or article.text[passage.start : passage.end] != passage.text:
        raise ValueError(f"{article.source}: passage {passage.start}-{passage.end} is not a span of the article")


def _units_differ(connection: sqlite3.Connection, passage: Passage, number: int) -> bool:
    """A passage id does not cover its units: a new way to cut sentences leaves it as it was."""
    row = connection.execute("SELECT units FROM passages WHERE number = ?", (number,)).fetchone()
    return bool(row[0] != _dump_units(passage))


def _write_passage(connection: sqlite3.Connection, stored: StoredPassage, passage_id: str) -> None:
    passage = stored.passage
    if stored.unit_vectors.shape[0] != len(passage.units):
        raise ValueError(f"{passage_id}: {len(passage.units)} units but {stored.unit_vectors.shape[0]} vectors")
    connection.execute(
        "DELETE FROM passage_words WHERE rowid = (SELECT number FROM passages WHERE id = ?)", (passage_id,)
    )
    vector, unit_vectors = _to_blobs(stored.vector, stored.unit_vectors)
    cursor = connection.execute(
        """
        INSERT OR REPLACE INTO passages VALUES (NULL, :id, :article_id, :title, :headings, :start, :end, :text, :lead,
                                                :units, :vector_key, :vector, :unit_vectors)
        """,
        {
            **asdict(passage),
            "id": passage_id,
            "headings": json.dumps(passage.headings, ensure_ascii=False),
            "units": _dump_units(passage),
            "vector_key": vector_key(passage),
            "vector": vector,
            "unit_vectors": unit_vectors,
        },
    )
    _write_words(connection, cast(int, cursor.lastrowid), passage)
    connection.execute("INSERT OR IGNORE INTO index_queue VALUES (?)", (passage_id,))


def _write_words(connection: sqlite3.Connection, number: int, passage: Passage) -> None:
    context, body = split_terms(passage.context), split_terms(f"{passage.lead}\n{passage.text}")
    connection.execute(
        "INSERT INTO passage_words (rowid, context, body) VALUES (?, ?, ?)", (number, " ".join(context), " ".join(body))
    )


def _passage_numbers(connection: sqlite3.Connection, article_id: str) -> dict[str, int]:
    rows = connection.execute("SELECT id, number FROM passages WHERE article_id = ?", (article_id,))
    return {row["id"]: row["number"] for row in rows}


def _drop_passages(connection: sqlite3.Connection, numbers: Mapping[str, int]) -> None:
    rows = [(number,) for number in numbers.values()]
    connection.executemany("DELETE FROM passage_words WHERE rowid = ?", rows)
    connection.executemany("DELETE FROM passages WHERE number = ?", rows)
    connection.executemany("INSERT OR IGNORE INTO index_queue VALUES (?)", [(passage_id,) for passage_id in numbers])


def _dump_units(passage: Passage) -> str:
    return json.dumps([[unit.start, unit.end, unit.kind] for unit in passage.units])


def _to_blobs(vector: Vector, units: Vector) -> tuple[bytes, bytes]:
    return vector.astype(PASSAGE_TYPE).tobytes(), units.astype(UNIT_TYPE).tobytes()


def _to_vectors(vector: bytes, units: bytes) -> tuple[Vector, Vector]:
    passage = np.frombuffer(vector, PASSAGE_TYPE)
    return passage, np.frombuffer(units, UNIT_TYPE).astype(np.float32).reshape(-1, max(1, passage.size))


def _to_passage(row: sqlite3.Row) -> StoredPassage:
    passage = Passage(
        article_id=row["article_id"],
        title=row["title"],
        headings=tuple(json.loads(row["headings"])),
        start=row["start"],
        end=row["end"],
        text=row["text"],
        lead=row["lead"],
        units=tuple(Unit(*unit) for unit in json.loads(row["units"])),
    )
    return StoredPassage(passage, *_to_vectors(row["vector"], row["unit_vectors"]))


def _list(values: Sequence[str]) -> tuple[str]:
    """One parameter for `json_each`, which takes any number of values; older SQLite takes 999 variables."""
    return (json.dumps(values),)


# -- words -----------------------------------------------------------------------------------------------------------


def write_query(question: str) -> str:
    """An FTS5 query for any of the question's terms; empty when it has none."""
    terms = list(dict.fromkeys(split_terms(question)))
    return " OR ".join(f'"{term}"' for term in terms[:LONGEST_QUERY])


# -- problems --------------------------------------------------------------------------------------------------------


def _find_bad_passages(connection: sqlite3.Connection) -> Iterator[str]:
    rows = connection.execute(
        "SELECT passages.id, articles.text, passages.start, passages.end, passages.text, units,"
        " length(vector), length(unit_vectors) FROM passages JOIN articles ON articles.id = article_id"
    )
    embedding = _read_state(connection).embedding
    dimension = int(embedding.fingerprint.get("dimension", 0)) if embedding else 0
    for passage_id, article, start, end, text, units, vector_bytes, unit_bytes in rows:
        spans = json.loads(units)
        if article[start:end] != text or any(not start <= unit[0] < unit[1] <= end for unit in spans):
            yield f"passage {passage_id}: its text is not the article's at {start}-{end}"
        if vector_bytes != dimension * PASSAGE_TYPE.itemsize:
            yield f"passage {passage_id}: its vector has not {dimension} numbers"
        if unit_bytes != len(spans) * dimension * UNIT_TYPE.itemsize:
            yield f"passage {passage_id}: {len(spans)} units do not match their vectors"


def _find_bad_words(connection: sqlite3.Connection) -> Iterator[str]:
    without = connection.execute(
        "SELECT count(*) FROM passages WHERE number NOT IN (SELECT rowid FROM passage_words)"
    ).fetchone()[0]
    beyond = connection.execute(
        "SELECT count(*) FROM passage_words WHERE rowid NOT IN (SELECT number FROM passages)"
    ).fetchone()[0]
    if without or beyond:
        yield f"full-text index: {without} passages missing, {beyond} too many"


# -- errors ----------------------------------------------------------------------------------------------------------


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
        return _damaged(path, str(error))
    return LibraryError(f"{path}: {error}.")


def _damaged(path: Path, reason: str) -> LibraryDamaged:
    return LibraryDamaged(
        f"{path}: the catalog is damaged ({reason}). Try `career doctor --repair`; if that fails put a backup in its "
        "place, or move it away and ingest the articles again."
    )


def _unwritable(path: Path, error: Exception) -> LibraryUnwritable:
    reason = getattr(error, "strerror", None) or str(error)
    return LibraryUnwritable(
        f"{path}: cannot be written ({reason}). Free some space or fix the permissions, or set CAREER_HOME to another "
        "folder."
    )
