"""Chroma's chunking evaluation: how much of what answers do the first five passages hold, and how much else?

472 questions over five corpora in one library, 790 reference spans; recall, precision and IoU in characters, averaged
over questions, as defined in Smith & Troynikov 2024, "Evaluating Chunking Strategies for Retrieval".
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from assistant.focus import focus_passages
from assistant.question import read_question
from assistant.retrieve import find_passages, weigh_terms
from assistant.score import score_units
from ingest.article import Article
from tests.benchmarks.library import embed_plainly, open_library
from tests.benchmarks.result import Result, find_data
from tests.benchmarks.statistics import summarize

PASSAGES = 5
# 250 tokens with 125 in common, as the technical report's best rows with this model have it.
TOKENS, OVERLAP = 250, 125

# Of the report, all-MiniLM-L6-v2, five passages.
PUBLISHED = [
    {"name": "recursive 250/125", "recall": 0.787, "precision": 0.049, "iou": 0.049},
    {"name": "token text 250/125", "recall": 0.824, "precision": 0.036, "iou": 0.035},
    {"name": "recursive 200/0", "recall": 0.757, "precision": 0.065, "iou": 0.065},
    {"name": "cluster 200/0", "recall": 0.752, "precision": 0.072, "iou": 0.072},
    {"name": "cut by GPT-4o, text-embedding-3-large", "recall": 0.919, "precision": 0.039},
]

Span: TypeAlias = "tuple[str, int, int]"  # corpus, start, end


@dataclass(frozen=True)
class Asked:
    text: str
    references: tuple[Span, ...]


def run(home: Path) -> Result:
    questions = read_questions()
    with open_library(read_articles(), home, passages_per_question=PASSAGES) as (library, settings):
        found = []
        for question in questions:
            query = read_question(question.text, lambda terms: weigh_terms(terms, library))
            read = focus_passages(score_units(query, find_passages(query, library, settings)))
            passages = [scored.passage for scored in read[:PASSAGES]]  # a comparison gets more
            found.append([(passage.article_id, passage.start, passage.end) for passage in passages])
    note = f"{len(questions)} questions, first {PASSAGES} passages over five corpora, shares of characters"
    return Result(
        "chunking", note, _score(questions, found), _score(questions, _find_plainly(questions, home)), PUBLISHED
    )


def read_articles() -> list[Article]:
    """The corpora as they are, so that reference spans hold."""
    return [
        Article(
            id=file.stem,
            source=f"chunking:{file.name}",
            title=file.stem.replace("_", " ").capitalize(),
            text=_read(file),
        )
        for file in sorted((find_data("chunking") / "corpora").glob("*.md"))
    ]


def _read(file: Path) -> str:
    with file.open(encoding="utf-8", newline="") as stream:  # line ends as they are, or spans would move
        return stream.read()


def read_questions() -> list[Asked]:
    with (find_data("chunking") / "questions_df.csv").open(encoding="utf-8", newline="") as stream:
        return [
            Asked(
                row["question"],
                tuple(
                    (row["corpus_id"], reference["start_index"], reference["end_index"])
                    for reference in json.loads(row["references"])
                ),
            )
            for row in csv.DictReader(stream)
        ]


def _find_plainly(questions: Sequence[Asked], home: Path) -> list[list[Span]]:
    """LangChain's recursive splitter at 250 tokens of the model, 125 in common, and the model alone."""
    from langchain_text_splitters import RecursiveCharacterTextSplitter
    from transformers import AutoTokenizer

    from ingest.embed import locate_model

    splitter = RecursiveCharacterTextSplitter.from_huggingface_tokenizer(
        AutoTokenizer.from_pretrained(locate_model("all-MiniLM-L6-v2")),
        chunk_size=TOKENS,
        chunk_overlap=OVERLAP,
        separators=["\n\n", "\n", ".", "?", "!", " ", ""],
    )
    spans: list[Span] = []
    texts: list[str] = []
    for article in read_articles():
        start = 0  # not the splitter's add_start_index: it takes an overlap in tokens for one in characters
        for chunk in splitter.split_text(article.text):
            start = article.text.index(chunk, start)
            spans.append((article.id, start, start + len(chunk)))
            texts.append(chunk)
            start += 1
    vectors = embed_plainly(texts, home)
    asked = embed_plainly([question.text for question in questions], home)
    return [[spans[index] for index in np.argsort(-(vectors @ vector))[:PASSAGES]] for vector in asked]


def _score(questions: Sequence[Asked], found: Sequence[Sequence[Span]]) -> dict[str, Any]:
    scores = [_measure(question.references, spans) for question, spans in zip(questions, found, strict=True)]
    return summarize({name: [score[name] for score in scores] for name in ("recall", "precision", "iou")})


def _measure(references: Sequence[Span], spans: Sequence[Span]) -> dict[str, float]:
    """Characters found of those wanted, wanted of those found, and both of either; overlapping passages count each."""
    wanted = sum(end - start for _, start, end in references)
    retrieved = sum(end - start for _, start, end in spans)
    both = len(_characters(references) & _characters(spans))
    missed = len(_characters(references)) - both
    return {"recall": both / wanted, "precision": both / retrieved, "iou": both / (retrieved + missed)}


def _characters(spans: Iterable[Span]) -> set[tuple[str, int]]:
    return {(corpus, place) for corpus, start, end in spans for place in range(start, end)}
