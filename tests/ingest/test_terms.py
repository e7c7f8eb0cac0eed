"""Terms are what questions and articles are compared by: one form for what means the same."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import pytest
import snowballstemmer

from ingest.terms import find_words, split_terms


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("salary", "earnings"),
        ("They earn", "their pay"),
        ("machine learning engineer", "ML engineers"),
        ("Machine-Learning Engineer", "ML engineer"),
        ("software developers", "software engineers"),
        ("artificial intelligence", "AI"),
        ("in the US", "in the United States"),
        ("in the U.S.", "in America"),
        ("a Ph.D.", "a doctorate"),
        ("Bureau of Labor Statistics", "the BLS"),
        ("résumé", "resume"),
        ("$158,147", "158147"),
        ("a nurse's pay", "nurses’ pay"),
        ("in-house", "inhouse"),
        ("duties", "responsibilities"),
        ("SALARY", "salary"),
    ],
)
def test_two_ways_to_say_it_give_the_same_terms(one: str, other: str) -> None:
    assert split_terms(one) == split_terms(other) != ()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("C", "C++"),
        ("C++", "C#"),
        ("$158,147", "$158,148"),
        ("3.5", "35"),
        ("software engineer", "machine learning engineer"),
        ("bachelor", "master"),
    ],
)
def test_different_things_have_different_terms(one: str, other: str) -> None:
    assert split_terms(one) != split_terms(other)


@pytest.mark.parametrize("text", ["", "   ", "the of and to", "don't", "Don’t!", "?!…", "_", "\ud800"])
def test_a_text_without_content_words_has_no_terms(text: str) -> None:
    assert split_terms(text) == ()


def test_us_in_lower_case_is_a_pronoun() -> None:
    assert split_terms("tell us more") != split_terms("tell US more")


def test_terms_stand_in_the_order_of_the_text() -> None:
    assert split_terms("nurse pilot") == split_terms("pilot nurse")[::-1]


def test_a_word_said_twice_is_two_terms() -> None:
    assert split_terms("nurse, nurse") == split_terms("nurse") * 2


def test_words_of_other_scripts_are_kept() -> None:
    assert len(split_terms("工程师 инженер مهندس")) == 3


@pytest.mark.parametrize("piece", ["a'", "1,", "u.s.", "ph. d", "é", "machine ", "x", "++", "'"], ids=repr)
def test_a_hostile_megabyte_is_read_to_the_end(piece: str) -> None:
    assert split_terms(piece * (1_000_000 // len(piece)) + " nurse")[-1:] == split_terms("nurse")


def read_words(text: str) -> list[str]:
    return [text[start:end] for start, end in find_words(text)]


def test_words_are_spans_of_the_text_as_it_is_without_stop_words() -> None:
    assert read_words("How much do Nurses earn? $158,147!") == ["Nurses", "earn", "158,147"]


def test_curly_apostrophes_and_accents_leave_the_spans_in_place() -> None:
    assert read_words("Don’t ask: the café’s chef, İpek, isn’t in.") == ["ask", "café’s", "chef", "İpek"]


def test_us_in_capitals_is_a_word() -> None:
    assert read_words("They pay us in the US.") == ["pay", "US"]


def test_a_text_without_content_words_has_no_words() -> None:
    assert read_words("It is what it is \ud800 …") == []


@pytest.fixture
def busy_threads() -> Iterator[None]:
    """Threads that take turns a hundred times as often."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(usual / 100)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("busy_threads")
def test_threads_that_split_at_the_same_time_get_the_terms_of_their_own_words() -> None:
    words = [f"{''.join(letters)}ationalings" for letters in product("bdfgklmnprst", "aeiou", "bdfgklmnprst")]
    with ThreadPoolExecutor(4) as pool:
        terms = list(pool.map(split_terms, words))
    stemmer = snowballstemmer.stemmer("english")
    assert terms == [(stemmer.stemWord(word),) for word in words]
