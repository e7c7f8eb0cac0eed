"""Tools for other people's assistants, over the Model Context Protocol: ask, and find what may be asked about.

The only file that names the package mcp, which comes with the extra [mcp].
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Annotated, Any

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.transport_security import TransportSecuritySettings
from mcp.types import ToolAnnotations
from pydantic import Field
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from assistant.desk import LONGEST_BODY, PATIENCE, Desk, Loader, TakeTurn, explain, read_question

if TYPE_CHECKING:
    from ingest.library import ArticleSummary

INSTRUCTIONS = """\
Career questions are answered from a library of articles, with citations that are checked: each quotes the text of its \
article from start to end by the letter. When `answered` is false, the articles do not say: do not fill the gap. Cite \
the title and the url of what you use."""
ANSWERS_AT_ONCE = 4
LISTED = 100  # articles at most, so that a list fits what an agent reads at once
# Without `source`: where a file lies on this machine is nobody's business elsewhere.
LISTED_FIELDS = ("id", "title", "author", "published", "language", "url", "passages")
SHOWN_FIELDS = ("id", "title", "author", "published", "language", "url", "text")
READS = ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)


def serve_agents(loader: Loader) -> None:
    """Answer over standard input and output until the input ends; the library loads meanwhile.

    Standard output belongs to the protocol: what anything else prints goes to stderr (mcp.server.stdio sees to it).
    """
    turns = asyncio.Semaphore(ANSWERS_AT_ONCE)

    @asynccontextmanager
    async def begin(_server: MCPServer[None]) -> AsyncIterator[None]:
        loader.start()  # now that standard output is kept from it
        yield

    server = make_server(Desk(loader, lambda: turns), begin)
    # Ctrl+C ends it at once: Python would wait for the thread that reads standard input, and that for a line.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    server.run("stdio")


def make_endpoint(loader: Loader, take_turn: TakeTurn) -> ASGIApp:
    """The same over HTTP ("streamable HTTP"): an ASGI app to be mounted at /mcp behind what guards the page.

    That checks passwords, hosts and origins, so the SDK's own protection against DNS rebinding, which knows loopback
    only, is left out.
    """
    return AgentsEndpoint(make_server(Desk(loader, take_turn, patience=PATIENCE)))


@dataclass(frozen=True)
class AgentsEndpoint:
    server: MCPServer[None]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            refusal = JSONResponse({"error": "Send the messages of MCP with POST."}, 405, {"Allow": "POST"})
            await refusal(scope, receive, send)
            return
        # Nothing is kept between two requests, so each has an app of its own, and nobody must run a lifespan for it.
        app = self.server.streamable_http_app(
            streamable_http_path=scope["path"],
            stateless_http=True,
            json_response=True,
            max_request_body_size=LONGEST_BODY,
            transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        )
        async with app.router.lifespan_context(app):
            await app(scope, receive, send)


def make_server(
    desk: Desk, lifespan: Callable[[MCPServer[None]], AbstractAsyncContextManager[None]] | None = None
) -> MCPServer[None]:
    """The tools; `ask` gives what `career ask --json` prints."""
    server = MCPServer(
        "career-assistant",
        title="Career Assistant",
        instructions=INSTRUCTIONS,
        version=_find_version(),
        lifespan=lifespan,
        log_level="WARNING",  # it sets up logging where nobody has
    )
    tools = Tools(desk)
    for tool in (tools.ask, tools.list_articles, tools.show_article):
        server.add_tool(tool, annotations=READS)
    return server


def _find_version() -> str:
    try:
        return version("career-assistant")
    except PackageNotFoundError:
        return "0"  # a checkout that is not installed


class Tools:
    """What agents may do; their docstrings are what agents read."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def ask(
        self,
        question: Annotated[str, Field(description="One question, in English.")],
        history: Annotated[
            list[str | dict[str, str]],
            Field(description='Earlier questions, oldest first, or {"question", "answer"} pairs, for a follow-up.'),
        ] = [],  # noqa: B006 - pydantic copies it
        articles: Annotated[
            list[str], Field(description="Ids of the articles to answer from, of list_articles; none means all.")
        ] = [],  # noqa: B006 - pydantic copies it
    ) -> dict[str, Any]:
        """Answer a career question from the articles, with checked citations, or say that they do not answer it."""
        with _telling_errors():
            asked = await read_question({"question": question, "history": history, "articles": articles})
            async with aclosing(self._desk.stream(asked)) as replies:
                return [reply async for reply in replies][-1].as_dict()

    async def list_articles(
        self, title: Annotated[str, Field(description="Only those with this in their title; none means all.")] = ""
    ) -> dict[str, Any]:
        """List the library's articles, the first hundred of them."""
        with _telling_errors():
            found: Sequence[ArticleSummary] = await self._desk.read(lambda library: library.articles())
        named = [article for article in found if title.casefold() in article.title.casefold()]
        return {"articles": [_choose(article, LISTED_FIELDS) for article in named[:LISTED]], "total": len(named)}

    async def show_article(
        self, article_id: Annotated[str, Field(description="Its id, as in a citation or of list_articles.")]
    ) -> dict[str, Any]:
        """Show an article with its text, which the start and end of every citation refer to."""
        with _telling_errors():
            return _choose(await self._desk.read(lambda library: library.article(article_id)), SHOWN_FIELDS)


@contextmanager
def _telling_errors() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise ToolError(explain(error)) from error


def _choose(article: Any, fields: Sequence[str]) -> dict[str, Any]:
    return {field: getattr(article, field) for field in fields}
