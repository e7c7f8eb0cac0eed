"""Catalog and vector index as one library: replace, remove, search, heal.

The catalog is the truth. The index follows it: whatever a crash, a full disk or another process does to the index, the
library answers exactly from the catalog's own vectors until a writer has brought the index back.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from dataclasses import replace as dataclass_replace
from types import TracebackType
from typing import TYPE_CHECKING

from ingest.article import Article, Passage
from ingest.catalog import (
    ArticleCopy,
    ArticleSummary,
    Catalog,
    CatalogState,
    Embedding,
    HeadingPath,
    KnownSource,
    Reading,
    Stored,
    StoredPassage,
    Vector,
    mismatch,
    refuse_other_fingerprint,
    vector_key,
)
from ingest.catalog_feedback import Feedback
from ingest.catalog_passages import PASSAGE_TYPE, UNIT_TYPE, Vectors
from ingest.catalog_sources import hash_text
from ingest.doctor import check_library, finish_work, repair_library
from ingest.errors import LibraryDamaged, LibraryError, LibraryUnwritable
from ingest.follower import IndexFollower
from ingest.healer import HEALER_PAUSE, Healer
from ingest.lock import WriterLock
from ingest.settings import IngestSettings
from ingest.vectors import IndexPlace

if TYPE_CHECKING:
    from ingest.embed import Embedder, QuestionVectors

__all__ = [
    "PASSAGE_TYPE",
    "UNIT_TYPE",
    "ArticleCopy",
    "ArticleSummary",
    "Embedding",
    "HeadingPath",
    "Known",
    "KnownSource",
    "Library",
    "Made",
    "Reading",
    "Stored",
    "StoredPassage",
    "describe_embedding",
    "make_vectors",
    "vector_key",
]

log = logging.getLogger(__name__)

KEPT_AT_ONCE = 500  # passages of one article: what an interruption may cost at most, some ten seconds


@dataclass(frozen=True, eq=False)
class Made:
    """Vectors made outside of this process."""

    embedding: Embedding
    vectors: Mapping[str, Vectors]  # by vector key


@dataclass(frozen=True)
class Known:
    """What a library holds at one moment, for processes that have no library."""

    texts: frozenset[str]  # hashes
    vector_keys: frozenset[str]
    method: str = ""  # of its vectors, as in `Fingerprint`; "" while there are none

    def holds(self, article: Article) -> bool:
        return hash_text(article) in self.texts


class Library:
    """Articles that can be searched. Safe to share between threads; any number of processes may open the same one."""

    def __init__(
        self,
        settings: IngestSettings,
        catalog: Catalog,
        embedder: Callable[[str], Embedder] | Embedder,
        *,
        tell: Callable[[str], None] = log.warning,
        lock: WriterLock | None = None,
        place: IndexPlace | None = None,
    ) -> None:
        self._settings = settings
        self._catalog = catalog
        self._lock = lock or WriterLock(settings.home, settings.lock_timeout, tell)
        self._embedder = LazyEmbedder(embedder)
        library_id = catalog.read_state().library_id
        self._place = place or IndexPlace(settings.home / "chroma", settings.chroma_url, library_id)
        self._follower = IndexFollower(catalog, self._place, tell, exact_passages=settings.exact_passages)
        self._runs = 0  # that index in portions
        self._healer: Healer | None = None

    @classmethod
    def open(
        cls,
        settings: IngestSettings,
        embedder: Callable[[str], Embedder] | Embedder,
        *,
        read_only: bool = False,
        tell: Callable[[str], None] = log.warning,
    ) -> Library:
        """The library in `settings.home`, made when there is none. Neither the model nor Chroma is loaded yet.

        A damaged catalog is refused; a writer finishes what a killed one left undone and mends the indexes, unless
        another writer is at work. `tell` gets a line when a write waits for another process. Raises LibraryDamaged,
        LibraryUnwritable.
        """
        catalog = Catalog.open(settings.home, read_only=read_only)
        catalog.refuse_damage()
        library = cls(settings, catalog, embedder, tell=tell)
        if not read_only:
            finish_work(catalog, library._follower, library._lock)
        return library

    def open_writer(self, tell: Callable[[str], None] = log.warning) -> Library:
        """The same library opened anew, for writing, by a process that reads; they share the embedding model.

        Raises as `open` does. `tell` gets a line when a write waits for another process.
        """
        return Library.open(self._settings, self._embedder.load, tell=tell)

    def __enter__(self) -> Library:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        if self._healer is not None:
            self._healer.stop()
        self._follower.close()
        self._catalog.close()

    # -- writing ------------------------------------------------------------------------------------------------------

    @contextmanager
    def index_in_portions(self) -> Iterator[None]:
        """Within, the vector index learns from many articles at once: sealing it costs as much for one as for all.

        Until then what is new is searched exactly. A process that dies leaves the rest to the next writer.
        """
        self._runs += 1
        try:
            yield
        finally:
            self._runs -= 1
            try:
                state = self._catalog.read_state()
                if self._catalog.count_queued() and state.index.generation != state.generation:
                    with self._lock.hold(wait=0):
                        self._follower.catch_up()
            except LibraryError:  # another process writes, and brings the index up to date; or the disk is full
                log.info("the vector index is left behind for now", exc_info=True)

    def _index(self) -> None:
        """Bring the index up to date after a change, or leave that for later where it is done in portions."""
        if not self._runs or self._follower.is_far_behind():
            self._follower.catch_up()

    def find_unchanged(self, article: Article) -> Stored | None:
        """What the library already holds of `article`, so that it need not be split and embedded again.

        Raises EmbeddingMismatch, so that a wrong model is noticed by an ingest that has nothing to do, too.
        """
        self.check_embedding_model()
        return self._catalog.find_unchanged(article)

    def replace(
        self,
        article: Article,
        passages: Sequence[Passage],
        reading: Reading = Reading(),  # noqa: B008 - frozen
        made: Made | None = None,
    ) -> Stored:
        """Embed, commit, index: from the commit on every reader finds the new article and none of the old one.

        Only passages whose words are new are embedded, and not those that `made` has vectors of; `reading` tells how
        the source stood when it was read. Raises LibraryLocked, LibraryUnwritable, EmbeddingMismatch.
        """
        self._refuse_reading_only()
        unchanged = self._catalog.find_unchanged(article)
        if unchanged is not None:
            self.note_source(unchanged.article.id, article.source, reading)
            return unchanged
        embedding, embedded = self._embed(passages, made)  # before the lock: the slow part
        with self._lock.hold():
            stored = self._catalog.store(article, embedded, embedding, reading)
            self._index()
        return stored

    def note_source(self, article_id: str, source: str, reading: Reading) -> None:
        """Remember that `source` was read and gave this article. Raises ArticleUnknown."""
        self._refuse_reading_only()
        with self._lock.hold():
            self._catalog.note_source(article_id, source, reading)

    def forget_source(self, source: str) -> str:
        """Forget a file or an address; the id of the article that went with it, its last source, or ""."""
        self._refuse_reading_only()
        with self._lock.hold():
            orphan = self._catalog.forget_source(source)
            if orphan:
                self._index()
        return orphan

    def remove(self, article_id: str) -> None:
        """Raises ArticleUnknown, which names the nearest ids."""
        self._refuse_reading_only()
        with self._lock.hold():
            self._catalog.remove(article_id)
            self._index()

    def store_copy(self, copy: ArticleCopy, embedding: Embedding | None) -> Stored:
        """Store an article of another library as `replace` would, with its vectors when `embedding` made those here.

        Vectors of another model, or made in another way, are never mixed with these: its passages are embedded again.
        Raises LibraryLocked, LibraryUnwritable, EmbeddingMismatch.
        """
        self._refuse_reading_only()
        if embedding is None or not self._shares_vectors(embedding):
            embedding, passages = self._embed([stored.passage for stored in copy.passages])
            copy = dataclass_replace(copy, passages=passages)
        with self._lock.hold():
            stored = self._catalog.store_copy(copy, embedding)
            self._index()
        return stored

    def reembed(self, progress: Callable[[int, int], None] | None = None) -> int:
        """Embed every passage with the current model and make a new index; the number of passages.

        Readers keep the old vectors until the one transaction that exchanges them all.
        """
        self._refuse_reading_only()
        with self._lock.hold():
            embedder = self._embedder.load("")
            listed = self._catalog.list_passages()
            vectors = []
            made = embedder.embed_passages([passage for _, passage in listed])
            for (passage_id, _), vector in zip(listed, made, strict=True):
                vectors.append((passage_id, (vector.passage, vector.units, vector.words)))
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

    @property
    def embedding(self) -> Embedding | None:
        """The model that made the vectors; None while there are none."""
        return self._catalog.read_state().embedding

    def copy_article(self, article_id: str) -> ArticleCopy:
        """All that the library holds of an article. Raises ArticleUnknown, LibraryDamaged."""
        return self._catalog.copy_article(article_id)

    def find_source(self, source: str) -> KnownSource | None:
        """What is known of a file or an address that an article was read from."""
        return self._catalog.find_source(source)

    def list_sources(self, beginning: str = "") -> list[str]:
        """Every file and address that an article was read from, of those that begin so."""
        return self._catalog.list_sources(beginning)

    def sources_of(self, article_id: str) -> list[str]:
        """Every file and address that an article was read from, the one it is named by first."""
        return self._catalog.list_sources_of(article_id)

    def list_known(self) -> Known:
        """The texts and vectors that need not be made again."""
        return Known(*self._catalog.list_known(), _name_method(self.embedding))

    def articles(self) -> list[ArticleSummary]:
        return self._catalog.list_articles()

    def article(self, article_id: str) -> Article:
        """Raises ArticleUnknown, which names the nearest ids."""
        return self._catalog.find_article(article_id)

    def refuse_unknown(self, article_ids: Sequence[str]) -> None:
        """Raise ArticleUnknown, which names the nearest ids, unless there is an article with each of these ids."""
        self._catalog.refuse_unknown(article_ids)

    def count_passages(self) -> int:
        return self._catalog.count_passages()

    def headings(self) -> list[HeadingPath]:
        return self._catalog.list_headings()

    def passages(self, ids: Sequence[str]) -> dict[str, StoredPassage]:
        """The passages that still exist, in the order asked for."""
        return self._catalog.find_passages(ids)

    def embed_question(self, text: str) -> QuestionVectors:
        """Loads the embedding model when it is first needed. Raises EmbeddingMismatch, EmbeddingModelUnknown."""
        return self._matching_embedder().embed_question(text)

    def embed_words(self, words: Sequence[str]) -> Vector:
        """The unit vector of each word by itself, (words, dimension). Raises as `embed_question` does."""
        return self._matching_embedder().embed_words(words)

    def knows_word(self, word: str) -> bool:
        """Whether the embedding model holds the word whole, as it does those that English texts use often."""
        return self._matching_embedder().knows_word(word)

    def search_vectors(self, query_vector: Vector, limit: int, articles: Sequence[str] = ()) -> list[tuple[str, float]]:
        """Passage ids with their cosine similarity, best first; only passages that the catalog holds.

        Of these articles, of all for (). Of articles by their own vectors, exactly: an index of all finds few of them.
        """
        if limit < 1:
            return []
        if articles:
            return self._follower.find_nearest_among(articles, query_vector, limit)
        found = self._follower.find_nearest(query_vector, limit)
        known = self._catalog.keep_known([passage_id for passage_id, _ in found])
        return [(passage_id, similarity) for passage_id, similarity in found if passage_id in known]

    def search_text(self, question: str, limit: int, articles: Sequence[str] = ()) -> list[tuple[str, float]]:
        """Passage ids with their BM25 score, best first; higher is better. Any string is a safe question.

        Of these articles, of all for (); a score is the same either way.
        """
        with self._noticing_damage():
            return self._catalog.rank_by_words(question, limit, articles)

    def document_frequencies(self, terms: Sequence[str]) -> dict[str, int]:
        """In how many passages each term (of ingest/terms.py) stands, 0 for one in none."""
        with self._noticing_damage():
            return self._catalog.count_documents(terms)

    # -- what readers thought -----------------------------------------------------------------------------------------

    def keep_feedback(self, feedback: Feedback) -> None:
        """Keep a rating of an answer, also in a library opened for reading. Raises LibraryLocked, LibraryUnwritable."""
        self._catalog.keep_feedback(feedback)

    def feedback(self) -> list[Feedback]:
        """Every rating, oldest first."""
        return self._catalog.list_feedback()

    def list_terms(self, beginning: str, shortest: int, longest: int) -> dict[str, int]:
        """The terms that begin so and have that many characters, each with the passages that it stands in."""
        return self._catalog.list_terms(beginning, shortest, longest)

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
        embedder = self._embedder.load(_name_method(state.embedding))
        if state.embedding is not None:
            refuse_other_fingerprint(state.embedding, self._embedding_of(embedder))
        return embedder

    def _shares_vectors(self, embedding: Embedding) -> bool:
        """Whether its vectors may stand beside those here; where there are none yet, by the name that is set."""
        here = self.embedding
        if here is None:
            return embedding.model == self._settings.embedding_model
        return dict(here.fingerprint) == dict(embedding.fingerprint)

    def _embedding_of(self, embedder: Embedder) -> Embedding:
        return describe_embedding(self._settings, embedder)

    def _embed(self, passages: Sequence[Passage], made: Made | None = None) -> tuple[Embedding, list[StoredPassage]]:
        """The passages with their vectors: those made before, those made elsewhere, and the rest made now."""
        keys = [vector_key(passage) for passage in passages]
        vectors = {**(made.vectors if made else {}), **self._catalog.find_vectors(keys)}
        new = {key: passage for key, passage in zip(keys, passages, strict=True) if key not in vectors}
        embedding = made.embedding if made else None
        if new or embedding is None:
            embedder = self._matching_embedder()
            embedding = self._embedding_of(embedder)
            vectors |= self._make(new, embedder, embedding)
        return embedding, [StoredPassage(passage, *vectors[key]) for key, passage in zip(keys, passages, strict=True)]

    def _make(self, passages: Mapping[str, Passage], embedder: Embedder, embedding: Embedding) -> dict[str, Vectors]:
        """The vectors of passages; of many of them some at a time, which an interruption does not cost."""
        vectors: dict[str, Vectors] = {}
        rest = list(passages)
        while rest:
            portion, rest = rest[:KEPT_AT_ONCE], rest[KEPT_AT_ONCE:]
            made = make_vectors(embedder, {key: passages[key] for key in portion})
            if rest:
                self._catalog.keep_made(made, embedding)
            vectors |= made
        return vectors

    # -- health -------------------------------------------------------------------------------------------------------

    def check(self) -> list[str]:
        """One line for each thing that is wrong, of everything that can be; none when all is well."""
        return check_library(self._settings)

    def repair(self) -> list[str]:
        """Mend what can be mended, without embedding anything; a line for each thing that was lost.

        For a library that cannot be opened: `ingest.doctor.repair_library`.
        """
        self._refuse_reading_only()
        return repair_library(self._settings, self._lock)

    def heal_in_background(self, pause: float = HEALER_PAUSE) -> None:
        """From now on, until it is closed, this library mends indexes that are missing, broken or behind by itself.

        For a process that lives long, reading only or not. Meanwhile exact search and BM25 answer.
        """
        if self._healer is None:
            self._healer = Healer(self._catalog, self._follower, self._heal, pause)

    @contextmanager
    def _noticing_damage(self) -> Iterator[None]:
        try:
            yield
        except LibraryDamaged:
            if self._healer is not None:
                self._healer.look_closely()
            raise

    def _heal(self) -> bool:
        """With a catalog and an index of its own, since this library may be for reading only."""
        catalog = Catalog.open(self._settings.home)
        follower = IndexFollower(catalog, self._place, tell=log.debug)  # the library's own tells already
        try:
            return finish_work(catalog, follower, self._lock)
        finally:
            follower.close()
            catalog.close()

    def _refuse_reading_only(self) -> None:
        if self._catalog.read_only:
            raise LibraryUnwritable(f"{self._settings.home}: this library was opened for reading only.")


def describe_embedding(settings: IngestSettings, embedder: Embedder) -> Embedding:
    """What the library remembers of the model that made its vectors."""
    return Embedding(settings.embedding_model, asdict(embedder.fingerprint))


def _name_method(embedding: Embedding | None) -> str:
    """How vectors were made; "" for none."""
    return str(embedding.fingerprint.get("method", "")) if embedding else ""


def make_vectors(embedder: Embedder, passages: Mapping[str, Passage]) -> dict[str, Vectors]:
    """The vectors of passages by their vector key."""
    made = zip(passages, embedder.embed_passages(list(passages.values())), strict=True)
    return {key: (vectors.passage, vectors.units, vectors.words) for key, vectors in made}


class LazyEmbedder:
    """Embedders, each loaded once, when vectors are first needed that its method makes."""

    def __init__(self, source: Callable[[str], Embedder] | Embedder) -> None:
        self._source = source
        self._loaded: dict[str, Embedder] = {}
        self._guard = threading.Lock()

    def load(self, method: str) -> Embedder:
        """The embedder for vectors of this method (of `Fingerprint`); "" is for new ones."""
        with self._guard:
            if method not in self._loaded:
                embedder = self._source(method) if callable(self._source) else self._source
                self._loaded[method] = self._loaded.setdefault(embedder.fingerprint.method, embedder)
            return self._loaded[method]
