"""No request may send more than what it asks for needs."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from assistant.server.served import SERVED


class ShortBodies:
    """ASGI middleware that reads no more of a body than Served.longest, whatever its head says of its length."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        longest, length, is_over = scope[SERVED].longest, 0, False
        refusal = JSONResponse({"error": f"At most {longest:,} bytes may be sent."}, status_code=413)

        async def receive_short() -> Message:
            nonlocal length, is_over
            message = await receive()
            length += len(message.get("body", b""))
            if length <= longest:
                return message
            if not is_over:  # told here: whoever reads the body would call it a broken one
                is_over = True
                await refusal(scope, receive, send)
            return {"type": "http.disconnect"}

        async def send_unless_over(message: Message) -> None:
            if not is_over:
                await send(message)

        if _read_length(scope) > longest:
            await refusal(scope, receive, send)
            return
        try:
            await self._app(scope, receive_short, send_unless_over)
        except ClientDisconnect:
            if not is_over:
                raise


def _read_length(scope: Scope) -> int:
    length = Headers(scope=scope).get("content-length", "")
    return int(length[:20]) if length.isdecimal() else 0
