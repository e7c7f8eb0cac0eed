"""Work ahead of its taker: order, bounds, errors, and a taker who leaves."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from ingest.look_ahead import look_ahead

PATIENCE = 5.0  # seconds


def count_up(taken: list[int], last: int = 1_000) -> Iterator[int]:
    for number in range(last):
        taken.append(number)
        yield number


def test_results_come_in_order_however_long_each_takes() -> None:
    def work(number: int) -> int:
        time.sleep(0.02 if number % 3 == 0 else 0)
        return number * 10

    assert list(look_ahead(range(20), work, threads=3, depth=5)) == [number * 10 for number in range(20)]


def test_nothing_gives_nothing() -> None:
    assert list(look_ahead([], str, threads=2, depth=2)) == []


def test_no_more_is_begun_than_may_wait() -> None:
    taken: list[int] = []
    results = look_ahead(count_up(taken), lambda number: number, threads=2, depth=3)
    next(results)
    time.sleep(0.2)
    assert len(taken) <= 4
    results.close()


def test_one_is_fetched_while_another_is_worked_on() -> None:
    fetched = threading.Event()

    def fetch() -> Iterator[str]:
        yield "first"
        fetched.set()
        yield "second"

    def work(name: str) -> bool:
        return name == "second" or fetched.wait(PATIENCE)  # the first waits until the second is there

    assert list(look_ahead(fetch(), work, threads=2, depth=2)) == [True, True]


def test_what_the_work_raises_is_raised_in_its_place() -> None:
    results = look_ahead([1, 0, 2], lambda number: 2 // number, threads=2, depth=3)
    assert next(results) == 2
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_what_fetching_raises_is_raised_in_its_place() -> None:
    def fetch() -> Iterator[int]:
        yield 1
        raise KeyError("a bug")

    results = look_ahead(fetch(), lambda number: number, threads=2, depth=3)
    assert next(results) == 1
    with pytest.raises(KeyError):
        next(results)


def test_who_stops_asking_is_not_kept_waiting_and_nothing_more_is_begun() -> None:
    go_on, taken = threading.Event(), list[int]()
    results = look_ahead(count_up(taken), lambda number: number == 0 or go_on.wait(PATIENCE), threads=2, depth=2)
    next(results)
    began = time.monotonic()
    results.close()
    assert time.monotonic() - began < PATIENCE / 2
    before = len(taken)
    go_on.set()
    time.sleep(0.2)
    assert len(taken) <= before
