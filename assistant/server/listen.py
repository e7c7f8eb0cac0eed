"""The server in a thread of its own, from the first request that it accepts to the last that it lets finish."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Coroutine
from types import FrameType, TracebackType
from typing import Any, NoReturn

import uvicorn
from starlette.types import ASGIApp

from assistant.errors import PortTaken

LAST_WORDS = 3  # seconds that answers which are complete may take to reach their readers


def claim_port(host: str, port: int) -> socket.socket:
    """A socket at the address, or at any free port for 0. Raises PortTaken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(2048)
    except OSError as error:
        listening.close()
        raise PortTaken(
            f"{host}:{port}: {error.strerror}. Choose another with --port or CAREER_PORT, "
            "or end the program that uses it."
        ) from error
    return listening


class Server(uvicorn.Server):
    """An app at a socket, in a thread, so that the main thread is free for signals. Call start() first."""

    def __init__(self, app: ASGIApp, listening: socket.socket, end_streams: Callable[[], None]) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,  # assistant/server/requests.py tells more, and no address with its query
            ws="none",
            proxy_headers=False,  # assistant/server/forwarded.py
            server_header=False,
            timeout_graceful_shutdown=LAST_WORDS,
        )
        super().__init__(config)
        self._listening = listening
        self._end_streams = end_streams
        self._settled = threading.Event()  # it listens, or has given up
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._work, daemon=True, name="page-server")

    @property
    def port(self) -> int:
        return int(self._listening.getsockname()[1])

    def start(self) -> None:
        """Return once requests are accepted."""
        self._thread.start()
        self._settled.wait()

    def _work(self) -> None:
        try:
            self.run(sockets=[self._listening])
        finally:
            self._settled.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        self._settled.set()

    def call(self, coroutine: Coroutine[Any, Any, bool]) -> bool:
        """Run it in the server's loop and wait for what it returns; True where there is no loop any more."""
        if self._loop is None or not self._thread.is_alive():
            coroutine.close()
            return True
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def close(self) -> None:
        """Accept nothing more, and end; called by gradio.Blocks.close() as well."""
        if self._loop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._end_streams)
        self.should_exit = True
        self._thread.join(LAST_WORDS + 2)


class StopSignals:
    """SIGTERM and Ctrl+C: the first asks the program to stop, the second ends it at once."""

    def __init__(self) -> None:
        self._reading, self._writing = os.pipe()  # a threading.Event could lock itself out inside a signal's handler
        self._is_asked = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopSignals:
        for number in (signal.SIGTERM, signal.SIGINT):
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self._reading)
        os.close(self._writing)

    def wait(self) -> None:
        """Until somebody asks to stop."""
        os.read(self._reading, 1)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if self._is_asked:
            leave_at_once(128 + number)
        self._is_asked = True
        os.write(self._writing, b"!")


def leave_at_once(status: int) -> NoReturn:
    """End the process without waiting for threads that are still at work."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
