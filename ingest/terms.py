"""Text -> terms: what BM25 indexes, and what a question and an answer are compared by. English."""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache

# Raise it when terms of the same text change: libraries then rebuild their full-text index by themselves.
VERSION = 2

# A word keeps what belongs to it: "don't", "C++", "$158,147" gives "158,147".
WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*+(?:\+\+|#)?|\d+(?:[.,]\d+)*+")

STOP_WORDS = frozenset(
    """
    a about above according actually after again all also am an and any are aren't as at be been before being
    besides between both but by can cannot could did didn't do does doesn't doing don't done down during each
    either else etc few for from further get gets given go goes got had has have having he her here here's hers
    herself him himself his how however i i'd i'll i'm i've if in instead into is isn't it it's its itself just
    kind let let's like lot lots many may maybe me might mine more most much must my myself no nor not now of
    off on once one ones only onto or other our ours ourselves out over own per perhaps please quite rather
    really s same shall she should since so some sort such t tell than that that's the their theirs them
    themselves then there there's these they they're thing things this those though through to too two under
    until up upon us use used using very was we we're were what what's whats when where whether which while who
    who's whom whose why will with within without would yes yet you you're you've your yours yourself
    """.split()
)  # Words that career articles use for one another; the first stands for all of its line.
SYNONYMS = """
pay salary salaries earn earns earned earning earnings wage wages compensation compensated comp paid pays income incomes
degree degrees diploma diplomas education educational
grow growth growing grows grew expand expands expansion expanding
fast faster fastest quickly rapid rapidly
job jobs employment position positions
duty duties responsibility responsibilities task tasks
skill skills skillset competence competencies
tool tools toolset toolkit
cost costs price prices cheap cheaper cheapest expensive
math maths mathematics mathematical
hire hires hired hiring recruit recruits recruiting recruitment
main core primary principal chief
world worldwide global globally international internationally
day days daily everyday
change changes changing switch switching move moves moving transition transitioning pivot
company companies business businesses firm firms employer employers organization organizations
big large larger biggest largest
important key essential
study studying studies learn learning learns
easy easier easily simple
hold holds held holding
write writes wrote written writing
begin begins began begun start starts started starting
choose chooses chose chosen choosing
teach teaches taught teaching
decline declines declined declining shrink shrinks shrinking fall falling drop dropping
technician technicians technologist technologists tech techs
veterinary vet vets
love loves loving enjoy enjoys enjoying like
author authors writer
ml mls
usa american america
license licence licensed licenced licensing licensure
3 three
4 four
5 five
6 six
7 seven
8 eight
9 nine
10 ten
12 twelve dozen
"""

# Written short by one and long by another: one form for both. Applied to lower-cased text, in this order.
PHRASES = (
    (r"\bmachine[- ]learning\b", "ml"),
    (r"\bartificial intelligence\b", "ai"),
    (r"\bsoftware (?:developer|dev|programmer)(?=s?\b)", "software engineer"),
    (r"\bswe(?=s?\b)", "software engineer"),
    (r"\bu\.s\.(?:a\.)?|\bunited states(?: of america)?\b", "usa"),
    (r"\bbureau of labor statistics\b", "bls"),
    (r"\bworld economic forum\b", "wef"),
    (r"\blarge language model(?=s?\b)", "llm"),
    (r"\bph\.? ?d\b\.?|\bdoctorates?\b|\bdoctoral\b", "phd"),
    (r"\bin-house\b", "inhouse"),
    (r"\ball day\b", " "),
    (r"(?<=[a-z]{3})is(?=(?:e[drs]?|ing|ations?)\b)", "iz"),  # British spellings; "exercise" becomes one everywhere
    (r"(?<=[a-z]{3})our(?=(?:s|ed|ing)?\b)", "or"),
)
UPPER_CASE_US = re.compile(r"\bUS\b")  # "us" in lower case is a pronoun


@lru_cache(maxsize=15_000)  # some 15 MB; a question looks at about 500 texts, and larger ones made none faster
def split_terms(text: str) -> tuple[str, ...]:
    """The stems of the content words of `text`, in order: lower case, synonyms folded, stop words left out."""
    folded = _drop_accents(UPPER_CASE_US.sub("usa", text).lower())
    for pattern, replacement in _phrases():
        folded = pattern.sub(replacement, folded)
    return tuple(_stem(word) for word in WORD.findall(folded) if word not in STOP_WORDS)


def find_words(text: str) -> list[tuple[int, int]]:
    """(start, end) of each content word of `text` as it stands: nothing is folded, stop words are left out.

    Libraries hold a vector for each of these words, so a change here needs another `method` in ingest/embed.py.
    """
    return [word.span() for word in WORD.finditer(_straighten(text)) if not _is_stop_word(word.group())]


def _is_stop_word(word: str) -> bool:
    return word.lower() in STOP_WORDS and not UPPER_CASE_US.fullmatch(word)


def _drop_accents(text: str) -> str:
    if text.isascii():
        return text
    decomposed = unicodedata.normalize("NFKD", _straighten(text))
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def _straighten(text: str) -> str:
    """One letter for one, so that every offset stays."""
    return text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")


@lru_cache(maxsize=100_000)
def _stem(word: str) -> str:
    if word[0].isdigit():
        return word.replace(",", "")
    stem = _stem_english(word.removesuffix("'s").replace("'", ""))
    return _synonyms().get(stem, stem)


def _stem_english(word: str) -> str:
    """With a stemmer of its own, which takes a microsecond: it keeps the word in itself while it works, and when all
    shared one, four threads were given the stems of one another's words (1,885 of 5,151 wrong).
    """
    import snowballstemmer

    return str(snowballstemmer.stemmer("english").stemWord(word))


@cache
def _synonyms() -> dict[str, str]:
    lines = [line.split() for line in SYNONYMS.strip().splitlines()]
    return {_stem_english(word): _stem_english(words[0]) for words in lines for word in words}


@cache
def _phrases() -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((re.compile(pattern), replacement) for pattern, replacement in PHRASES)
