"""An evaluation as one HTML file that loads nothing: totals beside floors, plots, and every prompt with its reply.

Everything that came from outside is escaped; the page's own rules (Content-Security-Policy) let no request leave it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from html import escape
from pathlib import Path

from assistant.errors import EvaluationInvalid
from assistant.evaluation.compare import Change, Comparison, Difference, group_changes
from assistant.evaluation.drawing import Picture, draw_png, draw_svg
from assistant.evaluation.floors import CEILING
from assistant.evaluation.judge import Judgement, describe_judgements
from assistant.evaluation.measures import GROUPS, MEASURES, STEPS, Measure
from assistant.evaluation.plots import draw_plots, draw_sweep
from assistant.evaluation.record import write_file
from assistant.evaluation.report_frame import frame_page
from assistant.evaluation.report_prompts import render_filters, render_prompts
from assistant.evaluation.run import Evaluation
from assistant.evaluation.summary import name_measure, write_moved, write_value
from assistant.evaluation.sweep import Sweep, list_rows

KICKER = '<p class="kicker">Career Assistant · evaluation</p>'


def write_page(
    evaluation: Evaluation,
    path: Path,
    comparison: Comparison | None = None,
    judgements: Mapping[str, Judgement] | None = None,
) -> None:
    """Raises EvaluationInvalid."""
    write_file(path, build_page(evaluation, comparison, judgements or {}))


def write_plots(evaluation: Evaluation, folder: Path, comparison: Comparison | None = None) -> None:
    """The plots as PNG, each named for what it shows. Raises EvaluationInvalid."""
    _write_pictures(draw_plots(evaluation, comparison), folder)


def write_sweep_page(sweep: Sweep, path: Path) -> None:
    write_file(path, build_sweep_page(sweep))


def write_sweep_plots(sweep: Sweep, folder: Path) -> None:
    _write_pictures([draw_sweep(sweep)], folder)


def _write_pictures(pictures: Iterable[Picture], folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EvaluationInvalid(f"{folder}: cannot be made ({error.strerror}). Name another folder.") from error
    for picture in pictures:
        write_file(folder / f"{picture.name}.png", draw_png(picture))


def build_page(
    evaluation: Evaluation, comparison: Comparison | None = None, judgements: Mapping[str, Judgement] | None = None
) -> str:
    """The page of `career evaluate --report`."""
    judged = judgements or {}
    prompts = render_filters(evaluation.results, comparison) + render_prompts(evaluation.results, comparison, judged)
    parts = (
        _render_head(evaluation),
        _render_steps(evaluation),
        _render_measures(evaluation, comparison),
        _render_comparison(comparison) if comparison else "",
        _render_plots(draw_plots(evaluation, comparison)),
        _render_judge(judged),
        f'<section id="prompts"><h2>Prompts</h2>{prompts}</section>',
        _render_method(evaluation),
    )
    return frame_page("Evaluation", "".join(parts))


def build_sweep_page(sweep: Sweep) -> str:
    """One table and one plot: the same prompts with several settings."""
    header, *rows = list_rows(sweep)
    tried = f"{len(sweep.points)} combinations of {', '.join(axis.name for axis in sweep.axes)}"
    top = f"<header>{KICKER}<h1>Settings tried</h1><p>{escape(tried)}</p></header>"
    table = _table(header, rows, "numbers")
    return frame_page("Settings tried", f"{top}<section>{table}</section>{_render_plots([draw_sweep(sweep)])}")


def _table(header: Iterable[str], rows: Iterable[Iterable[str]], kind: str = "words") -> str:
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in header)
    body = "".join(_render_row(row) for row in rows)
    return f'<div class="wide {kind}"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _render_row(cells: Iterable[str]) -> str:
    first, *others = cells
    return f'<tr><th scope="row">{escape(first)}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in others)}</tr>'


# -- the head ----------------------------------------------------------------------------------------------------------


def _render_head(evaluation: Evaluation) -> str:
    totals = evaluation.totals
    read, written = totals.tokens_read or 0, totals.tokens_written or 0
    facts = (
        write_moment(evaluation.date),
        f"commit {_shorten_commit(evaluation.commit)}" if evaluation.commit else "",
        str(evaluation.settings.get("model") or "extractive, no model"),
        f"median {1000 * (totals.seconds_p50 or 0):,.0f} ms, p95 {1000 * (totals.seconds_p95 or 0):,.0f} ms",
        f"{read:,} tokens read, {written:,} written" if read or written else "",
    )
    told = "".join(f"<li>{escape(fact)}</li>" for fact in facts if fact)
    return (
        f"<header>{KICKER}<h1>{totals.passed} of {totals.prompts} prompts right</h1>"
        f'{render_verdict(evaluation)}<ul class="facts">{told}</ul></header>'
    )


def _shorten_commit(commit: str) -> str:
    return f"{commit[:10]}, changed since" if commit.endswith("+") else commit[:10]


def render_verdict(evaluation: Evaluation) -> str:
    if not evaluation.floors:
        return '<p class="verdict">No floors stand beside these prompts.</p>'
    if not evaluation.breaches:
        return '<p class="verdict good">Every measure is at its floor or better.</p>'
    named = ", ".join(name_measure(breach.measure) for breach in evaluation.breaches)
    other = " The floors were set on other articles than these." if evaluation.has_other_floors else ""
    return f'<p class="verdict bad">Not at the floor: {escape(named)}.{other}</p>'


def write_moment(date: str) -> str:
    try:
        moment = datetime.fromisoformat(date)
    except ValueError:  # a run that somebody edited
        return date
    return f"{moment.day} {moment:%B %Y, %H:%M} UTC"


def _render_steps(evaluation: Evaluation) -> str:
    """Where the wrong prompts went wrong: what to look at first."""
    if not evaluation.blamed_steps:
        return ""
    items = "".join(
        f'<li><button type="button" data-step="{escape(step)}"><b>{count}</b> {escape(step)}</button>'
        f"<span>{escape(STEPS[step])}</span></li>"
        for step, count in evaluation.blamed_steps.items()
    )
    return f'<section><h2>Where wrong prompts went wrong</h2><ul class="steps">{items}</ul></section>'


# -- the measures ------------------------------------------------------------------------------------------------------


def _render_measures(evaluation: Evaluation, comparison: Comparison | None) -> str:
    moved = {one.measure: one for one in comparison.differences} if comparison else {}
    groups = "".join(_render_group(group, evaluation, moved) for group in GROUPS)
    key = "A bar shows the total, its strong part the 95% interval, the tick the floor."
    return f'<section><h2>Measures</h2><p class="note">{key}</p><div class="groups">{groups}</div></section>'


def _render_group(group: str, evaluation: Evaluation, moved: Mapping[str, Difference]) -> str:
    measures = [measure for measure in MEASURES if measure.group == group]
    rows = "".join(_render_measure(measure, evaluation, moved.get(measure.name)) for measure in measures)
    return f'<div class="group"><h3>{escape(group)}</h3>{rows}</div>' if rows else ""


def _render_measure(measure: Measure, evaluation: Evaluation, moved: Difference | None) -> str:
    value: float | None = getattr(evaluation.totals, measure.name)
    if value is None:
        return ""
    floor = evaluation.floors.get(measure.name, evaluation.floors.get(measure.name + CEILING))
    breached = any(breach.measure == measure.name for breach in evaluation.breaches)
    bar = _render_bar(value, evaluation.intervals[measure.name], floor) if measure.is_share else "<span></span>"
    told = "" if floor is None else f"<span>{_tell_floor(measure, floor, breached=breached)}</span>"
    return (
        f'<div class="measure{" breached" if breached else ""}" title="{escape(measure.formula)}">'
        f'<span class="name">{escape(measure.label)}</span>{bar}'
        f'<span class="value">{write_value(measure.name, value)}</span>'
        f'<span class="floor">{told}{_render_moved(moved)}</span></div>'
    )


def _tell_floor(measure: Measure, floor: float, *, breached: bool) -> str:
    limit = write_value(measure.name, floor)
    if measure.lower_is_better:
        return f"above the {limit} allowed" if breached else f"at most {limit}"
    return f"below its floor of {limit}" if breached else f"floor {limit}"


def _render_bar(value: float, interval: tuple[float, float] | None, floor: float | None) -> str:
    low, high = interval or (value, value)
    # By both ends, so that a narrow interval at 100% stays inside the bar.
    between = f'<i class="between" style="left:min({low:.1%}, calc(100% - .25rem));right:{1 - high:.1%}"></i>'
    tick = "" if floor is None else f'<i class="tick" style="left:{floor:.1%}"></i>'
    return f'<span class="bar"><i class="fill" style="width:{value:.1%}"></i>{between}{tick}</span>'


def _render_moved(moved: Difference | None) -> str:
    if moved is None or moved.before == moved.after:
        return ""
    doubt = "" if moved.is_real else ", may be chance"
    return f"<span><b>{write_moved(moved.measure, moved.moved)}</b>{doubt}</span>"


# -- since the last run ------------------------------------------------------------------------------------------------


def _render_comparison(comparison: Comparison) -> str:
    since = write_moment(comparison.date) if comparison.date else "the earlier run"
    moved = [one for one in comparison.differences if one.before != one.after]
    header = ("Measure", "Then", "Now", "Difference, 95%", "p, adjusted", "More than chance?")
    table = _table(header, map(_list_cells, moved), "numbers") if moved else "<p>No measure moved.</p>"
    changes = "".join(_render_changes(name, group) for name, group in group_changes(comparison.changes).items())
    doubts = (
        "" if comparison.same_prompts else "The prompt files are not the same as then.",
        "" if comparison.same_articles else "The articles are not the same as then.",
    )
    commit = f"Commit {_shorten_commit(comparison.commit)}. " if comparison.commit else ""
    told = f"{commit}{comparison.paired} prompts were asked in both runs. {' '.join(filter(None, doubts))}"
    return f'<section><h2>Since {escape(since)}</h2><p class="note">{escape(told)}</p>{table}{changes}</section>'


def _render_changes(name: str, changes: Sequence[Change]) -> str:
    items = "".join(f"<li>{escape(one.question)} <small>{escape(one.where)}</small></li>" for one in changes)
    return f'<h3>{escape(name)} ({len(changes)})</h3><ul class="changes">{items}</ul>'


def _list_cells(one: Difference) -> tuple[str, ...]:
    low, high = one.interval or (one.moved, one.moved)
    moved, least, most = (write_moved(one.measure, value) for value in (one.moved, low, high))
    return (
        name_measure(one.measure),
        write_value(one.measure, one.before),
        write_value(one.measure, one.after),
        f"{moved} ({least} to {most})",
        f"{one.adjusted:.3f}",
        "yes" if one.is_real else "may be chance",
    )


# -- plots, judge, method ----------------------------------------------------------------------------------------------


def _render_plots(pictures: Iterable[Picture]) -> str:
    figures = "".join(
        f"<figure><figcaption>{escape(picture.title)}</figcaption>{draw_svg(picture)}</figure>" for picture in pictures
    )
    return f'<section><h2>Plots</h2><div class="plots">{figures}</div></section>'


def _render_judge(judgements: Mapping[str, Judgement]) -> str:
    if not judgements:
        return ""
    (told,) = describe_judgements(judgements)
    kept_apart = "Kept apart: no measure and no floor is made of it."
    return f'<section><h2>A model\'s view</h2><p class="note">{kept_apart}</p><p>{escape(told)}</p></section>'


def _render_method(evaluation: Evaluation) -> str:
    """How each measure is defined, and what this run was made with."""
    rows = [(measure.label, measure.formula, measure.source) for measure in MEASURES]
    made_with = {
        **evaluation.versions,
        **evaluation.settings,
        "commit": evaluation.commit or "none",
        "prompts": evaluation.prompts_digest[:16],
        "articles": evaluation.corpus_digest[:16],
        "articles of the floors": evaluation.floors_digest[:16] or "not noted",
    }
    items = "".join(_render_term(name, str(value)) for name, value in made_with.items())
    return (
        '<section class="method"><h2>How this was measured</h2>'
        "<p>Each total is the sum of its parts over the sum of its wholes. Intervals: 95% percentile bootstrap over "
        "prompts (Efron 1979); by tag, Wilson's score interval (1927). Differences: paired randomisation test (Noreen "
        "1989; Smucker, Allan, Carterette 2007), right prompts by McNemar's exact test, adjusted by Holm (1979).</p>"
        "<details><summary>Every measure with its formula and source</summary>"
        f"{_table(('Measure', 'Formula', 'Source'), rows)}</details>"
        f"<details><summary>Settings, versions and digests</summary><dl>{items}</dl></details></section>"
    )


def _render_term(name: str, value: str) -> str:
    return f"<div><dt>{escape(name)}</dt><dd>{escape(value) or '-'}</dd></div>"
