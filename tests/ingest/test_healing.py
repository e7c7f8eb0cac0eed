"""What a long-lived reader does by itself, and what a library does where it cannot write."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ingest.errors import LibraryDamaged, LibraryUnwritable
from ingest.library import Library
from ingest.lock import WriterLock
from ingest.settings import IngestSettings
from tests.fakes import FakeEmbedder, make_article, split_paragraphs

PAUSE = 0.1  # seconds


def settings_in(home: Path) -> IngestSettings:
    return IngestSettings(home=home, lock_timeout=0.2, exact_passages=0, _env_file=None)  # type: ignore[call-arg]


@pytest.fixture
def settings(tmp_path: Path) -> IngestSettings:
    settings = settings_in(tmp_path)
    with Library.open(settings, FakeEmbedder()) as library:
        add(library, 1)
    return settings


@pytest.fixture
def reader(settings: IngestSettings) -> Iterator[Library]:
    with Library.open(settings, FakeEmbedder(), read_only=True) as library:
        yield library


def add(library: Library, number: int, passages: int = 3) -> str:
    text = "\n".join(f"Nurse{number}x{n} earns item{n * 7}." for n in range(passages))
    article = make_article(text, source=f"/{number}.md", slug=f"article-{number}", title=f"Title {number}")
    return library.replace(article, split_paragraphs(article)).status


def finds(library: Library, number: int = 1) -> bool:
    question = library.embed_question(f"Title {number} Nurse{number}x2 earns item14").text
    found = library.search_vectors(question, 1)
    return any(f"Nurse{number}x2" in one.passage.text for one in library.passages([found[0][0]]).values())


def uses_index(library: Library) -> bool:
    return finds(library) and library._follower._open is not None


def comes_true(condition: Callable[[], bool], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


# -- healing ----------------------------------------------------------------------------------------------------------


def test_a_reader_that_heals_makes_a_missing_index_anew_while_it_answers(
    settings: IngestSettings, reader: Library
) -> None:
    shutil.rmtree(settings.home / "chroma")
    assert not uses_index(reader)
    assert finds(reader)
    reader.heal_in_background(PAUSE)
    assert comes_true(lambda: uses_index(reader))


def test_a_reader_that_does_not_heal_leaves_the_index_as_it_is(settings: IngestSettings, reader: Library) -> None:
    shutil.rmtree(settings.home / "chroma")
    assert finds(reader)
    assert not (settings.home / "chroma").exists()


def test_a_full_text_index_that_fails_is_made_anew_at_once(
    settings: IngestSettings, reader: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[bool] = []
    look = reader._catalog.is_word_index_whole

    def note_look(*, closely: bool) -> bool:
        looks.append(look(closely=closely))
        return looks[-1]

    monkeypatch.setattr(reader._catalog, "is_word_index_whole", note_look)
    reader.heal_in_background(600)
    assert comes_true(lambda: looks == [True])  # the next look comes in ten minutes, or when a search fails
    with closing(sqlite3.connect(settings.home / "catalog.sqlite3")) as connection, connection:
        connection.execute("DELETE FROM passage_words_data WHERE id > 10")

    def answers() -> bool:
        try:
            return len(reader.search_text("nurse", 9)) == 3
        except LibraryDamaged:
            return False

    assert not answers()
    assert comes_true(answers)


def test_healing_waits_for_another_writer(settings: IngestSettings, reader: Library) -> None:
    shutil.rmtree(settings.home / "chroma")
    with WriterLock(settings.home, 5).hold():
        reader.heal_in_background(PAUSE)
        time.sleep(1)
        assert not uses_index(reader)
    assert comes_true(lambda: uses_index(reader))


def test_closing_ends_the_healing(reader: Library) -> None:
    reader.heal_in_background(PAUSE)
    assert reader._healer is not None
    reader.close()
    assert not reader._healer._thread.is_alive()


ADD = """
import sys
from pathlib import Path
from ingest.library import Library
from tests.fakes import FakeEmbedder
from tests.ingest.test_healing import add, settings_in
with Library.open(settings_in(Path(sys.argv[1])), FakeEmbedder()) as library:
    add(library, 2)
"""


def test_a_reader_answers_from_what_another_process_added_within_five_seconds(
    settings: IngestSettings, reader: Library
) -> None:
    assert uses_index(reader)
    assert not finds(reader, 2)
    subprocess.run([sys.executable, "-c", ADD, settings.home], cwd=Path(__file__).parents[2], check=True)
    assert comes_true(lambda: finds(reader, 2), 5)
    assert uses_index(reader)


# -- where nothing can be written -------------------------------------------------------------------------------------


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own, 8 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if not mount("-t", "tmpfs", "-o", "size=8m", "tmpfs", folder):
        pytest.skip("mounting a disk needs root, and a system that lets it")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def mount(*arguments: str | Path) -> bool:
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("mount") is None:
        return False
    return subprocess.run(["mount", *arguments], check=False, capture_output=True).returncode == 0


def test_a_library_that_cannot_be_written_is_read_all_the_same(disk: Path) -> None:
    settings = settings_in(disk / "home")
    with Library.open(settings, FakeEmbedder()) as library:
        add(library, 1)
    assert mount("-o", "remount,ro", disk)
    with Library.open(settings, FakeEmbedder(), read_only=True) as reader:
        assert finds(reader)
        assert len(reader.search_text("nurse", 9)) == 3
        assert reader.check() == ["vector index: not checked, because Chroma opens none where nothing can be written"]
    with pytest.raises(LibraryUnwritable, match="Free some space or fix the permissions"):
        Library.open(settings, FakeEmbedder())


def test_changes_that_stand_in_the_log_alone_are_never_passed_over(disk: Path) -> None:
    settings = settings_in(disk / "home")
    with Library.open(settings, FakeEmbedder()) as library:
        add(library, 1)
    (settings.home / "catalog.sqlite3-wal").write_bytes(b"x" * 5_000)
    assert mount("-o", "remount,ro", disk)
    with pytest.raises(LibraryUnwritable, match=r"its last changes stand in catalog\.sqlite3-wal.*copy the folder"):
        Library.open(settings, FakeEmbedder(), read_only=True)


def test_a_full_disk_is_said_within_ten_seconds_and_the_work_goes_on_when_there_is_room(disk: Path) -> None:
    settings = settings_in(disk / "home")
    with Library.open(settings, FakeEmbedder(dimension=256)) as library:
        number = fill(library)
        assert finds(library)
        with Library.open(settings, FakeEmbedder(dimension=256), read_only=True) as reader:
            assert finds(reader)
        assert mount("-o", "remount,size=60m", disk)
        assert add(library, number, 100) == "added"
        assert library.check() == []
        assert library.count_passages() == 3 + 100 * (number - 1)


def fill(library: Library) -> int:
    """Add articles until there is no room for one; its number."""
    add(library, 1)
    for number in range(2, 200):
        begun = time.monotonic()
        try:
            add(library, number, 100)
        except LibraryUnwritable:
            assert time.monotonic() - begun < 10
            return number
    raise AssertionError("the disk never filled")
