"""A visitor's conversation -> HTML: questions, answers, errors, and the welcome before the first of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from assistant.conversation import Reply, Turn
from assistant.page.answer import render_answer, render_question_button, write_copy


@dataclass(frozen=True)
class Exchange:
    """One question with what is known of its answer so far."""

    question: str
    reply: Reply | None = None
    error: str = ""  # in plain words
    progress: str = ""  # what the reader waits for; "" when nothing more will come
    stopped: bool = False
    rating: str = ""  # what the reader thought of the answer: "up", "down", or "" for nothing
    rated: str = ""  # what became of that, in plain words

    @property
    def turn(self) -> Turn:
        """What later questions may refer to."""
        if self.reply is None:
            return Turn(self.question)
        answer = self.reply.text if self.reply.answered else ""
        return Turn(self.question, self.reply.standalone_question, answer)


def render_conversation(exchanges: Sequence[Exchange]) -> str:
    """The whole conversation, in a live region that stays silent until an answer is complete."""
    busy = "true" if any(exchange.progress for exchange in exchanges) else "false"
    rendered = "\n".join(_render_exchange(exchange, turn) for turn, exchange in enumerate(exchanges))
    attributes = f'role="log" aria-live="polite" aria-label="Conversation" aria-busy="{busy}"'
    return f'<div class="conversation" {attributes}>{rendered}</div>'


def _render_exchange(exchange: Exchange, turn: int) -> str:
    question = f'<div class="asked"><h2><span class="hidden">You asked: </span>{escape(exchange.question)}</h2></div>'
    parts = [_render_reply(exchange, turn), _render_outcome(exchange), _render_actions(exchange, turn)]
    return f'<article class="exchange">{question}<div class="answer">{"".join(parts)}</div></article>'


def _render_reply(exchange: Exchange, turn: int) -> str:
    return render_answer(exchange.reply, turn) if exchange.reply and not exchange.error else ""


def _render_outcome(exchange: Exchange) -> str:
    if exchange.progress:
        return f'<p class="progress"><span class="dots" aria-hidden="true"></span>{escape(exchange.progress)}</p>'
    if exchange.error:
        return f'<p class="error"><strong>That did not work.</strong> {escape(exchange.error)}</p>'
    return '<p class="stopped">Stopped before the answer was complete.</p>' if exchange.stopped else ""


def _render_actions(exchange: Exchange, turn: int) -> str:
    reply = exchange.reply
    if exchange.progress or exchange.error or reply is None or not reply.text:
        return ""
    rating = "" if exchange.stopped else _render_rating(exchange, turn)
    if not reply.answered:
        return f'<div class="actions">{rating}</div>'
    text = escape(write_copy(reply))
    copy = f'<button type="button" class="copy" data-copy="{text}">Copy answer</button>'
    return f'<div class="actions">{copy}{rating}{_render_made_by(reply)}</div>'


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


def render_welcome(articles: int, examples: Sequence[str]) -> str:
    """The page before the first question: what it can be trusted with, and what to ask."""
    number = "1 article" if articles == 1 else f"{articles} articles"
    buttons = "".join(f"<li>{render_question_button(example)}</li>" for example in examples)
    asked = f'<p class="label">For example</p><ul class="questions">{buttons}</ul>' if buttons else ""
    return _welcome(
        f"<p>Every answer comes from the {number} in your library. Each claim carries a numbered mark: "
        f"open it to read the words it rests on.</p>{asked}"
    )


def render_getting_ready() -> str:
    return _welcome(
        '<p class="progress"><span class="dots" aria-hidden="true"></span>Getting ready: the articles are being '
        "opened. You can ask already; the first answer waits for them.</p>"
    )


def render_empty_library() -> str:
    """How to get the first article in, when there is nothing to answer from."""
    return _welcome(
        "<p>Your library holds no article yet, so there is nothing to answer from. In a terminal, add the article that "
        "comes with Career Assistant, or your own files, folders and web addresses:</p>"
        "<pre><code>career ingest\ncareer ingest notes.md articles/ https://example.com/an-article</code></pre>"
        "<p>Then reload this page.</p>"
    )


def render_not_ready(message: str) -> str:
    return _welcome(f'<p class="error"><strong>The library could not be opened.</strong> {escape(message)}</p>')


def _welcome(inner: str) -> str:
    return f'<section class="welcome"><h2>What would you like to know?</h2>{inner}</section>'
