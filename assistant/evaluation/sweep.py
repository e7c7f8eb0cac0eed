"""The same prompts asked with several settings, side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

from pydantic import ValidationError

from assistant.errors import SettingsInvalid
from assistant.evaluation.run import Evaluation
from assistant.evaluation.summary import name_measure, write_value
from assistant.settings import ANSWER_SETTINGS, Settings

SWEPT = sorted(ANSWER_SETTINGS)  # anything of ingest would need another library for each value
SHOWN = ("hit_at_5", "mrr", "facts_in_quotes", "refusals_right", "answerable_refused", "citations_valid")


@dataclass(frozen=True)
class Axis:
    """One setting with the values to try, as they were typed."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Point:
    """One combination of values and what came of it."""

    values: Mapping[str, Any]
    evaluation: Evaluation

    @property
    def name(self) -> str:
        return ", ".join(f"{name}={value}" for name, value in self.values.items())


@dataclass(frozen=True)
class Sweep:
    axes: tuple[Axis, ...]
    points: tuple[Point, ...]

    def as_dict(self) -> dict[str, Any]:
        """The JSON of `career evaluate --sweep ... --json`."""
        return {
            "axes": [asdict(axis) for axis in self.axes],
            "points": [
                {
                    "settings": dict(point.values),
                    "totals": asdict(point.evaluation.totals),
                    "intervals": point.evaluation.intervals,
                }
                for point in self.points
            ],
        }


def read_axes(given: Sequence[str]) -> list[Axis]:
    """`vector_weight=0.3,0.5` for each setting. Raises SettingsInvalid."""
    axes = [_read_axis(text) for text in given]
    names = [axis.name for axis in axes]
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise SettingsInvalid(f"--sweep {twice}: given twice. Write its values once: {twice}=A,B,C.")
    return axes


def _read_axis(text: str) -> Axis:
    name, equals, values = text.partition("=")
    name = name.strip().lower().removeprefix("career_")
    if name not in SWEPT:
        raise SettingsInvalid(f"--sweep {name}: not a setting that a sweep can change. Use {', '.join(SWEPT)}.")
    listed = tuple(value.strip() for value in values.split(","))
    if not equals or not values.strip():
        raise SettingsInvalid(f"--sweep {name}: no values. Write {name}=A,B,C.")
    return Axis(name, listed)


def sweep_settings(
    settings: Settings,
    axes: Sequence[Axis],
    ask: Callable[[Settings], Evaluation],
    *,
    on_settings: Callable[[str], None] = lambda _name: None,
) -> Sweep:
    """Every combination of the values, asked in turn; all of them are checked first. Raises SettingsInvalid."""
    names = [axis.name for axis in axes]
    combinations = [dict(zip(names, chosen, strict=True)) for chosen in product(*(axis.values for axis in axes))]
    tried = [_change(settings, chosen) for chosen in combinations]
    points = []
    for chosen, changed in zip(combinations, tried, strict=True):
        values = {name: getattr(changed, name) for name in chosen}
        on_settings(", ".join(f"{name}={value}" for name, value in values.items()))
        points.append(Point(values, ask(changed)))
    return Sweep(tuple(axes), tuple(points))


def _change(settings: Settings, chosen: Mapping[str, str]) -> Settings:
    try:
        return Settings.model_validate({**settings.model_dump(), **chosen})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join(map(str, first["loc"]))
        raise SettingsInvalid(f"--sweep {name}={first['input']}: {first['msg']}. Correct the value.") from error


def describe_sweep(sweep: Sweep) -> list[str]:
    """The table as lines."""
    rows = list_rows(sweep)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def list_rows(sweep: Sweep) -> list[list[str]]:
    """A table: a row for each combination, a column for each of a few measures; the first row names them."""
    names = [name for name in SHOWN if any(_value(point, name) is not None for point in sweep.points)]
    header = ["", "right", *(name_measure(name) for name in names), "p50"]
    return [header, *(_list_cells(point, names) for point in sweep.points)]


def _list_cells(point: Point, names: Sequence[str]) -> list[str]:
    totals = point.evaluation.totals
    values = [(name, _value(point, name)) for name in names]
    shares = ["-" if value is None else write_value(name, value) for name, value in values]
    return [point.name, f"{totals.passed} of {totals.prompts}", *shares, f"{totals.seconds_p50 or 0:.3f} s"]


def _value(point: Point, name: str) -> float | None:
    value: float | None = getattr(point.evaluation.totals, name)
    return value
