"""A question with its slips of the pen set right, so that one wrong letter does not hide what the articles hold."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from assistant.question import FRAME_WORDS
from ingest.terms import STOP_WORDS, find_words, split_terms

if TYPE_CHECKING:
    from ingest.library import Library

COMMON = STOP_WORDS.union(FRAME_WORDS.split())
SHORTEST = 6  # characters: a shorter word is too near to too many others ("repel", "rebel")
LONG = 9  # characters, of words in which two letters may be wrong
WORDS_TRIED = 4  # 10 ms each
TERMS_TRIED = 3
PASSAGES_READ = 3  # that hold the right word, to see how it is written


def correct_spelling(question: str, library: Library) -> str:
    """The question with words that neither the library nor the embedding model knows as they are spelt elsewhere.

    Only words in small letters: what has a capital may be a name, and a name allows no substitute. One letter may be
    wrong, in long words two, never the first; two letters in each other's place count as one.
    """
    suspects = ((start, end) for start, end in find_words(question) if _is_suspect(question[start:end], library))
    corrected = question
    for start, end in reversed(list(islice(suspects, WORDS_TRIED))):
        word = question[start:end]
        corrected = corrected[:start] + (_find_spelling(word, library) or word) + corrected[end:]
    return corrected


def _is_suspect(word: str, library: Library) -> bool:
    if len(word) < SHORTEST or not (word.isalpha() and word.islower()):
        return False
    held = library.document_frequencies(split_terms(word))
    # What the embedding model knows is a word, though the library may lack it: "vacation" is no slip for "vocation".
    return not any(held.values()) and not library.knows_word(word)


def _find_spelling(word: str, library: Library) -> str:
    """The nearest word that every question may use, or else of the library, in most passages first; "" without one."""
    stem, most = "".join(split_terms(word)), 2 if len(word) >= LONG else 1
    common = min(COMMON, key=lambda form: (count_slips(word, form, most), form))
    if common[0] == word[0] and count_slips(word, common, most) <= most:
        return common
    terms = library.list_terms(stem[:1], len(stem) - most, len(stem) + most) if stem else {}
    slips = {term: count_slips(stem, term, most) for term in terms}
    near = sorted((term for term in terms if slips[term] <= most), key=lambda term: (slips[term], -terms[term], term))
    for term in near[:TERMS_TRIED]:
        # Stems may be near where words are not: "untrained" and "Ukraine".
        forms = {form: count_slips(word, form, most) for form in _list_forms(term, library)}
        form = min(forms, key=lambda form: (forms[form], form), default="")
        if form and forms[form] <= most:
            return form
    return ""


def _list_forms(term: str, library: Library) -> Iterator[str]:
    """The words of the library that have this stem, in small letters, and what they are in the singular."""
    for passage_id, _ in library.search_text(term, PASSAGES_READ):
        for stored in library.passages([passage_id]).values():
            text = stored.passage.embedded_text
            words = (text[start:end].lower() for start, end in find_words(text))
            forms = (form for word in words for form in (word, word.removesuffix("s")))
            yield from (form for form in forms if split_terms(form) == (term,))


def count_slips(one: str, other: str, most: int) -> int:
    """Letters left out, put in, taken for another or in each other's place; more than `most` need not be exact.

    Optimal string alignment (Damerau 1964).
    """
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, start=1):
        last, before, row = before, row, [i]
        for j, against in enumerate(other, start=1):
            cost = min(before[j] + 1, row[-1] + 1, before[j - 1] + (letter != against))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == against:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
    return row[-1]
