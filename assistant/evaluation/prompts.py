"""Test prompts: questions with what a right reply must hold. Read from YAML, JSON Lines or CSV, each with its line.

- question: And a software engineer?
  history: ["How much does a machine learning engineer earn in the US?"]
  standalone: How much does a software engineer earn in the US?
  facts:                             # each must stand in one cited quote of the answer
    - "$112,165"                     # letter for letter
    - {number: 112165, unit: $, tolerance: 500}   # however it is written: "$112K" is near enough
    - any: ["base salary", "base pay"]
  forbidden: ["$158,147"]            # none of these may stand in the answer
  articles: [ml-engineer-vs-software-engineer]   # the reply must cite one of them
  headings: [What a software engineer does]      # and quote from below one of these
  answerable: true                   # false: the articles do not say, and the reply must say so
  tags: [pay]
  note: Anything for whoever reads it.

`corpus/prompts/prompts.schema.json` says the same to editors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from assistant.conversation import Turn
from assistant.errors import PromptsInvalid
from assistant.evaluation.facts import Amount, AnyOf, Fact
from assistant.evaluation.prompt_files import Field, Row, load_text, read_rows, show_value


@dataclass(frozen=True)
class TestPrompt:
    """A question with what a right reply must hold."""

    __test__: ClassVar[bool] = False  # or pytest takes the class for a test

    question: str
    history: tuple[Turn, ...] = ()
    facts: tuple[Fact, ...] = ()
    articles: tuple[str, ...] = ()
    answerable: bool = True
    where: str = ""  # file:line
    standalone: str = ""  # what a person would ask who could not refer to the history
    forbidden: tuple[Fact, ...] = ()
    headings: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    note: str = ""

    @property
    def key(self) -> str:
        """What makes a prompt the same one in another evaluation, wherever it stands."""
        return "\n".join((*(turn.question for turn in self.history), self.question))


def load_prompts(paths: Sequence[Path]) -> list[TestPrompt]:
    """Every test prompt of the files, in order. Raises PromptsInvalid naming file, line, field and remedy."""
    return [prompt for path in paths for prompt in read_prompts(load_text(path), path)]


def read_prompts(text: str, path: Path) -> list[TestPrompt]:
    """Every test prompt of a file's text, in order; `path` is how messages name it. Raises PromptsInvalid."""
    return [read_prompt(row, path) for row in read_rows(text, path)]


def read_prompt(row: Row, path: Path) -> TestPrompt:
    """The prompt that a row of a file describes. Raises PromptsInvalid."""
    fields: dict[str, Any] = {}
    for field in row.fields:
        where = f"{path}:{field.line}"
        if field.name not in READERS:
            raise PromptsInvalid(f"{where}: {field.name}: no such field. Use {', '.join(READERS)}.")
        if field.name in fields:
            raise PromptsInvalid(f"{where}: {field.name} is given twice. Keep one.")
        fields[field.name] = READERS[field.name](field, where)
    where = f"{path}:{row.line}"
    if "question" not in fields:
        raise PromptsInvalid(f"{where}: question is missing. Add question: ...")
    prompt = TestPrompt(**fields, where=where)
    _refuse_contradictions(prompt, where)
    return prompt


def _refuse_contradictions(prompt: TestPrompt, where: str) -> None:
    if not prompt.answerable and (prompt.facts or prompt.articles):
        raise PromptsInvalid(f"{where}: facts and articles cannot go with answerable: false. Leave one of them out.")
    if not prompt.answerable and prompt.headings:
        raise PromptsInvalid(f"{where}: headings cannot go with answerable: false. Leave one of them out.")
    if prompt.headings and not prompt.articles:
        raise PromptsInvalid(f"{where}: headings without articles. Name the articles that have them.")
    if prompt.standalone and not prompt.history:
        raise PromptsInvalid(f"{where}: standalone without history. Leave it out, or add history.")
    forbidden = set(prompt.forbidden)
    if both := [fact for fact in prompt.facts if fact in forbidden]:
        raise PromptsInvalid(f"{where}: forbidden: {both[0]} is among the facts, too. Leave one of them out.")


def _read_question(field: Field, where: str) -> str:
    return _read_text(field.name, field.value, where)


def _read_texts(field: Field, where: str) -> tuple[str, ...]:
    return tuple(_read_text(field.name, text, where) for text in _read_list(field, where))


def _read_answerable(field: Field, where: str) -> bool:
    if not isinstance(field.value, bool):
        raise PromptsInvalid(f"{where}: answerable: must be true or false, not {show_value(field.value)}.")
    return field.value


def _read_history(field: Field, where: str) -> tuple[Turn, ...]:
    return tuple(_read_turn(turn, where) for turn in _read_list(field, where))


def _read_facts(field: Field, where: str) -> tuple[Fact, ...]:
    return tuple(_read_fact(field.name, fact, where) for fact in _read_list(field, where))


READERS: dict[str, Callable[[Field, str], Any]] = {
    "question": _read_question,
    "history": _read_history,
    "standalone": _read_question,
    "facts": _read_facts,
    "forbidden": _read_facts,
    "articles": _read_texts,
    "headings": _read_texts,
    "answerable": _read_answerable,
    "tags": _read_texts,
    "note": _read_question,
}


def _read_list(field: Field, where: str) -> list[Any]:
    if not isinstance(field.value, list):
        raise PromptsInvalid(f'{where}: {field.name}: must be a list. Write {field.name}: ["..."].')
    return field.value


def _read_text(name: str, value: Any, where: str) -> str:
    if not isinstance(value, str):
        quoted = show_value(value) if isinstance(value, int | float) else "..."
        raise PromptsInvalid(f'{where}: {name}: {show_value(value)} is not text. Put it in quotes: "{quoted}".')
    if not value.strip():
        raise PromptsInvalid(f"{where}: {name}: is empty. Write it, or leave the field out.")
    return value


def _read_turn(value: Any, where: str) -> Turn:
    """An earlier question, alone or with the answer it got."""
    if not isinstance(value, dict):
        return Turn(_read_text("history", value, where))
    unknown = set(value) - {"question", "answer"}
    if unknown or "question" not in value:
        raise PromptsInvalid(f"{where}: history: write a question, or {{question: ..., answer: ...}}.")
    return Turn(**{name: _read_text(f"history: {name}", text, where) for name, text in value.items()})


def _read_fact(name: str, value: Any, where: str) -> Fact:
    """Text, {number, unit, tolerance}, or {any: [...]} of these."""
    if not isinstance(value, dict):
        return _read_text(name, value, where)
    if set(value) == {"any"}:
        return AnyOf(_read_alternatives(name, value["any"], where))
    return _read_amount(name, value, where)


def _read_alternatives(name: str, value: Any, where: str) -> tuple[str | Amount, ...]:
    if not isinstance(value, list) or len(value) < 2:
        raise PromptsInvalid(f'{where}: {name}: any: must be a list of two or more. Write any: ["...", "..."].')
    if any(isinstance(one, dict) and "any" in one for one in value):
        raise PromptsInvalid(f"{where}: {name}: any: holds another any. Write one list.")
    return tuple(
        _read_amount(name, one, where) if isinstance(one, dict) else _read_text(name, one, where) for one in value
    )


def _read_amount(name: str, value: dict[Any, Any], where: str) -> Amount:
    unknown = [show_value(key).strip("'") for key in value if key not in ("number", "unit", "tolerance")]
    if unknown or "number" not in value:
        raise PromptsInvalid(
            f"{where}: {name}: {', '.join(unknown) or 'number'}: "
            f"{'no such part' if unknown else 'is missing'}. Write {{number: 158147, unit: $, tolerance: 500}}."
        )
    number = _read_number(f"{name}: number", value["number"], where)
    unit = _read_text(f"{name}: unit", value["unit"], where) if "unit" in value else ""
    return Amount(number, unit, _read_tolerance(name, value.get("tolerance", 0), number, where))


def _read_tolerance(name: str, value: Any, number: float, where: str) -> float:
    """An amount of the same unit, or a share of the number as text: "2%"."""
    if isinstance(value, str) and value.endswith("%"):
        try:
            return abs(number) * float(value[:-1]) / 100
        except ValueError:
            pass
    tolerance = _read_number(f"{name}: tolerance", value, where)
    if tolerance < 0:
        raise PromptsInvalid(f"{where}: {name}: tolerance: {value} is below 0. Write how far off it may be.")
    return tolerance


def _read_number(name: str, value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e15:
        raise PromptsInvalid(
            f"{where}: {name}: {show_value(value)} is not a number. Write 158147, without sign and commas."
        )
    return float(value)
