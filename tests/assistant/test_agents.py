"""The tools for other assistants, through the SDK's own client: in memory, over HTTP, and to a real `career mcp`."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mcp", reason="the extra [mcp] is not installed")

import httpx
import uvicorn
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.types import CallToolResult, TextContent
from starlette.applications import Starlette
from starlette.routing import Route

from assistant.agents import make_endpoint, make_server
from assistant.answer import AnswerChain
from assistant.desk import LONGEST_BODY, Desk
from assistant.page.loader import ChainLoader
from assistant.server.programs import list_routes
from assistant.settings import Settings, find_corpus
from ingest.article import Article
from ingest.embed import load_embedder
from ingest.library import Library
from ingest.pipeline import add_article
from ingest.split import split_article
from tests.fakes import FakeEmbedder

ASKED = "What do people there earn a year?"


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, timeout=120))


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[AnswerChain]:
    settings = Settings(home=tmp_path, _env_file=None)  # type: ignore[call-arg]
    with Library.open(settings, FakeEmbedder()) as library:
        for name, pay in (("nurses", 80), ("dentists", 170)):
            article = Article(
                name, f"/home/bob/{name}.md", name.title(), f"## Pay\n\nPeople there earn ${pay},000 a year."
            )
            library.replace(article, split_article(article, settings))
        yield AnswerChain(library, settings)


@asynccontextmanager
async def connected(chain: Any) -> AsyncIterator[Client]:
    turns = asyncio.Semaphore(2)
    async with Client(make_server(Desk(ChainLoader.holding(chain), lambda: turns))) as client:
        yield client


def text_of(result: CallToolResult) -> str:
    (block,) = result.content
    assert isinstance(block, TextContent)
    return block.text


def timeless(told: Any) -> dict[str, Any]:
    return {**told, "seconds": 0}


# -- tools ------------------------------------------------------------------------------------------------------------


def test_an_agent_gets_what_the_command_prints_as_data_and_as_text(chain: AnswerChain) -> None:
    async def visit() -> None:
        async with connected(chain) as client:
            result = await client.call_tool("ask", {"question": ASKED, "articles": ["dentists"]})
            assert timeless(result.structured_content) == timeless(
                chain.invoke({"question": ASKED, "articles": ["dentists"]}).as_dict()
            )
            assert json.loads(text_of(result)) == result.structured_content
            assert {one["article_id"] for one in result.structured_content["citations"]} == {"dentists"}

    run(visit())


def test_an_agent_may_follow_up(chain: AnswerChain) -> None:
    async def visit() -> None:
        async with connected(chain) as client:
            history = ["How much do dentists earn a year?", {"question": "Where?", "answer": "There."}]
            result = await client.call_tool("ask", {"question": "And nurses?", "history": history})
            assert "nurses" in result.structured_content["standalone_question"]

    run(visit())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"question": " "}, "Type a question"),
        ({"question": "x" * 3_000}, "CAREER_MAX_QUESTION_CHARACTERS"),
        ({"question": ASKED, "articles": ["dentist"]}, "Did you mean dentists?"),
        ({"question": ASKED, "history": [{"answer": "alone"}]}, "Each turn of the history"),
        ({"question": 5}, "question"),
        ({}, "question"),
    ],
    ids=lambda given: str(given)[:40],
)
def test_an_agent_is_told_what_is_wrong_with_its_question(chain: AnswerChain, arguments: Any, told: str) -> None:
    async def visit() -> None:
        async with connected(chain) as client:
            result = await client.call_tool("ask", arguments)
            assert result.is_error
            assert told in text_of(result)

    run(visit())


def test_an_unexpected_error_tells_neither_an_agent_nor_the_log(caplog: pytest.LogCaptureFixture) -> None:
    class Failing:
        library: Any = None

        def stream(self, question: Any, /) -> Iterator[Any]:
            raise ValueError(f"cannot read {question.text}")

    async def visit() -> None:
        async with connected(Failing()) as client:
            result = await client.call_tool("ask", {"question": ASKED})
            assert result.is_error
            assert "cannot read" not in text_of(result)

    with caplog.at_level(logging.DEBUG):
        run(visit())
    assert "ValueError" in caplog.text
    assert ASKED not in caplog.text


def test_an_agent_finds_the_articles_it_may_name(chain: AnswerChain) -> None:
    async def visit() -> None:
        async with connected(chain) as client:
            every = (await client.call_tool("list_articles", {})).structured_content
            assert [article["id"] for article in every["articles"]] == ["dentists", "nurses"]
            some = (await client.call_tool("list_articles", {"title": "NURS"})).structured_content
            assert ([article["id"] for article in some["articles"]], some["total"]) == (["nurses"], 1)

    run(visit())


def test_an_agent_reads_an_article_and_not_where_it_lies(chain: AnswerChain) -> None:
    async def visit() -> None:
        async with connected(chain) as client:
            shown = await client.call_tool("show_article", {"article_id": "nurses"})
            assert shown.structured_content["text"] == chain.library.article("nurses").text
            listed = await client.call_tool("list_articles", {})
            assert "bob" not in text_of(shown) + text_of(listed)
            missing = await client.call_tool("show_article", {"article_id": "nurse"})
            assert "Did you mean nurses?" in text_of(missing)

    run(visit())


# -- over HTTP --------------------------------------------------------------------------------------------------------


@pytest.fixture
def address(chain: AnswerChain) -> Iterator[str]:
    """A real server with nothing but the tools."""
    turns = asyncio.Semaphore(2)
    app = Starlette(routes=[Route("/mcp", make_endpoint(ChainLoader.holding(chain), lambda: turns))])
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        threading.Event().wait(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/mcp"
    server.should_exit = True
    thread.join()


def test_agents_ask_over_http_all_at_once(address: str) -> None:
    async def ask(name: str) -> None:
        async with Client(address) as client:
            result = await client.call_tool("ask", {"question": ASKED, "articles": [name]})
            assert {one["article_id"] for one in result.structured_content["citations"]} == {name}

    async def visit() -> None:
        await asyncio.gather(*(ask(name) for name in ["nurses", "dentists"] * 5))

    run(visit())


def test_only_a_post_reaches_the_tools(address: str) -> None:
    answer = httpx.get(address, headers={"Accept": "text/event-stream"})
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_a_message_that_is_too_long_is_refused(address: str) -> None:
    answer = httpx.post(address, content=b" " * (LONGEST_BODY + 1), headers={"Content-Type": "application/json"})
    assert answer.status_code == 413


def test_the_server_of_the_page_answers_programs_and_agents(chain: AnswerChain, tmp_path: Path) -> None:
    import ui

    settings = Settings(home=tmp_path, port=0, _env_file=None)  # type: ignore[call-arg]
    loader, turns = ChainLoader.holding(chain), asyncio.Semaphore(2)
    page = ui.build_page(loader, settings)
    address = ui.launch_page(page, settings, list_routes(loader, lambda: turns))
    asked = {"question": ASKED, "articles": ["nurses"]}
    told: list[Any] = []

    async def visit() -> None:
        async with Client(f"{address}mcp") as client:
            told.append((await client.call_tool("ask", asked)).structured_content)

    try:
        told.append(httpx.post(f"{address}api/ask", json=asked).json())
        run(visit())
    finally:
        page.close(verbose=False)
    assert [timeless(each) for each in told] == [timeless(chain.invoke(asked).as_dict())] * 2


# -- a real process ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AnswerChain]:
    """The packaged article, with the real model."""
    settings = Settings(home=tmp_path_factory.mktemp("home"), _env_file=None)  # type: ignore[call-arg]
    with Library.open(settings, load_embedder(settings)) as library:
        add_article(str(find_corpus() / "articles" / "ml-engineer-vs-software-engineer.md"), library, settings)
        yield AnswerChain(library, settings)


def test_career_mcp_gives_the_sdks_client_what_the_chain_gives(packaged: AnswerChain) -> None:
    asked = {"question": "How much does a machine learning engineer earn in the US?"}
    told: dict[str, Any] = {}

    async def visit() -> None:
        environment = {**os.environ, "CAREER_HOME": str(packaged.settings.home)}
        server = StdioServerParameters(command=sys.executable, args=["-m", "assistant.cli", "mcp"], env=environment)
        async with Client(stdio_client(server)) as client:
            assert {tool.name for tool in (await client.list_tools()).tools} == {"ask", "list_articles", "show_article"}
            told.update((await client.call_tool("ask", asked)).structured_content)

    run(visit())
    assert "$158,147" in told["text"]
    assert timeless(told) == timeless(json.loads(json.dumps(packaged.invoke(asked).as_dict())))


NOISY = """
from assistant.agents import serve_agents
from assistant.page.loader import ChainLoader
import os
def load():
    print("noise of Python")
    os.write(1, b"noise of C\\n")
    os.system("echo noise of a child")
    raise RuntimeError("there is no library")
serve_agents(ChainLoader(load))
"""
HELLO = [
    {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "0"}},
    },
    {"jsonrpc": "2.0", "method": "notifications/initialized"},
    {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "list_articles", "arguments": {}}},
]


@pytest.mark.timeout(90)
def test_nothing_but_the_protocol_is_written_to_standard_output() -> None:
    lines = "".join(f"{json.dumps(message)}\n" for message in HELLO)
    with subprocess.Popen(
        [sys.executable, "-c", NOISY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(lines)
        server.stdin.flush()
        answers = [json.loads(server.stdout.readline()) for _ in range(2)]
        rest, errors = server.communicate(timeout=60)
    assert [answer["id"] for answer in answers] == [1, 2]
    assert rest == ""
    assert errors.count("noise") == 3


def test_career_mcp_ends_with_its_input(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "assistant.cli", "mcp"]
    done = subprocess.run(
        command,
        input=b"",
        env={**os.environ, "CAREER_HOME": str(tmp_path)},
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
