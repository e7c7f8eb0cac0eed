"""The library's headings -> questions to begin with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

SHIPPED_ARTICLE = "ml-engineer-vs-software-engineer"
SHIPPED_QUESTIONS = (
    "How much does an ML engineer earn?",
    "What does a prompt engineer do?",
    "Do I need a master's degree to become an ML engineer?",
    "Which tools do ML engineers use?",
)


def choose_examples(headings: Iterable[tuple[str, str, Sequence[str]]], number: int = 4) -> list[str]:
    """Questions that this library can answer: those of the shipped article if it is there, else headings.

    `headings` are (article id, article title, heading path). Headings that are questions come first, and each
    article gives one before any gives a second.
    """
    known = list(headings)
    if any(article_id == SHIPPED_ARTICLE for article_id, _, _ in known):
        return list(SHIPPED_QUESTIONS[:number])
    by_article: dict[str, list[str]] = {}
    for article_id, title, path in sorted(known, key=lambda known: not _ends_as_question(known[2])):
        if path:
            by_article.setdefault(article_id, []).append(_as_question(title, path[-1]))
    rounds = max((len(questions) for questions in by_article.values()), default=0)
    ordered = [
        questions[place] for place in range(rounds) for questions in by_article.values() if place < len(questions)
    ]
    return list(dict.fromkeys(ordered))[:number]


def _ends_as_question(path: Sequence[str]) -> bool:
    return bool(path) and path[-1].endswith("?")


def _as_question(title: str, heading: str) -> str:
    return heading if heading.endswith("?") else f"{title}: {heading}"
