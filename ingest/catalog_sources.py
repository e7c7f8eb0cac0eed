"""Where articles were read from: the same source again, and the same article from another source."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from ingest.article import Article, Validators
from ingest.catalog_schema import make_url_key, seal_article, verify

ALIKE = 0.5  # share of the shorter text's lines that the other holds too; see _are_alike


@dataclass(frozen=True)
class Reading:
    """How a source stood when it was read: what tells, before any parsing, that it has not changed since."""

    page_hash: str = ""  # Page.content_hash; "" never matches
    reader: int = 0  # extract.VERSION: newer code reads the same bytes again
    validators: Validators = Validators()  # noqa: RUF009 - frozen


@dataclass(frozen=True)
class KnownSource:
    """A source that an article of the library was read from."""

    article: Article
    passages: int
    reading: Reading


def find_source(connection: sqlite3.Connection, source: str) -> KnownSource | None:
    row = connection.execute("SELECT * FROM sources WHERE source = ?", (source,)).fetchone()
    article = row and find_by_id(connection, row["article_id"])
    if article is None:
        return None
    count = connection.execute("SELECT count(*) FROM passages WHERE article_id = ?", (article.id,)).fetchone()[0]
    return KnownSource(article, count, _read_reading(row))


def read_sources(connection: sqlite3.Connection, article_id: str) -> dict[str, Reading]:
    """The sources of an article and how each stood; the one it is named by first."""
    rows = connection.execute("SELECT * FROM sources WHERE article_id = ?", (article_id,))
    found = {row["source"]: _read_reading(row) for row in rows}
    return {source: found[source] for source in list_sources(connection, article_id)}


def _read_reading(row: sqlite3.Row) -> Reading:
    return Reading(row["page_hash"], row["reader"], Validators(row["etag"], row["last_modified"]))


def list_sources(connection: sqlite3.Connection, article_id: str) -> list[str]:
    """The sources of an article; the one it is named by first."""
    rows = connection.execute(
        "SELECT source FROM sources WHERE article_id = ? ORDER BY source != (SELECT source FROM articles WHERE id = ?)"
        ", source",
        (article_id, article_id),
    )
    return [row["source"] for row in rows]


def note_source(connection: sqlite3.Connection, article_id: str, source: str, reading: Reading) -> None:
    """Remember that `source` gave this article; an article that it gave before loses it."""
    before = connection.execute("SELECT article_id FROM sources WHERE source = ?", (source,)).fetchone()
    validators = reading.validators
    connection.execute(
        "INSERT OR REPLACE INTO sources VALUES (?, ?, ?, ?, ?, ?)",
        (source, article_id, reading.page_hash, reading.reader, validators.etag, validators.last_modified),
    )
    if before is not None and before["article_id"] != article_id:
        _rename_source(connection, before["article_id"])


def forget_source(connection: sqlite3.Connection, source: str) -> str:
    """The id of the article that has no source left; "" while it has one, and for an unknown source."""
    row = connection.execute("SELECT article_id FROM sources WHERE source = ?", (source,)).fetchone()
    if row is None:
        return ""
    connection.execute("DELETE FROM sources WHERE source = ?", (source,))
    return "" if _rename_source(connection, row["article_id"]) else str(row["article_id"])


def _rename_source(connection: sqlite3.Connection, article_id: str) -> bool:
    """Name an article by a source that it still has; False when it has none."""
    left = list_sources(connection, article_id)
    if left:
        connection.execute("UPDATE articles SET source = ? WHERE id = ?", (left[0], article_id))
        seal_article(connection, article_id)
    return bool(left)


def find_same(connection: sqlite3.Connection, article: Article, *, alike: bool = True) -> Article | None:
    """The article of the library that `article` is a reading of.

    By its source, unless that gave a copy of what other sources give, which must not change with it; by its words; by
    its address, when the words are much the same: some sites declare one address for all of their pages. Not `alike`:
    without the last, for what is known to be an article of its own.
    """
    known = _find_by_source(connection, article.source)
    if known is not None and (_is_only_source(connection, known, article.source) or _are_one_page(known, article)):
        return known
    return _find_by_text(connection, article) or (_find_by_address(connection, article) if alike else None)


def find_by_id(connection: sqlite3.Connection, article_id: str) -> Article | None:
    return _to_article(connection.execute("SELECT * FROM articles WHERE id = ?", (article_id,)).fetchone())


def _find_by_source(connection: sqlite3.Connection, source: str) -> Article | None:
    row = connection.execute("SELECT article_id FROM sources WHERE source = ?", (source,)).fetchone()
    return None if row is None else find_by_id(connection, row["article_id"])


def _find_by_text(connection: sqlite3.Connection, article: Article) -> Article | None:
    found = connection.execute("SELECT * FROM articles WHERE text_hash = ?", (hash_text(article),)).fetchone()
    return _to_article(found)


def _find_by_address(connection: sqlite3.Connection, article: Article) -> Article | None:
    key = make_url_key(article.url)
    rows = connection.execute("SELECT * FROM articles WHERE url_key = ? AND url_key != ''", (key,))
    candidates = (found for row in rows if (found := _to_article(row)))
    return next((found for found in candidates if _are_one_page(found, article)), None)


def _is_only_source(connection: sqlite3.Connection, known: Article, source: str) -> bool:
    return list_sources(connection, known.id) == [source]


def _are_one_page(one: Article, other: Article) -> bool:
    return bool(one.url) and make_url_key(one.url) == make_url_key(other.url) and _are_alike(one.text, other.text)


def _are_alike(one: str, other: str) -> bool:
    """True for two states of one text: most lines of the shorter one stand in the longer one."""
    lines = [{line.strip() for line in text.split("\n") if line.strip()} for text in (one, other)]
    return len(lines[0] & lines[1]) >= ALIKE * max(1, min(map(len, lines)))


def hash_text(article: Article) -> str:
    return hashlib.sha256(f"{article.title}\0{article.text}".encode("utf-8", "surrogatepass")).hexdigest()


def _to_article(row: sqlite3.Row | None) -> Article | None:
    return None if row is None else read_article(verify(row, "article"))


def read_article(row: Mapping[str, Any] | sqlite3.Row) -> Article:
    """What a row says, true or not."""
    values = {field.name: row[field.name] for field in fields(Article)}
    return Article(**{**values, "pages": tuple(json.loads(row["pages"]))})
