"""What in the catalog contradicts itself, one line each."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator

from ingest.catalog_passages import PASSAGE_TYPE, UNIT_TYPE
from ingest.catalog_schema import read_state


def find_damage(connection: sqlite3.Connection) -> Iterator[str]:
    """What no repair can mend: pages of the file that SQLite cannot follow, and rows that lost what they belong to."""
    for (line,) in connection.execute("PRAGMA integrity_check(5)"):
        if line != "ok":
            yield " ".join(line.split())
    for row in connection.execute("PRAGMA foreign_key_check"):
        yield f"a row of {row[0]} belongs to no article"


def find_contradictions(connection: sqlite3.Connection) -> Iterator[str]:
    """Passages and full-text index that do not say the same as the articles."""
    yield from _find_bad_passages(connection)
    try:
        yield from _find_bad_words(connection)
    except sqlite3.DatabaseError as error:
        # Raised, it would end `career doctor --repair` before the repair that mends it.
        yield f"full-text index: {error}; run `career doctor --repair`"


def _find_bad_passages(connection: sqlite3.Connection) -> Iterator[str]:
    rows = connection.execute(
        "SELECT passages.id, articles.text, passages.start, passages.end, passages.text, units,"
        " length(vector), length(unit_vectors) FROM passages JOIN articles ON articles.id = article_id"
    )
    embedding = read_state(connection).embedding
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
