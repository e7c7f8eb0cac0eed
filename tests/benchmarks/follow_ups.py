"""Follow-ups: does the question as we complete it find more, and is a question that stands alone left as it is?

MTRAG-UN: 507 conversations; the passages that count for the last turn are to be found among the 1,152 that count for
any. CANARD dev: 3,430 questions about a person or thing, each with a question that somebody wrote to stand alone. Both
are split by a hash of the conversation's id: rules are made on one half (--tune), the other one is reported.

Questions are completed in four ways: by `rephrase`, not at all, with every earlier question before them, and with the
last one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from assistant.conversation import Turn
from assistant.question import read_question
from assistant.rephrase import rephrase
from assistant.retrieve import find_passages, weigh_terms
from assistant.settings import Settings
from ingest.article import Article
from ingest.library import Library
from ingest.markdown import Paragraph, write_markdown
from ingest.terms import split_terms
from tests.benchmarks.library import embed_plainly, open_library
from tests.benchmarks.result import Result, find_data
from tests.benchmarks.statistics import ndcg, summarize

DEPTH = 10
PASSAGES = 50  # enough to come by ten articles

Completing = Callable[[str, Sequence[Turn]], str]
Ranking = Callable[[str], list[str]]


@dataclass(frozen=True)
class Asked:
    """The last turn of a conversation, with the passages that count (MTRAG-UN) or somebody's rewrite (CANARD)."""

    conversation: str
    text: str
    history: tuple[Turn, ...]
    relevant: frozenset[str] = frozenset()
    rewrite: str = ""

    @property
    def is_tuning(self) -> bool:
        return int(hashlib.sha256(self.conversation.encode()).hexdigest(), 16) % 2 == 0

    @property
    def stands_alone(self) -> bool:
        return _normalize(self.text) == _normalize(self.rewrite)


def run(home: Path, *, tune: bool = False) -> Result:
    tasks = [task for task in read_tasks() if task.relevant]
    pairs = read_pairs()
    some_tasks = [task for task in tasks if task.is_tuning == tune]
    some_pairs = [pair for pair in pairs if pair.is_tuning == tune]
    with open_library(read_articles(), home, passages_per_question=PASSAGES) as (library, settings):

        @cache
        def rank(text: str) -> list[str]:
            return rank_passages(text, library, settings)

        def measure(complete: Completing, *, whole: bool = False) -> dict[str, Any]:
            found = score_tasks(tasks if whole else some_tasks, complete, rank)
            near = score_pairs(pairs if whole else some_pairs, complete)
            return found | near | {"intervals": found["intervals"] | near["intervals"]}

        ours = measure(rephrase)
        others = [
            {"name": "last turn alone"} | measure(_leave),
            {"name": "all turns"} | measure(_join_all),
            {"name": "last two turns"} | measure(_join_two),
            {"name": "ours, both halves"} | measure(rephrase, whole=True),
            {"name": "last turn alone, both halves"} | measure(_leave, whole=True),
            {"name": "BM25, last turn"} | score_tasks(some_tasks, _leave, lambda text: _rank_by_words(text, library)),
        ]
    baseline = score_tasks(some_tasks, _leave, _rank_plainly([task.text for task in some_tasks], home))
    half = "tuning" if tune else "report"
    note = f"{len(some_tasks)} last turns of MTRAG-UN, {len(some_pairs):,} of CANARD dev; {half} half"
    return Result("follow_ups", note, ours, baseline, PUBLISHED, others)


PUBLISHED = [{"name": "BM25, last turn (quick trial)", "ndcg_at_10": 0.772}]


def read_tasks() -> list[Asked]:
    """The conversations of MTRAG-UN."""
    tasks = []
    for line in _read_lines():
        *earlier, last = line["input"]
        history: list[Turn] = []
        for turn in earlier:
            if turn["speaker"] == "user":
                history.append(Turn(turn["text"]))
            elif history:
                history[-1] = Turn(history[-1].question, answer=turn["text"])
        relevant = frozenset(context["document_id"] for context in line["contexts"])
        tasks.append(Asked(line["conversation_id"], last["text"], tuple(history), relevant))
    return tasks


@cache
def read_articles() -> tuple[Article, ...]:
    """The pool: every passage that counts for any conversation, as an article of its own."""
    passages = {context["document_id"]: context for line in _read_lines() for context in line["contexts"]}
    return tuple(
        Article(
            id=identifier,
            source=f"mtrag_un:{identifier}",
            title=passage.get("title", ""),
            text=write_markdown([Paragraph(text) for text in passage["text"].split("\n\n")]),
        )
        for identifier, passage in passages.items()
    )


@cache
def _read_lines() -> list[dict[str, Any]]:
    lines = (find_data("mtrag_un") / "reference.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def read_pairs() -> list[Asked]:
    """The questions of CANARD dev; the article's title and section, which stand before the first turn, are left out."""
    entries = json.loads((find_data("canard") / "dev.json").read_text(encoding="utf-8"))
    pairs = []
    for entry in entries:
        said = entry["History"][2:]
        history = tuple(Turn(question, answer=answer) for question, answer in zip(said[::2], said[1::2], strict=True))
        pairs.append(Asked(entry["QuAC_dialog_id"], entry["Question"], history, rewrite=entry["Rewrite"]))
    return pairs


def complete_in_time(asked: Asked, complete: Completing) -> str:
    """The last question completed as a conversation does it: each earlier one was completed in its time."""
    history: list[Turn] = []
    for turn in asked.history:
        history.append(Turn(turn.question, complete(turn.question, history), turn.answer))
    return complete(asked.text, history)


def _leave(question: str, history: Sequence[Turn]) -> str:
    return question


def _join_all(question: str, history: Sequence[Turn]) -> str:
    return " ".join([*(turn.question for turn in history), question])


def _join_two(question: str, history: Sequence[Turn]) -> str:
    return _join_all(question, history[-1:])


def score_tasks(tasks: Sequence[Asked], complete: Completing, rank: Ranking) -> dict[str, Any]:
    texts = [complete_in_time(task, complete) for task in tasks]
    scores = [_score(task, rank(text)) for task, text in zip(tasks, texts, strict=True)]
    followed = [place for place, task in enumerate(tasks) if task.history]
    measured: dict[str, Sequence[float]] = {
        "ndcg_at_10": scores,
        "after_others": [scores[place] for place in followed],
    }
    if complete is not _leave:
        measured |= {
            "gain": [score - _score(task, rank(task.text)) for task, score in zip(tasks, scores, strict=True)],
            "changed": [_differ(tasks[place].text, texts[place]) for place in followed],
        }
    return summarize(measured)


def _score(task: Asked, ranked: Sequence[str]) -> float:
    return ndcg(ranked, dict.fromkeys(task.relevant, 1.0), DEPTH)


def rank_passages(text: str, library: Library, settings: Settings) -> list[str]:
    query = read_question(text, lambda terms: weigh_terms(terms, library))
    found = find_passages(query, library, settings)
    return list(dict.fromkeys(scored.passage.article_id for scored in found))[:DEPTH]


def _rank_by_words(text: str, library: Library) -> list[str]:
    found = [identifier for identifier, _ in library.search_text(text, PASSAGES)]
    stored = library.passages(found)
    return list(dict.fromkeys(stored[identifier].passage.article_id for identifier in found))[:DEPTH]


def _rank_plainly(texts: Sequence[str], home: Path) -> Ranking:
    """A ranking of the pool for each of `texts` by the model alone."""
    pool = embed_plainly([f"{article.title} {article.text}" for article in read_articles()], home)
    nearest = np.argsort(-(embed_plainly(texts, home) @ pool.T))[:, :DEPTH]
    ranked = {
        text: [read_articles()[place].id for place in places] for text, places in zip(texts, nearest, strict=True)
    }
    return ranked.__getitem__


def score_pairs(pairs: Sequence[Asked], complete: Completing) -> dict[str, Any]:
    """Of questions that stand alone the share left as they are; of the others, how near we come to a person's terms."""
    left: list[float] = []
    left_later: list[float] = []  # without the first questions, which nothing could change
    found: list[float] = []
    right: list[float] = []
    for pair in pairs:
        text = complete_in_time(pair, complete)
        if pair.stands_alone:
            left.append(not _differ(pair.text, text))
            left_later.extend(left[-1:] if pair.history else [])
            continue
        own = set(split_terms(pair.text))
        wanted, added = set(split_terms(pair.rewrite)) - own, set(split_terms(text)) - own
        if wanted:
            found.append(len(wanted & added) / len(wanted))
        if added:
            right.append(len(wanted & added) / len(added))
    measured = {"left_alone": left, "left_alone_later": left_later, "terms_found": found, "terms_right": right}
    return summarize({name: scores for name, scores in measured.items() if scores})


def _differ(question: str, completed: str) -> bool:
    return _normalize(question) != _normalize(completed)


def _normalize(text: str) -> str:
    return " ".join(text.lower().rstrip("?!. ").split())
