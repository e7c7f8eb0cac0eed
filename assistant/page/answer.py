"""A reply -> HTML: the answer with its marks as links, its sources, and what else the reader should know."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from assistant.cite import UNVERIFIED
from assistant.conversation import Citation, Reply
from assistant.page.dates import tell_date, write_date
from assistant.page.export import name_page
from assistant.page.layout import lay_out
from assistant.page.topics import Topic

MARK = re.compile(r" ?(?:\[(\d{1,3})\]|" + re.escape(UNVERIFIED) + ")")  # with its blank: no mark begins a line
STRONG = re.compile(r"\*\*(\S(?:[^*]*\S)?)\*\*")  # models write it although they are asked for plain text
CARD_CHARACTERS = 400  # of a quote: a look, the panel shows all of it


def render_answer(reply: Reply, turn: int = 0) -> str:
    """The reply as HTML; `turn` counts the exchanges of the conversation from 0 and is found again in each mark."""
    body = _render_text(reply, turn) if reply.answered else _render_refusal(reply)
    return "\n".join(
        part
        for part in (_render_searched_for(reply), _render_notice(reply), body, _render_sources(reply.citations, turn))
        if part
    )


def _render_searched_for(reply: Reply) -> str:
    """Shown only when the question was rephrased, so that a wrong guess is seen at once."""
    searched = reply.standalone_question
    if not searched or _plain(searched) == _plain(reply.question):
        return ""
    return f'<p class="searched-for">Searched for: <q>{escape(searched)}</q></p>'


def _plain(question: str) -> str:
    return " ".join(question.split()).rstrip("?!. ").casefold()


def _render_notice(reply: Reply) -> str:
    return f'<p class="notice">{escape(reply.notice)}</p>' if reply.notice else ""


def _render_text(reply: Reply, turn: int) -> str:
    cited = {citation.number: citation for citation in reply.citations}
    text = reply.text
    laid_out = lay_out(text, lambda start, end: _write_marked(text[start:end], cited, turn))
    return f'<div class="answer-text">{laid_out}</div>'


def _write_marked(text: str, cited: dict[int, Citation], turn: int) -> str:
    pieces, done = [], 0
    for found in MARK.finditer(text):
        pieces.append(_write_plain(text[done : found.start()]))
        pieces.append(_write_mark(int(found[1]), cited, turn) if found[1] else _UNVERIFIED)
        done = found.end()
    return "".join((*pieces, _write_plain(text[done:])))


_UNVERIFIED = f' <span class="unverified" title="No passage of the articles says this">{escape(UNVERIFIED)}</span>'


def _write_plain(text: str) -> str:
    return STRONG.sub(r"<strong>\1</strong>", escape(text))


def _write_mark(number: int, cited: dict[int, Citation], turn: int) -> str:
    """A link when the mark is proved; while an answer streams its marks are not yet."""
    mark = (
        link_citation(cited[number], turn) if number in cited else f'<span class="unproved">{_bracket(number)}</span>'
    )
    return f"<sup>{mark}</sup>"


def link_citation(citation: Citation, turn: int) -> str:
    """A link that opens the source panel at the citation, with what the card beside it shows (static/card.js)."""
    parts = {
        "title": citation.title,
        "date": tell_date(citation.published),
        "heading": citation.heading if citation.heading != citation.title else "",
        "page": name_page(citation),
        "quote": _shorten(citation.quote, CARD_CHARACTERS),
    }
    card = " ".join(f'data-{name}="{escape(text)}"' for name, text in parts.items() if text)
    label = escape(f"Citation {citation.number}: {_name_place(citation)}")
    target = write_target(citation, turn)
    return f'<a class="mark" href="#source" {target} aria-label="{label}" {card}>{_bracket(citation.number)}</a>'


def write_target(citation: Citation, turn: int) -> str:
    """Attributes of a link or a button that opens the citation."""
    return f'data-turn="{turn}" data-number="{citation.number}"'


def _bracket(number: int) -> str:
    """The number; its brackets are not seen, but copied with the text."""
    return f'<span class="hidden">[</span>{number}<span class="hidden">]</span>'


def _name_place(citation: Citation) -> str:
    parts = (citation.heading, citation.title, name_page(citation))
    return ", ".join(dict.fromkeys(part for part in parts if part))


def _shorten(text: str, characters: int) -> str:
    return text if len(text) <= characters else text[: characters - 1].rstrip() + "…"


def _render_sources(citations: tuple[Citation, ...], turn: int) -> str:
    """One line for each place in an article, with the numbers of all quotes from it."""
    if not citations:
        return ""
    places: dict[tuple[str, str, int], list[Citation]] = {}
    for citation in citations:
        places.setdefault((citation.article_id, citation.heading, citation.page), []).append(citation)
    items = "".join(f"<li>{_render_place(quotes, turn)}</li>" for quotes in places.values())
    return f'<section class="sources" aria-label="Sources"><h3>Sources</h3><ol>{items}</ol></section>'


def _render_place(citations: list[Citation], turn: int) -> str:
    first = citations[0]
    numbers = " ".join(link_citation(citation, turn) for citation in citations)
    parts = [("title", escape(first.title))]
    parts += [("heading", escape(first.heading))] if first.heading not in ("", first.title) else []
    parts += [("page", name_page(first))] if first.page else []
    parts += [("date", write_date(first.published))] if first.published else []
    place = " ".join(f'<span class="{name}">{html}</span>' for name, html in parts)
    return f'{numbers} <span class="place">{place}</span>'


def _render_refusal(reply: Reply) -> str:
    text = reply.text
    return f'<div class="refusal">{lay_out(text, lambda start, end: _write_plain(text[start:end]))}</div>'


def render_topics(topics: Sequence[Topic], label: str) -> str:
    """A button for each topic that asks its question."""
    buttons = "".join(f"<li>{_render_topic(topic)}</li>" for topic in topics)
    return f'<p class="label">{label}</p><ul class="questions">{buttons}</ul>' if buttons else ""


def _render_topic(topic: Topic) -> str:
    words = f"{escape(topic.beginning)}<b>{escape(topic.subject)}</b>{escape(topic.end)}"
    return f'<button type="button" class="question" data-question="{escape(topic.question)}">{words}</button>'
