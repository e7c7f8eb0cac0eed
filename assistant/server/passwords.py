"""Who knows a password has a role; who guesses is slowed down."""

from __future__ import annotations

import hmac
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import IPv6Address, ip_address, ip_network

from assistant.errors import PasswordMissing
from assistant.settings import Settings

FREE_GUESSES = 5  # everybody mistypes
LONGEST_WAIT = 900.0  # seconds
REMEMBERED = 3_600.0  # seconds: what was mistyped longer ago than that is forgiven
ADDRESSES = 10_000  # remembered, of those who guessed wrong; the oldest is forgotten first


def refuse_open_door(settings: Settings) -> None:
    """Raises PasswordMissing where other machines could come in and nobody said that they may."""
    reader, editor = settings.password.get_secret_value(), settings.editor_password.get_secret_value()
    if reader and settings.no_password:
        raise PasswordMissing("CAREER_PASSWORD and --no-password contradict one another. Leave one of them out.")
    if editor and not reader:
        raise PasswordMissing("CAREER_EDITOR_PASSWORD is set without CAREER_PASSWORD. Set both, or the latter alone.")
    if reader and reader == editor:
        raise PasswordMissing("CAREER_PASSWORD and CAREER_EDITOR_PASSWORD are the same. Choose two, or set one alone.")
    if not (settings.is_local or reader or settings.no_password):
        raise PasswordMissing(
            f"{settings.host}: other machines could reach the page. Set CAREER_PASSWORD, "
            "or let everybody in with --no-password."
        )


@dataclass(frozen=True)
class Passwords:
    """The passwords and what each makes of who knows it. With one alone everybody who knows it is an editor."""

    reader: str
    editor: str = ""

    @classmethod
    def read(cls, settings: Settings) -> Passwords:
        return cls(settings.password.get_secret_value(), settings.editor_password.get_secret_value())

    def find_role(self, password: str) -> str:
        """The role of who knows this password, or "". Takes the same time whatever was given."""
        is_reader = _is_same(password, self.reader)
        is_editor = _is_same(password, self.editor) and self.editor != ""
        if is_editor or (is_reader and not self.editor):
            return "editor"
        return "reader" if is_reader else ""

    def of(self, role: str) -> str:
        """What a cookie of this role is bound to, so that another password ends it."""
        return self.reader if role == "reader" else self.editor or self.reader


def _is_same(given: str, known: str) -> bool:
    digests = (sha256(text.encode("utf-8", "surrogatepass")).digest() for text in (given, known))
    return hmac.compare_digest(*digests)


NO_GUESS = (0, 0.0, 0.0)


class Guesses:
    """How long an address must wait after wrong passwords: each beyond FREE_GUESSES doubles it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wrong: OrderedDict[str, tuple[int, float, float]] = OrderedDict()  # how often, wait until, last time

    def find_wait(self, address: str) -> float:
        """Seconds until the address may guess again."""
        _, until, _ = self._wrong.get(_group(address), NO_GUESS)
        return max(0.0, until - self._clock())

    def note_wrong(self, address: str) -> None:
        group, now = _group(address), self._clock()
        count, _, last = self._wrong.pop(group, NO_GUESS)
        count = 1 if now - last > REMEMBERED else min(count + 1, 50)
        wait = 2.0 ** (count - FREE_GUESSES) if count >= FREE_GUESSES else 0.0
        self._wrong[group] = (count, now + min(wait, LONGEST_WAIT), now)
        if len(self._wrong) > ADDRESSES:
            self._wrong.popitem(last=False)

    def note_right(self, address: str) -> None:
        self._wrong.pop(_group(address), None)


def _group(address: str) -> str:
    """The address; of IPv6 its network, since whoever has one such address has 2**64."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        return str(parsed.ipv4_mapped or ip_network((parsed, 64), strict=False))
    return str(parsed)
