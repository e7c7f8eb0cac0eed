"""A run kept as JSON: what `--compare` reads later. Two runs of one library differ in seconds and date alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from assistant.errors import EvaluationInvalid
from assistant.evaluation.facts import as_json
from assistant.evaluation.measures import MEASURES, Counts, Result
from assistant.evaluation.run import Evaluation


@dataclass(frozen=True)
class Outcome:
    """One prompt of an earlier run."""

    question: str
    passed: bool
    counts: Mapping[str, Counts]  # by measure; empty for a run of an older version, which kept none
    seconds: float


@dataclass(frozen=True)
class Record:
    """An earlier run, as far as a later one is compared with it."""

    outcomes: Mapping[str, Outcome]  # by TestPrompt.key
    totals: Mapping[str, Any]
    date: str
    commit: str
    prompts_digest: str
    corpus_digest: str


def as_dict(evaluation: Evaluation) -> dict[str, Any]:
    """The JSON of `career evaluate --json`."""
    return {
        "date": evaluation.date,
        "commit": evaluation.commit,
        "settings": evaluation.settings,
        "versions": evaluation.versions,
        "prompts_digest": evaluation.prompts_digest,
        "corpus_digest": evaluation.corpus_digest,
        "floors": evaluation.floors,
        "floors_digest": evaluation.floors_digest,
        "totals": asdict(evaluation.totals),
        "intervals": evaluation.intervals,
        "below_floors": [asdict(breach) for breach in evaluation.breaches],
        "blamed_steps": evaluation.blamed_steps,
        "results": [_result_as_json(result) for result in evaluation.results],
    }


def _result_as_json(result: Result) -> dict[str, Any]:
    prompt, reply = result.prompt, result.reply
    return {
        "where": prompt.where,
        "question": prompt.question,
        "history": [turn.question for turn in prompt.history],
        "answerable": prompt.answerable,
        "tags": list(prompt.tags),
        "passed": result.passed,
        "failures": list(result.failures),
        "step": result.step,
        "facts": [as_json(fact) for fact in prompt.facts],
        "missing_facts": [as_json(fact) for fact in result.missing_facts],
        "right_article": result.right_article,
        "citations": len(reply.citations),
        "valid_citations": result.valid_citations,
        "answered": reply.answered,
        "standalone_question": reply.standalone_question,
        "text": reply.text,
        "quotes": [citation.quote for citation in reply.citations],
        "cited": [
            {"article_id": found.article_id, "heading": found.heading, "start": found.start, "end": found.end}
            for found in reply.citations
        ],
        "ranked": list(result.ranked),
        "relevant": sorted(result.relevant),
        "counts": _count(result),
        "tokens": asdict(result.tokens),
        "model": reply.model,
        "seconds": round(reply.seconds, 4),
    }


def _count(result: Result) -> dict[str, list[float]]:
    """What was measured of a reply; measures with nothing to measure are left out."""
    counted = ((measure.name, measure.count(result)) for measure in MEASURES)
    return {name: [round(part, 6), whole] for name, (part, whole) in counted if whole}


def write_record(evaluation: Evaluation, path: Path) -> None:
    """Keep the run. Raises EvaluationInvalid."""
    write_file(path, json.dumps(as_dict(evaluation), indent=2) + "\n")


def write_file(path: Path, content: str | bytes) -> None:
    """Raises EvaluationInvalid with the remedy."""
    try:
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content, encoding="utf-8", errors="replace")
    except OSError as error:
        raise EvaluationInvalid(f"{path}: cannot be written ({error.strerror}). Name another place.") from error


def load_record(path: Path) -> Record:
    """A run that `career evaluate --json` or `--keep` wrote. Raises EvaluationInvalid."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        outcomes = {"\n".join((*one["history"], one["question"])): _read_outcome(one) for one in kept["results"]}
        return Record(
            outcomes,
            dict(kept.get("totals", {})),
            *(str(kept.get(name, "")) for name in ("date", "commit", "prompts_digest", "corpus_digest")),
        )
    except OSError as error:
        raise EvaluationInvalid(f"{path}: cannot be read ({error.strerror}). Check the path.") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise EvaluationInvalid(f"{path}: not an evaluation. Make one: career evaluate --json > {path}") from error


def _read_outcome(kept: dict[str, Any]) -> Outcome:
    counts = {str(name): (float(part), float(whole)) for name, (part, whole) in kept.get("counts", {}).items()}
    return Outcome(str(kept["question"]), bool(kept["passed"]), counts, float(kept.get("seconds", 0)))
