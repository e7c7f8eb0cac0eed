"""Passages <-> rows of the catalog: spans, vectors, signs of words, and terms for the full-text index."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ingest.article import Article, Passage, Unit
from ingest.catalog_schema import make_checksum, verify
from ingest.terms import find_words, split_terms

# Passage vectors keep full precision; unit vectors, three times as many, half of it: over 603 units of the seed and of
# three BLS pages a cosine moved by at most 0.00004, and the first ten units of ten questions kept their order.
PASSAGE_TYPE = np.dtype("<f4")
UNIT_TYPE = np.dtype("<f2")

Vector = NDArray[np.float32]
Bits = NDArray[np.uint8]
Vectors = tuple[Vector, Vector, Bits]  # of a passage, its units and its words, as StoredPassage holds them


@dataclass(frozen=True, eq=False)
class StoredPassage:
    passage: Passage
    vector: Vector  # (dimension,), length one
    unit_vectors: Vector  # (number of units, dimension), each of length one
    words: Bits  # (number of find_words(passage.embedded_text) or 0, count_bytes(dimension)): see PassageVectors


def vector_key(passage: Passage) -> str:
    """Equal for passages whose vectors are equal: the same words under the same headings, cut into the same units."""
    cuts = ",".join(f"{unit.start - passage.start}-{unit.end - passage.start}" for unit in passage.units)
    key = "\0".join((passage.context, passage.lead, passage.text, cuts))
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def write_passages(connection: sqlite3.Connection, article: Article, passages: Sequence[StoredPassage]) -> int:
    """Put `passages` in place of the article's old ones; those that stay are not touched."""
    new: dict[str, StoredPassage] = {}
    for stored in passages:
        passage = replace(stored.passage, article_id=article.id, title=article.title)
        _refuse_wrong_span(article, passage)
        new[passage.id] = replace(stored, passage=passage)
    old = passage_numbers(connection, article.id)
    drop_passages(connection, {passage_id: number for passage_id, number in old.items() if passage_id not in new})
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
    count = len(find_words(passage.embedded_text))
    if stored.words.shape[0] not in (0, count):
        raise ValueError(f"{passage_id}: {count} words but {stored.words.shape[0]} vectors")
    connection.execute(
        "DELETE FROM passage_words WHERE rowid = (SELECT number FROM passages WHERE id = ?)", (passage_id,)
    )
    vector, unit_vectors, word_vectors = to_blobs((stored.vector, stored.unit_vectors, stored.words))
    row = {
        **asdict(passage),
        "id": passage_id,
        "headings": json.dumps(passage.headings, ensure_ascii=False),
        "units": _dump_units(passage),
        "vector_key": vector_key(passage),
        "vector": vector,
        "unit_vectors": unit_vectors,
        "word_vectors": word_vectors,
    }
    cursor = connection.execute(
        """
        INSERT OR REPLACE INTO passages
        VALUES (NULL, :id, :article_id, :title, :headings, :start, :end, :text, :lead, :units, :vector_key, :vector,
                :unit_vectors, :word_vectors, :checksum)
        """,
        {**row, "checksum": make_checksum(row)},
    )
    write_words(connection, cast(int, cursor.lastrowid), passage)
    connection.execute("INSERT OR IGNORE INTO index_queue VALUES (?)", (passage_id,))


def write_words(connection: sqlite3.Connection, number: int, passage: Passage) -> None:
    connection.execute(
        "INSERT INTO passage_words (rowid, context, body) VALUES (?, ?, ?)", (number, *list_words(passage))
    )


def list_words(passage: Passage) -> tuple[str, str]:
    """What the full-text index holds of a passage: terms of its title and headings, and of its own words."""
    return " ".join(split_terms(passage.context)), " ".join(split_terms(f"{passage.lead}\n{passage.text}"))


def passage_numbers(connection: sqlite3.Connection, article_id: str) -> dict[str, int]:
    rows = connection.execute("SELECT id, number FROM passages WHERE article_id = ?", (article_id,))
    return {row["id"]: row["number"] for row in rows}


def drop_passages(connection: sqlite3.Connection, numbers: Mapping[str, int]) -> None:
    rows = [(number,) for number in numbers.values()]
    connection.executemany("DELETE FROM passage_words WHERE rowid = ?", rows)
    connection.executemany("DELETE FROM passages WHERE number = ?", rows)
    connection.executemany("INSERT OR IGNORE INTO index_queue VALUES (?)", [(passage_id,) for passage_id in numbers])


def _dump_units(passage: Passage) -> str:
    return json.dumps([[unit.start, unit.end, unit.kind] for unit in passage.units])


def write_vectors(connection: sqlite3.Connection, passage_id: str, vectors: Vectors) -> None:
    """Exchange the vectors of one passage."""
    row = dict(connection.execute("SELECT * FROM passages WHERE id = ?", (passage_id,)).fetchone())
    row["vector"], row["unit_vectors"], row["word_vectors"] = to_blobs(vectors)
    connection.execute(
        "UPDATE passages SET vector = :vector, unit_vectors = :unit_vectors, word_vectors = :word_vectors,"
        " checksum = :checksum WHERE id = :id",
        {**row, "checksum": make_checksum(row)},
    )


def write_made(connection: sqlite3.Connection, key: str, vectors: Vectors) -> None:
    """Keep vectors that no passage has yet."""
    vector, unit_vectors, word_vectors = to_blobs(vectors)
    row = {"id": key, "vector": vector, "unit_vectors": unit_vectors, "word_vectors": word_vectors}
    connection.execute(
        "INSERT OR REPLACE INTO made_vectors VALUES (:id, :vector, :unit_vectors, :word_vectors, :checksum)",
        {**row, "checksum": make_checksum(row)},
    )


def to_blobs(vectors: Vectors) -> tuple[bytes, bytes, bytes]:
    vector, units, words = vectors
    return vector.astype(PASSAGE_TYPE).tobytes(), units.astype(UNIT_TYPE).tobytes(), words.tobytes()


def to_vectors(row: sqlite3.Row) -> Vectors:
    """The vectors in a passage's row. Raises RowDamaged, like all that reads such a row."""
    verify(row, "passage")
    vector = np.frombuffer(row["vector"], PASSAGE_TYPE)
    units = np.frombuffer(row["unit_vectors"], UNIT_TYPE).astype(np.float32)
    words = np.frombuffer(row["word_vectors"], np.uint8)
    size = max(1, vector.size)
    return vector, units.reshape(-1, size), words.reshape(-1, count_bytes(size))


def count_bytes(dimension: int) -> int:
    """What the signs of one word take."""
    return -(-dimension // 8)


def to_stored(row: sqlite3.Row) -> StoredPassage:
    vectors = to_vectors(row)  # verifies
    return StoredPassage(read_passage(row), *vectors)


def to_passage(row: sqlite3.Row) -> Passage:
    return read_passage(verify(row, "passage"))


def read_passage(row: Mapping[str, Any] | sqlite3.Row) -> Passage:
    """What a row says, true or not."""
    return Passage(
        article_id=row["article_id"],
        title=row["title"],
        headings=tuple(json.loads(row["headings"])),
        start=row["start"],
        end=row["end"],
        text=row["text"],
        lead=row["lead"],
        units=tuple(Unit(*unit) for unit in json.loads(row["units"])),
    )
