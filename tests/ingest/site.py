"""A web site on loopback, and a network on which it stands for one on the internet."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ingest.article import Page
from ingest.connection import Network
from ingest.fetch import Fetcher
from ingest.settings import IngestSettings

Answer = Callable[[BaseHTTPRequestHandler], None]
HTML_PAGE = b"<!doctype html><html><body><p>An article.</p></body></html>"


@dataclass
class Site:
    """What it answers, by path, and what it was asked. Two answers to one path are given in turn, the last for ever."""

    port: int
    answers: dict[str, Answer | list[Answer]] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def url(self, path: str, host: str = "articles.test") -> str:
        return f"http://{host}:{self.port}{path}"

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.requests]

    def find_answer(self, path: str) -> Answer:
        answers = self.answers.get(path, send(404))
        if not isinstance(answers, list):
            return answers
        return answers.pop(0) if len(answers) > 1 else answers[0]


@contextmanager
def open_site() -> Iterator[Site]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            site.find_answer(self.path)(self)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site = Site(server.server_address[1])
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()


def send(status: int = 200, body: bytes = HTML_PAGE, **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in ({"Content_Type": "text/html"} | headers).items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        with suppress(OSError):  # the other side has read enough
            handler.wfile.write(body)

    return answer


def drip(handler: BaseHTTPRequestHandler) -> None:
    """Headers at once, then a byte every tenth of a second: no single read ever times out."""
    drip_after(handler, b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")


def drip_headers(handler: BaseHTTPRequestHandler) -> None:
    drip_after(handler, b"HTTP/1.1 200 OK\r\nX-Slow: ")


def drip_after(handler: BaseHTTPRequestHandler, start: bytes) -> None:
    with suppress(OSError):
        handler.wfile.write(start)
        for _ in range(100):
            handler.wfile.write(b"a")
            handler.wfile.flush()
            time.sleep(0.1)


def loopback(**changes: Any) -> Network:
    """127.0.0.1 stands for a public address; every other address is forbidden."""
    names = {
        "articles.test": ["127.0.0.1"],
        "other.test": ["127.0.0.1"],
        "private.test": ["127.0.0.2"],
        "mixed.test": ["127.0.0.1", "10.0.0.1"],
    }

    def resolve(host: str, port: int) -> list[str]:
        return names.get(host, [host])

    return Network(**{"resolve": resolve, "allows": lambda address: str(address) == "127.0.0.1", **changes})


def make_settings(**changes: Any) -> IngestSettings:
    """Small limits, and no manners, so that a test sees the one thing that it is about."""
    changes = {"fetch_timeout": 5, "fetch_max_bytes": 100_000, "fetch_delay": 0, "robots": False, **changes}
    return IngestSettings(**{"_env_file": None, **changes})


def fetch(source: str, network: Network | None = None, **changes: Any) -> Page:
    page = Fetcher(make_settings(**changes), network or loopback()).fetch_page(source)
    assert isinstance(page, Page)
    return page
