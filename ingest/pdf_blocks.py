"""Rows in reading order -> title and blocks: headings, paragraphs, lists and tables, with the places of page breaks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby, pairwise
from statistics import median

from ingest.draft import PAGE_BREAK
from ingest.markdown import Block, Heading, Item, Paragraph, Table
from ingest.pdf_layout import Line, Row, find_body_size
from ingest.pdf_tables import APART, part_tables

LARGER = 1.15  # times the body's size: a heading; what is less is another font of the same size
MAX_HEADING_WORDS = 25  # a pull quote is longer
MAX_BOLD_WORDS = 12  # a heading in the body's size is short, or bold prose would pass for one
SHORT = 0.6  # of the column: a shorter line was broken on purpose, unless the next begins in the midst of a sentence
MAX_DEPTH = 5
USUAL_LEADING = 1.2  # what typesetting programs take when nothing is said

_BULLET = re.compile(
    r"(?:[•◦▪▫‣⁃●○■□◆◇❖➢➤►▶✓✔∙·]"
    # These also stand in running text: they open an item only where a line could not have gone on.
    r"|(?P<weak>[*–—-]|o|(?P<number>\d{1,2})[.)-]|\((?P<inner>\d{1,2})\)|\(?[a-z]\)))\s+(?=\S)"
)
_SENTENCE_END = re.compile(r"[.!?:;][\"”’')\]¹²³⁴⁵⁶⁷⁸⁹⁰]*$")
_WORD = re.compile(r"[^\W\d_]+(?:[-‐][^\W\d_]+)*")
_BROKEN = re.compile(r"([^\W\d_]+)([-‐\u00ad])$")
_HYPHENS = "-‐\u00ad"


@dataclass(frozen=True)
class Type:
    """How the document is set."""

    body: float  # the size of the running text
    leading: float  # the usual distance of its lines, in sizes
    leadings: dict[int, float]  # the same for each size, in whole points

    def is_parted(self, above: Line, below: Line) -> bool:
        """True when there is more white between two lines than between the lines of a paragraph."""
        size = max(above.size, below.size)
        return not 0 < below.base - above.base <= APART * self.leadings.get(round(size), self.leading) * size


@dataclass(frozen=True)
class Piece:
    """Rows that make one block."""

    kind: str  # "paragraph", "item", "heading" or "table"
    rows: tuple[Row, ...]
    right: float = 0.0  # the right edge of its column
    table: Table | None = None

    @cached_property
    def text(self) -> str:
        return " ".join(row.whole.text for row in self.rows)

    @property
    def first(self) -> Line:
        return self.rows[0].whole

    @property
    def last(self) -> Line:
        return self.rows[-1].whole

    @property
    def is_bold(self) -> bool:
        return all(row.whole.bold for row in self.rows)


def make_blocks(rows: Sequence[Row], title: str = "") -> tuple[str, list[Block]]:
    """The title as the pages show it, and the blocks without it, with a PAGE_BREAK behind each page's last word."""
    setting = _measure(rows)
    pieces = [
        piece for _, column in groupby(rows, lambda row: row.region) for piece in _cut_column(list(column), setting)
    ]
    pieces = _join_over_columns(_mark_headings(pieces, setting), setting)
    title, pieces = _take_title(pieces, title)
    return title, _write_blocks(pieces, _count_words(rows))


def _measure(rows: Sequence[Row]) -> Type:
    distances: dict[int, list[float]] = {}
    for above, below in pairwise(rows):
        size, distance = round(below.whole.size), (below.whole.base - above.whole.base) / below.whole.size
        if above.region == below.region and size == round(above.whole.size) and 0.8 < distance < 3:
            distances.setdefault(size, []).append(distance)
    leadings = {size: median(found) for size, found in distances.items() if len(found) >= 3}
    body = find_body_size(row.whole for row in rows)
    return Type(body, leadings.get(round(body), USUAL_LEADING), leadings)


def _cut_column(rows: list[Row], setting: Type) -> Iterator[Piece]:
    for table, part in part_tables(rows, setting.leading):
        if table is not None:
            yield Piece("table", tuple(part), table=table)
        else:
            yield from _cut_prose([single for row in part for single in _part_items(row)], setting)


def _part_items(row: Row) -> list[Row]:
    """A row of bullets side by side as rows; any other row stays whole."""
    if len(row.lines) > 1 and all(_BULLET.match(line.text) for line in row.lines):
        return [replace(row, lines=(line,)) for line in row.lines]
    return [row]


def _cut_prose(rows: list[Row], setting: Type) -> Iterator[Piece]:
    # Not the widest row: one line that juts out would make all others look as if they ended early.
    right = sorted(row.whole.right for row in rows)[int(0.9 * (len(rows) - 1))]
    current: list[Row] = []
    for row in rows:
        if current and _begins_block(current, row.whole, right, setting):
            yield _make_piece(current, right)
            current = []
        current.append(row)
    yield _make_piece(current, right)


def _make_piece(rows: list[Row], right: float) -> Piece:
    return Piece("item" if _read_bullet(rows[0].whole) else "paragraph", tuple(rows), right)


def _begins_block(block: list[Row], line: Line, right: float, setting: Type) -> bool:
    """True when `line` does not go on with the block above it."""
    above, first = block[-1].whole, block[0].whole
    if line.base == above.base:  # items side by side, or a row that nothing parts
        return _read_bullet(line) is not None
    if setting.is_parted(above, line) or not 1 / LARGER < line.size / above.size < LARGER:
        return True
    ended = _SENTENCE_END.search(above.text) is not None
    # The next word had room on the line above, so the line was broken on purpose.
    broken = above.right + line.words[0].right - line.words[0].left + 0.5 * line.size < right
    is_short = above.right < above.left + SHORT * (right - above.left) and _is_running(line, setting)
    bullet, listed = _read_bullet(line), _read_bullet(first) is not None
    if bullet and (not bullet["weak"] or listed or ended or broken):
        return True
    if is_short and not line.text[0].islower():
        return True
    if listed:
        return line.left < first.left + 0.3 * line.size and (ended or broken)
    is_indented = 0.8 * line.size < line.left - above.left < 4 * line.size
    return (line.bold != above.bold and (ended or broken)) or (ended and (broken or is_indented))


def _is_running(line: Line, setting: Type) -> bool:
    """True for a line in the size of the running text or smaller, which no heading has."""
    return line.size < LARGER * setting.body


def _read_bullet(line: Line) -> re.Match[str] | None:
    found = _BULLET.match(line.text)
    # Word's round bullet is a letter, which is a word of its own in Spanish: only the gap behind it tells.
    if found and found["weak"] == "o" and line.words[1].left - line.words[0].right < 0.5 * line.size:
        return None
    return found


def _mark_headings(pieces: list[Piece], setting: Type) -> list[Piece]:
    is_bold_document = sum(len(piece.text) for piece in pieces if piece.is_bold) * 2 > sum(
        len(piece.text) for piece in pieces
    )
    marked: list[Piece] = []
    for index, piece in enumerate(pieces):
        beside = [other for other in pieces[max(0, index - 1) : index + 2] if other is not piece]
        listed = piece.kind == "item" and any(other.kind == "item" and _is_alike(piece, other) for other in beside)
        following = pieces[index + 1] if index + 1 < len(pieces) else None
        is_heading = piece.kind != "table" and not listed and _is_heading(piece, following, setting, is_bold_document)
        marked.append(replace(piece, kind="heading") if is_heading else piece)
    return marked


def _is_heading(piece: Piece, following: Piece | None, setting: Type, is_bold_document: bool) -> bool:
    text = piece.text
    words = len(text.split())
    if len(piece.rows) > 4 or words > MAX_HEADING_WORDS or text[-1] in ".,;" or sum(map(str.isalpha, text)) < 3:
        return False
    if not _is_running(piece.first, setting):
        return True
    if following is None or piece.first.size < 0.95 * setting.body or words > MAX_BOLD_WORDS:
        return False
    set_off = following.kind == "table" or not _is_alike(piece, following)
    return set_off and (
        (piece.is_bold and not is_bold_document) or (text.isupper() and words > 1 and not following.text.isupper())
    )


def _is_alike(one: Piece, other: Piece) -> bool:
    return one.is_bold == other.is_bold and one.text.isupper() == other.text.isupper() and _is_same_size(one, other)


def _is_same_size(one: Piece, other: Piece) -> bool:
    return 1 / LARGER < one.first.size / other.first.size < LARGER


def _join_over_columns(pieces: list[Piece], setting: Type) -> list[Piece]:
    """Paragraphs and items that go on in the next column or on the next page as one piece.

    Notes in small print at a page's foot stand before the paragraph that runs on, so that it stays whole.
    """
    joined: list[Piece] = []
    for piece in pieces:
        at = len(joined) - 1
        while (
            at >= 0
            and joined[at].first.size < 0.9 * setting.body
            and joined[at].rows[-1].region == joined[-1].rows[-1].region
        ):
            at -= 1
        if at >= 0 and _goes_on(joined[at], piece):
            start = joined.pop(at)
            joined.append(replace(start, rows=start.rows + piece.rows, right=piece.right))
        else:
            joined.append(piece)
    return joined


def _goes_on(start: Piece, piece: Piece) -> bool:
    if (
        start.rows[-1].region == piece.rows[0].region
        or piece.kind != "paragraph"
        or start.kind not in ("paragraph", "item")
    ):
        return False
    if not _is_same_size(start, piece) or _SENTENCE_END.search(start.last.text):
        return False
    is_full = len(start.rows) > 1 and start.last.right > start.right - 3 * start.last.size
    return start.last.text[-1] in _HYPHENS or piece.first.text[0].islower() or is_full


def _take_title(pieces: list[Piece], title: str) -> tuple[str, list[Piece]]:
    """The title as the document shows it, and the pieces without it; one that is not shown is kept as the file has it.

    Shown is the heading that the file's title begins with or, without such a title, the largest of the first page.
    """
    headings = [piece for piece in pieces if piece.kind == "heading"]
    if title:
        shown = next((piece for piece in headings if _opens(piece.text, title)), None)
    else:
        first = [piece for piece in headings if piece.rows[0].page == pieces[0].rows[0].page]
        shown = max(first, key=lambda piece: piece.first.size, default=None)
    if shown is None:
        return title, pieces
    words = _join_rows(shown.rows, Counter()).replace(PAGE_BREAK, "")
    return title if _reduce(words) == _reduce(title) else words, [piece for piece in pieces if piece is not shown]


def _opens(heading: str, title: str) -> bool:
    """True for the title itself, and for the words before the name of a site or of a series."""
    heading, title = _reduce(heading), _reduce(title)
    return heading == title or (len(heading) >= 10 and title.startswith(heading))


def _reduce(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))


def _write_blocks(pieces: list[Piece], vocabulary: Counter[str]) -> list[Block]:
    levels = _rank_sizes(piece.first.size for piece in pieces if piece.kind == "heading")
    depths = _find_depths(pieces)
    blocks: list[Block] = []
    page = 1
    for index, piece in enumerate(pieces):
        before = PAGE_BREAK * (piece.rows[0].page - page) if index == 0 else ""
        page = pieces[index + 1].rows[0].page if index + 1 < len(pieces) else piece.rows[-1].page
        after = PAGE_BREAK * (page - piece.rows[-1].page)
        if piece.table is not None:
            blocks.append(_put_breaks(piece.table, before, after))
            continue
        text = before + _join_rows(piece.rows, vocabulary) + after
        if piece.kind == "heading":
            blocks.append(Heading(levels[round(piece.first.size)], text))
        elif piece.kind == "item":
            blocks.append(_write_item(piece, text, depths[index]))
        else:
            blocks.append(Paragraph(text))
    return blocks


def _rank_sizes(sizes: Iterable[float]) -> dict[int, int]:
    """Heading levels by size, from 2 for the largest; 1 is the title's."""
    return {size: min(2 + rank, 6) for rank, size in enumerate(sorted({round(size) for size in sizes}, reverse=True))}


def _find_depths(pieces: list[Piece]) -> dict[int, int]:
    """How deep each item stands, by its place: an item further right than the one above it lies within that one."""
    depths: dict[int, int] = {}
    edges: list[float] = []
    for index, piece in enumerate(pieces):
        if piece.kind != "item":
            edges = []
            continue
        slack = 0.5 * piece.first.size
        # In the next column or on the next page an item of the same depth stands elsewhere.
        if index and pieces[index - 1].rows[-1].region != piece.rows[0].region:
            edges = []
        while edges and piece.first.left < edges[-1] - slack:
            edges.pop()
        if not edges or piece.first.left > edges[-1] + slack:
            edges.append(piece.first.left)
        depths[index] = min(len(edges) - 1, MAX_DEPTH)
    return depths


def _write_item(piece: Piece, text: str, depth: int) -> Item:
    bullet = _read_bullet(piece.first)
    head = bullet[0] if bullet else ""
    number = (bullet["number"] or bullet["inner"]) if bullet else ""
    # The text may begin with page breaks; the bullet stands behind them.
    return Item(text.replace(head, "", 1), depth, f"{number}." if number else "-")


def _put_breaks(table: Table, before: str, after: str) -> Table:
    """The table with page breaks before its first filled cell and behind its last."""
    grid = [list(table.header), *(list(cells) for cells in table.rows)]
    filled = [(row, column) for row, cells in enumerate(grid) for column, cell in enumerate(cells) if cell]
    (first_row, first_column), (last_row, last_column) = filled[0], filled[-1]
    grid[first_row][first_column] = before + grid[first_row][first_column]
    grid[last_row][last_column] += after
    return Table(grid[0], grid[1:])


def _count_words(rows: Sequence[Row]) -> Counter[str]:
    """The words that stand whole on a line, hyphens within them included: what a broken word is compared with."""
    counts: Counter[str] = Counter()
    is_broken = False
    for row in rows:
        words = _WORD.findall(row.whole.text.casefold())
        was_broken, is_broken = is_broken, row.whole.text[-1] in _HYPHENS
        counts.update(words[int(was_broken) : len(words) - int(is_broken)])
    return counts


def _join_rows(rows: Sequence[Row], vocabulary: Counter[str]) -> str:
    """The rows as one line: broken words mended, and a page break where the page ends."""
    parts = [rows[0].whole.text]
    for above, row in pairwise(rows):
        keeps, space = _find_joint(above.whole.words[-1].text, row.whole.words[0].text, vocabulary)
        if not keeps:
            parts[-1] = parts[-1][:-1]
        parts.append(PAGE_BREAK * (row.page - above.page) + space + row.whole.text)
    return "".join(parts).replace("\u00ad", "")


def _find_joint(above: str, below: str, vocabulary: Counter[str]) -> tuple[bool, str]:
    """Whether the last character of the word above stays, and what stands between it and the word below."""
    head, tail = _BROKEN.search(above), _WORD.match(below)
    if not head or not tail:
        # "2019-" and "2020" keep their hyphen and need no space; a dash that stands alone is no hyphen.
        return True, "" if re.search(r"\w[-‐]$", above) else " "
    if head[2] == "\u00ad":
        return False, ""
    return not tail[0][0].islower() or _keeps_hyphen(head[1], tail[0], vocabulary), ""


def _keeps_hyphen(head: str, tail: str, vocabulary: Counter[str]) -> bool:
    head, tail = head.casefold(), tail.casefold()
    joined, hyphenated = vocabulary[head + tail], vocabulary[f"{head}-{tail}"]
    if joined or hyphenated:
        return hyphenated > joined
    # Neither occurs: two words that the document uses apart, such as "full" and "time", are joined by a real hyphen.
    return min(len(head), len(tail)) > 3 and bool(vocabulary[head] and vocabulary[tail])
