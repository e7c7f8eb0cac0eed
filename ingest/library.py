"""Catalog and vector index as one library: replace, remove, search, heal.

The catalog is the truth. The index follows it: whatever a crash, a full disk or another process does to the index, the
library answers exactly from the catalog's own vectors until a writer has brought the index back.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np
from filelock import FileLock, Timeout

from ingest.article import Article, Passage
from ingest.catalog import (
    ArticleSummary,
    Catalog,
    CatalogState,
    Embedding,
    HeadingPath,
    IndexState,
    IndexWork,
    Stored,
    StoredPassage,
    Vector,
    mismatch,
    refuse_other_fingerprint,
    vector_key,
)
from ingest.errors import LibraryLocked, LibraryUnwritable
from ingest.settings import IngestSettings
from ingest.vectors import IndexBroken, IndexPlace, VectorIndex

if TYPE_CHECKING:
    from ingest.embed import Embedder

__all__ = ["ArticleSummary", "HeadingPath", "Library", "Stored", "StoredPassage"]

log = logging.getLogger(__name__)


class Library:
    """Articles that can be searched. Safe to share between threads; any number of processes may open the same one."""

    def __init__(self, settings: IngestSettings, catalog: Catalog, embedder: Callable[[], Embedder] | Embedder) -> None:
        self._settings = settings
        self._catalog = catalog
        self._lock = WriterLock(settings.home, settings.lock_timeout)
        self._embedder = LazyEmbedder(embedder)
        library_id = catalog.read_state().library_id
        self._follower = IndexFollower(catalog, IndexPlace(settings.home / "chroma", settings.chroma_url, library_id))

    @classmethod
    def open(
        cls, settings: IngestSettings, embedder: Callable[[], Embedder] | Embedder, *, read_only: bool = False
    ) -> Library:
        """The library in `settings.home`, made when there is none. Neither the model nor Chroma is loaded yet.

        A writer finishes what a killed one left undone, unless another writer is at work. Raises LibraryDamaged,
        LibraryUnwritable.
        """
        library = cls(settings, Catalog.open(settings.home, read_only=read_only), embedder)
        if not read_only:
            library._finish_interrupted_work()
        return library

    def __enter__(self) -> Library:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._follower.close()
        self._catalog.close()

    # -- writing ------------------------------------------------------------------------------------------------------

    def find_unchanged(self, article: Article) -> Stored | None:
        """What the library already holds of `article`, so that it need not be split and embedded again."""
        return self._catalog.find_unchanged(article)

    def replace(self, article: Article, passages: Sequence[Passage]) -> Stored:
        """Embed, commit, index: from the commit on every reader finds the new article and none of the old one.

        Only passages whose words are new are embedded. Raises LibraryLocked, LibraryUnwritable, EmbeddingMismatch.
        """
        self._refuse_reading_only()
        unchanged = self._catalog.find_unchanged(article)
        if unchanged is not None:
            return unchanged
        embedding, embedded = self._embed(passages)  # before the lock: the slow part
        with self._lock.hold():
            stored = self._catalog.store(article, embedded, embedding)
            self._follower.catch_up()
        return stored

    def remove(self, article_id: str) -> None:
        """Raises ArticleUnknown, which names the nearest ids."""
        self._refuse_reading_only()
        with self._lock.hold():
            self._catalog.remove(article_id)
            self._follower.catch_up()

    def reembed(self, progress: Callable[[int, int], None] | None = None) -> int:
        """Embed every passage with the current model and make a new index; the number of passages.

        Readers keep the old vectors until the one transaction that exchanges them all.
        """
        self._refuse_reading_only()
        with self._lock.hold():
            embedder = self._embedder.load()
            listed = self._catalog.list_passages()
            vectors = []
            made = embedder.embed_passages([passage for _, passage in listed])
            for (passage_id, _), vector in zip(listed, made, strict=True):
                vectors.append((passage_id, vector.passage, vector.units))
                if progress is not None:
                    progress(len(vectors), len(listed))
            self._catalog.replace_vectors(vectors, self._embedding_of(embedder))
            self._follower.rebuild()
        return len(listed)

    # -- reading ------------------------------------------------------------------------------------------------------

    @property
    def generation(self) -> int:
        """Rises with every committed change, in any process."""
        return self._catalog.read_state().generation

    def articles(self) -> list[ArticleSummary]:
        return self._catalog.list_articles()

    def article(self, article_id: str) -> Article:
        """Raises ArticleUnknown, which names the nearest ids."""
        return self._catalog.find_article(article_id)

    def count_passages(self) -> int:
        return self._catalog.count_passages()

    def headings(self) -> list[HeadingPath]:
        return self._catalog.list_headings()

    def passages(self, ids: Sequence[str]) -> dict[str, StoredPassage]:
        """The passages that still exist, in the order asked for."""
        return self._catalog.find_passages(ids)

    def embed_question(self, text: str) -> Vector:
        """Loads the embedding model when it is first needed. Raises EmbeddingMismatch, EmbeddingModelUnknown."""
        return self._matching_embedder().embed_question(text)

    def search_vectors(self, query_vector: Vector, limit: int) -> list[tuple[str, float]]:
        """Passage ids with their cosine similarity, best first; only passages that the catalog holds."""
        if limit < 1:
            return []
        found = self._follower.find_nearest(query_vector, limit)
        known = self._catalog.keep_known([passage_id for passage_id, _ in found])
        return [(passage_id, similarity) for passage_id, similarity in found if passage_id in known]

    def search_text(self, question: str, limit: int) -> list[tuple[str, float]]:
        """Passage ids with their BM25 score, best first; higher is better. Any string is a safe question."""
        return self._catalog.rank_by_words(question, limit)

    def document_frequencies(self, terms: Sequence[str]) -> dict[str, int]:
        """In how many passages each term (of ingest/terms.py) stands, 0 for one in none."""
        return self._catalog.count_documents(terms)

    # -- embedding ----------------------------------------------------------------------------------------------------

    def check_embedding_model(self) -> None:
        """Raise EmbeddingMismatch when the library was made with a model of another name; loads nothing."""
        self._refuse_other_name(self._catalog.read_state())

    def _refuse_other_name(self, state: CatalogState) -> None:
        if state.embedding is not None and state.embedding.model != self._settings.embedding_model:
            raise mismatch(state.embedding.model, self._settings.embedding_model, state.embedding.model)

    def _matching_embedder(self) -> Embedder:
        """The embedder, compared with the catalog each time: another process may have re-embedded since."""
        state = self._catalog.read_state()
        self._refuse_other_name(state)
        embedder = self._embedder.load()
        if state.embedding is not None:
            refuse_other_fingerprint(state.embedding, self._embedding_of(embedder))
        return embedder

    def _embedding_of(self, embedder: Embedder) -> Embedding:
        return Embedding(self._settings.embedding_model, asdict(embedder.fingerprint))

    def _embed(self, passages: Sequence[Passage]) -> tuple[Embedding, list[StoredPassage]]:
        embedder = self._matching_embedder()
        keys = [vector_key(passage) for passage in passages]
        vectors = self._catalog.find_vectors(keys)
        new = {key: passage for key, passage in zip(keys, passages, strict=True) if key not in vectors}
        for key, made in zip(new, embedder.embed_passages(list(new.values())), strict=True):
            vectors[key] = (made.passage, made.units)
        embedded = [StoredPassage(passage, *vectors[key]) for key, passage in zip(keys, passages, strict=True)]
        return self._embedding_of(embedder), embedded

    # -- health -------------------------------------------------------------------------------------------------------

    def check(self) -> list[str]:
        """One line for each thing that is wrong; none when all is well."""
        return [*self._catalog.find_problems(), *self._follower.find_problems()]

    def repair(self) -> None:
        """Make the full-text index and the vector index anew from the catalog; nothing is embedded again."""
        self._refuse_reading_only()
        with self._lock.hold():
            self._catalog.rebuild_words()
            self._follower.rebuild()

    def _finish_interrupted_work(self) -> None:
        if self._catalog.has_current_terms() and not self._follower.is_behind():
            return
        try:
            with self._lock.hold(wait=0):
                if not self._catalog.has_current_terms():
                    self._catalog.rebuild_words()
                self._follower.catch_up()
        except LibraryLocked:
            log.info("another process is writing; it brings the vector index up to date")

    def _refuse_reading_only(self) -> None:
        if self._catalog.read_only:
            raise LibraryUnwritable(f"{self._settings.home}: this library was opened for reading only.")


class LazyEmbedder:
    """An embedder that is loaded once, when it is first needed."""

    def __init__(self, source: Callable[[], Embedder] | Embedder) -> None:
        self._source = source
        self._loaded: Embedder | None = None
        self._guard = threading.Lock()

    def load(self) -> Embedder:
        with self._guard:
            if self._loaded is None:
                self._loaded = self._source() if callable(self._source) else self._source
            return self._loaded


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


def _close_quietly(index: VectorIndex) -> None:
    try:
        index.close()
    except IndexBroken:
        log.debug("closing the vector index failed", exc_info=True)


class WriterLock:
    """One writer at a time, in any process. The lock is the system's: it ends with the process that holds it."""

    def __init__(self, home: Path, timeout: float) -> None:
        self._lock = FileLock(home / "writer.lock")
        self._holder = home / "writer.json"
        self._timeout = timeout  # seconds

    @contextmanager
    def hold(self, wait: float | None = None) -> Iterator[None]:
        """Raises LibraryLocked, which names the holder, after `wait` seconds."""
        seconds = self._timeout if wait is None else wait
        try:
            self._lock.acquire(timeout=seconds)
        except Timeout as error:
            raise LibraryLocked(
                f"{self._holder.parent}: {self._describe_holder()} is writing to the library; waited {seconds:g} s. "
                "Try again when it is done, or raise CAREER_LOCK_TIMEOUT."
            ) from error
        except OSError as error:
            raise LibraryUnwritable(
                f"{self._holder.parent}: cannot be written ({error.strerror}). Fix the permissions, or set CAREER_HOME "
                "to another folder."
            ) from error
        try:
            self._write_holder()
            yield
        finally:
            self._remove_holder()
            self._lock.release()

    def _write_holder(self) -> None:
        holder = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])[:200],
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        try:
            self._holder.write_text(json.dumps(holder), encoding="utf-8")
        except OSError:
            log.debug("the holder of the writer lock cannot be noted", exc_info=True)

    def _remove_holder(self) -> None:
        try:
            self._holder.unlink(missing_ok=True)
        except OSError:
            log.debug("the note about the holder cannot be removed", exc_info=True)

    def _describe_holder(self) -> str:
        try:
            note = json.loads(self._holder.read_text(encoding="utf-8"))
            return f"process {note['pid']} on {note['host']} ({note['command']}, since {note['since']})"
        except (OSError, ValueError, KeyError, TypeError):
            return "another process"  # it took the lock a moment ago
