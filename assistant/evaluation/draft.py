"""An article -> test prompts to edit: its figures, definitions, lists, headings, and near misses that it cannot answer.

No model: questions are made by exchanging words of the article's own sentences, so that a person reads them over.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

from assistant.evaluation.facts import FoundAmount, fold, holds_fact, read_amounts
from assistant.evaluation.prompts import TestPrompt
from ingest.article import Article
from ingest.markdown import Line, read_lines
from ingest.split_sentences import split_sentences

AT_MOST = {"figure": 12, "definition": 6, "list": 8, "heading": 8, "near miss": 6}
LONGEST_QUESTION = 180
FACT_WORDS = 5
LIST_FACTS = 3
DEFINED = re.compile(
    r"(?P<article>An? |The )?(?P<subject>[^,;:]{3,60}?) (?P<verb>is|are|means) "
    r"(?P<rest>(?:an? |the |that )?\S.*)"
)
# Begins a sentence that speaks of something named before it, or that is no sentence by itself.
POINTING = re.compile(
    r"(?:this|that|these|those|it|they|he|she|there|here|one|each|both|some|many|such|because|if|when|while)\b", re.I
)
ABOUT = re.compile(r"(?:about|around|roughly|approximately|nearly|almost|some) $")
YEAR = re.compile(r"(?:19|20)\d\d")
PLACE = re.compile(r"\bin the (?:US|U\.S\.|United States|country)")
PLACES = ("Portugal", "Iceland", "New Zealand", "Uruguay")
LATER = 25  # years: far enough that no article about now says so


@dataclass(frozen=True)
class _Place:
    """A sentence or a list with where it stands."""

    text: str
    heading: str
    items: tuple[str, ...] = ()  # of the list that it leads in


def draft_prompts(article: Article) -> list[TestPrompt]:
    """Prompts whose facts all stand in the article, a few of each kind, in the order of its text."""
    places = list(_read_places(article.text))
    figures = list(_limit("figure", _ask_figures(places)))
    kinds = (
        figures,
        _limit("definition", _ask_definitions(places)),
        _limit("list", _ask_lists(places)),
        _limit("heading", _ask_headings(places)),
    )
    found = [replace(prompt, articles=(article.id,)) for kind in kinds for prompt in kind]
    misses = _limit("near miss", _ask_near_misses(figures, article))
    drafted = [prompt for prompt in found if all(holds_fact(article.text, fact) for fact in prompt.facts)]
    return list({prompt.question: prompt for prompt in (*drafted, *misses)}.values())


def _limit(kind: str, prompts: Iterable[TestPrompt]) -> Iterator[TestPrompt]:
    short = (prompt for prompt in prompts if len(prompt.question) <= LONGEST_QUESTION)
    for prompt in islice(short, AT_MOST[kind]):
        yield replace(prompt, tags=("draft", kind))


def _read_places(text: str) -> Iterator[_Place]:
    """Sentences in order; one that leads in a list comes with its items."""
    lines = read_lines(text)
    heading = ""
    for index, line in enumerate(lines):
        words = text[line.start : line.end]
        if line.kind == "heading":
            heading = words
        elif line.kind == "paragraph":
            spans = split_sentences(words)
            for start, end in spans:
                is_lead = words[start:end].rstrip().endswith(":") and end == spans[-1][1]
                yield _Place(words[start:end], heading, _read_items(lines[index + 1 :], text) if is_lead else ())
        elif line.kind == "item":
            yield _Place(words, heading)


def _read_items(lines: Iterable[Line], text: str) -> tuple[str, ...]:
    items = []
    for line in lines:
        if line.kind != "item":
            break
        items.append(text[line.start : line.end])
    return tuple(items)


# -- figures -----------------------------------------------------------------------------------------------------------


def _ask_figures(places: Iterable[_Place]) -> Iterator[TestPrompt]:
    """The sentence itself, with a question word where its first figure stands: "… earned how much in 2025?"."""
    for place in places:
        span = _find_figure(place.text)
        if span is None or place.items or POINTING.match(place.text):
            continue
        start, end = span
        before = ABOUT.sub("", place.text[:start])
        if not before.strip() or before.endswith("#"):  # "#1" is a place, and no amount
            continue
        question = before + _choose_words(place.text[start:end], place.text[end:]) + _read_on(place.text[end:])
        yield TestPrompt(f"{question.strip()}?", facts=(place.text[start:end],), headings=_as_tuple(place.heading))


def _find_figure(text: str) -> tuple[int, int] | None:
    """The first amount that is no bare year, with its sign."""
    folded = fold(text)
    for amount in read_amounts(text):
        start, end = folded.offsets[amount.start], folded.offsets[amount.end - 1] + 1
        if not _is_year(amount, text[start:end]):
            return start, end + text[end : end + 1].count("%")
    return None


def _is_year(amount: FoundAmount, written: str) -> bool:
    return YEAR.fullmatch(written) is not None and not amount.units & {"$", "€", "£", "%"}


def _choose_words(figure: str, after: str) -> str:
    if "%" in figure or re.match(r"\s?(?:percent|per cent)\b", after):
        return "what percentage"
    return "how much" if re.search(r"[$€£]", figure) else "how many"


def _read_on(rest: str) -> str:
    """To the end of the clause, without the unit that the question word stands for."""
    return re.split(r"[,;:(](?!\d)|[.!?](?:\s|$)", re.sub(r"^\s?(?:percent|per cent)\b", "", rest), maxsplit=1)[
        0
    ].rstrip()


# -- definitions, lists, headings --------------------------------------------------------------------------------------


def _ask_definitions(places: Iterable[_Place]) -> Iterator[TestPrompt]:
    for place in places:
        found = DEFINED.match(place.text)
        if not found or POINTING.match(place.text) or len(found["subject"].split()) > 4:
            continue
        subject = _lower(f"{found['article'] or ''}{found['subject']}")
        question = f"What does {subject} mean?" if found["verb"] == "means" else f"What {found['verb']} {subject}?"
        yield TestPrompt(question, facts=(_cut(found["rest"]),), headings=_as_tuple(place.heading))


def _ask_lists(places: Iterable[_Place]) -> Iterator[TestPrompt]:
    for place in places:
        if len(place.items) > 1:
            facts = tuple(dict.fromkeys(choose_fact(item) for item in place.items))[:LIST_FACTS]
            yield TestPrompt(f"{place.text.rstrip(': ')}: which ones?", facts=facts, headings=_as_tuple(place.heading))


def _ask_headings(places: Iterable[_Place]) -> Iterator[TestPrompt]:
    first = {place.heading: place for place in reversed(list(places)) if place.heading}
    for heading, place in reversed(first.items()):
        question = heading if heading.endswith("?") else f"What should I know about {_lower(heading)}?"
        yield TestPrompt(question, facts=(choose_fact(place.text),), headings=(heading,))


def choose_fact(text: str) -> str:
    """What tells a sentence from its neighbours in a few of its own words: its figure, or else how it begins."""
    span = _find_figure(text)
    return text[span[0] : span[1]] if span else _cut(text)


def _cut(text: str) -> str:
    """The first words of a text, letter for letter, to the end of the clause at most."""
    clause = re.split(r"[,;:(]\s?|[.!?](?:\s|$)", text, maxsplit=1)[0]
    words = list(re.finditer(r"\S+", clause))[:FACT_WORDS]
    return clause[: words[-1].end()] if words else text.strip()


def _lower(words: str) -> str:
    """As the words stand inside a sentence: acronyms and names of several capitals stay."""
    first = words.split(" ", 1)[0]
    return words if sum(map(str.isupper, first)) > 1 or first == "I" else words[:1].lower() + words[1:]


def _as_tuple(heading: str) -> tuple[str, ...]:
    return (heading,) if heading else ()


# -- near misses -------------------------------------------------------------------------------------------------------


def _ask_near_misses(figures: Iterable[TestPrompt], article: Article) -> Iterator[TestPrompt]:
    """The same questions about another year or another country, which the article does not name."""
    country = next((place for place in PLACES if place.lower() not in article.text.lower()), "")
    for prompt in figures:
        year = YEAR.search(prompt.question)
        if year and str(later := int(year[0]) + LATER) not in article.text:
            question = prompt.question.replace(year[0], str(later))
        elif country and PLACE.search(prompt.question):
            question = PLACE.sub(f"in {country}", prompt.question)
        elif country:
            question = f"{prompt.question.rstrip('?')} in {country}?"
        else:
            continue
        yield TestPrompt(question, answerable=False)
