"""527 files, many damaged on purpose, fetched and read as ingest does: none crashes, hangs or fills the memory.

Every refusal is one line that names the file, the reason and a remedy, and at least 95% of the readable files are
accepted. Readable is a file in which other readers find twenty words: for PDFs these are listed in `readable.txt`, made
with pypdf 7.1.0 and pdfminer.six 20260107, which both must find them, since each takes some fonts' garbage for words;
for the other kinds they are counted here, without our readers.
"""

from __future__ import annotations

import re
import time
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import cast

import pytest

from ingest.article import LINKS, Article, Page
from ingest.child import Child, ChildFailed, Limits
from ingest.errors import CareerError, SourceUnreadable
from ingest.fetch import Fetcher
from ingest.reader import PageReader
from ingest.settings import IngestSettings

FOLDER = (Path(__file__).parents[3] / "shared" / "hostile").resolve()
SUFFIXES = {".pdf", ".docx", ".html", ".txt", ".md"}
FILES = sorted(
    path for kind in ("pdf", "office") for path in (FOLDER / kind).glob("*") if path.suffix in SUFFIXES
    if path.name != "NOTE.md"
)  # fmt: skip
MOST_SECONDS = 30
MOST_MEMORY = 2**30
WORD = re.compile(r"[^\W\d_]{2,}")  # at least two letters: what is left of a font that does not say its letters is none

Read = Callable[[Path], Article | None]


@dataclass(frozen=True)
class Reading:
    """What became of one file."""

    path: Path
    accepted: bool = False
    refusal: str = ""  # our one line
    crash: str = ""  # what nobody foresaw
    seconds: float = 0


def read_files(paths: Iterable[Path], read: Read) -> list[Reading]:
    return [read_file(path, read) for path in paths]


def read_file(path: Path, read: Read) -> Reading:
    refusal = crash = ""
    started = time.monotonic()
    try:
        read(path)
    except CareerError as error:
        refusal = str(error)
    except Exception as error:
        crash = repr(error)
    if re.search(r"reading it (failed with|was ended by|ended with)", refusal):  # contained, but a crash all the same
        crash = refusal
    return Reading(path, not refusal and not crash, refusal, crash, time.monotonic() - started)


def find_faults(readings: Iterable[Reading], peak_memory: int = 0) -> list[str]:
    """Whatever must not have happened, in a line each."""
    faults = [f"peak memory: {peak_memory:,} bytes"] if peak_memory >= MOST_MEMORY else []
    for reading in readings:
        if reading.crash:
            faults.append(f"{reading.path.name}: crash: {reading.crash}")
        if reading.seconds >= MOST_SECONDS:
            faults.append(f"{reading.path.name}: took {reading.seconds:.0f} s")
        if reading.refusal and not is_plain(reading):
            faults.append(f"{reading.path.name}: says {reading.refusal!r}")
    return faults


def is_plain(reading: Reading) -> bool:
    """One line that begins with the file's name and holds a reason and a remedy, a sentence each."""
    _, named, told = reading.refusal.partition(f"{reading.path}: ")
    return bool(named) and len(reading.refusal.splitlines()) == 1 and re.fullmatch(r".+\. \S.+\.", told) is not None


def is_readable(path: Path) -> bool:
    """Whether a reader that is not ours finds twenty words."""
    if path.suffix == ".pdf":
        listed = Path(__file__).with_name("readable.txt").read_text(encoding="utf-8").split("\n")
        return path.name in listed
    return len(WORD.findall(read_independently(path))) >= 20


def read_independently(path: Path) -> str:
    if path.suffix == ".docx":
        try:
            with zipfile.ZipFile(path) as archive:
                document = archive.read("word/document.xml").decode("utf-8", "replace")
        except (zipfile.BadZipFile, KeyError):
            return ""
        once = re.sub(r"<mc:Fallback>.*?</mc:Fallback>", "", document, flags=re.DOTALL)  # the same for old programs
        return " ".join(re.findall(r"<w:t(?: [^>]*)?>([^<]*)", once))
    text = path.read_bytes().decode("utf-8", "replace").replace("\0", "")
    if path.suffix == ".md":
        text = re.sub(r"\]\([^)]*\)", "]", text)  # where a link leads
    return text if path.suffix == ".txt" else find_shown_text(text)


def find_shown_text(page: str) -> str:
    parts: list[str] = []

    class Shown(HTMLParser):
        hidden = ""

        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            self.hidden = tag if tag in ("script", "style", "title") else self.hidden

        def handle_endtag(self, tag: str) -> None:
            self.hidden = "" if tag == self.hidden else self.hidden

        def handle_data(self, data: str) -> None:
            parts.append("" if self.hidden else data)

    Shown().feed(page)
    return " ".join(parts)


def make_settings() -> IngestSettings:
    return IngestSettings(_env_file=None)  # type: ignore[call-arg]


def fetch_and_read(path: Path, fetcher: Fetcher, reader: PageReader) -> Article | None:
    page = cast("Page", fetcher.fetch_page(str(path)))
    return None if page.media_type == LINKS and reader.list_links(page) else reader.extract_article(page)


@pytest.mark.slow
@pytest.mark.skipif(not FILES, reason="../shared/hostile/pdf and /office are absent: the 527 files are not shipped")
@pytest.mark.timeout(1200)
def test_527_hostile_files(capsys: pytest.CaptureFixture[str]) -> None:
    fetcher = Fetcher(make_settings())
    with PageReader(make_settings()) as reader:
        readings = read_files(FILES, lambda path: fetch_and_read(path, fetcher, reader))
        peak = reader.peak_memory
    readable = [reading for reading in readings if is_readable(reading.path)]
    share = sum(reading.accepted for reading in readable) / len(readable)
    with capsys.disabled():
        report(readings, readable, peak)
    assert len(FILES) == 527
    assert find_faults(readings, peak) == []
    assert share >= 0.95


def report(readings: list[Reading], readable: list[Reading], peak: int) -> None:
    accepted = sum(reading.accepted for reading in readings)
    slowest = max(readings, key=lambda reading: reading.seconds)
    print(f"\n{len(readings)} files: {accepted} accepted, {len(readings) - accepted} refused")
    print(f"{sum(reading.seconds for reading in readings):.0f} s in all, {slowest.seconds:.1f} s {slowest.path.name}")
    print(f"peak memory of a child {peak / 1e6:.0f} MB")
    print(f"of {len(readable)} readable ones {sum(reading.accepted for reading in readable)} accepted; not:")
    for reading in readable:
        if not reading.accepted:
            print(f"  {reading.refusal or reading.crash}")


def spoil(task: str, **header: object) -> Read:
    """A reader that does with a certain file what no reader should, in a child with little patience."""

    def read(path: Path) -> None:
        name = task if path.name == "bad.txt" else "echo"
        with Child(f"tests.faults.tasks:{name}", Limits(seconds=2, memory=500_000_000)) as child:
            try:
                child.ask(header)
            except ChildFailed as error:
                raise SourceUnreadable(f"{path}: reading it {error}. Save it as text.") from error

    return read


PATHS = [Path("/articles/good.txt"), Path("/articles/bad.txt"), Path("/articles/better.txt")]


@pytest.mark.parametrize("task", ["spin", "sleep", "allocate", "abort", "read_null", "fail", "leave"])
def test_a_file_that_ends_its_child_fails_alone(task: str) -> None:
    readings = read_files(PATHS, spoil(task))
    assert [reading.accepted for reading in readings] == [True, False, True]


@pytest.mark.parametrize("task", ["abort", "read_null", "fail", "leave"])
def test_a_reader_that_crashes_is_a_fault(task: str) -> None:
    assert "crash" in find_faults(read_files(PATHS, spoil(task)))[0]


def refuse(refusal: Exception) -> Read:
    def read(path: Path) -> None:
        raise refusal

    return read


@pytest.mark.parametrize(
    "refusal",
    [
        KeyError("what nobody foresaw"),
        SourceUnreadable("/articles/bad.txt: two\nlines. Save it."),
        SourceUnreadable("/articles/bad.txt: a reason without a remedy."),
        SourceUnreadable("Some file: cannot be read. Save it."),
    ],
)
def test_a_refusal_that_does_not_help_is_a_fault(refusal: Exception) -> None:
    assert len(find_faults([read_file(PATHS[1], refuse(refusal))])) == 1


def test_a_refusal_that_helps_is_none() -> None:
    refusal = SourceUnreadable("/articles/bad.txt: cannot be read (it is torn). Save it as text.")
    assert find_faults([read_file(PATHS[1], refuse(refusal))]) == []


def test_too_much_time_or_memory_is_a_fault() -> None:
    assert find_faults([Reading(PATHS[0], accepted=True, seconds=MOST_SECONDS)]) == ["good.txt: took 30 s"]
    assert find_faults([], peak_memory=MOST_MEMORY) == ["peak memory: 1,073,741,824 bytes"]


def test_an_unlimited_child_takes_what_a_limited_one_may_not() -> None:
    with Child("tests.faults.tasks:allocate", Limits(seconds=60)) as child:
        child.ask({"bytes": MOST_MEMORY})
        assert find_faults([], child.peak_memory)
