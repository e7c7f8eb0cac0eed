"""What a question asks for: its kind and its terms. English."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TypeVar

from ingest.terms import find_words, split_terms

Key = TypeVar("Key", bound=Hashable)

# Words that say what form the answer should have; a text that answers need not hold them.
FRAME_WORDS = """
    actual actually affect affects amount answer anybody anyone applies apply ask asks avg basic become begin
    believe best better bit bring brings busiest busy call called calls chance chances choose common commonly
    compare compared comparison consider count counts current currently deal deals decide define definition
    depend depends describe differ difference differences different doing done duties duty enjoy enough every
    everybody everyone exact exactly example examples exist exists expect expected explain fast feel fewer field
    figure figures find first folk folks future general generally give go goes going good guy guys handle happen
    happened help helps hold hurt hurting include includes including involve involved keep keeps kind kinds know
    later learn likely list long look lot love main make makes matter matters mean means meant name named need
    needed needs nowadays number numbers offer offers original overall part people percent percentage person
    persons pick place places possible possibly pretty probably provide provides put quite range ranges rank
    ranked recent recently regular regularly require required requires responsibilities responsibility run runs
    say says seem seems set share shares show shows simple somebody someone sort specific specifically spend
    spends stand stands start starting still study stuff take talk talks tend tends term thing things think
    today total try trying turn turns type types typical typically usual usually versus vs want way ways whats
    word work worse worst worth write
"""


def _any_of(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


# What each kind of answer looks like.
MONEY = _any_of(
    r"[$€£¥]\s?\d",
    r"\b\d[\d,.]*\s?(?:k|million|billion|dollars?|euros?|pounds?|usd|eur|gbp|cents?)\b",
)
NUMBER = _any_of(
    r"\d",
    r"\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozens?|hundreds?|thousands?|millions?)\b",
    r"\b(?:half|third|quarter|twice|double|none|several)\b",
)
DATE = _any_of(
    r"\b(?:1\d{3}|20\d{2})s?\b",
    r"\b(?:january|february|march|april|may|june|july|august|september|october|november|december)\b",
    r"\b(?:century|decade|spring|summer|autumn|winter|today|yesterday)\b",
    r"\b(?:mon|tues|wednes|thurs|fri|satur|sun)day\b",
)
REASON = _any_of(
    r"\b(?:because|due to|owing to|since|driven by|thanks to|reasons?|so that|therefore|in order to|why|explains?)\b",
    r"\b(?:as a result|results? (?:of|from|in)|resulted (?:from|in)|caus(?:e|es|ed|ing)|led to|leads? to|reflects?)\b",
    r"\bkey driver\b|—",
)
NAME = re.compile(r"(?<![.!?] )(?<!^)\b[A-Z][\w.&'-]+")
KIND_PATTERNS = {"amount": MONEY, "count": NUMBER, "date": DATE, "reason": REASON, "person": NAME, "place": NAME}

# What each kind of question looks like; the first that fits counts.
KINDS = (
    (
        "reason",
        _any_of(r"\bwhy\b", r"\bwhat (?:caused|causes|reasons?)\b", r"\bhow come\b", r"\breasons? (?:for|why)\b"),
    ),
    (
        "amount",
        _any_of(
            r"\bhow much\b",
            r"\b(?:salary|salaries|wages?|pay|earns?|earnings?|income|compensation|costs?|price)\b",
        ),
    ),
    (
        "count",
        _any_of(
            r"\bhow (?:many|fast|large|big|long|often|old|far|high|tall)\b",
            r"\bwhat (?:percentage|percent|proportion|share|number|fraction|rate)\b",
            r"\bgrowth rate\b",
        ),
    ),
    (
        "date",
        _any_of(
            r"^\W*(?:(?:and|but|so|in|on|by|since|until|from|during)\W+)?when\b",
            r"\b(?:what|which) (?:year|date|month|day|century|decade)\b",
        ),
    ),
    ("person", _any_of(r"\bwho(?:m|se)?\b")),
    ("place", _any_of(r"\bwhere\b", r"\b(?:what|which) (?:country|city|place|state|region|continent|location)\b")),
)

LIST_QUESTION = _any_of(
    r"\b(?:what|which|list|name|give me|tell me|how many)\b.{0,40}?\b(?:skills|tools|duties|responsibilities|reasons"
    r"|industries|sectors|languages|frameworks|steps|benefits|advantages|drawbacks|qualities|options|scenarios"
    r"|situations|libraries|tasks|differences|types|kinds|examples|platforms|roles|requirements|subjects|traits)\b",
    r"^\W*list\b",
    r"\bwhat (?:do|does|is|are) .{1,60}\b(?:do|responsible for)\b\W*$",
    r"\b(?:responsibilities|duties)\b",
)
COMPARISON = _any_of(
    r"\b(?:compare[ds]?|comparison|versus|vs|differ(?:s|ent|ence|ences)?|better|rather than|or)\b",
    r"\b(?:more|less|\w{3,}er) than\b",
)
# What makes an "or" compare; "Can I travel by bus or train?" compares nothing.
CONTRAST = _any_of(
    r"\b(?:more|less|most|least|best|better|worse|compare\w*|comparison|differ\w*|versus|vs|than|prefer|should"
    r"|(?:high|low|fast|slow|long|short|larg|bigg|small|easi|hard|saf|cheap)(?:er|est))\b"
)
# "Which industry pays best?": one row of a table answers, the one with the largest or the smallest figure.
WHICH = _any_of(r"\b(?:which|who|where)\b", r"\bwhat (?!(?:is|are|was|were|do|does|did|can|could|should|the)\b)\w+")
# "best" is a figure where it is paid; no figure tells which employer is the best.
PAYING = r"(?:pay|pays|paid|paying|earns?)\b"
LARGEST = _any_of(
    r"\b(?:most|highest|largest|biggest|greatest)\b", rf"\b{PAYING}.*\b(?:best|top)\b", rf"\b(?:best|top)\W+{PAYING}"
)
SMALLEST = _any_of(r"\b(?:least|lowest|smallest|fewest)\b", rf"\b{PAYING}.*\bworst\b", rf"\bworst\W+{PAYING}")
SIDES = re.compile(r"\s+(?:or|vs\.?|versus|and|than|compared (?:to|with)|from)\s+|[,/:]\s*", re.IGNORECASE)
ASKING = re.compile(r"\W*(?:who|which|what|how|where|is|are|do|does|should)\b[^,:]*[,:]", re.IGNORECASE)
DEFINITION = _any_of(
    r"\W*(?:what|who)(?: is|'s|’s| are) (?:an? |the )?[^?]{1,40}\?*$",
    r"\W*what (?:does|do) .{1,60}\bmean\b",
    r"\W*define\b",
)
NAME_OR_FIGURE = re.compile(r"(?<=\s)[A-Z][a-z]+|\b\d[\d,.]*\b")


@dataclass(frozen=True)
class Query:
    """A question that stands alone, read."""

    text: str
    kind: str  # "reason", "amount", "count", "date", "person", "place" or "open"
    words: tuple[str, ...]  # every term, in order
    weights: Mapping[str, float]  # how much each term tells: its rarity in the library
    wants_list: bool
    compares: bool
    defines: bool  # "what is a …", "what does … mean"

    @property
    def terms(self) -> dict[str, float]:
        """The terms an answer should hold, weighed: frame words count only if nothing else is left."""
        content = {word: self.weights[word] for word in self.words if word not in _frame_terms()}
        return content or {word: self.weights[word] for word in self.words}

    @property
    def word_weights(self) -> tuple[float, ...]:
        """For each of `find_words(text)` how much it tells; 1 for a word that only counts as part of a phrase."""
        stems = (split_terms(self.text[start:end]) for start, end in find_words(self.text))
        return tuple(max((self.weights.get(stem, 1.0) for stem in terms), default=1.0) for terms in stems)

    @property
    def names(self) -> frozenset[str]:
        """Terms of capitalised words and of figures: "Germany" and "2034" allow no substitute."""
        return frozenset(term for match in NAME_OR_FIGURE.finditer(self.text) for term in split_terms(match.group()))

    @property
    def contrasts(self) -> bool:
        """Whether it sets its sides against each other, and does not merely name two things."""
        return bool(CONTRAST.search(self.text))

    @property
    def extreme(self) -> int:
        """1 when it asks which one of several has most, -1 for least, 0 when neither."""
        if not WHICH.search(self.text):
            return 0
        return -1 if SMALLEST.search(self.text) else int(bool(LARGEST.search(self.text)))

    @property
    def sides(self) -> list[frozenset[str]]:
        """What a comparison compares: for each side the terms that the others lack. Empty when nothing is compared."""
        if not self.compares:
            return []
        named = [frozenset(split_terms(part)) & self.terms.keys() for part in SIDES.split(self.text)]
        own = [part.difference(*(other for other in named if other != part)) for part in named]
        sides = [side for side in own if side]
        # "Who earns more, a nurse or a welder?": what stands before the first comma is asked of both.
        if len(sides) > 2 and ASKING.match(self.text):
            sides = sides[1:]
        return sides if len(sides) > 1 else []

    def without(self, side: frozenset[str]) -> str:
        """The question as if it were not about this side: the words of that side left out."""
        return " ".join(word for word in self.text.split() if not side.intersection(split_terms(word)))

    @property
    def pairs(self) -> dict[tuple[str, str], float]:
        """Terms that stand beside each other, "software engineer" say, weighed as the lighter of the two."""
        return {pair: min(self.weights[term] for term in pair) for pair in pairwise(self.words)}


def read_question(text: str, weigh: Callable[[Sequence[str]], Mapping[str, float]] | None = None) -> Query:
    """What a question asks for. `weigh` tells how much each term counts; without it all count alike."""
    words = split_terms(text)
    return Query(
        text,
        kind=next((name for name, pattern in KINDS if pattern.search(text)), "open"),
        words=words,
        weights=weigh(words) if weigh else dict.fromkeys(words, 1.0),
        wants_list=bool(LIST_QUESTION.search(text)),
        compares=bool(COMPARISON.search(text)),
        defines=bool(DEFINITION.match(text)),
    )


def has_kind(kind: str, text: str) -> bool:
    """True when `text` holds the sort of thing that a question of this kind asks for; always for "open"."""
    pattern = KIND_PATTERNS.get(kind)
    return pattern is None or bool(pattern.search(text))


def cover(weights: Mapping[Key, float], held: Iterable[Key]) -> float:
    """The share of the weight that `held` holds, 0 to 1; 0 when there is nothing to hold."""
    total = sum(weights.values())
    kept = set(held)
    return sum(weight for key, weight in weights.items() if key in kept) / total if total else 0.0


def match_heading(weights: Mapping[str, float], heading: Sequence[str]) -> float:
    """F1 of a heading and a question: a heading about somebody else is no match, however much it shares."""
    if not heading:
        return 0.0
    precision = sum(term in weights for term in heading) / len(heading)
    recall = cover(weights, heading)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


@cache
def _frame_terms() -> frozenset[str]:
    return frozenset(split_terms(FRAME_WORDS))
