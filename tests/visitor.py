"""A visitor of the chat page without a browser: sends what the page's scripts send, and sees what they would show."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from html import unescape
from typing import Any, Literal

import httpx

EXCHANGE = re.compile(r'data-exchange="([^"]*)"')
TEXT = re.compile(r'class="(?:answer-text|refusal|error)"')
ERROR = re.compile(r'<p class="error">(.*?)</p>', re.DOTALL)
BUSY = "Ask again in a minute"
PLACE = re.compile(r"Many are asking: (?:(\d+) questions? (?:are|is) ahead|yours is next)")
PATIENCE = 120.0  # seconds without a byte


class Lost(Exception):
    """An event that was neither answered nor turned away."""


class TurnedAway(Exception):
    """Too many wait already, and the visitor was told so."""


@dataclass(frozen=True)
class Answer:
    """What became of one question; seconds since it was due."""

    outcome: Literal["answered", "turned away", "failed", "lost"]
    first: float = 0.0  # until a word of the answer was there
    whole: float = 0.0
    place: int = -1  # in the queue, as the page told it last; 0 is next
    reason: str = ""


@dataclass(frozen=True)
class Page:
    """A page that any number of visitors can enter, and which of its events is which."""

    address: str
    transport: httpx.AsyncHTTPTransport
    events: Mapping[str, Any]  # by the name of what handles them
    parts: Mapping[str, int]  # ids by the name that they have on the page

    @classmethod
    @asynccontextmanager
    async def open(cls, address: str) -> AsyncIterator[Page]:
        # Two seconds: a server closes what was idle for five, and a browser would send again what crosses that.
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=100, keepalive_expiry=2)
        async with httpx.AsyncHTTPTransport(limits=limits, trust_env=False) as transport:
            client = httpx.AsyncClient(transport=transport, timeout=PATIENCE)  # not closed: its transport is shared
            configuration = (await client.get(f"{address.rstrip('/')}/config")).raise_for_status().json()
            events = {event["api_name"]: event for event in configuration["dependencies"]}
            named = ((part["props"].get("elem_id"), part["id"]) for part in configuration["components"])
            yield cls(address, transport, events, {name: number for name, number in named if name})

    async def enter(self, see: Callable[[str], None] = lambda _: None) -> Visitor:
        """A new visitor, with cookies of their own; `see` is handed everything that they are shown."""
        client = httpx.AsyncClient(
            base_url=f"{self.address.rstrip('/')}/", transport=self.transport, timeout=PATIENCE, trust_env=False
        )
        (await client.get("")).raise_for_status()
        return Visitor(client, self, see)


class Visitor:
    """One session with one conversation, which is kept here as a browser keeps it."""

    def __init__(self, client: httpx.AsyncClient, page: Page, see: Callable[[str], None]) -> None:
        self._client = client
        self._page = page
        self._see = see
        self._place = -1
        self.session = secrets.token_hex(6)
        self.exchanges: list[Any] = []

    async def arrive(self) -> str:
        """The welcome, once the library is there."""
        return await self._read_last("welcome", [])

    async def ask(self, question: str, due: float | None = None) -> Answer:
        """Ask and wait for the whole answer; `due` is when that should have begun, if not now. Raises nothing."""
        due = time.perf_counter() if due is None else due
        self._place = -1
        try:
            first, earlier, newest = await self._read_answer(question, due)
        except TurnedAway as told:
            return Answer("turned away", whole=time.perf_counter() - due, reason=str(told))
        except (Lost, httpx.HTTPError) as error:
            return Answer("lost", reason=f"{type(error).__name__}: {error}", place=self._place)
        whole = time.perf_counter() - due
        self.exchanges = [json.loads(unescape(kept)) for kept in EXCHANGE.findall(earlier + newest)]
        failed = ERROR.search(newest)
        if failed is None:
            return Answer("answered", first, whole, self._place)
        return Answer("turned away" if BUSY in failed[1] else "failed", first, whole, self._place, failed[1])

    async def _read_answer(self, question: str, due: float) -> tuple[float, str, str]:
        """When the first of it came, and the exchanges before and the newest at the end."""
        first, earlier, newest = 0.0, "", ""
        async for shown in self._happen("ask", [question, self.exchanges]):
            earlier, newest, *_ = shown
            if told := PLACE.search(newest):
                self._place = int(told[1] or 0)
            if not first and TEXT.search(newest):
                first = time.perf_counter() - due
        if not first:
            raise Lost("the answer has no text")
        return first, earlier, newest

    async def open_source(self, turn: int, number: int) -> str:
        """The source panel as a press on that citation's mark shows it."""
        pressed = {"turn": turn, "number": number, "exchange": self.exchanges[turn]}
        return await self._read_last("open_source", [], pressed)

    async def _read_last(self, name: str, data: list[Any], pressed: Any = None) -> str:
        """What the event's one output shows in the end."""
        last = ""
        async for shown in self._happen(name, data, pressed):
            (last,) = shown
        return last

    async def _happen(self, name: str, data: list[Any], pressed: Any = None) -> AsyncIterator[list[str]]:
        """The event's outputs, each time that one of them changes. Raises TurnedAway, Lost."""
        event = self._page.events[name]
        trigger = self._page.parts["question"] if name == "ask" else event["targets"][0][0]
        joined = await self._client.post(
            "gradio_api/queue/join",
            json={
                "data": [*data, *([] for _ in event["inputs"][len(data) :])],  # no choice of articles
                "event_data": pressed,
                "fn_index": event["id"],
                "trigger_id": trigger,
                "session_hash": self.session,
            },
        )
        if joined.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            raise TurnedAway(joined.json().get("detail", ""))
        joined.raise_for_status()
        shown, is_whole = [""] * len(event["outputs"]), False
        async for message in self._listen():  # to its end, as a browser does: the server counts one that leaves as lost
            if message["msg"] in ("process_generating", "process_completed"):
                if not message["success"]:
                    raise Lost(str(message["output"].get("error")))
                shown = [_change(*change) for change in zip(shown, message["output"].get("data", shown), strict=True)]
                for text in shown:
                    self._see(text)
                yield shown
            is_whole = is_whole or message["msg"] == "process_completed"
        if not is_whole:
            raise Lost("the stream ended before the answer")

    async def _listen(self) -> AsyncIterator[Any]:
        address = "gradio_api/queue/data"
        async with self._client.stream("GET", address, params={"session_hash": self.session}) as stream:
            async for line in stream.aiter_lines():
                if line.startswith("data:"):
                    yield json.loads(line.removeprefix("data:"))


def _change(shown: str, change: Any) -> str:
    """A component's text after a message: text, a difference to what was shown, or nothing new."""
    if isinstance(change, str):
        return change
    for action in change if isinstance(change, list) else ():
        kind, path, value = action
        if not path and isinstance(value, str):
            shown = shown + value if kind == "append" else value
    return shown
