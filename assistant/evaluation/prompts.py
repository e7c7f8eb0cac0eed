"""Test prompts: questions with the facts an answer must quote. Read from YAML, each with its file and line.

- question: And a software engineer?
  history: ["How much does a machine learning engineer earn in the US?"]
  facts: ["$112,165"]                # each must stand in one cited quote of the answer
  articles: [ml-engineer-vs-software-engineer]   # the reply must cite one of them
  answerable: true                   # false: the articles do not say, and the reply must say so
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import yaml

from assistant.conversation import Turn
from assistant.errors import PromptsInvalid

FIELDS = ("question", "history", "facts", "articles", "answerable")


@dataclass(frozen=True)
class TestPrompt:
    """A question with what a right reply must hold."""

    __test__: ClassVar[bool] = False  # or pytest takes the class for a test

    question: str
    history: tuple[Turn, ...] = ()
    facts: tuple[str, ...] = ()
    articles: tuple[str, ...] = ()
    answerable: bool = True
    where: str = ""  # file:line

    @property
    def key(self) -> str:
        """What makes a prompt the same one in another evaluation, wherever it stands."""
        return "\n".join((*(turn.question for turn in self.history), self.question))


def load_prompts(paths: Sequence[Path]) -> list[TestPrompt]:
    """Every test prompt of the files, in order. Raises PromptsInvalid naming file, line, field and remedy."""
    return [prompt for path in paths for prompt in _load_file(path)]


def _load_file(path: Path) -> Iterator[TestPrompt]:
    document = _parse_yaml(path)
    if not isinstance(document, yaml.SequenceNode) or not document.value:
        raise PromptsInvalid(f"{path}: holds no test prompts. Write a list: - question: ...")
    for node in document.value:
        yield _read_prompt(node, path)


def _parse_yaml(path: Path) -> yaml.Node | None:
    try:
        return yaml.compose(path.read_text(encoding="utf-8-sig"), Loader=yaml.SafeLoader)
    except FileNotFoundError as error:
        raise PromptsInvalid(f"{path}: no such file. Check the path of the test prompts.") from error
    except IsADirectoryError as error:
        raise PromptsInvalid(f"{path}: a folder. Name its files: {path}/*.yaml.") from error
    except UnicodeDecodeError as error:
        raise PromptsInvalid(f"{path}: not UTF-8 text. Save the test prompts as UTF-8.") from error
    except OSError as error:
        raise PromptsInvalid(f"{path}: cannot be read ({error.strerror}). Check its permissions.") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise PromptsInvalid(f"{path}:{line}: not valid YAML ({error.problem}). Put the text in quotes.") from error
    except yaml.YAMLError as error:
        raise PromptsInvalid(f"{path}: not valid YAML ({' '.join(str(error).split())}).") from error
    except RecursionError as error:
        raise PromptsInvalid(f"{path}: nested too deeply. Write a list: - question: ...") from error


def _read_prompt(node: yaml.Node, path: Path) -> TestPrompt:
    where = f"{path}:{node.start_mark.line + 1}"
    if not isinstance(node, yaml.MappingNode):
        raise PromptsInvalid(f"{where}: not a test prompt. Write: - question: ...")
    fields = _read_fields(node, path)
    if "question" not in fields:
        raise PromptsInvalid(f"{where}: question is missing. Add question: ...")
    prompt = TestPrompt(**fields, where=where)
    if not prompt.answerable and (prompt.facts or prompt.articles):
        raise PromptsInvalid(f"{where}: facts and articles cannot go with answerable: false. Leave one of them out.")
    return prompt


def _read_fields(node: yaml.MappingNode, path: Path) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for key, value in node.value:
        name, where = _construct(key, path), f"{path}:{key.start_mark.line + 1}"
        if name not in FIELDS:
            raise PromptsInvalid(f"{where}: {name}: no such field. Use {', '.join(FIELDS)}.")
        if name in fields:
            raise PromptsInvalid(f"{where}: {name} is given twice. Keep one.")
        fields[name] = _read_field(name, _construct(value, path), where)
    return fields


def _construct(node: yaml.Node, path: Path) -> Any:
    try:
        return yaml.constructor.SafeConstructor().construct_document(node)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        where = f"{path}:{node.start_mark.line + 1}"
        raise PromptsInvalid(f"{where}: not plain text, a list or true/false. Put the text in quotes.") from error


def _read_field(name: str, value: Any, where: str) -> Any:
    match name:
        case "question":
            return _read_text(name, value, where)
        case "answerable":
            if not isinstance(value, bool):
                raise PromptsInvalid(f"{where}: answerable: must be true or false, not {value!r}.")
            return value
        case "history":
            return tuple(_read_turn(turn, where) for turn in _read_list(name, value, where))
        case _:
            return tuple(_read_text(name, text, where) for text in _read_list(name, value, where))


def _read_list(name: str, value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise PromptsInvalid(f'{where}: {name}: must be a list. Write {name}: ["..."].')
    return value


def _read_text(name: str, value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise PromptsInvalid(f'{where}: {name}: {value!r} is not text. Put it in quotes: "{value}".')
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
