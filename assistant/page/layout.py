"""Canonical Markdown -> HTML blocks. The only place that decides which tags text may stand in.

Text is data: nothing here writes a character of it. The caller's `write(start, end)` does, and must escape.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import groupby, pairwise

from ingest.markdown import Line, read_lines

Write = Callable[[int, int], str]  # a span of the text -> escaped inline HTML

ESCAPED_PIPE = "\\|"
PIPE = re.compile(r"(?<!\\)\|")
FIRST_HEADING = 3  # h1 names the page and h2 the panel


def lay_out(text: str, write: Write) -> str:
    """Headings, paragraphs, lists, tables and code of `text` as HTML, in order."""
    groups = groupby(read_lines(text), key=lambda line: (line.block, _family(line)))
    return "\n".join(_lay_out_block(text, list(lines), write) for _, lines in groups)


def _family(line: Line) -> str:
    if line.kind == "item":
        return "ordered" if line.marker[:1].isdigit() else "unordered"
    return "table" if line.kind in ("header", "row") else line.kind


def _lay_out_block(text: str, lines: Sequence[Line], write: Write) -> str:
    match _family(lines[0]):
        case "heading":
            return "".join(_heading(line, write) for line in lines)
        case "ordered" | "unordered" as family:
            return _list("ol" if family == "ordered" else "ul", lines, write)
        case "table":
            return _table(text, lines, write)
        case "code":
            return _code(text, lines, write)
        case _:
            return "".join(f"<p>{write(line.start, line.end)}</p>" for line in lines)


def _heading(line: Line, write: Write) -> str:
    level = min(line.level + FIRST_HEADING - 1, 6)
    return f"<h{level}>{write(line.start, line.end)}</h{level}>"


def _list(tag: str, lines: Sequence[Line], write: Write) -> str:
    items = "".join(
        f'<li class="depth-{min(line.level, 4)}"{_number(line.marker)}>{write(line.start, line.end)}</li>'
        for line in lines
    )
    return f"<{tag}>{items}</{tag}>"


def _number(marker: str) -> str:
    return f' value="{int(marker[:-1])}"' if marker[:-1].isdecimal() else ""


def _table(text: str, lines: Sequence[Line], write: Write) -> str:
    head = "".join(_row(text, line, "th", write) for line in lines if line.kind == "header" and _has_words(text, line))
    body = "".join(_row(text, line, "td", write) for line in lines if line.kind == "row")
    table = f"<table><thead>{head}</thead><tbody>{body}</tbody></table>"
    return f'<div class="table" role="region" aria-label="Table" tabindex="0">{table}</div>'


def _has_words(text: str, line: Line) -> bool:
    return any(end > start for start, end in find_cells(text, line.start, line.end))


def _row(text: str, line: Line, tag: str, write: Write) -> str:
    spans = find_cells(text, line.start, line.end)
    cells = "".join(f"<{tag}>{write(start, end).replace(ESCAPED_PIPE, '|')}</{tag}>" for start, end in spans)
    return f"<tr>{cells}</tr>"


def find_cells(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """The span of each cell of the table row at `text[start:end]`, without marks and outer blanks."""
    edges = [start - 1, *(found.start() for found in PIPE.finditer(text, start, end)), end]
    if text[start : start + 1] == "|":
        edges = edges[1:]
    if len(edges) > 2 and edges[-2] == end - 1:
        edges = edges[:-1]
    return [_strip(text, left + 1, right) for left, right in pairwise(edges)]


def _strip(text: str, start: int, end: int) -> tuple[int, int]:
    inner = text[start:end]
    start += len(inner) - len(inner.lstrip())
    return start, max(start, end - (len(inner) - len(inner.rstrip())))


def _code(text: str, lines: Sequence[Line], write: Write) -> str:
    start = text.rfind("\n", 0, lines[0].start) + 1  # the first line's indentation belongs to the code
    return f'<pre tabindex="0"><code>{write(start, lines[-1].end)}</code></pre>'
