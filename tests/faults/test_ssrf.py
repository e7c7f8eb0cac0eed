"""440 addresses, redirects and look-ups that would have us read this machine or its network: none is reached.

No packet leaves the machine. Whatever address a connection is made to, it arrives at a canary, a server on loopback
that counts: one connection is one too many. Of redirects and look-ups, the addresses of the site that sends us on
arrive at that site instead. Names are looked up in a table in which all but a few lead to this machine.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpcore
import pytest

from ingest.addresses import IPAddress, is_public
from ingest.connection import Network
from ingest.errors import SourceError
from ingest.fetch import Fetcher
from tests.ingest.site import Site, make_settings, open_site, send

LIST = Path(__file__).parents[3] / "shared" / "hostile" / "ssrf" / "cases.json"
PUBLIC = ("93.184.216.34", "2606:2800:220:1::1")  # where the site stands that sends us on
PUBLIC_NAMES = ("example.com", "user.example.org", "xn--bcher-kva.example", "public.test")


@dataclass(frozen=True)
class Case:
    id: str
    kind: str  # "url", "redirect" or "dns"
    url: str
    expect: str  # "block", "allow" or "not-private"
    status: int = 200  # of a redirect's first hop
    location: str = ""
    body: str = "<html>A page."
    answers: tuple[tuple[str, ...], ...] = ()  # of the look-ups, in turn; the last for ever


def read_cases() -> list[Case]:
    known = Case.__dataclass_fields__
    found = json.loads(LIST.read_text(encoding="utf-8")) if LIST.exists() else []
    return [Case(**{name: freeze(value) for name, value in case.items() if name in known}) for case in found]


def freeze(value: Any) -> Any:
    return tuple(map(freeze, value)) if isinstance(value, list) else value


OURS = [
    Case("loopback", "url", "http://127.0.0.1/", "block"),
    Case("loopback with a port", "url", "http://127.0.0.1:8000/", "block"),
    Case("IPv6", "url", "http://[::1]/", "block"),
    Case("IPv4 in IPv6", "url", "http://[::ffff:10.0.0.1]/", "block"),
    Case("a number", "url", "http://2130706433/", "block"),
    Case("two names in one", "url", "http://example.com\\@localhost/", "block"),
    Case("a name of this machine", "url", "http://localhost/", "block"),
    Case("cloud", "url", "http://169.254.169.254/latest/meta-data/", "block"),
    Case("no http", "url", "gopher://127.0.0.1:70/_", "block"),
    Case("a public address", "url", "http://93.184.216.34/", "allow"),
    Case("a public name", "url", "https://example.com/", "allow"),
    Case("redirect", "redirect", "http://public.test/", "block", 302, "http://127.0.0.1:{canary}/"),
    Case("redirect without a scheme", "redirect", "http://public.test/", "block", 307, "//localhost:{canary}/"),
    Case("meta refresh", "redirect", "http://public.test/", "block", 200, "", "<meta content=0;url=http://127.0.0.1/>"),
    Case("private among public", "dns", "http://evil.test/", "block", answers=(("10.0.0.1", PUBLIC[0]),)),
    Case("another answer", "dns", "http://evil.test/", "block", answers=((PUBLIC[0],), ("127.0.0.1",))),
]
CASES = [*OURS, *read_cases()]


@dataclass
class Canary:
    port: int
    connections: int = 0


@contextmanager
def open_canary() -> Iterator[Canary]:
    """A server that counts whoever comes, and gives away a secret, so that a visitor would have something to show."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        canary = Canary(server.getsockname()[1])

        def listen() -> None:
            with suppress(OSError):  # closed at the end
                while True:
                    connection, _ = server.accept()
                    canary.connections += 1
                    with connection, suppress(OSError):
                        connection.recv(4_096)
                        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret")

        threading.Thread(target=listen, daemon=True).start()
        yield canary


@dataclass
class Detour(httpcore.NetworkBackend):
    """Takes every connection to the canary, or to the site for its own addresses, and keeps what it was asked for."""

    canary: int
    site: int
    site_addresses: Sequence[str]
    connected: list[str] = field(default_factory=list)  # the addresses that led to the canary

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        if host in self.site_addresses:
            return httpcore.SyncBackend().connect_tcp("127.0.0.1", self.site, timeout)
        self.connected.append(host)
        return httpcore.SyncBackend().connect_tcp("127.0.0.1", self.canary, timeout)


def make_resolver(case: Case) -> Callable[[str, int], list[str]]:
    """A case's own answers in turn; else numbers as the system reads them, and all names but a few lead home."""
    answers = list(case.answers)

    def resolve(host: str, port: int) -> list[str]:
        if answers:
            return list(answers.pop(0) if len(answers) > 1 else answers[0])
        with suppress(OSError, UnicodeError):
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
            return [str(entry[4][0]) for entry in found]
        return [PUBLIC[0] if host in PUBLIC_NAMES else "127.0.0.1"]

    return resolve


@dataclass(frozen=True)
class Visit:
    """What became of a case."""

    case: Case
    refusal: str  # "" when a page came back
    connected: tuple[str, ...]  # by address, what led to the canary
    seen: int  # by the canary itself


def visit(
    case: Case, canary: Canary, site: Site, *, allows: Callable[[IPAddress], bool] = is_public, **settings: Any
) -> Visit:
    before = canary.connections
    answer = send(case.status, case.body.encode(), Location=case.location.replace("{canary}", str(canary.port)))
    site.answers = dict.fromkeys(("/r", "/loop", "/chain", "/chain?n+1", "/meta", "/"), answer)
    detour = Detour(canary.port, site.port, () if case.kind == "url" else PUBLIC)
    network = Network(make_resolver(case), allows, backend=detour)
    refusal = ""
    try:
        Fetcher(make_settings(**settings), network).fetch_page(case.url)
    except SourceError as error:
        refusal = str(error)
    return Visit(case, refusal, tuple(detour.connected), canary.connections - before)


def find_faults(visits: Iterable[Visit]) -> list[str]:
    """Whatever must not have happened, in a line each."""
    faults = []
    for done in visits:
        case, private = done.case, [address for address in done.connected if not is_public(ip_address(address))]
        if case.expect == "block" and (done.connected or done.seen):
            faults.append(f"{case.id}: {case.url[:80]!r} reached {done.connected}")
        if case.expect == "block" and case.kind == "url" and not done.refusal:
            faults.append(f"{case.id}: {case.url[:80]!r} was not refused")
        if case.expect == "allow" and not (done.connected and done.seen):
            faults.append(f"{case.id}: {case.url[:80]!r} was not reached: {done.refusal}")
        if case.expect == "not-private" and private:
            faults.append(f"{case.id}: {case.url[:80]!r} reached {private}")
        if not done.refusal.isprintable():
            faults.append(f"{case.id}: says {done.refusal!r}")
    return faults


def visit_all(cases: Iterable[Case], **options: Any) -> list[Visit]:
    with open_canary() as canary, open_site() as site:
        return [visit(case, canary, site, **options) for case in cases]


@pytest.mark.skipif(len(CASES) == len(OURS), reason="../shared/hostile/ssrf is absent: the 440 cases are not shipped")
def test_the_cases_are_all_there() -> None:
    assert len(CASES) - len(OURS) == 440


@pytest.mark.parametrize(
    "settings", [{"robots": True}, {"robots": False}, {"robots": True, "allowed_hosts": "wiki.test, 10.9.9.9"}]
)
def test_what_is_private_is_not_reached_and_what_is_public_is(
    settings: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    visits = visit_all(CASES, **settings)
    with capsys.disabled():
        report(visits, settings)
    assert find_faults(visits) == []


def report(visits: list[Visit], settings: dict[str, Any]) -> None:
    print(f"\n{len(visits)} cases, {settings}:")
    for expect in ("block", "allow", "not-private"):
        mine = [done for done in visits if done.case.expect == expect]
        refused = sum(bool(done.refusal) and not done.connected for done in mine)
        print(f"  {expect}: {len(mine)}, refused {refused}, connected {sum(bool(done.connected) for done in mine)}")


def test_an_allowed_host_opens_itself_and_no_other() -> None:
    """The control of the allow-list: it does open what it names."""
    named = [
        Case("named", "url", "http://wiki.test/", "allow"),
        Case("its address", "url", "http://10.9.9.9/", "allow"),
    ]
    assert find_faults(visit_all(named, allowed_hosts="wiki.test, 10.9.9.9")) == []


def test_without_the_check_of_addresses_the_canary_is_reached() -> None:
    """The control of the harness: with the defence taken out, it finds faults of every kind of case."""
    faults = find_faults(visit_all(CASES, robots=True, allows=lambda address: True))
    reached = {fault.partition(":")[0] for fault in faults if " reached " in fault}
    kinds = {case.kind for case in CASES if case.id in reached}
    assert kinds == {"url", "redirect", "dns"}
    assert {"loopback", "IPv4 in IPv6", "redirect", "private among public", "another answer"} <= reached
