"""The door: a page that asks for the password, and the check that everything else stands behind."""

from __future__ import annotations

import base64
import binascii
import math
from html import escape
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.requests import Request, cookie_parser
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from assistant.page.access import ROLE
from assistant.page.theme import read_static
from assistant.server.passwords import Guesses, Passwords
from assistant.server.served import SERVED
from assistant.server.tickets import LASTS, Tickets

COOKIE = "career-ticket"
WRONG = "That is not the password."
LOG_IN = "You are not logged in. Reload the page to log in; a program sends Authorization: Bearer PASSWORD."


class Door:
    """Finds the role of who asks: by ticket, or by a password sent along; keeps count of wrong ones."""

    def __init__(self, passwords: Passwords, tickets: Tickets, prefix: str, guesses: Guesses | None = None) -> None:
        self._passwords = passwords
        self._tickets = tickets
        self._guesses = guesses or Guesses()
        self.prefix = prefix

    def find_role(self, scope: Scope) -> str:
        """By the ticket that the browser brought; "" without one."""
        return self._tickets.read_role(_read_ticket(scope))

    def try_password(self, password: str, address: str) -> tuple[str, float]:
        """The role that it gives, or "" and the seconds to wait before the next try is looked at."""
        wait = self._guesses.find_wait(address)
        if wait:
            return "", wait
        role = self._passwords.find_role(password)
        if role == "editor":  # a reader could begin anew after every few guesses at the editors' password
            self._guesses.note_right(address)
        elif not role:
            self._guesses.note_wrong(address)
        return role, 0.0

    async def show_login(self, request: Request) -> Response:
        return self._go("/") if self.find_role(request.scope) else render_login()

    async def log_in(self, request: Request) -> Response:
        form = parse_qs((await request.body()).decode("utf-8", "replace"), keep_blank_values=True)
        role, wait = self.try_password(form.get("password", [""])[0], _find_address(request.scope))
        if wait:
            seconds = math.ceil(wait)
            told = f"Too many wrong passwords from your address. Try again in {seconds} seconds."
            return render_login(told, 429, {"Retry-After": str(seconds)})
        if not role:
            return render_login(WRONG, 401)
        entered = self._go("/")
        entered.set_cookie(
            COOKIE,
            self._tickets.issue(role),
            max_age=LASTS,
            path=self.prefix or "/",
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="lax",
        )
        return entered

    async def log_out(self, request: Request) -> Response:
        self._tickets.take_back(_read_ticket(request.scope))
        left = self._go("/login")
        left.delete_cookie(COOKIE, path=self.prefix or "/", httponly=True, samesite="lax")
        return left

    def _go(self, path: str) -> Response:
        return RedirectResponse(f"{self.prefix}{path}", status_code=303)


class BehindDoor:
    """ASGI middleware: nobody without a role sees more than what anyone may; the role goes along as scope[ROLE]."""

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self._app = app
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        role, refusal = self._door.find_role(scope), None
        if not role and scope[SERVED].who != "anyone":
            role, refusal = self._ask_for_password(scope)
        if role:
            scope[ROLE] = role
        await (refusal or self._app)(scope, receive, send)

    def _ask_for_password(self, scope: Scope) -> tuple[str, Response | None]:
        password = read_password(Headers(scope=scope).get("authorization", ""))
        if password is None:
            return "", self._turn_away(scope)
        role, wait = self._door.try_password(password, _find_address(scope))
        if role:
            return role, None
        status, headers = (429, {"Retry-After": str(math.ceil(wait))}) if wait else (401, {})
        told = "Too many wrong passwords from this address." if wait else WRONG
        return "", JSONResponse({"error": told}, status_code=status, headers=headers)

    def _turn_away(self, scope: Scope) -> Response:
        if scope[SERVED].is_page:
            return RedirectResponse(f"{self._door.prefix}/login", status_code=303)
        return JSONResponse({"error": LOG_IN}, status_code=401, headers={"WWW-Authenticate": "Bearer"})


class OnlyEditors:
    """ASGI middleware: what is an editor's a reader does not get; where no password is asked, all are editors."""

    def __init__(self, app: ASGIApp, *, read_only: bool) -> None:
        self._app = app
        self._read_only = read_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = self._app
        if scope["type"] == "http" and scope[SERVED].who == "editor":
            may_edit = scope.get(ROLE, "editor") == "editor" and not self._read_only
            answer = answer if may_edit else JSONResponse({"error": "Only editors may do this."}, status_code=403)
        await answer(scope, receive, send)


def read_password(authorization: str) -> str | None:
    """The password in an Authorization header: `Bearer PASSWORD`, or `Basic` with any name. None without one."""
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return given.strip().encode("latin-1").decode("utf-8", "replace")  # as latin-1 headers are read, and not sent
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(given, validate=True).decode().partition(":")[2]
    except (binascii.Error, ValueError):
        return ""


def render_login(told: str = "", status: int = 200, headers: dict[str, str] | None = None) -> HTMLResponse:
    """The form, in the page's own look; it needs no script."""
    wrong = f'<p class="error" id="told" role="alert">{escape(told)}</p>' if told else ""
    described = ' aria-describedby="told" aria-invalid="true"' if told else ""
    page = LOGIN.format(style=read_static("login.css"), told=wrong, described=described)
    return HTMLResponse(page, status, {"Cache-Control": "no-store", **(headers or {})})


LOGIN = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Log in · Career Assistant</title>
<link rel="icon" href="favicon.ico">
<style>{style}</style>
</head>
<body>
<main>
<h1>Career Assistant</h1>
<form method="post" action="login">
<label for="password">Password</label>
{told}
<input id="password" name="password" type="password" autocomplete="current-password" required autofocus{described}>
<button>Log in</button>
</form>
</main>
</body>
</html>
"""


def _read_ticket(scope: Scope) -> str:
    return cookie_parser(Headers(scope=scope).get("cookie", "")).get(COOKIE, "")


def _find_address(scope: Scope) -> str:
    return scope["client"][0] if scope.get("client") else ""
