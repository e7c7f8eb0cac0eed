"""The catalog alone: what is stored, found by words, replaced, removed and reported as damaged."""

from __future__ import annotations

import gc
import shutil
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from multiprocessing import get_all_start_methods, get_context
from pathlib import Path

import numpy as np
import pytest

from ingest.article import Article, Passage, Unit
from ingest.catalog import Catalog, Embedding, Reading, Stored, StoredPassage, vector_key, write_query
from ingest.catalog_schema import make_checksum
from ingest.embed import unpack_words
from ingest.errors import (
    ArticleUnknown,
    EmbeddingMismatch,
    LibraryDamaged,
    LibraryError,
    LibraryUnwritable,
)
from tests.fakes import FakeEmbedder, make_article, split_paragraphs

EMBEDDER = FakeEmbedder()
EMBEDDING = Embedding("fake", asdict(EMBEDDER.fingerprint))


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    opened = Catalog.open(tmp_path)
    yield opened
    opened.close()


def embed(passages: Sequence[Passage]) -> list[StoredPassage]:
    made = zip(passages, EMBEDDER.embed_passages(passages), strict=True)
    return [StoredPassage(passage, one.passage, one.units, one.words) for passage, one in made]


def store(catalog: Catalog, article: Article) -> Stored:
    return catalog.store(article, embed(split_paragraphs(article)), EMBEDDING)


def ids_for(catalog: Catalog, question: str) -> list[str]:
    found = catalog.find_passages([passage_id for passage_id, _ in catalog.rank_by_words(question, 10)])
    return [stored.passage.text for stored in found.values()]


def test_a_stored_article_reads_back_as_it_was(catalog: Catalog) -> None:
    article = replace(make_article("Nurses earn well.\n\nDentists earn more."), author="Ada", published="2026-01-02")
    store(catalog, article)
    assert catalog.find_article("pay") == article


def test_a_stored_passage_reads_back_with_its_vectors(catalog: Catalog) -> None:
    article = make_article("Nurses earn well. Dentists earn more.")
    (passage,) = split_paragraphs(article)
    store(catalog, article)
    found = catalog.find_passages([passage.id])[passage.id]
    assert found.passage == passage
    np.testing.assert_array_equal(found.vector, EMBEDDER.embed_question(passage.embedded_text).text)
    assert found.unit_vectors.shape == (2, 64)
    np.testing.assert_allclose(found.unit_vectors[1], EMBEDDER.embed_question("Dentists earn more.").text, atol=1e-3)


def test_the_words_of_a_stored_passage_read_back(catalog: Catalog) -> None:
    article = make_article("Nurses earn well. Dentists earn more.")
    (passage,) = split_paragraphs(article)
    store(catalog, article)
    words = unpack_words(catalog.find_passages([passage.id])[passage.id].words, 64)
    np.testing.assert_array_equal(words, EMBEDDER.embed_question(passage.embedded_text).words)
    assert words.shape == (6, 64)  # the title's "Pay" and all but "more"


def test_a_passage_without_units_reads_back(catalog: Catalog) -> None:
    article = make_article("Words.")
    passage = replace(split_paragraphs(article)[0], units=())
    catalog.store(article, embed([passage]), EMBEDDING)
    assert catalog.find_passages([passage.id])[passage.id].unit_vectors.shape == (0, 64)


def test_the_same_article_again_is_unchanged(catalog: Catalog) -> None:
    store(catalog, make_article("Nurses earn well."))
    generation = catalog.read_state().generation
    assert store(catalog, make_article("Nurses earn well.")).status == "unchanged"
    assert catalog.read_state().generation == generation


def test_the_same_words_from_another_source_are_the_same_article(catalog: Catalog) -> None:
    store(catalog, make_article("Nurses earn well."))
    again = store(catalog, make_article("Nurses earn well.", source="/copy.md", slug="copy"))
    assert (again.status, again.article.id) == ("unchanged", "pay")


def test_a_changed_article_keeps_its_id(catalog: Catalog) -> None:
    store(catalog, make_article("Nurses earn well."))
    updated = store(catalog, make_article("Nurses earn little.", title="Wages", slug="wages"))
    assert (updated.status, updated.article.id) == ("updated", "pay")


def test_a_new_author_alone_is_a_change(catalog: Catalog) -> None:
    store(catalog, make_article("Nurses earn well."))
    assert store(catalog, replace(make_article("Nurses earn well."), author="Ada")).status == "updated"


def test_articles_of_one_title_get_ids_of_their_own(catalog: Catalog) -> None:
    ids = [store(catalog, make_article(f"Text {n}.", source=f"/{n}.md")).article.id for n in range(3)]
    assert ids == ["pay", "pay-2", "pay-3"]


def test_a_changed_article_loses_its_old_passages(catalog: Catalog) -> None:
    store(catalog, make_article("Nurses earn well.\nDentists earn more."))
    store(catalog, make_article("Nurses earn well.\nSurgeons earn most."))
    assert set(ids_for(catalog, "nurses dentists surgeons")) == {"Nurses earn well.", "Surgeons earn most."}
    assert catalog.count_passages() == 2


def test_only_new_and_dropped_passages_are_queued_for_the_index(catalog: Catalog) -> None:
    store(catalog, make_article("Nurses earn well.\nDentists earn more."))
    state = catalog.read_state()
    catalog.finish_index_work(catalog.read_index_work(), [], state.index)
    store(catalog, make_article("Nurses earn well.\nSurgeons earn most."))
    work = catalog.read_index_work()
    assert (len(work.upserts), len(work.deletes)) == (1, 1)


def test_units_cut_another_way_are_stored_anew(catalog: Catalog) -> None:
    article = make_article("Nurses earn well. Dentists earn more.")
    store(catalog, article)
    article = replace(article, author="Ada")
    whole = replace(split_paragraphs(article)[0], units=(Unit(0, 37, "sentence"),))
    catalog.store(article, embed([whole]), EMBEDDING)
    assert catalog.find_passages([whole.id])[whole.id].unit_vectors.shape == (1, 64)
    assert catalog.find_problems() == []


def test_a_removed_article_leaves_nothing(catalog: Catalog) -> None:
    store(catalog, make_article("Nurses earn well."))
    catalog.remove("pay")
    assert (catalog.list_articles(), catalog.count_passages(), ids_for(catalog, "nurses")) == ([], 0, [])


def test_an_unknown_article_is_answered_with_the_nearest_ids(catalog: Catalog) -> None:
    store(catalog, make_article("Nurses earn well."))
    with pytest.raises(ArticleUnknown, match="Did you mean pay"):
        catalog.find_article("pays")
    with pytest.raises(ArticleUnknown, match="career articles"):
        catalog.remove("zebra")


def test_articles_are_listed_by_title_with_their_passages_counted(catalog: Catalog) -> None:
    store(catalog, make_article("One.\nTwo.", title="Zoo", slug="zoo", source="/zoo.md"))
    store(catalog, make_article("Three.", title="ants", slug="ants", source="/ants.md"))
    assert [(article.id, article.passages) for article in catalog.list_articles()] == [("ants", 1), ("zoo", 2)]


def test_headings_are_listed_once_each_in_reading_order(catalog: Catalog) -> None:
    article = make_article("One.\nTwo.\nThree.")
    headed = zip(split_paragraphs(article), [("Work",), ("Work",), ("Pay", "Bonus")], strict=True)
    catalog.store(article, embed([replace(passage, headings=path) for passage, path in headed]), EMBEDDING)
    assert catalog.list_headings() == [("pay", "Pay", ("Work",)), ("pay", "Pay", ("Pay", "Bonus"))]


def test_a_passage_that_is_no_span_of_its_article_is_refused_whole(catalog: Catalog) -> None:
    article = make_article("Nurses earn well.")
    wrong = replace(split_paragraphs(article)[0], text="Nurses earn Well.")
    with pytest.raises(ValueError, match="not a span"):
        catalog.store(article, embed([wrong]), EMBEDDING)
    assert catalog.list_articles() == []


def test_a_passage_with_a_wrong_number_of_words_is_refused(catalog: Catalog) -> None:
    article = make_article("Nurses earn well.")
    (stored,) = embed(split_paragraphs(article))
    with pytest.raises(ValueError, match="4 words but 3 vectors"):
        catalog.store(article, [replace(stored, words=stored.words[1:])], EMBEDDING)


def test_words_are_found_whatever_their_ending_and_accents(catalog: Catalog) -> None:
    store(catalog, make_article("Résumés of engineers.\nNothing here."))
    assert ids_for(catalog, "resume") == ["Résumés of engineers."]
    assert ids_for(catalog, "ENGINEERING") == ["Résumés of engineers."]


def test_words_of_headings_and_of_the_lead_are_found(catalog: Catalog) -> None:
    article = make_article("Python.")
    passage = replace(split_paragraphs(article)[0], headings=("Tools",), lead="Every developer knows:")
    catalog.store(article, embed([passage]), EMBEDDING)
    assert ids_for(catalog, "tools") == ids_for(catalog, "developers") == ["Python."]


def test_the_better_match_comes_first_with_the_higher_score(catalog: Catalog) -> None:
    store(catalog, make_article("Nurses and dentists.\nDentists, dentists!\nCars.\nBoats.\nTrains."))
    (first, best), (_, second) = catalog.rank_by_words("dentists", 10)
    assert best > second > 0
    assert catalog.find_passages([first])[first].passage.text == "Dentists, dentists!"


def test_a_question_is_searched_by_its_terms_without_stop_words() -> None:
    assert write_query("How much does the dentist earn?") == '"dentist" OR "pay"'
    assert write_query("Who are you?") == ""


def test_each_term_is_counted_once_a_passage(catalog: Catalog) -> None:
    store(catalog, make_article("Nurses and dentists.\nDentists, dentists!\nCars."))
    assert catalog.count_documents(["dentist", "car", "boat"]) == {"dentist": 2, "car": 1, "boat": 0}


def test_the_terms_of_a_length_that_begin_alike_are_listed_with_their_passages(catalog: Catalog) -> None:
    store(catalog, make_article("Dentists drill.\n\nDentists dream of deserts."))
    assert catalog.list_terms("d", 5, 6) == {"drill": 1, "dream": 1, "desert": 1}
    assert catalog.list_terms("d", 7, 9) == {"dentist": 2}
    assert catalog.list_terms("x", 1, 99) == {}


@pytest.mark.parametrize(
    "question",
    [
        "", " ", "?", '"', "'", "'; DROP TABLE articles; --", "NEAR(a b)", "a AND", "NOT", "*", "body:pay", "^pay",
        "(((", "\x00pay\x00", "\ud800", "_", "C++ & C#", "日本語の質問", "😀 pay", "a\u0301", "-pay", "pay" * 40_000,
        "word " * 20_000, " ".join(f"w{n}" for n in range(5_000)), "{}[]:;,.<>/\\|`~!@#$%^&*()_+-=",
    ],
)  # fmt: skip
def test_any_string_is_a_safe_question(catalog: Catalog, question: str) -> None:
    store(catalog, make_article("Nurses get pay."))
    assert len(catalog.rank_by_words(question, 5)) <= 1


def test_another_embedding_is_refused_with_both_names_and_the_remedy(catalog: Catalog) -> None:
    store(catalog, make_article("Nurses earn well."))
    other = Embedding("fake", asdict(FakeEmbedder("other", weights="1" * 64).fingerprint))
    article = make_article("Dentists earn more.")
    with pytest.raises(EmbeddingMismatch, match=r"all-MiniLM.*other.*career reembed"):
        catalog.store(article, embed(split_paragraphs(article)), other)


def test_a_reading_catalog_refuses_to_write(tmp_path: Path) -> None:
    catalog = Catalog.open(tmp_path, read_only=True)
    with pytest.raises(LibraryUnwritable, match="reading only"):
        store(catalog, make_article("Nurses earn well."))


def test_a_reader_never_sees_a_mix_of_two_versions(catalog: Catalog, tmp_path: Path) -> None:
    versions = [make_article("\n".join(f"{word} {n}." for n in range(20))) for word in ("Old", "New")]
    store(catalog, versions[0])
    seen: set[tuple[str, ...]] = set()
    done = threading.Event()

    def read() -> None:
        reader = Catalog.open(tmp_path, read_only=True)
        while not done.is_set():
            seen.add(tuple(sorted({passage.text.split()[0] for _, passage in reader.list_passages()})))
        reader.close()

    thread = threading.Thread(target=read)
    thread.start()
    for turn in range(1, 12):
        store(catalog, versions[turn % 2])
    done.set()
    thread.join()
    assert seen <= {("Old",), ("New",)}


def test_each_thread_may_read_and_the_end_of_a_thread_closes_its_connection(catalog: Catalog) -> None:
    store(catalog, make_article("Nurses earn well."))
    counts: list[int] = []
    threads = [threading.Thread(target=lambda: counts.append(catalog.count_passages())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [1] * 8
    gc.collect()  # a connection and its statements refer to each other
    assert len(catalog._database._connections) == 1


def open_and_report(home: Path) -> str:
    catalog = Catalog.open(home)
    library_id = catalog.read_state().library_id
    catalog.close()
    return library_id


def test_processes_that_open_a_new_library_at_once_make_one(tmp_path: Path) -> None:
    with get_context("spawn").Pool(4) as pool:
        assert len(set(pool.map(open_and_report, [tmp_path / "new"] * 8, chunksize=1))) == 1


@pytest.mark.parametrize(
    "content", [b"not a database, just some words " * 200, b"SQLite format 3\x00" + b"\xff" * 8000]
)
def test_a_file_that_is_no_catalog_is_damaged(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "catalog.sqlite3").write_bytes(content)
    with pytest.raises(LibraryDamaged, match=r"catalog\.sqlite3: .*career doctor --repair"):
        Catalog.open(tmp_path)


def test_a_truncated_catalog_is_damaged(tmp_path: Path) -> None:
    catalog = Catalog.open(tmp_path)
    for number in range(30):
        store(catalog, make_article("\n".join(f"Word {number} {n}." for n in range(20)), source=f"/{number}"))
    catalog.close()
    file = tmp_path / "catalog.sqlite3"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(LibraryDamaged) as raised:
        Catalog.open(tmp_path).list_passages()
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("state", ["empty", "missing"])
def test_a_catalog_that_is_gone_beside_its_index_is_not_taken_for_a_new_one(tmp_path: Path, state: str) -> None:
    if state == "empty":
        (tmp_path / "catalog.sqlite3").touch()
    (tmp_path / "chroma").mkdir()
    with pytest.raises(LibraryDamaged, match=rf"{state}.*backup.*remove the folder .*chroma and ingest") as raised:
        Catalog.open(tmp_path)
    assert "--repair" not in str(raised.value)


def test_a_catalog_that_disappears_is_missed_and_not_begun_anew(catalog: Catalog, tmp_path: Path) -> None:
    store(catalog, make_article("Nurses earn well."))
    (tmp_path / "catalog.sqlite3").unlink()
    with pytest.raises(LibraryDamaged, match="missing"):
        store(catalog, make_article("Dentists earn more.", source="/teeth.md"))
    assert not (tmp_path / "catalog.sqlite3").exists()


def test_a_catalog_put_in_the_place_of_another_is_seen_by_those_who_have_it_open(tmp_path: Path) -> None:
    for name, text in (("one", "Nurses earn well."), ("two", "Dentists earn more.")):
        made = Catalog.open(tmp_path / name)
        store(made, make_article(text))
        made.close()
    reader = Catalog.open(tmp_path / "one", read_only=True)
    assert reader.find_article("pay").text == "Nurses earn well."
    (tmp_path / "two" / "catalog.sqlite3").replace(tmp_path / "one" / "catalog.sqlite3")
    assert reader.find_article("pay").text == "Dentists earn more."
    reader.close()


def test_the_file_alone_holds_every_article_that_was_acknowledged(catalog: Catalog, tmp_path: Path) -> None:
    store(catalog, make_article("Nurses earn well."))
    (tmp_path / "copy").mkdir()
    shutil.copy(tmp_path / "catalog.sqlite3", tmp_path / "copy")  # as if its -wal had been lost
    assert Catalog.open(tmp_path / "copy").find_article("pay").text == "Nurses earn well."


def test_another_database_is_not_a_catalog(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "catalog.sqlite3") as connection:
        connection.execute("CREATE TABLE other (x)")
    with pytest.raises(LibraryDamaged, match="no such table"):
        Catalog.open(tmp_path)


def test_a_catalog_of_a_later_version_is_refused(catalog: Catalog, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "catalog.sqlite3") as connection:
        connection.execute("UPDATE meta SET value = '99' WHERE name = 'schema_version'")
    with pytest.raises(LibraryError, match="Upgrade career"):
        Catalog.open(tmp_path)


# The tables as formats 1 and 2 had them; only 2 had the column of words.
OLD_SCHEMA = """
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
    -- words
);
CREATE INDEX passages_by_article ON passages (article_id, start);
CREATE INDEX passages_by_key ON passages (vector_key);
CREATE TABLE index_queue (passage_id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE VIRTUAL TABLE passage_words USING fts5 (context, body, tokenize = "unicode61 tokenchars '+#.'");
CREATE VIRTUAL TABLE passage_terms USING fts5vocab (passage_words, row);
"""


def make_old_format(home: Path, article: Article, version: int) -> None:
    """A catalog as an earlier version of career wrote it: its own tables, with the rows that it would have written."""
    catalog = Catalog.open(home / "now")
    store(catalog, article)
    catalog.close()
    words = ", word_vectors BLOB NOT NULL" if version == 2 else ""
    with sqlite3.connect(home / "catalog.sqlite3") as old:
        old.executescript(OLD_SCHEMA.replace("-- words", words))
        old.execute("ATTACH ? AS now", (str(home / "now" / "catalog.sqlite3"),))
        for table in ("meta", "articles", "passages"):
            columns = ", ".join(row[1] for row in old.execute(f"PRAGMA main.table_info({table})"))
            old.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM now.{table}")
        old.execute("INSERT INTO passage_words (rowid, context, body) SELECT rowid, * FROM now.passage_words")
        old.execute("UPDATE main.meta SET value = ? WHERE name = 'schema_version'", (str(version),))


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("read_only", [False, True])
def test_a_catalog_of_an_earlier_format_keeps_all_it_holds(tmp_path: Path, version: int, read_only: bool) -> None:
    article = replace(make_article("Nurses earn well."), url="https://www.example.org/pay/")
    make_old_format(tmp_path, article, version)
    catalog = Catalog.open(tmp_path, read_only=read_only)
    ((passage_id, passage),) = catalog.list_passages()
    stored = catalog.find_passages([passage_id])[passage_id]
    assert (catalog.find_article("pay"), len(stored.words)) == (article, 0 if version == 1 else 4)
    np.testing.assert_array_equal(stored.vector, EMBEDDER.embed_question(passage.embedded_text).text)
    known = catalog.find_source(article.source)
    assert known is not None
    assert known.reading == Reading()
    assert catalog.find_problems() == []


@pytest.mark.parametrize("version", [1, 2])
def test_an_article_of_an_earlier_format_is_recognised_and_replaced(tmp_path: Path, version: int) -> None:
    article = replace(make_article("Nurses earn well."), url="https://www.example.org/pay/")
    make_old_format(tmp_path, article, version)
    catalog = Catalog.open(tmp_path)
    elsewhere = replace(article, source="/copy.md", url="http://example.org/pay")
    assert store(catalog, article).status == "unchanged"
    assert store(catalog, replace(elsewhere, text="Nurses earn well.\nDentists too.")).article.id == "pay"
    assert catalog.find_problems() == []


def test_a_catalog_from_before_words_takes_new_articles_with_words(tmp_path: Path) -> None:
    make_old_format(tmp_path, make_article("Nurses earn well."), 1)
    catalog = Catalog.open(tmp_path)
    store(catalog, make_article("Dentists earn more.", title="Teeth", slug="teeth", source="/teeth.md"))
    ((found, _),) = catalog.rank_by_words("dentists", 5)
    assert catalog.find_passages([found])[found].words.shape == (3, 8)  # Teeth, Dentists, earn


def test_a_home_that_cannot_be_made_is_unwritable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(LibraryUnwritable, match="CAREER_HOME"):
        Catalog.open(tmp_path / "file" / "home")


def test_a_full_disk_is_unwritable_and_leaves_the_old_article(catalog: Catalog) -> None:
    store(catalog, make_article("Nurses earn well."))
    pages = catalog._database.connect().execute("PRAGMA page_count").fetchone()[0]
    catalog._database.connect().execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(LibraryUnwritable, match="full"):
        store(catalog, make_article("\n".join(f"Word {n}." for n in range(500))))
    assert catalog.find_article("pay").text == "Nurses earn well."


def test_a_sound_catalog_has_no_problems(catalog: Catalog) -> None:
    store(catalog, make_article("Nurses earn well.\nDentists earn more."))
    assert catalog.find_problems() == []


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        ("UPDATE articles SET text = 'Other words.'", "does not have the hash"),
        ("UPDATE articles SET passages = 2", "1 passages instead of 2"),
        ("UPDATE passages SET text = 'Nurses earn Well.'", "its text is not the article's at 0-17"),
        ("UPDATE passages SET units = '[[0, 18, \"sentence\"]]'", "its text is not the article's"),
        ("UPDATE passages SET title = 'Wages'", "its id is another's"),
        ("UPDATE passages SET vector = x'00'", "its vector has not 64 numbers"),
        ("UPDATE passages SET vector = zeroblob(256)", "not the length one"),
        ("UPDATE passages SET vector = CAST(substr(vector, 1, 252) || x'0000c07f' AS BLOB)", "not the length one"),
        ("UPDATE passages SET unit_vectors = zeroblob(128)", "not the length one"),
        ("UPDATE passages SET unit_vectors = x''", "1 units do not match"),
        ("UPDATE passages SET word_vectors = substr(word_vectors, 2)", "4 words do not match"),
        ("DELETE FROM passage_words", "1 passages missing"),
        ("UPDATE passage_words SET body = 'dentist'", "with other words"),
        ("INSERT INTO passage_words (rowid, context, body) VALUES (7, 'a', 'b')", "1 passages too many"),
        ("UPDATE passages SET article_id = 'gone'", "belongs to no article"),
    ],
)
def test_a_contradiction_is_named(catalog: Catalog, tmp_path: Path, damage: str, problem: str) -> None:
    store(catalog, make_article("Nurses earn well."))
    change(tmp_path, damage)
    assert any(problem in line and "career doctor --repair" in line for line in catalog.find_problems())


def change(home: Path, statement: str, *, sealed: bool = True) -> None:
    """Change the catalog behind its back; with fitting checksums unless told otherwise."""
    with sqlite3.connect(home / "catalog.sqlite3") as connection:
        connection.row_factory = sqlite3.Row
        connection.execute(statement)
        for table in ("articles", "passages") if sealed else ():
            for row in connection.execute(f"SELECT * FROM {table}").fetchall():
                connection.execute(f"UPDATE {table} SET checksum = ? WHERE id = ?", (make_checksum(row), row["id"]))


PASSAGE_COLUMNS = ["article_id", "title", "headings", "text", "lead", "units", "vector_key", "start", "end"]
PASSAGE_BLOBS = ["vector", "unit_vectors", "word_vectors"]


@pytest.mark.parametrize("column", [*PASSAGE_COLUMNS, *PASSAGE_BLOBS])
def test_a_passage_that_is_not_as_it_was_written_is_never_read(catalog: Catalog, tmp_path: Path, column: str) -> None:
    article = make_article("Nurses earn well.")
    (passage,) = split_paragraphs(article)
    store(catalog, article)
    store(catalog, make_article("Dentists earn more.", source="/teeth.md", slug="teeth"))
    value = f"CAST(substr({column}, 2) || x'41' AS BLOB)" if column in PASSAGE_BLOBS else "'teeth'"
    change(tmp_path, f"UPDATE passages SET {column} = {value} WHERE article_id = 'pay'", sealed=False)
    with pytest.raises(LibraryDamaged, match=rf"{passage.id}.* not as it was written.*career doctor --repair"):
        catalog.find_passages([passage.id])
    assert any("not as it was written" in line or "instead of 1" in line for line in catalog.find_problems())


@pytest.mark.parametrize("column", ["source", "title", "text", "author", "url", "added_at", "content_hash", "pages"])
def test_an_article_that_is_not_as_it_was_written_is_never_read(catalog: Catalog, tmp_path: Path, column: str) -> None:
    store(catalog, make_article("Nurses earn well."))
    change(tmp_path, f"UPDATE articles SET {column} = {column} || 'x'", sealed=False)
    with pytest.raises(LibraryDamaged, match=r"'pay' is not as it was written.*career doctor --repair"):
        catalog.find_article("pay")
    assert any(line.startswith("article pay: not as it was written") for line in catalog.find_problems())


def test_vectors_that_are_not_as_they_were_written_are_not_used_again(catalog: Catalog, tmp_path: Path) -> None:
    article = make_article("Nurses earn well.")
    store(catalog, article)
    change(tmp_path, "UPDATE passages SET vector = zeroblob(256)", sealed=False)
    for read in (
        lambda: catalog.find_vectors([vector_key(split_paragraphs(article)[0])]),
        catalog.read_index_work,
        lambda: list(catalog.iterate_vectors()),
        catalog.rebuild_words,
    ):
        with pytest.raises(LibraryDamaged, match="career doctor --repair"):
            read()


def test_an_article_that_lacks_passages_is_stored_again(catalog: Catalog, tmp_path: Path) -> None:
    article = make_article("Nurses earn well.\nDentists earn more.")
    store(catalog, article)
    change(tmp_path, "DELETE FROM passages WHERE text LIKE 'Nurses%'", sealed=False)
    assert catalog.find_unchanged(article) is None
    assert (store(catalog, article).status, catalog.count_passages()) == ("updated", 2)
    assert store(catalog, article).status == "unchanged"


@pytest.mark.parametrize("name", ["generation", "index", "embedding"])
def test_what_the_catalog_says_of_itself_is_damaged_in_plain_words(catalog: Catalog, tmp_path: Path, name: str) -> None:
    store(catalog, make_article("Nurses earn well."))
    catalog.finish_index_work(catalog.read_index_work(), [], catalog.read_state().index)
    change(tmp_path, f"UPDATE meta SET value = '\x01{{' WHERE name = '{name}'")
    with pytest.raises(LibraryDamaged, match="career doctor --repair"):
        catalog.read_state()


def test_a_page_that_leads_nowhere_is_one_line_with_file_and_remedy(catalog: Catalog, tmp_path: Path) -> None:
    store(catalog, make_article("Nurses earn well."))
    with sqlite3.connect(tmp_path / "catalog.sqlite3") as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_master SET rootpage = 2 WHERE name = 'passages_by_article'")
    catalog.close()
    opened = Catalog.open(tmp_path)
    (line,) = opened.find_problems()
    assert "catalog.sqlite3: the catalog is damaged" in line
    assert "--repair" in line
    with pytest.raises(LibraryDamaged, match="career doctor --repair"):
        opened.refuse_damage()


def test_a_lost_full_text_index_is_a_problem_that_repair_mends(catalog: Catalog, tmp_path: Path) -> None:
    store(catalog, make_article("Nurses earn well."))
    with sqlite3.connect(tmp_path / "catalog.sqlite3") as connection:
        connection.execute("DROP TABLE passage_words")
    assert any("career doctor --repair" in line for line in catalog.find_problems())
    catalog.rebuild_words()
    assert catalog.find_problems() == []


def test_the_full_text_index_is_made_anew_from_the_passages(catalog: Catalog, tmp_path: Path) -> None:
    store(catalog, make_article("Nurses earn well."))
    with sqlite3.connect(tmp_path / "catalog.sqlite3") as connection:
        connection.execute("UPDATE passage_words_data SET block = x'00' WHERE id > 1")
    catalog.rebuild_words()
    assert catalog.find_problems() == []
    assert ids_for(catalog, "nurses") == ["Nurses earn well."]


def test_a_closed_catalog_says_so(catalog: Catalog) -> None:
    catalog.close()
    with pytest.raises(LibraryError):
        catalog.count_passages()


@pytest.mark.skipif("fork" not in get_all_start_methods(), reason="needs processes that begin at the same moment")
def test_several_that_begin_one_library_at_the_same_moment_all_open_it(tmp_path: Path) -> None:
    processes = get_context("fork")  # one of spawn takes so long to start that they would not meet

    def begin(home: Path) -> None:
        start.wait()
        Catalog.open(home).close()

    for number in range(40):
        start = processes.Barrier(4)
        started = [processes.Process(target=begin, args=(tmp_path / str(number),)) for _ in range(4)]
        for process in started:
            process.start()
        for process in started:
            process.join()
        assert [process.exitcode for process in started] == [0, 0, 0, 0]
