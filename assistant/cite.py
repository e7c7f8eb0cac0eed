"""Claims -> checked citations: whatever the writer, `article.text[start:end] == quote`, or there is no citation."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from assistant.conversation import Citation, Claim, ScoredPassage
from ingest.article import Article, Passage, Unit
from ingest.errors import ArticleUnknown
from ingest.terms import split_terms

UNVERIFIED = "[unverified]"
# A claim is supported when this share of its terms stands in the quote or its headings. Models rephrase, so not all.
SUPPORT = 0.5
FIGURE = re.compile(r"\d+(?:[.,]\d+)*")
MARK = re.compile(r"\s*\[\d+(?:\s*,\s*\d+)*\]")


@dataclass(frozen=True)
class Proof:
    """The text that the reader gets, its marks numbered from 1, and the citation behind each."""

    text: str
    citations: tuple[Citation, ...]
    unverified: int = 0  # statements that no quote supports, each marked so in the text


def cite(claims: Iterable[Claim], passages: Sequence[ScoredPassage], find_article: Callable[[str], Article]) -> Proof:
    """Prove every claim from the passages it points to, or mark it as unverified.

    Dropped: marks of passages that do not exist, and citations whose quote is not in the article. A claim holds when
    its figures all stand in the quotes and enough of its words do.
    """
    parts: list[str] = []
    numbers: dict[tuple[str, int, int], int] = {}
    citations: list[Citation] = []
    unverified = 0
    for claim in claims:
        text = _drop_marks(claim.text)
        quotes = [quote for quote in _find_quotes(claim, text, passages) if _is_true(quote, find_article)]
        marks = ""
        for passage, unit in quotes:
            key = (passage.article_id, unit.start, unit.end)
            if key not in numbers:
                numbers[key] = len(numbers) + 1
                citations.append(_make_citation(numbers[key], passage, unit, find_article(passage.article_id)))
            mark = f"[{numbers[key]}]"
            marks += mark if mark not in marks else ""
        if not marks and claim.complete and split_terms(text):
            marks = UNVERIFIED
            unverified += 1
        parts.append(claim.prefix + text + (f" {marks}" if marks else ""))
    return Proof("".join(parts), tuple(citations), unverified)


def _drop_marks(text: str) -> str:
    """`text` without anything that would read as a mark of ours, however it is nested."""
    while (bare := MARK.sub("", text)) != text:
        text = bare
    return text


def _find_quotes(claim: Claim, text: str, passages: Sequence[ScoredPassage]) -> list[tuple[Passage, Unit]]:
    named = [passages[number - 1].passage for number in claim.passages if 1 <= number <= len(passages)]
    if claim.unit:
        return [
            (passage, claim.unit)
            for passage in named
            if passage.start <= claim.unit.start < claim.unit.end <= passage.end
        ]
    if not claim.complete:
        return []
    best = [(passage, unit) for passage in dict.fromkeys(named) if (unit := _best_unit(text, passage))]
    return best if best and _supports(text, best) else []


def _best_unit(text: str, passage: Passage) -> Unit | None:
    """The unit that holds most of the claim; two neighbours as one span when that holds clearly more."""
    spans = [*passage.units]
    spans += [
        Unit(first.start, second.end, first.kind)
        for first, second in zip(passage.units, passage.units[1:], strict=False)
    ]
    terms, figures = set(split_terms(text)), _figures(text)

    def held(unit: Unit) -> tuple[float, int]:
        words = _words_of(passage, unit)
        kept = len(terms & set(split_terms(words))) + 2 * len(figures & _figures(words))
        return kept / max(1, len(terms) + 2 * len(figures)), -(unit.end - unit.start)

    return max(spans, key=held, default=None)


def _supports(text: str, quotes: Sequence[tuple[Passage, Unit]]) -> bool:
    """True when every figure of `text` stands in the quotes, and enough of its terms in them or above them."""
    words = " ".join(_words_of(passage, unit) for passage, unit in quotes)
    above = " ".join(f"{passage.context} {passage.lead}" for passage, _ in quotes)
    terms = set(split_terms(text))
    held = terms & set(split_terms(f"{words} {above}"))
    return _figures(text) <= _figures(words) and len(held) >= SUPPORT * len(terms)


def _words_of(passage: Passage, unit: Unit) -> str:
    return passage.text[unit.start - passage.start : unit.end - passage.start]


def _figures(text: str) -> set[str]:
    return {figure.replace(",", "") for figure in FIGURE.findall(text)}


def _is_true(quote: tuple[Passage, Unit], find_article: Callable[[str], Article]) -> bool:
    passage, unit = quote
    words = _words_of(passage, unit)
    try:
        text = find_article(passage.article_id).text
    except ArticleUnknown:  # removed while this answer was being written
        return False
    return bool(words.strip()) and text[unit.start : unit.end] == words


def _make_citation(number: int, passage: Passage, unit: Unit, article: Article) -> Citation:
    return Citation(
        number=number,
        article_id=article.id,
        title=article.title,
        url=article.url,
        published=article.published,
        heading=passage.heading,
        start=unit.start,
        end=unit.end,
        quote=article.text[unit.start : unit.end],
        page=article.page_at(unit.start),
    )
