"""For whoever looks after the server: whether it lives, and whether it can answer. No secrets, so anyone may ask."""

from __future__ import annotations

import time
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse

from assistant.page.line import Line
from assistant.page.loader import ChainLoader

RETRY_AFTER = 30  # seconds between two attempts to open a library that could not be opened


class Health:
    """Two answers, alive and ready. Being asked whether it is ready makes it try again after a failure."""

    def __init__(self, loader: ChainLoader | None, line: Line, clock: Callable[[], float] = time.monotonic) -> None:
        self._loader = loader
        self._line = line
        self._clock = clock
        self._tried_at = clock()

    async def tell_alive(self, _request: Request) -> JSONResponse:
        return JSONResponse({"status": "alive"})

    async def tell_ready(self, _request: Request) -> JSONResponse:
        """200, or 503 with the reason."""
        if self._line.is_closed:
            return _refuse("stopping", "the server is stopping")
        if self._loader is None or self._loader.is_ready:
            return JSONResponse({"status": "ready"})
        if self._loader.has_failed:
            self._try_again(self._loader)
            return _refuse("unavailable", "the library cannot be opened; the log says why")
        return _refuse("loading", "the library is being opened")

    def _try_again(self, loader: ChainLoader) -> None:
        if self._clock() - self._tried_at >= RETRY_AFTER:
            self._tried_at = self._clock()
            loader.start()


def _refuse(status: str, reason: str) -> JSONResponse:
    return JSONResponse({"status": status, "reason": reason}, status_code=503, headers={"Retry-After": "5"})
