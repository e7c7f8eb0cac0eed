"""A visitor's conversation -> HTML: questions, answers, errors, and the welcome before the first of them."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from assistant.conversation import Reply
from assistant.page.answer import render_answer, render_topics
from assistant.page.exchange import Exchange, write_exchange
from assistant.page.export import write_copy, write_markdown
from assistant.page.filter import render_asked_of, tell_asked_of
from assistant.page.topics import Topic


def render_earlier(exchanges: Sequence[Exchange]) -> str:
    """All exchanges but the newest: what an answer that streams does not touch."""
    rendered = "\n".join(
        _render_exchange(exchange, turn, _render_actions(exchange, turn)) for turn, exchange in enumerate(exchanges)
    )
    return f'<div class="conversation" role="region" aria-label="Conversation">{rendered}</div>'


def render_newest(exchange: Exchange, turn: int) -> str:
    """The newest exchange, with what can be done next; `turn` counts the earlier ones."""
    busy = "true" if exchange.progress else "false"
    last = "" if exchange.progress else _render_actions(exchange, turn, newest=True) + _render_next(exchange)
    rendered = _render_exchange(exchange, turn, last)
    return f'<div class="conversation" role="region" aria-label="Newest answer" aria-busy="{busy}">{rendered}</div>'


def _render_exchange(exchange: Exchange, turn: int, last: str) -> str:
    question = f'<div class="asked"><h2><span class="hidden">You asked: </span>{escape(exchange.question)}</h2></div>'
    asked_of = render_asked_of(exchange.articles)
    kept = f'data-exchange="{escape(write_exchange(exchange))}" data-markdown="{escape(_export(exchange))}"'
    answer = f'<div class="answer">{asked_of}{_render_reply(exchange, turn)}{_render_outcome(exchange)}{last}</div>'
    return f'<article class="exchange" {kept}>{question}{answer}</article>'


def _export(exchange: Exchange) -> str:
    """For "Export": nothing while it streams."""
    if exchange.progress:
        return ""
    reply = None if exchange.error else exchange.reply
    return write_markdown(exchange.question, reply, tell_asked_of(exchange.articles))


def _render_reply(exchange: Exchange, turn: int) -> str:
    return render_answer(exchange.reply, turn) if exchange.reply and not exchange.error else ""


def _render_outcome(exchange: Exchange) -> str:
    if exchange.progress:
        return f'<p class="progress"><span class="dots" aria-hidden="true"></span>{escape(exchange.progress)}</p>'
    if exchange.error:
        return f'<p class="error"><strong>That did not work.</strong> {escape(exchange.error)}</p>'
    return '<p class="stopped">Stopped before the answer was complete.</p>' if exchange.stopped else ""


def _render_actions(exchange: Exchange, turn: int, *, newest: bool = False) -> str:
    """What can be done with an answer: buttons, and how it was made. Only the newest can be asked anew."""
    reply = exchange.reply
    told = reply if reply is not None and reply.text and not exchange.error else None
    actions = []
    if told and told.answered:
        text = escape(write_copy(told))
        actions.append(f'<button type="button" class="copy" data-copy="{text}">Copy answer</button>')
    if newest:
        actions.append('<button type="button" class="again" data-again>Ask again</button>')
        actions.append('<button type="button" class="edit" data-edit>Edit question</button>')
    if told and not exchange.stopped:
        actions.append(_render_rating(exchange, turn))
    if told and told.answered:
        actions.append(_render_made_by(told))
    return f'<div class="actions">{"".join(actions)}</div>' if actions else ""


THUMB = (
    "M2 8.5h2.6v6.5H2zM5.8 8.4 8.6 2.2c1 0 1.7.8 1.7 1.8v2.7h3.5c.8 0 1.4.7 1.2 1.5l-1.1 5.4c-.1.8-.8 1.4-1.6 1.4H5.8z"
)
RATINGS = {"up": "A good answer", "down": "Not a good answer"}


def _render_rating(exchange: Exchange, turn: int) -> str:
    """Two thumbs; what readers press is kept in the library, to make test prompts of."""
    buttons = "".join(
        f'<button type="button" class="rate {rating}" data-turn="{turn}" data-rating="{rating}" title="{label}" '
        f'aria-label="{label}" aria-pressed="{"true" if exchange.rating == rating else "false"}">'
        f'<svg viewBox="0 0 17 17" aria-hidden="true"><path d="{THUMB}"/></svg></button>'
        for rating, label in RATINGS.items()
    )
    told = f'<span class="rated" role="status">{escape(exchange.rated)}</span>' if exchange.rated else ""
    return f'<span class="ratings">{buttons}{told}</span>'


def _render_made_by(reply: Reply) -> str:
    how = "Quoted from the articles, no model" if reply.model == "extractive" else f"Written by {reply.model}"
    return f'<span class="made-by">{escape(how)}</span>'


def _render_next(exchange: Exchange) -> str:
    reply = exchange.reply
    if reply is None or exchange.error:
        return ""
    return render_topics(exchange.topics, "Ask next" if reply.answered else "The articles do cover")


def render_welcome(articles: int, examples: Sequence[Topic]) -> str:
    """The page before the first question: what it can be trusted with, and what to ask."""
    number = "one article" if articles == 1 else f"{articles:,} articles"
    return _welcome(
        f"<p>Every answer comes from the {number} in your library. Each claim carries a numbered mark: "
        f"open it to read the words it rests on.</p>{render_topics(examples, 'For example')}"
    )


def render_getting_ready() -> str:
    return _welcome(
        '<p class="progress"><span class="dots" aria-hidden="true"></span>Getting ready: the articles are being '
        "opened. You can ask already; the first answer waits for them.</p>"
    )


def render_empty_library(*, may_edit: bool) -> str:
    """How to get the first article in, when there is nothing to answer from."""
    if may_edit:
        return _welcome(
            "<p>Your library holds no article yet, so there is nothing to answer from. Add files from this computer or "
            "links to pages, and ask.</p>"
            '<p><button type="button" class="send" data-to-articles>Add articles</button></p>'
        )
    return _welcome(
        "<p>Your library holds no article yet, so there is nothing to answer from. In a terminal, add the article that "
        "comes with Career Assistant, or your own files, folders and web addresses:</p>"
        '<pre tabindex="0"><code>career ingest\ncareer ingest notes.md articles/ https://example.com/an-article</code></pre>'
        "<p>Then reload this page.</p>"
    )


def render_not_ready(message: str) -> str:
    return _welcome(f'<p class="error"><strong>The library could not be opened.</strong> {escape(message)}</p>')


def _welcome(inner: str) -> str:
    return f'<section class="welcome"><h2>What would you like to know?</h2>{inner}</section>'
