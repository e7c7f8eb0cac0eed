"""Ingest on a local Ray cluster of two workers: the same library as without."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ingest.cluster import Cluster
from ingest.errors import ClusterUnknown, EmbeddingModelUnknown
from ingest.prepare import prepare_ahead
from tests.fakes import load_fake_embedder
from tests.ingest.test_workers import ARTICLES, CHECKOUT, describe, folder, ingest, load_none

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="the extra [ray] is not installed"),
    pytest.mark.slow,
]

__all__ = ["folder"]  # a fixture


def test_a_cluster_of_two_workers_makes_the_same_library(tmp_path: Path, folder: Path) -> None:
    (folder / "3.md").write_bytes(b"\0\1\2 no text")
    alone = ingest(tmp_path / "alone", folder, prepare_ahead)
    spread = ingest(tmp_path / "spread", folder, Cluster("local", 2, load_fake_embedder))
    assert spread == alone
    assert [outcome.status for outcome in spread] == ["added"] * 3 + ["failed"] + ["added"] * (ARTICLES - 4)
    assert describe(tmp_path / "spread") == describe(tmp_path / "alone")


def test_a_model_that_cannot_be_loaded_there_ends_the_run(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(EmbeddingModelUnknown, match="Check CAREER_EMBEDDING_MODEL"):
        ingest(tmp_path / "home", folder, Cluster("local", 2, load_none))


def test_an_address_without_a_cluster_is_told_in_one_line(tmp_path: Path, folder: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(ClusterUnknown, match=f"{address}: no Ray cluster answers there"):
            ingest(tmp_path / "home", folder, Cluster(address, 2, load_fake_embedder))


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
