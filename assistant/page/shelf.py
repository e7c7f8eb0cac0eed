"""The library's articles -> HTML: the table, what can be done with it, and what became of what was done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path, PurePath
from typing import Protocol
from urllib.parse import urlsplit

from assistant.page.dates import write_day
from assistant.page.uploads import is_upload
from assistant.page.work import Progress
from ingest.addresses import is_web_address
from ingest.article import Outcome
from ingest.sources import LISTED_SUFFIXES

PER_PAGE = 50  # articles: a page of 1,000 rows takes a phone a second to lay out
FILES_AT_ONCE = 20
LINKS_AT_ONCE = 20
PAGES_OF_A_LIST = 200  # of a feed or a sitemap


class Listed(Protocol):
    """What the table shows of an article (ingest.library.ArticleSummary)."""

    @property
    def id(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def published(self) -> str: ...
    @property
    def added_at(self) -> str: ...
    @property
    def passages(self) -> int: ...


COLUMNS = {"title": "Title", "source": "Source", "published": "Date", "passages": "Passages", "added_at": "Added"}


@dataclass(frozen=True)
class View:
    """Which articles are asked for, and in which order."""

    words: str = ""
    column: str = "title"
    is_descending: bool = False
    page: int = 0


@dataclass(frozen=True)
class Shelf:
    """The articles of a library as one visitor sees them."""

    articles: Sequence[Listed]
    home: Path
    may_edit: bool

    def choose(self, view: View) -> list[Listed]:
        """The articles whose title or source holds every word, in order."""
        words = view.words.casefold().split()
        found = [each for each in self.articles if all(word in self._read(each) for word in words)]
        return sorted(found, key=lambda each: self._rank(each, view.column), reverse=view.is_descending)

    def _read(self, article: Listed) -> str:
        return f"{article.title}\n{name_source(article.source)}".casefold()

    def _rank(self, article: Listed, column: str) -> tuple[object, str]:
        if column == "source":
            return name_source(article.source).casefold(), article.id
        value = getattr(article, column)
        return value.casefold() if isinstance(value, str) else value, article.id


def name_source(source: str) -> str:
    """An address without its scheme, or a file's own name: the server's folders are nobody's business."""
    if not is_web_address(source):
        return PurePath(source).name or source
    try:
        parts = urlsplit(source)
    except ValueError:
        return source
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.netloc.removeprefix('www.')}{parts.path.rstrip('/')}{query}"


def render_shelf(shelf: Shelf, view: View) -> str:
    """One page of the table, or what an empty one means."""
    if not shelf.articles:
        return _render_empty(may_edit=shelf.may_edit)
    found = shelf.choose(view)
    last = max(0, (len(found) - 1) // PER_PAGE)
    page = min(max(view.page, 0), last)
    shown = found[page * PER_PAGE : (page + 1) * PER_PAGE]
    table = _render_table(shelf, shown, view) if shown else '<p class="none">No article has these words.</p>'
    return f"{_render_count(shelf, found, view)}{table}{_render_pages(len(found), page, last)}"


def _render_empty(*, may_edit: bool) -> str:
    what = "Add files or a link above" if may_edit else "Somebody who may edit has to add some"
    return f'<p class="counted none">The library holds no article yet. {what}: then there is something to ask.</p>'


def _render_count(shelf: Shelf, found: Sequence[Listed], view: View) -> str:
    total = count_articles(len(shelf.articles))
    if view.words.strip():
        return f'<p class="counted">{len(found):,} of {total}</p>'
    passages = sum(article.passages for article in shelf.articles)
    return f'<p class="counted">{total}, {_count_passages(passages)}</p>'


def _count_passages(number: int) -> str:
    return "1 passage" if number == 1 else f"{number:,} passages"


def count_articles(number: int) -> str:
    return "1 article" if number == 1 else f"{number:,} articles"


# The roles stand in for the elements' own, which a phone's layout as a list takes away.
def _render_table(shelf: Shelf, articles: Sequence[Listed], view: View) -> str:
    head = "".join(_render_head(name, label, view) for name, label in COLUMNS.items())
    deeds = '<th role="columnheader"><span class="hidden">What to do</span></th>' if shelf.may_edit else ""
    rows = "".join(_render_row(shelf, article) for article in articles)
    return (
        '<table class="articles" role="table" aria-label="Articles">'
        f'<thead role="rowgroup"><tr role="row">{head}{deeds}</tr></thead><tbody role="rowgroup">{rows}</tbody></table>'
    )


def _render_head(name: str, label: str, view: View) -> str:
    is_chosen = name == view.column
    order = ("descending" if view.is_descending else "ascending") if is_chosen else "none"
    arrow = ("↓" if view.is_descending else "↑") if is_chosen else ""
    return (
        f'<th role="columnheader" class="{name}" aria-sort="{order}"><button type="button" data-column="{name}">{label}'
        f'<span aria-hidden="true">{arrow}</span></button></th>'
    )


def _render_row(shelf: Shelf, article: Listed) -> str:
    name, title = escape(article.id), escape(article.title or article.id)
    source = escape(name_source(article.source))
    kind = ' <span class="kind">uploaded</span>' if is_upload(article.source, shelf.home) else ""
    unit = "passage" if article.passages == 1 else "passages"
    published = write_day(article.published) if article.published else '<span class="hidden">unknown</span>'
    cells = (
        f'<th role="rowheader" scope="row" class="title"><button type="button" data-open="{name}">{title}</button></th>'
        f'<td role="cell" class="source-name"><span>{source}</span>{kind}</td>'
        f'<td role="cell" class="published">{published}</td>'
        f'<td role="cell" class="passages">{article.passages:,}<span class="unit"> {unit}</span></td>'
        f'<td role="cell" class="added_at"><span class="unit">added </span>{write_day(article.added_at)}</td>'
    )
    return f'<tr role="row">{cells}{_render_deeds(article, title) if shelf.may_edit else ""}</tr>'


def _render_deeds(article: Listed, title: str) -> str:
    name = escape(article.id)
    again = f'<button type="button" data-reread="{name}" aria-label="Read “{title}” again">Read again</button>'
    remove = (
        f'<button type="button" data-remove="{name}" data-title="{title}" aria-label="Remove “{title}”">Remove</button>'
    )
    return f'<td role="cell" class="deeds"><span>{again}{remove}</span></td>'


def _render_pages(number: int, page: int, last: int) -> str:
    if not last:
        return ""
    first, end = page * PER_PAGE + 1, min((page + 1) * PER_PAGE, number)
    before = _render_step("Previous", page - 1, leads=page > 0)
    after = _render_step("Next", page + 1, leads=page < last)
    return f'<nav class="turn" aria-label="Pages">{before}<span>{first:,} to {end:,} of {number:,}</span>{after}</nav>'


def _render_step(label: str, page: int, *, leads: bool) -> str:
    """At either end a button that leads nowhere, not a disabled one, which would lose the focus."""
    target = f'data-page="{page}"' if leads else 'aria-disabled="true"'
    return f'<button type="button" {target}>{label}</button>'


# -- what can be done --------------------------------------------------------------------------------------------------

_REMOVAL = """<dialog class="removal" aria-labelledby="removal-title"><h2 id="removal-title"></h2>
<p>Answers no longer quote it, and a file that was uploaded for it is deleted.</p>
<div><button type="button" class="danger" data-confirm>Remove</button>
<button type="button" data-keep>Keep</button></div></dialog>"""


def render_tools(*, may_edit: bool, max_bytes: int) -> str:
    """The search box, and for an editor what adds and removes."""
    add = '<button type="button" data-add aria-expanded="false" aria-controls="adding">Add articles</button>'
    search = '<input type="search" placeholder="Find an article" aria-label="Find an article" maxlength="200">'
    head = f'<div class="head"><h2>Articles</h2>{search}{add if may_edit else ""}</div>'
    return head + (f"{_render_adding(max_bytes)}{_REMOVAL}" if may_edit else "")


def _render_adding(max_bytes: int) -> str:
    kinds = ",".join(LISTED_SUFFIXES)
    limits = f"{FILES_AT_ONCE} at once, {_write_size(max_bytes)} each"
    return f"""<section id="adding" class="adding" aria-label="Add articles" hidden>
<div class="drop"><p>Drop files here, or</p><button type="button" data-choose>Choose files</button>
<input type="file" multiple accept="{kinds}" aria-label="Files to add" tabindex="-1" hidden>
<p class="hint">Word, PDF, HTML, Markdown or plain text; {limits}</p></div>
<form class="link" data-limit="{max_bytes}" data-files="{FILES_AT_ONCE}">
<label for="links">Or a link to a page, a feed or a sitemap</label><div><input id="links" type="text" inputmode="url"
autocomplete="off" spellcheck="false" maxlength="20000" placeholder="https://"><button type="submit">Add</button></div>
</form></section>"""


def _write_size(size: int) -> str:
    return f"{size / 1_000_000:,.1f} MB".replace(".0 ", " ") if size >= 100_000 else f"{size:,} bytes"


# -- what became of it -------------------------------------------------------------------------------------------------

_STATUS = {
    "added": "Added",
    "updated": "Updated",
    "unchanged": "Unchanged",
    "failed": "Failed",
    "removed": "Removed",
}


def render_progress(progress: Progress) -> str:
    """The work as it goes on, and its outcomes, one line each."""
    state = "data-done" if progress.is_done else ""
    lines = "".join(_render_outcome(outcome) for outcome in progress.outcomes)
    outcomes = f'<ul class="outcomes" aria-label="Outcomes">{lines}</ul>' if lines else ""
    error = f'<p class="error">{escape(progress.error)}</p>' if progress.error else ""
    inner = f"{_render_state(progress)}{error}{outcomes}"
    return f'<section class="work" data-name="{progress.name}" {state}>{inner}</section>'


def render_refused(message: str) -> str:
    return f'<section class="work" data-done><p class="error">{escape(message)}</p>{_CLOSE}</section>'


_CLOSE = '<button type="button" data-dismiss aria-label="Close this report">Close</button>'


def _render_state(progress: Progress) -> str:
    count = len(progress.outcomes)
    if progress.is_done:
        return f'<div class="state"><p class="told">{escape(_sum_up(progress))}</p>{_CLOSE}</div>'
    told = progress.waiting or f"Reading {count + 1} of {max(progress.found, count + 1)}"
    bar = f'<progress max="{max(progress.found, 1)}" value="{count}" aria-label="Sources done"></progress>'
    stop = '<button type="button" data-stop>Stop</button>'
    return f'<div class="state"><p class="told">{escape(told)}</p>{stop}</div>{bar}'


def _sum_up(progress: Progress) -> str:
    statuses = [outcome.status for outcome in progress.outcomes]
    counts = ", ".join(f"{statuses.count(name)} {name}" for name in _STATUS if name in statuses)
    ended = "Stopped" if progress.is_stopped else "Ended early" if progress.error else "Done"
    return f"{ended}: {counts or 'nothing was changed'}"


def _render_outcome(outcome: Outcome) -> str:
    status = f"<strong>{_STATUS.get(outcome.status, outcome.status)}</strong>"
    if outcome.status == "failed":
        return f'<li class="failed">{status} <span>{escape(outcome.reason)}</span></li>'
    parts = [name_source(outcome.source), *([_count_passages(outcome.passages)] if outcome.passages else [])]
    return f"<li>{status} <span>{escape(outcome.title)} <small>{escape(' · '.join(parts))}</small></span></li>"
