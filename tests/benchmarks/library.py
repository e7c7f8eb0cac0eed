"""Libraries made by the product's own steps from articles that are at hand as text, and plain vectors to compare."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import ingest
from assistant.settings import Settings
from ingest.article import Article
from ingest.embed import Embedder, load_embedder, locate_model
from ingest.library import Library
from ingest.split import split_article


@contextmanager
def open_library(articles: Iterable[Article], home: Path, **settings: Any) -> Iterator[tuple[Library, Settings]]:
    """A library of these articles under `home`; one kept there by the same code and runtime is used again."""
    chosen = make_settings(home=home / f"{digest_code()}-{make_settings().embedding_runtime}", **settings)
    with Library.open(chosen, load_shared_embedder()) as library:
        for article in articles:
            if library.find_unchanged(article) is None:
                library.replace(article, split_article(article, chosen))
        yield library, chosen


@cache
def load_shared_embedder() -> Embedder:
    """The embedder of default settings, loaded once a process."""
    return load_embedder(make_settings())


def make_settings(**settings: Any) -> Settings:
    """Default settings, whatever `.env` says."""
    return Settings(_env_file=None, **settings)  # type: ignore[call-arg]


def digest_code() -> str:
    """Changes with any file of ingest/, since what a library holds depends on it."""
    files = sorted(Path(ingest.__file__).parent.glob("*.py"))
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()[:12]


def embed_plainly(texts: Sequence[str], home: Path) -> NDArray[np.float32]:
    """Unit vectors (texts, dimension) by sentence-transformers alone, with the packaged weights; kept under `home`."""
    digest = hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]
    kept = home / f"plain-{digest}.npy"
    if not kept.exists():
        from sentence_transformers import SentenceTransformer

        model = SentenceTransformer(locate_model("all-MiniLM-L6-v2"), device="cpu")
        vectors = model.encode(list(texts), batch_size=32, normalize_embeddings=True, show_progress_bar=False)
        home.mkdir(parents=True, exist_ok=True)
        np.save(kept, np.asarray(vectors, dtype=np.float32))
    loaded: NDArray[np.float32] = np.load(kept)
    return loaded
