"""One line of the log for each request: what, for whom, how long; never what was asked."""

from __future__ import annotations

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from assistant.log import note
from assistant.page.access import ROLE
from assistant.server.served import SERVED


class NotedRequests:
    """ASGI middleware. Stands outside all others, and reads what they found out in the scope that they shared."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.monotonic(), 500

        async def send_noted(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._app(scope, receive, send_noted)
        finally:
            served = scope.get(SERVED)
            note(
                "request",
                method=scope["method"],
                route=served.name if served else "nothing",
                status=status,
                seconds=round(time.monotonic() - began, 4),
                role=scope.get(ROLE, "none"),
            )
