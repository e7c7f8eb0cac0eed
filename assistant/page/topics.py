"""Headings -> questions to ask: to begin with, after an answer, and instead of one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from assistant.conversation import Reply

Thing = TypeVar("Thing")

LOWERED = frozenset("a an how the what when where whether which who why".split())  # names they are not
LONGEST = 200  # characters of a question that is offered: a longer one fills a phone's screen


@dataclass(frozen=True)
class Topic:
    """What stands under one heading, as something to ask about."""

    title: str  # of the article
    heading: str

    @property
    def question(self) -> str:
        """Asks for this section of this article.

        Of the 128 headings of six articles all were answered when asked so, 113 of them from their own section; the
        heading alone was refused 16 times ("Pay" of whom?).
        """
        return "".join((self.beginning, self.subject, self.end))

    @property
    def beginning(self) -> str:
        return "" if self._stands_alone else f"What does “{self.title}” say about "

    @property
    def subject(self) -> str:
        first = self.heading.partition(" ")[0].lower()
        return f"{first}{self.heading[len(first) :]}" if self.beginning and first in LOWERED else self.heading

    @property
    def end(self) -> str:
        return "" if self.heading.endswith("?") or not self.beginning else "?"

    @property
    def _stands_alone(self) -> bool:
        """A question of some words needs no frame; "Why?" does."""
        return not self.title or (self.heading.endswith("?") and len(self.heading.split()) > 3)


def choose_examples(headings: Iterable[tuple[str, str, Sequence[str]]], number: int = 4) -> list[Topic]:
    """Topics from all over the library: its articles spread out evenly, and in each a heading further down.

    `headings` are (article id, article title, heading path). In an article with headings that are questions only
    those count.
    """
    articles: dict[str, list[Topic]] = {}
    for article_id, title, path in headings:
        if path and len((topic := Topic(title, path[-1])).question) <= LONGEST:
            articles.setdefault(article_id, []).append(topic)
    known = [_prefer_questions(topics) for topics in articles.values()]
    chosen = [_pick(_pick(known, place, number), place, number) for place in range(number) if known]
    return list(dict.fromkeys(chosen))


def _prefer_questions(topics: Sequence[Topic]) -> Sequence[Topic]:
    return [topic for topic in topics if not topic.beginning] or topics


def _pick(things: Sequence[Thing], place: int, number: int) -> Thing:
    """The thing at the middle of the `place`th of `number` equal parts."""
    return things[(place * 2 + 1) * len(things) // (number * 2)]


def choose_next(reply: Reply, asked: Collection[str], number: int = 3) -> tuple[Topic, ...]:
    """What the passages found for this question also hold: sections that the reply does not cite, nearest first."""
    found = sorted(reply.passages, key=lambda found: -found.similarity)
    cited = {(citation.article_id, citation.heading) for citation in reply.citations}
    topics = [
        Topic(passage.title, passage.heading)
        for passage in (scored.passage for scored in found)
        if passage.headings and (passage.article_id, passage.heading) not in cited
    ]
    offered = dict.fromkeys(topics or (Topic("", heading) for heading in reply.suggestions))
    return tuple(topic for topic in offered if topic.question not in asked and len(topic.question) <= LONGEST)[:number]
