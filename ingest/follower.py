"""The vector index kept equal to the catalog, and the exact search that stands in while it is not."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, replace

import numpy as np

from ingest.catalog import Catalog, CatalogState, IndexState, IndexWork, Vector
from ingest.vectors import IndexBroken, IndexPlace, VectorIndex

log = logging.getLogger(__name__)


class IndexFollower:
    """Keeps the vector index equal to the catalog, and answers from the catalog while it is not.

    Only the holder of the writer lock may call `catch_up` and `rebuild`. Neither fails: the article is committed, and
    exact search stands in for an index that cannot be written.
    """

    def __init__(self, catalog: Catalog, place: IndexPlace) -> None:
        self._catalog = catalog
        self._place = place
        self._guard = threading.RLock()
        self._open: OpenIndex | None = None
        self._broken: IndexState | None = None  # not tried again until a writer has changed it
        self._exact: ExactVectors | None = None

    def close(self) -> None:
        with self._guard:
            if self._open is not None:
                _close_quietly(self._open.index)
            self._open = self._exact = None

    def find_nearest(self, vector: Vector, limit: int) -> list[tuple[str, float]]:
        state = self._catalog.read_state()
        if self._mirrors(state) and state.index != self._broken:
            with self._guard:
                try:
                    return self._fresh_index(state.index).find_nearest(vector, limit)
                except IndexBroken as error:
                    self._give_up(state.index, error)
        return self._exact_vectors(state.generation).find_nearest(vector, limit)

    def is_behind(self) -> bool:
        """True when a writer died, or failed, between the catalog and the index."""
        state = self._catalog.read_state()
        return state.generation > 0 and not (self._mirrors(state) and self._exists(state.index))

    def catch_up(self) -> None:
        """Teach the index what the catalog has queued; make a new one when that cannot be done."""
        state = self._catalog.read_state()
        if not state.index.number or state.index.location != self._place.url or not self._exists(state.index):
            self.rebuild()
            return
        with self._guard:
            try:
                self._apply(state)
            except IndexBroken as error:
                log.warning("the vector index cannot be brought up to date (%s): making it anew", error)
                self.rebuild()

    def rebuild(self) -> None:
        """Make a new index from the catalog's vectors beside the old one, then point the catalog to it."""
        with self._guard:
            state = self._catalog.read_state()
            self.close()
            self._place.remove_others(state.index.number)
            number = state.index.number + 1
            try:
                self._point_to(state, number, self._build(number))
            except IndexBroken as error:
                self._give_up(state.index, error)

    def find_problems(self) -> list[str]:
        state = self._catalog.read_state()
        ids = set(self._catalog.read_vectors()[0])
        if not ids:
            return []
        if not self._mirrors(state):
            return ["vector index: behind the catalog; the next writer brings it up to date"]
        try:
            with self._guard:
                indexed = self._fresh_index(state.index).list_ids()
        except IndexBroken as error:
            return [f"vector index: {error}; run `career doctor --repair`"]
        if indexed == ids:
            return []
        return [f"vector index: {len(ids - indexed)} passages missing, {len(indexed - ids)} too many"]

    def _apply(self, state: CatalogState) -> None:
        work = self._catalog.read_index_work()
        index = self._fresh_index(state.index)
        index.upsert(work.upserts)
        index.delete(work.deletes)
        # Two processes that wrote at once, or a restored folder, leave vectors out without any error.
        if index.count() != self._catalog.count_passages():
            raise IndexBroken("it does not hold as many vectors as the catalog has passages")
        self._finish(work, replace(state.index, generation=state.generation), index)

    def _build(self, number: int) -> VectorIndex:
        ids, article_ids, vectors = self._catalog.read_vectors()
        index = VectorIndex.create(self._place, number)
        try:
            index.upsert(dict(zip(ids, zip(article_ids, vectors, strict=True), strict=True)))
            if index.count() != len(ids):
                raise IndexBroken(f"it took {index.count()} of {len(ids)} vectors")
        except BaseException:
            _close_quietly(index)
            raise
        return index

    def _point_to(self, state: CatalogState, number: int, index: VectorIndex) -> None:
        self._finish(self._catalog.read_index_work(), IndexState(number, state.generation, self._place.url), index)

    def _finish(self, work: IndexWork, state: IndexState, index: VectorIndex) -> None:
        sealed = replace(state, seal=self._place.seal(state.number))
        self._catalog.finish_index_work(work, sealed)
        self._open, self._broken, self._exact = OpenIndex(sealed, index), None, None

    def _fresh_index(self, state: IndexState) -> VectorIndex:
        """The open index, opened again when another process has written: a client sees only its own writes."""
        if self._open is not None and self._open.state == state:
            return self._open.index
        self.close()
        if self._place.seal(state.number) != state.seal:
            raise IndexBroken("its files are not as they were left")
        self._open = OpenIndex(state, VectorIndex.open(self._place, state.number))
        return self._open.index

    def _mirrors(self, state: CatalogState) -> bool:
        return state.index.generation == state.generation and state.index.location == self._place.url

    def _exists(self, state: IndexState) -> bool:
        return bool(self._place.url) or self._place.folder_of(state.number).is_dir()

    def _give_up(self, state: IndexState, error: IndexBroken) -> None:
        log.warning("the vector index cannot be used (%s); searching without it. Run `career doctor --repair`.", error)
        log.debug("the vector index cannot be used", exc_info=error)
        self.close()
        self._broken = state

    def _exact_vectors(self, generation: int) -> ExactVectors:
        with self._guard:
            if self._exact is None or self._exact.generation != generation:
                ids, _, vectors = self._catalog.read_vectors()
                self._exact = ExactVectors(generation, ids, vectors)
            return self._exact


@dataclass(frozen=True)
class OpenIndex:
    state: IndexState  # of the catalog when this index was opened or last written
    index: VectorIndex


@dataclass(frozen=True, eq=False)
class ExactVectors:
    """All vectors of one generation, searched without an index."""

    generation: int
    ids: list[str]
    vectors: Vector  # (number of passages, dimension)

    def find_nearest(self, vector: Vector, limit: int) -> list[tuple[str, float]]:
        if not self.ids:
            return []
        similarities = self.vectors @ vector
        best = np.argsort(-similarities, kind="stable")[:limit]
        return [(self.ids[place], float(similarities[place])) for place in best]


def _close_quietly(index: VectorIndex) -> None:
    try:
        index.close()
    except IndexBroken:
        log.debug("closing the vector index failed", exc_info=True)
