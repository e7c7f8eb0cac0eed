"""Show an evaluation: on a terminal, as JSON, as a page, and beside an earlier one."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import Any

from assistant.errors import EvaluationInvalid
from assistant.evaluation.measures import Result, Totals
from assistant.evaluation.run import Evaluation

LABELS = {
    "facts_in_quotes": "facts in cited quotes",
    "right_article": "right article cited",
    "citations_valid": "citations valid",
    "refusals_right": "refusals right",
    "answerable_refused": "answerable refused",
}


@dataclass(frozen=True)
class Change:
    """A prompt whose outcome is not what it was in the earlier evaluation."""

    question: str
    before: str  # "right", "wrong" or "not asked"
    after: str
    why: tuple[str, ...] = ()

    def __str__(self) -> str:
        why = f" ({'; '.join(self.why)})" if self.why else ""
        return f"{self.before} -> {self.after}: {self.question}{why}"


def describe_result(result: Result) -> str:
    """One line: outcome, counts, seconds, question, and what is wrong."""
    facts = len(result.prompt.facts)
    counts = f"{facts - len(result.missing_facts)}/{facts} facts" if result.prompt.answerable else "refusal"
    cited = f"{result.valid_citations}/{len(result.reply.citations)} cited"
    why = f"  [{result.prompt.where}: {'; '.join(result.failures)}]" if result.failures else ""
    outcome = "right" if result.passed else "WRONG"
    return f"{outcome}  {counts:<10} {cited:<10} {result.reply.seconds:6.2f} s  {result.prompt.question}{why}"


def describe_totals(totals: Totals) -> list[str]:
    """One line a measure, with its share in percent."""
    shares = [f"{label:<22} {_percent(getattr(totals, name))}" for name, label in LABELS.items()]
    seconds = f"{'seconds p50 / p95':<22} {_seconds(totals.seconds_p50)} / {_seconds(totals.seconds_p95)}"
    return [f"{'prompts right':<22} {totals.passed} of {totals.prompts}", *shares, seconds]


def _percent(share: float | None) -> str:
    return "nothing to measure" if share is None else f"{share:.1%}"


def _seconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.3f}"


def as_dict(evaluation: Evaluation) -> dict[str, Any]:
    """The JSON of `career evaluate --json`: what `--compare` reads later."""
    return {
        "settings": evaluation.settings,
        "versions": evaluation.versions,
        "prompts_digest": evaluation.prompts_digest,
        "totals": asdict(evaluation.totals),
        "below_floors": [asdict(breach) for breach in evaluation.breaches],
        "results": [_result_as_json(result) for result in evaluation.results],
    }


def _result_as_json(result: Result) -> dict[str, Any]:
    return {
        "where": result.prompt.where,
        "question": result.prompt.question,
        "history": [turn.question for turn in result.prompt.history],
        "answerable": result.prompt.answerable,
        "passed": result.passed,
        "failures": list(result.failures),
        "facts": list(result.prompt.facts),
        "missing_facts": list(result.missing_facts),
        "right_article": result.right_article,
        "citations": len(result.reply.citations),
        "valid_citations": result.valid_citations,
        "answered": result.reply.answered,
        "standalone_question": result.reply.standalone_question,
        "text": result.reply.text,
        "quotes": [citation.quote for citation in result.reply.citations],
        "model": result.reply.model,
        "seconds": round(result.reply.seconds, 4),
    }


def load_outcomes(path: Path) -> dict[str, bool]:
    """Prompt key -> passed, of an evaluation that `career evaluate --json` printed earlier."""
    try:
        results = json.loads(path.read_text(encoding="utf-8"))["results"]
        return {"\n".join((*result["history"], result["question"])): bool(result["passed"]) for result in results}
    except OSError as error:
        raise EvaluationInvalid(f"{path}: cannot be read ({error.strerror}). Check the path.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise EvaluationInvalid(f"{path}: not an evaluation. Make one: career evaluate --json > {path}") from error


def compare_outcomes(evaluation: Evaluation, before: dict[str, bool]) -> list[Change]:
    """The prompts that became right or wrong, those that are new and those that are gone."""
    changes = []
    for result in evaluation.results:
        was = _outcome(before.get(result.prompt.key))
        if was != _outcome(result.passed):
            changes.append(Change(result.prompt.question, was, _outcome(result.passed), result.failures))
    asked = {result.prompt.key for result in evaluation.results}
    gone = [key for key in before if key not in asked]
    return [*changes, *(Change(key.rpartition("\n")[2], _outcome(before[key]), "not asked") for key in gone)]


def _outcome(passed: bool | None) -> str:
    return "not asked" if passed is None else "right" if passed else "wrong"


def write_page(evaluation: Evaluation, path: Path) -> None:
    """One self-contained HTML page; everything that came from outside is escaped."""
    try:
        path.write_text(build_page(evaluation), encoding="utf-8", errors="replace")
    except OSError as error:
        raise EvaluationInvalid(f"{path}: the report cannot be written ({error.strerror}). Name another.") from error


STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem }
body { color: #1b1b1b; background: #fff }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .4rem .6rem; border-bottom: 1px solid #ddd }
.why, .wrong td:first-child { color: #a40000 }
td.answer, blockquote { white-space: pre-wrap }
blockquote { margin: .2rem 0; padding-left: .6rem; border-left: 3px solid #bbb }
@media (prefers-color-scheme: dark) {
  body { color: #eee; background: #181818 }
  .why, .wrong td:first-child { color: #ff8a80 }
}
"""


def build_page(evaluation: Evaluation) -> str:
    """The page of `career evaluate --report`: totals, floors not reached, then a row a prompt, wrong ones first."""
    ordered = sorted(evaluation.results, key=lambda result: result.passed)
    breaches = "".join(f'<p class="why">{escape(str(breach))}</p>' for breach in evaluation.breaches)
    made_with = {**evaluation.versions, **evaluation.settings, "prompts": evaluation.prompts_digest[:12]}
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Evaluation</title><style>{STYLE}</style></head><body>
<h1>Evaluation</h1>
<pre>{escape(chr(10).join(describe_totals(evaluation.totals)))}</pre>
{breaches}
<table><thead><tr><th>Outcome</th><th>Question</th><th>Answer and quotes</th><th>Seconds</th></tr></thead>
<tbody>{"".join(_build_row(result) for result in ordered)}</tbody></table>
<p>{escape(", ".join(f"{name} {value}" for name, value in made_with.items()))}</p>
</body></html>
"""


def _build_row(result: Result) -> str:
    outcome = "right" if result.passed else "wrong"
    history = "".join(f"<small>{escape(turn.question)}</small><br>" for turn in result.prompt.history)
    why = "".join(f'<div class="why">{escape(failure)}</div>' for failure in result.failures)
    quotes = "".join(
        f"<blockquote>[{citation.number}] {escape(citation.quote)}</blockquote>" for citation in result.reply.citations
    )
    question = f"{history}{escape(result.prompt.question)}<br><small>{escape(result.prompt.where)}</small>{why}"
    return (
        f'<tr class="{outcome}"><td>{outcome}</td><td>{question}</td><td class="answer">{escape(result.reply.text)}'
        f"{quotes}</td><td>{result.reply.seconds:.2f}</td></tr>\n"
    )
