"""Nearest passages by vector. The only file that names chromadb. Derived from the catalog; may be thrown away."""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import shutil
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

log = logging.getLogger(__name__)

# Recall@20 against exact search was 1.0000 for 500 questions, over the 2,525 passages of 54 pages and over their 8,299
# units; at the default of 100 it was .999 to 1. Harder data needs it: over 10,000 random vectors .93 instead of .75.
SEARCH_WIDTH = 400
# At the default of 16, 70 of 1,200 vectors, most of them duplicates, could never be found; at 48 all can.
NEIGHBOURS = 48
# At the default of 100, up to 77 of 1,805 vectors that are much alike could not be found by themselves; at 400 all can.
BUILD_WIDTH = 400
SAVED_EVERY = 1_000  # vectors: how many Chroma keeps in its database before it writes the graph's files; its default
NUMBERS_AT_ONCE = 400_000  # of vectors in one request: some 8 MB, and a Chroma server takes 40
REACHED_WITHIN = 2.0  # seconds for a server to say that it is there,
ANSWERED_WITHIN = 10.0  # and for each thing it is asked; 1,000 vectors take it less than one
COLLECTION = "passages"
DATABASE = "chroma.sqlite3"

Vector = NDArray[np.float32]
Item = TypeVar("Item")


class IndexBroken(Exception):
    """Chroma failed, or holds no such index. Never reaches a reader: the catalog can answer and rebuild."""


class IndexUnreachable(IndexBroken):
    """The server does not answer: nothing is known to be wrong with the index on it."""


@dataclass(frozen=True)
class IndexPlace:
    """Where a library's vector indexes are kept, each under its own number."""

    folder: Path  # of this library's local indexes
    url: str  # of a Chroma server; "" keeps them in `folder`
    library_id: str  # tells libraries on one server apart
    saved_every: int = SAVED_EVERY

    def folder_of(self, number: int) -> Path:
        return self.folder / str(number)

    def collection_of(self, number: int) -> str:
        return f"{self._beginning}{number}" if self.url else COLLECTION

    @property
    def _beginning(self) -> str:
        """What this library's collections on a server begin with, and no other's."""
        return f"career-{self.library_id}-"

    @contextmanager
    def hold_files(self, patience: float) -> Iterator[None]:
        """Keep other processes from the files of the indexes. Raises an OSError after `patience` seconds.

        Chroma changes them in place, even for a question: without this, readers beside an ingest that saved its graph
        every 10 vectors died of SIGSEGV (tests/faults/together.py).
        """
        if self.url:
            yield
            return
        with FileLock(self.folder.with_name("chroma.lock"), timeout=patience, poll_interval=0.002):
            yield

    @property
    def address(self) -> tuple[str, int, bool]:
        """Host, port and whether by TLS, of the server."""
        parts = urlsplit(self.url)
        secure = parts.scheme == "https"
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
        return host, parts.port or (443 if secure else 8000), secure

    def reach(self) -> None:
        """Raise IndexUnreachable unless the server answers; chromadb's own client would wait without an end."""
        with _translate_errors():
            if not self.url:
                return
            host, port, secure = self.address
            _ask_for_life(f"{'https' if secure else 'http'}://{host}:{port}")

    def seal(self, number: int) -> str:
        """A digest of the index's graph files and of what its database says; "" on a server.

        hnswlib trusts its files: halved ones answer wrongly without a word and flipped bits end the process, so they
        are not loaded unless they are as they were left. Nor does anything notice a bit flipped in the database, which
        holds the vectors that are not saved yet. Readers change the empty graph of an index too small to have been
        saved, which is not loaded, and one table of the database.
        """
        if self.url:
            return ""
        digest = hashlib.sha256()
        with _translate_errors():
            _digest_database(self.folder_of(number) / DATABASE, digest)
            saved = [pickle.parent for pickle in self.folder_of(number).glob("*/index_metadata.pickle")]
            for file in sorted(file for graph in saved for file in graph.iterdir()):
                digest.update(f"{file.name}:{file.stat().st_size}:".encode())
                with file.open("rb") as stream:
                    digest.update(hashlib.file_digest(stream, "sha256").digest())
        return digest.hexdigest()

    def is_writable(self) -> bool:
        """False where Chroma cannot open an index: it writes to it even to read."""
        return bool(self.url) or os.access(self.folder, os.W_OK)

    def remove_others(self, number: int) -> None:
        """Remove what a rebuild replaced or a killed one left behind."""
        if self.url:
            with suppress(IndexBroken), _connect(self, number) as client:
                for collection in client.list_collections():
                    if collection.name.startswith(self._beginning) and collection.name != self.collection_of(number):
                        client.delete_collection(collection.name)
                client.close()
            return
        if not self.folder.is_dir():
            return
        for leftover in self.folder.iterdir():
            if leftover.name != str(number):
                shutil.rmtree(leftover, ignore_errors=True)


class VectorIndex:
    """One open index. Sees what it wrote itself and what was there when it was opened, nothing later."""

    def __init__(self, client: Any, collection: Any) -> None:
        self._client = client
        self._collection = collection

    @classmethod
    def open(cls, place: IndexPlace, number: int) -> VectorIndex:
        """The index that is there. Raises IndexBroken; never makes one."""
        if not place.url and not (place.folder_of(number) / DATABASE).is_file():
            raise IndexBroken(f"{place.folder_of(number)}: no index there")
        with _connect(place, number) as client:
            return cls(client, client.get_collection(place.collection_of(number), embedding_function=None))

    @classmethod
    def create(cls, place: IndexPlace, number: int) -> VectorIndex:
        """A new and empty index in the place of any with that number."""
        if not place.url:
            with _translate_errors():
                shutil.rmtree(place.folder_of(number), ignore_errors=True)
                place.folder_of(number).mkdir(parents=True)
        with _connect(place, number) as client:
            name = place.collection_of(number)
            if place.url and any(collection.name == name for collection in client.list_collections()):
                client.delete_collection(name)
            graph = {
                "space": "cosine",
                "ef_search": SEARCH_WIDTH,
                "max_neighbors": NEIGHBOURS,
                "ef_construction": BUILD_WIDTH,
            }
            if place.saved_every != SAVED_EVERY:
                graph |= {"sync_threshold": place.saved_every, "batch_size": min(100, place.saved_every)}
            made = client.create_collection(name, configuration={"hnsw": graph}, embedding_function=None)
            return cls(client, made)

    def close(self) -> None:
        with _translate_errors():
            self._client.close()

    def count(self) -> int:
        with _translate_errors():
            return int(self._collection.count())

    def list_ids(self) -> set[str]:
        with _translate_errors():
            return set(self._collection.get(include=[])["ids"])

    def keep_held(self, ids: Sequence[str]) -> set[str]:
        """Those of the ids that the index holds."""
        with _translate_errors():
            return {
                passage_id
                for batch in self._batches(ids)
                for passage_id in self._collection.get(ids=batch, include=[])["ids"]
            }

    def upsert(self, vectors: Mapping[str, tuple[str, Vector]]) -> None:
        """Add or overwrite vectors: passage id -> article id, vector. Safe to repeat."""
        with _translate_errors():
            dimension = max((len(vector) for _, vector in vectors.values()), default=1)
            for ids in self._batches(list(vectors), dimension):
                self._collection.upsert(
                    ids=ids,
                    embeddings=[vectors[passage_id][1] for passage_id in ids],
                    metadatas=[{"article_id": vectors[passage_id][0]} for passage_id in ids],
                )

    def delete(self, ids: Sequence[str]) -> None:
        """Safe to repeat; unknown ids are ignored."""
        with _translate_errors():
            for batch in self._batches(ids):
                self._collection.delete(ids=batch)

    def find_nearest(self, vector: Vector, limit: int) -> list[tuple[str, float]]:
        """Passage ids with their cosine similarity, best first."""
        return self.find_nearest_each([vector], limit)[0]

    def find_nearest_each(self, vectors: Sequence[Vector], limit: int) -> list[list[tuple[str, float]]]:
        """The same for several vectors at once."""
        with _translate_errors():
            return [
                [(str(passage_id), 1.0 - float(distance)) for passage_id, distance in zip(ids, distances, strict=True)]
                for asked in self._batches(vectors, len(vectors[0]) if len(vectors) else 1)
                for found in [self._collection.query(query_embeddings=asked, n_results=limit, include=["distances"])]
                for ids, distances in zip(found["ids"], found["distances"], strict=True)
            ]

    def _batches(self, items: Sequence[Item], numbers: int = 1) -> Iterator[list[Item]]:
        """As many at a time as one request may carry, where each is `numbers` numbers long."""
        size = max(1, min(1_000, NUMBERS_AT_ONCE // numbers, int(self._client.get_max_batch_size())))
        for begin in range(0, len(items), size):
            yield list(items[begin : begin + size])


def _digest_database(file: Path, digest: hashlib._Hash) -> None:
    """Add all rows of a database to a digest, but for the table that opening it writes to."""
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        (state,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
        if state != "ok":
            raise IndexBroken(f"its database is damaged ({' '.join(state.split())})")
        tables = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name != 'acquire_write'"
            " AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY name"
        ).fetchall()
        for (name,) in tables:
            digest.update(f"{name}:".encode())
            for row in connection.execute(f'SELECT * FROM "{name}"'):  # noqa: S608 - the database's own name for it
                digest.update(repr(row).encode())


@contextmanager
def _connect(place: IndexPlace, number: int) -> Iterator[Any]:
    """A Chroma client; closed again when what follows fails."""
    with _translate_errors():
        import chromadb
        from chromadb.config import Settings

        settings = Settings(anonymized_telemetry=False)
        client: Any
        if place.url:
            place.reach()
            host, port, secure = place.address
            client = chromadb.HttpClient(host=host, port=port, ssl=secure, settings=settings)
            _limit_requests(client)
        else:
            client = chromadb.PersistentClient(path=_spell_anew(place.folder_of(number)), settings=settings)
        try:
            yield client
        except BaseException:
            client.close()
            raise


def _ask_for_life(url: str) -> None:
    import httpx

    try:
        httpx.get(f"{url}/api/v2/heartbeat", timeout=REACHED_WITHIN).raise_for_status()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise IndexUnreachable(f"{url}: no Chroma server answers there ({_describe(error)})") from error


def _limit_requests(client: Any) -> None:
    """A server that takes a question and never answers must not hold up whoever asked it for ever.

    By a private name: chromadb 1.5.9 sets no time limit, and none of its settings reaches the requests.
    """
    session = getattr(getattr(client, "_server", None), "_session", None)
    if session is None:
        log.warning("requests to the Chroma server have no time limit: this version of chromadb has none to set")
    else:
        session.timeout = ANSWERED_WITHIN


def _describe(error: BaseException) -> str:
    """In one line: what came back may be a whole page."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


def _spell_anew(folder: Path) -> str:
    """A spelling of the folder that no other client has.

    Chroma keeps one engine for each spelling of a path, and an engine never sees what another process wrote. An engine
    of our own is fresh when opened and freed when closed, and leaves the clients of others alone, which
    `SharedSystemClient.clear_system_cache()` does not.
    """
    return str(folder) + "".join("/." if bit == "1" else "/" for bit in f"{secrets.randbits(64):064b}")


@contextmanager
def _translate_errors() -> Iterator[None]:
    """Chroma raises what it likes, Rust panics among it: all of it becomes IndexBroken."""
    try:
        yield
    except IndexBroken:
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        kind = IndexUnreachable if _is_of_transport(error) else IndexBroken
        raise kind(_describe(error)) from error


def _is_of_transport(error: BaseException) -> bool:
    import httpx

    return isinstance(error, httpx.TransportError)
