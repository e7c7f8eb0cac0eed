"""One question, warm, with the 54 pages in the library: milliseconds from question to proved reply."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np

from assistant.answer import AnswerChain
from assistant.settings import Settings
from ingest.embed import load_embedder
from ingest.library import Library
from ingest.pipeline import add_articles
from tests.benchmarks.result import Result, list_bls_pages

ASKED = (
    "How much do {} earn?",
    "What do {} do?",
    "What education do {} need?",
    "How fast will the number of {} grow?",
    "Which qualities are important for {}?",
    "How many vacation days do {} get?",
)


def run(home: Path) -> Result:
    pages = list_bls_pages()
    with tempfile.TemporaryDirectory(dir=home) as folder:
        settings = Settings(_env_file=None, home=Path(folder))  # type: ignore[call-arg]
        with Library.open(settings, load_embedder(settings)) as library:
            list(add_articles([str(page) for page in pages], library, settings))
            chain = AnswerChain(library, settings)
            titles = [article.title.lower() for article in library.articles()]
            questions = [form.format(title) for title in titles for form in ASKED]
            for question in questions[:10]:
                chain.invoke(question)
            times = np.array([_time(chain, question) for question in questions])
            ours = {
                "p50_ms": round(float(np.percentile(times, 50)), 1),
                "p95_ms": round(float(np.percentile(times, 95)), 1),
                "questions": len(questions),
                "passages": library.count_passages(),
            }
    return Result("questions", f"one question, warm, {len(pages)} pages in the library, milliseconds", ours)


def _time(chain: AnswerChain, question: str) -> float:
    started = time.perf_counter()
    chain.invoke(question)
    return 1000 * (time.perf_counter() - started)
