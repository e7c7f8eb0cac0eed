"""Text -> the spans of its sentences, by one regular expression and a few rules about the words around a mark.

Measured against the packages that do the same (`python -m tests.benchmarks sentences`). F1 of the boundaries in 79
texts written for it and not tuned on, in web text, and in the same web text without capitals:

    ours                     99.0  99.5  98.8    10 MB/s    1 MB of hostile text: 0.9 s at worst
    sentencex 1.0.32         93.0  94.3  91.2    78 MB/s    0.3 s
    pysbd 0.3.4              90.4  94.3  90.2    0.15 MB/s  stopped after 10 s
    syntok 1.4.4             86.2  98.6  18.0     1 MB/s    2.4 s

sentencex (Rust) is eight times faster, but ours reads 50 kB in 5 ms: accuracy decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

# A sentence longer than this is cut at a clause or a word: nobody wants it quoted whole, and no model reads it whole.
LONGEST_UNIT = 1_000

# Where a sentence may end, and the blanks before the next one. It begins with a set, which the regex engine looks for
# five times faster than for alternatives. Whatever repeats without a bound is possessive, and starts only at the first
# mark of a run (the look-behind): a megabyte of full stops stays linear.
MAY_END = re.compile(
    r"""
    (?P<end> [.!?…。！？｡।॥؟۔]
      (?: (?<=[.!?…]) (?<![.!?…].) (?: (?:\ \.){2,3} | [.!?…]*+ ) (?P<mark>)    # also ". . ."
          ['"'”’»)\]]*+
          (?: (?:\[\w[\w ]{0,20}\])++ | [⁰¹²³⁴-⁹]++ | (?<=[a-z]{3}\.)\d{1,2}(?:,\d{1,2})*+ )?    # a note, not "No.1"
          (?=\s)
        | (?<=[a-z][a-z][.!?]) (?P<glued>) (?=[A-Z])    # "done.Then"
        | (?<=[。！？｡]) [。！？｡]*+ (?![”’」』）]++\w) [”’」』）]*+    # not “你好！”他说
        | (?<=[।॥؟۔]) (?=\s)
      )
    ) \s*+
    """,
    re.VERBOSE | re.DOTALL,
)
FIRST_WORD = re.compile(r"[\"'“‘«(\[]*+([^\s\"'“‘«(\[]{0,20})")
STARTS = re.compile(r"[.!?]\s[^\w.!?]*+(\w)")
LONGEST_ABBREVIATION = 12  # characters
LIST_MARK = re.compile(r"(?:\A|[:;]\s)\(?(?:\d{1,3}|[A-Za-z])\.\Z")
DOTTED = re.compile(r"[^\W\d_]\.|(?:[^\W\d_]{1,2}\.){2,}")  # an initial, U.S., Ph.D., p.m.
# Never end a sentence.
INSIDE = frozenset("e.g. i.e. cf. vs. v. approx. ca.".split())
# Words like any other unless a number follows.
NUMBERED = frozenset("no. nos. art. fig. figs. sec.".split())
# End a sentence only before a word that opens one, like everything dotted.
ABBREVIATIONS = frozenset(
    """
    mr. mrs. ms. messrs. dr. prof. st. mt. gen. sen. sens. rep. gov. capt. lt. col. sgt. rev. hon. jr. sr. inc. ltd. co.
    corp. llc. bros. assn. dept. univ. etc. al. est. avg. min. max. vol. pp. ch. eq. ed. eds. ft. ave. rd. blvd. rt.
    apt. jan. feb. mar. apr. jun. jul. aug. sep. sept. oct. nov. dec. mon. tue. wed. thu. fri. sat. sun.
    """.split()
)
# Begin a sentence with a capital and hardly ever a name.
OPENERS = frozenset(
    """
    a about after all although an and another any are as at because before both but by can could did do does
    during each even every finally first for from furthermore he her here his how however i if in instead is it
    its later many more moreover most my no nor not now of often on one only or other others our over people
    perhaps she should similarly since so some still such than that the their then there therefore these they
    this those though thus to today under unlike until we what when where whether which while who why will with
    within without you your
    """.split()
)


def split_sentences(text: str) -> list[tuple[int, int]]:
    """The (start, end) of each sentence of `text`, outer blanks left out, in time linear in its length."""
    start, stop = len(text) - len(text.lstrip()), len(text.rstrip())
    in_small_letters = _is_in_small_letters(text)
    spans: list[tuple[int, int]] = []
    for match in MAY_END.finditer(text, start, stop):
        if _ends_sentence(text, start, match, in_small_letters=in_small_letters):
            spans.append((start, match.end("end")))
            start = match.end()
    if start < stop:
        spans.append((start, stop))
    return [piece for span in spans for piece in cut_long(text, *span)]


def _is_in_small_letters(text: str) -> bool:
    """Whether sentences begin with a small letter here: at most one in five has a capital."""
    starts = STARTS.findall(f". {text}")
    return 4 * sum(map(str.isupper, starts)) < sum(map(str.islower, starts))


def _ends_sentence(text: str, start: int, match: re.Match[str], *, in_small_letters: bool) -> bool:
    following = FIRST_WORD.match(text, match.end())
    next_word = following[1] if following else ""
    stop = match.end("mark")
    if match["glued"] is not None:
        return _opens(next_word)
    if stop < 0:  # the mark of another script
        return True
    if next_word[:1] in (",", ";", ":") or (_is_small(next_word) and not in_small_letters):
        return False
    if text[match.start() : stop] != ".":
        return text[stop - 1] in "!?" or not in_small_letters
    tail = text[max(start, stop - LONGEST_ABBREVIATION) : stop]
    return _ends_more_than_a_word(tail, next_word, in_small_letters=in_small_letters)


def _ends_more_than_a_word(tail: str, next_word: str, *, in_small_letters: bool) -> bool:
    """Whether the full stop at the end of `tail` belongs to no abbreviation, initial or item's number."""
    word = tail.rsplit(maxsplit=1)[-1].lstrip("\"'“‘«([").lower()
    if word in INSIDE or LIST_MARK.search(tail):
        return False
    if word in NUMBERED:
        return not next_word[:1].isdigit()
    if word in ABBREVIATIONS or DOTTED.fullmatch(word):
        return _opens(next_word) and not in_small_letters
    return True


def _opens(word: str) -> bool:
    return word.rstrip(",;:").lower() in OPENERS


def _is_small(word: str) -> bool:
    """Whether a word begins with a small letter, and is no name like iPhone and no item's letter like "b."."""
    return word[:1].islower() and not word[1:2].isupper() and not (len(word) == 2 and word[1] == ".")


def cut_long(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The span whole, or in pieces of at most LONGEST_UNIT characters, each ending with a clause or a word."""
    while end - start > LONGEST_UNIT:
        window = text[start : start + LONGEST_UNIT]
        cut = max(window.rfind("; "), window.rfind(", ")) + 1 or window.rfind(" ")
        cut = start + (cut if cut > LONGEST_UNIT // 4 else LONGEST_UNIT)
        yield start, cut
        start = _skip_blanks(text, cut)
    if start < end:
        yield start, end


def _skip_blanks(text: str, position: int) -> int:
    while position < len(text) and text[position].isspace():
        position += 1
    return position
