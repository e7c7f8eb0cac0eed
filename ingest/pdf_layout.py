"""Words with places -> rows in reading order: columns one after another, running headers and page numbers gone.

Nothing here knows of PDF. A page is cut by its gutters: white strips that lines of prose end before and begin behind.
Lines that cross a gutter (a title over both columns, a wide figure's caption) part the page above from the page below.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import mean
from typing import TypeVar

# Distances are in units of the font's size. They come from typesetting, not from a fit: a space is about a quarter,
# justified lines seldom stretch it beyond 0.7, and gutters are 1 and wider.
SPLIT = 0.8  # white that parts a row into fragments: cells, or lines of neighbouring columns
SAME_ROW = 0.5  # baselines nearer than this are one row, superscripts included
BODY_SHARE = 0.4  # of the letters in the most used size
MIN_COLUMN_LINES = 3
PROSE_LINE = 15  # characters: shorter lines on average are cells or labels
MARGIN = 0.15  # of the page's height, at its head and at its foot: where running headers and page numbers stand
MAX_DEPTH = 8  # gutters within gutters

_NUMBER_ALONE = re.compile(
    r"\W*(?:(?:page|p\.|seite|página)\s*)?(?:\d{1,4}|[ivxl]{1,6})(?:\s*(?:of|/|von|de)\s*\d{1,4})?\W*", re.IGNORECASE
)
# What browsers print over and under a page; lines of a row stand a tab apart.
_PRINTED = re.compile(
    r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4},? \d{1,2}:\d{2}.*"  # the time, and the title
    r"|\d+ [^\W\d]{1,4} \d+\t.*\d{1,2}:\d{2}.*"  # the page's number, and the time
    r"|(?:.*\t)?(?:https?|file)://\S+(?:\t\d+/\d+)?"  # the title, the address, the page's number
)
_LEADER = re.compile(r"(?:[.·…]\s*){4,}(\d{1,4})$")
MARKER = re.compile(r"[•◦▪▫‣⁃●○■□◆◇❖➢➤►▶✓✔∙·*–—-]|o|\(?(?:\d{1,2}|[a-zA-Z])[.)-]")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff]")


@dataclass(frozen=True, slots=True)
class Word:
    """A word as drawn. Points from the page's left and upper edge; `base` is the line it stands on."""

    text: str
    left: float
    right: float
    base: float
    size: float
    bold: bool = False


@dataclass(frozen=True)
class Sheet:
    """A page's words, in any order."""

    words: Sequence[Word]
    width: float
    height: float


@dataclass(frozen=True)
class Line:
    """Words that read on without a gap: a line of prose, or a cell of a table."""

    words: tuple[Word, ...]

    @cached_property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)

    @cached_property
    def left(self) -> float:
        return min(word.left for word in self.words)

    @cached_property
    def right(self) -> float:
        return max(word.right for word in self.words)

    @cached_property
    def size(self) -> float:
        """The size that most of its letters have."""
        sizes: Counter[float] = Counter()
        for word in self.words:
            sizes[word.size] += len(word.text)
        return sizes.most_common(1)[0][0]

    @cached_property
    def base(self) -> float:
        return max(self.words, key=lambda word: (word.size, len(word.text))).base

    @cached_property
    def bold(self) -> bool:
        return all(word.bold for word in self.words if MARKER.fullmatch(word.text) is None or len(self.words) == 1)


@dataclass(frozen=True)
class Row:
    """Lines side by side in one column of a page; `region` numbers the columns in reading order over all pages."""

    lines: tuple[Line, ...]
    page: int  # from 1
    region: int

    @cached_property
    def whole(self) -> Line:
        """The row as one line, for what is no table."""
        return Line(tuple(word for line in self.lines for word in line.words))


_Placed = TypeVar("_Placed", Word, Line)


def order_rows(sheets: Sequence[Sheet]) -> list[Row]:
    """The rows of all pages in the order a reader takes, without what repeats in the margins."""
    pages = _drop_furniture([_make_rows(sheet.words) for sheet in sheets], [sheet.height for sheet in sheets])
    ordered: list[Row] = []
    region = 0
    for page, rows in enumerate(pages, start=1):
        for lines in _order_lines([line for row in rows for line in row]):
            region += 1
            ordered += [Row(tuple(row), page, region) for row in _drop_contents(_group_by_base(lines))]
    return ordered


def _drop_contents(rows: list[list[Line]]) -> list[list[Line]]:
    """Rows without a table of contents: three or more lines of dots that lead to numbers which never fall."""
    led = [(index, found) for index, row in enumerate(rows) if (found := _LEADER.search(_text_of(row)))]
    numbers = [int(found[1]) for _, found in led]
    if len(numbers) < 3 or numbers != sorted(numbers):
        return rows
    dropped = {index for index, _ in led}
    return [row for index, row in enumerate(rows) if index not in dropped]


def find_body_size(lines: Iterable[Line]) -> float:
    """The size of the running text, to half a point: the most used, or a larger one that is used almost as much.

    A long abstract or many notes in small print must not make headings of all paragraphs.
    """
    letters: Counter[float] = Counter()
    for line in lines:
        letters[round(line.size * 2) / 2] += len(line.text)
    most = max(letters.values(), default=0)
    return max((size for size, count in letters.items() if count >= BODY_SHARE * most), default=0.0)


def _make_rows(words: Sequence[Word]) -> list[list[Line]]:
    return [_split_row(row) for row in _group_by_base(words)]


def _group_by_base(things: Sequence[_Placed]) -> list[list[_Placed]]:
    """Words or lines as rows: top to bottom, and in a row from left to right."""
    rows: list[list[_Placed]] = []
    for thing in sorted(things, key=lambda thing: thing.base):
        if rows and thing.base - rows[-1][0].base <= SAME_ROW * max(thing.size, rows[-1][0].size):
            rows[-1].append(thing)
        else:
            rows.append([thing])
    return [sorted(row, key=lambda thing: thing.left) for row in rows]


def _split_row(words: list[Word]) -> list[Line]:
    """One row's words as lines; a bullet or number stays with the text that it opens, however far away that stands."""
    parts: list[list[Word]] = []
    for word in words:
        gap = word.left - parts[-1][-1].right if parts else 0.0
        opened = bool(parts) and len(parts[-1]) == 1 and MARKER.fullmatch(parts[-1][0].text) is not None
        if parts and gap <= (3.0 if opened else SPLIT) * word.size:
            parts[-1].append(word)
        else:
            parts.append([word])
    return [Line(tuple(_turn_right_to_left(part))) for part in parts]


def _turn_right_to_left(words: list[Word]) -> list[Word]:
    hebrew_or_arabic = sum(bool(_RIGHT_TO_LEFT.search(word.text)) for word in words)
    return words[::-1] if hebrew_or_arabic * 2 > len(words) else words


def _drop_furniture(pages: list[list[list[Line]]], heights: list[float]) -> list[list[list[Line]]]:
    """Pages without the outermost rows that stand at the same place of several pages, and without page numbers."""
    body = find_body_size(line for rows in pages for row in rows for line in row)
    seen: Counter[tuple[str, int]] = Counter()
    for rows, height in zip(pages, heights, strict=True):
        places = {_place_of(row) for row in rows if _is_in_margin(row, height)}
        seen.update({(text, at + shift) for text, at in places for shift in (-1, 0, 1)})
    # Half of the pages, since left and right pages may differ; three are enough in a long document with chapters.
    enough = max(2, min(3, len(pages) // 2))

    def is_furniture(row: list[Line], height: float) -> bool:
        text, place = _text_of(row), _place_of(row)
        if not _is_in_margin(row, height) or max(line.size for line in row) > 1.2 * body:
            return False
        if _NUMBER_ALONE.fullmatch(text) or _PRINTED.fullmatch("\t".join(line.text for line in row)):
            return True
        return seen[place] >= enough and any(map(str.isalpha, text))

    return [
        _peel(rows, [is_furniture(row, height) for row in rows]) for rows, height in zip(pages, heights, strict=True)
    ]


def _peel(rows: list[list[Line]], furniture: list[bool]) -> list[list[Line]]:
    """Without the furniture at either end: what stands inside of the text is text, whatever it looks like."""
    start, end = 0, len(rows)
    while start < end and furniture[start]:
        start += 1
    while end > start and furniture[end - 1]:
        end -= 1
    return rows[start:end]


def _place_of(row: list[Line]) -> tuple[str, int]:
    """A row's words with all numbers alike, and its height on the page in steps of ten points."""
    return re.sub(r"\d+", "#", _text_of(row)).casefold(), round(row[0].base / 10)


def _text_of(row: list[Line]) -> str:
    return " ".join(line.text for line in row)


def _is_in_margin(row: list[Line], height: float) -> bool:
    return not MARGIN * height < row[0].base < (1 - MARGIN) * height


def _order_lines(lines: list[Line], depth: int = 0) -> list[list[Line]]:
    """The columns of a page or of a part of it, each with its lines, in reading order."""
    gutter = _find_gutter(lines) if depth < MAX_DEPTH else None
    if gutter is None:
        return [lines] if lines else []
    ordered: list[list[Line]] = []
    for crosses, part in _part_at_crossings(lines, gutter):
        if crosses:
            ordered.append(part)
        else:
            ordered += _order_lines([line for line in part if line.left < gutter], depth + 1)
            ordered += _order_lines([line for line in part if line.left >= gutter], depth + 1)
    return ordered


def _part_at_crossings(lines: list[Line], gutter: float) -> list[tuple[bool, list[Line]]]:
    """From top to bottom, in turn: lines that run across the gutter, and lines that keep to their side of it."""
    parts: list[tuple[bool, list[Line]]] = []
    for row in _group_by_base(lines):
        crosses = any(line.left < gutter < line.right for line in row)
        # The short last line of a wide paragraph belongs to it, though it does not reach the gutter.
        if not crosses and parts and parts[-1][0] and len(row) == 1:
            above = parts[-1][1][-1]
            crosses = row[0].base - above.base < 1.5 * above.size and abs(row[0].left - above.left) < above.size
        if not parts or parts[-1][0] != crosses:
            parts.append((crosses, []))
        parts[-1][1].extend(row)
    return parts


def _find_gutter(lines: list[Line]) -> float | None:
    """Where the second column from the left begins, if there are columns of prose."""
    starts = Counter(round(line.left / 2) for line in lines)
    for start in sorted(start for start, count in starts.items() if count >= MIN_COLUMN_LINES):
        edge = min(line.left for line in lines if round(line.left / 2) == start) - 0.1
        before = [line for line in lines if line.right <= edge - SPLIT * line.size]
        behind = [line for line in lines if line.left >= edge]
        if _are_columns(before, behind, lines):
            return edge
    return None


def _are_columns(before: list[Line], behind: list[Line], lines: list[Line]) -> bool:
    """True for lines that stand beside each other and are read one side after the other, as cells are not."""
    if min(len(before), len(behind)) < MIN_COLUMN_LINES:
        return False
    top = max(min(line.base for line in side) for side in (before, behind)) - 1
    foot = min(max(line.base for line in side) for side in (before, behind)) + 1
    before, behind, inside = ([line for line in side if top <= line.base <= foot] for side in (before, behind, lines))
    fewer = min(len(before), len(behind))
    if fewer < MIN_COLUMN_LINES or len(inside) - len(before) - len(behind) > fewer:
        return False
    prose = _is_prose(before) + _is_prose(behind)
    return prose == 2 or (prose == 1 and fewer >= 5 and not _are_aligned(before, behind))


def _is_prose(lines: list[Line]) -> bool:
    """True when most lines run up to the right edge of their column, as wrapped text does."""
    edge = min(line.left for line in lines)
    first = [line for line in lines if line.left - edge < 2 * line.size]
    extent = max(line.right for line in first) - edge
    filled = sum(line.right - edge >= 0.6 * extent for line in first)
    return filled * 2 >= len(first) and mean(len(line.text) for line in first) >= PROSE_LINE


def _are_aligned(before: list[Line], behind: list[Line]) -> bool:
    """True when most lines of the shorter side have one beside them, as the cells of a table's row have."""
    fewer, more = sorted((before, behind), key=len)
    bases = sorted(line.base for line in more)
    paired = sum(
        bisect_left(bases, line.base - 0.2 * line.size) < bisect_left(bases, line.base + 0.2 * line.size)
        for line in fewer
    )
    return paired * 2 > len(fewer)
