"""Damage is found by a check in a child, and mended from what can still be read; what is lost is named."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import pytest

from ingest.article import Article
from ingest.catalog import Catalog, Reading
from ingest.catalog_feedback import Feedback
from ingest.doctor import check_library, find_problems, repair_library
from ingest.errors import EmbeddingMismatch, LibraryDamaged
from ingest.follower import IndexFollower
from ingest.library import Library
from ingest.lock import WriterLock
from ingest.settings import IngestSettings
from ingest.vectors import IndexPlace
from tests.fakes import FakeEmbedder, make_article, split_paragraphs

READING = Reading("hash", 1)
ARTICLES = 12
PASSAGES = 30  # of each article


@pytest.fixture
def settings(tmp_path: Path) -> IngestSettings:
    return settings_in(tmp_path)


def settings_in(home: Path) -> IngestSettings:
    return IngestSettings(home=home, exact_passages=0, _env_file=None)  # type: ignore[call-arg]


def make(number: int) -> Article:
    text = "\n".join(f"Fact{number}x{n} of item{n * 7} and thing{number * 13}." for n in range(PASSAGES))
    return make_article(text, source=f"/{number}.md", slug=f"article-{number}", title=f"Title {number}")


@pytest.fixture(scope="module")
def home_with_articles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve articles of thirty passages, closed again: all of it lies in its files."""
    home = tmp_path_factory.mktemp("filled")
    with Library.open(settings_in(home), FakeEmbedder()) as library:
        for number in range(ARTICLES):
            library.replace(make(number), split_paragraphs(make(number)), READING)
        library.note_source("article-3", "https://example.org/3", READING)
    return home


@pytest.fixture
def filled(home_with_articles: Path, settings: IngestSettings) -> None:
    shutil.copytree(home_with_articles, settings.home, dirs_exist_ok=True)


def repair(settings: IngestSettings) -> list[str]:
    return repair_library(settings, WriterLock(settings.home, 1))


def look(settings: IngestSettings) -> list[str]:
    """The check, without a child."""
    return [line for part in ("catalog", "vector index") for line in find_problems(part, settings.home, "")]


def catalog_file(settings: IngestSettings) -> Path:
    return settings.home / "catalog.sqlite3"


def damage_pages(settings: IngestSettings, pages: range) -> None:
    with catalog_file(settings).open("r+b") as file:
        for page in pages:
            file.seek(page * 4096)
            file.write(b"\xa5" * 4096)


def find_root(settings: IngestSettings, name: str) -> int:
    with closing(sqlite3.connect(catalog_file(settings))) as connection:
        found = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (name,)).fetchone()
        return int(found[0])


# -- checking ---------------------------------------------------------------------------------------------------------


def test_a_whole_library_has_no_problems(filled: None, settings: IngestSettings) -> None:
    assert check_library(settings) == []


def test_an_index_that_ends_whoever_asks_it_is_a_problem_and_no_end(filled: None, settings: IngestSettings) -> None:
    assert check_library(settings, "tests.ingest.test_doctor:die_at_the_index") == [
        "vector index: checking it was ended by signal SIGSEGV; run `career doctor --repair`"
    ]


def die_at_the_index(header: dict[str, str], payload: bytes) -> dict[str, list[str]]:
    if header["part"] != "catalog":
        os.kill(os.getpid(), signal.SIGSEGV)
    return {"problems": []}


class Unsealed(IndexPlace):
    """Takes any files for those that it left."""

    def seal(self, number: int) -> str:
        return ""


@pytest.fixture
def follower(filled: None, settings: IngestSettings) -> Iterator[IndexFollower]:
    """Of an index whose files tell nothing, so that only what it answers can."""
    catalog = Catalog.open(settings.home)
    follower = IndexFollower(catalog, Unsealed(settings.home / "chroma", "", ""))
    follower.rebuild()
    yield follower
    follower.close()
    catalog.close()


def test_vectors_that_the_index_lost_are_counted(follower: IndexFollower) -> None:
    assert follower._open is not None
    index = follower._open.index
    index.delete(sorted(index.list_ids())[:2])
    index.upsert({"ghost": ("article-1", FakeEmbedder().embed_question("ghost").text)})
    assert follower.find_problems() == ["vector index: 2 passages missing, 1 too many; run `career doctor --repair`"]


def test_a_vector_that_the_index_has_changed_does_not_find_itself(follower: IndexFollower) -> None:
    assert follower._open is not None
    index = follower._open.index
    index.upsert({min(index.list_ids()): ("article-1", FakeEmbedder().embed_question("another").text)})
    assert follower.find_problems() == [
        "vector index: 1 passages are not found by their own vectors; run `career doctor --repair`"
    ]


def test_of_passages_with_equal_vectors_any_may_find_the_others(settings: IngestSettings) -> None:
    article = make_article("Nurses earn well.\n" * 40)
    with Library.open(settings, FakeEmbedder()) as library:
        library.replace(article, split_paragraphs(article))
    assert look(settings) == []


@pytest.mark.parametrize("column", ["vector", "id"])
def test_a_bit_flipped_in_the_index_s_database_is_noticed(filled: None, settings: IngestSettings, column: str) -> None:
    changed = "CAST(substr(vector, 2) || x'41' AS BLOB)" if column == "vector" else "id || 'x'"
    with closing(sqlite3.connect(settings.home / "chroma" / "1" / "chroma.sqlite3")) as connection, connection:
        connection.execute(f"UPDATE embeddings_queue SET {column} = {changed} WHERE seq_id = 7")
    assert any("not as they were left" in line for line in look(settings))
    assert repair(settings) == []
    assert look(settings) == []


# -- repairing --------------------------------------------------------------------------------------------------------


def test_a_sound_catalog_is_left_alone_by_a_repair(filled: None, settings: IngestSettings) -> None:
    inode = catalog_file(settings).stat().st_ino
    assert repair(settings) == []
    assert catalog_file(settings).stat().st_ino == inode


def test_a_flipped_bit_costs_one_passage_until_its_article_is_ingested_again(
    filled: None, settings: IngestSettings
) -> None:
    with closing(sqlite3.connect(catalog_file(settings))) as connection, connection:
        connection.execute("UPDATE passages SET text = replace(text, 'Fact3x7 ', 'Fact3x8 ')")
    assert any("article article-3, passage" in line and "ingest /3.md" in line for line in check_library(settings))
    told = repair(settings)
    assert told[0] == "article article-3: 29 of 30 passages saved; ingest /3.md, https://example.org/3 again"
    assert "catalog.sqlite3.damaged-" in told[1]
    embedder = FakeEmbedder()
    with Library.open(settings, embedder) as library:
        assert library.count_passages() == ARTICLES * PASSAGES - 1
        for source in ("/3.md", "https://example.org/3"):
            known = library.find_source(source)
            assert known is not None
            assert known.reading == Reading()  # so that no ingest passes it over as unchanged
        other = library.find_source("/4.md")
        assert other is not None
        assert other.reading == READING
        assert library.find_unchanged(make(3)) is None
        assert library.replace(make(3), split_paragraphs(make(3)), READING).status == "updated"
        assert len(embedder.embedded) == 1
    assert look(settings) == []


def test_an_article_whose_text_is_damaged_is_named_and_the_others_stay(filled: None, settings: IngestSettings) -> None:
    with closing(sqlite3.connect(catalog_file(settings))) as connection, connection:
        connection.execute("UPDATE articles SET text = replace(text, 'item7', 'item8') WHERE id = 'article-5'")
    told = repair(settings)
    assert told[0] == "article article-5: lost; ingest /5.md again"
    with Library.open(settings, FakeEmbedder()) as library:
        assert len(library.articles()) == ARTICLES - 1
    assert look(settings) == []


def test_what_readers_thought_outlives_a_repair(filled: None, settings: IngestSettings) -> None:
    with Library.open(settings, FakeEmbedder()) as library:
        library.keep_feedback(Feedback("up", "What do they earn?", (), "Enough.", answered=True))
    with closing(sqlite3.connect(catalog_file(settings))) as connection, connection:
        connection.execute("UPDATE articles SET text = text || '!' WHERE id = 'article-3'")
    repair(settings)
    with Library.open(settings, FakeEmbedder()) as library:
        assert [rating.question for rating in library.feedback()] == ["What do they earn?"]


@pytest.mark.parametrize("seed", range(8))
def test_pages_overwritten_anywhere_cost_no_more_than_what_stood_there(
    filled: None, settings: IngestSettings, seed: int
) -> None:
    pages = catalog_file(settings).stat().st_size // 4096
    first = 1 + seed * (pages - 4) // 8
    damage_pages(settings, range(first, first + 3))
    with pytest.raises(LibraryDamaged, match="career doctor --repair"):
        Library.open(settings, FakeEmbedder())
    told = repair(settings)
    assert look_again(settings) == []
    with Library.open(settings, FakeEmbedder()) as library:
        kept = {article.id for article in library.articles()}
        named = {line.split()[1].rstrip(":") for line in told if line.startswith("article ")}
        assert kept | named >= {f"article-{number}" for number in range(ARTICLES)}
        for number in range(ARTICLES):
            library.replace(make(number), split_paragraphs(make(number)), READING)
        assert library.count_passages() == ARTICLES * PASSAGES
    assert look(settings) == []


def look_again(settings: IngestSettings) -> list[str]:
    """Problems but for articles that lack passages, which the repair has named."""
    return [line for line in look(settings) if "instead of" not in line]


def test_a_file_cut_in_half_keeps_what_stands_in_the_first_half(filled: None, settings: IngestSettings) -> None:
    os.truncate(catalog_file(settings), catalog_file(settings).stat().st_size // 2)
    told = repair(settings)
    with Library.open(settings, FakeEmbedder()) as library:
        assert 0 < library.count_passages() < ARTICLES * PASSAGES
        assert len({line.split()[1] for line in told if line.startswith("article ")}) > 0
    assert look_again(settings) == []


def test_a_file_whose_first_page_is_gone_keeps_every_article(filled: None, settings: IngestSettings) -> None:
    damage_pages(settings, range(1))
    with pytest.raises(LibraryDamaged, match="career doctor --repair"):
        Library.open(settings, FakeEmbedder())
    (told,) = repair(settings)
    assert "damaged-" in told
    with Library.open(settings, FakeEmbedder()) as library:
        assert library.count_passages() == ARTICLES * PASSAGES
        assert library.article("article-7") == make(7)
    assert look(settings) == []


@pytest.mark.parametrize(
    "name", ["articles", "passages", "meta", "sources", "passages_by_article", "passage_words_data"]
)
def test_a_tree_without_its_root_is_mended_as_far_as_it_can_be(
    filled: None, settings: IngestSettings, name: str
) -> None:
    damage_pages(settings, range(find_root(settings, name) - 1, find_root(settings, name)))
    told = repair(settings)
    assert look_again(settings) == []
    with Library.open(settings, FakeEmbedder()) as library:
        if name not in ("articles", "passages"):
            assert library.count_passages() == ARTICLES * PASSAGES
        else:
            assert any("ingest /3.md" in line for line in told)
        if name == "meta":
            with pytest.raises(EmbeddingMismatch, match="career reembed"):
                library.embed_question("fact")
            library.reembed()
            library.embed_question("fact")


def test_a_file_that_holds_nothing_of_a_catalog_says_so_and_is_kept(settings: IngestSettings) -> None:
    catalog_file(settings).write_bytes(b"words " * 5_000)
    told = repair(settings)
    assert told[0] == "no article could be read; restore a backup, or ingest the articles again"
    (kept,) = settings.home.glob("catalog.sqlite3.damaged-*")
    assert kept.read_bytes() == b"words " * 5_000
    assert not list(settings.home.glob("catalog.sqlite3.copy*"))
    assert look(settings) == []


def test_a_lost_catalog_is_nothing_to_repair(filled: None, settings: IngestSettings) -> None:
    catalog_file(settings).unlink()
    with pytest.raises(LibraryDamaged, match="Restore a backup"):
        repair(settings)
    (problem,) = check_library(settings)
    assert "Restore a backup" in problem


def test_a_reader_that_was_open_reads_on_from_the_mended_catalog(filled: None, settings: IngestSettings) -> None:
    with Library.open(settings, FakeEmbedder(), read_only=True) as reader:
        with closing(sqlite3.connect(catalog_file(settings))) as connection, connection:
            connection.execute("UPDATE articles SET text = 'x' WHERE id = 'article-5'")
        with pytest.raises(LibraryDamaged):
            reader.article("article-5")
        repair(settings)
        assert len(reader.articles()) == ARTICLES - 1
        question = reader.embed_question("Fact3x7 item49").text
        (found, _), *_ = reader.search_vectors(question, 1)
        assert "Fact3x7" in reader.passages([found])[found].passage.text
        assert reader._follower._open is not None


def repair_and_die(home: Path, step: str) -> None:
    import ingest.salvage

    real = getattr(ingest.salvage, step)

    def die(*arguments: object) -> None:
        real(*arguments)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(ingest.salvage, step, die)
    repair(settings_in(home))


@pytest.mark.parametrize("step", ["_fill", "_exchange"])
def test_a_kill_during_a_repair_is_repaired_by_the_next(filled: None, settings: IngestSettings, step: str) -> None:
    damage_pages(settings, range(20, 24))
    process = get_context("spawn").Process(target=repair_and_die, args=(settings.home, step))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    repair(settings)
    assert look_again(settings) == []


def test_a_catalog_of_an_earlier_version_of_an_article_is_told_from_a_damaged_one(settings: IngestSettings) -> None:
    with Library.open(settings, FakeEmbedder()) as library:
        library.replace(make(1), split_paragraphs(make(1)), READING)
        changed = replace(make(1), author="Ada")
        library.replace(changed, split_paragraphs(changed), READING)
    assert look(settings) == []
