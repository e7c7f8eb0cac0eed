"""Scores of single questions -> a row of means, each with its 95% interval."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1_000

Scores = NDArray[np.float64]


def summarize(scores: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """Means by name, and under "intervals" the 95% percentile bootstrap over questions of each (Efron 1979)."""
    means = {name: round(float(np.mean(values)), 4) for name, values in scores.items()}
    return means | {"intervals": {name: bootstrap(np.asarray(values)) for name, values in scores.items()}}


def bootstrap(values: Scores, measure: Callable[[Scores], float] = lambda sample: float(sample.mean())) -> list[float]:
    """The 2.5th and 97.5th percentile of `measure` over resamples of the rows of `values`; the same on every run."""
    generator = np.random.default_rng(0)
    drawn = [measure(values[generator.integers(0, len(values), len(values))]) for _ in range(RESAMPLES)]
    return [round(float(bound), 4) for bound in np.percentile(drawn, [2.5, 97.5])]


def ndcg(ranked: Sequence[str], relevant: Mapping[str, float], depth: int = 10) -> float:
    """Normalised discounted cumulative gain of the first `depth` (Järvelin & Kekäläinen 2002), linear gains."""
    gains = [relevant.get(item, 0.0) for item in ranked[:depth]]
    ideal = sorted(relevant.values(), reverse=True)[:depth]
    return _discount(gains) / _discount(ideal) if any(ideal) else 0.0


def _discount(gains: Sequence[float]) -> float:
    return float(sum(gain / np.log2(place + 2) for place, gain in enumerate(gains)))


def area_under_curve(positive: Sequence[float], negative: Sequence[float]) -> float:
    """How often a positive scores above a negative, ties counting half: the area under the ROC curve."""
    ordered = np.sort(np.asarray(negative))
    values = np.asarray(positive)
    below = np.searchsorted(ordered, values, side="left")
    not_above = np.searchsorted(ordered, values, side="right")
    return float((below + not_above).mean() / 2 / len(ordered))
