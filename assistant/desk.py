"""Where programs ask, over HTTP and MCP: they wait for the library and their turn without holding up one another."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, suppress
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from anyio import CancelScope
from anyio.to_thread import run_sync

from assistant.conversation import Reply
from assistant.errors import CareerError, LibraryNotReady

if TYPE_CHECKING:
    from assistant.answer import Question

logger = logging.getLogger(__name__)

LONGEST_BODY = 256_000  # bytes of a request; a question after twenty long answers takes 60,000
PATIENCE = 5.0  # seconds that a request waits for a library that is being opened

Result = TypeVar("Result")
TakeTurn = Callable[[], AbstractAsyncContextManager[Any]]  # waits for a turn to answer; may raise a CareerError instead


class Chain(Protocol):
    """What programs need of `assistant.answer.AnswerChain`."""

    @property
    def library(self) -> Any: ...
    def stream(self, question: Any, /) -> Iterator[Reply]: ...


class Loader(Protocol):
    """Loads the chain in the background, as `assistant.page.loader.ChainLoader` does."""

    def start(self) -> Future[Any]: ...


class Desk:
    """Takes questions from any number of tasks of one event loop."""

    def __init__(self, loader: Loader, take_turn: TakeTurn, *, patience: float | None = None) -> None:
        self._loader = loader
        self._take_turn = take_turn
        self._patience = patience  # seconds that a question waits for the library; None: as long as it takes

    async def stream(self, asked: Any) -> AsyncGenerator[Reply]:
        """Replies that grow, the last one whole and proved; nothing is written on once it is closed.

        Raises LibraryNotReady, and what opening the library, taking a turn and the chain raise.
        """
        chain = await self._find_chain()
        async with self._take_turn():
            replies = chain.stream(asked)
            try:
                while (reply := await run_sync(next, replies, None)) is not None:
                    yield reply
            finally:
                with CancelScope(shield=True):  # closing ends a model's answer, whoever has gone away
                    await run_sync(_close, replies)

    async def read(self, read: Callable[[Any], Result]) -> Result:
        """What `read` makes of the library, in a thread of its own."""
        chain = await self._find_chain()
        return await run_sync(read, chain.library)

    async def _find_chain(self) -> Chain:
        loading = asyncio.wrap_future(self._loader.start())
        await asyncio.wait([loading], timeout=self._patience)  # never cancels what others wait for, too
        if not loading.done():
            raise LibraryNotReady("The library is still being opened. Ask again in a moment.")
        chain: Chain = loading.result()
        return chain


async def read_question(given: Any) -> Question:
    """A question of a program, in the shapes that `assistant.answer.read_asked` reads. Raises QuestionInvalid."""
    return await run_sync(_read_question, given)


def _read_question(given: Any) -> Question:
    from assistant.answer import read_asked  # langchain takes seconds, in which others are served

    return read_asked(given)


def explain(error: Exception) -> str:
    """The one line for who asked. The log never has an unexpected error's own words: they may be a question's."""
    if isinstance(error, CareerError):
        return " ".join(str(error).split())
    logger.error("a question failed: %s\n%s", type(error).__name__, "".join(traceback.format_tb(error.__traceback__)))
    return "Something went wrong; the log says why."


def _close(replies: Iterator[Reply]) -> None:
    close = getattr(replies, "close", None)  # a generator's; a list's iterator has none
    if close is not None:
        with suppress(ValueError):  # the server was stopped in the middle of a step: it is closed when that has ended
            close()
