"""No other site may use the page through a visitor's browser, and no name that was made to point here."""

from __future__ import annotations

import socket
from collections.abc import Set
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from assistant.server.served import SERVED
from assistant.settings import Settings

PORTS = {"http": 80, "https": 443}


def find_names(settings: Settings) -> frozenset[str] | None:
    """The names that the page may be asked for by, None for any.

    An address is never made to point elsewhere, a name can be: a page of that name in a visitor's browser could then
    read everything here (DNS rebinding). Where a password is asked for it could not, since cookies keep to their name.
    """
    if settings.asks_for_password:
        return None
    return frozenset({"localhost", settings.host, socket.gethostname().lower(), *settings.public_hosts})


class OwnOrigin:
    """ASGI middleware that refuses requests which another site's page has sent, and unknown names."""

    def __init__(self, app: ASGIApp, names: Set[str] | None) -> None:
        self._app = app
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        reason = self._find_reason(scope) if scope["type"] == "http" else ""
        answer = JSONResponse({"error": reason}, status_code=403) if reason else self._app
        await answer(scope, receive, send)

    def _find_reason(self, scope: Scope) -> str:
        """Why the request is refused; "" when it is not."""
        headers = Headers(scope=scope)
        name, _ = _read_place(f"//{headers.get('host', '')}", scope["scheme"])
        if not (self._names is None or name in self._names or _is_address(name) or scope[SERVED].who == "anyone"):
            return "The page is not known by this name. Add the name to CAREER_PUBLIC_HOSTS."
        if is_foreign(headers, scope["scheme"]) and not scope[SERVED].is_linked:
            return "Another site has sent this request; only the page itself may."
        return ""


def is_foreign(headers: Headers, scheme: str) -> bool:
    """Whether a browser says that the request comes from another site's page. Programs say nothing of it."""
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return True
    source = headers.get("origin") or headers.get("referer") or ""
    return source != "" and _read_place(source, scheme) != _read_place(f"//{headers.get('host', '')}", scheme)


def _read_place(address: str, scheme: str) -> tuple[str, int | None]:
    """Host and port. The scheme is left out: behind a proxy it is the proxy's, and may not be known."""
    try:
        parts = urlsplit(address)
        return parts.hostname or "", parts.port or PORTS.get(parts.scheme or scheme)
    except ValueError:
        return "", None


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
