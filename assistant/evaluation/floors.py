"""Floors: how good the totals must be, so that no change quietly makes answers worse. Kept beside the test prompts.

`floors.json` is {"facts_in_quotes": 0.95, "answerable_refused_at_most": 0.05, "corpus_digest": "..."}: a measure of
measures.py with the least it may be, or with "_at_most" the most, and the articles on which that was measured.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant.errors import EvaluationInvalid
from assistant.evaluation.measures import BY_NAME, MEASURES, STEPS, Measure, Result, Totals, total_results

CEILING = "_at_most"  # "answerable_refused_at_most": the measure may not be higher
DIGEST = "corpus_digest"
GATED = {
    measure.name + CEILING if measure.lower_is_better else measure.name: measure
    for measure in MEASURES
    if measure.is_share
}
DIGITS = 3  # a floor is rounded down, a ceiling up


@dataclass(frozen=True)
class Breach:
    """A measure on the wrong side of its floor."""

    measure: str
    value: float
    limit: float
    prompts: tuple[str, ...]  # file:line of the prompts to blame

    def __str__(self) -> str:
        side = "above its ceiling" if BY_NAME[self.measure].lower_is_better else "below its floor"
        return f"{self.measure} {self.value:.3f} is {side} {self.limit:.3f}: {', '.join(self.prompts)}"


@dataclass(frozen=True)
class Moved:
    """A floor that `--update-floors` looked at: what it was, and what it is now."""

    name: str
    before: float | None
    after: float
    measured: float

    def __str__(self) -> str:
        if self.before is None:
            return f"{self.name}: {self.after:.3f}, new"
        if self.before == self.after:
            return f"{self.name}: stays {self.after:.3f} although {self.measured:.3f} was measured"
        return f"{self.name}: {self.before:.3f} -> {self.after:.3f}"


def find_floors(prompt_files: Sequence[Path]) -> Path:
    """Where the floors of these prompts are kept: beside the first file."""
    return prompt_files[0].parent / "floors.json"


def load_floors(prompt_files: Sequence[Path]) -> dict[str, float]:
    """The floors beside the prompts; empty when there is no file: nothing is gated."""
    return {name: limit for name, limit in _read(find_floors(prompt_files)).items() if name != DIGEST}


def load_floors_digest(prompt_files: Sequence[Path]) -> str:
    """The digest of the articles on which the floors were set; "" when the file does not say."""
    return str(_read(find_floors(prompt_files)).get(DIGEST, ""))


def _read(path: Path) -> dict[str, Any]:
    try:
        floors = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise EvaluationInvalid(f"{path}: not readable as JSON ({error}). Correct or remove it.") from error
    if not isinstance(floors, dict):
        raise EvaluationInvalid(f'{path}: must be an object. Write {{"facts_in_quotes": 0.95}}.')
    for name, limit in floors.items():
        _check_floor(path, name, limit)
    return floors


def _check_floor(path: Path, name: str, limit: Any) -> None:
    if name == DIGEST:
        if not isinstance(limit, str):
            raise EvaluationInvalid(f"{path}: {name}: must be text. Run: career evaluate --update-floors.")
    elif name not in GATED:
        raise EvaluationInvalid(f"{path}: {name}: no such floor. Use {', '.join(GATED)}.")
    elif isinstance(limit, bool) or not isinstance(limit, int | float) or not 0 <= limit <= 1:
        raise EvaluationInvalid(f"{path}: {name}: must be a number from 0 to 1, not {limit!r}.")


def find_breaches(results: Sequence[Result], floors: Mapping[str, float]) -> list[Breach]:
    """The floors that the results do not reach, in the order of the steps of an answer: what comes first explains more.

    A measure with nothing to measure reaches every floor.
    """
    totals = total_results(results)
    order = list(STEPS)
    names = sorted(floors, key=lambda name: order.index(GATED[name].step))
    checks = (_check(GATED[name], floors[name], totals, results) for name in names)
    return [breach for breach in checks if breach]


def _check(measure: Measure, limit: float, totals: Totals, results: Sequence[Result]) -> Breach | None:
    value: float | None = getattr(totals, measure.name)
    if value is None or (value <= limit if measure.lower_is_better else value >= limit):
        return None
    blamed = tuple(result.prompt.where for result in results if measure.is_flawed(result))
    return Breach(measure.name, value, limit, blamed)


def update_floors(path: Path, totals: Totals, corpus_digest: str, *, allow_regression: bool) -> list[Moved]:
    """Raise every floor to what was measured, and lower those that were not reached only with `allow_regression`.

    The floors that moved, and those that stay above what was measured.
    """
    floors = _read(path)
    moved = [
        move
        for name, measure in GATED.items()
        if (value := getattr(totals, measure.name)) is not None
        and (move := _move(name, floors.get(name), value, lower=allow_regression))
    ]
    after = {name: floors[name] for name in floors if name != DIGEST} | {move.name: move.after for move in moved}
    text = json.dumps({**after, DIGEST: corpus_digest}, indent=2) + "\n"
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise EvaluationInvalid(f"{path}: cannot be written ({error.strerror}). Check its permissions.") from error
    return moved


def _move(name: str, before: float | None, measured: float, *, lower: bool) -> Moved | None:
    ceiling = name.endswith(CEILING)
    scale = 10**DIGITS
    # 1e-9: 0.958 as a quotient may be a hair less, and must not become 0.957
    limit = math.ceil(measured * scale - 1e-9) / scale if ceiling else math.floor(measured * scale + 1e-9) / scale
    if before is None:
        return Moved(name, None, limit, measured)
    better = limit < before if ceiling else limit > before
    reached = measured <= before if ceiling else measured >= before
    if better or (lower and not reached):
        return Moved(name, before, limit, measured)
    return None if reached else Moved(name, before, before, measured)
