"""Floors: how good the totals must be, so that no change quietly makes answers worse. Kept beside the test prompts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from assistant.errors import EvaluationInvalid
from assistant.evaluation.measures import Result, Totals, list_failures, total_results

MEASURES = ("facts_in_quotes", "right_article", "citations_valid", "refusals_right", "answerable_refused")
CEILING = "_at_most"  # "answerable_refused_at_most": the measure may not be higher
NAMES = tuple(name + CEILING if name == "answerable_refused" else name for name in MEASURES)


@dataclass(frozen=True)
class Breach:
    """A measure on the wrong side of its floor."""

    measure: str
    value: float
    limit: float
    prompts: tuple[str, ...]  # file:line of the prompts to blame

    def __str__(self) -> str:
        side = "above its ceiling" if self.measure == "answerable_refused" else "below its floor"
        return f"{self.measure} {self.value:.3f} is {side} {self.limit:.3f}: {', '.join(self.prompts)}"


def load_floors(prompt_files: Sequence[Path]) -> dict[str, float]:
    """The floors of `floors.json` beside the first prompt file; empty when there is none: nothing is gated."""
    path = prompt_files[0].parent / "floors.json"
    try:
        floors = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise EvaluationInvalid(f"{path}: not readable as JSON ({error}). Correct or remove it.") from error
    if not isinstance(floors, dict):
        raise EvaluationInvalid(f'{path}: must be an object. Write {{"facts_in_quotes": 0.95}}.')
    for name, limit in floors.items():
        if name not in NAMES:
            raise EvaluationInvalid(f"{path}: {name}: no such floor. Use {', '.join(NAMES)}.")
        if isinstance(limit, bool) or not isinstance(limit, int | float) or not 0 <= limit <= 1:
            raise EvaluationInvalid(f"{path}: {name}: must be a number from 0 to 1, not {limit!r}.")
    return floors


def find_breaches(results: Sequence[Result], floors: Mapping[str, float]) -> list[Breach]:
    """The floors that the results do not reach; a measure with nothing to measure reaches every floor."""
    totals = total_results(results)
    checks = [_check(name, limit, totals, results) for name, limit in floors.items()]
    return [breach for breach in checks if breach]


def _check(name: str, limit: float, totals: Totals, results: Sequence[Result]) -> Breach | None:
    measure = name.removesuffix(CEILING)
    value: float | None = getattr(totals, measure)
    if value is None or (value <= limit if name.endswith(CEILING) else value >= limit):
        return None
    return Breach(measure, value, limit, tuple(result.prompt.where for result in list_failures(measure, results)))
