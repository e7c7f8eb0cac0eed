"""Freed memory goes back while the server runs, with glibc, and nothing is touched with another C library."""

from __future__ import annotations

import ctypes
import threading
from typing import Any

import pytest

from assistant.server import memory
from assistant.server.memory import give_memory_back


class Glibc:
    def __init__(self) -> None:
        self.options: list[tuple[int, int]] = []
        self.trims = threading.Semaphore(0)

    def mallopt(self, option: int, value: int) -> None:
        self.options.append((option, value))

    def malloc_trim(self, _padding: int) -> None:
        self.trims.release()


def find_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "give-memory-back"]


def load(monkeypatch: pytest.MonkeyPatch, library: Any) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: library)
    monkeypatch.setattr(memory, "PAUSE", 0.001)


def test_memory_is_given_back_again_and_again_until_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    glibc = Glibc()
    load(monkeypatch, glibc)
    with give_memory_back():
        assert all(glibc.trims.acquire(timeout=10) for _ in range(3))
        threads = find_threads()
    assert glibc.options == [(-8, 2)]
    for thread in threads:
        thread.join(10)
    assert find_threads() == []


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    load(monkeypatch, object())
    with give_memory_back():
        assert find_threads() == []


def test_glibc_of_this_machine_takes_both_calls() -> None:
    library = ctypes.CDLL(None)
    if not hasattr(library, "malloc_trim"):
        pytest.skip("the C library of this machine is not glibc")
    assert library.mallopt(memory.ARENA_MAX, memory.ARENAS) == 1
    assert library.malloc_trim(0) in (0, 1)
