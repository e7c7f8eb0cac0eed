r"""The one shape of article text: canonical Markdown, written by extraction and read by everything with an offset.

Blocks stand apart by one blank line; every block but a list, a table and code is a single line:

    ## A heading                    one to six marks
    A paragraph on one line.
    - an item                       or "1. an item"; two spaces deeper for each level
    | a header | row |              always a header row and a rule; the header's cells may be empty
    | --- | --- |
    | a | row |                     a "|" inside a cell is written "\|"
    ```                             code, verbatim

A paragraph that begins like another block ("1986. A year") has a backslash before it, outside of the line's span.
Inline markup (bold, links, images) is not kept: a quote reads as the reader saw it on the page.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

HEADING = re.compile(r"(#{1,6}) +(\S.*)")
ITEM = re.compile(r"( *)([-*+]|\d{1,9}[.)]) +(\S.*)")
FENCE = re.compile(r" {0,3}(```+|~~~+)")
ESCAPED = re.compile(r"\\(?=\\|#{1,6} |[-*+] |\d{1,9}[.)] |```|~~~)")
RULE = re.compile(r"\|?(?: *:?-+:? *\|)+(?: *:?-+:? *)?\|? *")


@dataclass(frozen=True)
class Line:
    """One line's meaning: `start` and `end` span its content, without marks and outer blanks."""

    kind: str  # "heading", "paragraph", "item", "header", "row" or "code"
    start: int
    end: int
    block: int  # lines with the same number belong to one list, table or code block
    level: int = 0  # heading level from 1, or depth of a list item from 0
    marker: str = ""  # "-" or "3." before an item


def read_lines(text: str) -> list[Line]:
    """Every line of canonical Markdown that holds text, in order, with offsets into `text`.

    Never fails: a line that is no heading, item, row or code is a paragraph.
    """
    lines: list[Line] = []
    offset, block, fence, previous = 0, 0, "", "blank"
    raw_lines = text.split("\n")
    for number, raw in enumerate(raw_lines):
        begin, offset = offset, offset + len(raw) + 1
        opening = FENCE.match(raw)
        if fence:
            if opening and opening[1].startswith(fence) and not raw.strip().strip(fence[0]):
                fence, previous = "", "blank"
            elif raw.strip():
                lines.append(_line("code", begin, raw, block))
            continue
        if opening:
            fence, block, previous = opening[1], block + 1, "code"
            continue
        if not raw.strip():
            previous = "blank"
            continue
        following = raw_lines[number + 1] if number + 1 < len(raw_lines) else ""
        kind = _kind_of(raw, previous, following)
        if kind == "rule":
            continue
        block += not _continues(kind, previous)
        lines.append(_line(kind, begin, raw, block))
        previous = kind
    return [line for line in lines if line.end > line.start]


def _kind_of(raw: str, previous: str, following: str) -> str:
    if HEADING.fullmatch(raw.rstrip()):
        return "heading"
    if ITEM.fullmatch(raw.rstrip()):
        return "item"
    if raw.lstrip().startswith("|"):
        if previous in ("header", "row"):
            return "rule" if previous == "header" and RULE.fullmatch(raw.strip()) else "row"
        if RULE.fullmatch(following.strip()) and "|" in following:
            return "header"
    return "paragraph"


def _continues(kind: str, previous: str) -> bool:
    """True when a line belongs to the block of the line before it."""
    return kind == previous == "item" or (kind == "row" and previous in ("header", "row"))


def _line(kind: str, begin: int, raw: str, block: int) -> Line:
    body, level, marker = raw, 0, ""
    if kind == "heading" and (match := HEADING.match(raw)):
        level, body = len(match[1]), match[2]
        begin += match.start(2)
    elif kind == "item" and (match := ITEM.match(raw)):
        level, marker, body = len(match[1]) // 2, match[2], match[3]
        begin += match.start(3)
    elif kind == "paragraph" and (escape := ESCAPED.match(raw)):
        body = raw[escape.end() :]
        begin += escape.end()
    start = begin + len(body) - len(body.lstrip())
    return Line(kind, start, begin + len(body.rstrip()), block, level, marker)


def read_cells(row: str) -> list[str]:
    """The cells of one table row, without marks."""
    inner = row.strip().removeprefix("|")
    inner = inner[:-1] if inner.endswith("|") and not inner.endswith("\\|") else inner
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", inner)]


@dataclass(frozen=True)
class Heading:
    level: int
    text: str


@dataclass(frozen=True)
class Paragraph:
    text: str


@dataclass(frozen=True)
class Item:
    """One list item; items that follow one another in a document form one list."""

    text: str
    depth: int = 0
    marker: str = "-"  # or "3."


@dataclass(frozen=True)
class Table:
    header: Sequence[str]  # empty cells when the table has none
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Code:
    text: str


Block = Heading | Paragraph | Item | Table | Code


def write_markdown(blocks: Iterable[Block]) -> str:
    """Canonical Markdown of a document; blocks without any text are left out."""
    parts: list[str] = []
    previous: Block | None = None
    for block in blocks:
        written = _write_block(block)
        if not written:
            continue
        if parts:
            parts.append("\n" if isinstance(block, Item) and isinstance(previous, Item) else "\n\n")
        parts.append(written)
        previous = block
    return "".join(parts)


def _write_block(block: Block) -> str:
    match block:
        case Heading(level, text):
            return f"{'#' * max(1, min(level, 6))} {one_line(text)}" if one_line(text) else ""
        case Paragraph(text):
            line = one_line(text)
            return f"\\{line}" if ESCAPED.match(f"\\{line}") else line
        case Item(text, depth, marker):
            return f"{'  ' * depth}{marker} {one_line(text)}" if one_line(text) else ""
        case Table(header, rows):
            return _write_table(header, rows)
        case Code(text):
            fence = "```"
            while fence in text:
                fence += "`"
            return f"{fence}\n{text.strip(chr(10))}\n{fence}" if text.strip() else ""


def _write_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    kept = [row for row in rows if any(one_line(cell) for cell in row)]
    if not kept and not any(one_line(cell) for cell in header):
        return ""
    width = max(len(row) for row in (header, *kept))
    lines = [_write_row(header, width), "|" + " --- |" * width, *(_write_row(row, width) for row in kept)]
    return "\n".join(lines)


def _write_row(cells: Sequence[str], width: int) -> str:
    padded = [*cells, *[""] * (width - len(cells))]
    return "|" + "".join(f" {one_line(cell).replace('|', chr(92) + '|')} |" for cell in padded)


def one_line(text: str) -> str:
    """`text` with every run of white space, line breaks included, as a single space."""
    return " ".join(text.split())
