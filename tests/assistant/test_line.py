"""Turns to answer: in the order of coming, never more than so many, and a place that is given back whatever happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable

import pytest

from assistant.errors import ServerBusy, ServerStopping
from assistant.page.line import Line, Place


class Asker:
    """Somebody in the line, told of places as they change, who answers until `done` is set."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.told: list[int] = []
        self.state = "waiting"
        self.done = asyncio.Event()
        self.task = asyncio.create_task(self._ask())

    async def _ask(self) -> None:
        try:
            async with self.line.join() as place:
                async for ahead in place:
                    self.told.append(ahead)
                self.state = "answering"
                await self.done.wait()
            self.state = "answered"
        except ServerBusy as error:
            self.state = type(error).__name__


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def run(test: Awaitable[None]) -> None:
    async def within() -> None:
        await asyncio.wait_for(test, 10)

    asyncio.run(within())


def test_line_answers_so_many_at_once_and_tells_the_others_how_many_are_ahead() -> None:
    async def test() -> None:
        line = Line(at_once=2, longest=5)
        askers = [Asker(line) for _ in range(5)]
        await settle()
        assert [asker.state for asker in askers] == ["answering"] * 2 + ["waiting"] * 3
        assert [asker.told for asker in askers] == [[], [], [0], [1], [2]]
        askers[1].done.set()
        await settle()
        assert [asker.state for asker in askers] == ["answering", "answered", "answering", "waiting", "waiting"]
        assert [asker.told for asker in askers[3:]] == [[1, 0], [2, 1]]
        for asker in askers:
            asker.done.set()
        await settle()
        assert {asker.state for asker in askers} == {"answered"}

    run(test())


def test_line_that_is_full_says_so_and_has_room_again_when_somebody_leaves() -> None:
    async def test() -> None:
        line = Line(at_once=1, longest=1)
        first, second, third = (Asker(line) for _ in range(3))
        await settle()
        assert [asker.state for asker in (first, second, third)] == ["answering", "waiting", "ServerBusy"]
        second.task.cancel()
        await settle()
        fourth = Asker(line)
        await settle()
        assert fourth.told == [0]
        first.done.set()
        await settle()
        assert fourth.state == "answering"

    run(test())


def test_hundred_at_the_same_moment_are_answered_or_told_and_none_is_lost() -> None:
    async def test() -> None:
        line = Line()
        askers = [Asker(line) for _ in range(100)]
        await settle()
        for asker in askers:
            asker.done.set()
        await asyncio.gather(*(asker.task for asker in askers))
        states = [asker.state for asker in askers]
        assert (states.count("answered"), states.count("ServerBusy")) == (68, 32)
        assert states[:68] == ["answered"] * 68

    run(test())


def test_turn_that_comes_while_the_place_is_being_told_is_not_missed() -> None:
    async def test() -> None:
        line = Line(at_once=1, longest=1)
        first = Asker(line)
        await settle()
        async with line.join() as place:
            told = [ahead async for ahead in leave_meanwhile(place, first)]
        assert told == [0]

    async def leave_meanwhile(place: Place, other: Asker) -> AsyncIterator[int]:
        async for ahead in place:
            other.done.set()
            await settle()
            yield ahead

    run(test())


def test_turn_is_given_back_by_who_fails() -> None:
    async def test() -> None:
        line = Line(at_once=1, longest=1)
        for _ in range(3):
            with pytest.raises(RuntimeError):
                async with line.take_turn():
                    raise RuntimeError
        async with line.take_turn():
            pass

    run(test())


def test_line_that_closes_tells_who_waits_and_lets_who_is_answered_finish() -> None:
    async def test() -> None:
        line = Line(at_once=1, longest=5)
        first, second = Asker(line), Asker(line)
        await settle()
        closing = asyncio.create_task(line.close(5))
        await settle()
        assert (first.state, second.state) == ("answering", "ServerStopping")
        with pytest.raises(ServerStopping):
            async with line.take_turn():
                pass
        first.done.set()
        assert await closing
        assert first.state == "answered"

    run(test())


def test_line_that_closes_waits_no_longer_than_it_was_told() -> None:
    async def test() -> None:
        line = Line(at_once=1)
        asker = Asker(line)
        await settle()
        assert not await line.close(0.1)
        asker.done.set()

    run(test())
