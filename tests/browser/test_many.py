"""Many visitors at once, without a browser. How fast they are answered: `python -m tests.benchmarks load`."""

from __future__ import annotations

import asyncio
import re
import tracemalloc
from collections import Counter
from collections.abc import Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from tests.browser.fake_chain import FakeChain
from tests.visitor import Answer, Page, Visitor

if TYPE_CHECKING:
    from tests.browser.conftest import Serve

T = TypeVar("T")
MARKER = re.compile(r"Visitor\d{3}")


@pytest.fixture(scope="module")
def address(serve_all: Serve) -> str:
    """A page whose answers take a moment, so that many are under way at once."""
    return serve_all(FakeChain(pause=0.005))


def test_hundred_interleaved_chats_show_no_word_of_one_in_another(address: str) -> None:
    seen = _run(_interleave(address, 100))
    assert all(words == {marker} for marker, words in seen.items())  # its own, and no other


def test_hundred_questions_at_the_same_moment_are_each_answered_or_told_to_wait(address: str) -> None:
    answers = _run(_ask_at_once(address, 100))
    outcomes = Counter(answer.outcome for answer in answers)
    assert outcomes["answered"] + outcomes["turned away"] == 100
    assert outcomes["answered"] >= 64  # as many as may wait
    assert all(answer.reason for answer in answers if answer.outcome == "turned away")


def test_more_visitors_take_no_more_memory(serve: Serve) -> None:
    before, after = _run(_watch_memory(serve(FakeChain()), 60))
    assert after - before < 3_000_000  # bytes; with all conversations kept it is more than twice as much


def _run(visits: Coroutine[Any, Any, T]) -> T:
    """In a thread: where Playwright has been used, the main thread has an event loop already."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, visits).result()


async def _interleave(address: str, number: int) -> dict[str, set[str]]:
    """For each visitor's marker the markers that this visitor was shown."""
    seen: dict[str, set[str]] = {f"Visitor{each:03d}": set() for each in range(number)}
    gate = asyncio.Semaphore(20)
    async with Page.open(address) as page:
        await asyncio.gather(*(_chat(page, marker, words, gate) for marker, words in seen.items()))
    return seen


async def _chat(page: Page, marker: str, words: set[str], gate: asyncio.Semaphore) -> None:
    visitor = await page.enter(lambda text: words.update(MARKER.findall(text)))
    for question in (f"How much does an ML engineer earn, asks {marker}?", "And a software engineer?"):
        async with gate:
            answer = await visitor.ask(question)
        assert answer.outcome == "answered", answer
    assert [exchange["question"] for exchange in visitor.exchanges][1:] == ["And a software engineer?"]


async def _ask_at_once(address: str, number: int) -> Sequence[Answer]:
    async with Page.open(address) as page:
        visitors = [await page.enter() for _ in range(number)]
        return await asyncio.gather(*(visitor.ask("How much does an ML engineer earn?") for visitor in visitors))


async def _watch_memory(address: str, number: int) -> tuple[int, int]:
    """What this process has taken when so many visitors were there, and when as many others were."""
    taken = []
    async with Page.open(address) as page:
        long = await _converse(await page.enter(), 12)
        tracemalloc.start()
        for _ in range(2):
            for _ in range(number):
                visitor = await page.enter()
                visitor.exchanges = long
                await visitor.ask("How much does an ML engineer earn?")
            taken.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
    return taken[0], taken[1]


async def _converse(visitor: Visitor, number: int) -> list[object]:
    for _ in range(number):
        await visitor.ask("How much does an ML engineer earn?")
    return visitor.exchanges
