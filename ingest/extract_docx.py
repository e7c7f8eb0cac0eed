"""DOCX -> Draft, read from the parts of the package itself: what Word shows in the text, in order.

Of the readers that could be built on, mammoth numbers every list anew and reads hidden text, python-docx reads neither
text boxes nor content controls nor notes, and both unpack without bounds. Not read: deleted, hidden and moved-away
text, comments, headers, footers, tables of contents. Notes stand at the end of the section that refers to them.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from posixpath import dirname, join, normpath
from typing import TYPE_CHECKING

from ingest.docx_styles import Label, Numbering, Styles, W, find, is_on, read_number
from ingest.draft import PAGE_BREAK, Draft, DraftRefused, parse_date
from ingest.markdown import Block, Heading, Item, Paragraph, Table, one_line
from ingest.unpack import Package, open_package, parse_xml

if TYPE_CHECKING:
    from lxml.etree import _Element

LONG_CELL = 600  # characters: a cell that long is a piece of layout or prose, not a datum
MAX_COLUMNS = 100  # of a table, and columns that one cell may claim

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_STRICT = b"http://purl.oclc.org/ooxml/wordprocessingml/main"  # ISO 29500 Strict; all else we read is named alike
_MARKUP_CHOICE = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_MATH_TEXT = "{http://schemas.openxmlformats.org/officeDocument/2006/math}t"
_RELATION = "{http://schemas.openxmlformats.org/package/2006/relationships}Relationship"
_SPACES = {f"{W}{name}": " " for name in ("tab", "ptab", "br", "cr")} | {f"{W}noBreakHyphen": "-"}
_NOTES = {f"{W}footnoteReference": "footnote", f"{W}endnoteReference": "endnote"}
_HOLDERS = frozenset(f"{W}{name}" for name in ("sdt", "sdtContent", "customXml", "ins", "moveTo", "smartTag"))
_BULLET = re.compile(r"[•·‣▪◦●○■\uf0b7\uf0a7]\s*(?=\S)")  # typed, or a sign of Word's own fonts
_LIST_NUMBER = re.compile(r"\d{1,9}[.)]")


def read_docx(content: bytes) -> Draft:
    """The article of a Word document. Raises DraftRefused when it is protected, damaged or unpacks to too much."""
    if content.startswith(_OLE):
        encrypted = "EncryptedPackage".encode("utf-16-le") in content
        reason = "needs a password. Open it, save it without one" if encrypted else "is no .docx file. Save it as one"
        raise DraftRefused(f"{reason} and ingest that.")
    package = open_package(content)
    name = _find_part(package, "", "officeDocument", "word/document.xml")
    root = _parse_part(package, name)
    body = find(root, "body")
    if body is None:
        raise DraftRefused("holds no Word document. Save its text as a .docx, .md or .txt file and ingest that.")
    blocks = list(_Reader(package, name).read(body))
    return _describe(blocks, _parse_part(package, _find_part(package, "", "core-properties", "docProps/core.xml")))


def _describe(blocks: list[Block], core: _Element | None) -> Draft:
    """A draft whose title is the document's first heading where that stands alone, else what its properties say."""
    about = {} if core is None else {child.tag.rpartition("}")[2]: one_line(child.text or "") for child in core}
    headings = [block for block in blocks if isinstance(block, Heading)]
    title = about.get("title", "")
    # A first heading with others at its level begins a chapter, unless nothing else names the document.
    if headings and headings[0].level <= 1:
        alone = sum(heading.level == headings[0].level for heading in headings) == 1
        if alone or one_line(headings[0].text) == title or not title:
            title = headings[0].text
            blocks = [block for block in blocks if block is not headings[0]]
    language = re.match(r"[A-Za-z]{2,3}(?=[-_]|$)", about.get("language", ""))
    return Draft(
        blocks,
        title=title,
        author=about.get("creator", ""),
        published=parse_date(about.get("created") or about.get("modified")),
        language=language[0].lower() if language else "",
    )


def _find_part(package: Package, part: str, kind: str, usual: str) -> str:
    """The name of the part to which `part` (or the package itself: "") has a relation of that kind."""
    folder, _, name = part.rpartition("/")
    relations = _parse_part(package, join(folder, "_rels", f"{name}.rels"))
    for relation in () if relations is None else relations.iter(_RELATION):
        if relation.get("Type", "").endswith(f"/{kind}") and relation.get("TargetMode") != "External":
            return normpath(join("/", folder, relation.get("Target", ""))).lstrip("/")
    return usual


def _parse_part(package: Package, name: str) -> _Element | None:
    content = package.read(name)
    return parse_xml(content.replace(_STRICT, W[1:-1].encode())) if content else None


@dataclass(frozen=True)
class _Cell:
    blocks: Sequence[Block]
    width: int
    goes_on: bool  # part of the cell above it


class _Reader:
    """Reads the parts of one document in order; its lists count on from paragraph to paragraph."""

    def __init__(self, package: Package, document: str) -> None:
        def open_part(kind: str) -> _Element | None:
            return _parse_part(package, _find_part(package, document, kind, join(dirname(document), f"{kind}.xml")))

        self._styles = Styles(open_part("styles"))
        self._numbering = Numbering(open_part("numbering"), self._styles)
        self._notes = {
            (kind, note.get(W + "id")): note
            for kind in ("footnote", "endnote")
            for note in _children_of(open_part(f"{kind}s"))
        }
        self._due: deque[_Element] = deque()  # notes referred to in the section that is being read
        self._level = 1  # of the last heading

    def read(self, body: _Element) -> Iterator[Block]:
        """The blocks of the whole document; notes at the end of the section that refers to them."""
        for block in self._read_blocks(body):
            if isinstance(block, Heading):
                yield from self._read_due_notes()
            yield block
        yield from self._read_due_notes()

    def _read_due_notes(self) -> Iterator[Block]:
        while self._due:  # a note may refer to another
            yield from self._read_blocks(self._due.popleft())

    def _read_blocks(self, holder: _Element) -> Iterator[Block]:
        for element in _flatten(holder):
            if element.tag == f"{W}p":
                yield from self._read_paragraph(element)
            elif element.tag == f"{W}tbl":
                yield from self._read_table(element)

    def _read_paragraph(self, paragraph: _Element) -> Iterator[Block]:
        parts: list[str] = []
        boxes: list[_Element] = []
        for element in _walk(paragraph, self._shows(paragraph)):
            if element.tag in (f"{W}t", _MATH_TEXT):
                parts.append(element.text or "")
            elif element.tag in _SPACES:
                parts.append(_SPACES[element.tag])
            elif element.tag == f"{W}txbxContent":
                boxes.append(element)
            elif (note := self._notes.pop((_NOTES.get(element.tag, ""), element.get(W + "id")), None)) is not None:
                self._due.append(note)
        text = one_line("".join(parts).replace(PAGE_BREAK, ""))
        if not self._styles.name_of(paragraph).startswith("toc"):
            yield from self._make_block(paragraph, text)
        for box in boxes:
            yield from self._read_blocks(box)

    def _shows(self, paragraph: _Element) -> Callable[[_Element], bool]:
        """Tells runs that are seen from hidden ones."""
        return lambda run: not self._styles.is_set(run, paragraph, "vanish")

    def _make_block(self, paragraph: _Element, text: str) -> Iterator[Block]:
        if not text and find(paragraph, "pPr/rPr/del") is not None:
            return  # deleted whole; any other empty paragraph of a list has its number
        label, level = self._numbering.label(paragraph), self._styles.level_of(paragraph)
        if not text:
            return
        if level is not None:
            self._level = max(level, 1)
            yield Heading(level, one_line(f"{label.text if label else ''} {text}"))
        elif label is not None:
            yield _make_item(text, label)
        elif bullet := _BULLET.match(text):
            yield Item(text[bullet.end() :])
        elif self._is_bold_line(paragraph, text):
            yield Heading(min(self._level + 1, 6), text.rstrip(":"))
        else:
            yield Paragraph(text)

    def _is_bold_line(self, paragraph: _Element, text: str) -> bool:
        """True for a short paragraph that is bold from end to end: how many writers make a heading."""
        if not 2 <= len(text) <= 80 or text[-1] in ".,;!" or paragraph.getparent().tag == f"{W}tc":
            return False
        return self._is_bold(paragraph)

    def _is_bold(self, paragraph: _Element) -> bool:
        runs = [run for run in paragraph.iter(f"{W}r") if one_line("".join(run.itertext(f"{W}t")))]
        return bool(runs) and all(self._styles.is_set(run, paragraph, "b") for run in runs)

    def _read_table(self, table: _Element) -> Iterator[Block]:
        lines = [row for row in _flatten(table) if row.tag == f"{W}tr" and find(row, "trPr/del") is None]
        rows = [self._read_row(line) for line in lines]
        if _is_layout(rows):
            yield from (block for row in rows for cell in row for block in cell.blocks)
            return
        heads = len(list(takewhile(lambda line: is_on(line, "trPr/tblHeader"), lines)))
        heads = heads or int(self._begins_with_header(table, lines))
        heads = heads if heads < len(rows) else 0
        yield from _make_table(_spread(rows, heads), heads)

    def _read_row(self, line: _Element) -> list[_Cell]:
        before = min(read_number(line, "trPr/gridBefore"), MAX_COLUMNS)
        return [_Cell([], before, goes_on=False)] * bool(before) + [self._read_cell(cell) for cell in _cells_of(line)]

    def _read_cell(self, cell: _Element) -> _Cell:
        width = min(max(read_number(cell, "tcPr/gridSpan"), 1), MAX_COLUMNS)
        merge = find(cell, "tcPr/vMerge")
        goes_on = merge is not None and merge.get(W + "val", "continue") == "continue"
        return _Cell(list(self._read_blocks(cell)), width, goes_on)

    def _begins_with_header(self, table: _Element, lines: Sequence[_Element]) -> bool:
        """True when the first row is set apart: by the table's style, or bold above a row that is not."""
        if self._styles.has_header_look(table):
            return True
        bold = [
            all(self._is_bold(paragraph) for cell in _cells_of(line) for paragraph in cell.iter(f"{W}p"))
            for line in lines[:2]
        ]
        return bold == [True, False]


def _flatten(holder: _Element) -> Iterator[_Element]:
    """The children of an element, and of the content controls and revision marks that only wrap them."""
    for child in holder:
        if child.tag in _HOLDERS:
            yield from _flatten(child)
        else:
            yield child


def _walk(paragraph: _Element, shows: Callable[[_Element], bool]) -> Iterator[_Element]:
    """Every element of a paragraph that counts, in order; of text boxes only the box, of two versions only one."""
    stack = list(reversed(paragraph))
    while stack:
        element = stack.pop()
        if element.tag in (f"{W}pPr", f"{W}rPr", f"{W}del", f"{W}moveFrom", f"{W}rt"):
            continue
        if element.tag == f"{W}r" and not shows(element):
            continue
        yield element
        if element.tag == f"{_MARKUP_CHOICE}AlternateContent":
            stack.extend(element[:1])  # the others show the same to programs that do not know the first
        elif element.tag != f"{W}txbxContent":
            stack.extend(reversed(element))


def _make_item(text: str, label: Label) -> Item:
    """A list item; a number that no Markdown marker can show, "a)" or "1.2", stands before its text."""
    if not label.text or _LIST_NUMBER.fullmatch(label.text):
        return Item(text, label.depth, label.text or "-")
    return Item(f"{label.text} {text}", label.depth)


def _cells_of(line: _Element) -> list[_Element]:
    return [cell for cell in _flatten(line) if cell.tag == f"{W}tc"]


def _children_of(holder: _Element | None) -> Iterable[_Element]:
    return () if holder is None else holder


def _is_layout(rows: Sequence[Sequence[_Cell]]) -> bool:
    """True for a table that only places things: of one column, with headings or tables in cells, or long prose."""
    cells = [cell for row in rows for cell in row]
    return (
        all(len(row) == 1 for row in rows)
        or any(isinstance(block, Heading | Table) for cell in cells for block in cell.blocks)
        or (len(rows) <= 2 and any(len(_read_text(cell)) > LONG_CELL for cell in cells))
    )


def _read_text(cell: _Cell) -> str:
    """A cell's text on one line, with the numbers of its lists."""
    parts = []
    for block in cell.blocks:
        if isinstance(block, Item) and block.marker != "-":
            parts.append(block.marker)
        parts.append(getattr(block, "text", ""))
    return " ".join(parts)


def _spread(rows: Sequence[Sequence[_Cell]], heads: int) -> list[list[str]]:
    """Rows of texts on one grid: a cell merged downwards repeats its text in each row, one merged across fills its
    first column only, but every column in a header.
    """
    grid: list[list[str]] = []
    for number, row in enumerate(rows):
        line: list[str] = []
        for cell in row:
            above = grid[-1][len(line)] if grid and len(line) < len(grid[-1]) else ""
            text = above if cell.goes_on else _read_text(cell)
            again = text if len(text) <= LONG_CELL else ""  # or one long cell could fill the memory
            line += [again if cell.goes_on else text] + [again if number < heads else ""] * (cell.width - 1)
        grid.append(line[:MAX_COLUMNS])
    width = max(map(len, grid))
    return [line + [""] * (width - len(line)) for line in grid]


def _make_table(grid: Sequence[Sequence[str]], heads: int) -> Iterator[Block]:
    """A table of the grid's columns that hold anything; several header rows become one: "Pay: 2025"."""
    columns = [
        (": ".join(dict.fromkeys(filter(None, column[:heads]))), column[heads:])
        for column in zip(*grid, strict=True)
        if any(column[heads:])
    ]
    header = [name for name, _ in columns]
    rows = [list(row) for row in zip(*(cells for _, cells in columns), strict=True)]
    if len(header) == 1 and not header[0]:
        yield from (Item(text) for (text,) in rows)
    else:
        yield Table(header, rows)
