"""Whether a library is whole, and what makes it whole again.

A damaged index may end the process that asks it, so the check runs in a child. A repair embeds nothing: the full-text
index and the vector index are made anew from the catalog, and a damaged catalog from what can be read of it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingest.catalog import Catalog
from ingest.child import Child, ChildFailed, Limits
from ingest.errors import LibraryDamaged, LibraryError, LibraryLocked
from ingest.follower import IndexFollower
from ingest.lock import WriterLock
from ingest.salvage import salvage_catalog
from ingest.vectors import IndexPlace

if TYPE_CHECKING:  # the child imports this file
    from ingest.settings import IngestSettings

log = logging.getLogger(__name__)

CHECK = "ingest.doctor:check_in_child"
PARTS = ("catalog", "vector index")
SECONDS = 120  # that a check may take, and
SECONDS_PER_MEGABYTE = 1  # more; figures in ARCHITECTURE.md


def check_library(settings: IngestSettings, function: str = CHECK) -> list[str]:
    """One line for each thing that is wrong with the library in `settings.home`; none when all is well."""
    catalog = settings.home / Catalog.FILE_NAME
    size = catalog.stat().st_size if catalog.is_file() else 0
    limits = Limits(SECONDS + SECONDS_PER_MEGABYTE * size / 1e6, writes=True)
    with Child(function, limits) as child:
        found = [problem for part in PARTS for problem in _ask(child, part, settings)]
    return list(dict.fromkeys(found))


def _ask(child: Child, part: str, settings: IngestSettings) -> list[str]:
    request = {"part": part, "home": str(settings.home.absolute()), "url": settings.chroma_url}
    try:
        return [str(problem) for problem in child.ask(request)["problems"]]
    except ChildFailed as error:
        return [f"{part}: checking it {error}; run `career doctor --repair`"]


def check_in_child(header: dict[str, Any], payload: bytes) -> dict[str, Any]:  # noqa: ARG001 - see ingest/child.py
    return {"problems": list(find_problems(header["part"], Path(header["home"]), header["url"]))}


def find_problems(part: str, home: Path, url: str) -> Iterator[str]:
    """What `check_library` asks a child for."""
    try:
        catalog = Catalog.open(home, read_only=True)
        try:
            if part == "catalog":
                yield from catalog.find_problems()
            else:
                follower = _follow(catalog, home, url)
                yield from follower.find_problems()
                follower.close()
        finally:
            catalog.close()
    except LibraryError as error:
        yield str(error)


def repair_library(settings: IngestSettings, lock: WriterLock) -> list[str]:
    """Mend what can be mended; a line for each thing that was lost, and for where a damaged catalog is kept.

    Raises LibraryDamaged when there is nothing to mend, LibraryLocked, LibraryUnwritable.
    """
    with lock.hold():
        told = [] if _is_sound(settings.home) else salvage_catalog(settings.home / Catalog.FILE_NAME)
        catalog = Catalog.open(settings.home)
        try:
            catalog.rebuild_words()
            follower = _follow(catalog, settings.home, settings.chroma_url)
            follower.rebuild()
            follower.close()
        finally:
            catalog.close()
        return told


def finish_work(catalog: Catalog, follower: IndexFollower, lock: WriterLock) -> bool:
    """Make both indexes equal to the catalog; False when that cannot be done now. Nothing waits for another writer."""
    if catalog.is_word_index_whole() and not follower.needs_work():
        return True
    try:
        with lock.hold(wait=0):
            if not catalog.is_word_index_whole():
                catalog.rebuild_words()
            follower.catch_up()
    except LibraryLocked:
        log.info("another process is writing to the library; it brings the vector index up to date")
        return False
    return not follower.needs_work()


def _is_sound(home: Path) -> bool:
    """Whether all articles and passages of the catalog are as they were written. Raises LibraryDamaged for none."""
    Catalog.refuse_lost(home)
    try:
        catalog = Catalog.open(home)
        try:
            return not catalog.find_damage()
        finally:
            catalog.close()
    except LibraryDamaged:
        return False


def _follow(catalog: Catalog, home: Path, url: str) -> IndexFollower:
    return IndexFollower(catalog, IndexPlace(home / "chroma", url, catalog.read_state().library_id))
