"""Ingest spread over processes: the same library as without, and what ends a process ends no more than the run."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from ingest.article import Outcome
from ingest.errors import EmbeddingModelUnknown, WorkerLost
from ingest.library import Library
from ingest.pipeline import add_articles
from ingest.pooling import Embedder
from ingest.prepare import Prepare, prepare_ahead
from ingest.settings import IngestSettings
from ingest.workers import Workers
from tests.fakes import FakeEmbedder
from tests.fakes import load_fake_embedder as load_fake

ARTICLES = 8
CHECKOUT = Path(__file__).parents[2]


def load_none(settings: IngestSettings, method: str) -> Embedder:
    raise EmbeddingModelUnknown("none: the embedding model cannot be loaded. Check CAREER_EMBEDDING_MODEL.")


def load_same(settings: IngestSettings, method: str) -> Embedder:
    return FakeEmbedder(method=method)  # as the library's own, or they would not be taken


def load_and_warn(settings: IngestSettings, method: str) -> Embedder:
    logging.getLogger("ingest.somewhere").error("%s failed", "one thing", exc_info=ValueError("of this kind"))
    return load_fake(settings, method)


def die(settings: IngestSettings, method: str) -> Embedder:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "articles"
    folder.mkdir()
    for number in range(ARTICLES):
        lines = "\n\n".join(
            f"Job {number} pays {line * 1000 + number} dollars to people who wait." for line in range(9)
        )
        (folder / f"{number}.md").write_text(f"# Job {number}\n\n{lines}\n", encoding="utf-8")
    return folder


def settings_in(home: Path) -> IngestSettings:
    return IngestSettings(home=home, _env_file=None)  # type: ignore[call-arg]


def ingest(home: Path, source: Path, prepare: Prepare) -> list[Outcome]:
    with Library.open(settings_in(home), FakeEmbedder()) as library:
        return list(add_articles([str(source)], library, settings_in(home), prepare=prepare))


def describe(home: Path) -> list[tuple[object, ...]]:
    """Every article and passage with all its vectors."""
    with Library.open(settings_in(home), FakeEmbedder(), read_only=True) as library:
        assert library.check() == []
        copies = [library.copy_article(summary.id) for summary in library.articles()]
        return [
            (
                copy.article.id,
                copy.article.text,
                dict(copy.sources),
                stored.passage,
                *map(bytes, stored_vectors(stored)),
            )
            for copy in copies
            for stored in copy.passages
        ]


def stored_vectors(stored: object) -> list[bytes]:
    return [getattr(stored, name).tobytes() for name in ("vector", "unit_vectors", "words")]


def test_processes_make_the_same_library(tmp_path: Path, folder: Path) -> None:
    (folder / "3.md").write_bytes(b"\0\1\2 no text")
    alone = ingest(tmp_path / "alone", folder, prepare_ahead)
    spread = ingest(tmp_path / "spread", folder, Workers(2, load_fake))
    assert spread == alone
    assert [outcome.status for outcome in spread].count("failed") == 1
    assert describe(tmp_path / "spread") == describe(tmp_path / "alone")


def test_what_did_not_change_is_not_embedded_again(tmp_path: Path, folder: Path) -> None:
    ingest(tmp_path / "home", folder, prepare_ahead)
    for file in folder.iterdir():  # other bytes, the same article
        file.write_text(file.read_text(encoding="utf-8") + "\n\n", encoding="utf-8")
    again = ingest(tmp_path / "home", folder, Workers(2, load_none))
    assert [outcome.status for outcome in again] == ["unchanged"] * ARTICLES


def test_only_new_passages_are_embedded(tmp_path: Path, folder: Path) -> None:
    ingest(tmp_path / "home", folder, prepare_ahead)
    file = folder / "0.md"
    file.write_text(file.read_text(encoding="utf-8") + "\n\n## Waiting\n\nIt pays nothing.\n", encoding="utf-8")
    embedder = FakeEmbedder()
    with Library.open(settings_in(tmp_path / "home"), embedder) as library:
        outcomes = list(
            add_articles([str(file)], library, settings_in(tmp_path / "home"), prepare=Workers(1, load_fake))
        )
    assert [outcome.status for outcome in outcomes] == ["updated"]
    assert embedder.embedded == []  # the other process has made them


def test_processes_embed_by_the_method_of_the_library(tmp_path: Path, folder: Path) -> None:
    settings = settings_in(tmp_path / "home")
    with Library.open(settings, FakeEmbedder(method="of old")) as library:
        list(add_articles([str(folder / "0.md")], library, settings))
        outcomes = list(add_articles([str(folder)], library, settings, prepare=Workers(1, load_same)))
    assert [outcome.status for outcome in outcomes] == ["unchanged"] + ["added"] * (ARTICLES - 1)


def test_a_model_that_cannot_be_loaded_ends_the_run(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(EmbeddingModelUnknown):
        ingest(tmp_path / "home", folder, Workers(2, load_none))


def test_a_process_that_is_killed_ends_the_run_with_a_remedy_and_the_next_run_completes(
    tmp_path: Path, folder: Path
) -> None:
    with pytest.raises(WorkerLost, match=r"exit status -9.*fewer --workers"):
        ingest(tmp_path / "home", folder, Workers(2, die))
    assert {outcome.status for outcome in ingest(tmp_path / "home", folder, Workers(2, load_fake))} == {"added"}


def test_what_is_logged_in_another_process_is_logged_in_the_first_and_printed_by_none(
    tmp_path: Path, folder: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    ingest(tmp_path / "home", folder, Workers(1, load_and_warn))
    assert ("ingest.somewhere", "one thing failed\nValueError: of this kind") in [
        (record.name, record.getMessage()) for record in caplog.records
    ]
    assert capfd.readouterr().err == ""


PROGRAM = """
import sys
from pathlib import Path
from ingest.{module} import {way}

if __name__ == "__main__":
    import tests.ingest.test_workers as here
    from ingest.pipeline import add_articles
    settings = here.settings_in(Path(sys.argv[1]))
    with here.Library.open(settings, here.FakeEmbedder()) as library:
        for outcome in add_articles([sys.argv[2]], library, settings, prepare={way}({arguments}, here.load_fake)):
            print(outcome.status, flush=True)
"""


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are listed in /proc on Linux alone")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_no_process_is_left_when_the_first_one_ends(tmp_path: Path, folder: Path, sent: signal.Signals) -> None:
    program = PROGRAM.format(module="workers", way="Workers", arguments=2)
    running, left = end_in_the_middle(program, tmp_path, folder, sent, patience=30)
    assert len(running) >= 3
    assert left == []
    assert len(ingest(tmp_path / "home", folder, prepare_ahead)) == ARTICLES


def end_in_the_middle(
    program: str, tmp_path: Path, folder: Path, sent: signal.Signals, *, patience: float
) -> tuple[list[str], list[str]]:
    """Send a signal to an ingest that runs, and only to its first process: all that ran, and what is left of them.

    Those that are left have so many seconds to end by themselves.
    """
    file = tmp_path / "program.py"
    file.write_text(program, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    with subprocess.Popen(
        [sys.executable, str(file), str(tmp_path / "home"), str(folder)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"added\n"
        running = list_session(process.pid)
        process.send_signal(sent)
        assert process.wait(30) != 0
        deadline = time.monotonic() + patience
        while list_session(process.pid) and time.monotonic() < deadline:
            time.sleep(0.1)
        return running, list_session(process.pid)


def list_session(session: int) -> list[str]:
    """The processes of a session, as the system describes them."""
    described = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it ended meanwhile
            described.append(entry.read_text(encoding="ascii", errors="replace"))
    # After the name, which is in brackets: state, parent, group, session.
    return [line for line in described if line.rpartition(")")[2].split()[3] == str(session) and ") Z" not in line]
