"""An evaluation in pictures: right by tag, likeness by kind of prompt, times, this run and the last."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from assistant.evaluation.compare import Comparison, Difference
from assistant.evaluation.drawing import Box, Dot, Picture, Shape, Stroke, Words
from assistant.evaluation.measures import BY_NAME, Result, find_percentile
from assistant.evaluation.run import Evaluation
from assistant.evaluation.statistics import estimate_share
from assistant.evaluation.summary import name_measure, write_value
from assistant.evaluation.sweep import Sweep

WIDTH = 420.0
ROW = 26.0
LABELS = 132.0  # width of the names before bars
BINS = 20
TAGS = 14  # drawn; those with the most prompts
SWEPT = ("facts_in_quotes", "refusals_right", "mrr", "citations_valid")


def draw_plots(evaluation: Evaluation, comparison: Comparison | None = None) -> list[Picture]:
    """The pictures of a run, those with something to show."""
    pictures = [draw_tags(evaluation.results), draw_evidence(evaluation.results), draw_times(evaluation.results)]
    if comparison and _list_moved(comparison):
        pictures.insert(0, draw_comparison(comparison))
    return pictures


def name_groups(result: Result) -> tuple[str, ...]:
    """The tags of a prompt; the name of its file when it has none."""
    return result.prompt.tags or (Path(result.prompt.where.rpartition(":")[0]).stem,)


# -- right by tag ------------------------------------------------------------------------------------------------------


def draw_tags(results: Sequence[Result]) -> Picture:
    """A bar for each tag: the share of its prompts that are right, with its 95% interval."""
    groups: dict[str, list[bool]] = {}
    for result in results:
        for name in name_groups(result):
            groups.setdefault(name, []).append(result.passed)
    most = sorted(groups, key=lambda name: (-len(groups[name]), name))[:TAGS]
    rows = sorted(most, key=lambda name: (sum(groups[name]) / len(groups[name]), name))
    shapes = [shape for row, name in enumerate(rows) for shape in _draw_bar(row, name, groups[name])]
    told = "; ".join(f"{name}: {sum(groups[name])} of {len(groups[name])} right" for name in rows)
    shapes += _draw_scale(LABELS, WIDTH - 64, 0, len(rows) * ROW, percent=True)
    return Picture("tags", "Right by tag", told, WIDTH, len(rows) * ROW + 22, tuple(shapes))


def _draw_bar(row: int, name: str, outcomes: Sequence[bool]) -> list[Shape]:
    right, asked = sum(outcomes), len(outcomes)
    share, top, reach = right / asked, row * ROW, WIDTH - 64 - LABELS
    low, high = (LABELS + reach * bound for bound in estimate_share(right, asked))
    middle = top + ROW / 2 - 1
    return [
        Words(LABELS - 10, middle + 4, shorten(name, 18), "ink", "end"),
        Box(LABELS, top + 5, reach * share, ROW - 12, "tint", f"{name}: {right} of {asked} right"),
        Stroke(((low, middle), (high, middle)), "accent", 1.5),
        Dot(LABELS + reach * share, middle, 3.5),
        Words(WIDTH, middle + 4, f"{right} of {asked}", anchor="end"),
    ]


def shorten(text: str, characters: int) -> str:
    return text if len(text) <= characters else text[: characters - 1].rstrip() + "…"


# -- evidence ----------------------------------------------------------------------------------------------------------


def draw_evidence(results: Sequence[Result]) -> Picture:
    """How near the nearest passage comes to the question: answerable prompts above the line, unanswerable below it."""
    kinds = {
        "answerable": _fill_bins(result for result in results if result.prompt.answerable),
        "unanswerable": _fill_bins(result for result in results if not result.prompt.answerable),
    }
    middle, most, step = 92.0, max(1, *kinds["answerable"], *kinds["unanswerable"]), WIDTH / BINS
    shapes: list[Shape] = [Words(0, 12, "answerable", "accent"), Words(0, 2 * middle - 6, "unanswerable", "warn")]
    for place in range(BINS):
        above, below = (kinds[kind][place] for kind in kinds)
        between = f"{place / BINS:.2f} to {(place + 1) / BINS:.2f}"
        up, down = 72 * above / most, 72 * below / most
        shapes.append(Box(place * step + 1, middle - up, step - 2, up, "accent", f"{between}: {above} answerable"))
        shapes.append(Box(place * step + 1, middle + 1, step - 2, down, "warn", f"{between}: {below} unanswerable"))
    shapes += _draw_scale(0, WIDTH, middle, 2 * middle, percent=False)
    told = "Cosine of the nearest passage to the question, answerable prompts above, unanswerable prompts below"
    return Picture("evidence", "Likeness of the nearest passage", told, WIDTH, 2 * middle + 22, tuple(shapes))


def _fill_bins(results: Iterable[Result]) -> list[int]:
    bins = [0] * BINS
    for result in results:
        nearest = max((found.similarity for found in result.reply.passages), default=0.0)
        bins[min(BINS - 1, max(0, int(nearest * BINS)))] += 1
    return bins


# -- times -------------------------------------------------------------------------------------------------------------


def draw_times(results: Sequence[Result]) -> Picture:
    """How many replies took how long, with the median and the slowest of twenty."""
    times = sorted(1000 * result.reply.seconds for result in results)
    median, slow = find_percentile(times, 0.5) or 0.0, find_percentile(times, 0.95) or 0.0
    longest = _round_up(max(1.5 * slow, 1.0))  # a few that waited for a busy machine would flatten all others
    bins = [0] * BINS
    for milliseconds in times:
        bins[min(BINS - 1, int(BINS * milliseconds / longest))] += 1
    floor, step, most = 130.0, WIDTH / BINS, max(1, *bins)
    shapes: list[Shape] = [
        Box(place * step + 1, floor - 92 * count / most, step - 2, 92 * count / most, "tint", f"{count} replies")
        for place, count in enumerate(bins)
    ]
    for name, value in (("p50", median), ("p95", slow)):
        x = WIDTH * value / longest
        end = "end" if x > WIDTH * 0.7 else "start"
        shapes.append(Stroke(((x, 22), (x, floor)), "accent", 1.5))
        shapes.append(Words(x + (-5 if end == "end" else 5), 30, f"{name} {value:,.0f} ms", "accent", end))
    shapes.append(Stroke(((0, floor), (WIDTH, floor))))
    shapes += [Words(0, floor + 16, "0"), Words(WIDTH, floor + 16, f"{longest:,.0f} ms and more", anchor="end")]
    told = f"Milliseconds a reply: half took at most {median:,.0f}, nineteen of twenty at most {slow:,.0f}"
    return Picture("times", "Milliseconds a reply", told, WIDTH, floor + 22, tuple(shapes))


def _round_up(value: float) -> float:
    """The next number that reads well: 1, 2 or 5 with noughts."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value)


# -- this run and the last ---------------------------------------------------------------------------------------------


def draw_comparison(comparison: Comparison) -> Picture:
    """A hollow dot where each share that moved was, a full one where it is."""
    rows = _list_moved(comparison)
    reach, left = WIDTH - 64 - LABELS - 20, LABELS + 20
    shapes: list[Shape] = []
    for row, one in enumerate(rows):
        middle = row * ROW + ROW / 2
        before, after = left + reach * one.before, left + reach * one.after
        ink = "warn" if _fell(one.measure, one.moved) else "accent"
        shapes.append(Words(left - 12, middle + 4, shorten(name_measure(one.measure), 24), "ink", "end", 11))
        shapes.append(Stroke(((before, middle), (after, middle)), ink, 2))
        shapes.append(Dot(before, middle, 4, ink, hollow=True, note=f"before: {write_value(one.measure, one.before)}"))
        shapes.append(Dot(after, middle, 4, ink, note=f"now: {write_value(one.measure, one.after)}"))
        shapes.append(Words(WIDTH, middle + 4, write_value(one.measure, one.after), anchor="end"))
    shapes += _draw_scale(left, left + reach, 0, len(rows) * ROW, percent=True)
    told = "; ".join(f"{name_measure(one.measure)} {one.before:.3f}, now {one.after:.3f}" for one in rows)
    return Picture("compared", "This run and the last (hollow)", told, WIDTH, len(rows) * ROW + 22, tuple(shapes))


def _list_moved(comparison: Comparison) -> list[Difference]:
    shares = (one for one in comparison.differences if one.measure not in BY_NAME or BY_NAME[one.measure].is_share)
    return [one for one in shares if one.before != one.after]


def _fell(measure: str, moved: float) -> bool:
    lower_is_better = measure in BY_NAME and BY_NAME[measure].lower_is_better
    return moved > 0 if lower_is_better else moved < 0


# -- a sweep -----------------------------------------------------------------------------------------------------------


def draw_sweep(sweep: Sweep) -> Picture:
    """A line for each of a few measures over the settings that were tried, from a little below the lowest of them."""
    left, right, top, floor = 40.0, WIDTH - 112, 10.0, 200.0
    step = (right - left) / max(1, len(sweep.points) - 1)
    lines = {name: [getattr(point.evaluation.totals, name) for point in sweep.points] for name in SWEPT}
    known = [value for values in lines.values() for value in values if value is not None]
    least = max(0.0, math.floor(10 * min(known, default=0.0) - 0.5) / 10)

    def place(value: float) -> float:
        return floor - (floor - top) * (value - least) / (1 - least)

    shapes: list[Shape] = []
    for share in (least + (1 - least) * quarter / 4 for quarter in range(5)):
        y = place(share)
        shapes += [Stroke(((left, y), (right, y))), Words(left - 8, y + 4, f"{share:.0%}", anchor="end", size=11)]
    taken: list[float] = []
    for ink, (name, values) in zip(("accent", "warn", "ink", "soft"), lines.items(), strict=True):
        line = [(left + step * at, place(value), value) for at, value in enumerate(values) if value is not None]
        if not line:
            continue
        shapes.append(Stroke(tuple((x, y) for x, y, _ in line), ink, 1.5))
        shapes += [Dot(x, y, 3.5, ink, note=f"{name_measure(name)}: {value:.1%}") for x, y, value in line]
        taken.append(_find_room(line[-1][1] + 4, taken))
        shapes.append(Words(right + 10, taken[-1], name_measure(name), ink, size=10.5))
    for at, point in enumerate(sweep.points):
        value = ", ".join(map(str, point.values.values()))
        shapes.append(Words(left + step * at, floor + 18, shorten(value, 12), anchor="middle"))
    shapes.append(Words((left + right) / 2, floor + 38, ", ".join(axis.name for axis in sweep.axes), "ink", "middle"))
    told = "; ".join(point.name for point in sweep.points)
    return Picture("sweep", "The settings tried", told, WIDTH, floor + 44, tuple(shapes))


def _find_room(wanted: float, taken: Iterable[float]) -> float:
    """The first height from `wanted` down at which no other name stands."""
    for other in sorted(taken):
        if abs(other - wanted) < 13:
            wanted = other + 13
    return wanted


def _draw_scale(left: float, right: float, top: float, bottom: float, *, percent: bool) -> list[Shape]:
    """A line and three numbers below the picture, from 0 to 1."""
    line = Stroke(((left, top if not percent else bottom), (right, top if not percent else bottom)))
    numbers = [(left, 0.0, "start"), ((left + right) / 2, 0.5, "middle"), (right, 1.0, "end")]
    return [line, *(Words(x, bottom + 16, f"{at:.0%}" if percent else f"{at:g}", anchor=end) for x, at, end in numbers)]
