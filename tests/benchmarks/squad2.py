"""SQuAD 2.0 dev: is the answer in the sentences that are cited first, and are questions without an answer told apart?

Every paragraph of all 35 articles is in one library; questions of `split.json`'s report titles are asked of it, or of
its tuning titles with --tune. A cited sentence holds the answer when one of the gold answers stands in it, both
normalised as SQuAD's own evaluation does (case, punctuation and articles left out). The gate is kept open for that, and
measured by itself: the area under the ROC curve of its confidence, and how it decides.
"""

from __future__ import annotations

import json
import re
import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from assistant.cite import cite
from assistant.focus import focus_passages
from assistant.gate import judge
from assistant.question import read_question
from assistant.quote import ExtractiveWriter
from assistant.retrieve import find_passages, weigh_terms
from assistant.score import score_units
from assistant.settings import Settings
from assistant.spell import correct_spelling
from ingest.article import Article
from ingest.library import Library
from ingest.split_sentences import split_sentences
from tests.benchmarks.library import embed_plainly, open_library
from tests.benchmarks.result import Result, find_data
from tests.benchmarks.statistics import area_under_curve, bootstrap, summarize

ARTICLE_WORDS = re.compile(r"\b(?:a|an|the)\b")
PUNCTUATION = str.maketrans("", "", string.punctuation)


@dataclass(frozen=True)
class Asked:
    title: str
    text: str
    answers: tuple[str, ...]  # none when the articles do not say


@dataclass(frozen=True)
class Outcome:
    quotes: tuple[str, ...]  # cited, in the order of the reply
    confidence: float  # of the gate, 0 to 1
    answerable: bool  # as the gate decides


def run(home: Path, *, tune: bool = False) -> Result:
    questions = read_questions("tune" if tune else "report")
    with open_library(read_articles(), home) as (library, settings):
        outcomes = [ask(question.text, library, settings) for question in questions]
    ours = _score_quotes(questions, [outcome.quotes for outcome in outcomes]) | _score_gate(questions, outcomes)
    titles = "tuning" if tune else "report"
    note = f"gold answer in the first and first three cited sentences; the gate; {titles} titles of SQuAD 2.0 dev"
    return Result("squad2", note, ours, _score_baseline(questions, home), PUBLISHED)


PUBLISHED = [
    {
        "name": "a quick trial of ours, hybrid search and lexical scores",
        "first": 0.753,
        "first_three": 0.888,
        "auc": 0.667,
    }
]


def read_articles() -> list[Article]:
    """The articles, a line for each paragraph."""
    return [
        Article(
            id=entry["title"].lower(),
            source=f"squad2:{entry['title']}",
            title=entry["title"].replace("_", " "),
            text="\n\n".join(paragraph["context"].replace("\n", " ") for paragraph in entry["paragraphs"]),
        )
        for entry in _read_data()
    ]


def read_questions(split: str) -> list[Asked]:
    """The questions of the titles of one split, "tune" or "report"."""
    titles = set(json.loads((find_data("squad2") / "split.json").read_text())[split])
    return [
        Asked(entry["title"], asked["question"], tuple(dict.fromkeys(answer["text"] for answer in asked["answers"])))
        for entry in _read_data()
        if entry["title"] in titles
        for paragraph in entry["paragraphs"]
        for asked in paragraph["qas"]
    ]


def _read_data() -> list[dict[str, Any]]:
    data: list[dict[str, Any]] = json.loads((find_data("squad2") / "dev-v2.0.json").read_text())["data"]
    return data


def ask(text: str, library: Library, settings: Settings) -> Outcome:
    """The steps of `assistant.answer.answer` with the gate left open."""
    query = read_question(correct_spelling(text, library), lambda terms: weigh_terms(terms, library))
    scored = score_units(query, find_passages(query, library, settings))
    judgement = judge(query, scored, library.embed_words)
    passages = focus_passages(scored)
    proof = cite(ExtractiveWriter().write(query, passages), passages, library.article)
    quotes = tuple(citation.quote for citation in proof.citations)
    return Outcome(quotes, judgement.confidence, judgement.answerable)


def _score_quotes(questions: Sequence[Asked], quotes: Sequence[Sequence[str]]) -> dict[str, Any]:
    places = [
        _find_answer(question.answers, found)
        for question, found in zip(questions, quotes, strict=True)
        if question.answers
    ]
    return summarize({"first": [place < 1 for place in places], "first_three": [place < 3 for place in places]})


def _find_answer(answers: Sequence[str], quotes: Sequence[str]) -> int:
    """The place, from 0, of the first quote that holds an answer; beyond all of them when none does."""
    wanted = [normalize(answer) for answer in answers]
    holding = (place for place, quote in enumerate(quotes) if any(answer in normalize(quote) for answer in wanted))
    return next(holding, 1_000)


def normalize(text: str) -> str:
    """`text` as SQuAD's evaluation compares it, with a blank around."""
    bare = ARTICLE_WORDS.sub(" ", text.lower().translate(PUNCTUATION))
    return f" {' '.join(bare.split())} "


def _score_gate(questions: Sequence[Asked], outcomes: Sequence[Outcome]) -> dict[str, Any]:
    told = np.array([bool(question.answers) for question in questions])
    confidence = np.array([outcome.confidence for outcome in outcomes])
    refused = np.array([not outcome.answerable for outcome in outcomes])
    pairs = np.stack([told, confidence], axis=1)
    # With a threshold that would be set on these very questions: how good the score is, whatever the threshold.
    at_tenth = float(np.mean(confidence[~told] < np.quantile(confidence[told], 0.1)))
    return {
        "auc": round(area_under_curve(confidence[told].tolist(), confidence[~told].tolist()), 4),
        "auc_interval": bootstrap(pairs, _area_of_pairs),
        "wrong_refusals": round(float(refused[told].mean()), 4),
        "right_refusals": round(float(refused[~told].mean()), 4),
        "right_refusals_at_10%_wrong": round(at_tenth, 4),
    }


def _area_of_pairs(pairs: Any) -> float:
    told = pairs[:, 0] > 0
    return area_under_curve(pairs[told, 1].tolist(), pairs[~told, 1].tolist())


def _score_baseline(questions: Sequence[Asked], home: Path) -> dict[str, Any]:
    """The model alone: each sentence embedded by itself, ranked by its cosine to the question's vector."""
    sentences = list(_list_sentences())
    vectors = embed_plainly(sentences, home)
    asked = embed_plainly([question.text for question in questions], home)
    nearest = [np.argsort(-(vectors @ vector))[:3] for vector in asked]
    best = [float((vectors @ vector).max()) for vector in asked]
    scores = _score_quotes(questions, [[sentences[index] for index in found] for found in nearest])
    told = np.array([bool(question.answers) for question in questions])
    return scores | {"auc": round(area_under_curve(np.array(best)[told].tolist(), np.array(best)[~told].tolist()), 4)}


def _list_sentences() -> Iterator[str]:
    for article in read_articles():
        for paragraph in article.text.split("\n\n"):
            yield from (paragraph[start:end] for start, end in split_sentences(paragraph))
