"""An evaluation -> HTML: what can be chosen, how far a run is, what came of it. Every word from outside is escaped."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from html import escape

from assistant.evaluation.floors import CEILING
from assistant.evaluation.measures import BY_NAME, STEPS, Result
from assistant.evaluation.prompt_files import READERS
from assistant.evaluation.report import build_page, render_verdict, write_moment
from assistant.evaluation.report_prompts import render_expected
from assistant.evaluation.run import Evaluation
from assistant.evaluation.summary import Line, list_totals, write_value
from assistant.page.answer import render_answer
from assistant.page.exchange import Exchange, write_exchange
from assistant.page.prompt_choice import LIKED, MOST_BYTES, OWN, PACKAGED, Offer

FAILURES_SHOWN = 50  # the report has them all
GROUP_NAMES = {PACKAGED: "Packaged", OWN: "Your own", LIKED: "From readers"}


# -- what can be chosen ------------------------------------------------------------------------------------------------


def render_picker(offers: Sequence[Offer]) -> str:
    groups = "".join(_render_group(group, offers) for group in GROUP_NAMES)
    kinds = ", ".join(READERS)
    return _frame_picker(
        "<p>Test prompts are asked as a reader would ask them. Each reply is then held against what a right one must "
        "quote, or against the refusal that is due. No model judges.</p>"
        f'<div class="offers">{groups}<fieldset class="upload"><legend>A file of this device</legend><ul></ul>'
        f'<label class="file"><span>Choose a file</span><input type="file" accept="{kinds}" data-most="{MOST_BYTES}">'
        f'</label><p class="hint">YAML, JSON Lines or CSV, at most {MOST_BYTES // 1000} kB. It is read for this run '
        "and not kept: a file in the folder <b>prompts</b> of CAREER_HOME is offered here every time.</p>"
        '<p class="error" role="alert" hidden></p></fieldset></div>'
        '<div class="run"><button type="button" class="primary" data-run>Run</button>'
        '<button type="button" data-stop>Stop</button></div>'
    )


def render_closed() -> str:
    """For readers: running costs the machine's time, and a chat model's money."""
    return _frame_picker(
        '<p class="notice closed">Evaluations are run by editors. Log in with the editors\' password to run one.</p>'
    )


def render_waiting() -> str:
    return _frame_picker('<p class="progress"><span class="dots" aria-hidden="true"></span>Looking for prompts</p>')


def _frame_picker(inner: str) -> str:
    return f'<section class="picker" aria-labelledby="picker-name"><h2 id="picker-name">Evaluate</h2>{inner}</section>'


def _render_group(group: str, offers: Sequence[Offer]) -> str:
    items = "".join(_render_offer(offer) for offer in offers if offer.group == group)
    return f"<fieldset><legend>{GROUP_NAMES[group]}</legend><ul>{items}</ul></fieldset>" if items else ""


def _render_offer(offer: Offer) -> str:
    if offer.error:
        return (
            f'<li class="broken"><span class="name">{escape(offer.name)}</span>'
            f'<p class="error">{escape(offer.error)}</p></li>'
        )
    checked = " checked" if offer.group == PACKAGED else ""
    return (
        f'<li><label><input type="checkbox" value="{escape(offer.key)}" data-prompts="{offer.prompts}"{checked}>'
        f'<span class="name">{escape(offer.name)}</span><span class="number">{_count(offer.prompts)}</span></label>'
        "</li>"
    )


def _count(prompts: int) -> str:
    return "1 prompt" if prompts == 1 else f"{prompts:,} prompts"


# -- how far it is -----------------------------------------------------------------------------------------------------


def render_nothing_yet() -> str:
    return _frame_outcome(
        "nothing",
        "<h3>Nothing run yet</h3><p>Choose prompts and run them. Here you will read how many were right, what failed "
        "and why, and open a report that holds every prompt with its reply.</p>",
    )


def render_beginning(key: str, total: int) -> str:
    """Before the first reply: the library is opened, the prompts are read."""
    dots = '<span class="dots" aria-hidden="true"></span>'
    told = f"Asking the first of {_count(total)}" if total else "Getting ready"
    return _frame_outcome("running", f'<p class="progress">{dots}{told}</p>', f'data-run="{escape(key)}"')


def render_progress(key: str, results: Sequence[Result], total: int, seconds: float) -> str:
    """How many of how many, and what was wrong so far."""
    done, wrong = len(results), [result for result in results if not result.passed]
    left = _tell_left(seconds / done * (total - done)) if done else ""
    told = f"{done:,} of {total:,} asked"
    so_far = f"{done - len(wrong):,} right, {len(wrong):,} wrong{left}"
    newest = f'<p class="newest">Last wrong: <q>{escape(wrong[-1].prompt.question)}</q></p>' if wrong else ""
    return _frame_outcome(
        "running",
        f'<h3>{told}</h3><progress max="{total}" value="{done}" aria-label="Prompts asked">{told}</progress>'
        f'<p class="so-far">{so_far}</p>{newest}',
        f'data-run="{escape(key)}"',
    )


def _tell_left(seconds: float) -> str:
    if seconds < 3:
        return ""
    return f", about {seconds:.0f} s left" if seconds < 90 else f", about {seconds / 60:.0f} min left"


def render_summing_up(total: int) -> str:
    dots = '<span class="dots" aria-hidden="true"></span>'
    return _frame_outcome("running", f'<p class="progress">{dots}{_count(total)} asked; adding up</p>')


# -- what came of it ---------------------------------------------------------------------------------------------------


def render_error(message: str) -> str:
    return _frame_outcome("failed", _write_error(message))


def render_busy(done: int, total: int) -> str:
    return _frame_outcome(
        "busy",
        '<p class="notice">Another evaluation is running: '
        f"{done:,} of {total:,} prompts are asked. One runs at a time, so that answers in the chat do not wait. "
        "Run yours when it is done.</p>",
    )


def render_stopped_at_once() -> str:
    return _frame_outcome("stopped", "<h3>Stopped</h3><p>No prompt had been answered yet.</p>")


def render_outcome(evaluation: Evaluation, total: int, error: str = "") -> str:
    """The totals, the failures and the report; `total` says how many prompts would have been asked."""
    totals = evaluation.totals
    failed = [result for result in evaluation.results if not result.passed]
    parts = (
        _render_stop(totals.prompts, total, error),
        f"<h3>{_tell_result(totals.passed, totals.prompts)}</h3>",
        render_verdict(evaluation) if evaluation.floors else "",
        _render_facts(evaluation),
        _render_report(evaluation),
        _render_missing(evaluation),
        _render_failures(failed, evaluation),
        _render_measures(evaluation),
    )
    state = "stopped" if totals.prompts < total else "wrong" if failed else "right"
    return _frame_outcome(state, "".join(parts))


def _tell_result(passed: int, prompts: int) -> str:
    return f"All {_count(prompts)} right" if passed == prompts > 1 else f"{passed:,} of {_count(prompts)} right"


def _render_stop(done: int, total: int, error: str) -> str:
    if done == total:
        return ""
    told = f"{done:,} of {total:,} prompts were asked. The totals are of those, and no floor is held against them."
    stopped = _write_error(error) if error else ""
    return f'{stopped}<p class="notice">Stopped: {told}</p>'


def _write_error(message: str) -> str:
    return f'<p class="error"><strong>That did not work.</strong> {escape(message)}</p>'


def _render_facts(evaluation: Evaluation) -> str:
    model = str(evaluation.settings.get("model") or "extractive, no model")
    return f'<p class="facts">{escape(write_moment(evaluation.date))} · {escape(model)}</p>'


def _render_report(evaluation: Evaluation) -> str:
    """Two links, to which the browser gives the report (static/evaluation.js): no server keeps it for anybody."""
    name = f"evaluation-{evaluation.date[:10]}.html"
    return (
        f'<p class="links" data-report="{escape(build_page(evaluation))}"><a class="open" target="_blank" '
        'rel="noopener noreferrer" aria-label="Open the report (in a new tab)">Open the report '
        f'<span aria-hidden="true">↗</span></a><a class="save" download="{escape(name)}">Save it</a></p>'
    )


def _render_missing(evaluation: Evaluation) -> str:
    """Most often those articles were never added."""
    named = ", ".join(evaluation.missing_articles)
    told = f"No reply cites {named}, which the prompts expect. Is it in the library?"
    return f'<p class="notice">{escape(told)}</p>' if named else ""


# -- failures ----------------------------------------------------------------------------------------------------------


def _render_failures(failed: Sequence[Result], evaluation: Evaluation) -> str:
    if not failed:
        return ""
    items = "".join(_render_failure(result) for result in failed[:FAILURES_SHOWN])
    more = len(failed) - FAILURES_SHOWN
    rest = f'<p class="hint">{more:,} more stand in the report.</p>' if more > 0 else ""
    name = "1 failure" if len(failed) == 1 else f"{len(failed):,} failures"
    return f'<section class="failures"><h4>{name}</h4>{_render_steps(evaluation)}{items}{rest}</section>'


def _render_steps(evaluation: Evaluation) -> str:
    """Where the wrong ones went wrong."""
    items = (
        f"<li><b>{count}</b> {escape(step)}: {escape(STEPS[step])}</li>"
        for step, count in evaluation.blamed_steps.items()
    )
    return f'<ul class="steps">{"".join(items)}</ul>'


def _render_failure(result: Result) -> str:
    """A question that opens to its reply, whose marks open the source panel as in the chat."""
    why = "".join(f"<li>{escape(failure)}</li>" for failure in result.failures)
    kept = escape(write_exchange(Exchange(result.prompt.question, result.reply)))
    return (
        f'<details class="failure"><summary><span class="asked-for">{escape(result.prompt.question)}</span>'
        f'<ul class="why">{why}</ul></summary><div class="inside">{_render_history(result)}'
        f'{render_expected(result)}<p class="label">Answer</p>'
        f'<div class="answer" data-exchange="{kept}">{render_answer(result.reply)}</div>'
        f'<p class="where">{escape(_tell_place(result))}</p></div></details>'
    )


def _tell_place(result: Result) -> str:
    note = f" · {result.prompt.note}" if result.prompt.note else ""
    return f"Went wrong at: {result.step} · {result.prompt.where}{note}"


def _render_history(result: Result) -> str:
    items = "".join(f"<li>{escape(turn.question)}</li>" for turn in result.prompt.history)
    return f'<p class="label">Asked after</p><ol class="history">{items}</ol>' if items else ""


# -- measures ----------------------------------------------------------------------------------------------------------


def _render_measures(evaluation: Evaluation) -> str:
    _, *lines = list_totals(evaluation)  # the first is the heading above
    groups: dict[str, list[Line]] = {}
    for line in lines:
        groups.setdefault(BY_NAME[line.measure].group if line.measure else "Time", []).append(line)
    body = "".join(_render_rows(name, rows, evaluation) for name, rows in groups.items())
    names = ("Measure", "Total", "95% interval", *(("Floor",) if evaluation.floors else ()))
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    return (
        '<section class="measures"><h4>Measures</h4><div class="table" role="region" aria-label="Measures" '
        f'tabindex="0"><table><thead><tr>{head}</tr></thead>{body}</table></div></section>'
    )


def _render_rows(name: str, lines: Iterable[Line], evaluation: Evaluation) -> str:
    rows = "".join(_render_row(line, evaluation) for line in lines)
    columns = 4 if evaluation.floors else 3
    return f'<tbody><tr><th scope="rowgroup" colspan="{columns}">{escape(name)}</th></tr>{rows}</tbody>'


def _render_row(line: Line, evaluation: Evaluation) -> str:
    breached = any(breach.measure == line.measure for breach in evaluation.breaches)
    formula = f' title="{escape(BY_NAME[line.measure].formula)}"' if line.measure else ""
    return (
        f'<tr{" class=breached" if breached else ""}><th scope="row"{formula}>{escape(line.label)}</th>'
        f"<td>{escape(line.value)}</td><td>{escape(line.interval)}</td>"
        f"{_render_floor(line.measure, evaluation)}</tr>"
    )


def _render_floor(name: str, evaluation: Evaluation) -> str:
    return f"<td>{_tell_floor(name, evaluation)}</td>" if evaluation.floors else ""


def _tell_floor(name: str, evaluation: Evaluation) -> str:
    if name in evaluation.floors:
        return f"at least {write_value(name, evaluation.floors[name])}"
    if name + CEILING in evaluation.floors:
        return f"at most {write_value(name, evaluation.floors[name + CEILING])}"
    return ""


def _frame_outcome(state: str, inner: str, attributes: str = "") -> str:
    """With a stamp: what comes of a run may be what came of the one before, and the page must see it all the same."""
    return (
        f'<section class="outcome" data-state="{state}" data-stamp="{time.monotonic_ns()}" {attributes} '
        f'aria-label="Outcome">{inner}</section>'
    )
