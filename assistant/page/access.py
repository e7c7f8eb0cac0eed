"""Who may change the library: asked by every handler that writes, since a hidden button can be called all the same."""

from __future__ import annotations

import gradio

from assistant.settings import Settings

ROLE = "career.role"  # key of the ASGI scope: "reader" or "editor"; absent where no password is asked for


def may_edit(request: gradio.Request | None, settings: Settings) -> bool:
    """Whether who asks may change the library: an editor, and nobody when CAREER_READ_ONLY is set."""
    return not settings.read_only and is_editor(request)


def is_editor(request: gradio.Request | None) -> bool:
    """Whether who asks has that role; where no password is asked for, everybody has."""
    asked = request.request if request is not None else None  # by Gradio's own attributes, the scope would become JSON
    return asked is None or asked.scope.get(ROLE, "editor") == "editor"
