"""Two runs over the same prompts: which moved, and whether the difference is more than chance."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from assistant.evaluation.measures import MEASURES, NOTHING, Counts, Result, find_percentile, total
from assistant.evaluation.record import Record
from assistant.evaluation.run import Evaluation
from assistant.evaluation.statistics import (
    SIGNIFICANT,
    Interval,
    adjust,
    bootstrap_difference,
    compare_discordant,
    permute_pairs,
)

PASSED = "prompts_right"


@dataclass(frozen=True)
class Change:
    """A prompt whose outcome is not what it was in the earlier evaluation."""

    question: str
    before: str  # "right", "wrong" or "not asked"
    after: str
    why: tuple[str, ...] = ()
    where: str = ""

    def __str__(self) -> str:
        why = f" ({'; '.join(self.why)})" if self.why else ""
        return f"{self.before} -> {self.after}: {self.question}{why}"


@dataclass(frozen=True)
class Difference:
    """A measure in both runs, over the prompts that both asked."""

    measure: str
    prompts: int
    before: float
    after: float
    interval: Interval | None  # 95%, of after minus before
    chance: float  # p: how often chance alone parts the runs this far
    adjusted: float  # the same for one of so many measures (Holm)

    @property
    def is_real(self) -> bool:
        """More than chance, at one in twenty for all measures together."""
        return self.adjusted < SIGNIFICANT

    @property
    def moved(self) -> float:
        return self.after - self.before


@dataclass(frozen=True)
class Comparison:
    """A run beside an earlier one."""

    date: str  # of the earlier one
    commit: str
    paired: int  # prompts that both asked
    changes: tuple[Change, ...]
    differences: tuple[Difference, ...]
    same_prompts: bool
    same_articles: bool
    seconds_p50: float | None  # of the earlier one, over the paired prompts


def compare(evaluation: Evaluation, before: Record) -> Comparison:
    """Pair the prompts of both runs by their questions and histories."""
    paired = [result for result in evaluation.results if result.prompt.key in before.outcomes]
    seconds = sorted(before.outcomes[result.prompt.key].seconds for result in paired)
    return Comparison(
        before.date,
        before.commit,
        len(paired),
        tuple(_list_changes(evaluation, before)),
        tuple(_list_differences(paired, before)),
        same_prompts=before.prompts_digest == evaluation.prompts_digest,
        same_articles=before.corpus_digest == evaluation.corpus_digest,
        seconds_p50=find_percentile(seconds, 0.5),
    )


def _list_changes(evaluation: Evaluation, before: Record) -> Iterator[Change]:
    """The prompts that became right or wrong, those that are new and those that are gone."""
    for result in evaluation.results:
        earlier = before.outcomes.get(result.prompt.key)
        was, now = _name(earlier.passed if earlier else None), _name(result.passed)
        if was != now:
            yield Change(result.prompt.question, was, now, result.failures, result.prompt.where)
    asked = {result.prompt.key for result in evaluation.results}
    for key, outcome in before.outcomes.items():
        if key not in asked:
            yield Change(outcome.question, _name(outcome.passed), "not asked")


def _name(passed: bool | None) -> str:
    return "not asked" if passed is None else "right" if passed else "wrong"


def _list_differences(paired: list[Result], before: Record) -> list[Difference]:
    """The share of right prompts and every measure that both runs counted; each with its probability adjusted."""
    found = [_compare_passed(paired, before)] if paired else []
    for measure in MEASURES:
        kept = [result for result in paired if before.outcomes[result.prompt.key].counts]
        earlier = [before.outcomes[result.prompt.key].counts.get(measure.name, NOTHING) for result in kept]
        found += _compare_counts(measure.name, earlier, [measure.count(result) for result in kept])
    adjusted = adjust({one.measure: one.chance for one in found})
    return [
        Difference(one.measure, one.prompts, one.before, one.after, one.interval, one.chance, adjusted[one.measure])
        for one in found
    ]


def _compare_passed(paired: list[Result], before: Record) -> Difference:
    was = [before.outcomes[result.prompt.key].passed for result in paired]
    now = [result.passed for result in paired]
    worse = sum(first and not second for first, second in zip(was, now, strict=True))
    better = sum(second and not first for first, second in zip(was, now, strict=True))
    chance = compare_discordant(worse, better)
    earlier, later = ([(float(passed), 1.0) for passed in outcomes] for outcomes in (was, now))
    interval = bootstrap_difference(earlier, later)
    return Difference(PASSED, len(paired), sum(was) / len(was), sum(now) / len(now), interval, chance, chance)


def _compare_counts(name: str, earlier: list[Counts], later: list[Counts]) -> Iterator[Difference]:
    # The earlier counts come from JSON, which keeps six digits.
    later = [(round(part, 6), whole) for part, whole in later]
    before, after = total(earlier), total(later)
    if before is not None and after is not None:
        chance = permute_pairs(earlier, later)
        measured = sum(bool(one[1] or other[1]) for one, other in zip(earlier, later, strict=True))
        yield Difference(name, measured, before, after, bootstrap_difference(earlier, later), chance, chance)


def group_changes(changes: Iterable[Change]) -> dict[str, list[Change]]:
    """What became wrong, what became right, and the rest."""
    kinds: dict[str, Callable[[Change], bool]] = {
        "became wrong": lambda change: (change.before, change.after) == ("right", "wrong"),
        "became right": lambda change: (change.before, change.after) == ("wrong", "right"),
        "new or gone": lambda change: "not asked" in (change.before, change.after),
    }
    listed = list(changes)
    groups = {name: [change for change in listed if belongs(change)] for name, belongs in kinds.items()}
    return {name: group for name, group in groups.items() if group}
