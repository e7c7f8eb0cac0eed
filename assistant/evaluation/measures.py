"""What is measured: of one reply, and of all of them. Every measure is a count of things that can be looked up."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from assistant.conversation import Citation, Reply
from assistant.evaluation.prompts import TestPrompt

FindText = Callable[[str], str]  # article id -> the article's text, "" when the library has no such article

# What typists and typographers write for the same thing.
FOLDED = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛′`´", "'"),
        **dict.fromkeys("“”„‟″«»", '"'),
        **dict.fromkeys("‐‑‒–—―−", "-"),
        **dict.fromkeys("\u00ad\u200b\u2060\ufeff"),  # invisible: soft hyphen, zero-width space and its kin
        "…": "...",
    }
)


@dataclass(frozen=True)
class Result:
    """One test prompt, its reply and what was measured."""

    prompt: TestPrompt
    reply: Reply
    missing_facts: tuple[str, ...]  # facts that stand in no cited quote
    valid_citations: int  # citations with article.text[start:end] == quote
    right_article: bool  # one of prompt.articles is cited; True when the prompt names none

    @property
    def right_decision(self) -> bool:
        """Answered what can be answered, refused what cannot."""
        return self.reply.answered == self.prompt.answerable

    @property
    def failures(self) -> tuple[str, ...]:
        """Why the reply is not right, each in a few words; empty when it is."""
        wrong: tuple[str, ...] = ()
        if not self.right_decision:
            wrong = ("refused, but the articles answer it",) if self.prompt.answerable else ("answered, not refused",)
        elif self.prompt.answerable:
            article = () if self.right_article else (f"cites none of {', '.join(self.prompt.articles)}",)
            wrong = (*(f"no quote holds {fact!r}" for fact in self.missing_facts), *article)
        invalid = len(self.reply.citations) - self.valid_citations
        return (
            *wrong,
            *((f"{invalid} of {len(self.reply.citations)} citations not in the article",) if invalid else ()),
        )

    @property
    def passed(self) -> bool:
        return not self.failures


@dataclass(frozen=True)
class Totals:
    """Shares from 0 to 1; None where there was nothing to measure."""

    prompts: int
    passed: int
    facts_in_quotes: float | None
    right_article: float | None
    citations_valid: float | None
    refusals_right: float | None
    answerable_refused: float | None
    seconds_p50: float | None
    seconds_p95: float | None


def measure_reply(prompt: TestPrompt, reply: Reply, find_text: FindText) -> Result:
    """Compare a reply with what its prompt asks for, and its citations with the library."""
    quotes = [citation.quote for citation in reply.citations]
    return Result(
        prompt,
        reply,
        missing_facts=tuple(fact for fact in prompt.facts if not any(holds_fact(quote, fact) for quote in quotes)),
        valid_citations=sum(is_valid(citation, find_text(citation.article_id)) for citation in reply.citations),
        right_article=not prompt.articles or any(found.article_id in prompt.articles for found in reply.citations),
    )


def is_valid(citation: Citation, text: str) -> bool:
    """True when the quote is, character for character, what stands in the article at the offsets."""
    inside = 0 <= citation.start < citation.end <= len(text)
    return inside and text[citation.start : citation.end] == citation.quote


def holds_fact(quote: str, fact: str) -> bool:
    """True when the fact stands in the quote; case, white space and typography aside.

    A number at either end of the fact is not cut out of a longer one: "$15" does not stand in "$158", nor "5%" in
    "3.5%". "$158" does stand in "$158,147": prompts use it for both that and "$158K".
    """
    folded = _fold(fact)
    before = r"(?<!\d)(?<!\d[.,])" if folded[:1].isdigit() else ""
    after = r"(?!\d)(?!\.\d)" if folded[-1:].isdigit() else ""
    return bool(folded) and re.search(before + re.escape(folded) + after, _fold(quote)) is not None


def _fold(text: str) -> str:
    return " ".join(text.translate(FOLDED).casefold().split())


def total_results(results: Sequence[Result]) -> Totals:
    """All measures over all results:

    facts_in_quotes     facts that stand in a cited quote / facts of the answerable prompts
    right_article       answerable prompts with a citation of an article they name / those that name one
    citations_valid     citations with text[start:end] == quote / citations
    refusals_right      unanswerable prompts refused / unanswerable prompts
    answerable_refused  answerable prompts refused / answerable prompts
    seconds_p50, _p95   nearest rank over all prompts
    """
    answerable = [result for result in results if result.prompt.answerable]
    unanswerable = [result for result in results if not result.prompt.answerable]
    naming = [result for result in answerable if result.prompt.articles]
    facts = sum(len(result.prompt.facts) for result in answerable)
    seconds = sorted(result.reply.seconds for result in results)
    return Totals(
        prompts=len(results),
        passed=sum(result.passed for result in results),
        facts_in_quotes=_share(facts - sum(len(result.missing_facts) for result in answerable), facts),
        right_article=_share(sum(result.right_article for result in naming), len(naming)),
        citations_valid=_share(
            sum(result.valid_citations for result in results), sum(len(result.reply.citations) for result in results)
        ),
        refusals_right=_share(sum(not result.reply.answered for result in unanswerable), len(unanswerable)),
        answerable_refused=_share(sum(not result.reply.answered for result in answerable), len(answerable)),
        seconds_p50=_percentile(seconds, 0.5),
        seconds_p95=_percentile(seconds, 0.95),
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _percentile(ordered: Sequence[float], share: float) -> float | None:
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


def list_failures(measure: str, results: Iterable[Result]) -> list[Result]:
    """The results that keep a measure of `Totals` from being perfect."""
    blames: dict[str, Callable[[Result], bool]] = {
        "facts_in_quotes": lambda result: result.prompt.answerable and bool(result.missing_facts),
        "right_article": lambda result: result.prompt.answerable and not result.right_article,
        "citations_valid": lambda result: result.valid_citations < len(result.reply.citations),
        "refusals_right": lambda result: not result.prompt.answerable and result.reply.answered,
        "answerable_refused": lambda result: result.prompt.answerable and not result.reply.answered,
    }
    return [result for result in results if blames[measure](result)]
