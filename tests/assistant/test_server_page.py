"""Gradio's page behind our server, asked as a browser would ask, and as somebody with bad intentions would."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio
import httpx
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette

import ui
from assistant.conversation import Reply
from assistant.page.access import may_edit
from assistant.page.line import Line
from assistant.page.loader import ChainLoader
from assistant.page.mount import mount_page
from assistant.server.programs import list_routes
from assistant.server.served import list_served
from assistant.settings import Settings, change_settings
from tests.assistant.proxy import Proxy
from tests.assistant.visitor import Visitor, read_until
from tests.browser.fake_chain import FakeChain, FakeLibrary


@dataclass(frozen=True)
class HeldChain:
    """Answers with the question itself; one that says "wait" not before it may go on."""

    library: FakeLibrary = field(default_factory=FakeLibrary)
    go_on: threading.Event = field(default_factory=threading.Event)
    begun: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def stream(self, asked: Any) -> Iterator[Reply]:
        question = asked["question"] if isinstance(asked, dict) else asked.text
        self.begun.release()
        if "wait" in question:
            self.go_on.wait(20)
        yield Reply(question, question, f"Answer to {question}", model="extractive")


Open = Callable[..., str]


@pytest.fixture
def open_page() -> Iterator[Open]:
    pages = []

    def open_it(chain: Any, line: Line | None = None, **given: Any) -> str:
        settings = change_settings(Settings(port=0, max_question_characters=300), **given)
        line, loader = line or Line(), ChainLoader.holding(chain)
        page = ui.build_page(loader, settings, line)
        pages.append(page)
        return ui.launch_page(page, settings, list_routes(loader, line.take_turn), loader=loader, line=line)

    yield open_it
    for page in pages:
        page.close(verbose=False)


# -- what is served ---------------------------------------------------------------------------------------------------

# Everything of Gradio 6.31 that is let through. A route that another version adds is not, until it is added here and to
# assistant/server/served.py.
LET_THROUGH = """
GET /, HEAD /, GET /assets/{path:path}, GET /static/{path:path}, GET /config, GET /config/, GET /favicon.ico,
GET /theme.css, GET /gradio_api/theme.css, GET /gradio_api/startup-events, GET /gradio_api/heartbeat/{session_hash},
POST /gradio_api/queue/join, GET /gradio_api/queue/data, POST /gradio_api/cancel, POST /gradio_api/reset,
POST /gradio_api/upload, GET /gradio_api/upload_progress
"""


def walk_routes(routes: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Each method with each path, whatever Gradio and FastAPI wrap routes in."""
    for route in routes:
        inner: Any = getattr(route, "original_router", None) or getattr(route, "app", None)
        path = prefix + getattr(route, "path", "").rstrip("/") * hasattr(inner, "routes")
        if hasattr(inner, "routes"):
            yield from walk_routes(inner.routes, path)
        else:
            yield from ((method, prefix + route.path) for method in getattr(route, "methods", None) or {"GET"})


def test_nothing_of_gradio_is_let_through_but_what_the_page_needs() -> None:
    settings, site = Settings(), Starlette()
    mount_page(site, ui.build_page(FakeChain(), settings), settings)
    found = set(walk_routes(site.routes))
    assert len(found) > 75, "Gradio has more routes than that: they are wrapped in something new"
    served = list_served(settings)
    through = {
        f"{method} {path}"
        for method, path in found
        if any(each.matches(method, path.replace("{path:path}", "a").replace("{session_hash}", "a")) for each in served)
    }
    assert through - {"HEAD /login", "GET /login", "POST /login", "POST /login/"} == {
        route.strip() for route in LET_THROUGH.split(",")
    }


@pytest.mark.parametrize(
    "path",
    [
        "gradio_api/file=/etc/passwd",
        "gradio_api/proxy=https://example.org/",
        "monitoring",
        "gradio_api/info",
        "gradio_api/call/ask",
    ],
)
def test_gradio_s_other_doors_are_closed(open_page: Open, path: str) -> None:
    assert httpx.get(f"{open_page(FakeChain())}{path}", trust_env=False).status_code == 404


def test_page_says_nothing_of_functions_that_could_be_called_by_name(open_page: Open) -> None:
    page = httpx.get(open_page(FakeChain()), trust_env=False).text
    assert '"named_endpoints":{}' in page.replace(" ", "")


# -- one visitor and another ------------------------------------------------------------------------------------------


def test_who_knows_a_session_s_name_hears_nothing_of_it(open_page: Open) -> None:
    chain = HeldChain()
    address = open_page(chain)
    visitor, stranger, nobody = (
        Visitor.at(address),
        Visitor.at(address),
        Visitor(httpx.Client(base_url=address, trust_env=False)),
    )
    stranger.session = nobody.session = visitor.session
    visitor.join("wait for the secret").raise_for_status()
    for other in (stranger, nobody):
        assert "secret" not in "".join(map(json.dumps, other.listen()))
    chain.go_on.set()
    assert "Answer to wait for the secret" in "".join(map(json.dumps, visitor.listen()))


def test_who_knows_an_event_s_name_cannot_end_it(open_page: Open) -> None:
    chain = HeldChain()
    address = open_page(chain)
    visitor, stranger = Visitor.at(address), Visitor.at(address)
    event = visitor.join("wait for me").raise_for_status().json()["event_id"]
    chain.begun.acquire()
    for session in (visitor.session, stranger.session):
        asked = {"session_hash": session, "fn_index": stranger.find_function(), "event_id": event}
        assert stranger.client.post("gradio_api/cancel", json=asked).status_code == 404
    chain.go_on.set()
    assert "Answer to wait for me" in "".join(map(json.dumps, visitor.listen()))


def test_who_asked_can_end_it_and_the_next_gets_the_turn(open_page: Open) -> None:
    chain = HeldChain()
    address = open_page(chain, Line(at_once=1))
    visitor, next_one = Visitor.at(address), Visitor.at(address)
    event = visitor.join("wait for me").raise_for_status().json()["event_id"]
    chain.begun.acquire()
    asked = {"session_hash": visitor.session, "fn_index": visitor.find_function(), "event_id": event}
    with ThreadPoolExecutor() as pool:
        cancelling = pool.submit(visitor.client.post, "gradio_api/cancel", json=asked)
        chain.go_on.set()  # a step of an answer is not torn apart: it ends, and then nothing more comes
        assert cancelling.result().status_code == 200
    assert "Answer to hello" in next_one.ask("hello")


def test_hundred_visitors_at_once_hear_of_their_own_question_alone(open_page: Open) -> None:
    address = open_page(HeldChain())
    visitors = [Visitor.at(address) for _ in range(40)]
    with ThreadPoolExecutor(40) as pool:
        heard = list(pool.map(lambda number: visitors[number].ask(f"question <{number}>"), range(40)))
    for number, text in enumerate(heard):
        assert f"Answer to question &lt;{number}&gt;" in text
        assert not [other for other in range(40) if other != number and f"&lt;{other}&gt;" in text]


def test_role_reaches_what_a_visitor_does_in_the_page(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, port=0, password=SecretStr("read"), editor_password=SecretStr("write"))

    def tell(request: gradio.Request) -> str:
        return f"may edit: {may_edit(request, settings)}"

    tell.__annotations__["request"] = gradio.Request  # which Gradio reads, and cannot find as text in here

    with gradio.Blocks() as page:
        gradio.on(None, tell, None, [gradio.HTML()])
    address = ui.launch_page(page.queue(), settings)
    for password, expected in (("read", "may edit: False"), ("write", "may edit: True")):
        visitor = Visitor.at(address, password=password)
        asked = {"data": [], "fn_index": 0, "session_hash": visitor.session}
        visitor.client.post("gradio_api/queue/join", json=asked).raise_for_status()
        assert expected in "".join(map(json.dumps, visitor.listen()))
    page.close(verbose=False)


# -- when many ask ----------------------------------------------------------------------------------------------------


def test_who_waits_is_told_how_many_are_ahead_and_is_answered(open_page: Open) -> None:
    chain = HeldChain()
    address = open_page(chain, Line(at_once=1))
    first, second, third = (Visitor.at(address) for _ in range(3))
    first.join("wait").raise_for_status()
    chain.begun.acquire()
    second.join("hello").raise_for_status()
    waiting = second.listen()
    read_until(waiting, "yours is next")
    third.join("hello again").raise_for_status()
    waiting_longer = third.listen()
    read_until(waiting_longer, "1 question is ahead of yours")
    chain.go_on.set()
    assert "Answer to hello" in "".join(map(json.dumps, waiting))
    assert "Answer to hello again" in "".join(map(json.dumps, waiting_longer))


def test_who_comes_when_the_line_is_full_is_told_and_keeps_the_question(open_page: Open) -> None:
    chain = HeldChain()
    address = open_page(chain, Line(at_once=1, longest=0))
    first, second = Visitor.at(address), Visitor.at(address)
    first.join("wait").raise_for_status()
    chain.begun.acquire()
    told = second.ask("what about me?")
    assert "Ask again in a minute" in told
    assert "what about me?" in told
    assert "data-again" in told  # the button that asks it again
    chain.go_on.set()


def test_who_closes_the_page_gives_the_place_back(open_page: Open) -> None:
    chain = HeldChain()
    address = open_page(chain, Line(at_once=1, longest=1))
    first, second, third = (Visitor.at(address) for _ in range(3))
    first.join("wait").raise_for_status()
    chain.begun.acquire()
    second.join("hello").raise_for_status()
    waiting = second.listen()
    read_until(waiting, "yours is next")
    waiting.close()  # type: ignore[attr-defined]  # a generator's
    chain.go_on.set()
    assert "Answer to hello" in third.ask("hello")


def test_no_conversation_is_kept_of_who_has_been_answered() -> None:
    settings = Settings(port=0)
    page = ui.build_page(ChainLoader.holding(HeldChain()), settings)
    visitor = Visitor.at(ui.launch_page(page, settings))
    try:
        for question in ("hello", "hello again"):
            assert f"Answer to {question}" in visitor.ask(question)
        deadline = time.monotonic() + 10
        while page.state_holder.session_data and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not page.state_holder.session_data
    finally:
        page.close(verbose=False)


def test_other_things_are_done_while_many_questions_wait(open_page: Open) -> None:
    chain = HeldChain()
    address = open_page(chain)
    crowd = [Visitor.at(address) for _ in range(60)]
    for visitor in crowd:
        visitor.join("wait").raise_for_status()
    late = Visitor.at(address)
    asked = {"data": [], "fn_index": late.find_function("welcome"), "session_hash": late.session}
    late.client.post("gradio_api/queue/join", json=asked).raise_for_status()
    assert "What would you like to know" in "".join(map(json.dumps, late.listen()))
    chain.go_on.set()


# -- programs ---------------------------------------------------------------------------------------------------------


def ask_as_program(address: str, question: str, password: str = "") -> httpx.Response:
    headers = {"authorization": f"Bearer {password}"} if password else {}
    return httpx.post(f"{address}api/ask", json={"question": question}, headers=headers, trust_env=False, timeout=30)


def test_programs_ask_with_the_password_and_get_the_whole_reply(open_page: Open, tmp_path: Path) -> None:
    address = open_page(HeldChain(), home=tmp_path, password=SecretStr("open sesame"))
    assert ask_as_program(address, "hello").status_code == 401
    assert ask_as_program(address, "hello", "open barley").status_code == 401
    assert ask_as_program(address, "hello", "open sesame").json()["text"] == "Answer to hello"


def test_programs_stand_in_the_same_line_as_people(open_page: Open) -> None:
    chain = HeldChain()
    address = open_page(chain, Line(at_once=1, longest=0))
    visitor = Visitor.at(address)
    visitor.join("wait").raise_for_status()
    chain.begun.acquire()
    refused = ask_as_program(address, "hello")
    assert (refused.status_code, "retry-after" in refused.headers) == (503, True)
    assert "Ask again in a minute" in refused.json()["error"]
    chain.go_on.set()
    assert "Answer to wait" in "".join(map(json.dumps, visitor.listen()))
    assert ask_as_program(address, "hello").status_code == 200


def test_agents_ask_behind_the_same_guard(open_page: Open, tmp_path: Path) -> None:
    pytest.importorskip("mcp", reason="the extra mcp is not installed")
    address = open_page(HeldChain(), home=tmp_path, password=SecretStr("open sesame"))
    asked: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": "tools/call"}
    asked["params"] = {"name": "ask", "arguments": {"question": "hello"}}
    headers = {"accept": "application/json, text/event-stream"}
    assert httpx.post(f"{address}mcp", json=asked, headers=headers, trust_env=False).status_code == 401
    headers["authorization"] = "Bearer open sesame"
    answer = httpx.post(f"{address}mcp", json=asked, headers=headers, trust_env=False, timeout=30)
    assert "Answer to hello" in answer.text


# -- behind a reverse proxy -------------------------------------------------------------------------------------------


@pytest.fixture
def proxied(tmp_path: Path) -> Iterator[Visitor]:
    """Somebody who has logged in at https://career.example/career/, which leads here."""
    password = "open sesame"
    settings = change_settings(
        Settings(home=tmp_path, port=0, password=SecretStr(password)), root_path="/career", trusted_proxies="127.0.0.1"
    )
    page = ui.build_page(FakeChain(pause=0.2), settings)
    behind = ui.launch_page(page, settings).removesuffix("career/")
    proxy = Proxy(behind, "/career", "career.example")
    server = proxy.serve()
    transport = Https(server.port)
    yield Visitor.at("https://career.example/career/", password=password, transport=transport)
    server.close()
    page.close(verbose=False)


class Https(httpx.HTTPTransport):
    """Stands in for the name's address and for TLS, which a proxy ends: a client keeps its Secure cookies."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._port = port

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url.copy_with(scheme="http", host="127.0.0.1", port=self._port)
        moved = httpx.Request(
            request.method, url, headers=request.headers, stream=request.stream, extensions=request.extensions
        )
        return super().handle_request(moved)


def test_page_and_all_that_it_names_work_behind_a_proxy(proxied: Visitor) -> None:
    page = proxied.client.get("")
    assert page.url == "https://career.example/career/"
    assert '"root":"https://career.example/career"' in page.text.replace(" ", "")
    named = re.findall(r'(?:src|href)="[.]/((?:assets|static|theme)[^"]+)"', page.text)
    assert len(named) >= 2
    for path in named:
        assert proxied.client.get(path).status_code == 200, path


def test_answer_streams_through_a_proxy(proxied: Visitor) -> None:
    proxied.join("How much does an ML engineer earn?").raise_for_status()
    heard = [(time.monotonic(), message["msg"]) for message in proxied.listen()]
    grown = [moment for moment, kind in heard if kind == "process_generating"]
    assert grown[-1] - grown[0] > 0.5  # not all at the end


def test_cookies_keep_to_the_prefix_and_to_https(proxied: Visitor) -> None:
    cookies = {cookie.name: (cookie.path, cookie.secure) for cookie in proxied.client.cookies.jar}
    assert cookies == {"career-ticket": ("/career", True), "career-visitor": ("/career", True)}


def test_logging_out_behind_a_proxy_leads_to_the_login(proxied: Visitor) -> None:
    left = proxied.client.post("logout")
    assert left.url == "https://career.example/career/login"
    assert "Password" in left.text
    assert proxied.client.get("config").status_code == 401


def test_origin_is_the_proxy_s_own_and_no_other(proxied: Visitor) -> None:
    path, right, wrong = "gradio_api/reset", "https://career.example", "http://127.0.0.1"
    asked = {"event_id": "a", "session_hash": "b", "fn_index": 0}
    assert proxied.client.post(path, json=asked, headers={"origin": right}).status_code == 200
    assert proxied.client.post(path, json=asked, headers={"origin": wrong}).status_code == 403
