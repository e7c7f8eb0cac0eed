"""Articles as sections: what stands between two headings. Ranking is measured by them, for passages may be cut anew.

A prompt keeps its right sections when passages become longer or shorter; a passage never crosses a heading, so that it
lies in one section.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from assistant.conversation import ScoredPassage
from assistant.evaluation.facts import fold, holds_fact
from assistant.evaluation.prompts import TestPrompt
from ingest.markdown import read_lines

FindText = Callable[[str], str]  # article id -> the article's text, "" when the library has no such article


@dataclass(frozen=True)
class Section:
    headings: tuple[str, ...]  # outermost first; () above the first heading
    start: int
    text: str


@lru_cache(maxsize=1_000)
def split_sections(text: str) -> tuple[Section, ...]:
    """The sections of an article's text, in order, from its first character to its last."""
    headings = [line for line in read_lines(text) if line.kind == "heading"]
    starts = [0, *(text.rfind("\n", 0, line.start) + 1 for line in headings)]
    ends = [*starts[1:], len(text)]
    path: list[tuple[int, str]] = []
    paths: list[tuple[str, ...]] = [()]
    for line in headings:
        path = [(level, title) for level, title in path if level < line.level]
        path.append((line.level, text[line.start : line.end]))
        paths.append(tuple(title for _, title in path))
    return tuple(
        Section(titles, start, text[start:end]) for titles, start, end in zip(paths, starts, ends, strict=True)
    )


def name_section(article_id: str, start: int, find_text: FindText) -> str:
    """Article and number of the section in which a passage or a quote begins."""
    starts = [section.start for section in split_sections(find_text(article_id))]
    return f"{article_id}#{max(0, bisect_right(starts, start) - 1)}"


def rank_sections(passages: Iterable[ScoredPassage], find_text: FindText) -> tuple[str, ...]:
    """The sections of ranked passages, each where it comes first."""
    found = (name_section(one.passage.article_id, one.passage.start, find_text) for one in passages)
    return tuple(dict.fromkeys(found))


def find_relevant(prompt: TestPrompt, find_text: FindText) -> frozenset[str]:
    """The sections that answer: of its articles, under its headings, those that hold one of its facts.

    Empty when the prompt names no article, or neither a heading nor a fact: then there is no telling.
    """
    if not prompt.headings and not prompt.facts:
        return frozenset()
    return frozenset(name for article in prompt.articles for name in _find_in(article, prompt, find_text))


def _find_in(article_id: str, prompt: TestPrompt, find_text: FindText) -> Iterator[str]:
    for number, section in enumerate(split_sections(find_text(article_id))):
        holds = not prompt.facts or any(holds_fact(section.text, fact) for fact in prompt.facts)
        if holds and is_under(prompt.headings, section.headings):
            yield f"{article_id}#{number}"


def is_under(wanted: Iterable[str], headings: Iterable[str]) -> bool:
    """True when one of the wanted headings is among these; true of any when none is wanted."""
    names = {fold(heading).text for heading in wanted}
    return not names or not names.isdisjoint(fold(heading).text for heading in headings)


def find_headings(article_id: str, start: int, find_text: FindText) -> tuple[str, ...]:
    """The heading path at an offset of an article."""
    sections = split_sections(find_text(article_id))
    number = bisect_right([section.start for section in sections], start) - 1
    return sections[number].headings if number >= 0 else ()
