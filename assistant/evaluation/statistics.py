"""How sure a total is, and whether two runs differ by more than chance. The same numbers give the same answer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from assistant.evaluation.measures import Counts

RESAMPLES = 2_000
PERMUTATIONS = 10_000
ROWS_AT_ONCE = 500  # of resamples, so that 10,000 prompts take 40 MB
SEED = 0
SIGNIFICANT = 0.05

Interval: TypeAlias = tuple[float, float]
Numbers: TypeAlias = NDArray[np.float64]


def bootstrap(measures: Mapping[str, Sequence[Counts]]) -> dict[str, Interval | None]:
    """The 95% percentile bootstrap interval of each measure's total over prompts (Efron 1979).

    The counts of all measures stand in the order of the prompts: each resample draws prompts with all that was counted
    of them, so that a part is never parted from its whole. None where there is nothing to measure.
    """
    length = len(next(iter(measures.values()), ()))
    if not length:
        return dict.fromkeys(measures)
    counts = np.array([list(counts) for counts in measures.values()])  # measure, prompt, part and whole
    generator = np.random.default_rng(SEED)
    drawn = np.concatenate([_draw_totals(counts, generator) for _ in range(RESAMPLES // ROWS_AT_ONCE)])
    return {name: _find_interval(drawn[:, index]) for index, name in enumerate(measures)}


def _draw_totals(counts: Numbers, generator: np.random.Generator) -> Numbers:
    """Resampled totals: a row a resample, a column a measure; nan where nothing that is measured was drawn."""
    prompts = counts.shape[1]
    times = generator.multinomial(prompts, np.full(prompts, 1 / prompts), size=ROWS_AT_ONCE).astype(np.float64)
    sums = np.einsum("rp,mpc->rmc", times, counts, optimize=False)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums[:, :, 0] / sums[:, :, 1])


def _find_interval(drawn: Numbers) -> Interval | None:
    known = drawn[np.isfinite(drawn)]
    if not known.size:
        return None
    low, high = np.percentile(known, [2.5, 97.5])
    return round(float(low), 4), round(float(high), 4)


def permute_pairs(before: Sequence[Counts], after: Sequence[Counts]) -> float:
    """How often chance alone would part two runs over the same prompts this far: a paired randomisation test.

    Each prompt's counts change places with probability one half (Noreen 1989; Smucker, Allan, Carterette 2007, who
    found it the best test for differences of means over topics). Two-sided; 1 when nothing differs.
    """
    first, second = np.array(before, dtype=np.float64), np.array(after, dtype=np.float64)
    moved = np.any(first != second, axis=1)
    if not moved.any():
        return 1.0
    fixed = first[~moved].sum(axis=0)
    first, second = first[moved], second[moved]
    observed = abs(_differ(fixed + first.sum(axis=0), fixed + second.sum(axis=0)))
    generator = np.random.default_rng(SEED)
    swapped = generator.integers(0, 2, (PERMUTATIONS, len(first))).astype(np.float64)
    change = swapped @ (second - first)
    ones, others = fixed + first.sum(axis=0) + change, fixed + second.sum(axis=0) - change
    with np.errstate(invalid="ignore", divide="ignore"):
        differences = np.abs(others[:, 0] / others[:, 1] - ones[:, 0] / ones[:, 1])
    as_far = int(np.count_nonzero(np.nan_to_num(differences) >= observed - 1e-12))
    return (as_far + 1) / (PERMUTATIONS + 1)


def _differ(one: Numbers, other: Numbers) -> float:
    return float(other[0] / other[1] - one[0] / one[1]) if one[1] and other[1] else 0.0


def bootstrap_difference(before: Sequence[Counts], after: Sequence[Counts]) -> Interval | None:
    """The 95% percentile bootstrap interval of the second total minus the first, over the same prompts."""
    counts = np.array([list(before), list(after)])
    generator = np.random.default_rng(SEED)
    drawn = np.concatenate([_draw_totals(counts, generator) for _ in range(RESAMPLES // ROWS_AT_ONCE)])
    return _find_interval(drawn[:, 1] - drawn[:, 0])


def compare_discordant(worse: int, better: int) -> float:
    """McNemar's exact test: as many prompts that moved one way of all that moved, by tosses of a fair coin."""
    moved = worse + better
    tail = sum(math.comb(moved, count) for count in range(min(worse, better) + 1))
    return min(1.0, 2 * tail / (1 << moved))


def adjust(probabilities: Mapping[str, float]) -> dict[str, float]:
    """Holm's step-down adjustment (1979): with many measures one of them differs by chance."""
    ordered = sorted(probabilities, key=lambda name: (probabilities[name], name))
    adjusted, highest = {}, 0.0
    for place, name in enumerate(ordered):
        highest = max(highest, min(1.0, probabilities[name] * (len(ordered) - place)))
        adjusted[name] = highest
    return {name: adjusted[name] for name in probabilities}


def estimate_share(part: int, whole: int) -> Interval:
    """The 95% score interval of a share (Wilson 1927): right for the few prompts of a tag, where resampling is not."""
    z = 1.959964
    share, spread = part / whole, z * z / whole
    middle = (share + spread / 2) / (1 + spread)
    reach = z / (1 + spread) * math.sqrt(share * (1 - share) / whole + spread / (4 * whole))
    return max(0.0, middle - reach), min(1.0, middle + reach)
