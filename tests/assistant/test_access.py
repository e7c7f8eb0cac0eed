"""Who may change the library."""

from __future__ import annotations

from typing import Any

import gradio
import pytest
from fastapi import Request

from assistant.page.access import ROLE, may_edit
from assistant.settings import Settings


def ask_as(role: str | None) -> gradio.Request:
    scope: dict[str, Any] = {"type": "http", "headers": [], "query_string": b""}
    return gradio.Request(Request(scope if role is None else {**scope, ROLE: role}))


@pytest.mark.parametrize(("role", "may"), [("editor", True), ("reader", False), ("", False), (None, True)])
def test_role_decides_who_may_edit(role: str | None, may: bool) -> None:
    assert may_edit(ask_as(role), Settings()) is may


def test_without_a_request_there_is_no_password() -> None:
    assert may_edit(None, Settings())


@pytest.mark.parametrize("request_", [None, ask_as("editor")])
def test_nobody_may_edit_a_read_only_page(request_: gradio.Request | None) -> None:
    assert not may_edit(request_, Settings(read_only=True))
