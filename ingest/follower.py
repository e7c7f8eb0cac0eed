"""The vector index kept equal to the catalog, and the exact search that stands in while it is not."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from ingest.catalog import Catalog, CatalogState, IndexState, IndexWork, Queued, Vector
from ingest.errors import LibraryUnwritable
from ingest.vectors import IndexBroken, IndexPlace, IndexUnreachable, VectorIndex

log = logging.getLogger(__name__)

READER_PATIENCE = 0.2  # seconds; an article takes the writer 15 ms, and exact search stands in
WRITER_PATIENCE = 5.0  # seconds; a question takes a reader milliseconds
SERVER_PAUSE = 10.0  # seconds until a server that failed is asked again; it may take two to find out
NEARLY_ONE = 0.999  # cosine of a vector with itself, as Chroma calculates it
PORTION = 1_000  # passages that may wait for the index: comparing a question with them all takes 1 ms, reading them 5,
PORTION_SHARE = 20  # or one in so many of those it holds, since sealing it takes the longer the more it holds
SOON_COMPARED = 10_000  # passages: 75 ms to read and compare them all


class IndexFollower:
    """Keeps the vector index equal to the catalog, and answers from the catalog while it is not.

    What the index has yet to learn stands in the catalog's queue. A search compares that exactly and adds what the
    index finds of the rest, so that an index may be behind without anything being missed. Only the holder of the writer
    lock may call `catch_up` and `rebuild`. Neither fails: the article is committed, and exact search stands in for an
    index that cannot be written.
    """

    def __init__(
        self,
        catalog: Catalog,
        place: IndexPlace,
        tell: Callable[[str], None] = log.warning,
        *,
        exact_passages: int = 0,
        soon_compared: int = SOON_COMPARED,
    ) -> None:
        self._catalog = catalog
        self._place = place
        self._tell = tell  # of what whoever set CAREER_CHROMA_URL should know
        # Of 10,000 passages the exact search takes 75 ms at first and 2.8 ms then; Chroma 680 ms and 2.9.
        self._exact_passages = exact_passages
        self._soon_compared = soon_compared
        self._guard = threading.RLock()
        self._open: OpenIndex | None = None
        self._broken: IndexState | None = None  # not tried again until a writer has changed it, or a server is back
        self._broken_since = 0.0
        self._told = False  # that there is no index to use; once until there is
        self._exact: ExactVectors | None = None
        self._queued: Queued | None = None
        self._aside = 0  # in the queue because the index was taught them and does not find them

    def close(self) -> None:
        with self._guard:
            if self._open is not None:
                _close_quietly(self._open.index)
            self._open = self._exact = None

    def find_nearest(self, vector: Vector, limit: int) -> list[tuple[str, float]]:
        state = self._catalog.read_state()
        if self._is_usable(state) and self._is_worthwhile(state):
            with self._guard, suppress(OSError), self._place.hold_files(READER_PATIENCE):
                queued = self._read_queued()  # now: another process may have held the files
                try:
                    if self._is_usable(queued.state):
                        return self._find_in_both(queued, vector, limit)
                except IndexBroken as error:
                    self._give_up(queued.state.index, error)
        state = self._catalog.read_state()
        if state.index.location != self._place.url:
            where = f"on the server at {self._place.url}" if self._place.url else "in the library's folder"
            self._tell_once(
                f"there is no vector index {where}; searching without it. The next `career ingest` makes it."
            )
        return self._exact_vectors(state.generation).find_nearest(vector, limit)

    def _is_worthwhile(self, state: CatalogState) -> bool:
        """False where comparing all takes less than opening the index, or than waiting for a writer that changes it."""
        if not self._place.url and state.index.vectors <= self._exact_passages:
            return False
        return state.index.generation == state.generation or state.index.vectors > self._soon_compared

    def _read_queued(self) -> Queued:
        if self._queued is None or self._queued.state != self._catalog.read_state():
            self._queued = self._catalog.read_queued()
        return self._queued

    def _find_in_both(self, queued: Queued, vector: Vector, limit: int) -> list[tuple[str, float]]:
        """The nearest of what the index holds and of what it has yet to learn."""
        found = self._fresh_index(queued.state.index).find_nearest(vector, limit + len(queued.gone))
        similar = {passage_id: similarity for passage_id, similarity in found if passage_id not in queued.gone}
        similar |= ExactVectors(queued.state.generation, queued.ids, queued.vectors).find_nearest(vector, limit)
        return sorted(similar.items(), key=lambda pair: -pair[1])[:limit]

    def find_nearest_among(self, articles: Sequence[str], vector: Vector, limit: int) -> list[tuple[str, float]]:
        """The nearest passages of these articles, from the catalog and so exactly; 3 ms for 1,000 passages."""
        return ExactVectors(0, *self._catalog.read_vectors_of(articles)).find_nearest(vector, limit)

    def needs_work(self) -> bool:
        """True when a writer died, or failed, between the catalog and the index, or when its files are not as they were
        left; 15 ms for 11,017 passages.
        """
        state = self._catalog.read_state()
        if state.generation == 0:
            return False
        if not self._is_there(state) or state.index.generation != state.generation:
            return True
        if self._place.url:
            return not self._is_served(state)
        return state.index == self._broken or not self._is_sealed(state.index)

    def is_far_behind(self) -> bool:
        """True when so much has been queued that searching it exactly would begin to take time."""
        held = self._catalog.read_state().index.vectors
        return self._catalog.count_queued() - self._aside >= max(PORTION, held // PORTION_SHARE)

    def _is_served(self, state: CatalogState) -> bool:
        """Whether a server still holds what it was taught: it may have lost its data, or gone."""
        with self._guard:
            try:
                return self._fresh_index(state.index).count() == state.index.vectors
            except IndexBroken as error:
                self._give_up(state.index, error)
                return False

    def catch_up(self) -> None:
        """Teach the index what the catalog has queued; make a new one when that cannot be done."""
        state = self._catalog.read_state()
        if not state.index.number or state.index.location != self._place.url or not self._exists(state.index):
            self.rebuild()
            return
        with self._guard:
            try:
                with self._place.hold_files(WRITER_PATIENCE):
                    self._apply(state)
            except (LibraryUnwritable, OSError, IndexUnreachable) as error:
                self._give_up(state.index, error)
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
                index, lost = self._build(number)
                made = IndexState(number, state.generation, self._place.url)
                self._finish(self._catalog.read_index_work(), lost, made, index)
            except (IndexBroken, LibraryUnwritable) as error:
                self._give_up(state.index, error)

    def find_problems(self) -> list[str]:
        """One line for everything in the index that does not agree with the catalog. A damaged index may end the
        process that asks it: see ingest/doctor.py.
        """
        state = self._catalog.read_state()
        if not self._catalog.count_passages():
            return []
        try:
            self._place.reach()
            if not self._is_there(state):
                is_missed = (
                    self._catalog.count_queued() < self._catalog.count_passages()
                )  # else all is searched exactly
                return ["vector index: behind the catalog; the next writer brings it up to date"] if is_missed else []
            # Held, or a writer that changes the files meanwhile would end this process, as a damaged index does.
            with self._guard, self._place.hold_files(WRITER_PATIENCE):
                problems = list(self._compare(self._fresh_index(state.index)))
        except (IndexBroken, OSError) as error:
            if not self._place.is_writable():
                return ["vector index: not checked, because Chroma opens none where nothing can be written"]
            if isinstance(error, OSError | IndexUnreachable):
                reason = error if self._place.url else "another process keeps its files"
                return [f"vector index: not checked ({reason}); try again later"]
            problems = [f"{error}; run `career doctor --repair`"]
        if problems and self._catalog.read_state() != state:
            return self.find_problems()  # a writer was at work meanwhile
        return [f"vector index: {problem}" for problem in problems]

    def _compare(self, index: VectorIndex) -> Iterator[str]:
        """By number, by id, and by asking each vector for itself; all but what is searched exactly."""
        indexed = index.list_ids()
        miscounted = index.count() != len(indexed)
        queued = self._read_queued()
        indexed.difference_update(queued.ids, queued.gone)
        missing = lost = 0
        for batch in self._catalog.iterate_vectors():
            wanted = batch.keys() - set(queued.ids)
            present = wanted & indexed
            missing += len(wanted) - len(present)
            lost += len(self._find_lost(index, {passage_id: batch[passage_id] for passage_id in present}))
            indexed.difference_update(present)
        if missing or indexed or miscounted:
            yield f"{missing} passages missing, {len(indexed)} too many; run `career doctor --repair`"
        if lost:
            yield f"{lost} passages are not found by their own vectors; run `career doctor --repair`"

    def _find_lost(self, index: VectorIndex, vectors: Mapping[str, tuple[str, Vector]]) -> list[str]:
        """The vectors that a search for themselves does not find."""
        found = index.find_nearest_each([vector for _, vector in vectors.values()], 1) if vectors else []
        asked = zip(vectors, found, strict=True)
        return [passage_id for passage_id, nearest in asked if not self._is_itself(vectors, passage_id, nearest)]

    def _is_itself(
        self, batch: Mapping[str, tuple[str, Vector]], passage_id: str, found: list[tuple[str, float]]
    ) -> bool:
        """True when the nearest to a passage's own vector is the passage, or another with an equal vector."""
        vector = batch[passage_id][1]
        for other, similarity in found:
            if other == passage_id:
                return similarity > NEARLY_ONE
            stored = self._catalog.find_passages([other]).get(other)
            return stored is not None and bool(np.allclose(stored.vector, vector, atol=1e-5))
        return False

    def _apply(self, state: CatalogState) -> None:
        work = self._catalog.read_index_work()
        index = self._fresh_index(state.index)
        known = index.keep_held(list(work.upserts))  # left aside before: written again, none was found
        new = {passage_id: vector for passage_id, vector in work.upserts.items() if passage_id not in known}
        index.upsert(new)
        index.delete(work.deletes)
        # Two processes that wrote at once, or a restored folder, leave vectors out without any error.
        if index.count() != self._catalog.count_passages():
            raise IndexBroken("it does not hold as many vectors as the catalog has passages")
        lost = self._find_lost(index, work.upserts)
        self._finish(work, lost, replace(state.index, generation=state.generation), index)

    def _build(self, number: int) -> tuple[VectorIndex, list[str]]:
        """A new index of all passages, and those of them that it does not find."""
        index = VectorIndex.create(self._place, number)
        try:
            for vectors in self._catalog.iterate_vectors():
                index.upsert(vectors)
            if index.count() != self._catalog.count_passages():
                raise IndexBroken(f"it took {index.count()} of {self._catalog.count_passages()} vectors")
            batches = self._catalog.iterate_vectors()
            lost = [passage_id for vectors in batches for passage_id in self._find_lost(index, vectors)]
        except BaseException:
            _close_quietly(index)
            raise
        return index, lost

    def _finish(self, work: IndexWork, lost: Sequence[str], state: IndexState, index: VectorIndex) -> None:
        """Note what the index holds. A graph leads nowhere to some vectors: to one of 2,145 passages, to those with
        over a hundred near copies (616 of 30,000 taught to an index of 605,000). They stay in the queue, and so are
        searched exactly.
        """
        sealed = replace(state, seal=self._place.seal(state.number), vectors=index.count())
        self._catalog.finish_index_work(work, lost, sealed)
        self._open, self._broken, self._exact, self._told = OpenIndex(sealed, index), None, None, False
        self._aside = len(lost)

    def _fresh_index(self, state: IndexState) -> VectorIndex:
        """The open index, opened again when another process has written: a client sees only its own writes."""
        if self._open is not None and self._open.state == state:
            return self._open.index
        self.close()
        if not self._is_sealed(state):
            raise IndexBroken("its files are not as they were left")
        self._open = OpenIndex(state, VectorIndex.open(self._place, state.number))
        if self._open.index.count() != state.vectors:
            raise IndexBroken(f"it holds {self._open.index.count()} vectors instead of {state.vectors}")
        self._broken, self._told = None, False
        return self._open.index

    def _is_sealed(self, state: IndexState) -> bool:
        try:
            return self._exists(state) and self._place.seal(state.number) == state.seal
        except IndexBroken:
            log.debug("the vector index cannot be read", exc_info=True)
            return False

    def _is_usable(self, state: CatalogState) -> bool:
        return self._is_there(state) and not self._is_given_up(state.index)

    def _is_given_up(self, state: IndexState) -> bool:
        """Files stay as they are until a writer makes them anew; a server that failed may be back by itself."""
        waited = time.monotonic() - self._broken_since
        return state == self._broken and not (self._place.url and waited > SERVER_PAUSE)

    def _is_there(self, state: CatalogState) -> bool:
        return bool(state.index.number) and state.index.vectors >= 0 and state.index.location == self._place.url

    def _exists(self, state: IndexState) -> bool:
        return bool(self._place.url) or self._place.folder_of(state.number).is_dir()

    def _give_up(self, state: IndexState, error: Exception) -> None:
        reason = f"the vector index cannot be used ({error}); searching without it."
        if self._place.url:
            self._tell_once(f"{reason} Check the server at {self._place.url}.")
        else:
            log.warning("%s Run `career doctor --repair`.", reason)
        log.debug("the vector index cannot be used", exc_info=error)
        self.close()
        self._broken, self._broken_since = state, time.monotonic()

    def _tell_once(self, text: str) -> None:
        if not self._told:
            self._tell(text)
        self._told = True

    def _exact_vectors(self, generation: int) -> ExactVectors:
        with self._guard:
            if self._exact is None or self._exact.generation != generation:
                self._exact = ExactVectors(generation, *self._catalog.read_vectors())
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
        least = np.partition(similarities, -limit)[-limit] if limit < len(self.ids) else -np.inf
        near = np.flatnonzero(similarities >= least)  # equals of the last among them, for one order of all
        best = near[np.argsort(-similarities[near], kind="stable")[:limit]]
        return [(self.ids[place], float(similarities[place])) for place in best]


def _close_quietly(index: VectorIndex) -> None:
    try:
        index.close()
    except IndexBroken:
        log.debug("closing the vector index failed", exc_info=True)
