"""A page of a PDF -> the words that a reader of the page can see, with their places. The only file that names PDFium.

Text outside of the page, too small, transparent, white on white or drawn in the invisible mode is left out: that is
where instructions to machines are hidden. Invisible text over a picture of the page is what OCR adds to a scan, and is
read.
"""

from __future__ import annotations

import ctypes
import math
import re
import sys
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from ingest.pdf_layout import Sheet, Word

MIN_SIZE = 1.0  # points: what is smaller cannot be read
MAX_SIZE = 5_000.0  # points: a page's largest edge is 14,400
WHITE = 250  # of 255, each of red, green and blue
PICTURE_SHARE = 0.5  # of the page's area: such a picture is the page
MIN_TURNED_WORDS = 20  # a table printed sideways has more, the label of an axis or a stamp in the margin has fewer
MAX_BULLETS = 200  # more dots on a page are a plot or a map
MAX_GROUNDS = 2_000  # more shapes on a page are a drawing: white text on it is not looked into
SLANT = math.radians(10)  # text further off from a quarter turn is a watermark; a crooked scan is not

_LIGATURE = re.compile("[\ufb00-\ufdff\ufe70-\ufefc]")  # Latin, Hebrew and Arabic letters in one of their drawn forms
_BOLD = re.compile(rb"bold|black|heavy|demi", re.IGNORECASE)
_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_FORCED_BOLD = 1 << 18  # a flag of the font's descriptor (ISO 32000-1, table 123)
_UNKNOWN = "\ufffd"


@dataclass(frozen=True)
class PageText:
    """What a page shows, and how much of it has no known meaning."""

    sheet: Sheet
    characters: int = 0  # drawn, spaces left out
    unknown: int = 0  # of these, glyphs of which the file does not say what letters they are
    is_scan: bool = False  # a picture covers the page


@dataclass(frozen=True)
class _Style:
    """What the characters of one text object have in common."""

    size: float
    bold: bool
    turn: int  # quarters, counter-clockwise; -1 for text at a slant
    is_invisible: bool
    is_white: bool


@dataclass(frozen=True, slots=True)
class _Glyph:
    """A character with its place, in the direction in which it is read."""

    text: str
    left: float
    right: float
    base: float
    style: _Style


def read_page(page: Any) -> PageText:
    """The words of a PDFium page; raises PdfiumError when it is damaged."""
    text = page.get_textpage()
    try:
        reader = _Reader(page, text)
        turns: dict[int, list[Word]] = {}
        characters = unknown = 0
        for glyphs in reader.read_runs():
            characters += len(glyphs)
            unknown += sum(glyph.text == _UNKNOWN for glyph in glyphs)
            if word := _make_word(glyphs):
                turns.setdefault(glyphs[0].style.turn, []).append(word)
        if 0 in turns:
            turns[0] += reader.read_bullets(turns[0])
        return PageText(_lay_down(turns, page), characters, unknown, reader.is_scan)
    finally:
        text.close()


def _lay_down(turns: dict[int, list[Word]], page: Any) -> Sheet:
    """The words of the page's main direction; those of another below them, where they are more than labels."""
    left, foot, right, top = page.get_bbox()
    groups = sorted(turns.items(), key=lambda group: -len(group[1]))
    if not groups:
        return Sheet((), right - left, top - foot)
    main, words = groups[0]
    width, height = (right - left, top - foot) if main % 2 == 0 else (top - foot, right - left)
    shift = height
    for _, others in groups[1:]:
        if len(others) >= MIN_TURNED_WORDS:
            words = words + [Word(w.text, w.left, w.right, w.base + shift, w.size, w.bold) for w in others]
            shift += max(right - left, top - foot)
    return Sheet(words, width, height)


def _make_word(glyphs: list[_Glyph]) -> Word | None:
    main = max(glyphs, key=lambda glyph: glyph.style.size)
    parts: list[str] = []
    for glyph in glyphs:
        # A raised digit is a note's number or a power: "$10,000¹" must not become "$10,0001".
        raised = glyph.style.size < 0.85 * main.style.size and glyph.base < main.base - 0.15 * main.style.size
        parts.append(glyph.text.translate(_RAISED) if raised else glyph.text)
    # A soft hyphen is drawn only where a line breaks; one drawn within a word is a font's name for a real hyphen.
    text = re.sub("\u00ad(?=.)", "-", "".join(parts)).replace(_UNKNOWN, "")
    if not text:
        # An ornament's glyph that stands alone is a bullet: symbol fonts give it no letter.
        text = "•" if len(glyphs) == 1 else ""
    if not text.strip("\u00ad"):
        return None
    left, right = min(glyph.left for glyph in glyphs), max(glyph.right for glyph in glyphs)
    return Word(text, left, right, main.base, main.style.size, main.style.bold)


class _Reader:
    """PDFium's characters as runs of glyphs without a gap."""

    def __init__(self, page: Any, text: Any) -> None:
        from pypdfium2 import raw

        self._raw, self._page, self._text = raw, page, text
        self._left, self._foot, self._right, self._top = page.get_bbox()
        self._styles: dict[int | None, _Style] = {}
        self._x, self._y, self._box = ctypes.c_double(), ctypes.c_double(), raw.FS_RECTF()

    def read_runs(self) -> Iterator[list[_Glyph]]:
        run: list[_Glyph] = []
        for index in range(self._raw.FPDFText_CountChars(self._text)):
            glyph = self._read_glyph(index)
            if run and (glyph is None or _are_apart(run[-1], glyph)):
                yield run
                run = []
            if glyph is not None and glyph.text:
                run.append(glyph)
        if run:
            yield run

    def _read_glyph(self, index: int) -> _Glyph | None:
        """The character, or None for a space and for what nobody sees; with empty text for marks without a shape."""
        text = _read_letter(self._raw.FPDFText_GetUnicode(self._text, index))
        if text.isspace():
            return None
        self._raw.FPDFText_GetCharOrigin(self._text, index, self._x, self._y)
        self._raw.FPDFText_GetLooseCharBox(self._text, index, self._box)
        box, style = self._box, self._find_style(index)
        middle = (box.left + box.right) / 2, (box.bottom + box.top) / 2
        if style.turn < 0 or not self._is_seen(style, *middle):
            return None
        left, right, base = self._turn(style.turn)
        return _Glyph(text, left, right, base, style)

    def _turn(self, turn: int) -> tuple[float, float, float]:
        """Left, right and baseline of the current character when the page is turned so that it stands upright."""
        box = self._box
        across = (box.left - self._left, box.right - self._left)
        down = (self._top - box.top, self._top - box.bottom)
        x, y = self._x.value - self._left, self._top - self._y.value
        width, height = self._right - self._left, self._top - self._foot
        if turn == 0:
            return across[0], across[1], y
        if turn == 1:
            return height - down[1], height - down[0], x
        if turn == 2:
            return width - across[1], width - across[0], height - y
        return down[0], down[1], width - x

    def _find_style(self, index: int) -> _Style:
        handle = self._raw.FPDFText_GetTextObject(self._text, index)
        key = ctypes.cast(handle, ctypes.c_void_p).value
        if key not in self._styles:
            self._styles[key] = self._read_style(index, handle)
        return self._styles[key]

    def _read_style(self, index: int, handle: Any) -> _Style:
        raw, matrix = self._raw, self._raw.FS_MATRIX()
        raw.FPDFText_GetMatrix(self._text, index, matrix)
        size = raw.FPDFText_GetFontSize(self._text, index) * math.hypot(matrix.c, matrix.d)
        angle = math.atan2(matrix.b, matrix.a) + (math.pi if size < 0 else 0)  # a negative size turns text about
        turn = round(angle / (math.pi / 2))
        color = self._read_color(handle)
        mode = raw.FPDFTextObj_GetTextRenderMode(handle) if handle else raw.FPDF_TEXTRENDERMODE_FILL
        is_filled = mode in (raw.FPDF_TEXTRENDERMODE_FILL, raw.FPDF_TEXTRENDERMODE_FILL_CLIP)
        return _Style(
            # The font of a damaged file may have no size; that of a Type 3 font may be in units of its own.
            size=round(abs(size) if abs(size) >= MIN_SIZE else self._box.top - self._box.bottom, 2),
            bold=self._is_bold(index),
            turn=turn % 4 if abs(angle - turn * math.pi / 2) < SLANT else -1,
            is_invisible=mode in (raw.FPDF_TEXTRENDERMODE_INVISIBLE, raw.FPDF_TEXTRENDERMODE_CLIP)
            or (is_filled and color[3] == 0),
            is_white=is_filled and _is_white(color),
        )

    def _is_bold(self, index: int) -> bool:
        name, flags = ctypes.create_string_buffer(128), ctypes.c_int(0)
        self._raw.FPDFText_GetFontInfo(self._text, index, name, 128, flags)
        return bool(_BOLD.search(name.value) or flags.value & _FORCED_BOLD)

    def _is_seen(self, style: _Style, x: float, y: float) -> bool:
        if (
            not (self._left <= x <= self._right and self._foot <= y <= self._top)
            or not MIN_SIZE <= style.size <= MAX_SIZE
        ):
            return False
        if style.is_invisible:
            return self.is_scan
        return not style.is_white or self._lies_on_colour(x, y)

    @cached_property
    def is_scan(self) -> bool:
        """True when pictures cover most of the page."""
        pictures = (edges for kind, edges in self._objects if kind == self._raw.FPDF_PAGEOBJ_IMAGE)
        area = sum((right - left) * (top - foot) for left, foot, right, top in pictures)
        return bool(area >= PICTURE_SHARE * (self._right - self._left) * (self._top - self._foot))

    def read_bullets(self, words: list[Word]) -> list[Word]:
        """Bullets for small shapes and pictures before words: browsers, for one, draw the bullets of lists."""
        marks = [edges for _, edges in self._objects if _is_dot(edges)]
        if len(marks) > MAX_BULLETS:
            return []
        bullets: list[Word] = []
        for edges in marks:
            left, right, base = edges[0] - self._left, edges[2] - self._left, self._top - edges[1]
            for word in words:
                near = 0 < word.left - right < 2 * word.size and abs(word.base - base) < 0.4 * word.size
                if near and 0.15 < (right - left) / word.size < 0.6:
                    bullets.append(Word("•", left, right, word.base, word.size))
                    break
        return bullets

    def _lies_on_colour(self, x: float, y: float) -> bool:
        if len(self._objects) > MAX_GROUNDS:
            return True
        return any(left <= x <= right and foot <= y <= top for _, (left, foot, right, top) in self._objects)

    @cached_property
    def _objects(self) -> list[tuple[int, tuple[float, float, float, float]]]:
        """Kind and edges of pictures, coloured areas and dots; a group that holds a picture counts as one."""
        raw, found = self._raw, []
        for thing in self._page.get_objects(max_depth=1):
            kind, edges = thing.type, _find_edges(thing)
            if kind == raw.FPDF_PAGEOBJ_TEXT or edges is None:
                continue
            if kind == raw.FPDF_PAGEOBJ_PATH and not _is_dot(edges) and not self._is_coloured(thing):
                continue
            if kind == raw.FPDF_PAGEOBJ_FORM:
                inside = self._page.get_objects([raw.FPDF_PAGEOBJ_IMAGE], max_depth=3, form=thing, level=1)
                kind = raw.FPDF_PAGEOBJ_IMAGE if next(inside, None) else kind
            found.append((kind, edges))
        return found

    def _is_coloured(self, path: Any) -> bool:
        mode, stroke = ctypes.c_int(0), ctypes.c_int(0)
        self._raw.FPDFPath_GetDrawMode(path, mode, stroke)
        return mode.value != self._raw.FPDF_FILLMODE_NONE and not _is_white(self._read_color(path))

    def _read_color(self, thing: Any) -> tuple[int, int, int, int]:
        """Red, green, blue and alpha of the filling."""
        parts = [ctypes.c_uint(0), ctypes.c_uint(0), ctypes.c_uint(0), ctypes.c_uint(255)]
        if thing:
            self._raw.FPDFPageObj_GetFillColor(thing, *parts)
        red, green, blue, alpha = (part.value for part in parts)
        return red, green, blue, alpha


def _find_edges(thing: Any) -> tuple[float, float, float, float] | None:
    """Left, foot, right and top of what is drawn; None for a damaged thing, beside which the text can still be read."""
    from pypdfium2 import PdfiumError

    try:
        left, foot, right, top = thing.get_bounds()
    except PdfiumError:
        return None
    return left, foot, right, top


def _is_dot(edges: tuple[float, float, float, float]) -> bool:
    left, foot, right, top = edges
    return 1 < right - left < 10 and abs((right - left) - (top - foot)) < 0.2 * (right - left)


def _is_white(color: tuple[int, int, int, int]) -> bool:
    return min(color[:3]) >= WHITE


def _are_apart(one: _Glyph, other: _Glyph) -> bool:
    """True for glyphs that do not follow one another, in either direction of reading."""
    size = max(one.style.size, other.style.size)
    gap = max(other.left - one.right, one.left - other.right)
    return one.style.turn != other.style.turn or gap > 0.3 * size or abs(one.base - other.base) > 0.6 * size


@lru_cache(maxsize=4_096)
def _read_letter(code: int) -> str:
    """A character code as text: ligatures as letters, "" for what has no shape, _UNKNOWN for what has no meaning."""
    character = chr(code) if code <= sys.maxunicode else _UNKNOWN
    category = unicodedata.category(character)
    if code in (0x02, 0xFFFE):  # what PDFium makes of a hyphen at a line's end
        return "-"
    if character.isspace() or character == "\u00ad":
        return character
    if category == "Cf":
        return character if character in "\u200c\u200d" else ""  # joiners shape Persian and Indian words
    if category in ("Cc", "Cn", "Co", "Cs") or character == _UNKNOWN:
        return _UNKNOWN
    return unicodedata.normalize("NFKC", character) if _LIGATURE.match(character) else character
