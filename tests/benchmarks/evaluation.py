"""`career evaluate` of 1,000 prompts on the 54 pages: seconds of the whole command, and whether two runs say the same.

The prompts are those that `career prompts draft` proposes from the pages, and nobody has edited them, so that their
scores tell little. What is measured is the command: reading, asking, measuring, intervals, report, plots, JUnit.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from assistant.evaluation.draft import draft_prompts
from assistant.evaluation.prompt_writer import write_prompts
from assistant.evaluation.prompts import TestPrompt
from ingest.pipeline import add_articles
from tests.benchmarks.library import open_library
from tests.benchmarks.result import Result, list_bls_pages

CHECKOUT = Path(__file__).parents[2]
PROMPTS = 1_000
TIMES = ("date", "seconds", "seconds_p50", "seconds_p95")


def run(home: Path) -> Result:
    pages = [str(page) for page in list_bls_pages()]
    with open_library([], home / "pages") as (library, settings):
        list(add_articles(pages, library, settings))
        prompts = _spread([prompt for one in library.articles() for prompt in draft_prompts(library.article(one.id))])
    file = home / "prompts.yaml"
    file.write_text(write_prompts(prompts), encoding="utf-8")
    written = ["--report", "report.html", "--junit", "junit.xml", "--plots", "plots"]
    first = _evaluate(settings.home, home, file, [*written, "--keep", "first.json"])
    again = _evaluate(settings.home, home, file, ["--keep", "second.json", "--compare", "first.json"])
    kept = [_read(home / name) for name in ("first.json", "second.json")]
    ours: dict[str, Any] = {
        "seconds": round(first, 1),
        "compare_seconds": round(again, 1),
        "prompts": len(kept[0]["results"]),
        "report_mb": round((home / "report.html").stat().st_size / 1e6, 1),
        "same_twice": _drop_times(kept[0]) == _drop_times(kept[1]),
    }
    return Result(
        "evaluation", "career evaluate of drafted prompts on the 54 pages, seconds of the whole command", ours
    )


def _spread(drafted: list[TestPrompt]) -> list[TestPrompt]:
    """PROMPTS of them, of every article and every kind."""
    return [drafted[number * len(drafted) // PROMPTS] for number in range(min(PROMPTS, len(drafted)))]


def _evaluate(library: Path, folder: Path, file: Path, options: list[str]) -> float:
    """Seconds of the command from its start to its end, as a person waits for it."""
    environment = {**os.environ, "CAREER_HOME": str(library), "PYTHONPATH": str(CHECKOUT)}
    command = [sys.executable, "-m", "assistant.cli", "evaluate", str(file), *options]
    started = time.perf_counter()
    subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def _read(path: Path) -> dict[str, Any]:
    kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return kept


def _drop_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _drop_times(part) for name, part in value.items() if name not in TIMES}
    return [_drop_times(part) for part in value] if isinstance(value, list) else value
