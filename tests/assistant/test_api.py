"""`POST /api/ask`, spoken to as programs do: what is answered, what is refused and how, and who is not waited for."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from assistant.answer import AnswerChain, Question
from assistant.api import make_api
from assistant.conversation import Citation, Reply, Turn
from assistant.desk import LONGEST_BODY, Loader, TakeTurn
from assistant.errors import CareerError, LibraryEmpty, QuestionInvalid
from assistant.page.loader import ChainLoader
from assistant.settings import Settings
from ingest.article import Article
from ingest.errors import ArticleUnknown, LibraryDamaged
from ingest.library import Library
from ingest.split import split_article
from tests.fakes import FakeEmbedder

ASKED = "What do they earn?"
CITATION = Citation(1, "pay", "Pay", "", "", "Salaries", 0, 20, "Engineers earn $100.")
PARTS = (Reply(ASKED, ASKED, "Engineers"), Reply(ASKED, ASKED, "Engineers earn $100. [1]", (CITATION,)))
JSON = {"Content-Type": "application/json"}


@dataclass
class FakeChain:
    """Answers in two parts, or fails before the one that `fails_at` numbers."""

    error: Exception | None = None
    fails_at: int = 0
    asked: list[Any] = field(default_factory=list)
    closed: threading.Event = field(default_factory=threading.Event)
    library: Any = None

    def stream(self, question: Any, /) -> Iterator[Reply]:
        self.asked.append(question)
        try:
            for number, reply in enumerate(PARTS):
                if self.error and number == self.fails_at:
                    raise self.error
                yield reply
        finally:
            self.closed.set()


def open_door(chain: Any, take_turn: TakeTurn | None = None) -> TestClient:
    turns = asyncio.Semaphore(4)
    return TestClient(make_api(ChainLoader.holding(chain), take_turn or (lambda: turns)))


def ask(chain: Any, body: Any, **headers: str) -> tuple[int, Any]:
    """The status and the JSON that comes back."""
    content = body if isinstance(body, bytes) else json.dumps(body)
    answer = open_door(chain).post("/", content=content, headers={**JSON, **headers})
    return answer.status_code, answer.json()


# -- answers ----------------------------------------------------------------------------------------------------------


def test_a_question_is_answered_with_what_the_command_prints() -> None:
    assert ask(FakeChain(), {"question": ASKED}) == (200, PARTS[-1].as_dict())


def test_history_and_articles_are_handed_over() -> None:
    chain = FakeChain()
    ask(chain, {"question": "And there?", "history": [ASKED, {"question": "x", "answer": "y"}], "articles": ["pay"]})
    assert chain.asked == [Question("And there?", (Turn(ASKED), Turn("x", "", "y")), ("pay",))]


def test_a_type_with_its_encoding_is_understood() -> None:
    status, _ = ask(FakeChain(), {"question": ASKED}, **{"Content-Type": "application/json; charset=UTF-8"})
    assert status == 200


def test_an_answer_is_not_kept_by_caches() -> None:
    answer = open_door(FakeChain()).post("/", json={"question": ASKED})
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("body", "headers"),
    [({"question": ASKED, "stream": True}, {}), ({"question": ASKED}, {"Accept": "text/event-stream"})],
    ids=["stream", "accept"],
)
def test_an_answer_comes_in_parts_when_asked_for(body: Any, headers: dict[str, str]) -> None:
    answer = open_door(FakeChain()).post("/", json=body, headers=headers)
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [event.splitlines() for event in answer.text.strip().split("\n\n")]
    assert [name for name, _ in events] == ["event: snapshot", "event: reply"]
    data = [json.loads(line.removeprefix("data: ")) for _, line in events]
    assert data == [reply.as_dict() for reply in PARTS]


# -- what is refused --------------------------------------------------------------------------------------------------

HOSTILE = {
    "empty": b"",
    "no JSON": b"question=hello",
    "cut off": b'{"question": "x"',
    "a list": b'["x"]',
    "a text": b'"x"',
    "null": b"null",
    "no question": b"{}",
    "a number": b'{"question": 5}',
    "NaN": b'{"question": "x", "history": NaN}',
    "infinite": b'{"question": "x", "history": [{"question": "x", "answer": 1e999}]}',
    "huge number": b'{"question": ' + b"9" * 100_000 + b"}",
    "deep": b'{"question": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep objects": b'{"question":' * 15_000 + b"1" + b"}" * 15_000,
    "moderately deep": b'{"question": "x", "history": ' + b"[" * 900 + b"]" * 900 + b"}",
    "given twice": b'{"question": "x", "question": "y"}',
    "given twice below": b'{"question": "x", "history": [{"question": "x", "question": "y"}]}',
    "half a character": b'{"question": "\\ud800"}',
    "half a character in a name": b'{"question": "x", "\\udfff": 1}',
    "half a character in an id": b'{"question": "x", "articles": ["\\ud800"]}',
    "no UTF-8": b'{"question": "\xff"}',
    "UTF-16": '{"question": "x"}'.encode("utf-16"),
    "byte order mark": b'\xef\xbb\xbf{"question": "x"}',
    "misspelt field": b'{"question": "x", "article": ["pay"]}',
    "history as text": b'{"question": "x", "history": "y"}',
    "history as zero": b'{"question": "x", "history": 0}',
    "history of numbers": b'{"question": "x", "history": [5]}',
    "answer of an object": b'{"question": "x", "history": [{"question": "x", "answer": {"a": 1}}]}',
    "articles as text": b'{"question": "x", "articles": "pay"}',
    "articles of null": b'{"question": "x", "articles": [null]}',
    "stream as text": b'{"question": "x", "stream": "yes"}',
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_is_no_question_is_refused_in_one_line(body: bytes) -> None:
    chain = FakeChain()
    status, told = ask(chain, body)
    assert (status, list(told)) == (400, ["error"])
    assert "\n" not in told["error"]
    assert len(told["error"]) < 300
    assert chain.asked == []


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (QuestionInvalid("The question is empty.\nType a question."), 422),
        (ArticleUnknown("pai: no article with this id. Did you mean pay?"), 404),
        (LibraryEmpty("The library holds no articles yet."), 503),
        (LibraryDamaged("catalog.sqlite3: damaged."), 503),
    ],
    ids=["question", "article", "empty", "damaged"],
)
@pytest.mark.parametrize("in_parts", [False, True])
def test_what_the_library_says_is_told_with_its_status(error: Exception, status: int, in_parts: bool) -> None:
    told = ask(FakeChain(error), {"question": ASKED, "stream": in_parts})
    assert told == (status, {"error": " ".join(str(error).split())})


def test_who_is_told_to_come_back_is_told_when() -> None:
    answer = open_door(FakeChain(LibraryEmpty("Nothing yet."))).post("/", json={"question": ASKED})
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_only_a_post_asks(method: str) -> None:
    answer = open_door(FakeChain()).request(method, "/")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json; charset=latin-1"},
        {"Content-Type": ""},
        {"Content-Encoding": "gzip"},
    ],
    ids=str,
)
def test_a_body_of_another_type_is_refused(headers: dict[str, str]) -> None:
    status, told = ask(FakeChain(), {"question": ASKED}, **headers)
    assert (status, list(told)) == (415, ["error"])


def test_a_body_that_is_too_long_is_refused() -> None:
    status, told = ask(FakeChain(), {"question": ASKED, "history": ["x" * LONGEST_BODY]})
    assert (status, list(told)) == (413, ["error"])


def test_a_long_body_is_not_read_to_its_end() -> None:
    read = 0

    def endless() -> Iterator[bytes]:
        nonlocal read
        for _ in range(1_000):
            read += 1
            yield b" " * 64_000

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
    }
    parts, sent = endless(), []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": next(parts), "more_body": True}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(_run(make_api(ChainLoader.holding(FakeChain()), lambda: asyncio.Semaphore(1)), scope, receive, send))
    assert sent[0]["status"] == 413
    assert read < 10


async def _run(app: Any, *arguments: Any) -> None:
    await asyncio.wait_for(app(*arguments), timeout=30)


# -- what goes wrong --------------------------------------------------------------------------------------------------


def test_an_unexpected_error_tells_nothing_and_logs_no_word_of_the_question(caplog: pytest.LogCaptureFixture) -> None:
    chain = FakeChain(ValueError(f"cannot parse {ASKED!r}"))
    with caplog.at_level(logging.DEBUG):
        status, told = ask(chain, {"question": ASKED})
    assert (status, told) == (500, {"error": "Something went wrong; the log says why."})
    assert "ValueError" in caplog.text
    assert "earn" not in caplog.text


def test_an_answer_that_breaks_off_ends_with_an_error() -> None:
    chain = FakeChain(LibraryDamaged("catalog.sqlite3: damaged."), fails_at=1)
    answer = open_door(chain).post("/", json={"question": ASKED, "stream": True})
    last = answer.text.strip().split("\n\n")[-1].splitlines()
    assert last == ["event: error", 'data: {"error": "catalog.sqlite3: damaged."}']


class Opening:
    """A library that never gets ready."""

    def start(self) -> Future[Any]:
        return Future()


class Broken:
    """A library that cannot be opened."""

    def start(self) -> Future[Any]:
        failed: Future[Any] = Future()
        failed.set_exception(LibraryDamaged("catalog.sqlite3: damaged."))
        return failed


def ask_while(loader: Loader) -> tuple[int, Any]:
    turns = asyncio.Semaphore(4)
    answer = TestClient(make_api(loader, lambda: turns, patience=0.05)).post("/", json={"question": ASKED})
    return answer.status_code, answer.json()


def test_a_library_that_is_being_opened_is_not_waited_for_long() -> None:
    status, told = ask_while(Opening())
    assert status == 503
    assert "being opened" in told["error"]


def test_a_library_that_cannot_be_opened_says_why() -> None:
    assert ask_while(Broken()) == (503, {"error": "catalog.sqlite3: damaged."})


def test_a_busy_server_says_so() -> None:
    class Full(CareerError):
        pass

    @asynccontextmanager
    async def take_turn() -> AsyncIterator[None]:
        raise Full("Too many are waiting. Ask again in a moment.")
        yield

    answer = open_door(FakeChain(), take_turn).post("/", json={"question": ASKED})
    assert answer.status_code == 503
    assert answer.json() == {"error": "Too many are waiting. Ask again in a moment."}
    assert answer.headers["retry-after"]


# -- turns, and who goes away -----------------------------------------------------------------------------------------


class Visit:
    """One request, driven message by message, so that the client can leave when the test says."""

    def __init__(self, app: Any, body: dict[str, Any]) -> None:
        self._messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._messages.put_nowait({"type": "http.request", "body": json.dumps(body).encode()})
        self.sent: list[Any] = []
        headers = [(b"content-type", b"application/json")]
        scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": headers}
        self.task = asyncio.ensure_future(app(scope, self._messages.get, self._send))

    async def _send(self, message: Any) -> None:
        self.sent.append(message)

    def leave(self) -> None:
        self._messages.put_nowait({"type": "http.disconnect"})

    async def end(self) -> None:
        await asyncio.wait_for(self.task, timeout=30)


class SlowChain:
    """Writes parts until it is closed, each when the test lets it."""

    def __init__(self) -> None:
        self.library: Any = None
        self.go_on = threading.Semaphore(0)
        self.written = 0
        self.begun = 0
        self.closed = threading.Event()

    def stream(self, question: Any, /) -> Iterator[Reply]:
        self.begun += 1
        try:
            while True:
                self.go_on.acquire(timeout=20)
                self.written += 1
                yield replace(PARTS[0], text="word " * self.written)
        finally:
            self.closed.set()


async def until(true: Any) -> None:
    for _ in range(2_000):
        if true():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen")


@pytest.mark.parametrize("in_parts", [False, True])
def test_an_answer_is_given_up_when_its_reader_has_gone_away(in_parts: bool) -> None:
    async def visit() -> None:
        chain, turns = SlowChain(), asyncio.Semaphore(1)
        visit = Visit(make_api(ChainLoader.holding(chain), lambda: turns), {"question": ASKED, "stream": in_parts})
        chain.go_on.release(3)
        await until(lambda: chain.written == 3)
        visit.leave()
        chain.go_on.release()
        await visit.end()
        assert chain.closed.is_set()
        assert chain.written <= 4
        assert not turns.locked()  # its turn is given back

    asyncio.run(visit())


def test_who_leaves_while_waiting_is_never_answered() -> None:
    async def visit() -> None:
        chain, turns = SlowChain(), asyncio.Semaphore(1)
        app = make_api(ChainLoader.holding(chain), lambda: turns)
        first = Visit(app, {"question": ASKED})
        await until(lambda: chain.begun == 1)
        second = Visit(app, {"question": ASKED})
        await asyncio.sleep(0.05)
        second.leave()
        await second.end()
        first.leave()
        chain.go_on.release()
        await first.end()
        assert chain.begun == 1
        assert second.sent == []

    asyncio.run(visit())


def test_questions_wait_for_a_turn_and_none_is_lost() -> None:
    async def visit() -> None:
        chain, turns, most = FakeChain(), asyncio.Semaphore(2), 0
        answering = 0

        @asynccontextmanager
        async def take_turn() -> AsyncIterator[None]:
            nonlocal answering, most
            async with turns:
                answering += 1
                most = max(most, answering)
                yield
                answering -= 1

        app = make_api(ChainLoader.holding(chain), take_turn)
        visits = [Visit(app, {"question": f"{number}?"}) for number in range(100)]
        for each in visits:
            await each.end()
        assert [each.sent[0]["status"] for each in visits] == [200] * 100
        assert most == 2

    asyncio.run(visit())


# -- a real library ---------------------------------------------------------------------------------------------------


def test_a_real_chain_answers_from_the_chosen_article(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, _env_file=None)  # type: ignore[call-arg]
    with Library.open(settings, FakeEmbedder()) as library:
        for name, pay in (("nurses", 80), ("dentists", 170)):
            article = Article(name, f"/{name}.md", name.title(), f"## Pay\n\nPeople there earn ${pay},000 a year.")
            library.replace(article, split_article(article, settings))
        chain = AnswerChain(library, settings)
        asked = {"question": "What do people there earn a year?", "articles": ["dentists"]}
        status, told = ask(chain, asked)
        assert status == 200
        assert {**told, "seconds": 0} == {**chain.invoke(asked).as_dict(), "seconds": 0}
        assert {citation["article_id"] for citation in told["citations"]} == {"dentists"}
        assert ask(chain, {**asked, "articles": ["dentist"]})[0] == 404
        assert ask(chain, {**asked, "question": " "})[0] == 422
        assert ask(chain, {**asked, "question": "x" * 3_000})[0] == 422
