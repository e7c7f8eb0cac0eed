"""What a reverse proxy says about the request that it passes on; from anybody else nothing of it is believed."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

Network = IPv4Network | IPv6Network

HOST = re.compile(r"[A-Za-z0-9._-]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?")
# Gradio would believe the last two of anybody, and write them into its page.
CLAIMS = ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-gradio-server")


class Forwarded:
    """ASGI middleware: puts a trusted proxy's word in the place of its own address, host and scheme, and takes the
    path prefix off, whether the proxy has done that already or not. The headers end here.
    """

    def __init__(self, app: ASGIApp, proxies: Collection[Network], prefix: str) -> None:
        self._app = app
        self._proxies = proxies
        self._prefix = prefix  # "/career", or ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope = self._believe(scope) if self._is_proxy(_find_address(scope)) else scope
            scope = self._shorten(scope)
            kept = [(name, value) for name, value in scope["headers"] if name.decode("latin-1") not in CLAIMS]
            scope = {**scope, "headers": kept}
        await self._app(scope, receive, send)

    def _believe(self, scope: Scope) -> Scope:
        said = Headers(scope=scope)
        scope = dict(scope)
        passed = _list_words(said.getlist("x-forwarded-for"))
        beyond = [address for address in passed if not self._is_proxy(address)]
        if beyond:  # the last one that is no proxy of ours: what stands before it, anybody may have written
            scope["client"] = (beyond[-1], 0)
        scheme = _list_words(said.getlist("x-forwarded-proto"))[-1:]
        if scheme in (["http"], ["https"]):
            scope["scheme"] = scheme[0]
        host = _list_words(said.getlist("x-forwarded-host"))[-1:]
        if host and HOST.fullmatch(host[0]):
            others = [(name, value) for name, value in scope["headers"] if name != b"host"]
            scope["headers"] = [*others, (b"host", host[0].encode())]
        return scope

    def _is_proxy(self, address: str) -> bool:
        try:
            return any(ip_address(address) in network for network in self._proxies)
        except ValueError:
            return False

    def _shorten(self, scope: Scope) -> Scope:
        path = scope["path"]
        if self._prefix and (path == self._prefix or path.startswith(f"{self._prefix}/")):
            path = path[len(self._prefix) :] or "/"
        return {**scope, "path": path, "raw_path": path.encode("utf-8", "replace"), "root_path": ""}


def _find_address(scope: Scope) -> str:
    return scope["client"][0] if scope.get("client") else ""


def _list_words(headers: Sequence[str]) -> list[str]:
    return [word.strip() for header in headers for word in header.split(",") if word.strip()]
