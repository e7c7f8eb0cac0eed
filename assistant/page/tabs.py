"""The page's frame: one line at the top with the tabs, below it the chosen tab, beside that the source panel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

import gradio

from assistant.page.component import html

# What belongs to the chat alone (class "talk") is seen with the chat alone.
TOP = """<button type="button" class="talk" data-chats aria-expanded="false" aria-controls="chats"
aria-label="Conversations" title="Conversations">☰</button><h1>Career Assistant</h1>{tabs}<div class="tools">
<button type="button" class="talk talking" data-export aria-label="Export"
title="Save this conversation as Markdown"><span class="word">Export</span><span class="sign">↓</span></button>
<button type="button" class="talk talking" data-new aria-label="New chat" title="New chat">
<span class="word">New chat</span><span class="sign">+</span></button>{leave}</div>"""
LEAVE = """<form method="post" action="logout"><button aria-label="Log out" title="Log out">
<span class="word">Log out</span><svg class="sign" viewBox="0 0 16 16" aria-hidden="true">
<path d="M9.5 11v2.5h-7v-11h7V5M6.5 8h7.5M11.5 5.5 14 8l-2.5 2.5"/></svg></button></form>"""


@dataclass(frozen=True)
class Tab:
    """One part of the page; `compose` lays it out inside the column whose id is `name`."""

    name: str
    label: str
    compose: Callable[[], None]


def compose_page(tabs: Sequence[Tab], compose_panel: Callable[[], None], *, can_leave: bool = False) -> None:
    """Lay the page out, inside an open gradio.Blocks. The first tab is the one that is shown first; who had to log in
    can leave.
    """
    with gradio.Column(elem_id="career"):
        html(render_top(tabs, can_leave=can_leave), "tabs.js", elem_id="top")
        for tab in tabs:
            with gradio.Column(elem_id=tab.name, elem_classes=["tab"]):
                tab.compose()
        with gradio.Column(elem_id="source"):
            compose_panel()


def render_top(tabs: Sequence[Tab], *, can_leave: bool = False) -> str:
    """The line at the top; a page of one part needs no tabs."""
    buttons = "".join(_render_tab(tab, is_first=tab is tabs[0]) for tab in tabs)
    bar = f'<div class="tabs" role="tablist" aria-label="Parts of the page">{buttons}</div>'
    return TOP.format(tabs=bar if len(tabs) > 1 else "", leave=LEAVE if can_leave else "")


def _render_tab(tab: Tab, *, is_first: bool) -> str:
    state = 'aria-selected="true"' if is_first else 'aria-selected="false" tabindex="-1"'
    name = escape(tab.name)
    return (
        f'<button type="button" role="tab" id="tab-{name}" data-tab="{name}" aria-controls="{name}" {state}>'
        f"{escape(tab.label)}</button>"
    )
