"""Where programs ask: /api/ask, and /mcp where the extra is installed. Their turns are of the page's own line."""

from __future__ import annotations

from importlib.util import find_spec

from starlette.concurrency import run_in_threadpool
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from assistant.api import make_api
from assistant.page.line import Line
from assistant.page.loader import ChainLoader


def list_doors(loader: ChainLoader, line: Line) -> list[Route]:
    doors = [Route("/api/ask", make_api(loader, line.take_turn))]
    if find_spec("mcp"):
        doors.append(Route("/mcp", AgentsWhenAsked(loader, line)))
    return doors


class AgentsWhenAsked:
    """The endpoint for agents, made when the first of them comes: importing its package would make the page wait."""

    def __init__(self, loader: ChainLoader, line: Line) -> None:
        self._loader = loader
        self._line = line
        self._endpoint: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._endpoint is None:
            self._endpoint = await run_in_threadpool(self._make)
        await self._endpoint(scope, receive, send)

    def _make(self) -> ASGIApp:
        from assistant.agents import make_endpoint

        return make_endpoint(self._loader, self._line.take_turn)
