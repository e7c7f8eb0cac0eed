"""A library goes into one file and comes out of it equal; nothing in such a file is trusted."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import numpy as np
import pytest

from ingest.archive import export_library, import_archive
from ingest.article import Article, Outcome, Validators
from ingest.errors import ArchiveInvalid
from ingest.library import Library, Reading
from ingest.settings import IngestSettings
from tests.fakes import FakeEmbedder, make_article, split_paragraphs

READING = Reading("hash", 3, Validators("etag", "yesterday"))
ARTICLES = [
    replace(make_article("Nurses earn well. They work hard.\nDentists earn more."), author="Ada", pages=(20,)),
    make_article("Boats float – naïvely.", title="Boats", slug="boats", source="https://example.org/boats"),
    replace(make_article("Trains roll.\n" * 3, title="Pay", source="/trains.md"), published="2026-01-02"),
    make_article("", title="Empty", slug="empty", source="/empty.md"),
]


def settings_in(home: Path) -> IngestSettings:
    return IngestSettings(home=home, exact_passages=0, _env_file=None)  # type: ignore[call-arg]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a library, and an archive of it."""
    folder = tmp_path_factory.mktemp("filled")
    with Library.open(settings_in(folder / "home"), FakeEmbedder()) as library:
        for article in ARTICLES:
            library.replace(article, split_paragraphs(article), READING)
        library.note_source("boats", "/boats.html", READING)
        assert statuses(export_library(library, folder / "library.zip")) == ["exported"] * 4
    return folder


@pytest.fixture
def library(filled: Path, tmp_path: Path) -> Iterator[Library]:
    shutil.copytree(filled / "home", tmp_path / "home")
    with Library.open(settings_in(tmp_path / "home"), FakeEmbedder()) as opened:
        yield opened


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Library]:
    with Library.open(settings_in(tmp_path / "other"), FakeEmbedder()) as opened:
        yield opened


@pytest.fixture
def archive(filled: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(filled / "library.zip", tmp_path))


def statuses(outcomes: Iterator[Outcome]) -> list[str]:
    return [outcome.status for outcome in outcomes]


def describe(library: Library) -> list[dict[str, Any]]:
    """Everything that answers depend on, in a shape that can be compared."""
    described = []
    for summary in library.articles():
        copy = library.copy_article(summary.id)
        passages = [
            (one.passage.id, one.passage, one.vector.tolist(), one.unit_vectors.tolist(), one.words.tolist())
            for one in copy.passages
        ]
        sources = {source: library.find_source(source) for source in copy.sources}
        described.append({"summary": summary, "article": copy.article, "passages": passages, "sources": sources})
    return described


# -- there and back ---------------------------------------------------------------------------------------------------


def test_a_library_that_went_through_a_file_is_equal(archive: Path, library: Library, other: Library) -> None:
    assert statuses(import_archive(archive, other)) == ["added"] * 4
    assert describe(other) == describe(library)
    assert other.embedding == library.embedding
    question = other.embed_question("who earns more").text
    assert dict(other.search_vectors(question, 9)) == pytest.approx(dict(library.search_vectors(question, 9)))
    assert sorted(other.search_text("dentists earn", 9)) == sorted(library.search_text("dentists earn", 9))
    assert other.check() == []


def test_nothing_is_embedded_again_when_the_model_is_the_same(archive: Path, tmp_path: Path) -> None:
    def load(_method: str) -> FakeEmbedder:
        raise AssertionError("the model was loaded")

    with Library.open(settings_in(tmp_path / "other"), load) as other:
        assert statuses(import_archive(archive, other)) == ["added"] * 4


def test_the_index_learns_an_archive_in_one_portion(archive: Path, other: Library) -> None:
    imported = import_archive(archive, other)
    assert [next(imported).status, next(imported).status] == ["added"] * 2
    assert other._catalog.count_queued() > 0
    assert other._catalog.read_state().index.number == 0
    assert statuses(imported) == ["added"] * 2
    state = other._catalog.read_state()
    assert (other._catalog.count_queued(), state.index.generation) == (0, other.generation)
    assert other.check() == []


def test_the_same_archive_again_changes_nothing(archive: Path, library: Library) -> None:
    before, generation = describe(library), library.generation
    assert statuses(import_archive(archive, library)) == ["unchanged"] * 4
    assert (describe(library), library.generation) == (before, generation)


def test_an_archive_joins_what_the_library_holds(archive: Path, other: Library) -> None:
    mine = make_article("Surgeons earn most.", source="/mine.md", slug="pay")
    copy = replace(ARTICLES[1], source="/own/copy.md")
    for article in (mine, copy):
        other.replace(article, split_paragraphs(article), Reading("mine", 3))
    assert sorted(statuses(import_archive(archive, other))) == ["added", "added", "added", "unchanged"]
    assert other.article("pay").text == "Surgeons earn most."
    assert len(other.articles()) == 5
    known = other.find_source("/own/copy.md")
    assert known is not None
    assert known.reading == Reading("mine", 3)
    assert other.list_sources("https") == ["https://example.org/boats"]


def test_vectors_of_another_model_are_made_again_and_not_mixed(archive: Path, tmp_path: Path) -> None:
    embedder = FakeEmbedder("other-model", "1" * 64, dimension=32)
    settings = settings_in(tmp_path / "other").model_copy(update={"embedding_model": "other-model"})
    with Library.open(settings, embedder) as other:
        assert statuses(import_archive(archive, other)) == ["added"] * 4
        assert sorted(embedder.embedded)[:2] == ["Boats float – naïvely.", "Dentists earn more."]
        (found, _), *_ = other.search_vectors(other.embed_question("boats float").text, 1)
        assert other.passages([found])[found].vector.shape == (32,)
        assert other.embedding is not None
        assert other.embedding.model == "other-model"


def test_an_empty_library_makes_an_archive(tmp_path: Path, other: Library) -> None:
    assert statuses(export_library(other, tmp_path / "empty.zip")) == []
    assert statuses(import_archive(tmp_path / "empty.zip", other)) == []


def test_two_articles_much_alike_at_one_address_stay_two(tmp_path: Path, other: Library) -> None:
    text = "\n".join(f"Line {number} of it." for number in range(9))
    articles = [
        replace(make_article(text, source="/1.md", slug="one", title="One"), url="https://example.org/page"),
        replace(make_article("Other words.", source="/2.md", slug="two", title="Two"), url="https://example.org/page"),
    ]
    with Library.open(settings_in(tmp_path / "home"), FakeEmbedder()) as library:
        for article in (*articles, replace(articles[1], text=f"{text}\nAnd more.")):
            library.replace(article, split_paragraphs(article))
        assert statuses(export_library(library, tmp_path / "library.zip")) == ["exported"] * 2
        assert statuses(import_archive(tmp_path / "library.zip", other)) == ["added"] * 2
        assert describe(other) == describe(library)


# -- writing ----------------------------------------------------------------------------------------------------------


def test_a_file_that_is_there_is_left_alone_unless_told(archive: Path, library: Library) -> None:
    before = archive.read_bytes()
    with pytest.raises(ArchiveInvalid, match="is there already"):
        list(export_library(library, archive))
    assert archive.read_bytes() == before
    assert statuses(export_library(library, archive, overwrite=True)) == ["exported"] * 4


def test_a_folder_that_is_not_there_is_one_line(library: Library, tmp_path: Path) -> None:
    with pytest.raises(ArchiveInvalid, match=r"cannot be written \(No such file or directory\)"):
        list(export_library(library, tmp_path / "no" / "library.zip"))


def test_an_export_that_is_given_up_leaves_nothing(library: Library, tmp_path: Path) -> None:
    export = export_library(library, tmp_path / "library.zip")
    next(export)
    export.close()  # type: ignore[attr-defined]
    assert [file.name for file in tmp_path.iterdir() if file.name != "home"] == []


def export_and_die(home: Path, path: Path) -> None:
    with Library.open(settings_in(home), FakeEmbedder()) as library:
        next(export_library(library, path))
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_kill_in_the_middle_leaves_no_half_archive(library: Library, tmp_path: Path) -> None:
    process = get_context("spawn").Process(target=export_and_die, args=(tmp_path / "home", tmp_path / "library.zip"))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert not (tmp_path / "library.zip").exists()


def test_a_damaged_article_fails_alone(library: Library, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "home" / "catalog.sqlite3")) as connection, connection:
        connection.execute("UPDATE passages SET text = 'x' WHERE article_id = 'boats'")
    outcomes = list(export_library(library, tmp_path / "library.zip"))
    assert sorted(outcome.status for outcome in outcomes) == ["exported", "exported", "exported", "failed"]
    assert "career doctor --repair" in next(outcome.reason for outcome in outcomes if outcome.reason)


def test_memory_does_not_hold_all_articles(tmp_path: Path) -> None:
    with Library.open(settings_in(tmp_path / "home"), FakeEmbedder(dimension=384)) as library:
        with library.index_in_portions():
            for number in range(40):
                article = make_article("\n".join(f"Fact {number} {n}." for n in range(100)), source=f"/{number}.md")
                library.replace(article, split_paragraphs(article))
        path = tmp_path / "library.zip"
        assert measure(lambda: list(export_library(library, path))) < path.stat().st_size / 3
        with Library.open(settings_in(tmp_path / "other"), FakeEmbedder(dimension=384)) as other:
            assert measure(lambda: list(import_archive(path, other))) < path.stat().st_size / 2


def measure(work: Callable[[], object]) -> int:
    """The most bytes that Python held for it."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


# -- reading what may be damaged or hostile ---------------------------------------------------------------------------


def change(archive: Path, name: str, edit: Callable[[bytes], bytes | None]) -> None:
    """Write the archive again with one member edited, or left out."""
    with ZipFile(archive) as old:
        members = {member: old.read(member) for member in old.namelist()}
    with ZipFile(archive, "w") as new:
        for member, content in members.items():
            edited = edit(content) if member == name else content
            if edited is not None:
                new.writestr(ZipInfo(member), edited)


def edit_json(**changed: Any) -> Callable[[bytes], bytes]:
    return lambda content: json.dumps({**json.loads(content), **changed}).encode()


def edit_passage(**changed: Any) -> Callable[[bytes], bytes]:
    def edit(content: bytes) -> bytes:
        article = json.loads(content)
        article["passages"][0] |= changed
        return json.dumps(article).encode()

    return edit


def find_folder(archive: Path, source: str) -> str:
    with ZipFile(archive) as opened:
        names = [name for name in opened.namelist() if name.endswith("article.json")]
        return next(name for name in names if json.loads(opened.read(name))["source"] == source).rpartition("/")[0]


@pytest.mark.parametrize(
    ("member", "edit", "reason"),
    [
        ("article.json", lambda content: content[:-9], "cannot be read"),
        ("article.json", lambda content: b"[" * 100_000, "cannot be read"),
        ("article.json", lambda content: b"[]", "no object"),
        ("article.json", edit_json(text="Other words."), "does not have the hash"),
        ("article.json", edit_json(text=7), "text is no str"),
        ("article.json", edit_json(added_at="\ud800"), "cannot be read"),
        ("article.json", edit_json(id="../../pay"), "its id is none"),
        ("article.json", edit_json(sources=[{"source": "/x"}]), "lacks 'etag'"),
        ("article.json", edit_json(passages=[None]), "cannot be read"),
        ("article.json", edit_passage(start=5), "no span of its text"),
        ("article.json", edit_passage(end=10**9), "no span of its text"),
        ("article.json", edit_passage(start=-4), "out of range"),
        ("article.json", edit_passage(units=[[0, 900, "sentence"], [5, 6, "item"]]), "no span"),
        ("article.json", edit_passage(units=[[0, 5, "virus"], [5, 6, "item"]]), "a unit of it is none"),
        ("article.json", edit_passage(units=[]), "units.f2"),
        ("article.json", edit_passage(words=10**9), "words.u1"),
        ("article.json", edit_passage(headings=["New"]), "words"),
        ("vectors.f4", lambda content: content[:-4], "vectors.f4"),
        ("vectors.f4", lambda content: content + bytes(4), "vectors.f4"),
        ("vectors.f4", lambda content: bytes(len(content)), "length one"),
        ("vectors.f4", lambda content: np.full(len(content) // 4, np.nan, "<f4").tobytes(), "length one"),
        ("units.f2", lambda content: np.full(len(content) // 2, np.inf, "<f2").tobytes(), "length one"),
        ("words.u1", lambda content: None, "lacks words.u1"),
    ],
)  # fmt: skip
def test_a_member_that_is_not_as_it_must_be_is_named_and_the_others_go_on(
    archive: Path, other: Library, member: str, edit: Callable[[bytes], bytes | None], reason: str
) -> None:
    folder = find_folder(archive, ARTICLES[0].source)
    change(archive, f"{folder}/{member}", edit)
    outcomes = list(import_archive(archive, other))
    (failed,) = [outcome for outcome in outcomes if outcome.status == "failed"]
    assert f"library.zip, {folder}" in failed.reason
    assert reason in failed.reason
    assert "\n" not in failed.reason
    assert sorted(outcome.status for outcome in outcomes) == ["added", "added", "added", "failed"]
    assert len(other.articles()) == 3


def test_a_bit_flipped_in_a_member_is_noticed(archive: Path, other: Library) -> None:
    content = bytearray(archive.read_bytes())
    with ZipFile(archive) as opened:
        member = opened.getinfo(f"{find_folder(archive, ARTICLES[1].source)}/vectors.f4")
    content[member.header_offset + 30 + len(member.filename) + 7] ^= 1
    archive.write_bytes(content)
    (failed,) = [outcome for outcome in import_archive(archive, other) if outcome.status == "failed"]
    assert "is damaged in vectors.f4" in failed.reason


def test_articles_that_are_missing_are_counted(archive: Path, other: Library) -> None:
    change(archive, f"{find_folder(archive, ARTICLES[1].source)}/article.json", lambda content: None)
    *_, last = import_archive(archive, other)
    assert (last.status, "1 of 4 articles are missing" in last.reason) == ("failed", True)


@pytest.mark.parametrize(
    "edit",
    [
        lambda content: content[:-9],
        lambda content: None,
        edit_json(archive="another"),
        edit_json(articles="4"),
        edit_json(embedding={"model": "x", "fingerprint": {"dimension": 10**12}}),
        edit_json(embedding={"model": "x", "fingerprint": []}),
    ],
)
def test_an_archive_without_a_sound_manifest_is_refused(
    archive: Path, other: Library, edit: Callable[[bytes], bytes | None]
) -> None:
    change(archive, "manifest.json", edit)
    with pytest.raises(ArchiveInvalid, match=r"library\.zip.*manifest"):
        list(import_archive(archive, other))
    assert other.articles() == []


def test_an_archive_of_a_later_version_is_refused(archive: Path, other: Library) -> None:
    change(archive, "manifest.json", edit_json(format=2))
    with pytest.raises(ArchiveInvalid, match="Upgrade career"):
        list(import_archive(archive, other))


@pytest.mark.parametrize(
    "content", [b"", b"words " * 50_000, b"PK\x03\x04" + bytes(3000), b"PK\x05\x06" + b"\xff" * 18]
)
def test_a_file_that_is_no_archive_is_one_line(tmp_path: Path, other: Library, content: bytes) -> None:
    (tmp_path / "words.zip").write_bytes(content)
    with pytest.raises(ArchiveInvalid, match=r"words\.zip") as raised:
        list(import_archive(tmp_path / "words.zip", other))
    assert "\n" not in str(raised.value)


def test_a_file_that_is_missing_is_one_line(tmp_path: Path, other: Library) -> None:
    with pytest.raises(ArchiveInvalid, match="cannot be read \\(No such file"):
        list(import_archive(tmp_path / "none.zip", other))


def test_a_truncated_archive_is_refused_or_gives_what_it_has(archive: Path, other: Library) -> None:
    content = archive.read_bytes()
    for share in range(1, 10):
        archive.write_bytes(content[: len(content) * share // 10])
        with pytest.raises(ArchiveInvalid, match=r"library\.zip"):
            list(import_archive(archive, other))


def test_a_bomb_is_refused_before_it_is_unpacked(archive: Path, other: Library) -> None:
    with ZipFile(archive, "a", ZIP_DEFLATED) as opened:
        opened.writestr("articles/999999/article.json", bytes(400_000_000))
    assert archive.stat().st_size < 1_000_000
    with pytest.raises(ArchiveInvalid, match="would unpack to"):
        list(import_archive(archive, other))


def test_a_list_of_contents_without_end_is_refused(tmp_path: Path, other: Library) -> None:
    path = tmp_path / "long.zip"
    record = b"PK\x05\x06" + bytes(4) + b"\xff\xff\xff\xff" + (70_000_000).to_bytes(4, "little") + bytes(6)
    path.write_bytes(bytes(70_000_000) + record)
    with pytest.raises(ArchiveInvalid, match="lists more files"):
        list(import_archive(path, other))


def test_what_is_not_part_of_an_archive_is_not_read(archive: Path, other: Library, tmp_path: Path) -> None:
    with ZipFile(archive, "a") as opened:
        opened.writestr("../../evil.sh", b"rm")
        opened.writestr("articles/000001/../../article.json", b"{}")
    assert sorted(statuses(import_archive(archive, other))) == ["added"] * 4
    assert not list(tmp_path.parent.glob("**/evil.sh"))


def test_random_damage_never_ends_an_import(archive: Path, tmp_path: Path) -> None:
    content = archive.read_bytes()
    random = np.random.default_rng(3)
    with Library.open(settings_in(tmp_path / "other"), FakeEmbedder()) as other:
        for _ in range(150):
            damaged = bytearray(content)
            for place in random.integers(0, len(content), 4):
                damaged[place] ^= 1 << int(random.integers(0, 8))
            archive.write_bytes(damaged)
            with suppress(ArchiveInvalid):
                assert not any("\n" in outcome.reason for outcome in import_archive(archive, other))
        assert {article.id for article in other.articles()} <= {"pay", "pay-2", "boats", "empty"}
        for article in other.articles():
            assert other.article(article.id).text in [made.text for made in ARTICLES]
        assert other.check() == []


def test_articles_keep_their_place_in_time(archive: Path, library: Library, other: Library) -> None:
    before = {article.id: article.added_at for article in library.articles()}
    list(import_archive(archive, other))
    assert {article.id: article.added_at for article in other.articles()} == before


def article_of(library: Library, source: str) -> Article:
    known = library.find_source(source)
    assert known is not None
    return known.article


def test_every_source_leads_to_its_article(archive: Path, other: Library) -> None:
    list(import_archive(archive, other))
    assert article_of(other, "/boats.html") == article_of(other, "https://example.org/boats") == ARTICLES[1]
