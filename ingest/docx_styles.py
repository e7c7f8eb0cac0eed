"""What the paragraphs of a Word document are: headings, list items with the numbers that show, hidden or plain."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

from lxml.etree import _Element

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
MAX_LABEL = 100  # characters of the pattern that the number of each item is written by
MAX_INHERITED = 11  # styles that build on one another; a ring of them would never end
TITLE_LEVEL = 0  # of a paragraph in the style "Title": above every heading

_BODY_TEXT = 9  # the outline level that is none
_HEADING = re.compile(r"heading ?([1-9])", re.IGNORECASE)
_TRUE = ("true", "1", "on")
_ROMAN = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x"))
_SMALL_ROMAN = ((9, "ix"), (5, "v"), (4, "iv"), (1, "i"))


def read_value(holder: _Element | None, path: str, name: str = "val", default: str = "") -> str:
    """An attribute of the element at `path`; `default` when either is missing."""
    found = find(holder, path)
    return default if found is None else str(found.get(W + name, default))


def read_number(holder: _Element | None, path: str, default: int = 0) -> int:
    """As `read_value`, of a whole number; `default` for what is none."""
    value = read_value(holder, path)
    return int(value) if re.fullmatch(r"[0-9]{1,6}", value) else default


def find(holder: _Element | None, path: str) -> _Element | None:
    """The element at `path` ("pPr/pStyle"), all of whose steps are of Word's namespace."""
    return None if holder is None else holder.find(_qualify(path))


@cache
def _qualify(path: str) -> str:
    return "/".join(W + step for step in path.split("/"))


def is_on(holder: _Element | None, path: str) -> bool | None:
    """Whether a switch such as "rPr/b" is set; None when nothing is said about it."""
    found = find(holder, path)
    return None if found is None else str(found.get(W + "val", "true")).lower() in _TRUE


class Styles:
    """The paragraph, character and table styles of a document, each with what it inherits."""

    def __init__(self, root: _Element | None) -> None:
        self._styles = {style.get(W + "styleId", ""): style for style in _children(root, "style")}
        self._chains: dict[str, list[_Element]] = {}
        self._default = next(
            (
                name
                for name, style in self._styles.items()
                if style.get(W + "type") == "paragraph" and str(style.get(W + "default")).lower() in _TRUE
            ),
            "",
        )

    def trace(self, paragraph: _Element) -> Iterator[_Element]:
        """What decides a paragraph's look, the nearest first: itself, its style, the styles that builds on."""
        yield paragraph
        yield from self._inherit_of(paragraph)

    def _inherit_of(self, paragraph: _Element) -> list[_Element]:
        return self.inherit(read_value(paragraph, "pPr/pStyle") or self._default)

    def inherit(self, name: str) -> list[_Element]:
        """A style and those it builds on, at most as many as Word allows."""
        if name not in self._chains:
            chain: list[_Element] = []
            base = name
            while base in self._styles and len(chain) < MAX_INHERITED:
                chain.append(self._styles[base])
                base = read_value(chain[-1], "basedOn")
            self._chains[name] = chain
        return self._chains[name]

    def name_of(self, paragraph: _Element) -> str:
        """The style's name as Word knows it in every language: "heading 1", "Title", "toc 2"."""
        name = read_value(paragraph, "pPr/pStyle") or self._default
        return read_value(self._styles.get(name), "name", default=name).lower()

    def level_of(self, paragraph: _Element) -> int | None:
        """A heading's level from 1, TITLE_LEVEL for the title; None for what is no heading."""
        name = self.name_of(paragraph)
        if name == "title":
            return TITLE_LEVEL
        if named := _HEADING.fullmatch(name):
            return int(named[1])
        for place in self.trace(paragraph):
            if find(place, "pPr/outlineLvl") is not None:
                level = read_number(place, "pPr/outlineLvl", _BODY_TEXT)
                return level + 1 if level < _BODY_TEXT else None
        return None

    def is_set(self, run: _Element, paragraph: _Element, switch: str) -> bool:
        """Whether "b" or "vanish" holds for a run: by itself, by its character style, by its paragraph's style."""
        places = (run, *self.inherit(read_value(run, "rPr/rStyle")), *self._inherit_of(paragraph))
        return next((value for place in places if (value := is_on(place, f"rPr/{switch}")) is not None), False)

    def has_header_look(self, table: _Element) -> bool:
        """True for a table whose style sets its first row apart."""
        look = find(table, "tblPr/tblLook")
        if look is None:
            return False
        asked = look.get(W + "firstRow")
        shown = asked.lower() in _TRUE if asked else re.search("[2367abef].$", look.get(W + "val", ""), re.IGNORECASE)
        parts = (part for style in self.inherit(read_value(table, "tblPr/tblStyle")) for part in style)
        return bool(shown) and any(part.get(W + "type") == "firstRow" for part in parts)


@dataclass(frozen=True)
class Label:
    """What stands before a numbered or bulleted paragraph; `text` is "" for a bullet."""

    text: str
    depth: int


@dataclass
class Numbering:
    """The lists of a document, counted on as its paragraphs are read in order."""

    root: _Element | None
    styles: Styles
    _counts: dict[str, dict[int, int]] = field(default_factory=dict)  # by abstract list, then by depth
    _started: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._lists = {element.get(W + "numId", ""): element for element in _children(self.root, "num")}
        self._abstract = {
            element.get(W + "abstractNumId", ""): element for element in _children(self.root, "abstractNum")
        }

    def label(self, paragraph: _Element) -> Label | None:
        """The number or bullet of the next paragraph; None for one that shows none."""
        number, depth = self._find_list(paragraph)
        level = self._find_level(number, depth)
        if level is None:
            return None
        counts = self._count(number, depth)
        shown_as = read_value(level, "numFmt", default="decimal")
        if shown_as == "bullet":
            return Label("", depth)
        text = re.sub(
            "%([1-9])",
            lambda place: self._write_count(number, int(place[1]) - 1, counts),
            read_value(level, "lvlText")[:MAX_LABEL],
        ).strip()
        return Label(text, depth) if text and shown_as != "none" else None

    def _find_list(self, paragraph: _Element) -> tuple[str, int]:
        """The list and the depth that a paragraph or its style asks for."""
        number, depth = "", -1
        for place in self.styles.trace(paragraph):
            number = number or read_value(place, "pPr/numPr/numId")
            depth = depth if depth >= 0 else read_number(place, "pPr/numPr/ilvl", -1)
        return number, max(0, min(depth, 8))

    def _find_abstract(self, number: str) -> _Element | None:
        element = self._abstract.get(read_value(self._lists.get(number), "abstractNumId"))
        if link := read_value(element, "numStyleLink"):  # the levels stand where the style is defined
            return next((other for other in self._abstract.values() if read_value(other, "styleLink") == link), None)
        return element

    def _find_level(self, number: str, depth: int) -> _Element | None:
        overridden = find(self._find_override(number, depth), "lvl")
        if overridden is not None:
            return overridden
        levels = _children(self._find_abstract(number), "lvl")
        return next((level for level in levels if level.get(W + "ilvl") == str(depth)), None)

    def _find_override(self, number: str, depth: int) -> _Element | None:
        overrides = _children(self._lists.get(number), "lvlOverride")
        return next((override for override in overrides if override.get(W + "ilvl") == str(depth)), None)

    def _count(self, number: str, depth: int) -> dict[int, int]:
        """The counts after one more paragraph at `depth`; lists of one kind count on unless told to start again."""
        counts = self._counts.setdefault(read_value(self._lists.get(number), "abstractNumId"), {})
        if number not in self._started:
            self._started.add(number)
            for level in range(9):
                if read_value(self._find_override(number, level), "startOverride"):
                    counts.pop(level, None)
        counts[depth] = counts[depth] + 1 if depth in counts else self._find_start(number, depth)
        for deeper in [level for level in counts if level > depth]:
            del counts[deeper]
        return counts

    def _find_start(self, number: str, depth: int) -> int:
        start = read_number(self._find_level(number, depth), "start", 1)
        return read_number(self._find_override(number, depth), "startOverride", start)

    def _write_count(self, number: str, depth: int, counts: dict[int, int]) -> str:
        shown_as = read_value(self._find_level(number, depth), "numFmt", default="decimal")
        return _write_number(counts.get(depth, self._find_start(number, depth)), shown_as)


def _write_number(count: int, shown_as: str) -> str:
    """A count as Word shows it in the formats "decimal", "lowerRoman" and so on; others as digits."""
    kind = shown_as.lower()
    written = str(count)
    if kind.endswith("letter") and 0 < count <= 780:
        written = chr(ord("a") + (count - 1) % 26) * ((count - 1) // 26 + 1)  # z, aa, bb: as Word does
    elif kind.endswith("roman") and 0 < count < 4_000:
        written = _write_roman(count)
    elif kind == "decimalzero":
        written = f"{count:02}"
    return written.upper() if shown_as.startswith("upper") else written


def _write_roman(count: int) -> str:
    written = ""
    for value, sign in (*_ROMAN, *_SMALL_ROMAN):
        written += sign * (count // value)
        count %= value
    return written


def _children(holder: _Element | None, name: str) -> list[_Element]:
    return [] if holder is None else list(holder.findall(W + name))
