"""A small reverse proxy: passes a path of its own on to another server, as it comes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from assistant.server.listen import Server, claim_port

OWN = ("host", "content-length", "connection", "transfer-encoding")


@dataclass
class Proxy:
    """An ASGI app that takes `prefix` off and tells the server behind it who asked, by what name, and how."""

    behind: str  # address of the server behind
    prefix: str
    name: str  # that browsers know
    scheme: str = "https"
    asked: list[str] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError  # uvicorn goes on without lifespan
        request = Request(scope, receive)
        self.asked.append(request.url.path)
        async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
            answer = await client.send(self._pass_on(client, request), stream=True)
            headers = [(name, value) for name, value in answer.headers.raw if name.decode().lower() not in OWN]
            response = StreamingResponse(self._pass_back(answer), answer.status_code)
            response.raw_headers = headers
            await response(scope, receive, send)

    def _pass_on(self, client: httpx.AsyncClient, request: Request) -> httpx.Request:
        path = request.url.path.removeprefix(self.prefix) or "/"
        headers = [(name, value) for name, value in request.headers.raw if name.decode() not in OWN]
        said = {"x-forwarded-for": "203.0.113.5", "x-forwarded-proto": self.scheme, "x-forwarded-host": self.name}
        headers += [(name.encode(), value.encode()) for name, value in said.items()]
        url = f"{self.behind.rstrip('/')}{path}"
        return client.build_request(
            request.method, url, params=request.query_params, headers=headers, content=request.stream()
        )

    async def _pass_back(self, answer: httpx.Response) -> AsyncIterator[bytes]:
        async for part in answer.aiter_raw():
            yield part
        await answer.aclose()

    def serve(self) -> Server:
        server = Server(self, claim_port("127.0.0.1", 0), lambda: None)
        server.start()
        return server
