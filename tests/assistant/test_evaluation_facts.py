"""Facts are found however they are typed, amounts however they are written, and never in part of a longer number."""

from __future__ import annotations

import pytest

from assistant.evaluation.facts import Amount, AnyOf, as_json, find_fact, holds_fact, read_amounts


@pytest.mark.parametrize(
    ("quote", "fact"),
    [
        ("They earn  $158,147\na year", "$158,147 A YEAR"),
        ("growth of 5–7 percent", "5-7 percent"),
        ("the company’s “own” data", 'company\'s "own" data'),
        ("between 40 and 50", "40 and 50"),
        ("$158,147", "$158"),
        ("$130–160K", "160K"),
        ("soft\u00adware", "software"),
    ],
)
def test_a_fact_is_found_whatever_its_case_space_and_typography(quote: str, fact: str) -> None:
    assert holds_fact(quote, fact)


@pytest.mark.parametrize(("quote", "fact"), [("$158", "$15"), ("112%", "12%"), ("3.5%", "5%"), ("3.5", "3"), ("a", "")])
def test_a_fact_is_not_cut_out_of_a_longer_number(quote: str, fact: str) -> None:
    assert not holds_fact(quote, fact)


SALARY = Amount(158_147, "$")


@pytest.mark.parametrize(
    "written",
    ["$158,147", "158147 dollars", "US$ 158,147", "USD 158,147", "about $158,147.00 a year", "158,147 US dollars"],
)
def test_an_amount_is_one_however_it_is_written(written: str) -> None:
    assert holds_fact(written, SALARY)


@pytest.mark.parametrize("written", ["$158K", "$158.1 thousand", "$0.158 million"])
def test_a_rounded_amount_is_the_same_where_the_prompt_allows_it(written: str) -> None:
    assert holds_fact(written, Amount(158_147, "$", tolerance=500))
    assert not holds_fact(written, SALARY)


@pytest.mark.parametrize("written", ["$158,148", "€158,147", "158,147 people", "$1,158,147", "$158,147,000", "158147%"])
def test_another_amount_is_not_the_same(written: str) -> None:
    assert not holds_fact(written, SALARY)


def test_a_number_without_a_unit_is_found_with_any() -> None:
    assert holds_fact("26% by 2033", Amount(26))
    assert not holds_fact("126% by 2033", Amount(26))


@pytest.mark.parametrize(("written", "unit"), [("17 per cent", "%"), ("17%", "percent"), ("17 years", "year")])
def test_a_unit_has_one_name(written: str, unit: str) -> None:
    assert holds_fact(written, Amount(17, unit))


@pytest.mark.parametrize("written", ["$130–160K", "$130K to $160K", "between $130K and $160K"])
def test_the_ends_of_a_range_share_what_is_written_once(written: str) -> None:
    assert holds_fact(written, Amount(130_000, "$"))
    assert holds_fact(written, Amount(160_000, "$"))


def test_a_range_that_rises_into_thousands_is_not_scaled_twice() -> None:
    assert [found.value for found in read_amounts("900 to 1K people")] == [900, 1000]


def test_one_of_several_facts_is_enough() -> None:
    fact = AnyOf(("base pay", SALARY))
    assert holds_fact("the base pay", fact)
    assert holds_fact("158147 dollars", fact)
    assert not holds_fact("the total pay", fact)


@pytest.mark.parametrize(
    ("text", "fact", "found"),
    [
        ("They  earn “$158,147” now", SALARY, "$158,147"),
        ("soft\u00adware\n\n engineers", "software engineers", "soft\u00adware\n\n engineers"),
        ("Straße … und", "strasse ...", "Straße …"),
    ],
)
def test_a_fact_is_found_where_it_stands_in_the_text_as_written(text: str, fact: str | Amount, found: str) -> None:
    assert [text[start:end] for start, end in find_fact(text, fact)] == [found]


def test_a_fact_is_written_as_a_prompt_file_has_it() -> None:
    assert as_json(AnyOf(("a", Amount(2, "%", 0.5)))) == {"any": ["a", {"number": 2, "unit": "%", "tolerance": 0.5}]}
