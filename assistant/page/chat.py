"""The chat page's components and what happens on each event. The only state is each visitor's own conversation."""

from __future__ import annotations

import logging
import time
from asyncio import wrap_future
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

import gradio
from starlette.concurrency import iterate_in_threadpool

from assistant.conversation import Reply, legible
from assistant.errors import CareerError, QuestionInvalid
from assistant.log import note
from assistant.page.access import may_edit
from assistant.page.component import UNEXPECTED, html, read_event
from assistant.page.conversation import (
    RATINGS,
    render_earlier,
    render_empty_library,
    render_getting_ready,
    render_newest,
    render_not_ready,
    render_welcome,
)
from assistant.page.exchange import Exchange, read_exchanges
from assistant.page.filter import DONE, FILTER, FIND, Chosen, read_choice, render_offer
from assistant.page.line import Line
from assistant.page.loader import Chain, ChainLoader
from assistant.page.source import render_missing
from assistant.page.topics import choose_examples, choose_next
from assistant.settings import Settings
from ingest.catalog_feedback import Feedback, Quote
from ingest.errors import ArticleUnknown

logger = logging.getLogger(__name__)

SNAPSHOT_SECONDS = 0.05  # a reader sees no difference, and a fast model sends hundreds of snapshots a second

# The conversation as the browser has it stands in for the hidden component's value.
WITH_CONVERSATION = """(typed) => [typed, [...document.querySelectorAll(".exchange")]
    .map(exchange => JSON.parse(exchange.dataset.exchange))]"""
WITH_CHOICE = f"""(typed) => [...({WITH_CONVERSATION})(typed), JSON.parse(document.body.dataset.chosen || "[]")]"""

CHATS = """<nav class="chats" aria-label="Conversations"><div class="bar"><h2>Conversations</h2>
<button type="button" data-close>Close</button></div><ul></ul><p class="kept">Kept in this browser only.</p></nav>"""


@dataclass(frozen=True)
class Parts:
    """The components that events read and write."""

    chats: gradio.HTML
    welcome: gradio.HTML
    earlier: gradio.HTML
    newest: gradio.HTML
    question: gradio.Textbox
    choice: gradio.HTML
    conversation: gradio.JSON  # never shown: what the browser has of it travels in it


class ChatPage:
    """The page's components and what happens on each event. Holds nothing of any visitor."""

    def __init__(self, loader: ChainLoader, settings: Settings, line: Line | None = None) -> None:
        self._loader = loader
        self._settings = settings
        self._line = line or Line()

    def compose(self) -> None:
        """Lay the components out and connect their events, inside an open gradio.Blocks."""
        with gradio.Column(elem_id="chats"):
            chats = html(CHATS, "chats.js")
        with gradio.Column(elem_id="chat"):
            with gradio.Column(elem_id="thread"):
                welcome = html(render_getting_ready(), "welcome.js", elem_id="welcome")
                earlier = html("", "conversation.js", elem_id="earlier")
                newest = html("", elem_id="newest")
            with gradio.Column(elem_id="asking"):
                chooser = html(FILTER, "filter.js", elem_id="filter")
                with gradio.Column(elem_id="choice"):
                    html(FIND)
                    choice = html("", elem_id="offered")
                    html(DONE)
            with gradio.Row(elem_id="composer"):
                question = _question_box()
                send = gradio.Button("Ask", elem_id="send", variant="primary")
                stop = gradio.Button("Stop", elem_id="stop")
            html(_render_count(self._settings.max_question_characters), "composer.js", elem_id="count")
        parts = Parts(chats, welcome, earlier, newest, question, choice, gradio.JSON(visible=False))
        chooser.input(
            self.offer, None, [choice], trigger_mode="always_last", show_progress="hidden", api_visibility="private"
        )
        self._connect(parts, [send.click, question.submit, earlier.submit], stop)

    def _connect(self, parts: Parts, triggers: Sequence[Any], stop: gradio.Button) -> None:
        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        carried: dict[str, Any] = {"inputs": [parts.question, parts.conversation], "js": WITH_CONVERSATION, **quiet}
        talk = [parts.earlier, parts.newest]
        gradio.on(None, self.welcome, None, [parts.welcome], concurrency_limit=None, **quiet)
        parts.welcome.select(self.welcome, None, [parts.welcome], concurrency_limit=None, **quiet)
        asking = {
            **carried,
            "inputs": [parts.question, parts.conversation, gradio.JSON(visible=False)],
            "js": WITH_CHOICE,
        }
        # No limit here: who asks waits in our own line, where everybody is told how many are ahead.
        asked = gradio.on(triggers, self.ask, outputs=[*talk, parts.question], concurrency_limit=None, **asking)
        stop.click(None, cancels=[asked]).then(self.stop, outputs=[parts.newest], **carried)
        parts.chats.select(self.open_chat, None, talk, cancels=[asked], **quiet)
        gradio.on(parts.earlier.like, self.rate, outputs=talk, **carried)

    async def welcome(self, request: gradio.Request) -> AsyncIterator[str]:
        """The page before the first question: at once, and again when the library is there."""
        if not self._loader.is_ready:
            yield render_getting_ready()
        try:
            chain = await wrap_future(self._loader.start())
            yield _render_library(chain, may_edit=may_edit(request, self._settings))
        except CareerError as error:
            yield render_not_ready(str(error))
        except Exception:
            logger.exception("the welcome failed")
            yield render_not_ready(UNEXPECTED)

    async def ask(
        self, typed: str, conversation: Any, choice: Any, event: gradio.EventData
    ) -> AsyncIterator[tuple[Any, Any, Any]]:
        """Answer what was typed, or the question of the button that was pressed, as it becomes known.

        A press may say `from` which exchange on the conversation is to be told anew.
        """
        pressed, since = read_event(event, "question"), read_event(event, "from")
        question = legible(pressed if isinstance(pressed, str) else typed).strip()
        if not question:
            yield gradio.skip(), gradio.skip(), gradio.skip()
            return
        earlier, warning = _read_conversation(conversation)
        earlier = earlier[:since] if isinstance(since, int) else earlier
        before = render_earlier(earlier)  # sent once, but given each time: of what is skipped Gradio keeps every value
        emptied: Any = gradio.skip() if isinstance(pressed, str) else ""
        if warning:
            yield before, render_newest(Exchange(question, error=warning), len(earlier)), emptied
            return
        async with aclosing(self._answer(question, earlier, choice)) as exchanges:  # or who left would keep the place
            async for exchange in exchanges:
                yield before, render_newest(exchange, len(earlier)), emptied
                emptied = gradio.skip()  # what the reader types meanwhile stays

    async def _answer(
        self, question: str, earlier: Sequence[Exchange], choice: Any = ()
    ) -> AsyncGenerator[Exchange, None]:
        """The exchange in each of its states; the last one has no progress. Never raises."""
        exchange = Exchange(_shorten(question, self._settings.max_question_characters))
        try:
            self._check_length(question)
            exchange = replace(exchange, articles=read_choice(choice))
            if not self._loader.is_ready:
                yield replace(exchange, progress="Getting ready")
            chain = await wrap_future(self._loader.start())
            async with self._line.join() as place:
                async for ahead in place:
                    yield replace(exchange, progress=_tell_place(ahead))
                yield replace(exchange, progress="Searching the articles")
                async for reply in self._stream(chain, exchange, earlier):
                    exchange = replace(exchange, reply=reply)
                    yield replace(exchange, progress="Answering")
            asked = {past.question for past in (*earlier, exchange)}
            yield replace(exchange, topics=choose_next(exchange.reply, asked) if exchange.reply else ())
        except CareerError as error:
            yield replace(exchange, error=str(error))
        except Exception:
            logger.exception("a question failed")
            yield replace(exchange, error=UNEXPECTED)

    async def _stream(self, chain: Chain, exchange: Exchange, earlier: Sequence[Exchange]) -> AsyncIterator[Reply]:
        """The reply as it grows, written in a thread, and a line of the log at its end."""
        began, reply = time.monotonic(), None
        history = [past.turn for past in earlier if not past.error]
        replies = _ask_of(exchange.articles, chain, {"question": exchange.question, "history": history})
        async for reply in iterate_in_threadpool(thin_out(replies, SNAPSHOT_SECONDS)):
            yield reply
        seconds = round(time.monotonic() - began, 3)
        if reply is not None:
            note("answered", seconds=seconds, answered=reply.answered, model=reply.model, question=exchange.question)

    def _check_length(self, question: str) -> None:
        limit = self._settings.max_question_characters
        if len(question) > limit:
            raise QuestionInvalid(
                f"The question has {len(question):,} characters; at most {limit:,} are read. Shorten it."
            )

    async def offer(self, event: gradio.EventData) -> str:
        """The articles to choose from."""
        words, chosen = read_event(event, "words"), read_event(event, "chosen")
        try:
            chain = await wrap_future(self._loader.start())
            ids = {each for each in chosen if isinstance(each, str)} if isinstance(chosen, list) else set()
            return render_offer(chain.library.articles(), words if isinstance(words, str) else "", ids)
        except CareerError as error:
            return render_missing(str(error))
        except Exception:
            logger.exception("the articles could not be offered")
            return render_missing(UNEXPECTED)

    def stop(self, _typed: str, conversation: Any) -> Any:
        """Keep what is known of a cancelled answer."""
        exchanges, warning = _read_conversation(conversation)
        if warning or not exchanges or not exchanges[-1].stopped:
            return gradio.skip()
        return render_newest(exchanges[-1], len(exchanges) - 1)

    def open_chat(self, event: gradio.EventData) -> tuple[str, str]:
        """A conversation that the browser kept, or none: a new chat."""
        exchanges, warning = _read_conversation(read_event(event, "exchanges"))
        if warning:
            exchanges = (Exchange("An earlier conversation", error=warning),)
        newest = render_newest(exchanges[-1], len(exchanges) - 1) if exchanges else ""
        return render_earlier(exchanges[:-1]), newest

    def rate(self, _typed: str, conversation: Any, event: gradio.EventData) -> tuple[Any, Any]:
        """Keep a thumb for an answer, with what it was an answer to; the page says when it could not be kept."""
        turn, rating = read_event(event, "turn"), read_event(event, "rating")
        exchanges, warning = _read_conversation(conversation)
        if warning or rating not in RATINGS or not isinstance(turn, int) or not 0 <= turn < len(exchanges):
            return gradio.skip(), gradio.skip()
        rated = self._keep_rating(exchanges[: turn + 1], rating)
        now = (*exchanges[:turn], rated, *exchanges[turn + 1 :])
        return render_earlier(now[:-1]), render_newest(now[-1], len(now) - 1)

    def _keep_rating(self, exchanges: Sequence[Exchange], rating: str) -> Exchange:
        """The last of the exchanges with what became of its rating. Never raises."""
        *earlier, exchange = exchanges
        if exchange.reply is None or exchange.stopped:
            return exchange
        try:
            asked = tuple(past.question for past in earlier if not past.error)
            feedback = _describe(rating, exchange.question, asked, exchange.reply)
            self._loader.start().result().library.keep_feedback(feedback)
            return replace(exchange, rating=rating, rated="Kept, thank you.")
        except CareerError as error:
            return replace(exchange, rated=f"It could not be kept: {error}")
        except Exception:
            logger.exception("a rating could not be kept")
            return replace(exchange, rated=f"It could not be kept. {UNEXPECTED}")


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


def _render_library(chain: Chain, *, may_edit: bool) -> str:
    articles = chain.library.articles()
    if not articles:
        return render_empty_library(may_edit=may_edit)
    return render_welcome(len(articles), choose_examples(chain.library.headings()))


def _ask_of(articles: Sequence[Chosen], chain: Chain, asked: Mapping[str, Any]) -> Iterator[Reply]:
    """The replies of the chosen articles; one that is gone meanwhile is named by its title, which readers know."""
    for chosen in articles:
        try:
            chain.library.refuse_unknown([chosen.id])
        except ArticleUnknown as error:
            raise CareerError(
                f"“{chosen.title}” is no longer in the library. Choose other articles, or all."
            ) from error
    yield from chain.stream({**asked, "articles": [chosen.id for chosen in articles]})


def _describe(rating: str, question: str, history: tuple[str, ...], reply: Reply) -> Feedback:
    """An answer as it is remembered: with its quotes' own words, which outlive the articles."""
    quotes = (Quote(one.article_id, one.heading, one.start, one.end, one.quote) for one in reply.citations)
    return Feedback(rating, question, history, reply.text, reply.answered, tuple(quotes))


def _read_conversation(kept: Any) -> tuple[tuple[Exchange, ...], str]:
    """The exchanges that the browser sent; or none, and why they cannot be read."""
    try:
        return read_exchanges(kept), ""
    except CareerError as error:
        return (), str(error)


def _tell_place(ahead: int) -> str:
    questions = "1 question is" if ahead == 1 else f"{ahead} questions are"
    return f"Many are asking: {questions} ahead of yours" if ahead else "Many are asking: yours is next"


def _render_count(limit: int) -> str:
    return f'<p role="status" data-limit="{limit}"></p>'


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
