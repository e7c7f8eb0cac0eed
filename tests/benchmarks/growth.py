"""How the cost of a question, of building and of keeping a library grows with its number of passages.

Up to some 11,000 passages are those of the other benchmarks, as they were embedded. A larger library has further copies
of them: a third of the words exchanged for others of the same length, drawn as often as the articles use them, and
every vector moved by noise half as long as itself, which leaves a cosine of about .89 to where it was. All are stored
by the product's own write path, `Library.store_copy`, as `career import` does.

Beside each stands the floor: all vectors in memory, compared by NumPy.
"""

from __future__ import annotations

import json
import random
import re
import shutil
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from itertools import count, cycle
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from assistant.answer import AnswerChain
from ingest.catalog import ArticleCopy, Catalog
from ingest.embed import load_embedder
from ingest.library import Library, StoredPassage
from ingest.pipeline import add_articles
from ingest.terms import STOP_WORDS
from tests.benchmarks import chunking, feedbackqa, squad2
from tests.benchmarks.library import digest_code, make_settings, open_library
from tests.benchmarks.processes import read_peak_memory
from tests.benchmarks.result import Result, list_bls_pages
from tests.chroma_server import run_server

SIZES = (1_000, 10_000, 100_000)
LARGEST = 1_000_000
DEPTH = 20  # of recall
NOISE = 0.5  # length of what is added to a unit vector
EXCHANGED = 1 / 3  # of the words
WARMING = 10  # questions that are not counted
# A whole word in small letters: what takes its place has as many, so that spans, units and the number of words stay.
WORD = re.compile(r"(?<![\w'’])[a-z]{4,}(?![\w'’+#])")

Returned = TypeVar("Returned")


def run(home: Path, *, largest: bool = False, server: bool = False) -> Result:
    source = _make_source(home)
    questions = _read_questions()
    sizes = [*SIZES, LARGEST] if largest else SIZES
    with _serve(home / "server") if server else nullcontext("") as address:
        rows = [_measure(size, source, home, address, questions) for size in sizes]
    smallest, hundred = rows[0][0], rows[len(SIZES) - 1][0]
    ours = hundred | {"times_smallest": round(hundred["question_p50_ms"] / smallest["question_p50_ms"], 2)}
    note = f"libraries of {', '.join(f'{size:,}' for size in sizes)} passages; floor: exact search by NumPy"
    others = [row for pair in rows for row in pair if row is not hundred]
    return Result("growth", f"{note}{'; index on a Chroma server' if server else ''}", ours, others=others)


@contextmanager
def _serve(folder: Path) -> Iterator[str]:
    with run_server(folder) as chroma:
        yield chroma.url


def _make_source(home: Path) -> Path:
    """The folder of a library of all articles of the benchmarks and the pages."""
    articles = [*squad2.read_articles(), *feedbackqa.read_pages().articles, *chunking.read_articles()]
    with open_library(articles, home / "source") as (library, settings):
        list(add_articles([str(page) for page in list_bls_pages()], library, settings))
        return settings.home


def _read_questions() -> list[str]:
    asked = [question.text for question in squad2.read_questions("tune")]
    return asked[:: len(asked) // 150] + [query["text"] for query in feedbackqa.read_queries("valid")[:150]]


def _measure(
    size: int, source: Path, home: Path, url: str, questions: Sequence[str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """A row for the library and one for the floor, each measured in processes of its own, for their memory's sake."""
    place = home / f"{digest_code()}-{size}{'-server' if url else ''}"
    kept = place / "built.json"  # what building it cost, beside what was built: written last, so all of it is there
    if not kept.exists():
        shutil.rmtree(place, ignore_errors=True)
        kept.write_text(json.dumps(_apart(build, source, place, size, url)), encoding="utf-8")
    built = json.loads(kept.read_text(encoding="utf-8"))
    asked, vectors, found = _apart(ask, place, url, questions)
    floor, exact = _apart(search_exactly, place, vectors)
    recall = np.mean([len(set(near) & set(nearest)) / len(nearest) for near, nearest in zip(found, exact, strict=True)])
    row = {"name": f"{size:,} passages"} | asked | {"recall_at_20": round(float(recall), 4)} | built
    print(f"{size:,} passages: done", file=sys.stderr)
    return row, {"name": f"{size:,}, floor"} | floor


def _apart(function: Callable[..., Returned], *arguments: Any) -> Returned:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


# -- building ----------------------------------------------------------------------------------------------------------


def build(source: Path, place: Path, size: int, url: str) -> dict[str, Any]:
    """A library of `size` passages: seconds to build it (index in portions meanwhile), bytes on disk, memory."""
    settings = make_settings(home=place, chroma_url=url)
    with Library.open(make_settings(home=source), refuse_to_embed, read_only=True) as library:
        embedding, copies = library.embedding, grow_articles(library, size)
        with Library.open(settings, refuse_to_embed) as grown:
            started = time.perf_counter()
            making = 0.0
            with grown.index_in_portions():
                for copy, seconds in _time_each(copies):
                    grown.store_copy(copy, embedding)
                    making += seconds
            ended = time.perf_counter()
    catalog = Catalog.open(place, read_only=True)
    aside = catalog.count_queued()
    catalog.close()
    return {
        "build_s": round(ended - started - making, 1),
        "not_found_by_the_index": aside,  # and so compared exactly
        "catalog_mb": round((place / Catalog.FILE_NAME).stat().st_size / 1e6),
        "index_mb": round(sum(file.stat().st_size for file in (place / "chroma").rglob("*") if file.is_file()) / 1e6),
        "build_memory_mb": read_peak_memory(),
    }


def refuse_to_embed(_method: str) -> Any:
    raise AssertionError("the vectors are made from others")


def _time_each(copies: Iterator[ArticleCopy]) -> Iterator[tuple[ArticleCopy, float]]:
    """Each copy with the seconds that it took to make, which are no part of building."""
    while True:
        started = time.perf_counter()
        made = next(copies, None)
        if made is None:
            return
        yield made, time.perf_counter() - started


def grow_articles(library: Library, size: int) -> Iterator[ArticleCopy]:
    """Articles of `size` passages in all, the same on every run: the library's own, then changed copies of them."""
    ids = [article.id for article in library.articles()]
    random.Random(0).shuffle(ids)
    words = WordExchange(library.article(article_id).text for article_id in ids)
    noise = np.random.default_rng(0)
    left = size
    for turn in count():
        for article_id in ids:
            original = library.copy_article(article_id)
            copy = _change(original, turn, words, noise) if turn else original
            yield replace(copy, passages=copy.passages[:left])
            left -= len(copy.passages)
            if left <= 0:
                return


def _change(copy: ArticleCopy, turn: int, words: WordExchange, noise: np.random.Generator) -> ArticleCopy:
    article = copy.article
    text = words.exchange(article.text)
    changed = replace(article, id=f"{article.id}-copy-{turn}", source=f"{article.source}#{turn}", url="", text=text)
    passages = [_move(stored, changed.id, text, noise) for stored in copy.passages]
    return ArticleCopy(changed, copy.added_at, {}, passages)


def _move(stored: StoredPassage, article_id: str, text: str, noise: np.random.Generator) -> StoredPassage:
    passage = replace(stored.passage, article_id=article_id, text=text[stored.passage.start : stored.passage.end])
    step = noise.standard_normal(stored.vector.size).astype(np.float32)
    step *= NOISE / np.linalg.norm(step)
    return replace(
        stored,
        passage=passage,
        vector=_to_unit_length(stored.vector + step),
        unit_vectors=_to_unit_length(stored.unit_vectors + step),
    )


def _to_unit_length(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), dtype=np.float32)


class WordExchange:
    """Puts words of the same length, drawn as often as the texts use them, in the place of others."""

    def __init__(self, texts: Iterator[str]) -> None:
        used = Counter(word for text in texts for word in WORD.findall(text) if word not in STOP_WORDS)
        by_length: dict[int, list[str]] = defaultdict(list)
        for word in used:
            by_length[len(word)].append(word)
        self._chance = random.Random(0)
        self._drawn = {
            length: cycle(self._chance.choices(words, [used[word] for word in words], k=100_003))
            for length, words in by_length.items()
        }

    def exchange(self, text: str) -> str:
        return WORD.sub(lambda found: self._draw(found.group()), text)

    def _draw(self, word: str) -> str:
        if word in STOP_WORDS or self._chance.random() > EXCHANGED:
            return word
        return next(self._drawn[len(word)])


# -- asking ------------------------------------------------------------------------------------------------------------


def ask(
    place: Path, url: str, questions: Sequence[str]
) -> tuple[dict[str, Any], list[NDArray[np.float32]], list[list[str]]]:
    """Milliseconds of whole questions and of each search, memory; the questions' vectors and what is nearest to each"""
    settings = make_settings(home=place, chroma_url=url)
    embedder = load_embedder(settings)
    started = time.perf_counter()
    with Library.open(settings, embedder, read_only=True) as library:
        chain = AnswerChain(library, settings)
        chain.invoke(questions[0])
        row = {"open_s": round(time.perf_counter() - started, 2)}
        for question in questions[1:WARMING]:
            chain.invoke(question)
        row |= _percentiles("question", [_time(chain.invoke, question) for question in questions[WARMING:]])
        vectors = [embedder.embed_question(question).text for question in questions]
        row |= _percentiles("vectors", [_time(library.search_vectors, vector, 50) for vector in vectors])
        row |= _percentiles("bm25", [_time(library.search_text, question, 200) for question in questions])
        found = [[passage_id for passage_id, _ in library.search_vectors(vector, DEPTH)] for vector in vectors]
    return row | {"memory_mb": read_peak_memory()}, vectors, found


def search_exactly(place: Path, asked: Sequence[NDArray[np.float32]]) -> tuple[dict[str, Any], list[list[str]]]:
    """All vectors in memory, compared by NumPy."""
    catalog = Catalog.open(place, read_only=True)
    ids, vectors = catalog.read_vectors()
    catalog.close()
    times, found = [], []
    for vector in asked:
        started = time.perf_counter()
        similarities = vectors @ vector
        near = np.argpartition(-similarities, DEPTH)[:DEPTH]
        near = near[np.argsort(-similarities[near])]
        times.append(1000 * (time.perf_counter() - started))
        found.append([ids[place] for place in near])
    return _percentiles("vectors", times) | {"memory_mb": read_peak_memory()}, found


def _time(call: Callable[..., Any], *arguments: Any) -> float:
    started = time.perf_counter()
    call(*arguments)
    return 1000 * (time.perf_counter() - started)


def _percentiles(name: str, times: Sequence[float]) -> dict[str, float]:
    return {f"{name}_p{part}_ms": round(float(np.percentile(times, part)), 1) for part in (50, 95)}
