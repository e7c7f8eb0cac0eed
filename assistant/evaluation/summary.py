"""An evaluation on a terminal: a line a prompt, then the totals, and what moved since an earlier run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from assistant.evaluation.compare import PASSED, Comparison, Difference
from assistant.evaluation.measures import BY_NAME, MEASURES, STEPS, Measure, Result
from assistant.evaluation.run import Evaluation

WIDTH = 22  # of the names of measures


def describe_result(result: Result) -> str:
    """One line: outcome, counts, seconds, question, and what is wrong."""
    facts = len(result.prompt.facts)
    counts = f"{facts - len(result.missing_facts)}/{facts} facts" if result.prompt.answerable else "refusal"
    cited = f"{result.valid_citations}/{len(result.reply.citations)} cited"
    why = f"  [{result.prompt.where}: {result.step}: {'; '.join(result.failures)}]" if result.failures else ""
    outcome = "right" if result.passed else "WRONG"
    return f"{outcome}  {counts:<10} {cited:<10} {result.reply.seconds:6.2f} s  {result.prompt.question}{why}"


@dataclass(frozen=True)
class Line:
    """One total as people read it."""

    label: str
    value: str
    interval: str = ""  # 95%, "93.1% to 98.3%"
    measure: str = ""  # of MEASURES; "" for what is none

    def __str__(self) -> str:
        return f"{self.label:<{WIDTH}} {self.value:<7}{f'  [{self.interval}]' if self.interval else ''}".rstrip()


def describe_totals(evaluation: Evaluation) -> list[str]:
    """One line a measure, with its share in percent and its 95% interval; then where it went wrong."""
    lines = [str(line) for line in list_totals(evaluation)]
    steps = [f"{step} {count} ({STEPS[step]})" for step, count in evaluation.blamed_steps.items()]
    return lines + [f"{'wrong at the step' if not index else '':<{WIDTH}} {step}" for index, step in enumerate(steps)]


def list_totals(evaluation: Evaluation) -> list[Line]:
    """What there is to tell of every measure, the time and the tokens."""
    totals = evaluation.totals
    lines = [Line(name_measure(PASSED), f"{totals.passed} of {totals.prompts}")]
    lines += [_read_measure(measure, evaluation) for measure in MEASURES if _has_value(measure, evaluation)]
    lines.append(Line("seconds p50 / p95", f"{_seconds(totals.seconds_p50)} / {_seconds(totals.seconds_p95)}"))
    if totals.tokens_read or totals.tokens_written:
        read, written = totals.tokens_read or 0, totals.tokens_written or 0
        lines.append(Line("tokens read / written", f"{read:,} / {written:,}"))
    return lines


def _has_value(measure: Measure, evaluation: Evaluation) -> bool:
    return getattr(evaluation.totals, measure.name) is not None


def _read_measure(measure: Measure, evaluation: Evaluation) -> Line:
    value, interval = getattr(evaluation.totals, measure.name), evaluation.intervals[measure.name]
    between = " to ".join(write_value(measure.name, bound) for bound in interval) if interval else ""
    return Line(measure.label, write_value(measure.name, value), between, measure.name)


def write_value(name: str, value: float) -> str:
    """A total as people read it: a share in percent, anything else as a number."""
    return f"{value:.1%}" if name == PASSED or BY_NAME[name].is_share else f"{value:.1f}"


def write_moved(name: str, moved: float) -> str:
    """A difference of totals: points of a percent, or the number itself."""
    points = 100 * moved if name == PASSED or BY_NAME[name].is_share else moved
    return f"{points:+.1f}".replace("-", "−")


def name_measure(name: str) -> str:
    return "prompts right" if name == PASSED else BY_NAME[name].label


def _seconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.3f}"


def describe_comparison(comparison: Comparison) -> list[str]:
    """The prompts that moved, then the measures that did, and whether that is more than chance."""
    since = " ".join(part for part in (comparison.date, comparison.commit[:12]) if part) or "the earlier evaluation"
    lines = [f"since {since}, over {comparison.paired} prompts that both asked:"]
    lines += [str(change) for change in comparison.changes] or ["no change"]
    lines += list(_describe_doubts(comparison))
    moved = [one for one in comparison.differences if one.before != one.after]
    return lines + [_describe_difference(one) for one in moved]


def _describe_doubts(comparison: Comparison) -> Iterable[str]:
    if not comparison.same_prompts:
        yield "the prompt files are not the same as then"
    if not comparison.same_articles:
        yield "the articles are not the same as then"


def _describe_difference(one: Difference) -> str:
    verdict = "more than chance" if one.is_real else "may be chance"
    values = f"{write_value(one.measure, one.before)} -> {write_value(one.measure, one.after)}"
    return f"{name_measure(one.measure):<{WIDTH}} {values:<18} p = {one.adjusted:.3f}, {verdict}"
