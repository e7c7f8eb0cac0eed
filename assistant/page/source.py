"""An article and a reply's citations -> the source panel: its text with every quoted span marked, exactly."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from itertools import pairwise
from urllib.parse import urlsplit

from assistant.conversation import Citation
from assistant.page.answer import link_citation
from assistant.page.layout import lay_out, write_date
from ingest.article import Article

LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")


def render_source(article: Article, citations: Sequence[Citation], chosen: int, turn: int = 0) -> str:
    """The article as HTML with its cited spans in <mark>; those of citation number `chosen` have the class "chosen".

    Citations of other articles are left out. One whose quote no longer stands at its place, because the article was
    ingested anew, is shown as it was read, above the text.
    """
    own = [citation for citation in citations if citation.article_id == article.id]
    proved = [citation for citation in own if article.text[citation.start : citation.end] == citation.quote]
    moved = [citation for citation in own if citation not in proved]
    text = lay_out(article.text, lambda start, end: _write_marked(article.text, proved, chosen, (start, end)))
    language = f' lang="{article.language}"' if LANGUAGE.fullmatch(article.language) else ""
    return (
        f'<article class="source"><header>{_render_heading(article)}{_render_quotes(own, chosen, turn)}</header>'
        f'{_render_moved(moved, chosen)}<div class="source-text"{language}>{text}</div></article>'
    )


def render_missing(message: str) -> str:
    """The panel when the article cannot be shown: `message` says why."""
    return f'<article class="source"><p class="notice">{escape(message)}</p></article>'


def _render_heading(article: Article) -> str:
    parts = (escape(article.author), write_date(article.published) if article.published else "", _link(article.url))
    byline = '<span class="dot" aria-hidden="true"> · </span>'.join(part for part in parts if part)
    return f"<h2>{escape(article.title)}</h2>" + (f'<p class="byline">{byline}</p>' if byline else "")


def _link(url: str) -> str:
    """A link to the article on its own site; nothing for an address of any scheme but http and https."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return ""
    site = escape(parts.hostname.removeprefix("www."))
    return f'<a class="original" href="{escape(url)}" target="_blank" rel="noopener noreferrer">Read it at {site}</a>'


def _render_quotes(citations: Sequence[Citation], chosen: int, turn: int) -> str:
    """Links to each quote of the reply in this article; one alone needs none."""
    if len(citations) < 2:
        return ""
    links = "".join(_quote_link(citation, chosen, turn) for citation in citations)
    return f'<nav class="quotes" aria-label="Quotes in this article"><span>Quoted here</span>{links}</nav>'


def _quote_link(citation: Citation, chosen: int, turn: int) -> str:
    link = link_citation(citation, turn, f"[{citation.number}]")
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
