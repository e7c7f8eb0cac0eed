"""One request and its answer, over a checked connection: never more bytes than were asked for, decompressed or not."""

from __future__ import annotations

import codecs
import re
import ssl
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, version

import httpcore
import httpx

from ingest.addresses import show
from ingest.connection import Budget, CheckedBackend, Network
from ingest.errors import ArticleUnreachable, SourceUnreadable

AGENT = "career-assistant"  # the name that robots.txt may speak to
ACCEPT = (
    "text/html, application/xhtml+xml, application/pdf, "
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document, text/markdown, application/rss+xml, "
    "application/atom+xml, application/xml;q=0.9, text/plain;q=0.9, */*;q=0.1"
)


@dataclass(frozen=True)
class Answer:
    """What a server said, once; of other answers than 200 only the headers are read."""

    url: httpx.URL
    status: int
    headers: httpx.Headers = field(default_factory=httpx.Headers)
    content: bytes = b""  # decompressed

    @property
    def media_type(self) -> str:
        """What the server calls the content, in lower case; "" when it does not say."""
        return str(self.headers.get("content-type", "")).partition(";")[0].strip().lower()

    @property
    def told(self) -> str:
        """The status as a message names it: "404 Not Found"."""
        return f"{self.status} {httpx.codes.get_reason_phrase(self.status)}".strip()


@dataclass(frozen=True)
class Most:
    """How many bytes are read, and whether the rest is then left (as of robots.txt) or refuses the whole."""

    size: int
    cut: bool = False


def request(url: httpx.URL, headers: Mapping[str, str], network: Network, budget: Budget, most: Most) -> Answer:
    """One answer, redirects and refusals included, from a checked address within the budget.

    Raises SourceRefused for a host that is not public, SourceUnreadable for too many bytes, ArticleUnreachable, and
    what httpcore raises when a connection fails or time is over.
    """
    said = {"Host": url.netloc.decode("ascii"), "User-Agent": _describe_ourselves(), "Accept-Encoding": "gzip"}
    asked = httpcore.Request(
        "GET",
        httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
        headers=[(name.encode("ascii"), value.encode("ascii")) for name, value in {**said, **headers}.items()],
    )
    context = network.ssl_context or _trust()
    with (
        httpcore.ConnectionPool(ssl_context=context, network_backend=CheckedBackend(network, budget)) as pool,
        closing(pool.handle_request(asked)) as response,
    ):
        answer = Answer(url, response.status, httpx.Headers(response.headers))
        if answer.status != 200:
            return answer
        content = _read_body(response.iter_stream(), answer.headers, budget, most)
        return Answer(url, answer.status, answer.headers, content)


@cache
def _trust() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)


@cache
def _describe_ourselves() -> str:
    about = f"(reads articles that a person names; documentation: README of the Python package {AGENT})"
    try:
        return f"{AGENT}/{version(AGENT)} {about}"
    except PackageNotFoundError:
        return f"{AGENT} {about}"


def _read_body(chunks: Iterable[bytes], headers: httpx.Headers, budget: Budget, most: Most) -> bytes:
    declared = headers.get("content-length", "")
    if not most.cut and declared.isascii() and declared.isdigit() and len(declared) < 20 and int(declared) > most.size:
        raise _too_large(budget, most)
    content = bytearray()
    for part in _decompress(chunks, headers.get("content-encoding", "").strip().lower(), budget):
        content += part
        budget.remaining()
        if len(content) > most.size:
            if not most.cut:
                raise _too_large(budget, most)
            break
    return bytes(content[: most.size])


def _too_large(budget: Budget, most: Most) -> SourceUnreadable:
    return SourceUnreadable(
        f"{budget.source}: larger than {most.size:,} bytes. Name a smaller page or raise CAREER_FETCH_MAX_BYTES."
    )


def _decompress(chunks: Iterable[bytes], encoding: str, budget: Budget) -> Iterator[bytes]:
    if encoding in ("", "identity"):
        return iter(chunks)
    if encoding in ("gzip", "x-gzip"):
        return _inflate(chunks, budget)
    raise ArticleUnreachable(
        f"{budget.source}: the server insists on {show(encoding)} compression. Save the page as a file."
    )


def _inflate(chunks: Iterable[bytes], budget: Budget) -> Iterator[bytes]:
    """Decompressed bytes in pieces of at most 64 KiB, so that a bomb is stopped at the size limit, not after it."""
    inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
    damaged = ArticleUnreachable(f"{budget.source}: sent damaged compressed data. Try again later.")
    try:
        for chunk in chunks:
            yield inflater.decompress(chunk, 65_536)
            while inflater.unconsumed_tail:
                yield inflater.decompress(inflater.unconsumed_tail, 65_536)
        yield inflater.flush()
    except zlib.error as error:
        raise damaged from error
    if not inflater.eof:  # half a page is none: it would take the place of the whole one
        raise damaged


def to_utf8(content: bytes, content_type: str) -> bytes:
    """Text in the encoding that the server declares, as UTF-8; as it is where it declares none or a wrong one."""
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
