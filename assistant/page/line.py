"""Turns to answer: so many at once, the others in the order they came, and everybody knows their place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from assistant.errors import ServerBusy, ServerStopping

ANSWERS_AT_ONCE = 4
QUEUE_LENGTH = 64  # questions waiting; the next one is told to come back


class Line:
    """One for all who ask, in the page or through the API. Lives in one event loop."""

    def __init__(self, at_once: int = ANSWERS_AT_ONCE, longest: int = QUEUE_LENGTH) -> None:
        self._at_once = at_once
        self._longest = longest
        self._answering = 0
        self._waiting: list[asyncio.Event] = []  # set whenever somebody has left
        self.is_closed = False

    @asynccontextmanager
    async def join(self) -> AsyncIterator[Place]:
        """A place, given back at the end, whatever happens. Wait for its turn with `async for ahead in place`.

        Raises ServerBusy when too many wait, ServerStopping once the line is closed.
        """
        self.refuse_when_closed()
        if self._answering >= self._at_once and len(self._waiting) >= self._longest:
            raise ServerBusy(
                f"{len(self._waiting)} questions are waiting already, and no more can. Ask again in a minute."
            )
        place = Place(self)
        try:
            yield place
        finally:
            place.leave()

    @asynccontextmanager
    async def take_turn(self) -> AsyncIterator[None]:
        """For who is not told of the place: begins with the turn, and gives it back. Raises as join does."""
        async with self.join() as place:
            async for _ in place:
                pass
            yield

    def refuse_when_closed(self) -> None:
        if self.is_closed:
            raise ServerStopping("The server is about to stop. Ask again in a minute.")

    async def close(self, seconds: float) -> bool:
        """Give no more turns, tell those who wait, and let the others finish; False if some have not by then."""
        self.is_closed = True
        self._move()
        waited = 0.0
        while self._answering and waited < seconds:
            await asyncio.sleep(0.05)
            waited += 0.05
        return not self._answering

    def _move(self) -> None:
        for moved in self._waiting:
            moved.set()


class Place:
    """A place in the line; iterating yields how many are ahead, again whenever that changes, and ends with the turn."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._moved = asyncio.Event()
        self._has_turn = False
        line._waiting.append(self._moved)

    async def __aiter__(self) -> AsyncIterator[int]:
        line, told = self._line, -1
        while True:
            self._moved.clear()  # before looking, or a move while the place is being told would be missed
            if self._take_turn():
                return
            ahead = line._waiting.index(self._moved)
            if ahead != told:
                told = ahead
                yield ahead
            await self._moved.wait()

    def _take_turn(self) -> bool:
        line = self._line
        line.refuse_when_closed()
        if line._waiting[0] is self._moved and line._answering < line._at_once:
            del line._waiting[0]
            line._answering += 1
            self._has_turn = True
            line._move()
        return self._has_turn

    def leave(self) -> None:
        if self._has_turn:
            self._line._answering -= 1
        else:
            self._line._waiting.remove(self._moved)
        self._line._move()
