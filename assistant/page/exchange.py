"""One question with its answer, as it flows through the page and as the visitor's browser keeps it.

The browser is the only keeper: the server holds no conversation between two requests, so none can be shown to another
visitor, and none is lost when the server ends. What comes back is read as strictly as anything else from outside; a
visitor who changes it changes what that visitor alone sees, and every quote is checked again when its source opens.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from pydantic import TypeAdapter, ValidationError

from assistant.conversation import Reply, Turn
from assistant.errors import CareerError
from assistant.page.filter import Chosen
from assistant.page.topics import Topic

LONGEST = 500  # exchanges of one conversation that are read


@dataclass(frozen=True)
class Exchange:
    """One question with what is known of its answer so far."""

    question: str
    reply: Reply | None = None
    error: str = ""  # in plain words
    progress: str = ""  # what the reader waits for; "" when nothing more will come
    stopped: bool = False
    topics: tuple[Topic, ...] = ()  # to go on with
    rating: str = ""  # what the reader thought of the answer: "up", "down", or "" for nothing
    articles: tuple[Chosen, ...] = ()  # that it was asked of; () for all
    rated: str = ""  # what became of that, in plain words

    @property
    def turn(self) -> Turn:
        """What later questions may refer to."""
        if self.reply is None:
            return Turn(self.question)
        answer = self.reply.text if self.reply.answered else ""
        return Turn(self.question, self.reply.standalone_question, answer)


_EXCHANGE = TypeAdapter(Exchange)
_EXCHANGES = TypeAdapter(tuple[Exchange, ...])


def write_exchange(exchange: Exchange) -> str:
    """As JSON, without the passages: they would be most of it."""
    reply = exchange.reply and replace(exchange.reply, passages=())
    return _EXCHANGE.dump_json(replace(exchange, reply=reply), exclude_defaults=True).decode()


def read_exchanges(saved: Any) -> tuple[Exchange, ...]:
    """The exchanges of a list that came from JSON. One that was cut off while it was answered counts as stopped.

    Raises CareerError.
    """
    try:
        exchanges = _EXCHANGES.validate_python(saved if saved is not None else ())
    except ValidationError as error:
        raise CareerError("This conversation cannot be read any more. Start a new chat.") from error
    return tuple(
        replace(exchange, progress="", stopped=True) if exchange.progress else exchange
        for exchange in exchanges[-LONGEST:]
    )
