"""What a command imports: the wait for an answer from a cold process is mostly that."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

HEAVY = ("torch", "transformers", "sentence_transformers", "gradio", "trafilatura", "chromadb", "onnx", "pandas")
PROGRAM = """
import json, sys
from assistant.cli import main
code = main(json.loads(sys.argv[1]))
print(json.dumps({"code": code, "loaded": [name for name in json.loads(sys.argv[2]) if name in sys.modules]}))
"""


def list_loaded(home: Path, arguments: Sequence[str], names: Sequence[str]) -> list[str]:
    """Those of the packages that the command has imported when it ends, well, in a process of its own."""
    command = [sys.executable, "-c", PROGRAM, json.dumps(arguments), json.dumps(names)]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("CAREER_")},
        "CAREER_HOME": str(home),
    }
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120, env=environment)
    ended = json.loads(done.stdout.splitlines()[-1])
    assert ended["code"] == 0, done.stderr
    loaded: list[str] = ended["loaded"]
    return loaded


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of the packaged articles, its embedding model prepared."""
    home = tmp_path_factory.mktemp("home")
    environment = {**os.environ, "CAREER_HOME": str(home), "CAREER_EMBEDDING_RUNTIME": "auto"}
    subprocess.run(
        [sys.executable, "-m", "assistant.cli", "ingest"], check=True, capture_output=True, timeout=200, env=environment
    )
    return home


def test_a_question_is_answered_without_any_heavy_package(home: Path) -> None:
    assert list_loaded(home, ["ask", "How much does an ML engineer earn?"], HEAVY) == []


def test_the_model_that_was_prepared_is_read_by_onnxruntime(home: Path) -> None:
    assert list_loaded(home, ["ask", "How much does an ML engineer earn?"], ["onnxruntime"]) == ["onnxruntime"]


@pytest.mark.parametrize("arguments", [["--help"], ["ask", "--help"]], ids=" ".join)
def test_help_imports_nothing_that_takes_time(home: Path, arguments: list[str]) -> None:
    names = [*HEAVY, "numpy", "onnxruntime", "langchain_core", "sqlite3"]
    assert list_loaded(home, arguments, names) == []


def test_the_articles_are_listed_without_a_model(home: Path) -> None:
    assert list_loaded(home, ["articles"], [*HEAVY, "onnxruntime", "langchain_core"]) == []
