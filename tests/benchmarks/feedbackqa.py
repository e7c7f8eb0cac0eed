"""FeedbackQA: which of 2,364 sections of advice pages answers a question? The test queries; with --tune the valid ones.

Pages are articles, and a section is found under its page's title and its own headings; it ranks by its best passage.
"""

from __future__ import annotations

import csv
import json
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from assistant.question import read_question
from assistant.retrieve import find_passages, weigh_terms
from assistant.settings import Settings
from assistant.spell import correct_spelling
from ingest.article import Article
from ingest.library import Library
from ingest.markdown import Heading, Paragraph, write_markdown
from tests.benchmarks.library import embed_plainly, open_library
from tests.benchmarks.result import Result, find_data
from tests.benchmarks.statistics import ndcg, summarize

DEPTH = 10
PASSAGES = 50  # enough to come by ten sections

# Of the MTEB results repository; BM25 of its paper's authors.
PUBLISHED = [
    {"name": "all-MiniLM-L6-v2", "ndcg_at_10": 0.5823, "p_at_1": 0.4197, "recall_at_10": 0.7555},
    {"name": "BM25", "ndcg_at_10": 0.564},
    {"name": "all-mpnet-base-v2", "ndcg_at_10": 0.5941},
    {"name": "multilingual-e5-small", "ndcg_at_10": 0.6381},
    {"name": "multilingual-e5-large", "ndcg_at_10": 0.7013},
    {"name": "GritLM-7B", "ndcg_at_10": 0.7389},
]


def run(home: Path, *, tune: bool = False) -> Result:
    queries = read_queries("valid" if tune else "test")
    pages = read_pages()
    with open_library(pages.articles, home, passages_per_question=PASSAGES) as (library, settings):
        ranked = [rank_sections(query["text"], pages, library, settings) for query in queries]
    note = f"{'valid' if tune else 'test'} queries, which section answers, of {len(read_sections()):,}"
    return Result("feedbackqa", note, _score(queries, ranked), _score(queries, _rank_plainly(queries, home)), PUBLISHED)


def read_sections() -> list[dict[str, Any]]:
    lines = (find_data("feedbackqa") / "corpus.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@dataclass(frozen=True)
class Pages:
    """The pages as articles, and where in each which section stands."""

    articles: list[Article]
    sections: dict[str, list[tuple[int, str]]]  # by article: where each section begins, and its id

    def section_at(self, article_id: str, place: int) -> str:
        starts = self.sections[article_id]
        return starts[bisect_right(starts, place, key=lambda section: section[0]) - 1][1]


def read_pages() -> Pages:
    """An article a page, its sections one after another; a section without a heading is a page of its own."""
    pages: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for section in read_sections():
        own = section["_id"] if not section["section_headers"] else section["uri"] + section["page_title"]
        pages[own].append(section)
    articles, sections = [], {}
    for number, parts in enumerate(pages.values()):
        text, starts = "", []
        for part in parts:
            starts.append((len(text), part["_id"]))
            text += write_markdown(_list_blocks(part)) + "\n\n"
        identifier = f"page-{number}"
        articles.append(Article(identifier, f"feedbackqa:{number}", parts[0]["page_title"], text))
        sections[identifier] = starts
    return Pages(articles, sections)


def _list_blocks(section: dict[str, Any]) -> list[Heading | Paragraph]:
    headings = [Heading(level, text) for level, text in enumerate(section["section_headers"], start=2)]
    return [*headings, *(Paragraph(text) for text in section["text"].split("\n\n"))]


def read_queries(split: str) -> list[dict[str, Any]]:
    """Each with its "text" and "relevant", the ids of the sections that answer it."""
    folder = find_data("feedbackqa")
    relevant: dict[str, dict[str, float]] = defaultdict(dict)
    with (folder / f"qrels_{split}.tsv").open(encoding="utf-8") as stream:
        for row in csv.reader(stream, delimiter="\t"):
            if row[2].isdigit():  # not the header, which one of the two files has
                relevant[row[0]][row[1]] = float(row[2])
    lines = (folder / f"queries_{split}.jsonl").read_text(encoding="utf-8").splitlines()
    queries = [json.loads(line) for line in lines]
    return [query | {"relevant": relevant[query["_id"]]} for query in queries]


def rank_sections(text: str, pages: Pages, library: Library, settings: Settings) -> list[str]:
    query = read_question(correct_spelling(text, library), lambda terms: weigh_terms(terms, library))
    found = find_passages(query, library, settings)
    places = [(scored.passage.article_id, scored.passage.start) for scored in found]
    return list(dict.fromkeys(pages.section_at(*place) for place in places))[:DEPTH]


def _rank_plainly(queries: Sequence[dict[str, Any]], home: Path) -> list[list[str]]:
    """The model alone, as MTEB runs it: title, headers and text in one, cut off at the model's longest input."""
    sections = read_sections()
    texts = [" ".join([part["page_title"], *part["section_headers"], part["text"]]) for part in sections]
    vectors = embed_plainly(texts, home)
    asked = embed_plainly([query["text"] for query in queries], home)
    return [[sections[index]["_id"] for index in np.argsort(-(vectors @ vector))[:DEPTH]] for vector in asked]


def _score(queries: Sequence[dict[str, Any]], ranked: Sequence[Sequence[str]]) -> dict[str, Any]:
    pairs = list(zip(queries, ranked, strict=True))
    return summarize(
        {
            "ndcg_at_10": [ndcg(found, query["relevant"], DEPTH) for query, found in pairs],
            "p_at_1": [found[0] in query["relevant"] for query, found in pairs],
            "recall_at_10": [
                len(query["relevant"].keys() & set(found)) / len(query["relevant"]) for query, found in pairs
            ],
        }
    )
