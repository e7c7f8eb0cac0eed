"""What a question asks for: its kind and its terms. English."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from ingest.terms import split_terms

# Words that say what form the answer should have; a text that answers need not hold them.
FRAME_WORDS = frozenset(
    "actual actually amount answer become compare compared comparison difference differences differ different describe define definition explain example examples exactly fast figure find figures give happen happened kind kinds know list long look make makes mean means meant name named number numbers part people person percent percentage say says sort study take term type types typical typically usual usually versus vs want way ways word work worth".split()  # fmt: skip
)

MONEY = re.compile(r"[$€£¥]\s?\d|\b\d[\d,.]*\s?(?:k|million|billion|dollars?|euros?|pounds?|usd|eur|gbp|cents?)\b", re.I)
NUMBER = re.compile(
    r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozens?|hundreds?|thousands?|millions?|half|third|quarter|twice|double|none|several)\b",
    re.I,
)
DATE = re.compile(
    r"\b(?:1\d{3}|20\d{2})s?\b|\b(?:january|february|march|april|may|june|july|august|september|october|november|december|century|decade|monday|tuesday|wednesday|thursday|friday|saturday|sunday|today|yesterday|spring|summer|autumn|winter)\b",
    re.I,
)
REASON = re.compile(
    r"\b(?:because|due to|owing to|since|driven by|thanks to|reasons?|so that|therefore|as a result|result(?:s|ed)? (?:of|from|in)|caus(?:e|es|ed|ing)|in order to|reflects?|led to|leads? to|why|explains?|key driver)\b|—",
    re.I,
)
NAME = re.compile(r"(?<![.!?] )(?<!^)\b[A-Z][\w.&'-]+")

KINDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "amount",
        re.compile(
            r"\bhow much\b|\b(?:salary|salaries|wages?|pay|earn|earns|earnings?|income|compensation|cost|costs|price)\b",
            re.I,
        ),
    ),
    (
        "count",
        re.compile(
            r"\bhow (?:many|fast|large|big|long|often|old|far|high|tall)\b|\bwhat (?:percentage|percent|proportion|share|number|fraction|rate)\b|\bgrowth rate\b",
            re.I,
        ),
    ),
    ("date", re.compile(r"^(?:\W*(?:and|but|so|in|on|by|since|until|from|during))?\W*(?:when|(?:what|which) (?:year|date|month|day|century|decade))\b|\bwhat year\b", re.I)),
    ("reason", re.compile(r"\bwhy\b|\bwhat (?:caused|causes|reasons?)\b|\bhow come\b|\breasons? (?:for|why)\b", re.I)),
    ("person", re.compile(r"\bwho(?:m|se)?\b", re.I)),
    ("place", re.compile(r"\bwhere\b|\b(?:what|which) (?:country|city|place|state|region|continent|location)\b", re.I)),
)
KIND_PATTERNS = {"amount": MONEY, "count": NUMBER, "date": DATE, "reason": REASON, "person": NAME, "place": NAME}

LIST_QUESTION = re.compile(
    r"\b(?:what|which|list|name|give me|tell me)\b.{0,40}?\b(?:are|do|does|should|skills|tools|duties|responsibilities|reasons|industries|sectors|languages|frameworks|steps|benefits|qualities|options|scenarios|situations|libraries|tasks)\b|\blist\b|\bwhat .{0,60}\bdo\b\W*$|\bresponsibilities\b|\bduties\b",
    re.I,
)
COMPARISON = re.compile(
    r"\b(?:compare[ds]?|comparison|versus|vs|differ(?:s|ent|ence|ences)?|better|rather than)\b|\b(?:more|less|higher|lower|bigger|smaller|harder|easier|faster|\w{3,}er) than\b|\bor\b",
    re.I,
)


DEFINITION = re.compile(r"\W*(?:(?:what|who)(?: is|'s|’s| are) (?:an? |the )?[^?]{1,40}\?*$|what (?:does|do) .{1,60}\bmean\b|define\b)", re.I)


@dataclass(frozen=True)
class Query:
    """A question that stands alone, read."""

    text: str
    kind: str  # "amount", "count", "date", "reason", "person", "place" or "open"
    words: tuple[str, ...]  # every term, in order
    weights: Mapping[str, float]  # how much each term tells: its rarity in the library
    wants_list: bool
    compares: bool
    defines: bool  # "what is a …", "what does … mean"

    @property
    def terms(self) -> dict[str, float]:
        """The terms an answer should hold, with their weights: frame words count only if nothing else is left."""
        content = {word: self.weights[word] for word in self.words if word not in _frame_terms()}
        return content or {word: self.weights[word] for word in self.words}

    @property
    def pairs(self) -> dict[tuple[str, str], float]:
        """Terms that stand beside each other, "software engineer" say, weighed as the lighter of the two."""
        neighbours = zip(self.words, self.words[1:], strict=False)
        return {pair: min(self.weights[term] for term in pair) for pair in neighbours}


def read_question(text: str, weigh: Callable[[Sequence[str]], Mapping[str, float]] | None = None) -> Query:
    """What a question asks for. `weigh` tells how much each term counts; without it all count alike."""
    words = split_terms(text)
    weights = weigh(words) if weigh else dict.fromkeys(words, 1.0)
    kind = next((name for name, pattern in KINDS if pattern.search(text)), "open")
    return Query(text, kind, words, weights, bool(LIST_QUESTION.search(text)), bool(COMPARISON.search(text)), bool(DEFINITION.match(text)))


def has_kind(kind: str, text: str) -> bool:
    """True when `text` holds the sort of thing that a question of this kind asks for; always for "open"."""
    pattern = KIND_PATTERNS.get(kind)
    return pattern is None or bool(pattern.search(text))


@cache
def _frame_terms() -> frozenset[str]:
    return frozenset(term for word in FRAME_WORDS for term in split_terms(word))


