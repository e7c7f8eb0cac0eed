"""A connection that goes to a checked address only, and on which nothing outlasts the time it was given.

The name is resolved once for each connection, every address is checked, and the connection goes to a checked address:
there is no second look-up that could answer differently.
"""

from __future__ import annotations

import ipaddress
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpcore

from ingest.addresses import IPAddress, is_public, show
from ingest.errors import ArticleUnreachable, SourceRefused


def resolve_host(host: str, port: int) -> list[str]:
    """Every address of a host, as the operating system knows them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass(frozen=True)
class Network:
    """How hosts are resolved, reached and waited for, and which addresses may be reached; tests pass their own."""

    resolve: Callable[[str, int], Sequence[str]] = resolve_host
    allows: Callable[[IPAddress], bool] = is_public
    open_hosts: frozenset[str] = frozenset()  # whose addresses are not checked: an intranet's
    backend: httpcore.NetworkBackend = field(default_factory=httpcore.SyncBackend)
    sleep: Callable[[float], None] = time.sleep
    ssl_context: ssl.SSLContext | None = None  # None: the certificates that httpx trusts


@dataclass
class Budget:
    """What fetching one source may cost: seconds of the servers' time, and seconds of our own waiting between."""

    source: str  # as messages name it
    timeout: float
    patience: float
    deadline: float = field(init=False)  # time.monotonic()

    def __post_init__(self) -> None:
        self.deadline = time.monotonic() + self.timeout

    def remaining(self) -> float:
        """Seconds left, never zero or less: httpcore would take those for no limit."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout
        return left

    def pause(self, seconds: float) -> None:
        """Take a wait of ours from the patience, not from the servers' time."""
        self.patience -= seconds
        self.deadline += seconds

    def timed_out(self) -> ArticleUnreachable:
        return ArticleUnreachable(
            f"{self.source}: timed out after {self.timeout:g} s. Check the address or raise CAREER_FETCH_TIMEOUT."
        )


class CheckedBackend(httpcore.NetworkBackend):
    """Connects only to addresses that the network allows, and lets no read or write outlast the deadline."""

    def __init__(self, network: Network, budget: Budget) -> None:
        self._network = network
        self._budget = budget

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the deadline takes its place
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in _find_addresses(host, port, self._network, self._budget):
            try:
                stream = self._network.backend.connect_tcp(
                    address, port, self._budget.remaining(), local_address, socket_options
                )
                return _LimitedStream(stream, self._budget)
            except httpcore.ConnectError as error:
                failure = error
        raise failure


def _find_addresses(host: str, port: int, network: Network, budget: Budget) -> list[str]:
    """The addresses of a host; one forbidden address refuses the host: no order of answers helps an attacker."""
    found = [_parse_ip(text, budget.source) for text in _resolve(host, port, network, budget)]
    for address in found:
        if host not in network.open_hosts and not network.allows(address):
            named = host if host == str(address) else f"{host} ({address})"
            raise SourceRefused(
                f"{budget.source}: {named} is not a public address. Save the page as a file, or, for a host of your "
                "own network, name it in CAREER_ALLOWED_HOSTS."
            )
    return [str(address) for address in found]


def _parse_ip(text: str, source: str) -> IPAddress:
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError as error:
        raise SourceRefused(f"{source}: resolves to {show(text)}, which is no address. Check the address.") from error


def _resolve(host: str, port: int, network: Network, budget: Budget) -> Sequence[str]:
    """Addresses within the deadline: the system's look-up takes no timeout, so it runs in a thread that may be left."""
    answers: queue.SimpleQueue[Sequence[str] | Exception] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            answers.put(network.resolve(host, port))
        except Exception as error:
            answers.put(error)

    threading.Thread(target=look_up, daemon=True).start()
    try:
        answer = answers.get(timeout=budget.remaining())
    except queue.Empty:
        raise httpcore.ConnectTimeout from None
    if isinstance(answer, Exception):
        raise ArticleUnreachable(
            f"{budget.source}: {host} cannot be found. Check the address and the network."
        ) from answer
    return answer


class _LimitedStream(httpcore.NetworkStream):
    """A connection on which every step ends by the deadline, so that a dripping server cannot hold us."""

    def __init__(self, stream: httpcore.NetworkStream, budget: Budget) -> None:
        self._stream = stream
        self._budget = budget

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - as above
        return self._stream.read(max_bytes, self._budget.remaining())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 - as above
        self._stream.write(buffer, self._budget.remaining())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002 - as above
    ) -> httpcore.NetworkStream:
        return _LimitedStream(
            self._stream.start_tls(ssl_context, server_hostname, self._budget.remaining()), self._budget
        )

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
