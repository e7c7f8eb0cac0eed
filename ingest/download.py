"""A URL -> its text, from public addresses only, within one time limit and one size limit.

The name is resolved once for each connection, every address is checked, and the connection goes to a checked address:
there is no second look-up that could answer differently. Each redirect starts again from the first check.
"""

from __future__ import annotations

import codecs
import ipaddress
import queue
import re
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpcore
import httpx

from ingest.errors import ArticleUnreachable, SourceError, SourceRefused, SourceUnreadable

MAX_REDIRECTS = 5
MEDIA_TYPES = ("text/html", "application/xhtml+xml", "text/plain", "text/markdown", "text/x-markdown")

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

# What `is_global` lets through and no article stands on: Azure's platform address, protocol assignments, AS112, 6to4
# and its relays, site-local, IPv4-compatible, segment routing, documentation (IANA special-purpose registries, 2026).
_NOT_PUBLIC = tuple(
    ipaddress.ip_network(network)
    for network in (
        "168.63.129.16/32",
        "192.0.0.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.175.48.0/24",
        "::/96",
        "64:ff9b:1::/48",
        "100::/63",
        "2001::/23",
        "2002::/16",
        "2620:4f:8000::/48",
        "3fff::/20",
        "5f00::/16",
        "fec0::/10",
    )
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def is_public(address: IPAddress) -> bool:
    """True for an address on the public internet, looking through IPv4 addresses wrapped in IPv6."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return is_public(address.ipv4_mapped)
        if address in _NAT64:  # how an IPv6-only network reaches an IPv4 server
            return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    return not any(address in network for network in _NOT_PUBLIC)


def resolve_host(host: str, port: int) -> list[str]:
    """Every address of a host, as the operating system knows them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass(frozen=True)
class Network:
    """How hosts are resolved and which addresses may be reached; tests pass their own."""

    resolve: Callable[[str, int], Sequence[str]] = resolve_host
    allows: Callable[[IPAddress], bool] = is_public
    ssl_context: ssl.SSLContext | None = field(default=None)  # None: the certificates that httpx trusts


@dataclass(frozen=True)
class Download:
    url: str  # after redirects
    media_type: str  # "" when the server does not say
    content: bytes  # decompressed; UTF-8 where the server declared another encoding


def is_web_address(source: str) -> bool:
    return source[:5].lower() == "http:" or source[:6].lower() == "https:"


def download(source: str, network: Network, *, timeout: float, max_bytes: int) -> Download:
    """The text behind `source`, after at most five redirects; `timeout` seconds cover everything.

    Raises SourceRefused for an address that must not be fetched, ArticleUnreachable when nothing came back in time, and
    SourceUnreadable for what is no text.
    """
    limits = _Limits(source, time.monotonic() + timeout, timeout, max_bytes)
    url = _parse_url(source, source)
    try:
        for _ in range(MAX_REDIRECTS + 1):
            answer = _request(url, network, limits)
            if isinstance(answer, Download):
                return answer
            url = answer
    except httpcore.TimeoutException as error:
        raise limits.timed_out() from error
    except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
        reason = re.sub(r"^\[Errno -?\d+\] ", "", str(error)) or type(error).__name__
        raise ArticleUnreachable(f"{source}: {_one_line(reason)}. Check the address and the network.") from error
    raise ArticleUnreachable(f"{source}: more than {MAX_REDIRECTS} redirects. Name the address they lead to.")


@dataclass(frozen=True)
class _Limits:
    source: str
    deadline: float  # time.monotonic()
    timeout: float
    max_bytes: int

    def remaining(self) -> float:
        """Seconds left, never zero or less: httpcore would take those for no limit."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout
        return left

    def timed_out(self) -> ArticleUnreachable:
        return ArticleUnreachable(
            f"{self.source}: timed out after {self.timeout:g} s. Check the address or raise CAREER_FETCH_TIMEOUT."
        )

    def too_large(self) -> SourceUnreadable:
        return SourceUnreadable(
            f"{self.source}: larger than {self.max_bytes:,} bytes. Name a smaller page or raise CAREER_FETCH_MAX_BYTES."
        )


def _parse_url(address: str, source: str) -> httpx.URL:
    try:
        url = httpx.URL(address)
        host = url.raw_host.decode("ascii")
    except (httpx.InvalidURL, ValueError, TypeError) as error:
        raise SourceRefused(
            f"{_one_line(source)}: not a usable address ({_one_line(str(error))}). Check it."
        ) from error
    if url.scheme not in ("http", "https"):
        raise SourceRefused(
            f"{_one_line(source)}: leads to a {url.scheme or 'relative'} address; only http and https are read. "
            "Check the address."
        )
    if url.userinfo:
        raise SourceRefused(f"{_one_line(source)}: holds a user name or password. Leave out the part before the @.")
    if not host or "%" in host:
        raise SourceRefused(f"{_one_line(source)}: names no host. Check the address.")
    return url


def _request(url: httpx.URL, network: Network, limits: _Limits) -> Download | httpx.URL:
    """One answer: the page, or the address that a redirect leads to."""
    request = httpcore.Request(
        "GET",
        httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
        headers=[
            (b"Host", url.netloc),
            (b"User-Agent", _user_agent().encode("ascii")),
            (b"Accept", b"text/html, application/xhtml+xml, text/markdown, text/plain;q=0.9"),
            (b"Accept-Encoding", b"gzip"),
        ],
    )
    context = network.ssl_context or httpx.create_ssl_context(trust_env=False)
    with httpcore.ConnectionPool(ssl_context=context, network_backend=_CheckedBackend(network, limits)) as pool:
        response = pool.handle_request(request)
        try:
            return _read_response(url, response, limits)
        finally:
            response.close()


def _user_agent() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"career-assistant/{version('career-assistant')}"
    except PackageNotFoundError:
        return "career-assistant"


def _read_response(url: httpx.URL, response: httpcore.Response, limits: _Limits) -> Download | httpx.URL:
    headers = httpx.Headers(response.headers)
    if response.status in (301, 302, 303, 307, 308) and "location" in headers:
        return _follow(url, headers["location"], limits.source)
    if response.status != 200:
        phrase = httpx.codes.get_reason_phrase(response.status)
        answer = f"{response.status} {phrase}".strip()
        raise ArticleUnreachable(f"{limits.source}: the server answered {answer}. Check the address.")
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type and media_type not in MEDIA_TYPES:
        raise SourceUnreadable(f"{limits.source}: is {_one_line(media_type)}, not a web page or text. Name a page.")
    if headers.get("content-length", "").isdigit() and int(headers["content-length"]) > limits.max_bytes:
        raise limits.too_large()
    content = _read_body(response.iter_stream(), headers.get("content-encoding", ""), limits)
    media_type = media_type.replace("x-markdown", "markdown")
    return Download(str(url.copy_with(fragment=None)), media_type, _to_utf8(content, headers.get("content-type", "")))


def _follow(url: httpx.URL, location: str, source: str) -> httpx.URL:
    try:
        target = str(url.join(location))
    except (httpx.InvalidURL, ValueError, TypeError) as error:
        raise SourceRefused(f"{source}: redirects to an unusable address. Name the page itself.") from error
    return _parse_url(target, source)


def _read_body(chunks: Iterable[bytes], encoding: str, limits: _Limits) -> bytes:
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        parts: Iterator[bytes] = iter(chunks)
    elif encoding in ("gzip", "x-gzip"):
        parts = _inflate(chunks, limits)
    else:
        raise ArticleUnreachable(
            f"{limits.source}: the server insists on {_one_line(encoding)} compression. Save the page as a file."
        )
    content = bytearray()
    for part in parts:
        content += part
        if len(content) > limits.max_bytes:
            raise limits.too_large()
        limits.remaining()
    return bytes(content)


def _inflate(chunks: Iterable[bytes], limits: _Limits) -> Iterator[bytes]:
    """Decompressed bytes in pieces of at most 64 KiB, so that a bomb is stopped at the size limit, not after it."""
    inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        for chunk in chunks:
            yield inflater.decompress(chunk, 65_536)
            while inflater.unconsumed_tail:
                yield inflater.decompress(inflater.unconsumed_tail, 65_536)
        yield inflater.flush()
    except zlib.error as error:
        raise ArticleUnreachable(f"{limits.source}: sent damaged compressed data. Try again later.") from error


def _to_utf8(content: bytes, content_type: str) -> bytes:
    """Content in the encoding that the server declares, as UTF-8; as it is where it declares none or a wrong one."""
    declared = re.search(r"charset\s*=\s*[\"']?([\w\-:.]+)", content_type, re.IGNORECASE)
    try:
        if not declared:
            return content
        name = codecs.lookup(declared[1]).name
        # Browsers read ISO-8859-1 and ASCII as Windows-1252 (WHATWG encoding standard).
        name = "cp1252" if name in ("iso8859-1", "ascii") else name
        return content if name == "utf-8" else content.decode(name).encode("utf-8")
    except (LookupError, UnicodeError):
        return content


class _CheckedBackend(httpcore.NetworkBackend):
    """Connects only to addresses that the network allows, and lets no read or write outlast the deadline."""

    def __init__(self, network: Network, limits: _Limits) -> None:
        self._network = network
        self._limits = limits
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the deadline takes its place
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in _allowed_addresses(host, port, self._network, self._limits):
            try:
                stream = self._sockets.connect_tcp(
                    address, port, self._limits.remaining(), local_address, socket_options
                )
                return _LimitedStream(stream, self._limits)
            except httpcore.ConnectError as error:
                failure = error
        raise failure


def _allowed_addresses(host: str, port: int, network: Network, limits: _Limits) -> list[str]:
    """The addresses of a host; one forbidden address refuses the host: no order of answers helps an attacker."""
    found = [(_parse_address(text, limits.source)) for text in _resolve(host, port, network, limits)]
    for address in found:
        if not network.allows(address):
            named = host if host == str(address) else f"{host} ({address})"
            raise SourceRefused(f"{limits.source}: {named} is not a public address. Save the page as a file.")
    return [str(address) for address in found]


def _parse_address(text: str, source: str) -> IPAddress:
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError as error:
        raise SourceRefused(f"{source}: resolves to {_one_line(text)}, which is no address.") from error


def _resolve(host: str, port: int, network: Network, limits: _Limits) -> Sequence[str]:
    """Addresses within the deadline: the system's look-up takes no timeout, so it runs in a thread that may be left."""
    try:  # nobody but an attacker writes a translated address by hand
        if ipaddress.ip_address(host.strip("[]")) in _NAT64:
            raise SourceRefused(f"{limits.source}: a NAT64 address is not public. Name the host itself.")
    except ValueError:
        pass
    answers: queue.SimpleQueue[Sequence[str] | Exception] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            answers.put(network.resolve(host, port))
        except Exception as error:
            answers.put(error)

    threading.Thread(target=look_up, daemon=True).start()
    try:
        answer = answers.get(timeout=limits.remaining())
    except queue.Empty:
        raise limits.timed_out() from None
    if isinstance(answer, SourceError):
        raise answer
    if isinstance(answer, Exception):
        raise ArticleUnreachable(
            f"{limits.source}: {host} cannot be found. Check the address and the network."
        ) from answer
    return answer


class _LimitedStream(httpcore.NetworkStream):
    """A connection on which every step ends by the deadline, so that a dripping server cannot hold us."""

    def __init__(self, stream: httpcore.NetworkStream, limits: _Limits) -> None:
        self._stream = stream
        self._limits = limits

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - as above
        return self._stream.read(max_bytes, self._limits.remaining())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 - as above
        self._stream.write(buffer, self._limits.remaining())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002 - as above
    ) -> httpcore.NetworkStream:
        return _LimitedStream(
            self._stream.start_tls(ssl_context, server_hostname, self._limits.remaining()), self._limits
        )

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _one_line(text: str) -> str:
    line = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return line if len(line) <= 200 else f"{line[:200]}…"
