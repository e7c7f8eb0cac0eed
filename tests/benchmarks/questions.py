"""One question, warm: milliseconds from question to proved reply, and the memory of the process that answers.

Asked of the 54 pages, and of more than 10,000 passages: the articles of the other benchmarks and the pages together.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from assistant.answer import AnswerChain
from assistant.settings import Settings
from ingest.embed import load_embedder
from ingest.library import Library
from ingest.pipeline import add_articles
from tests.benchmarks import chunking, feedbackqa, squad2
from tests.benchmarks.library import make_settings, open_library
from tests.benchmarks.processes import read_peak_memory
from tests.benchmarks.result import Result, list_bls_pages

ASKED = (
    "How much do {} earn?",
    "What do {} do?",
    "What education do {} need?",
    "How fast will the number of {} grow?",
    "Which qualities are important for {}?",
    "How many vacation days do {} get?",
)
WARMING = 10  # questions that are not counted


def run(home: Path) -> Result:
    pages = [str(page) for page in list_bls_pages()]
    with open_library([], home / "pages") as (library, settings):
        list(add_articles(pages, library, settings))
        titles = [article.title.lower() for article in library.articles()]
    about_pages = [form.format(title) for title in titles for form in ASKED]
    ours = _measure_apart(settings.home, about_pages)
    with open_all(home) as (library, many):
        pass  # only made here: it is opened in the process that is measured
    about_all = [question.text for question in squad2.read_questions("tune")[:200]]
    about_all += [query["text"] for query in feedbackqa.read_queries("valid")[:200]] + about_pages[::3]
    others = [{"name": "all articles of the benchmarks"} | _measure_apart(many.home, about_all)]
    return Result("questions", "one question, warm, milliseconds and the process's peak memory", ours, others=others)


@contextmanager
def open_all(home: Path) -> Iterator[tuple[Library, Settings]]:
    """The library of all articles of the benchmarks and the 54 pages, 11,732 passages; kept under `home`."""
    articles = [*squad2.read_articles(), *feedbackqa.read_pages().articles, *chunking.read_articles()]
    with open_library(articles, home / "many") as (library, settings):
        list(add_articles([str(page) for page in list_bls_pages()], library, settings))
        yield library, settings


def _measure_apart(home: Path, questions: Sequence[str]) -> dict[str, Any]:
    """In a process of its own, or the memory would be that of ingest."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(measure, home, questions).result()


def measure(home: Path, questions: Sequence[str]) -> dict[str, Any]:
    settings = make_settings(home=home)
    with Library.open(settings, partial(load_embedder, settings), read_only=True) as library:
        chain = AnswerChain(library, settings)
        for question in questions[:WARMING]:
            chain.invoke(question)
        times = np.array([_time(chain, question) for question in questions[WARMING:]])
        return {
            "p50_ms": round(float(np.percentile(times, 50)), 1),
            "p95_ms": round(float(np.percentile(times, 95)), 1),
            "memory_mb": read_peak_memory(),
            "questions": len(times),
            "passages": library.count_passages(),
        }


def _time(chain: AnswerChain, question: str) -> float:
    started = time.perf_counter()
    chain.invoke(question)
    return 1000 * (time.perf_counter() - started)
