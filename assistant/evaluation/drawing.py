"""One picture, drawn twice: as SVG inside the report, in its colours by day and night, and as PNG for a README.

Ours, because what plotting libraries write as SVG brings its own fonts and colours, and knows no dark page. PNG is
drawn by Pillow, which gradio brings and which carries its own font: a picture is the same on a machine without any.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

# The day colours of static/report.css, by the names of its variables.
INKS = {
    "paper": "#faf9f6",
    "ink": "#1f2324",
    "soft": "#5c6466",
    "line": "#e3e1da",
    "accent": "#0f6b63",
    "tint": "#bcd9d4",
    "warn": "#b4532a",
}
TITLE_HEIGHT = 34
MARGIN = 16
SIZE = 12.0  # of words, in units of the picture


@dataclass(frozen=True)
class Box:
    x: float
    y: float
    width: float
    height: float
    ink: str = "accent"
    note: str = ""  # shown under the pointer


@dataclass(frozen=True)
class Stroke:
    points: tuple[tuple[float, float], ...]
    ink: str = "line"
    width: float = 1.0


@dataclass(frozen=True)
class Dot:
    x: float
    y: float
    radius: float = 4.5
    ink: str = "accent"
    hollow: bool = False
    note: str = ""


@dataclass(frozen=True)
class Words:
    x: float
    y: float  # of the line they stand on
    text: str
    ink: str = "soft"
    anchor: str = "start"  # "start", "middle" or "end"
    size: float = SIZE


Shape: TypeAlias = Box | Stroke | Dot | Words


@dataclass(frozen=True)
class Picture:
    """Shapes on a sheet; `name` is that of its file, `told` what it shows, for those who cannot see it."""

    name: str
    title: str
    told: str
    width: float
    height: float
    shapes: tuple[Shape, ...]


# -- SVG ---------------------------------------------------------------------------------------------------------------


def draw_svg(picture: Picture) -> str:
    """An <svg> without a title of its own: the page writes that above it."""
    size = f"0 0 {picture.width:g} {picture.height:g}"
    shapes = "".join(_write_shape(shape) for shape in picture.shapes)
    return f'<svg viewBox="{size}" role="img" aria-label="{escape(picture.told)}">{shapes}</svg>'


def _write_shape(shape: Shape) -> str:
    match shape:
        case Box():
            place = f'x="{shape.x:.1f}" y="{shape.y:.1f}" width="{max(shape.width, 0):.1f}" height="{shape.height:.1f}"'
            return f'<rect {place} rx="1.5" fill="var(--{shape.ink})">{_write_note(shape.note)}</rect>'
        case Stroke():
            points = " ".join(f"{x:.1f},{y:.1f}" for x, y in shape.points)
            return f'<polyline points="{points}" fill="none" stroke="var(--{shape.ink})" stroke-width="{shape.width}"/>'
        case Dot():
            fill = "var(--card)" if shape.hollow else f"var(--{shape.ink})"
            place = f'cx="{shape.x:.1f}" cy="{shape.y:.1f}" r="{shape.radius:g}"'
            drawn = f'fill="{fill}" stroke="var(--{shape.ink})" stroke-width="1.5"'
            return f"<circle {place} {drawn}>{_write_note(shape.note)}</circle>"
        case Words():
            place = f'x="{shape.x:.1f}" y="{shape.y:.1f}" text-anchor="{shape.anchor}" font-size="{shape.size:g}"'
            return f'<text {place} fill="var(--{shape.ink})">{escape(shape.text)}</text>'


def _write_note(note: str) -> str:
    return f"<title>{escape(note)}</title>" if note else ""


# -- PNG ---------------------------------------------------------------------------------------------------------------


def draw_png(picture: Picture, scale: int = 2) -> bytes:
    """The picture with its title on paper, `scale` pixels for each of its units."""
    from PIL import Image, ImageDraw

    fine = scale * 2  # drawn twice as large and made smaller: Pillow draws without smoothing edges
    width, height = picture.width + 2 * MARGIN, picture.height + TITLE_HEIGHT + 2 * MARGIN
    image = Image.new("RGB", (round(width * fine), round(height * fine)), INKS["paper"])
    brush = _Brush(ImageDraw.Draw(image), fine, MARGIN, MARGIN + TITLE_HEIGHT)
    brush.draw([Words(0, -14, picture.title, "ink", size=15), *picture.shapes])
    small = image.resize((round(width * scale), round(height * scale)), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    small.save(file, "PNG", optimize=True)
    return file.getvalue()


@dataclass(frozen=True)
class _Brush:
    sheet: ImageDraw
    scale: float
    left: float
    top: float

    def draw(self, shapes: Iterable[Shape]) -> None:
        for shape in shapes:
            self._draw(shape)

    def _draw(self, shape: Shape) -> None:
        match shape:
            case Box():
                corner = self._at(shape.x + max(shape.width, 0.5), shape.y + shape.height)
                self.sheet.rectangle((*self._at(shape.x, shape.y), *corner), fill=INKS[shape.ink])
            case Stroke():
                points = [self._at(x, y) for x, y in shape.points]
                self.sheet.line(points, fill=INKS[shape.ink], width=max(1, round(shape.width * self.scale)))
            case Dot():
                fill = INKS["paper"] if shape.hollow else INKS[shape.ink]
                low = self._at(shape.x - shape.radius, shape.y - shape.radius)
                high = self._at(shape.x + shape.radius, shape.y + shape.radius)
                self.sheet.ellipse((*low, *high), fill=fill, outline=INKS[shape.ink], width=round(1.5 * self.scale))
            case Words():
                self._write(shape)

    def _write(self, words: Words) -> None:
        from PIL import ImageFont

        anchor = {"start": "ls", "middle": "ms", "end": "rs"}[words.anchor]
        font = ImageFont.load_default(words.size * self.scale)
        self.sheet.text(self._at(words.x, words.y), words.text, fill=INKS[words.ink], font=font, anchor=anchor)

    def _at(self, x: float, y: float) -> tuple[float, float]:
        return (x + self.left) * self.scale, (y + self.top) * self.scale
