"""`career evaluate` and `career prompts`: test prompts asked, measured, compared, gated, and made."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assistant.errors import EvaluationInvalid

if TYPE_CHECKING:
    from assistant.evaluation.compare import Comparison
    from assistant.evaluation.judge import Judgement
    from assistant.evaluation.measures import Result
    from assistant.evaluation.prompts import TestPrompt
    from assistant.evaluation.run import Evaluation
    from assistant.evaluation.sweep import Sweep

prompts_app = typer.Typer(help="Make test prompts: from what readers rated, or from an article.")

Files = Annotated[
    list[Path] | None,
    typer.Argument(
        help="Test prompts: YAML, JSON Lines or CSV. None: the packaged ones, with their floors.",
        metavar="PROMPTS.yaml...",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Report = Annotated[Path | None, typer.Option(help="Write a page for people.", metavar="FILE.html")]
Compare = Annotated[Path | None, typer.Option(help="Show what changed since an earlier run.", metavar="OLD.json")]
Keep = Annotated[Path | None, typer.Option(help="Keep this run, for a later --compare.", metavar="RUN.json")]
Plots = Annotated[Path | None, typer.Option(help="Write the page's plots as PNG.", metavar="FOLDER")]
Junit = Annotated[Path | None, typer.Option(help="Write JUnit XML: a test for each prompt.", metavar="FILE.xml")]
Update = Annotated[bool, typer.Option("--update-floors", help="Raise the floors to what is measured.")]
Lower = Annotated[bool, typer.Option("--allow-regression", help="With --update-floors: lower those not reached, too.")]
Sweeps = Annotated[
    list[str] | None,
    typer.Option("--sweep", help="Ask with each value of a setting; may be repeated.", metavar="SETTING=A,B"),
]
Judge = Annotated[str, typer.Option(help="A chat model that rates the answers; kept apart.", metavar="MODEL")]
Output = Annotated[Path | None, typer.Option(help="Write the prompts here instead of printing.", metavar="FILE.yaml")]


def add_commands(app: typer.Typer) -> None:
    """Give the `career` command those of this file."""
    app.command()(evaluate)
    app.add_typer(prompts_app, name="prompts")


def evaluate(  # noqa: PLR0913, PLR0917 - one option of the command each
    context: typer.Context,
    prompts: Files = None,
    as_json: AsJson = False,
    report: Report = None,
    compare: Compare = None,
    keep: Keep = None,
    plots: Plots = None,
    junit: Junit = None,
    update_floors: Update = False,
    allow_regression: Lower = False,
    sweep: Sweeps = None,
    judge: Judge = "",
) -> None:
    """Ask test prompts and measure the replies; exit code 1 when they are below the floors beside the prompts."""
    files = prompts or find_prompts()
    if sweep:
        if compare or keep or junit or judge or update_floors:
            raise typer.BadParameter("--sweep goes with --json, --report and --plots only")
        _evaluate_sweep(context.obj, files, sweep, as_json=as_json, report=report, plots=plots)
        return
    from assistant.evaluation.compare import compare as compare_runs
    from assistant.evaluation.junit import write_junit
    from assistant.evaluation.record import load_record, write_record
    from assistant.evaluation.report import write_page, write_plots

    earlier = load_record(compare) if compare else None
    evaluation, judgements = _ask(context.obj, files, judge, quiet=as_json)
    comparison = compare_runs(evaluation, earlier) if earlier else None
    _print_evaluation(evaluation, comparison, judgements, as_json=as_json)
    if keep:
        write_record(evaluation, keep)
    if report:
        write_page(evaluation, report, comparison, judgements)
    if plots:
        write_plots(evaluation, plots, comparison)
    if junit:
        write_junit(evaluation, junit)
    if update_floors:
        _update_floors(evaluation, files, allow_regression=allow_regression)
    _end(evaluation, lowered=update_floors and allow_regression)


def find_prompts() -> list[Path]:
    """The packaged prompts, by short names where they lie below the working folder."""
    from assistant.settings import find_corpus

    folder = find_corpus() / "prompts"
    files = sorted(folder.glob("*.yaml"))
    if not files:
        raise EvaluationInvalid(f"{folder}: holds no test prompts. Name a file: career evaluate PROMPTS.yaml.")
    here = Path.cwd()
    return [file.relative_to(here) if file.is_relative_to(here) else file for file in files]


def _ask(session: Any, files: Sequence[Path], judge: str, *, quiet: bool) -> tuple[Evaluation, dict[str, Judgement]]:
    from assistant.evaluation.run import evaluate
    from assistant.evaluation.summary import describe_result

    def show(result: Result) -> None:
        if not quiet:
            _print_text(describe_result(result))

    judge_reply = session.application.load_judge(judge, session.settings) if judge else None
    chain = session.load_chain()
    evaluation = evaluate(files, chain, chain.library, session.settings, on_result=show)
    if judge_reply is None:
        return evaluation, {}
    from assistant.evaluation.judge import judge_results

    return evaluation, judge_results(evaluation.results, judge_reply)


def _print_evaluation(
    evaluation: Evaluation, comparison: Comparison | None, judgements: dict[str, Judgement], *, as_json: bool
) -> None:
    from assistant.evaluation.judge import describe_judgements
    from assistant.evaluation.record import as_dict
    from assistant.evaluation.summary import describe_comparison, describe_totals

    if as_json:
        compared = {"changes": asdict(comparison)["changes"], "comparison": asdict(comparison)} if comparison else {}
        judged = {"judge": {where: asdict(one) for where, one in judgements.items()}} if judgements else {}
        print(json.dumps(as_dict(evaluation) | compared | judged, indent=2))
    else:
        print("", *describe_totals(evaluation), sep="\n")
        for lines in (describe_comparison(comparison) if comparison else [], describe_judgements(judgements)):
            _print_text("\n".join(["", *lines]) if lines else "", end="\n" if lines else "")
    _print_notices(evaluation)


def _print_notices(evaluation: Evaluation) -> None:
    for article in evaluation.missing_articles:
        _print_notice(f"no reply cites {article}: is it in the library? `career ingest` adds the packaged articles")
    for breach in evaluation.breaches:
        _print_notice(str(breach))
    if evaluation.breaches and evaluation.has_other_floors:
        _print_notice("the floors were set on other articles than these; `career evaluate --update-floors` sets them")


def _update_floors(evaluation: Evaluation, files: Sequence[Path], *, allow_regression: bool) -> None:
    from assistant.evaluation.floors import find_floors, update_floors

    path = find_floors(files)
    moved = update_floors(path, evaluation.totals, evaluation.corpus_digest, allow_regression=allow_regression)
    for move in moved:
        _print_notice(f"{path}: {move}")
    if not moved:
        _print_notice(f"{path}: no floor moved")
    if any(move.before == move.after for move in moved):
        _print_notice(f"{path}: --allow-regression lowers the floors that were not reached")


def _end(evaluation: Evaluation, *, lowered: bool) -> None:
    """Exit code 1 below the floors, unless they were just lowered on purpose."""
    if evaluation.breaches and not lowered:
        raise typer.Exit(1)


def _evaluate_sweep(
    session: Any, files: Sequence[Path], given: Sequence[str], *, as_json: bool, report: Path | None, plots: Path | None
) -> None:
    from assistant.evaluation.report import write_sweep_page, write_sweep_plots
    from assistant.evaluation.run import evaluate
    from assistant.evaluation.sweep import describe_sweep, read_axes, sweep_settings

    axes = read_axes(given)
    chain = session.load_chain()

    def ask(settings: Any) -> Evaluation:
        return evaluate(files, session.application.make_chain(chain.library, settings), chain.library, settings)

    def show(name: str) -> None:
        if not as_json:
            print(f"asking with {name}", flush=True)

    sweep: Sweep = sweep_settings(session.settings, axes, ask, on_settings=show)
    if as_json:
        print(json.dumps(sweep.as_dict(), indent=2))
    else:
        print("", *describe_sweep(sweep), sep="\n")
    if report:
        write_sweep_page(sweep, report)
    if plots:
        write_sweep_plots(sweep, plots)


@prompts_app.command("from-feedback")
def from_feedback(context: typer.Context, output: Output = None) -> None:
    """Turn what readers rated in the chat page into test prompts to review."""
    from assistant.evaluation.from_feedback import make_prompts

    feedback = context.obj.open_library().feedback()
    _give_prompts(make_prompts(feedback), output, "no answer has been rated yet: thumbs in the chat page do that")


@prompts_app.command()
def draft(
    context: typer.Context,
    article_id: Annotated[
        str, typer.Argument(help="The article's id, as `career articles` shows it.", metavar="ARTICLE")
    ],
    output: Output = None,
) -> None:
    """Propose test prompts from an article, facts filled in, for a person to edit."""
    from assistant.evaluation.draft import draft_prompts

    article = context.obj.open_library().article(article_id)
    _give_prompts(draft_prompts(article), output, f"{article_id}: holds nothing that a prompt could be made of")


def _give_prompts(prompts: Sequence[TestPrompt], output: Path | None, nothing: str) -> None:
    from assistant.evaluation.prompt_writer import write_prompts
    from assistant.evaluation.record import write_file

    if not prompts:
        _print_notice(nothing)
        return
    text = write_prompts(prompts)
    if output:
        write_file(output, text)
        _print_notice(f"{output}: {len(prompts)} prompts to review")
    else:
        _print_text(text, end="")


def _print_text(text: str, end: str = "\n") -> None:
    from assistant.terminal import printable

    print(printable(text), end=end)


def _print_notice(text: str) -> None:
    from assistant.terminal import one_line

    print(one_line(text), file=sys.stderr)


def load_judge(name: str, settings: Any) -> Callable[[str], str]:
    """A chat model as a function from a text to its reply."""
    from assistant.evaluation.judge import load_judge

    return load_judge(name, settings)


def make_chain(library: Any, settings: Any) -> Any:
    """The chain over a library that is open already, with other settings."""
    from assistant.answer import AnswerChain

    return AnswerChain(library, settings)
