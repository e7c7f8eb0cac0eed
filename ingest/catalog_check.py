"""What in the catalog contradicts itself, one line each."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ingest.catalog_passages import PASSAGE_TYPE, UNIT_TYPE, count_bytes, list_words, read_passage
from ingest.catalog_schema import make_checksum, read_state
from ingest.catalog_sources import hash_text, list_sources, read_article
from ingest.terms import find_words

REMEDY = "run `career doctor --repair`"


def find_damage(connection: sqlite3.Connection) -> Iterator[str]:
    """Pages of the file that SQLite cannot follow, and rows that lost what they belong to."""
    for (line,) in connection.execute("PRAGMA integrity_check(5)"):
        if line != "ok":
            yield " ".join(line.split())
    for row in connection.execute("PRAGMA foreign_key_check"):
        yield f"a row of {row[0]} belongs to no article"


def find_bad_articles(connection: sqlite3.Connection) -> Iterator[str]:
    """Articles and passages that are not as they were written, and articles that lack passages."""
    read_state(connection)
    dimension = find_dimension(connection)
    for (article_id,) in connection.execute("SELECT id FROM articles ORDER BY id").fetchall():
        row = connection.execute("SELECT * FROM articles WHERE id = ?", (article_id,)).fetchone()
        again = f"{REMEDY} and ingest {', '.join(list_sources(connection, article_id)) or 'it'} again"
        if reason := find_fault_of_article(row):
            yield f"article {article_id}: {reason}; {again}"
            continue
        count = 0
        for passage in connection.execute("SELECT * FROM passages WHERE article_id = ? ORDER BY start", (article_id,)):
            count += 1
            if reason := find_fault(passage, row["text"], dimension):
                yield f"article {article_id}, passage {passage['id']}: {reason}; {again}"
        if count != row["passages"]:
            yield f"article {article_id}: {count} passages instead of {row['passages']}; {again}"


def find_dimension(connection: sqlite3.Connection) -> int:
    """Numbers in a vector of this catalog; 0 when no model is noted."""
    embedding = read_state(connection).embedding
    return int(embedding.fingerprint.get("dimension", 0)) if embedding else 0


def find_fault_of_article(row: Mapping[str, Any] | sqlite3.Row) -> str:
    """What is wrong with the row of an article, or ""."""
    if make_checksum(row) != row["checksum"]:
        return "not as it was written"
    article = read_article(row)
    if (article.content_hash, hash_text(article)) != (row["content_hash"], row["text_hash"]):
        return "its text does not have the hash noted for it"
    return ""


def find_fault(row: Mapping[str, Any] | sqlite3.Row, text: str, dimension: int) -> str:
    """What is wrong with the row of a passage of an article with this text, or ""."""
    if make_checksum(row) != row["checksum"]:
        return "not as it was written"
    passage = read_passage(row)
    start, end = passage.start, passage.end
    if text[start:end] != passage.text or not all(start <= unit.start < unit.end <= end for unit in passage.units):
        return f"its text is not the article's at {start}-{end}"
    if passage.id != row["id"]:
        return "its id is another's"
    return _find_fault_of_vectors(row, len(passage.units), len(find_words(passage.embedded_text)), dimension)


def _find_fault_of_vectors(row: Mapping[str, Any] | sqlite3.Row, units: int, words: int, dimension: int) -> str:
    if len(row["vector"]) != dimension * PASSAGE_TYPE.itemsize:
        return f"its vector has not {dimension} numbers"
    if len(row["unit_vectors"]) != units * dimension * UNIT_TYPE.itemsize:
        return f"{units} units do not match their vectors"
    if len(row["word_vectors"]) not in (0, words * count_bytes(dimension)):
        return f"{words} words do not match their vectors"
    lengths = _measure(row["vector"], PASSAGE_TYPE, dimension), _measure(row["unit_vectors"], UNIT_TYPE, dimension)
    if not all(np.allclose(measured, 1, atol=0.01) for measured in lengths):  # half precision: 0.0005
        return "a vector of it has not the length one"
    return ""


def _measure(blob: bytes, kind: np.dtype[Any], dimension: int) -> np.ndarray[Any, Any]:
    vectors = np.frombuffer(blob, kind).astype(np.float32).reshape(-1, max(1, dimension))
    return np.asarray(np.linalg.norm(vectors, axis=1))


def is_word_index_whole(connection: sqlite3.Connection) -> bool:
    """True when the full-text index holds every passage; by counting alone."""
    indexed = connection.execute("SELECT count(*) FROM passage_words_docsize").fetchone()[0]
    return bool(indexed == connection.execute("SELECT count(*) FROM passages").fetchone()[0])


def find_bad_words(connection: sqlite3.Connection) -> Iterator[str]:
    """Passages that the full-text index does not hold, or holds with other words."""
    count = wrong = 0
    for row in connection.execute(
        "SELECT passages.*, passage_words.rowid AS found, context, body"
        " FROM passages LEFT JOIN passage_words ON passage_words.rowid = number"
    ):
        count += 1
        wrong += row["found"] is None or (row["context"], row["body"]) != list_words(read_passage(row))
    beyond = connection.execute("SELECT count(*) FROM passage_words").fetchone()[0] - count
    if wrong:
        yield f"full-text index: {wrong} passages missing or with other words; {REMEDY}"
    if beyond > 0:
        yield f"full-text index: {beyond} passages too many; {REMEDY}"
