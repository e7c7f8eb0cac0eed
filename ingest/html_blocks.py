"""A tree of HTML -> blocks in reading order: headings, paragraphs, nested lists, tables, definitions, code."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from lxml.html import HtmlElement

from ingest.html_furniture import BLOCK_TAGS, HEADING_TAGS, holds_any
from ingest.markdown import Block, Code, Heading, Item, Paragraph, Table, one_line

MAX_DEPTH = 120  # elements deeper than this are flattened, so that no page can exhaust the call stack
MAX_SPAN = 100  # columns or rows that one cell may claim, and columns of a table
LONG_CELL = 600  # characters: a cell that long is a piece of layout or prose, not a datum

_STRUCTURES = frozenset(("ul", "ol", "dl", "table", "thead", "tbody", "tfoot", "tr"))
_BREAK = "\ue000"  # stands for <br> until a block's text is complete
_BULLET = re.compile(r"(?:[•·‣▪◦●○■*–—-]|(\d{1,3})[.)])\s+(?=\S)")


def render_blocks(region: HtmlElement) -> list[Block]:
    """The blocks of everything in `region`, a tree that `flatten_deep` has seen."""
    return list(_Renderer(region).render(region))


def read_text(element: HtmlElement) -> str:
    """All text of an element on one line; blocks and line breaks in it count as spaces."""
    return one_line(_gather(element).replace(_BREAK, " "))


def flatten_deep(region: HtmlElement) -> None:
    """Turn what stands too deep into the plain text of its holder, but part no list or table from its items."""
    stack = [(region, 0)]
    while stack:
        element, depth = stack.pop()
        for child in list(element):
            if depth < MAX_DEPTH or (child.tag in _STRUCTURES and depth < MAX_DEPTH + 20):
                stack.append((child, depth + 1))
            elif len(child):
                text = read_text(child)
                del child[:]
                child.text = text
                child.tag = "span" if child.tag in _STRUCTURES else child.tag


def _gather(element: HtmlElement, skip: Sequence[str] = ()) -> str:
    """The text of an element with spaces round its blocks, <br> as a mark, without the elements named in `skip`."""
    parts: list[str] = []
    stack: list[HtmlElement | str] = [element]
    while stack:
        node = stack.pop()
        if isinstance(node, str):
            parts.append(node)
            continue
        if node is not element and node.tail:
            stack.append(node.tail)
        if not isinstance(node.tag, str) or (node is not element and node.tag in skip):
            continue
        if node.tag == "br":
            parts.append(_BREAK)
            continue
        edge = " " if node.tag in BLOCK_TAGS else ""
        stack.append(edge)
        stack.extend(reversed(node))
        stack.append(edge + (node.text or ""))
    return "".join(parts)


class _Renderer:
    def __init__(self, region: HtmlElement) -> None:
        self._with_blocks = _find_block_holders(region)
        self._level = 1  # of the last heading

    def render(self, element: HtmlElement) -> Iterator[Block]:
        """The blocks of one element's content: runs of inline text become paragraphs between its blocks."""
        run = element.text or ""
        for child in element:
            if isinstance(child.tag, str) and (child.tag in BLOCK_TAGS or child in self._with_blocks):
                yield from _split_paragraphs(run)
                run = ""
                yield from self._render_block(child)
            elif isinstance(child.tag, str):
                run += _BREAK if child.tag == "br" else _gather(child)
            run += child.tail or ""
        yield from _split_paragraphs(run)

    def _render_block(self, element: HtmlElement) -> Iterable[Block]:  # noqa: PLR0911 - one line for each kind of block
        tag = element.tag
        if tag in HEADING_TAGS or element.get("role") == "heading":
            return self._render_heading(element)
        if tag == "table":
            return self._render_table(element)
        if tag in ("ul", "ol", "menu", "dir"):
            return self._render_list(element, 0)
        if tag == "dl":
            return self._render_definitions(element)
        if tag == "pre":
            return [Code(_gather(element)[1:-1].replace(_BREAK, "\n"))]
        if tag == "summary":
            return [Heading(min(self._level + 1, 6), read_text(element))]
        if tag == "p" and element not in self._with_blocks:
            return self._render_paragraph(element)
        return self._render_captioned(element) if tag in ("div", "figure", "section") else self.render(element)

    def _render_heading(self, element: HtmlElement) -> Iterator[Block]:
        level = int(element.tag[1]) if element.tag in HEADING_TAGS else _to_number(element.get("aria-level"), 2, 6)
        self._level = level
        yield Heading(level, read_text(element))

    def _render_paragraph(self, element: HtmlElement) -> Iterable[Block]:
        text = read_text(element)
        if _is_bold_line(element, text):
            return [Heading(min(self._level + 1, 6), text.rstrip(":"))]
        return _split_paragraphs(_gather(element))

    def _render_captioned(self, element: HtmlElement) -> Iterator[Block]:
        """A box of one heading over one table or chart: its heading must not become that of the text after the box."""
        level = self._level
        blocks = list(self.render(element))
        if not (_is_captioned_data(blocks) and holds_any(element, "dl", "table") and _text_goes_on_after(element)):
            yield from blocks
            return
        self._level = level
        start = next(index for index, block in enumerate(blocks) if isinstance(block, Table | Item))
        caption = [one_line(block.text) for block in blocks[:start] if isinstance(block, Heading | Paragraph)]
        yield Paragraph(": ".join(text.rstrip(":") for text in caption))
        yield from blocks[start:]

    def _render_list(self, element: HtmlElement, depth: int) -> Iterator[Block]:
        number = _to_number(element.get("start"), 1, 10_000)
        for child in element:
            if not isinstance(child.tag, str):
                continue
            if child.tag in ("ul", "ol"):  # a nested list that stands beside its item, not in it
                yield from self._render_list(child, depth + 1)
            elif child.tag == "li":
                marker = f"{number}." if element.tag == "ol" else "-"
                number += 1
                yield from self._render_item(child, depth, marker)
            else:
                yield from self._render_block(child) if child.tag in BLOCK_TAGS else _split_paragraphs(_gather(child))

    def _render_item(self, element: HtmlElement, depth: int, marker: str) -> Iterator[Block]:
        if holds_any(element, "table", "pre", *HEADING_TAGS):  # a card, not an item
            yield from self.render(element)
            return
        yield Item(one_line(_gather(element, ("ul", "ol")).replace(_BREAK, " ")), min(depth, 8), marker)
        for nested in element.iter("ul", "ol"):
            if _nearest(nested, "li") is element:
                yield from self._render_list(nested, depth + 1)

    def _render_definitions(self, element: HtmlElement) -> Iterator[Block]:
        terms: list[str] = []
        for child in element.iter("dt", "dd"):
            if _nearest(child, "dl") is not element:
                continue
            text = read_text(child)
            if child.tag == "dt":
                terms.append(text)
            elif holds_any(child, "ul", "ol", "table", "pre", "dl"):
                yield from [Paragraph(", ".join(filter(None, terms)))] if terms else []
                yield from self.render(child)
                terms = []
            else:
                term = ", ".join(filter(None, terms))
                yield Item(f"{term.rstrip(':')}: {text}" if term and text else term or text)
                terms = []
        yield from (Item(term) for term in terms)

    def _render_table(self, element: HtmlElement) -> Iterator[Block]:
        if _is_layout(element):
            for cell in _own(element, ("caption", "td", "th")):
                yield from self.render(cell)
            return
        for caption in _own(element, ("caption",)):
            yield Paragraph(read_text(caption))
        header, body, notes = _read_grid(element)
        table = _drop_empty_columns(Table(header, body))
        if len(table.header) == 1 and not any(table.header):
            yield from (Item(row[0]) for row in table.rows)
        else:
            yield table
        yield from (Paragraph(note) for note in notes)


def _is_captioned_data(blocks: Sequence[Block]) -> bool:
    """True for a heading, then a table or items with at most two lines of text around them."""
    kinds = [type(block) for block in blocks]
    return (
        kinds[:1] == [Heading]
        and kinds.count(Heading) == 1
        and kinds.count(Paragraph) <= 2
        and (kinds.count(Table) == 1 or Item in kinds)
    )


def _text_goes_on_after(element: HtmlElement) -> bool:
    """True when the next thing after an element is text, not a heading and not the end of the page."""
    node = element
    while node is not None:
        following = node.getnext()
        while following is not None and not read_text(following):
            following = following.getnext()
        if following is not None:
            return not _starts_with_heading(following)
        node = node.getparent()
    return False


def _starts_with_heading(element: HtmlElement) -> bool:
    first = next((node for node in element.iter() if isinstance(node.tag, str) and (node.text or "").strip()), None)
    if first is None:
        return False
    return first.tag in HEADING_TAGS or any(ancestor.tag in HEADING_TAGS for ancestor in first.iterancestors())


def _find_block_holders(region: HtmlElement) -> set[HtmlElement]:
    """Every element with a block somewhere inside, whatever its tag: <a><div>…</div></a> is common."""
    holders: set[HtmlElement] = set()
    for element in region.iter(*BLOCK_TAGS):
        parent = element.getparent()
        while parent is not None and parent not in holders:
            holders.add(parent)
            parent = parent.getparent()
    return holders


def _split_paragraphs(run: str) -> Iterator[Block]:
    """Paragraphs of a run of text: two line breaks part paragraphs, a bullet after a break begins an item."""
    for part in re.split(rf"{_BREAK}(?: ?{_BREAK})+", one_line(run)):
        lines = [line for line in map(one_line, part.split(_BREAK)) if line]
        if sum(bool(_BULLET.match(line)) for line in lines) >= 2:
            yield from (_read_bulleted(line) for line in lines)
        elif lines:
            yield Paragraph(" ".join(lines))


def _read_bulleted(line: str) -> Block:
    if match := _BULLET.match(line):
        return Item(line[match.end() :], marker=f"{match[1]}." if match[1] else "-")
    return Paragraph(line)


def _is_bold_line(element: HtmlElement, text: str) -> bool:
    """True for a short paragraph that is bold from end to end: how many editors write a heading."""
    if not 2 <= len(text) <= 80 or text[-1] in ".,;!" or (element.text or "").strip():
        return False
    children = [child for child in element if isinstance(child.tag, str) and child.tag != "br"]
    return len(children) == 1 and children[0].tag in ("strong", "b") and not (children[0].tail or "").strip()


def _nearest(element: HtmlElement, tag: str) -> HtmlElement | None:
    return next(element.iterancestors(tag), None)


def _own(table: HtmlElement, tags: Sequence[str]) -> list[HtmlElement]:
    """The cells, rows or caption of this table, without those of tables inside it."""
    return [element for element in table.iter(*tags) if _nearest(element, "table") is table]


def _is_layout(table: HtmlElement) -> bool:
    """True for a table that only places things: one inside another, headings in cells, or long prose beside prose."""
    if table.get("role") in ("presentation", "none"):
        return True
    if any(inner is not table for inner in table.iter("table")) or holds_any(table, *HEADING_TAGS):
        return True
    rows = _own(table, ("tr",))
    cells = _own(table, ("td", "th"))
    has_header = any(cell.tag == "th" for cell in cells)
    return not has_header and (
        len(cells) <= 1 or (len(rows) <= 2 and any(len(read_text(cell)) > LONG_CELL for cell in cells))
    )


def _read_grid(table: HtmlElement) -> tuple[list[str], list[list[str]], list[str]]:
    """Header, body rows and foot notes of a table, with every cell's text in each row and column it spans."""
    rows = [row for row in _own(table, ("tr",)) if _own_cells(row)]
    notes = [read_text(row) for row in rows if _is_note(row)]
    rows = [row for row in rows if not _is_note(row)]
    heads = _count_header_rows(rows)
    grid = _spread(rows)
    width = max((len(line) for line in grid), default=0)
    grid = [line + [""] * (width - len(line)) for line in grid]
    header = [_join_levels(column) for column in zip(*grid[:heads], strict=True)] if heads else [""] * width
    return header, grid[heads:], notes


def _own_cells(row: HtmlElement) -> list[HtmlElement]:
    return [cell for cell in row if cell.tag in ("td", "th")]


def _is_note(row: HtmlElement) -> bool:
    """True for a table foot's row of one cell across all columns."""
    return row.getparent().tag == "tfoot" and len(_own_cells(row)) == 1


def _count_header_rows(rows: Sequence[HtmlElement]) -> int:
    count = 0
    for row in rows:
        cells = _own_cells(row)
        if row.getparent().tag != "thead" and not (
            all(cell.tag == "th" for cell in cells) and (len(cells) > 1 or not count)
        ):
            break
        count += 1
    return count if count < len(rows) or count <= 2 else 1


def _spread(rows: Sequence[HtmlElement]) -> list[list[str]]:
    """Rows of texts on one grid: a row span repeats its text in each row; a column span fills its first column only,
    but every column in a header.
    """
    grid: list[list[str]] = []
    pending: dict[int, tuple[str, int]] = {}  # column -> text and rows still to fill
    for row in rows:
        line: list[str] = []
        for cell in [*_own_cells(row), None]:
            while len(line) in pending:
                text, left = pending.pop(len(line))
                if left > 1:
                    pending[len(line)] = (text, left - 1)
                line.append(text)
            if cell is None or len(line) >= MAX_SPAN:
                continue
            text = read_text(cell)
            width, height = (_to_number(cell.get(name), 1, MAX_SPAN) for name in ("colspan", "rowspan"))
            for column in range(min(width, MAX_SPAN - len(line))):
                shown = text if column == 0 or (cell.tag == "th" and len(_own_cells(row)) > 1) else ""
                if height > 1:
                    pending[len(line)] = (shown, height - 1)
                line.append(shown)
        grid.append(line)
    return grid


def _join_levels(column: Sequence[str]) -> str:
    """One header from several rows of it: "Change, 2024-34: Percent"."""
    return ": ".join(dict.fromkeys(text for text in column if text))


def _drop_empty_columns(table: Table) -> Table:
    """A table without the columns in which no row has text; a span that only repeats its header is one of those."""
    width = len(table.header)
    kept = (
        [column for column in range(width) if any(row[column] for row in table.rows)]
        if table.rows
        else list(range(width))
    )
    header = [table.header[column] for column in kept]
    for column, text in enumerate(table.header):
        if text and column not in kept and text not in header and kept:
            header[0] = header[0] or text
    return replace(table, header=header, rows=[[row[column] for column in kept] for row in table.rows])


def _to_number(value: str | None, least: int, most: int) -> int:
    digits = re.match(r"\s*(\d{1,6})", value or "")
    return max(least, min(int(digits[1]), most)) if digits else least
