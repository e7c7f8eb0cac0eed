"""`python -m tests.benchmarks NAME`: one benchmark as a table; with --json, also as JSON on the last line."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.benchmarks.result import DataMissing, Result

NAMES = (
    "chunking",
    "feedbackqa",
    "squad2",
    "follow_ups",
    "sentences",
    "questions",
    "ingest",
    "start",
    "evaluation",
    "load",
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--json", action="store_true", help="print the result as JSON on the last line")
    parser.add_argument("--keep", type=Path, help="a folder for what was embedded, so that the next run starts from it")
    parser.add_argument("--tune", action="store_true", help="on the questions that constants are tuned on")
    benchmark = import_module(f"tests.benchmarks.{parser.parse_known_args()[0].name}")
    if hasattr(benchmark, "add_options"):
        benchmark.add_options(parser)
    chosen = parser.parse_args()
    if chosen.tune and "tune" not in signature(benchmark.run).parameters:
        parser.error(f"{chosen.name} has no questions of its own for tuning")
    try:
        with tempfile.TemporaryDirectory() as scratch:
            home = (chosen.keep or Path(scratch)) / chosen.name
            home.mkdir(parents=True, exist_ok=True)
            result: Result = benchmark.run(home, **_choose_arguments(benchmark.run, chosen))
    except DataMissing as error:
        print(f"skipped: {error}", file=sys.stderr)
        return 1
    show(result)
    if chosen.json:
        print(json.dumps(result.as_dict()))
    return 0


def _choose_arguments(run: Callable[..., Result], chosen: argparse.Namespace) -> dict[str, Any]:
    """What this benchmark takes of what was given: `tune`, or `options` of its own."""
    given = {"tune": chosen.tune, "options": chosen}
    return {name: value for name, value in given.items() if name in signature(run).parameters}


def show(result: Result) -> None:
    rows = [{"name": "ours"} | result.ours, *result.others, {"name": "baseline"} | result.baseline, *result.published]
    rows = [row for row in rows if len(row) > 1]
    columns = list(dict.fromkeys(key for row in rows for key in row if key not in ("name", "intervals")))
    table = Table("", *columns, title=f"{result.benchmark}: {result.note}")
    for row in rows:
        table.add_row(row["name"], *(_show_cell(row, column) for column in columns))
    Console(width=160).print(table)


def _show_cell(row: dict[str, Any], column: str) -> str:
    value = row.get(column, "")
    shown = f"{value:g}" if isinstance(value, float) else str(value)
    low, high = row.get("intervals", {}).get(column, ("", ""))
    return f"{shown} ({low:g} to {high:g})" if low != "" else shown


if __name__ == "__main__":
    sys.exit(main())
