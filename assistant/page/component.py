"""A Gradio component of our own HTML, with the scripts in static/ that make it live."""

from __future__ import annotations

from typing import Any

import gradio

from assistant.page.theme import read_static

UNEXPECTED = "Something went wrong; the log says why."


def html(value: str, *scripts: str, **options: Any) -> gradio.HTML:
    """`value` must be escaped HTML; each script runs when the component is mounted, with names of its own."""
    script = "\n".join(f"{{\n{read_static(name)}\n}}" for name in scripts)
    return gradio.HTML(value, js_on_load=script or None, apply_default_css=False, **options)


def read_event(event: gradio.EventData, name: str) -> Any:
    """What the browser sent under `name`, or None: a key press and a click bring no data of ours."""
    return event._data.get(name) if isinstance(event._data, dict) else None
