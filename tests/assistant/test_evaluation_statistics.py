"""Intervals and tests against values computed by hand or by scipy; the same counts give the same numbers."""

from __future__ import annotations

import math
from itertools import product

import pytest

from assistant.evaluation.measures import Counts
from assistant.evaluation.statistics import (
    adjust,
    bootstrap,
    bootstrap_difference,
    compare_discordant,
    estimate_share,
    permute_pairs,
)

ONE, NONE, ABSENT = (1.0, 1.0), (0.0, 1.0), (0.0, 0.0)


def test_an_interval_lies_around_the_total_and_narrows_with_more_prompts() -> None:
    few, many = [ONE] * 6 + [NONE] * 4, [ONE] * 600 + [NONE] * 400
    (low, high), (lower, higher) = bootstrap({"a": few})["a"] or (0, 0), bootstrap({"a": many})["a"] or (0, 0)
    assert low < 0.6 < high
    assert lower < 0.6 < higher
    # The normal approximation of a share of 0.6 over 1,000: 0.6 ± 0.0304.
    assert lower == pytest.approx(0.5696, abs=0.006)
    assert higher == pytest.approx(0.6304, abs=0.006)
    assert higher - lower < (high - low) / 5


def test_an_interval_of_one_value_has_no_width() -> None:
    assert bootstrap({"a": [ONE] * 5})["a"] == (1.0, 1.0)


def test_what_was_not_measured_has_no_interval() -> None:
    assert bootstrap({"a": [ABSENT] * 3, "b": [ONE] * 3}) == {"a": None, "b": (1.0, 1.0)}
    assert bootstrap({"a": []}) == {"a": None}


def test_the_same_counts_give_the_same_interval() -> None:
    counts = {"a": [ONE, NONE, (2.0, 3.0)] * 7}
    assert bootstrap(counts) == bootstrap(counts)


def permute_exactly(before: list[Counts], after: list[Counts]) -> float:
    """The randomisation test over every exchange instead of a sample of them."""

    def differ(exchanged: tuple[bool, ...]) -> float:
        pairs = [(b, a) if swap else (a, b) for a, b, swap in zip(before, after, exchanged, strict=True)]
        first, second = zip(*pairs, strict=True)
        one, other = (sum(part for part, _ in side) / sum(whole for _, whole in side) for side in (first, second))
        return float(abs(other - one))

    observed = differ((False,) * len(before))
    drawn = [differ(exchanged) for exchanged in product((False, True), repeat=len(before))]
    return float(sum(value >= observed - 1e-12 for value in drawn) / len(drawn))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([NONE] * 8, [ONE] * 8),
        ([NONE, ONE, NONE, NONE, ONE, NONE], [ONE, NONE, ONE, ONE, ONE, ONE]),
        ([(1.0, 3.0), (2.0, 2.0), (0.0, 4.0)], [(3.0, 3.0), (1.0, 2.0), (2.0, 4.0)]),
    ],
)
def test_the_paired_test_is_near_the_exact_one(before: list[Counts], after: list[Counts]) -> None:
    assert permute_pairs(before, after) == pytest.approx(permute_exactly(before, after), abs=0.02)


def test_runs_that_do_not_differ_differ_by_chance() -> None:
    assert permute_pairs([ONE, NONE], [ONE, NONE]) == 1.0


def test_pairs_that_do_not_differ_change_nothing_but_the_difference() -> None:
    moved = permute_pairs([NONE] * 5, [ONE] * 5)
    assert permute_pairs([NONE] * 5 + [ONE] * 50, [ONE] * 5 + [ONE] * 50) == pytest.approx(moved)


def test_the_interval_of_a_difference_is_of_pairs() -> None:
    before, after = [ONE, NONE] * 50, [ONE, ONE] * 50
    low, high = bootstrap_difference(before, after) or (0, 0)
    assert 0.39 < low < 0.5 < high < 0.61
    assert bootstrap_difference(after, after) == (0.0, 0.0)


@pytest.mark.parametrize(("worse", "better"), [(0, 0), (1, 0), (3, 3), (2, 9), (0, 12), (400, 600)])
def test_discordant_prompts_are_compared_by_the_exact_binomial_test(worse: int, better: int) -> None:
    stats = pytest.importorskip("scipy.stats", reason="scipy is not installed")
    expected = stats.binomtest(worse, worse + better, 0.5).pvalue if worse + better else 1.0
    assert compare_discordant(worse, better) == pytest.approx(expected)


def test_probabilities_are_adjusted_for_how_many_there_are() -> None:
    assert adjust({"a": 0.04, "b": 0.01, "c": 0.02}) == {
        "a": pytest.approx(0.04),
        "b": pytest.approx(0.03),
        "c": pytest.approx(0.04),
    }
    assert adjust({"a": 0.9, "b": 0.8}) == {"a": 1.0, "b": 1.0}


def test_the_interval_of_a_share_is_wilsons() -> None:
    low, high = estimate_share(9, 10)  # Wilson 1927; Agresti, Coull 1998, table 1: 0.596 to 0.982
    assert low == pytest.approx(0.596, abs=0.001)
    assert high == pytest.approx(0.982, abs=0.001)
    assert estimate_share(5, 5)[1] == pytest.approx(1.0)
    assert math.isclose(estimate_share(0, 5)[0], 0.0, abs_tol=1e-12)
