"""The server's thread: begins, ends, and tells what is still at work."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from assistant.errors import PortTaken
from assistant.server.listen import Server, claim_port


def serve(release: threading.Event) -> tuple[Server, str]:
    """A server of one page that works in a thread until it is released."""

    def work(_: Request) -> PlainTextResponse:
        release.wait(20)
        return PlainTextResponse("done")

    server = Server(Starlette(routes=[Route("/", work)]), claim_port("127.0.0.1", 0), lambda: None)
    server.start()
    return server, f"http://127.0.0.1:{server.port}/"


def wait_until_quiet(server: Server) -> bool:
    deadline = time.monotonic() + 5
    while server.is_at_work and time.monotonic() < deadline:
        time.sleep(0.05)
    return not server.is_at_work


def test_server_that_has_ended_is_not_at_work() -> None:
    release = threading.Event()
    release.set()
    server, address = serve(release)
    assert httpx.get(address, trust_env=False).text == "done"
    server.close()
    assert wait_until_quiet(server)
    with pytest.raises(httpx.ConnectError):
        httpx.get(address, trust_env=False)


def test_server_tells_of_work_that_outlives_it() -> None:
    release = threading.Event()
    server, address = serve(release)

    def ask() -> None:
        with suppress(httpx.HTTPError):  # it is cut off
            httpx.get(address, trust_env=False)

    asking = threading.Thread(target=ask)
    asking.start()
    time.sleep(0.5)
    server.close()
    assert server.is_at_work
    release.set()
    asking.join()
    assert wait_until_quiet(server)


def test_port_is_ours_from_the_moment_it_is_claimed() -> None:
    with claim_port("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        with pytest.raises(PortTaken, match=f"127.0.0.1:{port}.*--port or CAREER_PORT"):
            claim_port("127.0.0.1", port)
