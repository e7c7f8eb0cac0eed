"""Everything that is served, in one table; what is not in it does not exist: a new Gradio brings no new door."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from assistant.settings import Settings

SERVED = "career.served"  # key of the ASGI scope: the Served that a request was found to ask for

LONGEST_FORM = 4_000  # bytes: a password
LONGEST_EVENT = 8_000_000  # bytes: a conversation of 500 exchanges travels with each question
LONGEST_QUESTION = 1_000_000  # bytes of /api/ask and /mcp
UPLOAD_ROOM = 100_000  # bytes that a form adds around the files in it

Who = Literal["anyone", "reader", "editor"]


@dataclass(frozen=True)
class Served:
    """One thing that is served, `who` may have it, and how much may be sent with it."""

    methods: str
    path: str  # a pattern of the whole path
    name: str  # as the log calls it: without what is in the path of one visitor
    who: Who = "reader"
    longest: int = 0  # bytes of a body
    is_linked: bool = False  # other sites may lead to it

    def matches(self, method: str, path: str) -> bool:
        return method in self.methods.split() and re.fullmatch(self.path, path) is not None

    @property
    def is_page(self) -> bool:
        """True where a person looks at it in a browser."""
        return self.name == "page"


def list_served(settings: Settings) -> tuple[Served, ...]:
    """Ours first, then what the page needs of Gradio (seen in Chromium: tests/browser/test_server.py)."""
    upload = settings.fetch_max_bytes + UPLOAD_ROOM
    return (
        Served("GET HEAD", "/health", "health", "anyone", is_linked=True),
        Served("GET HEAD", "/ready", "ready", "anyone", is_linked=True),
        Served("GET HEAD", "/login", "login", "anyone", is_linked=True),
        Served("POST", "/login", "login", "anyone", LONGEST_FORM),
        Served("POST", "/logout", "logout", "anyone", LONGEST_FORM),
        Served("POST", "/api/ask", "ask", longest=LONGEST_QUESTION),
        Served("POST", "/mcp", "mcp", longest=LONGEST_QUESTION),
        Served("GET HEAD", "/", "page", is_linked=True),
        Served("GET HEAD", "/favicon.ico", "asset", "anyone"),
        Served("GET HEAD", "/(assets|static)/.+", "asset"),
        Served("GET HEAD", "/(gradio_api/)?theme[.]css", "asset"),
        Served("GET HEAD", "/config/?", "config"),
        Served("GET", "/gradio_api/startup-events", "startup"),
        Served("GET", "/gradio_api/heartbeat/[A-Za-z0-9_-]+", "heartbeat"),
        Served("POST", "/gradio_api/queue/join", "event", longest=LONGEST_EVENT),
        Served("GET", "/gradio_api/queue/data", "events"),
        Served("POST", "/gradio_api/(cancel|reset)", "cancel", longest=LONGEST_FORM),
        Served("POST", "/gradio_api/upload", "upload", "editor", upload),
        Served("GET", "/gradio_api/upload_progress", "upload", "editor"),
    )


class OnlyServed:
    """ASGI middleware: finds what a request asks for; what is not served is not there, whoever asks."""

    def __init__(self, app: ASGIApp, served: Sequence[Served]) -> None:
        self._app = app
        self._served = served

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            found = [each for each in self._served if each.matches(scope["method"], scope["path"])]
            scope[SERVED] = found[0] if found else Served("", "", "nothing")
            answer = self._app if found else self._refuse(scope)
            await answer(scope, receive, send)

    def _refuse(self, scope: Scope) -> ASGIApp:
        others = [each for each in self._served if re.fullmatch(each.path, scope["path"])]
        if not others:
            return JSONResponse({"error": "There is nothing here."}, status_code=404)
        allowed = ", ".join(" ".join(each.methods for each in others).split())
        return JSONResponse({"error": f"Use {allowed}."}, status_code=405, headers={"Allow": allowed})
