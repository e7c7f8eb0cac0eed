"""A file of test prompts -> its rows: YAML, JSON Lines or CSV, each field with the line that it stands on."""

from __future__ import annotations

import csv
import io
import json
import reprlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from assistant.errors import PromptsInvalid

LISTS = ("history", "facts", "forbidden", "articles", "headings", "tags")  # what a cell of CSV may hold several of
ANSWERS = {"true": True, "yes": True, "false": False, "no": False}


@dataclass(frozen=True)
class Field:
    name: str
    value: Any
    line: int


@dataclass(frozen=True)
class Row:
    """What a file says of one prompt, before any of it is understood."""

    line: int
    fields: tuple[Field, ...]


Reader: TypeAlias = Callable[[str, Path], Iterator[Row]]


def load_text(path: Path) -> str:
    """What a file of test prompts holds. Raises PromptsInvalid naming file and remedy."""
    _find_reader(path)
    return _read_text(path)


def read_rows(text: str, path: Path) -> list[Row]:
    """Every prompt of a file's text; `path` names it, whether or not such a file lies there.

    Raises PromptsInvalid naming file, line and remedy.
    """
    read = _find_reader(path)
    try:
        rows = list(read(text, path))
    except RecursionError as error:
        raise PromptsInvalid(f"{path}: nested too deeply. Write a list: - question: ...") from error
    if not rows:
        raise PromptsInvalid(f"{path}: holds no test prompts. {EXAMPLES[path.suffix.lower()]}")
    return rows


def _find_reader(path: Path) -> Reader:
    read = READERS.get(path.suffix.lower())
    if read is None:
        raise PromptsInvalid(f"{path}: not a kind of file that is read. Name it {', '.join(READERS)}.")
    return read


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise PromptsInvalid(f"{path}: no such file. Check the path of the test prompts.") from error
    except IsADirectoryError as error:
        raise PromptsInvalid(f"{path}: a folder. Name its files: {path}/*.yaml.") from error
    except UnicodeDecodeError as error:
        raise PromptsInvalid(f"{path}: not UTF-8 text. Save the test prompts as UTF-8.") from error
    except OSError as error:
        raise PromptsInvalid(f"{path}: cannot be read ({error.strerror}). Check its permissions.") from error


def show_value(value: Any) -> str:
    """A value as a message names it: short, although a few aliases in YAML make one that has no end."""
    shown = reprlib.Repr()
    shown.maxlevel, shown.maxlist, shown.maxdict, shown.maxstring, shown.maxother = 2, 3, 3, 60, 60
    try:
        return shown.repr(value)
    except ValueError:  # Python writes no number of more than 4,300 digits
        return "a number of thousands of digits"


# -- YAML --------------------------------------------------------------------------------------------------------------


def _read_yaml(text: str, path: Path) -> Iterator[Row]:
    document = _compose(text, path)
    if isinstance(document, yaml.SequenceNode):
        yield from (_read_node(node, path) for node in document.value)


def _compose(text: str, path: Path) -> yaml.Node | None:
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise PromptsInvalid(f"{path}:{line}: not valid YAML ({error.problem}). Put the text in quotes.") from error
    except yaml.YAMLError as error:
        line = text.count("\n", 0, getattr(error, "position", 0)) + 1
        reason = str(error).splitlines()[0]
        raise PromptsInvalid(f"{path}:{line}: not valid YAML ({reason}). Remove that character.") from error


def _read_node(node: yaml.Node, path: Path) -> Row:
    line = node.start_mark.line + 1
    if not isinstance(node, yaml.MappingNode):
        raise PromptsInvalid(f"{path}:{line}: not a test prompt. Write: - question: ...")
    if any(not isinstance(key, yaml.ScalarNode) for key, _ in node.value):
        raise PromptsInvalid(f"{path}:{line}: the name of a field is not text. Write: - question: ...")
    return Row(
        line,
        tuple(Field(key.value[:60], _construct(value, path), key.start_mark.line + 1) for key, value in node.value),
    )


def _construct(node: yaml.Node, path: Path) -> Any:
    try:
        return yaml.constructor.SafeConstructor().construct_document(node)
    except (yaml.YAMLError, ValueError, TypeError) as error:
        where = f"{path}:{node.start_mark.line + 1}"
        raise PromptsInvalid(f"{where}: not plain text, a list or true/false. Put the text in quotes.") from error


# -- JSON Lines --------------------------------------------------------------------------------------------------------


def _read_json_lines(text: str, path: Path) -> Iterator[Row]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield Row(number, tuple(Field(name, value, number) for name, value in _parse_object(line, path, number)))


def _parse_object(line: str, path: Path, number: int) -> list[tuple[str, Any]]:
    """Its members as they stand, a name that is given twice included."""
    try:
        document = json.loads(line, object_pairs_hook=_Members)
    except ValueError as error:
        reason = getattr(error, "msg", str(error))
        raise PromptsInvalid(f'{path}:{number}: not valid JSON ({reason}). Write {{"question": "..."}}.') from error
    if not isinstance(document, _Members):
        raise PromptsInvalid(f'{path}:{number}: not a test prompt. Write {{"question": "..."}}.')
    return document.pairs


class _Members(dict[str, Any]):
    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.pairs = pairs


# -- CSV ---------------------------------------------------------------------------------------------------------------


def _read_csv(text: str, path: Path) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    names: list[str] = []
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise PromptsInvalid(f'{path}:{line}: not valid CSV ({error}). Put the cell in "quotes".') from error
        if cells is None:
            return
        if not names:
            names = [name.strip() for name in cells]
        elif any(cell.strip() for cell in cells):
            yield _read_cells(names, cells, path, line)


def _read_cells(names: list[str], cells: list[str], path: Path, line: int) -> Row:
    if len(cells) > len(names):
        raise PromptsInvalid(
            f'{path}:{line}: {len(cells)} cells below {len(names)} names. Put a cell that holds a comma in "quotes".'
        )
    filled = [(name, cell.strip()) for name, cell in zip(names, cells, strict=False) if cell.strip()]
    return Row(line, tuple(Field(name, _read_cell(name, cell, path, line), line) for name, cell in filled))


def _read_cell(name: str, cell: str, path: Path, line: int) -> Any:
    """`a | b` is a list, and so is JSON in brackets; an item in braces is JSON."""
    if name == "answerable":
        return ANSWERS.get(cell.lower(), cell)
    if name not in LISTS:
        return cell
    if cell.startswith("["):
        return _parse_cell(name, cell, path, line)
    items = [item.strip() for item in cell.split("|")]
    return [_parse_cell(name, item, path, line) if item.startswith("{") else item for item in items]


def _parse_cell(name: str, cell: str, path: Path, line: int) -> Any:
    try:
        return json.loads(cell)
    except ValueError as error:
        raise PromptsInvalid(f"{path}:{line}: {name}: not valid JSON ({error}). Write a | b for a list.") from error


READERS: dict[str, Reader] = {
    ".yaml": _read_yaml,
    ".yml": _read_yaml,
    ".jsonl": _read_json_lines,
    ".ndjson": _read_json_lines,
    ".csv": _read_csv,
}
EXAMPLES = {
    **dict.fromkeys((".yaml", ".yml"), "Write a list: - question: ..."),
    **dict.fromkeys((".jsonl", ".ndjson"), 'Write a line: {"question": "..."}'),
    ".csv": "Write a line of names, question,facts, and a line for each prompt.",
}
