"""Signed cookies: who has logged in carries a ticket, and the server remembers only its own key."""

from __future__ import annotations

import hmac
import logging
import os
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from assistant.server.passwords import Passwords

log = logging.getLogger(__name__)

LASTS = 7 * 24 * 3600  # seconds: a week between two logins
MOST_RETURNED = 10_000  # tickets of people who logged out, remembered until they expire


def load_key(home: Path) -> bytes:
    """The key that signs, made once and readable by its owner only, so that a restart logs nobody out."""
    path = home / "session.key"
    try:
        home.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(made, "wb") as file:
                file.write(secrets.token_bytes(32))
        key = path.read_bytes()
    except OSError as error:
        log.warning("%s cannot be used (%s): a restart will log everybody out", path, error.strerror)
        return secrets.token_bytes(32)
    # Another process may have made it this instant and not yet written; or a disk was full.
    return key if len(key) == 32 else secrets.token_bytes(32)


class Tickets:
    """Gives tickets out and reads them. One is bound to its role's password: a new password ends it."""

    def __init__(self, key: bytes, passwords: Passwords, clock: Callable[[], float] = time.time) -> None:
        self._key = key
        self._passwords = passwords
        self._clock = clock
        self._returned: dict[str, float] = {}  # ticket -> when it expires

    def issue(self, role: str) -> str:
        said = f"{role}.{int(self._clock()) + LASTS}.{secrets.token_urlsafe(12)}"
        return f"{said}.{self._sign(said, role)}"

    def read_role(self, ticket: str) -> str:
        """The role that the ticket gives, or "" for one that is not ours, has expired or was given back."""
        said, _, signature = ticket.rpartition(".")
        role, _, rest = said.partition(".")
        expires = rest.partition(".")[0]
        if role not in ("reader", "editor") or not hmac.compare_digest(
            signature.encode("utf-8", "replace"), self._sign(said, role).encode()
        ):
            return ""
        return role if float(expires) > self._clock() and ticket not in self._returned else ""

    def take_back(self, ticket: str) -> None:
        """Who logs out leaves no ticket behind that somebody else could use."""
        if self.read_role(ticket):
            now = self._clock()
            self._returned = {one: until for one, until in self._returned.items() if until > now}
            if len(self._returned) >= MOST_RETURNED:
                self._returned.pop(next(iter(self._returned)))
            self._returned[ticket] = now + LASTS

    def _sign(self, said: str, role: str) -> str:
        secret = self._passwords.of(role).encode("utf-8", "surrogatepass")
        key = hmac.digest(self._key, secret, sha256)
        return hmac.new(key, said.encode("utf-8", "replace"), sha256).hexdigest()
