"""A question is read for what it asks: its kind, its terms, and the form that the answer should have."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from assistant.question import has_kind, read_question
from ingest.terms import split_terms


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("How much does a nurse earn?", "amount"),
        ("What is the salary of a dentist?", "amount"),
        ("How many nurses are there?", "count"),
        ("What percentage of nurses hold a degree?", "count"),
        ("When was the report published?", "date"),
        ("In what year did it begin?", "date"),
        ("Why are dentists paid more?", "reason"),
        ("Who wrote the article?", "person"),
        ("Where do nurses work?", "place"),
        ("Which country has the most pilots?", "place"),
        ("What does a nurse do?", "open"),
        ("", "open"),
    ],
)
def test_a_question_has_the_kind_of_what_it_asks_for(question: str, kind: str) -> None:
    assert read_question(question).kind == kind


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("amount", "They earn $80,000."),
        ("amount", "They earn 80,000 dollars."),
        ("count", "There are three of them."),
        ("date", "It began in 1986."),
        ("reason", "They earn more because they are few."),
        ("person", "It was written by Ada Lovelace."),
        ("place", "Many live in Paris."),
        ("open", "Anything at all."),
    ],
)
def test_a_text_that_holds_what_is_asked_for_is_of_the_kind(kind: str, text: str) -> None:
    assert has_kind(kind, text)


@pytest.mark.parametrize("kind", ["amount", "count", "date", "reason", "person", "place"])
def test_a_text_that_holds_nothing_of_the_sort_is_not_of_the_kind(kind: str) -> None:
    assert not has_kind(kind, "The work is hard.")


def test_the_capital_that_opens_a_sentence_names_nobody() -> None:
    assert not has_kind("person", "Nurses work. Dentists rest.")


@pytest.mark.parametrize(
    "question",
    [
        "What skills does a nurse need?",
        "Which tools do ML engineers use?",
        "List the duties of a nurse.",
        "What are the responsibilities of a dentist?",
    ],
)
def test_a_question_for_several_things_wants_a_list(question: str) -> None:
    assert read_question(question).wants_list


@pytest.mark.parametrize("question", ["How much does a nurse earn?", "When did it begin?", "Why?"])
def test_a_question_for_one_thing_wants_no_list(question: str) -> None:
    assert not read_question(question).wants_list


@pytest.mark.parametrize(
    "question",
    [
        "Nurse or dentist: who earns more?",
        "How does a nurse differ from a dentist?",
        "Do dentists earn more than nurses?",
    ],
)
def test_a_question_about_two_things_compares(question: str) -> None:
    assert read_question(question).compares


def test_a_question_about_one_thing_compares_nothing() -> None:
    assert not read_question("How much does a nurse earn?").compares


@pytest.mark.parametrize("question", ["What is a nurse?", "What does MLOps mean?", "What's an RN?", "Define triage."])
def test_a_question_for_a_meaning_asks_for_a_definition(question: str) -> None:
    assert read_question(question).defines


@pytest.mark.parametrize("question", ["How much does a nurse earn?", "Why is a nurse paid well?"])
def test_other_questions_ask_for_no_definition(question: str) -> None:
    assert not read_question(question).defines


def test_the_terms_are_what_an_answer_should_hold() -> None:
    assert set(read_question("How much does a nurse earn?").terms) == set(split_terms("nurse earn"))


def test_words_that_only_frame_the_question_are_no_terms() -> None:
    assert set(read_question("Explain the difference between nurses and dentists").terms) == set(
        split_terms("nurses dentists")
    )


def test_a_question_of_framing_words_alone_keeps_them() -> None:
    assert read_question("What is the difference?").terms


def test_a_question_without_content_words_has_no_terms() -> None:
    assert not read_question("What is it?").terms


def test_terms_count_alike_when_nothing_is_known_of_them() -> None:
    assert set(read_question("nurse dentist pilot").terms.values()) == {1.0}


def test_terms_count_as_much_as_they_are_told_to() -> None:
    def weigh(terms: Sequence[str]) -> dict[str, float]:
        return {term: float(len(term)) for term in terms}

    weights = read_question("nurse or dentist", weigh).terms
    assert weights == {term: float(len(term)) for term in split_terms("nurse dentist")}


def test_a_pair_of_neighbours_weighs_as_its_lighter_term() -> None:
    nurse, night = split_terms("nurse night")
    query = read_question("nurse night", lambda terms: {nurse: 3.0, night: 2.0})
    assert query.pairs == {(nurse, night): 2.0}


def test_a_single_word_has_no_pairs() -> None:
    assert not read_question("nurse").pairs


@pytest.mark.parametrize(
    "piece", ["what ", "what are ", "? ", "is a ", "or ", "how much ", "é", "\ud800", "'"], ids=repr
)
def test_a_hostile_question_is_read_to_the_end(piece: str) -> None:
    text = piece * (20_000 // len(piece))
    assert read_question(text).text == text


@pytest.mark.parametrize(
    "question", ["Who earns more, a nurse or a welder?", "nurse vs welder", "Is it safer by bus or by car?"]
)
def test_sides_that_are_set_against_each_other_contrast(question: str) -> None:
    assert read_question(question).contrasts


@pytest.mark.parametrize("question", ["Can I travel by bus or by car?", "Do nurses or welders get help?"])
def test_sides_that_are_merely_named_do_not_contrast(question: str) -> None:
    assert not read_question(question).contrasts


@pytest.mark.parametrize(
    ("question", "extreme"),
    [
        ("Which industry pays best?", 1),
        ("In what kind of place do nurses earn the most?", 1),
        ("Who hires the fewest nurses?", -1),
        ("What do the best paid nurses earn?", 0),  # asks for a figure, not for which one has it
        ("Which industries hire nurses?", 0),
        ("Which hospital is the best for nurses?", 0),  # no figure says so
        ("Which are the worst paid nurses?", -1),
    ],
)
def test_which_one_has_most_or_least_is_told_apart(question: str, extreme: int) -> None:
    assert read_question(question).extreme == extreme
