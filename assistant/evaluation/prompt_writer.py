"""Test prompts -> a YAML file that a person edits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from assistant.evaluation.facts import as_json
from assistant.evaluation.prompts import TestPrompt

HINT = "# yaml-language-server: $schema=prompts.schema.json\n# To review: keep, correct or delete each prompt.\n\n"


def write_prompts(prompts: Sequence[TestPrompt]) -> str:
    """YAML that `load_prompts` reads back as the same prompts."""
    return HINT + "\n".join(
        yaml.safe_dump([as_fields(prompt)], sort_keys=False, allow_unicode=True, width=100) for prompt in prompts
    )


def as_fields(prompt: TestPrompt) -> dict[str, Any]:
    """The fields that are given, as a file writes them."""
    fields = {
        "question": prompt.question,
        "history": [turn.question for turn in prompt.history],
        "standalone": prompt.standalone,
        "facts": [as_json(fact) for fact in prompt.facts],
        "forbidden": [as_json(fact) for fact in prompt.forbidden],
        "articles": list(prompt.articles),
        "headings": list(prompt.headings),
        "answerable": None if prompt.answerable else False,
        "tags": list(prompt.tags),
        "note": prompt.note,
    }
    return {name: value for name, value in fields.items() if value or value is False}
