"""What in the catalog contradicts itself, one line each."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from ingest.catalog_passages import PASSAGE_TYPE, UNIT_TYPE, count_bytes, to_passage
from ingest.catalog_schema import read_state
from ingest.terms import find_words


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
        "SELECT passages.*, articles.text AS article, length(vector) AS vector_bytes,"
        " length(unit_vectors) AS unit_bytes, length(word_vectors) AS word_bytes"
        " FROM passages JOIN articles ON articles.id = article_id"
    )
    embedding = read_state(connection).embedding
    dimension = int(embedding.fingerprint.get("dimension", 0)) if embedding else 0
    for row in rows:
        passage, name = to_passage(row), f"passage {row['id']}"
        start, end, units = passage.start, passage.end, passage.units
        inside = all(start <= unit.start < unit.end <= end for unit in units)
        if row["article"][start:end] != passage.text or not inside:
            yield f"{name}: its text is not the article's at {start}-{end}"
        if row["vector_bytes"] != dimension * PASSAGE_TYPE.itemsize:
            yield f"{name}: its vector has not {dimension} numbers"
        if row["unit_bytes"] != len(units) * dimension * UNIT_TYPE.itemsize:
            yield f"{name}: {len(units)} units do not match their vectors"
        words = len(find_words(passage.embedded_text))
        if row["word_bytes"] not in (0, words * count_bytes(dimension)):
            yield f"{name}: {words} words do not match their vectors"


def _find_bad_words(connection: sqlite3.Connection) -> Iterator[str]:
    without = connection.execute(
        "SELECT count(*) FROM passages WHERE number NOT IN (SELECT rowid FROM passage_words)"
    ).fetchone()[0]
    beyond = connection.execute(
        "SELECT count(*) FROM passage_words WHERE rowid NOT IN (SELECT number FROM passages)"
    ).fetchone()[0]
    if without or beyond:
        yield f"full-text index: {without} passages missing, {beyond} too many"
