"""The chat page's components and what happens on each event. The only state is each visitor's own conversation."""

from __future__ import annotations

import logging
import time
from asyncio import wrap_future
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import gradio

from assistant.conversation import Citation, Reply
from assistant.errors import CareerError, QuestionInvalid
from assistant.page.conversation import (
    Exchange,
    render_conversation,
    render_empty_library,
    render_getting_ready,
    render_not_ready,
    render_welcome,
)
from assistant.page.examples import choose_examples
from assistant.page.loader import Chain, ChainLoader
from assistant.page.source import render_missing, render_panel, render_source
from assistant.page.theme import read_static
from assistant.settings import Settings
from ingest.errors import ArticleUnknown

logger = logging.getLogger(__name__)

UNEXPECTED = "Something went wrong; the log says why."
SNAPSHOT_SECONDS = 0.05  # a reader sees no difference, and a fast model sends hundreds of snapshots a second

Exchanges = tuple[Exchange, ...]

# `${value}` and never Handlebars' `{{value}}`: Gradio evaluates what Handlebars wrote as a JavaScript template, so an
# article that holds "${...}" would run (seen in gradio 6.31, HTML-*.js: `return \`${r}\``).
SOURCE_TEMPLATE = '<section class="panel" aria-label="Source">${value}</section>'

CLOSE_SOURCE = "() => document.dispatchEvent(new CustomEvent('career:close'))"


@dataclass(frozen=True)
class Parts:
    """The components that events read and write."""

    exchanges: gradio.State
    welcome: gradio.HTML
    conversation: gradio.HTML
    question: gradio.Textbox
    source: gradio.HTML


class ChatPage:
    """The page's components and what happens on each event. Holds nothing of any visitor."""

    def __init__(self, loader: ChainLoader, settings: Settings) -> None:
        self._loader = loader
        self._settings = settings

    def compose(self) -> None:
        """Lay the components out and connect their events, inside an open gradio.Blocks."""
        with gradio.Row(elem_id="career"):
            with gradio.Column(elem_id="chat"):
                with gradio.Row(elem_id="top"):
                    gradio.HTML("<h1>Career Assistant</h1>", elem_id="name", apply_default_css=False)
                    clear = gradio.Button("New chat", elem_id="clear", size="sm")
                with gradio.Column(elem_id="thread"):
                    welcome = _html(render_getting_ready(), "welcome.js", elem_id="welcome")
                    conversation = _html(render_conversation(()), "conversation.js", elem_id="conversation")
                with gradio.Row(elem_id="composer"):
                    question = _question_box()
                    send = gradio.Button("Ask", elem_id="send", variant="primary")
                    stop = gradio.Button("Stop", elem_id="stop")
            with gradio.Column(elem_id="source"):
                source = _html(render_panel(""), "source.js", "card.js", html_template=SOURCE_TEMPLATE)
        parts = Parts(gradio.State(()), welcome, conversation, question, source)
        self._connect(parts, [send.click, question.submit, welcome.submit, conversation.submit], stop, clear)

    def _connect(self, parts: Parts, triggers: Sequence[Any], stop: gradio.Button, clear: gradio.Button) -> None:
        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        talk = [parts.conversation, parts.exchanges]
        gradio.on(None, self.welcome, None, [parts.welcome], concurrency_limit=None, **quiet)
        asked = gradio.on(triggers, self.ask, [parts.question, parts.exchanges], [*talk, parts.question], **quiet)
        stop.click(None, cancels=[asked]).then(self.stop, [parts.exchanges], talk, **quiet)
        cleared = clear.click(None, cancels=[asked], js=CLOSE_SOURCE)
        cleared.then(self.clear, None, [*talk, parts.question, parts.source], **quiet)
        cleared.then(self.welcome, None, [parts.welcome], concurrency_limit=None, **quiet)
        chosen = [parts.conversation.select, parts.source.select]
        gradio.on(chosen, self.open_source, [parts.exchanges], [parts.source], **quiet)

    async def welcome(self) -> AsyncIterator[str]:
        """The page before the first question: at once, and again when the library is there."""
        if not self._loader.is_ready:
            yield render_getting_ready()
        try:
            chain = await wrap_future(self._loader.start())
            yield _render_library(chain)
        except CareerError as error:
            yield render_not_ready(str(error))
        except Exception:
            logger.exception("the welcome failed")
            yield render_not_ready(UNEXPECTED)

    def ask(self, typed: str, exchanges: Exchanges, event: gradio.EventData) -> Iterator[tuple[Any, Exchanges, Any]]:
        """Answer what was typed, or the question of the button that was pressed, as it becomes known."""
        pressed = _read_event(event, "question")
        question = (pressed if isinstance(pressed, str) else typed).strip()
        if not question:
            yield gradio.skip(), exchanges, gradio.skip()
            return
        emptied = gradio.skip() if isinstance(pressed, str) else ""
        for exchange in self._answer(question, exchanges):
            now = (*exchanges, exchange)
            yield render_conversation(now), now, emptied
            emptied = gradio.skip()  # what the reader types meanwhile stays

    def _answer(self, question: str, earlier: Exchanges) -> Iterator[Exchange]:
        """The exchange in each of its states; the last one has no progress. Never raises."""
        exchange = Exchange(_shorten(question, self._settings.max_question_characters))
        try:
            self._check_length(question)
            yield replace(exchange, progress="Searching the articles" if self._loader.is_ready else "Getting ready")
            chain = self._loader.start().result()
            history = [past.turn for past in earlier if not past.error]
            for reply in thin_out(chain.stream({"question": question, "history": history}), SNAPSHOT_SECONDS):
                exchange = replace(exchange, reply=replace(reply, passages=()))
                yield replace(exchange, progress="Answering")
            yield exchange
        except CareerError as error:
            yield replace(exchange, error=str(error))
        except Exception:
            logger.exception("a question failed")
            yield replace(exchange, error=UNEXPECTED)

    def _check_length(self, question: str) -> None:
        limit = self._settings.max_question_characters
        if len(question) > limit:
            raise QuestionInvalid(
                f"The question has {len(question):,} characters; at most {limit:,} are read. Shorten it."
            )

    def stop(self, exchanges: Exchanges) -> tuple[Any, Exchanges]:
        """Keep what is known of a cancelled answer."""
        if not exchanges or not exchanges[-1].progress:
            return gradio.skip(), exchanges
        now = (*exchanges[:-1], replace(exchanges[-1], progress="", stopped=True))
        return render_conversation(now), now

    def clear(self) -> tuple[str, Exchanges, str, str]:
        """A new conversation: nothing said, nothing typed, no source."""
        return render_conversation(()), (), "", render_panel("")

    def open_source(self, exchanges: Exchanges, event: gradio.EventData) -> str:
        """The article of the chosen citation with the reply's quotes marked."""
        turn, number = _read_event(event, "turn"), _read_event(event, "number")
        try:
            citation, citations = _find_citation(exchanges, turn, number)
            article = self._loader.start().result().library.article(citation.article_id)
            shown = render_source(article, citations, citation.number, turn)
        except ArticleUnknown:
            shown = render_missing("This article is no longer in the library.")
        except CareerError as error:
            shown = render_missing(str(error))
        except Exception:
            logger.exception("a source could not be shown")
            shown = render_missing(UNEXPECTED)
        return f'<div class="opened" data-opened="{time.monotonic_ns()}">{shown}</div>'


def _html(value: str, *scripts: str, **options: Any) -> gradio.HTML:
    script = "\n".join(f"{{\n{read_static(name)}\n}}" for name in scripts)  # each with names of its own
    return gradio.HTML(value, js_on_load=script, apply_default_css=False, **options)


def _question_box() -> gradio.Textbox:
    return gradio.Textbox(
        label="Your question",
        placeholder="Ask a question",
        lines=1,
        max_lines=6,
        elem_id="question",
        autofocus=True,
        container=False,
    )


def _render_library(chain: Chain) -> str:
    articles = chain.library.articles()
    return (
        render_welcome(len(articles), choose_examples(chain.library.headings())) if articles else render_empty_library()
    )


def _read_event(event: gradio.EventData, name: str) -> Any:
    """What the browser sent under `name`, or None: a key press and a click bring no data of ours."""
    return event._data.get(name) if isinstance(event._data, dict) else None


def _find_citation(exchanges: Sequence[Exchange], turn: Any, number: Any) -> tuple[Citation, tuple[Citation, ...]]:
    """The chosen citation and all of its reply. What the browser sends may be anything."""
    if isinstance(turn, int) and 0 <= turn < len(exchanges) and (reply := exchanges[turn].reply):
        for citation in reply.citations:
            if citation.number == number:
                return citation, reply.citations
    raise CareerError("This quote is not part of the conversation any more. Ask again.")


def _shorten(text: str, characters: int) -> str:
    return text if len(text) <= characters else text[:200].rstrip() + "…"


def thin_out(replies: Iterable[Reply], seconds: float, clock: Callable[[], float] = time.monotonic) -> Iterator[Reply]:
    """At most one reply in `seconds`, and always the last."""
    shown_at, held = -seconds, None
    for reply in replies:
        if clock() - shown_at < seconds:
            held = reply
            continue
        yield reply
        shown_at, held = clock(), None
    if held is not None:
        yield held
