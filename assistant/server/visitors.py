"""Each browser has its own answers. Gradio finds them by a name that the browser makes up (Math.random), and whoever
knew another's name could read them; here the name is made one with a secret cookie before Gradio sees it.
"""

from __future__ import annotations

import json
import secrets
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request, cookie_parser
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from assistant.page.mount import Mounted
from assistant.server.served import SERVED

COOKIE = "career-visitor"
NOT_TAKEN = JSONResponse({"error": "This is nothing that the page would send."}, status_code=400)
NOT_THERE = JSONResponse({"error": "There is no such answer."}, status_code=404)
LASTS = 365 * 24 * 3600  # seconds: two tabs that a browser opens again at once must not each get another


class OwnAnswers:
    """ASGI middleware that renames each session to one that this browser alone can name.

    No words are kept of one that waits for nothing: the conversation is in the browser.
    """

    def __init__(self, app: ASGIApp, mounted: Mounted, prefix: str) -> None:
        self._app = app
        self._mounted = mounted
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        visitor = cookie_parser(Headers(scope=scope).get("cookie", "")).get(COOKIE, "")
        match scope[SERVED].name:
            case "page":
                # What the page reads of its address, it reads in the browser; Gradio would look for files by it.
                await self._app(
                    {**scope, "query_string": b""}, receive, send if visitor else self._welcome(scope, send)
                )
            case "heartbeat":
                head, _, name = scope["path"].rpartition("/")
                path = f"{head}/{rename(name, visitor)}"
                await self._app({**scope, "path": path, "raw_path": path.encode()}, receive, send)
            case "events":
                asked = dict(parse_qsl(scope["query_string"].decode("latin-1")))
                name = rename(asked.get("session_hash", ""), visitor)
                answer = self._app if self._mounted.has_session(name) else NOT_THERE
                try:
                    await answer({**scope, "query_string": f"session_hash={name}".encode()}, receive, send)
                finally:
                    self._mounted.forget(name)
            case "event" | "cancel":
                await self._pass_body(scope, receive, send, visitor)
            case _:
                await self._app(scope, receive, send)

    def _welcome(self, scope: Scope, send: Send) -> Send:
        """Gives a new visitor the secret, with the page."""
        secure = "; Secure" if scope["scheme"] == "https" else ""
        cookie = (
            f"{COOKIE}={secrets.token_urlsafe(18)}; Max-Age={LASTS}; Path={self._prefix or '/'}; HttpOnly; SameSite=Lax"
        )

        async def send_cookie(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).append("set-cookie", f"{cookie}{secure}")
            await send(message)

        return send_cookie

    async def _pass_body(self, scope: Scope, receive: Receive, send: Send, visitor: str) -> None:
        try:
            body = json.loads(await Request(scope, receive).body())
            name = body.get("session_hash")
        except (ValueError, RecursionError, AttributeError):
            await NOT_TAKEN(scope, receive, send)
            return
        if scope[SERVED].name == "event" and not self._mounted.accepts(body.get("fn_index"), body.get("data")):
            await NOT_TAKEN(scope, receive, send)
            return
        if isinstance(name, str):
            body["session_hash"] = rename(name, visitor)
        if scope[SERVED].name == "cancel" and not self._may_cancel(body):
            await NOT_THERE(scope, receive, send)
            return
        await self._app(*_replace_body(scope, receive, json.dumps(body).encode()), send)

    def _may_cancel(self, body: dict[str, Any]) -> bool:
        event = body.get("event_id")
        owner = self._mounted.find_owner(event) if isinstance(event, str) else None
        return owner is None or owner == body.get("session_hash")


def rename(session: str, visitor: str) -> str:
    """A session's name inside the server: another one for each browser."""
    return sha256(f"{visitor}\n{session}".encode("utf-8", "replace")).hexdigest()[:32]


def _replace_body(scope: Scope, receive: Receive, body: bytes) -> tuple[Scope, Receive]:
    others = [
        (name, value) for name, value in scope["headers"] if name not in (b"content-length", b"transfer-encoding")
    ]
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_replaced() -> Message:
        return messages.pop() if messages else await receive()

    return {**scope, "headers": [*others, (b"content-length", str(len(body)).encode())]}, receive_replaced
