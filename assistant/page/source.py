"""An article and a reply's citations -> the source panel: its text with every quoted span marked, exactly."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from itertools import pairwise
from urllib.parse import urlsplit

from assistant.conversation import Citation
from assistant.page.answer import link_citation, write_target
from assistant.page.dates import write_date
from assistant.page.layout import lay_out
from assistant.page.original import is_web_address, link_to_quote
from ingest.article import Article

LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")


def render_source(article: Article, citations: Sequence[Citation], chosen: int, turn: int = 0) -> str:
    """The article as HTML with its cited spans in <mark>; those of citation number `chosen` have the class "chosen".

    `citations` are all of the reply: the bar steps through them, from article to article. One whose quote no longer
    stands at its place, because the article was ingested anew, is shown as it was read, above the text.
    """
    own = [citation for citation in citations if citation.article_id == article.id]
    proved = [citation for citation in own if article.text[citation.start : citation.end] == citation.quote]
    moved = [citation for citation in own if citation not in proved]
    text = lay_out(article.text, lambda start, end: _write_marked(article.text, proved, chosen, (start, end)))
    language = f' lang="{article.language}"' if LANGUAGE.fullmatch(article.language) else ""
    original = next((link_to_quote(article, found) for found in proved if found.number == chosen), article.url)
    return render_panel(
        f'<article class="source"><header>{_render_heading(article)}{_render_quotes(own, chosen, turn)}</header>'
        f'{_render_moved(moved, chosen)}<div class="source-text"{language}>{text}</div></article>',
        _render_steps(citations, chosen, turn) + _link(original),
    )


def render_missing(message: str) -> str:
    """The panel when the article cannot be shown: `message` says why."""
    return render_panel(f'<article class="source"><p class="notice">{escape(message)}</p></article>')


def render_panel(page: str, tools: str = "") -> str:
    """The panel around a page: a bar that stays while the page scrolls."""
    close = '<button type="button" data-close aria-label="Close the source" title="Close (Esc)">Close</button>'
    name = "" if tools else '<span class="name">Source</span>'
    return f'<div class="bar">{name}{tools}{close}</div><div class="pages" tabindex="-1">{page}</div>'


def _render_steps(citations: Sequence[Citation], chosen: int, turn: int) -> str:
    """To the citation before and after, and which of how many this is."""
    place = next((place for place, citation in enumerate(citations) if citation.number == chosen), -1)
    if place < 0:
        return ""
    before = _step("Previous citation", "‹", citations[place - 1 : place], turn)
    after = _step("Next citation", "›", citations[place + 1 : place + 2], turn)
    number = f'<span class="word">Citation </span>{place + 1} of {len(citations)}'
    count = f'<span class="count" role="status">{number}</span>'
    return f'<nav class="steps" aria-label="Citations">{before}{count}{after}</nav>'


def _step(name: str, sign: str, target: Sequence[Citation], turn: int) -> str:
    """A button; at either end one that leads nowhere, not a disabled one, which would lose the focus."""
    leads = write_target(target[0], turn) if target else 'aria-disabled="true"'
    return f'<button type="button" class="step" {leads} aria-label="{name}" title="{name}">{sign}</button>'


def _render_heading(article: Article) -> str:
    site = urlsplit(article.url).hostname if is_web_address(article.url) else ""
    parts = (
        escape(article.author),
        write_date(article.published) if article.published else "",
        escape((site or "").removeprefix("www.")),
    )
    byline = '<span class="dot" aria-hidden="true"> · </span>'.join(part for part in parts if part)
    return f"<h2>{escape(article.title)}</h2>" + (f'<p class="byline">{byline}</p>' if byline else "")


def _link(url: str) -> str:
    """A link to the article on its own site; nothing for an address of any scheme but http and https."""
    if not is_web_address(url):
        return ""
    name = 'aria-label="Read the original (opens in a new tab)" title="Read the original"'
    address = f'href="{escape(url)}" target="_blank" rel="noopener noreferrer"'
    return (
        f'<a class="original" {address} {name}><span class="word">Original</span><span aria-hidden="true">↗</span></a>'
    )


def _render_quotes(citations: Sequence[Citation], chosen: int, turn: int) -> str:
    """Links to each quote of the reply in this article; one alone needs none."""
    if len(citations) < 2:
        return ""
    links = "".join(_quote_link(citation, chosen, turn) for citation in citations)
    return f'<nav class="quotes" aria-label="Quotes in this article"><span>Quoted here</span>{links}</nav>'


def _quote_link(citation: Citation, chosen: int, turn: int) -> str:
    link = link_citation(citation, turn)
    return link.replace("<a ", '<a aria-current="true" ', 1) if citation.number == chosen else link


def _render_moved(citations: Sequence[Citation], chosen: int) -> str:
    quotes = "".join(
        f'<blockquote><mark class="{_class(citation.number == chosen)}">{escape(citation.quote)}</mark></blockquote>'
        for citation in citations
    )
    notice = '<p class="notice">The article has changed since it was quoted. The quote as it was read:</p>'
    return f"{notice}{quotes}" if quotes else ""


def _write_marked(text: str, citations: Sequence[Citation], chosen: int, span: tuple[int, int]) -> str:
    """The span as escaped text, cut wherever a citation begins or ends, each cited piece in its own <mark>."""
    start, end = span
    edges = {edge for citation in citations for edge in (citation.start, citation.end) if start < edge < end}
    pieces = []
    for left, right in pairwise(sorted({start, end, *edges})):
        numbers = [citation.number for citation in citations if citation.start <= left and right <= citation.end]
        pieces.append(_write_piece(escape(text[left:right]), numbers, chosen))
    return "".join(pieces)


def _write_piece(escaped: str, numbers: Sequence[int], chosen: int) -> str:
    if not numbers or not escaped.strip():
        return escaped
    listed = " ".join(str(number) for number in numbers)
    focus = ' tabindex="-1"' if chosen in numbers else ""
    return f'<mark class="{_class(chosen in numbers)}" data-numbers="{listed}"{focus}>{escaped}</mark>'


def _class(is_chosen: bool) -> str:
    return "cited chosen" if is_chosen else "cited"
