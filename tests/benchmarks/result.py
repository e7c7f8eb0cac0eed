"""What every benchmark returns, and where its data lies."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

SHARED = Path(__file__).parents[3] / "shared"
BLS_PAGES = SHARED / "articles" / "bls"
BENCHMARKS = SHARED / "benchmarks"


class DataMissing(Exception):
    """The benchmark's data is not on this machine."""


@dataclass(frozen=True)
class Result:
    benchmark: str
    note: str  # what was measured, in one line, with units
    ours: dict[str, Any]
    baseline: dict[str, Any] = field(default_factory=dict)  # the plain stack, measured in the same run
    published: list[dict[str, Any]] = field(default_factory=list)  # each with its "name"
    others: list[dict[str, Any]] = field(default_factory=list)  # further rows of the same run, each with its "name"

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def list_bls_pages() -> list[Path]:
    pages = sorted(BLS_PAGES.glob("*.html"))
    if not pages:
        raise DataMissing("no articles in ../shared/articles/bls")
    return pages


def find_data(name: str) -> Path:
    """The folder or file of `../shared/benchmarks`. Raises DataMissing."""
    path = BENCHMARKS / name
    if not path.exists():
        raise DataMissing(f"no {name} in ../shared/benchmarks")
    return path
