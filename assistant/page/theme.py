"""How the page looks and behaves in the browser. Nothing of it is loaded from another host."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import gradio

STATIC = files("assistant.page") / "static"
FONTS = ("ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif")
CODE_FONTS = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")


def make_theme() -> gradio.themes.Base:
    """Gradio's plainest theme in fonts that the reader's system has: its own would come from the network."""
    return gradio.themes.Base(
        primary_hue=gradio.themes.colors.teal,
        neutral_hue=gradio.themes.colors.stone,
        font=FONTS,
        font_mono=CODE_FONTS,
        text_size=gradio.themes.sizes.text_lg,
    )


def read_static(name: str) -> str:
    """The text of a file in static/."""
    return (STATIC / name).read_text(encoding="utf-8")


def read_styles() -> str:
    """Every style sheet of the page; the page's own comes first, with the colours that the others use."""
    return "\n".join(read_static(name) for name in ("page.css", "evaluation.css"))


def find_icon() -> Path:
    return Path(str(STATIC / "icon.svg"))
