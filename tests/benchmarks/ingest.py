"""Ingest of the 54 pages, source to searchable, beside LangChain's quick start with the same weights, in one process.

The quick start is the one of LangChain's documentation: the page's text by BeautifulSoup,
RecursiveCharacterTextSplitter 1000/200, HuggingFaceEmbeddings, Chroma on disk. Both models are loaded before the clock
starts.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from ingest.embed import load_embedder, locate_model
from ingest.library import Library
from ingest.pipeline import add_articles
from ingest.settings import IngestSettings
from tests.benchmarks.result import Result, list_bls_pages

ROUNDS = 2  # each, in turn; the faster one counts


def run(home: Path) -> Result:
    pages = list_bls_pages()
    settings = IngestSettings(_env_file=None)  # type: ignore[call-arg]
    embedder = load_embedder(settings)
    quick_start = QuickStart(locate_model(settings.embedding_model))
    ours, theirs = [], []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory(dir=home) as library:
            ours.append(ingest(pages, settings.model_copy(update={"home": Path(library)}), embedder))
        with tempfile.TemporaryDirectory(dir=home) as folder:
            theirs.append(quick_start.ingest(pages, folder))
    fastest, baseline = min(ours, key=_seconds), min(theirs, key=_seconds)
    fastest["times_as_fast"] = round(baseline["seconds"] / fastest["seconds"], 2)
    return Result("ingest", f"{len(pages)} pages, source to searchable, best of {ROUNDS}", fastest, baseline)


def _seconds(row: dict[str, Any]) -> float:
    return float(row["seconds"])


def ingest(pages: list[Path], settings: IngestSettings, embedder: Any) -> dict[str, Any]:
    started = time.perf_counter()
    with Library.open(settings, embedder) as library:
        outcomes = list(add_articles([str(page) for page in pages], library, settings))
        library.search_vectors(embedder.embed_question("What do they do?").text, 5)
        seconds = time.perf_counter() - started
        added = sum(outcome.status == "added" for outcome in outcomes)
        return {"seconds": round(seconds, 2), "articles": added, "passages": library.count_passages()}


class QuickStart:
    """What a reader of LangChain's tutorial builds in ten lines."""

    def __init__(self, model: str) -> None:
        from langchain_huggingface import HuggingFaceEmbeddings

        self._embeddings = HuggingFaceEmbeddings(model_name=model, model_kwargs={"device": "cpu"})
        self._embeddings.embed_query("warm")

    def ingest(self, pages: list[Path], folder: str) -> dict[str, Any]:
        from bs4 import BeautifulSoup
        from langchain_chroma import Chroma
        from langchain_core.documents import Document
        from langchain_text_splitters import RecursiveCharacterTextSplitter

        started = time.perf_counter()
        documents = [
            Document(BeautifulSoup(page.read_bytes(), "lxml").get_text(), metadata={"source": str(page)})
            for page in pages
        ]
        chunks = RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=200).split_documents(documents)
        store = Chroma.from_documents(chunks, self._embeddings, persist_directory=folder)
        store.similarity_search("What do they do?", k=5)
        return {
            "seconds": round(time.perf_counter() - started, 2), "articles": len(documents), "passages": len(chunks),
        }  # fmt: skip
