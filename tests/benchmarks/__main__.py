"""`python -m tests.benchmarks NAME`: one benchmark as a table; with --json, also as JSON on the last line."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
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
    "growth",
    "speed",
)
MOST_COLUMNS = 10
OPTIONS = {
    "tune": "on the questions that constants are tuned on",
    "largest": "growth: 1,000,000 passages as well; speed: memory of ingesting 342 pages",
    "server": "growth: the vector index on a Chroma server",
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--json", action="store_true", help="print the result as JSON on the last line")
    parser.add_argument("--keep", type=Path, help="a folder for what was embedded, so that the next run starts from it")
    for option, meaning in OPTIONS.items():
        parser.add_argument(f"--{option}", action="store_true", help=meaning)
    benchmark = import_module(f"tests.benchmarks.{parser.parse_known_args()[0].name}")
    if hasattr(benchmark, "add_options"):
        benchmark.add_options(parser)
    chosen = parser.parse_args()
    taken = signature(benchmark.run).parameters
    arguments: dict[str, Any] = {option: True for option in OPTIONS if getattr(chosen, option)}
    for option in arguments.keys() - taken:
        parser.error(f"{chosen.name} knows no --{option}")
    if "options" in taken:
        arguments["options"] = chosen
    try:
        with tempfile.TemporaryDirectory() as scratch:
            home = (chosen.keep or Path(scratch)) / chosen.name
            home.mkdir(parents=True, exist_ok=True)
            result: Result = benchmark.run(home, **arguments)
    except DataMissing as error:
        print(f"skipped: {error}", file=sys.stderr)
        return 1
    show(result)
    if chosen.json:
        print(json.dumps(result.as_dict()))
    return 0


def show(result: Result) -> None:
    rows = [{"name": "ours"} | result.ours, {"name": "baseline"} | result.baseline, *result.others, *result.published]
    rows = [row for row in rows if len(row) > 1]
    columns = list(dict.fromkeys(key for row in rows for key in row if key not in ("name", "intervals")))
    title = f"{result.benchmark}: {result.note}"
    if len(columns) > MOST_COLUMNS:  # a line for each thing measured reads better then
        table = Table("", *(row["name"] for row in rows), title=title)
        for column in columns:
            table.add_row(column, *(_show_cell(row, column) for row in rows))
    else:
        table = Table("", *columns, title=title)
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
