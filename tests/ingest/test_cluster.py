"""Ingest on a local Ray cluster of two workers: the same library as without."""

from __future__ import annotations

import importlib.util
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.article import Outcome
from ingest.cluster import Cluster
from ingest.errors import ClusterUnknown, EmbeddingModelUnknown, WorkerLost
from ingest.library import Library
from ingest.prepare import open_steps, prepare_ahead
from tests.fakes import FakeEmbedder, load_fake_embedder
from tests.ingest.test_workers import (
    ARTICLES,
    CHECKOUT,
    PROGRAM,
    describe,
    end_in_the_middle,
    folder,
    ingest,
    load_and_warn,
    load_none,
    settings_in,
)

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="the extra [ray] is not installed"),
    pytest.mark.slow,
]

__all__ = ["folder"]  # a fixture


def test_a_cluster_of_two_workers_makes_the_same_library_and_logs_here(
    tmp_path: Path, folder: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    (folder / "3.md").write_bytes(b"\0\1\2 no text")
    alone = ingest(tmp_path / "alone", folder, prepare_ahead)
    spread = ingest(tmp_path / "spread", folder, Cluster("local", 2, load_and_warn))
    assert spread == alone
    assert [outcome.status for outcome in spread] == ["added"] * 3 + ["failed"] + ["added"] * (ARTICLES - 4)
    assert describe(tmp_path / "spread") == describe(tmp_path / "alone")
    assert "one thing failed\nValueError: of this kind" in [record.getMessage() for record in caplog.records]
    assert capfd.readouterr() == ("", "")


def test_a_model_that_cannot_be_loaded_there_ends_the_run(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(EmbeddingModelUnknown, match="Check CAREER_EMBEDDING_MODEL"):
        ingest(tmp_path / "home", folder, Cluster("local", 2, load_none))


def test_when_ray_ends_its_process_the_run_ends_with_a_remedy(tmp_path: Path, folder: Path) -> None:
    settings = settings_in(tmp_path / "home")

    def die_after_one() -> Iterator[Outcome]:
        yield Outcome(str(folder / "0.md"), "unchanged")
        (process,) = multiprocessing.active_children()
        process.kill()
        yield Outcome(str(folder / "1.md"), "unchanged")

    with (
        Library.open(settings, FakeEmbedder()) as library,
        open_steps(settings) as steps,
        pytest.raises(WorkerLost, match=r"exit status -9.*ingest the same again"),
    ):
        list(Cluster("local", 1, load_fake_embedder)(die_after_one(), library, settings, steps))


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are listed in /proc on Linux alone")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_no_process_is_left_when_the_first_one_ends(tmp_path: Path, folder: Path, sent: signal.Signals) -> None:
    program = PROGRAM.format(module="cluster", way="Cluster", arguments="'local', 2")
    # Ray's own helpers go on for up to a minute when they have lost the cluster.
    running, left = end_in_the_middle(program, tmp_path, folder, sent, patience=90)
    assert any("(raylet)" in process for process in running)
    assert left == []
    assert len(ingest(tmp_path / "home", folder, prepare_ahead)) == ARTICLES


def test_an_address_without_a_cluster_is_told_in_one_line(tmp_path: Path, folder: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(ClusterUnknown, match=f"{address}: no Ray cluster answers there"):
            ingest(tmp_path / "home", folder, Cluster(address, 2, load_fake_embedder))


def test_an_address_where_something_else_answers_is_told_in_one_line(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.cluster.CONNECTING", 5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(ClusterUnknown, match=rf"{address}: no Ray cluster answers there \(TimeoutError\)"):
            ingest(tmp_path / "home", folder, Cluster(address, 2, load_fake_embedder))
    assert multiprocessing.active_children() == []


def test_without_the_extra_its_name_is_told(tmp_path: Path, folder: Path) -> None:
    program = "import sys; sys.modules['ray'] = None; from assistant.cli import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", program, "ingest", "--ray", "local", str(folder)],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), "CAREER_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == "error: ray is not installed. Run: pip install 'career-assistant[ray]'.\n"
