"""Mends a library's indexes in the background of a process that lives long, such as the chat page."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from ingest.catalog import Catalog
from ingest.errors import LibraryError
from ingest.follower import IndexFollower

log = logging.getLogger(__name__)

HEALER_PAUSE = 5.0  # seconds between two looks at the library
AFTER_FAILURE = 6  # times as long: what fills the disk does not go in seconds
FAREWELL = 5.0  # seconds to wait for the thread when the library is closed; a kill in the middle costs nothing


class Healer:
    """Looks at the indexes now and then; calls `heal` when they are missing, broken or behind. Begins at once."""

    def __init__(self, catalog: Catalog, follower: IndexFollower, heal: Callable[[], bool], pause: float) -> None:
        self._catalog = catalog
        self._follower = follower
        self._heal = heal  # False: not now
        self._pause = pause
        self._woken = threading.Event()
        self._stopped = threading.Event()
        self._told = ""  # the last failure, which is told once
        self._thread = threading.Thread(target=self._run, daemon=True, name="heal-library")
        self._thread.start()

    def look_closely(self) -> None:
        """Look at once, and at all of the full-text index: a search has failed."""
        self._woken.set()

    def stop(self) -> None:
        self._stopped.set()
        self._woken.set()
        self._thread.join(FAREWELL)

    def _run(self) -> None:
        closely = True
        while not self._stopped.is_set():
            well = self._look(closely=closely)
            closely = self._woken.wait(self._pause if well else self._pause * AFTER_FAILURE)
            self._woken.clear()

    def _look(self, *, closely: bool) -> bool:
        """False when something is not well yet, which may take a while."""
        try:
            if self._catalog.is_word_index_whole(closely=closely) and not self._follower.needs_work():
                return True
            if self._heal():
                log.info("the indexes were behind or damaged, and are mended")
                self._told = ""
                return True
        except LibraryError as error:
            self._tell(str(error))
        except Exception:  # whatever it was, the next look may find it gone
            log.exception("the indexes could not be mended")
        return False

    def _tell(self, reason: str) -> None:
        if reason != self._told and not self._stopped.is_set():
            log.warning("the indexes could not be mended: %s", reason)
        self._told = reason
