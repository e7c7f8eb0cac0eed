"""The library's truth: articles, passages, their vectors and the full-text index, in one SQLite file.

Every public method is one transaction, may be called from any thread, and raises nothing but LibraryError.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ingest.article import Article, Passage
from ingest.catalog_check import find_bad_articles, find_bad_words, find_damage, is_word_index_whole
from ingest.catalog_feedback import Feedback, keep_feedback, list_feedback
from ingest.catalog_passages import (
    PASSAGE_TYPE,
    StoredPassage,
    Vector,
    Vectors,
    drop_passages,
    passage_numbers,
    to_passage,
    to_stored,
    to_vectors,
    vector_key,
    write_made,
    write_passages,
    write_vectors,
    write_words,
)
from ingest.catalog_schema import (
    SCHEMA_VERSION,
    TERMS_SCHEMA,
    WORDS_SCHEMA,
    CatalogState,
    Embedding,
    IndexState,
    bump_generation,
    claim_embedding,
    get_meta,
    make_schema,
    make_url_key,
    mismatch,
    read_state,
    refuse_other_fingerprint,
    seal_article,
    set_embedding,
    set_meta,
    verify,
)
from ingest.catalog_sources import (
    KnownSource,
    Reading,
    find_by_id,
    find_same,
    find_source,
    forget_source,
    hash_text,
    list_sources,
    note_source,
    read_article,
    read_sources,
)
from ingest.database import Database, RowDamaged, damaged, lost
from ingest.errors import ArticleUnknown, LibraryDamaged, LibraryError
from ingest.terms import VERSION as TERMS_VERSION
from ingest.terms import split_terms

__all__ = [
    "ArticleCopy",
    "ArticleSummary",
    "Catalog",
    "CatalogState",
    "Embedding",
    "HeadingPath",
    "IndexState",
    "IndexWork",
    "KnownSource",
    "Queued",
    "Reading",
    "Stored",
    "StoredPassage",
    "Vector",
    "mismatch",
    "refuse_other_fingerprint",
    "vector_key",
    "write_query",
]

log = logging.getLogger(__name__)

CONTEXT_WEIGHT = 1.0  # of title and headings in BM25, beside
BODY_WEIGHT = 1.0
BATCH = 500  # passages whose rows, some 10 kB each, are in memory at once
LONGEST_QUERY = 64  # distinct terms; FTS5 refuses an expression deeper than 256
LONGEST_ID = 200  # characters of an unknown id that are compared with others and told: it may be anything


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


@dataclass(frozen=True)
class Stored:
    """What became of an article that was to be stored; `article` carries the id it has in the library."""

    status: str  # "added", "updated" or "unchanged"
    article: Article
    passages: int


@dataclass(frozen=True)
class ArticleCopy:
    """All that a catalog holds of an article, to be stored in another."""

    article: Article
    added_at: str
    sources: Mapping[str, Reading]
    passages: Sequence[StoredPassage]


@dataclass(frozen=True)
class IndexWork:
    """What the vector index has yet to learn."""

    upserts: Mapping[str, tuple[str, Vector]]  # passage id -> article id, vector
    deletes: Sequence[str]


@dataclass(frozen=True, eq=False)
class Queued:
    """The same for a reader, with the state of the catalog at that moment."""

    state: CatalogState
    ids: list[str]
    vectors: Vector  # (number of ids, dimension)
    gone: frozenset[str]


class Catalog:
    FILE_NAME = "catalog.sqlite3"

    def __init__(self, database: Database) -> None:
        self.read_only = database.read_only
        self._database = database
        self._counted = ("", 0)  # of which generation, how many passages

    @classmethod
    def open(cls, home: Path, *, read_only: bool = False) -> Catalog:
        """The catalog of a library; an empty one is made where there is none, so that readers can wait for articles.

        Raises LibraryDamaged or LibraryUnwritable.
        """
        database = Database(home / cls.FILE_NAME, read_only=read_only)
        cls.refuse_lost(home)
        if not (read_only and _is_current(database)):
            database.create()
            # One transaction, a reader's too: two processes that open a new library at once must agree on one schema.
            with database.write(force=True) as connection:
                make_schema(connection)
        catalog = cls(database)
        catalog._refuse_other_schema()
        return catalog

    @classmethod
    def refuse_lost(cls, home: Path) -> None:
        """Raise LibraryDamaged when there is an index and no catalog: that would begin as an empty library."""
        database = Database(home / cls.FILE_NAME)
        if not database.has_content() and (home / "chroma").is_dir():
            raise lost(database.path, "the file is empty" if database.path.exists() else "the file is missing")

    def _refuse_other_schema(self) -> None:
        with self._database.read() as connection:
            version = get_meta(connection, "schema_version") or "none"
        if version != str(SCHEMA_VERSION):
            raise LibraryError(
                f"{self._database.path}: made by another version of career (format {version}, this one reads "
                f"{SCHEMA_VERSION}). Upgrade career, or set CAREER_HOME to another folder."
            )

    def close(self) -> None:
        self._database.close()

    # -- reading -----------------------------------------------------------------------------------------------------

    def read_state(self) -> CatalogState:
        with self._database.read() as connection:
            return read_state(connection)

    def list_articles(self) -> list[ArticleSummary]:
        """Every article in the order of its title."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT id, source, title, author, published, url, language, added_at,"
                " (SELECT count(*) FROM passages WHERE article_id = articles.id)"
                " FROM articles ORDER BY title COLLATE NOCASE, id"
            )
            return [ArticleSummary(*row) for row in rows]

    def find_article(self, article_id: str) -> Article:
        """The article with that id. Raises ArticleUnknown, which names the nearest ids."""
        with self._database.read() as connection:
            found = find_by_id(connection, article_id)
            if found is None:
                raise _unknown(connection, article_id)
            return found

    def refuse_unknown(self, article_ids: Sequence[str]) -> None:
        """Raise ArticleUnknown, which names the nearest ids, unless there is an article with each of these ids."""
        with self._database.read() as connection:
            statement = "SELECT id FROM articles WHERE id IN (SELECT value FROM json_each(?))"
            known = {row["id"] for row in connection.execute(statement, _list(article_ids))}
            for article_id in article_ids:
                if article_id not in known:
                    raise _unknown(connection, article_id)

    def copy_article(self, article_id: str) -> ArticleCopy:
        """All of an article as of one moment. Raises ArticleUnknown."""
        with self._database.read() as connection:
            row = connection.execute("SELECT * FROM articles WHERE id = ?", (article_id,)).fetchone()
            if row is None:
                raise _unknown(connection, article_id)
            article = read_article(verify(row, "article"))
            rows = connection.execute("SELECT * FROM passages WHERE article_id = ? ORDER BY number", (article_id,))
            passages = [to_stored(passage) for passage in rows]
            if len(passages) != row["passages"]:
                raise RowDamaged(f"article {article_id!r} has {len(passages)} passages instead of {row['passages']}")
            return ArticleCopy(article, row["added_at"], read_sources(connection, article_id), passages)

    def find_source(self, source: str) -> KnownSource | None:
        """What is known of a file or an address that an article was read from."""
        with self._database.read() as connection:
            return find_source(connection, source)

    def list_sources(self, beginning: str = "") -> list[str]:
        """Every source, of those that begin so."""
        with self._database.read() as connection:
            rows = connection.execute("SELECT source FROM sources ORDER BY source")
            return [row["source"] for row in rows if row["source"].startswith(beginning)]

    def list_sources_of(self, article_id: str) -> list[str]:
        """The sources of an article; the one it is named by first."""
        with self._database.read() as connection:
            return list_sources(connection, article_id)

    def find_unchanged(self, article: Article) -> Stored | None:
        """What the library already holds of `article`: from the same source, or the same words from another."""
        with self._database.read() as connection:
            return _find_unchanged(connection, article)

    def count_passages(self) -> int:
        with self._database.read() as connection:
            generation = get_meta(connection, "generation") or ""
            counted, count = self._counted  # a question asks twice; SQLite counts 100,000 in 3 ms, one by one
            if counted != generation:
                count = int(connection.execute("SELECT count(*) FROM passages").fetchone()[0])
                self._counted = (generation, count)
            return count

    def list_headings(self) -> list[HeadingPath]:
        """Every heading path that has a passage, in reading order."""
        with self._database.read() as connection:
            rows = connection.execute("SELECT article_id, title, headings FROM passages ORDER BY article_id, start")
            try:
                paths = [HeadingPath(row[0], row[1], tuple(json.loads(row[2]))) for row in rows]
            except (TypeError, ValueError) as error:
                raise RowDamaged("the headings of a passage cannot be read") from error
        return list(dict.fromkeys(paths))

    def find_passages(self, ids: Sequence[str]) -> dict[str, StoredPassage]:
        """The passages that exist, in the order asked for."""
        with self._database.read() as connection:
            rows = connection.execute("SELECT * FROM passages WHERE id IN (SELECT value FROM json_each(?))", _list(ids))
            found = {row["id"]: to_stored(row) for row in rows}
        return {passage_id: found[passage_id] for passage_id in ids if passage_id in found}

    def keep_known(self, ids: Sequence[str]) -> set[str]:
        with self._database.read() as connection:
            statement = "SELECT id FROM passages WHERE id IN (SELECT value FROM json_each(?))"
            return {row["id"] for row in connection.execute(statement, _list(ids))}

    def rank_by_words(self, question: str, limit: int, articles: Sequence[str] = ()) -> list[tuple[str, float]]:
        """Passage ids with their BM25 score, best first; higher is better. Any string is a safe question.

        Of these articles, of all for (); a score is the same either way.
        """
        query = write_query(question)
        if not query or limit < 1:
            return []
        chosen = json.dumps(articles) if articles else None
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT passages.id, -found.score FROM (SELECT rowid, bm25(passage_words, ?, ?) AS score"
                # Without the OR SQLite searches once for each passage: 42 instead of 0.05 s for 100,000 chosen ones.
                " FROM passage_words WHERE passage_words MATCH ?"
                " AND (? IS NULL OR rowid IN (SELECT number FROM passages"
                " WHERE article_id IN (SELECT value FROM json_each(?)))) ORDER BY score LIMIT ?) AS found"
                " JOIN passages ON passages.number = found.rowid ORDER BY found.score, passages.number",
                (CONTEXT_WEIGHT, BODY_WEIGHT, query, chosen, chosen, limit),
            )
            return [(row[0], float(row[1])) for row in rows]

    def count_documents(self, terms: Sequence[str]) -> dict[str, int]:
        """In how many passages each term stands, 0 for one in none."""
        with self._database.read() as connection:
            statement = "SELECT term, doc FROM passage_terms WHERE term = ?"
            found = dict(row for term in set(terms) for row in connection.execute(statement, (term,)))
        return {term: int(found.get(term, 0)) for term in terms}

    def list_terms(self, beginning: str, shortest: int, longest: int) -> dict[str, int]:
        """The terms that begin so and have that many characters, each with the passages that it stands in."""
        with self._database.read() as connection:
            statement = (
                "SELECT term, doc FROM passage_terms WHERE term >= ? AND term < ? AND length(term) BETWEEN ? AND ?"
            )
            end = beginning + chr(0x10FFFF)
            return {row[0]: int(row[1]) for row in connection.execute(statement, (beginning, end, shortest, longest))}

    def has_current_terms(self) -> bool:
        """False when the full-text index was made with an older ingest/terms.py."""
        with self._database.read() as connection:
            return get_meta(connection, "terms_version") == str(TERMS_VERSION)

    def read_vectors(self) -> tuple[list[str], Vector]:
        """Ids and vectors (number of passages, dimension) of every passage; what is found by them is verified later."""
        with self._database.read() as connection:
            count = connection.execute("SELECT count(*) FROM passages").fetchone()[0]
            return _read_vectors(connection.execute("SELECT id, vector FROM passages ORDER BY number"), count)

    def read_vectors_of(self, articles: Sequence[str]) -> tuple[list[str], Vector]:
        """The same of the passages of these articles."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT id, vector FROM passages WHERE article_id IN (SELECT value FROM json_each(?)) ORDER BY number",
                _list(articles),
            ).fetchall()
            if len({len(row["vector"]) for row in rows}) > 1:
                raise RowDamaged("the vector of a passage is not as it was written")
        vectors = np.frombuffer(b"".join(row["vector"] for row in rows), PASSAGE_TYPE)
        return [row["id"] for row in rows], vectors.reshape(max(1, len(rows)), -1)

    def read_queued(self) -> Queued:
        """What an index may not know yet; verified later, as with `read_vectors`."""
        with self._database.read() as connection:
            state, queued = read_state(connection), _list_queued(connection)
            statement = f"SELECT id, vector FROM passages WHERE id IN ({QUEUED})"  # noqa: S608 - our own words
            rows = connection.execute(statement).fetchall() if queued else []
            ids, vectors = _read_vectors(rows, len(rows))
        return Queued(state, ids, vectors, frozenset(queued) - set(ids))

    def count_queued(self) -> int:
        """How many passages an index may not know yet."""
        with self._database.read() as connection:
            return int(connection.execute("SELECT count(*) FROM index_queue").fetchone()[0])

    def iterate_vectors(self) -> Iterator[dict[str, tuple[str, Vector]]]:
        """Passage id -> article id, vector; some at a time, each verified. Sees each batch as it is when it is read."""
        last: int | None = -1
        while last is not None:
            with self._database.read() as connection:
                rows = connection.execute(
                    "SELECT * FROM passages WHERE number > ? ORDER BY number LIMIT ?", (last, BATCH)
                ).fetchall()
                batch = {row["id"]: (row["article_id"], to_vectors(row)[0]) for row in rows}
            if batch:
                yield batch
            last = rows[-1]["number"] if rows else None

    def find_vectors(self, keys: Sequence[str]) -> dict[str, Vectors]:
        """Vectors already made for these vector keys."""
        with self._database.read() as connection:
            statement = "SELECT * FROM made_vectors WHERE id IN (SELECT value FROM json_each(?))"
            found = {row["id"]: to_vectors(row) for row in connection.execute(statement, _list(keys))}
            statement = "SELECT * FROM passages WHERE vector_key IN (SELECT value FROM json_each(?))"
            rows = connection.execute(statement, _list(keys))
            return found | {row["vector_key"]: to_vectors(row) for row in rows}

    def list_known(self) -> tuple[frozenset[str], frozenset[str]]:
        """The hashes of all texts, and the keys of all vectors."""
        with self._database.read() as connection:
            texts = frozenset(row[0] for row in connection.execute("SELECT text_hash FROM articles"))
            return texts, frozenset(row[0] for row in connection.execute("SELECT vector_key FROM passages"))

    def list_passages(self) -> list[tuple[str, Passage]]:
        with self._database.read() as connection:
            rows = connection.execute("SELECT * FROM passages ORDER BY number")
            return [(row["id"], to_passage(row)) for row in rows]

    def read_index_work(self) -> IndexWork:
        with self._database.read() as connection:
            queued = _list_queued(connection)
            rows = connection.execute(f"SELECT * FROM passages WHERE id IN ({QUEUED})")  # noqa: S608 - our own words
            upserts = {row["id"]: (row["article_id"], to_vectors(row)[0]) for row in rows}
        return IndexWork(upserts, [passage_id for passage_id in queued if passage_id not in upserts])

    # -- writing -----------------------------------------------------------------------------------------------------

    def keep_made(self, made: Mapping[str, Vectors], embedding: Embedding) -> None:
        """Keep vectors of an article that is not stored yet: embedding the rest takes long, and may be interrupted."""
        with self._database.write() as connection:
            claim_embedding(connection, embedding)
            for key, vectors in made.items():
                write_made(connection, key, vectors)

    def store(
        self,
        article: Article,
        passages: Sequence[StoredPassage],
        embedding: Embedding,
        reading: Reading = Reading(),  # noqa: B008 - frozen
    ) -> Stored:
        """Make an article visible, or put its new text in place of the old, and queue what the index must learn."""
        with self._database.write() as connection:
            stored = _find_unchanged(connection, article)
            if stored is None:
                claim_embedding(connection, embedding)
                stored = _write(connection, article, passages)
                connection.execute("DELETE FROM made_vectors WHERE id IN (SELECT vector_key FROM passages)")
                bump_generation(connection)
            note_source(connection, stored.article.id, article.source, reading)
            return stored

    def store_copy(self, copy: ArticleCopy, embedding: Embedding) -> Stored:
        """As `store`, with the time and the sources of the copy; a source that is known here stays as it is."""
        with self._database.write() as connection:
            stored = _find_unchanged(connection, copy.article, alike=False)
            if stored is None:
                claim_embedding(connection, embedding)
                stored = _write(connection, copy.article, copy.passages, copy)
                bump_generation(connection)
                note_source(connection, stored.article.id, copy.article.source, Reading())
            for source, reading in copy.sources.items():
                known = find_source(connection, source)
                if known is None or (known.article.id == stored.article.id and known.reading == Reading()):
                    note_source(connection, stored.article.id, source, reading)
            return stored

    def note_source(self, article_id: str, source: str, reading: Reading) -> None:
        """Remember that `source` was read and gave this article."""
        with self._database.write() as connection:
            if find_by_id(connection, article_id) is None:
                raise _unknown(connection, article_id)
            note_source(connection, article_id, source, reading)

    def forget_source(self, source: str) -> str:
        """Forget a source; the id of the article that went with it, its last source, or ""."""
        with self._database.write() as connection:
            orphan = forget_source(connection, source)
            if orphan:
                _remove(connection, orphan)
            return orphan

    def remove(self, article_id: str) -> None:
        with self._database.write() as connection:
            if find_by_id(connection, article_id) is None:
                raise _unknown(connection, article_id)
            _remove(connection, article_id)

    def finish_index_work(self, work: IndexWork, lost: Iterable[str], index: IndexState) -> None:
        """Note that the index mirrors `index.generation`; of what it learned the queue keeps what it does not find."""
        with self._database.write() as connection:
            done = (*work.upserts, *work.deletes)
            connection.executemany("DELETE FROM index_queue WHERE passage_id = ?", [(each,) for each in done])
            connection.executemany("INSERT OR IGNORE INTO index_queue VALUES (?)", [(each,) for each in lost])
            set_meta(connection, "index", json.dumps(asdict(index)))

    def replace_vectors(self, vectors: Iterable[tuple[str, Vectors]], embedding: Embedding) -> None:
        """Exchange the vectors of every passage id for another model's, and give up the index."""
        with self._database.write() as connection:
            for passage_id, made in vectors:
                write_vectors(connection, passage_id, made)
            connection.execute("DELETE FROM made_vectors")
            set_embedding(connection, embedding)
            number = read_state(connection).index.number
            set_meta(connection, "index", json.dumps(asdict(IndexState(number + 1))))
            bump_generation(connection)

    def rebuild_words(self) -> None:
        """Make the full-text index anew from the passages."""
        with self._database.write() as connection:
            connection.execute("DROP TABLE IF EXISTS passage_words")
            connection.execute(WORDS_SCHEMA)
            connection.execute(TERMS_SCHEMA)
            set_meta(connection, "terms_version", str(TERMS_VERSION))
            for row in connection.execute("SELECT * FROM passages").fetchall():
                write_words(connection, row["number"], to_passage(row))

    # -- what readers thought ----------------------------------------------------------------------------------------

    def keep_feedback(self, feedback: Feedback) -> None:
        """Keep a rating, also of a reader: it touches nothing that another one reads."""
        with self._database.write(force=True) as connection:
            keep_feedback(connection, feedback)

    def list_feedback(self) -> list[Feedback]:
        with self._database.read() as connection:
            return list_feedback(connection)

    # -- checking ----------------------------------------------------------------------------------------------------

    def refuse_damage(self) -> None:
        """The quick look at a library that is opened: 11 ms for 2,164 passages, 62 for 11,017. Raises LibraryDamaged.

        It follows all of SQLite's pages and indexes; values are compared with their checksums when they are read.
        """
        with self._database.read() as connection:
            damage = next(find_damage(connection), "")
        if damage:
            raise damaged(self._database.path, damage)

    def is_word_index_whole(self, *, closely: bool = True) -> bool:
        """False when the full-text index must be made anew. By counting in no time; closely, in 14 ms for 2,164
        passages and 66 for 11,017, by comparing it with itself, too.
        """
        if not self.has_current_terms():
            return False
        try:
            with self._database.read() as connection:
                whole = is_word_index_whole(connection)
            if whole and closely:
                self._compare_word_index()
        except LibraryDamaged:
            return False
        except LibraryError:  # locked, or not to be written
            log.info("the full-text index could not be compared with itself", exc_info=True)
        return whole

    def find_problems(self) -> list[str]:
        """One line for everything in the file that contradicts itself; reads some of it at a time."""
        return self.find_damage() or self._find_bad_words()

    def find_damage(self) -> list[str]:
        """One line for everything that articles and passages have lost."""
        with self._database.read() as connection:
            damage = list(dict.fromkeys(find_damage(connection)))
            if damage:
                return [str(damaged(self._database.path, "; ".join(damage)))]
            return list(find_bad_articles(connection))

    def _find_bad_words(self) -> list[str]:
        try:
            with self._database.read() as connection:
                problems = list(find_bad_words(connection))
            self._compare_word_index()
        except LibraryDamaged:
            return ["full-text index: damaged; run `career doctor --repair`"]
        except LibraryError:  # locked, or not to be written: what could be read was checked
            log.info("the full-text index could not be compared with itself", exc_info=True)
        return problems

    def _compare_word_index(self) -> None:
        """Raises LibraryDamaged unless its words lead to the passages that hold them; an insert to SQLite, no change"""
        with self._database.write(force=True) as connection:
            connection.execute("INSERT INTO passage_words (passage_words) VALUES ('integrity-check')")


def _is_current(database: Database) -> bool:
    """True for a catalog of this format, which a reader can open where it must not write."""
    if not database.has_content():
        return False
    with database.read() as connection:
        has_tables = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'meta'").fetchone()[0]
        return bool(has_tables) and get_meta(connection, "schema_version") == str(SCHEMA_VERSION)


QUEUED = "SELECT passage_id FROM index_queue"


def _list_queued(connection: sqlite3.Connection) -> list[str]:
    return [row["passage_id"] for row in connection.execute(QUEUED)]


def _read_vectors(rows: Iterable[sqlite3.Row], count: int) -> tuple[list[str], Vector]:
    """Ids and vectors of so many rows, in one array."""
    ids: list[str] = []
    vectors = np.empty((count, 0), PASSAGE_TYPE)
    for place, row in enumerate(rows):
        if not place:
            vectors = np.empty((count, len(row["vector"]) // PASSAGE_TYPE.itemsize), PASSAGE_TYPE)
        if len(row["vector"]) != vectors.shape[1] * PASSAGE_TYPE.itemsize:
            raise RowDamaged(f"passage {row['id']!r} is not as it was written")
        ids.append(row["id"])
        vectors[place] = np.frombuffer(row["vector"], PASSAGE_TYPE)
    return ids, vectors


# -- articles ----------------------------------------------------------------------------------------------------------


def _write(
    connection: sqlite3.Connection,
    article: Article,
    passages: Sequence[StoredPassage],
    copy: ArticleCopy | None = None,
) -> Stored:
    known = find_same(connection, article, alike=copy is None)
    if known is None:
        article = replace(article, id=_free_id(connection, article.id))
        forget_source(connection, article.source)  # it may have given a copy of what other sources still give
    else:
        article = replace(article, id=known.id, source=known.source)
    _write_article(connection, article, copy.added_at if copy else "")
    count = write_passages(connection, article, passages)
    seal_article(connection, article.id)
    return Stored("updated" if known else "added", article, count)


def _remove(connection: sqlite3.Connection, article_id: str) -> None:
    drop_passages(connection, passage_numbers(connection, article_id))
    connection.execute("DELETE FROM articles WHERE id = ?", (article_id,))
    bump_generation(connection)


def _find_unchanged(connection: sqlite3.Connection, article: Article, *, alike: bool = True) -> Stored | None:
    same = find_same(connection, article, alike=alike)
    if same is None or (same.content_hash != article.content_hash and hash_text(same) != hash_text(article)):
        return None
    if same.source == article.source and same.content_hash != article.content_hash:
        return None  # the words stayed, the date or the author did not
    count, wanted = connection.execute(
        "SELECT (SELECT count(*) FROM passages WHERE article_id = articles.id), passages FROM articles WHERE id = ?",
        (same.id,),
    ).fetchone()
    # A repair may have saved the article without all of its passages: then there is something to store.
    return Stored("unchanged", same, count) if count == wanted else None


def _free_id(connection: sqlite3.Connection, wanted: str) -> str:
    wanted = wanted or "article"
    # "." follows "-": only the ids that differ by what comes after it, not half of the library.
    numbered = (wanted, f"{wanted}-", f"{wanted}.")
    statement = "SELECT id FROM articles WHERE id = ? OR (id > ? AND id < ?)"
    taken = {row[0] for row in connection.execute(statement, numbered)}
    number, free = 2, wanted
    while free in taken:
        free, number = f"{wanted}-{number}", number + 1
    return free


def _write_article(connection: sqlite3.Connection, article: Article, added_at: str) -> None:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    derived = {
        "content_hash": article.content_hash,
        "text_hash": hash_text(article),
        "added_at": added_at or now,
        "pages": json.dumps(article.pages),
        "url_key": make_url_key(article.url),
    }
    connection.execute(
        """
        INSERT INTO articles VALUES (:id, :source, :title, :text, :author, :published, :language, :url, :fetched_at,
                                     :content_hash, :text_hash, :added_at, :pages, :url_key, 0, 0)
        ON CONFLICT (id) DO UPDATE SET title = :title, text = :text, author = :author, published = :published,
            language = :language, url = :url, fetched_at = :fetched_at, content_hash = :content_hash,
            text_hash = :text_hash, pages = :pages, url_key = :url_key
        """,
        {**asdict(article), **derived},
    )


def _unknown(connection: sqlite3.Connection, article_id: str) -> ArticleUnknown:
    article_id = article_id[:LONGEST_ID]
    ids = [row[0] for row in connection.execute("SELECT id FROM articles ORDER BY id")]
    near = get_close_matches(article_id, ids, n=3, cutoff=0.4)
    hint = f"Did you mean {', '.join(near)}?" if near else "`career articles` lists them."
    return ArticleUnknown(f"{article_id}: no article with this id. {hint}")


# -- words -------------------------------------------------------------------------------------------------------------


def write_query(question: str) -> str:
    """An FTS5 query for any of the question's terms; empty when it has none."""
    terms = list(dict.fromkeys(split_terms(question)))
    return " OR ".join(f'"{term}"' for term in terms[:LONGEST_QUERY])


def _list(values: Sequence[str]) -> tuple[str]:
    """One parameter for `json_each`, which takes any number of values; older SQLite takes 999 variables."""
    return (json.dumps(values),)
