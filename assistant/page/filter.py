"""Which articles a question is asked of: the choice beside the question box."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Protocol

from pydantic import TypeAdapter, ValidationError

from assistant.errors import CareerError

MOST = 100  # articles that are chosen at once
OFFERED = 50  # articles in the list; more are found by their words

FILTER = """<div class="filter"><button type="button" data-filter aria-expanded="false" aria-controls="choice"
aria-haspopup="dialog"><span class="hidden">Answer from: </span><span class="chosen">All articles</span>
<span aria-hidden="true">▾</span></button><button type="button" data-all hidden aria-label="Answer from all articles"
title="All articles">✕</button></div>"""

FIND = """<input type="search" aria-label="Find an article to answer from" placeholder="Find an article"
maxlength="200">"""
DONE = """<div class="done"><button type="button" data-all>All articles</button>
<button type="button" data-done>Done</button></div>"""


@dataclass(frozen=True)
class Chosen:
    """An article that a question is asked of, as it was called then."""

    id: str
    title: str


class Named(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def title(self) -> str: ...


_CHOICE = TypeAdapter(tuple[Chosen, ...])


def read_choice(sent: Any) -> tuple[Chosen, ...]:
    """What the browser sent as chosen; () stands for all. Raises CareerError."""
    try:
        chosen = _CHOICE.validate_python(sent if sent is not None else ())
    except ValidationError as error:
        raise CareerError("The choice of articles cannot be read. Choose again.") from error
    if len(chosen) > MOST:
        raise CareerError(f"{len(chosen)} articles are chosen; at most {MOST} can be. Choose fewer, or all.")
    return chosen


def render_offer(articles: Sequence[Named], words: str, chosen: Collection[str]) -> str:
    """The articles whose title holds every word, with a box to tick each; those that are ticked come first."""
    wanted = words.casefold().split()
    found = [each for each in articles if all(word in each.title.casefold() for word in wanted)]
    shown = sorted(found, key=lambda each: each.id not in chosen)[:OFFERED]
    if not shown:
        return '<p class="more">No article has these words.</p>'
    options = "".join(_render_option(each, is_chosen=each.id in chosen) for each in shown)
    more = f"{len(found) - len(shown):,} more: type to find one" if len(found) > len(shown) else ""
    return f'<ul>{options}</ul><p class="more">{more}</p>'


def _render_option(article: Named, *, is_chosen: bool) -> str:
    checked = " checked" if is_chosen else ""
    box = f'<input type="checkbox" value="{escape(article.id)}"{checked}>'
    return f"<li><label>{box}<span>{escape(article.title or article.id)}</span></label></li>"


def render_asked_of(chosen: Sequence[Chosen]) -> str:
    return f'<p class="asked-of">{escape(tell_asked_of(chosen))}</p>' if chosen else ""


def tell_asked_of(chosen: Sequence[Chosen]) -> str:
    """Which articles were asked; nothing when all were."""
    if not chosen:
        return ""
    titles = ", ".join(f"“{each.title}”" for each in chosen[:3])
    more = f" and {len(chosen) - 3} more" if len(chosen) > 3 else ""
    return f"Asked of {titles}{more}"
