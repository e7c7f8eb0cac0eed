"""`python -m tests.benchmarks NAME [--json]`: one benchmark as a table; with --json, JSON on the last line."""

from __future__ import annotations

import argparse
import json
import sys
from importlib import import_module

from rich.console import Console
from rich.table import Table

from tests.benchmarks.result import DataMissing, Result

NAMES = ("questions", "ingest", "start")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--json", action="store_true", help="print the result as JSON on the last line")
    chosen = parser.parse_args()
    try:
        result: Result = import_module(f"tests.benchmarks.{chosen.name}").run()
    except DataMissing as error:
        print(f"skipped: {error}", file=sys.stderr)
        return 1
    show(result)
    if chosen.json:
        print(json.dumps(result.as_dict()))
    return 0


def show(result: Result) -> None:
    rows = {"ours": result.ours, "baseline": result.baseline, **{row["name"]: row for row in result.published}}
    columns = list(dict.fromkeys(key for row in rows.values() for key in row if key != "name"))
    table = Table("", *columns, title=f"{result.benchmark}: {result.note}")
    for name, row in rows.items():
        if row:
            table.add_row(
                name,
                *(f"{row[key]:g}" if isinstance(row.get(key), float) else str(row.get(key, "")) for key in columns),
            )
    Console(width=160).print(table)


if __name__ == "__main__":
    sys.exit(main())
