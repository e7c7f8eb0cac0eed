"""What a test prompt looks for in a text: words, an amount however it is written, or any one of several of these."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import Any, TypeAlias

Span: TypeAlias = tuple[int, int]

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
SYNONYMS = {
    "$": ("us$", "usd", "dollar", "dollars", "buck", "bucks"),
    "€": ("eur", "euro", "euros"),
    "£": ("gbp", "pound", "pounds"),
    "%": ("percent", "pct"),
}
UNITS = {written: unit for unit, names in SYNONYMS.items() for written in names}
MULTIPLIERS = {"k": 1e3, "thousand": 1e3, "m": 1e6, "million": 1e6, "b": 1e9, "bn": 1e9, "billion": 1e9}
AMOUNT = re.compile(
    r"(?<!\w)(?<!\d[.,])"
    r"(?P<before>(?:us\$|[$€£]|usd|eur|gbp)\s?)?"
    r"(?P<number>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)"
    r"(?:(?P<letter>k|m|bn|b)\b|\s?(?P<word>thousand|million|billion)\b)?"
    r"(?![.,]?\d)"
    r"(?=(?P<after>(?:[\s-]?(?:[%$€£]|[^\W\d_]+)){1,3})?)"  # seen, not taken: the words may belong to the next amount
)
RANGE = re.compile(r"\s?(?:-|to|and)\s?")


@dataclass(frozen=True)
class Amount:
    """A number that an answer must hold. "$158K" is 158,000 dollars: `tolerance` says whether that is near enough."""

    number: float
    unit: str = ""  # a sign or a word, "$", "percent", "years"; "" takes any
    tolerance: float = 0.0  # how far off it may be, in the same unit

    def __str__(self) -> str:
        about = f" ±{self.tolerance:,.10g}" if self.tolerance else ""
        return f"{self.number:,.10g}{about}{f' {self.unit}' if self.unit else ''}"


@dataclass(frozen=True)
class AnyOf:
    """Facts of which one is enough."""

    facts: tuple[str | Amount, ...]

    def __str__(self) -> str:
        return " or ".join(map(str, self.facts))


Fact: TypeAlias = str | Amount | AnyOf  # plain text stands letter for letter


def as_json(fact: Fact) -> Any:
    """The fact as a prompt file writes it."""
    match fact:
        case AnyOf():
            return {"any": [as_json(one) for one in fact.facts]}
        case Amount():
            optional = {"unit": fact.unit, "tolerance": fact.tolerance}
            return {"number": fact.number} | {name: value for name, value in optional.items() if value}
        case _:
            return fact


def holds_fact(text: str, fact: Fact) -> bool:
    """True when the fact stands in the text; case, white space and typography aside.

    A number at either end of a text fact is not cut out of a longer one: "$15" does not stand in "$158", nor "5%" in
    "3.5%". "$158" does stand in "$158,147": prompts use it for both that and "$158K".
    """
    return next(_find(text, fact), None) is not None


def find_fact(text: str, fact: Fact) -> list[Span]:
    """Where in the text the fact stands, as spans of its characters."""
    folded = fold(text)
    return [(folded.offsets[start], folded.offsets[end - 1] + 1) for start, end in _find(text, fact)]


def _find(text: str, fact: Fact) -> Iterator[Span]:
    match fact:
        case AnyOf():
            for one in fact.facts:
                yield from _find(text, one)
        case Amount():
            yield from ((found.start, found.end) for found in read_amounts(text) if _is_near(found, fact))
        case _:
            yield from _find_words(text, fold(fact).text)


def _find_words(text: str, words: str) -> Iterator[Span]:
    before = r"(?<!\d)(?<!\d[.,])" if words[:1].isdigit() else ""
    after = r"(?!\d)(?!\.\d)" if words[-1:].isdigit() else ""
    if words:
        yield from (found.span() for found in re.finditer(before + re.escape(words) + after, fold(text).text))


@dataclass(frozen=True)
class Folded:
    """A text as it is compared, and where each of its characters stands in the original."""

    text: str
    offsets: tuple[int, ...]


@lru_cache(maxsize=20_000)
def fold(text: str) -> Folded:
    """Lower case, plain quotes and dashes, one blank for any white space."""
    characters: list[str] = []
    offsets: list[int] = []
    for offset, character in enumerate(text):
        plain = character.translate(FOLDED).casefold()
        if plain.isspace():
            plain = " " if characters and characters[-1] != " " else ""
        characters.extend(plain)
        offsets.extend([offset] * len(plain))
    if characters and characters[-1] == " ":
        characters.pop()
        offsets.pop()
    return Folded("".join(characters), tuple(offsets))


@dataclass(frozen=True)
class FoundAmount:
    """An amount as a text gives it; the span is one of the folded text."""

    value: float
    units: frozenset[str]  # every word beside it that may be its unit
    start: int
    end: int
    multiplier: float = 1.0


@lru_cache(maxsize=20_000)
def read_amounts(text: str) -> tuple[FoundAmount, ...]:
    """Every amount of the text: "$158,147", "158147 dollars" and "USD 158,147" alike; "$130-160K" is two of them."""
    folded = fold(text).text
    found = [_read_amount(match) for match in AMOUNT.finditer(folded)]
    for index, (low, high) in enumerate(pairwise(found)):
        if RANGE.fullmatch(folded, low.end, high.start):
            found[index], found[index + 1] = _share(low, high)
    return tuple(found)


def _read_amount(match: re.Match[str]) -> FoundAmount:
    multiplier = MULTIPLIERS.get(match["letter"] or match["word"] or "", 1.0)
    after = (match["after"] or "").replace("per cent", "percent")
    units = [match["before"] or "", *re.findall(r"[%$€£]|[^\W\d_]+", after)]
    value = float(match["number"].replace(",", "")) * multiplier
    return FoundAmount(value, frozenset(read_unit(unit) for unit in units), *match.span(), multiplier)


def _share(low: FoundAmount, high: FoundAmount) -> tuple[FoundAmount, FoundAmount]:
    """The two ends of a range: what is written at one of them holds for both."""
    units = low.units | high.units
    scaled = low.multiplier == 1.0 and low.value < high.value / high.multiplier  # "$130-160K", but not "$900 to 1K"
    return replace(low, value=low.value * (high.multiplier if scaled else 1), units=units), replace(high, units=units)


def read_unit(written: str) -> str:
    """One name for each unit: "dollars" and "USD" are "$", "years" is "year"."""
    plain = fold(written).text.replace("per cent", "percent")
    return UNITS.get(plain) or (plain.removesuffix("s") if len(plain) > 2 else plain)


def _is_near(found: FoundAmount, fact: Amount) -> bool:
    right_unit = not fact.unit or read_unit(fact.unit) in found.units
    slack = fact.tolerance + 1e-9 * max(1.0, abs(fact.number))  # 0.1 + 0.2 is not 0.3
    return right_unit and abs(found.value - fact.number) <= slack
