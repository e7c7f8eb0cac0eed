"""The extractive writer: ranked passages -> the sentences, list items and table rows that answer, word for word."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from assistant.conversation import Claim, ScoredPassage, ScoredUnit
from assistant.question import Query, cover, match_heading
from ingest.article import Passage, Unit
from ingest.markdown import read_cells
from ingest.terms import split_terms

LONGEST_ANSWER = 4  # units
LONGEST_COMPARISON = 5
LONGEST_LIST = 12
LONGEST_CHAIN = 2  # sentences quoted before one that leans on them
LONGEST_GAP = 16  # characters between two items of one list: a line break, the indent, the mark
# A further unit is quoted when its log-odds are this close to the best one's. On a quarter of SQuAD 2.0's tuning titles
# 2.5 quoted the answer among three in .900 with 1.8 quotes a reply, 3.5 in .908 with 1.9, 5 in .906 with 2.1.
CLOSE = 3.5
# The other constants down to OWN were set by hand on the shipped prompts and on the text that their facts come from,
# one at a time; no benchmark has varied them yet.
# A list that was asked for may stand this far behind.
LIST_CLOSE = 4.0
# Two units with this share of their terms in common say the same thing.
SAME = 0.8
# A further unit, with its headings, holds at least this share of what the first one holds of the question's terms.
SUBJECT = 0.9
# Worth of a unit, in log-odds, for bringing what the units before it lack.
NEW_TERMS = 3.0
NEW_SIDE = 4.0
# A list item that holds less than this share of the question's terms by itself was found by its heading.
OWN = 0.15
FIGURE = re.compile(r"\d[\d.,]*")
# Opens a sentence that leans on the one before it; "It is hard to …" leans on nothing.
LEANING = re.compile(
    r"(?!it (?:is|was|can be|may be) (?:\w+ ){1,2}(?:to|that|for)\b)"
    r"(?:this|that|these|those|they|it|its|their|he|she|his|her|such|both|however|therefore|moreover|furthermore"
    r"|instead|also|in addition|as a result|for example|by contrast|the latter|the former)\b",
    re.I,
)


@dataclass(frozen=True)
class _Candidate:
    """A unit where it stands."""

    number: int  # of its passage, from 1
    index: int  # among the passage's units
    passage: Passage
    scored: ScoredUnit

    @cached_property
    def terms(self) -> frozenset[str]:
        return frozenset(split_terms(self.scored.text))

    @cached_property
    def about(self) -> frozenset[str]:
        """The unit's terms and those of what announces it, the article's title left out: it is about everything."""
        above = (*self.passage.headings, self.passage.announcement(self.scored.unit))
        return self.terms.union(split_terms("\n".join(above)))

    @property
    def place(self) -> tuple[str, int]:
        return (self.passage.article_id, self.scored.unit.start)


class ExtractiveWriter:
    """Answers with the articles' own words; needs no model."""

    name = "extractive"

    def write(self, query: Query, passages: Sequence[ScoredPassage]) -> Iterator[Claim]:
        """One to five units that answer, or the list that was asked for, in reading order, each with its passage."""
        candidates = _read_candidates(passages)
        # Where every unit but repeats its heading, the best of them is still all that the articles say.
        chosen = _choose_units(query, candidates) or candidates[:1]
        chosen = _complete_lists(query, chosen, candidates)
        yield from _lay_out(_add_antecedents(chosen, candidates))


def _read_candidates(passages: Sequence[ScoredPassage]) -> list[_Candidate]:
    candidates = [
        _Candidate(number, index, scored.passage, unit)
        for number, scored in enumerate(passages, start=1)
        for index, unit in enumerate(scored.units)
    ]
    return sorted(candidates, key=lambda candidate: -candidate.scored.score)


def _choose_units(query: Query, candidates: list[_Candidate]) -> list[_Candidate]:
    """Greedily the best unit, then those that come close, sooner when they bring something new.

    Maximal marginal relevance (Carbonell & Goldstein 1998) with the question's own terms as what can be new.
    """
    sides = query.sides
    chosen: list[_Candidate] = []
    while len(chosen) < min(LONGEST_COMPARISON, LONGEST_ANSWER + len(sides)):
        rest = [other for other in candidates if _may_follow(query, other, chosen)]
        if not rest:
            break
        best = max(rest, key=lambda candidate: _worth(candidate, chosen, query, sides))
        if chosen and _worth(best, chosen, query, sides) < chosen[0].scored.score - CLOSE:
            break
        chosen.append(best)
    return chosen


def _complete_lists(query: Query, chosen: list[_Candidate], candidates: list[_Candidate]) -> list[_Candidate]:
    """The whole list instead of some of its items, when the question is about the list.

    Before it stands the best unit; all those better than its items, when it was they that brought the list in.
    """
    lists = [
        items for first in _list_starts(query, chosen, candidates) if len(items := _list_around(first, candidates)) > 1
    ]
    asked = [items for items in lists if _is_about_list(query, items) and _is_wanted(query, items, chosen)]
    # max keeps the first of equals, and they stand in the order of their scores.
    best = max(asked, key=lambda items: _match_heading(query, items[0]), default=[])
    if not best or _match_heading(query, best[0]) < _match_heading(query, chosen[0]):
        return chosen
    first = next((place for place, unit in enumerate(chosen) if unit in best), 1)
    return chosen[: min(first, 1) if query.wants_list else first] + best[:LONGEST_LIST]


def _match_heading(query: Query, candidate: _Candidate) -> float:
    return match_heading(query.weights, split_terms(candidate.passage.heading))


def _is_wanted(query: Query, items: list[_Candidate], chosen: list[_Candidate]) -> bool:
    taken = [unit for unit in chosen if unit in items]
    return query.wants_list or len(taken) > 1 or chosen[0] in taken


def _list_starts(query: Query, chosen: list[_Candidate], candidates: list[_Candidate]) -> list[_Candidate]:
    """Units that may belong to the list asked for: those chosen and, for a list question, those close behind."""
    if not query.wants_list or not chosen:
        return chosen
    return chosen + [other for other in candidates if other.scored.score >= chosen[0].scored.score - LIST_CLOSE]


def _list_around(candidate: _Candidate, candidates: list[_Candidate]) -> list[_Candidate]:
    """The items of the list that the candidate is part of or introduces, in the passages beside it too."""
    passage = candidate.passage
    same = [
        c for c in candidates if (c.passage.article_id, c.passage.headings) == (passage.article_id, passage.headings)
    ]
    same.sort(key=lambda other: other.scored.unit.start)
    first = last = same.index(candidate) + candidate.scored.text.endswith(":")
    while 0 < first < len(same) and _continues_list(same[first - 1], same[first]):
        first -= 1
    while last < len(same) and (last == first or _continues_list(same[last - 1], same[last])):
        last += 1
    return [item for item in same[first:last] if item.scored.unit.kind == "item"]


def _continues_list(item: _Candidate, following: _Candidate) -> bool:
    """True for two items with nothing but a line break and a mark between them."""
    between = following.scored.unit.start - item.scored.unit.end
    return item.scored.unit.kind == following.scored.unit.kind == "item" and between <= LONGEST_GAP


def _is_about_list(query: Query, items: list[_Candidate]) -> bool:
    """True when no item holds a term of the question that the heading and lead-in lack: it asks for all of them."""
    if any(_is_named(query, item) for item in items):
        return False
    passage = items[0].passage
    above = {*split_terms(passage.context), *split_terms(passage.announcement(items[0].scored.unit))}
    terms, total = query.terms, sum(query.terms.values())
    lacking = {term: weight for term, weight in terms.items() if term not in above}
    return all(sum(lacking[term] for term in item.terms if term in lacking) <= OWN * total for item in items)


def _is_named(query: Query, item: _Candidate) -> bool:
    """True for an item "label: value" whose label the question names: that item is asked for, not the others."""
    label, colon, _ = item.scored.text.partition(":")
    terms = split_terms(label)
    return bool(colon and terms) and set(terms) <= set(query.words)


def _may_follow(query: Query, candidate: _Candidate, chosen: list[_Candidate]) -> bool:
    """True for a unit that says more of the first one's subject, comes nearer in meaning, or has what it lacks."""
    if _is_said(candidate, chosen) or _is_empty(candidate):
        return False
    if not chosen:
        return True
    first, terms = chosen[0], query.terms
    both_rows = candidate.scored.unit.kind == first.scored.unit.kind == "row"
    if both_rows and cover(terms, candidate.terms) < SUBJECT * cover(terms, first.terms):
        return False  # the other rows of a table are about others
    same_subject = cover(terms, candidate.about) >= SUBJECT * cover(terms, first.about)
    nearer = candidate.scored.similarity >= first.scored.similarity
    return same_subject or nearer or bool(terms.keys() & candidate.about - first.about)


def _worth(candidate: _Candidate, chosen: list[_Candidate], query: Query, sides: list[frozenset[str]]) -> float:
    if not chosen:
        return candidate.scored.score
    held = frozenset[str]().union(*(other.terms for other in chosen))
    terms = query.terms
    total = sum(terms.values()) or 1.0
    fresh = sum(weight for term, weight in terms.items() if term in candidate.terms and term not in held) / total
    new_side = any(_is_about(candidate, side) and not any(_is_about(o, side) for o in chosen) for side in sides)
    return candidate.scored.score + NEW_TERMS * fresh + NEW_SIDE * new_side


def _is_about(candidate: _Candidate, side: frozenset[str]) -> bool:
    return bool(side & candidate.about)


def _is_said(candidate: _Candidate, chosen: list[_Candidate]) -> bool:
    terms = candidate.terms
    return any(
        other.place == candidate.place or len(terms & other.terms) >= SAME * len(terms | other.terms)
        for other in chosen
    )


def _is_empty(candidate: _Candidate) -> bool:
    """True for what answers nothing by itself: a sentence that announces a list, a caption that repeats its heading."""
    above = f"{candidate.passage.context} {candidate.passage.announcement(candidate.scored.unit)}"
    return candidate.scored.text.endswith(":") or not candidate.terms.difference(split_terms(above))


def _add_antecedents(chosen: list[_Candidate], candidates: list[_Candidate]) -> list[_Candidate]:
    """Make one quote of a sentence that begins with "this" or "they" and what stands before it and says what they are.

    A quote keeps the place of the first of its units that was chosen.
    """
    by_place = {(other.number, other.index): other for other in candidates}
    quotes: list[tuple[_Candidate, _Candidate]] = []  # the first and the last unit of each
    for candidate in chosen:
        first = _find_antecedent(candidate, by_place)
        touching = next((place for place, quote in enumerate(quotes) if _overlap(quote, first, candidate)), None)
        if touching is None:
            quotes.append((first, candidate))
        else:
            begin, end = quotes[touching]
            quotes[touching] = (min(begin, first, key=_index), max(end, candidate, key=_index))
    return [_join_units(first, last) for first, last in quotes]


def _find_antecedent(candidate: _Candidate, by_place: Mapping[tuple[int, int], _Candidate]) -> _Candidate:
    """The nearest sentence at or before the candidate that leans on none, at most LONGEST_CHAIN before it."""
    first = candidate
    for _ in range(LONGEST_CHAIN):
        before = by_place.get((first.number, first.index - 1))
        sentences = before and before.scored.unit.kind == first.scored.unit.kind == "sentence"
        if not (before and sentences and LEANING.match(first.scored.text)):
            break
        first = before
    return first


def _overlap(quote: tuple[_Candidate, _Candidate], first: _Candidate, last: _Candidate) -> bool:
    begin, end = quote
    return begin.number == first.number and begin.index <= last.index and first.index <= end.index


def _index(candidate: _Candidate) -> int:
    return candidate.index


def _join_units(first: _Candidate, last: _Candidate) -> _Candidate:
    if first == last:
        return last
    passage, unit = last.passage, Unit(first.scored.unit.start, last.scored.unit.end, "sentence")
    text = passage.text[unit.start - passage.start : unit.end - passage.start]
    return replace(last, scored=replace(last.scored, unit=unit, text=text))


def _lay_out(chosen: list[_Candidate]) -> Iterator[Claim]:
    """The sentence that answers best, then the rest as the articles have it; lists and rows a line each.

    Sections stand in the order of their best unit.
    """
    rank: dict[tuple[str, tuple[str, ...]], int] = {}
    for candidate in chosen:
        rank.setdefault((candidate.passage.article_id, candidate.passage.headings), len(rank))
    ordered = sorted(
        chosen,
        key=lambda c: (
            c != chosen[0] or c.scored.unit.kind != "sentence",
            rank[c.passage.article_id, c.passage.headings],
            c.scored.unit.start,
        ),
    )
    previous: _Candidate | None = None
    for candidate in ordered:
        yield Claim(
            text=_show(candidate),
            passages=(candidate.number,),
            unit=candidate.scored.unit,
            prefix=_join(previous, candidate),
        )
        previous = candidate


def _join(previous: _Candidate | None, candidate: _Candidate) -> str:
    bullet = "- " if candidate.scored.unit.kind in ("item", "row") else ""
    if previous is None:
        return bullet
    if bullet:
        return "\n" + bullet if previous.scored.unit.kind in ("item", "row") else "\n\n" + bullet
    same_section = previous.passage.headings == candidate.passage.headings
    follows = candidate.scored.unit.start > previous.scored.unit.start
    return " " if same_section and follows and previous.scored.unit.kind == "sentence" else "\n\n"


def _show(candidate: _Candidate) -> str:
    """The unit's words; a table row as "label: column value; column value", which reads without the table."""
    if candidate.scored.unit.kind != "row":
        return candidate.scored.text
    cells = read_cells(candidate.scored.text)
    header = [_name_column(name, candidate.scored.text) for name in _read_header(candidate)]
    named = [
        f"{name}: {cell}" if name and name != cell else cell
        for name, cell in zip([*header, *[""] * len(cells)], cells, strict=False)
        if cell
    ]
    if header and len(named) > 1:
        return f"{cells[0]} – " + "; ".join(named[1:]) if cells[0] else "; ".join(named)
    return "; ".join(named)


def _read_header(candidate: _Candidate) -> list[str]:
    announced = candidate.passage.announcement(candidate.scored.unit).rpartition("\n")[2]
    return read_cells(announced) if announced.startswith("|") else []


def _name_column(name: str, row: str) -> str:
    """A column's name without figures that the row lacks: each figure of an answer stands in its quote."""
    return " ".join(word for word in name.split() if all(figure in row for figure in FIGURE.findall(word)))
