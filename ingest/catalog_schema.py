"""The catalog's tables, and what it knows of itself: format, generation, embedding model, vector index."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from ingest.errors import EmbeddingMismatch
from ingest.terms import VERSION as TERMS_VERSION

SCHEMA_VERSION = 2

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
    lead TEXT NOT NULL, units TEXT NOT NULL, vector_key TEXT NOT NULL, vector BLOB NOT NULL, unit_vectors BLOB NOT NULL,
    word_vectors BLOB NOT NULL
);
CREATE INDEX passages_by_article ON passages (article_id, start);
CREATE INDEX passages_by_key ON passages (vector_key);
CREATE TABLE index_queue (passage_id TEXT PRIMARY KEY) WITHOUT ROWID;
"""
# Format 1 knew no words: an empty blob is a passage without them, until `career reembed` fills it.
FROM_FORMAT_1 = "ALTER TABLE passages ADD COLUMN word_vectors BLOB NOT NULL DEFAULT x''"
WORDS_SCHEMA = """
CREATE VIRTUAL TABLE passage_words USING fts5 (context, body, tokenize = "unicode61 tokenchars '+#.'")
"""  # holds terms, already folded and stemmed by ingest/terms.py, so that BM25 and the answer's scoring agree
TERMS_SCHEMA = "CREATE VIRTUAL TABLE IF NOT EXISTS passage_terms USING fts5vocab (passage_words, row)"


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


def make_schema(connection: sqlite3.Connection) -> None:
    """Make the tables of a new catalog, or give an older one what it lacks; what it holds stays as it is."""
    if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        _make_tables(connection)
    elif get_meta(connection, "schema_version") == "1":
        connection.execute(FROM_FORMAT_1)
        set_meta(connection, "schema_version", str(SCHEMA_VERSION))


def _make_tables(connection: sqlite3.Connection) -> None:
    for statement in (*SCHEMA.split(";\n"), WORDS_SCHEMA, TERMS_SCHEMA):
        if statement.strip():
            connection.execute(statement)
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
    embedding = Embedding(**json.loads(meta["embedding"])) if "embedding" in meta else None
    index = IndexState(**json.loads(meta["index"])) if "index" in meta else IndexState()
    return CatalogState(meta["library_id"], int(meta["generation"]), index, embedding)


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
        raise EmbeddingMismatch("The library's vectors were made by another version of career. Run `career reembed`.")
    raise mismatch(_describe(stored), _describe(current), stored.model)


def mismatch(stored: str, current: str, setting: str) -> EmbeddingMismatch:
    return EmbeddingMismatch(
        f"The library was made with the embedding model {stored}, but now {current} is set. "
        f"Run `career reembed`, or set CAREER_EMBEDDING_MODEL={setting}."
    )


def _describe(embedding: Embedding) -> str:
    weights = str(embedding.fingerprint.get("weights", ""))[:12]
    return f"{embedding.fingerprint.get('name', embedding.model)} (weights {weights})"
