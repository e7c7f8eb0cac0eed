"""The whole server, outside in: what a request passes before it reaches the page or the API."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from assistant.page.headers import SafeHeaders
from assistant.page.line import Line
from assistant.page.loader import ChainLoader
from assistant.page.mount import Mounted
from assistant.server.bodies import ShortBodies
from assistant.server.forwarded import Forwarded
from assistant.server.health import Health
from assistant.server.login import BehindDoor, Door, OnlyEditors
from assistant.server.origins import OwnOrigin, find_names
from assistant.server.passwords import Passwords
from assistant.server.requests import NotedRequests
from assistant.server.served import OnlyServed, list_served
from assistant.server.tickets import Tickets, load_key
from assistant.server.visitors import OwnAnswers
from assistant.settings import Settings


def make_app(
    mount_page: Callable[[Starlette], Mounted],
    loader: ChainLoader | None,
    line: Line,
    settings: Settings,
    others: Sequence[BaseRoute] = (),
) -> tuple[ASGIApp, Mounted]:
    """The page and `others` (the API) behind everything that guards them."""
    health, door = Health(loader, line), _make_door(settings)
    routes: list[BaseRoute] = [Route("/health", health.tell_alive), Route("/ready", health.tell_ready), *others]
    if door:
        routes += [
            Route("/login", door.show_login),
            Route("/login", door.log_in, methods=["POST"]),
            Route("/logout", door.log_out, methods=["POST"]),
        ]
    site = Starlette(routes=routes)
    mounted = mount_page(site)
    behind: list[Middleware] = [Middleware(BehindDoor, door)] if door else []
    passed = [
        Middleware(Forwarded, settings.trusted_proxies, settings.root_path),
        Middleware(NotedRequests),
        Middleware(SafeHeaders),
        Middleware(OnlyServed, list_served(settings)),
        Middleware(OwnOrigin, find_names(settings)),
        *behind,
        Middleware(OnlyEditors, read_only=settings.read_only),
        Middleware(ShortBodies),
        Middleware(OwnAnswers, mounted, settings.root_path),
    ]
    app: ASGIApp = site
    for each in reversed(passed):
        app = each.cls(app, *each.args, **each.kwargs)
    return app, mounted


def _make_door(settings: Settings) -> Door | None:
    if not settings.asks_for_password:
        return None
    passwords = Passwords.read(settings)
    return Door(passwords, Tickets(load_key(settings.home), passwords), settings.root_path)
