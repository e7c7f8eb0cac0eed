"""Where programs ask: /api/ask, and /mcp where the extra is installed. Their turns are of the page's own line."""

from __future__ import annotations

from importlib.util import find_spec

from starlette.concurrency import run_in_threadpool
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from assistant.api import make_api
from assistant.desk import TakeTurn
from assistant.page.loader import ChainLoader


def list_routes(loader: ChainLoader, take_turn: TakeTurn) -> list[Route]:
    routes = [Route("/api/ask", make_api(loader, take_turn))]
    if find_spec("mcp"):
        routes.append(Route("/mcp", AgentsWhenAsked(loader, take_turn)))
    return routes


class AgentsWhenAsked:
    """The endpoint for agents, made when the first of them comes: importing its package would make the page wait."""

    def __init__(self, loader: ChainLoader, take_turn: TakeTurn) -> None:
        self._loader = loader
        self._take_turn = take_turn
        self._endpoint: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._endpoint is None:
            self._endpoint = await run_in_threadpool(self._make)
        await self._endpoint(scope, receive, send)

    def _make(self) -> ASGIApp:
        from assistant.agents import make_endpoint

        return make_endpoint(self._loader, self._take_turn)
