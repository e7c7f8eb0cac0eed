"""The catalog's tables, and what it knows of itself: format, generation, embedding model, vector index."""

from __future__ import annotations

import json
import re
import sqlite3
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from ingest.database import RowDamaged
from ingest.errors import EmbeddingMismatch
from ingest.terms import VERSION as TERMS_VERSION

SCHEMA_VERSION = 3

SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE articles (
    id TEXT PRIMARY KEY, source TEXT NOT NULL UNIQUE, title TEXT NOT NULL, text TEXT NOT NULL, author TEXT NOT NULL,
    published TEXT NOT NULL, language TEXT NOT NULL, url TEXT NOT NULL, fetched_at TEXT NOT NULL,
    content_hash TEXT NOT NULL, text_hash TEXT NOT NULL, added_at TEXT NOT NULL, pages TEXT NOT NULL,
    url_key TEXT NOT NULL, passages INTEGER NOT NULL, checksum INTEGER NOT NULL
);
CREATE INDEX articles_by_text ON articles (text_hash);
CREATE TABLE passages (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,
    article_id TEXT NOT NULL REFERENCES articles (id) ON DELETE CASCADE,
    title TEXT NOT NULL, headings TEXT NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL, text TEXT NOT NULL,
    lead TEXT NOT NULL, units TEXT NOT NULL, vector_key TEXT NOT NULL, vector BLOB NOT NULL, unit_vectors BLOB NOT NULL,
    word_vectors BLOB NOT NULL, checksum INTEGER NOT NULL
);
CREATE INDEX passages_by_article ON passages (article_id, start);
CREATE INDEX passages_by_key ON passages (vector_key);
CREATE TABLE index_queue (passage_id TEXT PRIMARY KEY) WITHOUT ROWID;
"""
# Every place that an article was read from; `reader` is the version of the code that read it.
SOURCES_SCHEMA = """
CREATE TABLE sources (
    source TEXT PRIMARY KEY, article_id TEXT NOT NULL REFERENCES articles (id) ON DELETE CASCADE,
    page_hash TEXT NOT NULL, reader INTEGER NOT NULL, etag TEXT NOT NULL, last_modified TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX sources_by_article ON sources (article_id);
CREATE INDEX articles_by_url ON articles (url_key);
"""
# Format 1 knew no words: an empty blob is a passage without them, until `career reembed` fills it.
FROM_FORMAT_1 = "ALTER TABLE passages ADD COLUMN word_vectors BLOB NOT NULL DEFAULT x''"
# Format 2 knew one source of an article, no pages, not how many passages an article must have, and no checksums.
FROM_FORMAT_2 = """
ALTER TABLE articles ADD COLUMN pages TEXT NOT NULL DEFAULT '[]';
ALTER TABLE articles ADD COLUMN url_key TEXT NOT NULL DEFAULT '';
ALTER TABLE articles ADD COLUMN passages INTEGER NOT NULL DEFAULT 0;
ALTER TABLE articles ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
ALTER TABLE passages ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
"""
FILL_SOURCES = "INSERT INTO sources SELECT source, id, '', 0, '', '' FROM articles"
WORDS_SCHEMA = """
CREATE VIRTUAL TABLE passage_words USING fts5 (context, body, tokenize = "unicode61 tokenchars '+#.'")
"""  # holds terms, already folded and stemmed by ingest/terms.py, so that BM25 and the answer's scoring agree
TERMS_SCHEMA = "CREATE VIRTUAL TABLE IF NOT EXISTS passage_terms USING fts5vocab (passage_words, row)"


# Vectors of an article so large that it is not embedded in one go, by their key; until the article is stored.
MADE_SCHEMA = """
CREATE TABLE IF NOT EXISTS made_vectors (
    id TEXT PRIMARY KEY, vector BLOB NOT NULL, unit_vectors BLOB NOT NULL, word_vectors BLOB NOT NULL,
    checksum INTEGER NOT NULL
)
"""


@dataclass(frozen=True)
class IndexState:
    """The vector index as the catalog last knew it."""

    number: int = 0  # of its folder or collection; 0: none yet
    generation: int = 0  # of the catalog that it mirrors
    location: str = ""  # the server's address, "" for a folder of this library
    seal: str = ""  # digest of its files, "" on a server
    vectors: int = -1  # how many it holds; -1: not noted, by an older version


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


def make_schema(connection: sqlite3.Connection) -> None:
    """Make the tables of a new catalog, or give an older one what it lacks; what it holds stays as it is."""
    if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        _make_tables(connection)
        return
    connection.execute(MADE_SCHEMA)
    version = get_meta(connection, "schema_version")
    if version == "1":
        connection.execute(FROM_FORMAT_1)
    if version in ("1", "2"):
        for statements in (FROM_FORMAT_2, SOURCES_SCHEMA, FILL_SOURCES):
            _run(connection, statements)
        _fill_new_columns(connection)
        set_meta(connection, "schema_version", str(SCHEMA_VERSION))


def _run(connection: sqlite3.Connection, statements: str) -> None:
    """Several statements; unlike `executescript` within the transaction that is open."""
    for statement in statements.split(";\n"):
        if statement.strip():
            connection.execute(statement)


def _fill_new_columns(connection: sqlite3.Connection) -> None:
    for row in connection.execute("SELECT id, url FROM articles").fetchall():
        connection.execute("UPDATE articles SET url_key = ? WHERE id = ?", (make_url_key(row["url"]), row["id"]))
        seal_article(connection, row["id"])
    numbers = [row["number"] for row in connection.execute("SELECT number FROM passages")]
    for number in numbers:  # one at a time: all vectors together may be larger than memory
        row = connection.execute("SELECT * FROM passages WHERE number = ?", (number,)).fetchone()
        connection.execute("UPDATE passages SET checksum = ? WHERE number = ?", (make_checksum(row), number))


def make_url_key(url: str) -> str:
    """Equal for the ways in which one page is linked to: http or https, with or without "www." and a last slash."""
    return re.sub(r"^https?://(?:www\.)?", "", url, flags=re.IGNORECASE).rstrip("/")


NOT_CHECKED = {"number", "checksum"}


def make_checksum(row: Mapping[str, Any] | sqlite3.Row) -> int:
    """CRC-32 of what the row of an article or a passage holds: SQLite does not notice a flipped bit in a value."""
    checksum = 0
    for name in sorted(row.keys()):
        if name not in NOT_CHECKED:
            value = row[name] if isinstance(row[name], bytes) else str(row[name]).encode("utf-8", "surrogatepass")
            checksum = zlib.crc32(value, checksum)
    return checksum


def verify(row: sqlite3.Row, kind: str) -> sqlite3.Row:
    """The row, when it is as it was written: a citation must never show what a failing disk has made of a text."""
    if make_checksum(row) != row["checksum"]:
        raise RowDamaged(f"{kind} {row['id']!r} is not as it was written")
    return row


def seal_article(connection: sqlite3.Connection, article_id: str) -> None:
    """Note how many passages an article has, and the checksum of its row; the last step of every change of it."""
    connection.execute(
        "UPDATE articles SET passages = (SELECT count(*) FROM passages WHERE article_id = articles.id) WHERE id = ?",
        (article_id,),
    )
    row = connection.execute("SELECT * FROM articles WHERE id = ?", (article_id,)).fetchone()
    connection.execute("UPDATE articles SET checksum = ? WHERE id = ?", (make_checksum(row), article_id))


def _make_tables(connection: sqlite3.Connection) -> None:
    for statements in (SCHEMA, SOURCES_SCHEMA, WORDS_SCHEMA, TERMS_SCHEMA, MADE_SCHEMA):
        _run(connection, statements)
    set_meta(connection, "schema_version", str(SCHEMA_VERSION))
    set_meta(connection, "terms_version", str(TERMS_VERSION))
    set_meta(connection, "library_id", uuid4().hex)
    set_meta(connection, "generation", "0")


def get_meta(connection: sqlite3.Connection, name: str) -> str | None:
    row = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row[0])


def set_meta(connection: sqlite3.Connection, name: str, value: str) -> None:
    connection.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (name, value))


def read_state(connection: sqlite3.Connection) -> CatalogState:
    meta = {row["name"]: row["value"] for row in connection.execute("SELECT name, value FROM meta")}
    try:
        embedding = Embedding(**json.loads(meta["embedding"])) if "embedding" in meta else None
        index = IndexState(**json.loads(meta["index"])) if "index" in meta else IndexState()
        return CatalogState(meta["library_id"], int(meta["generation"]), index, embedding)
    except (KeyError, TypeError, ValueError) as error:
        raise RowDamaged("what it says of itself cannot be read") from error


def bump_generation(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE name = 'generation'")


def set_embedding(connection: sqlite3.Connection, embedding: Embedding) -> None:
    value = {"model": embedding.model, "fingerprint": dict(embedding.fingerprint)}
    set_meta(connection, "embedding", json.dumps(value))


def claim_embedding(connection: sqlite3.Connection, embedding: Embedding) -> None:
    """The first writer decides the model; checked in the transaction because another process may have re-embedded."""
    stored = read_state(connection).embedding
    if stored is None:
        set_embedding(connection, embedding)
    else:
        refuse_other_fingerprint(stored, embedding)


def refuse_other_fingerprint(stored: Embedding, current: Embedding) -> None:
    """Raise EmbeddingMismatch unless both models make vectors of one space, in one way."""
    if dict(stored.fingerprint) == dict(current.fingerprint):
        return
    if {**stored.fingerprint, "method": ""} == {**current.fingerprint, "method": ""}:
        raise EmbeddingMismatch(
            "The library's vectors were made by another version or runtime of career. "
            "Run `career reembed`, or set CAREER_EMBEDDING_RUNTIME=auto."
        )
    raise mismatch(_describe(stored), _describe(current), stored.model)


def mismatch(stored: str, current: str, setting: str) -> EmbeddingMismatch:
    return EmbeddingMismatch(
        f"The library was made with the embedding model {stored}, but now {current} is set. "
        f"Run `career reembed`, or set CAREER_EMBEDDING_MODEL={setting}."
    )


def _describe(embedding: Embedding) -> str:
    weights = str(embedding.fingerprint.get("weights", ""))[:12]
    return f"{embedding.fingerprint.get('name', embedding.model)} (weights {weights})"
