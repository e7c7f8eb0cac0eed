"""A follow-up becomes a question that stands alone; a question that stands alone stays as it is."""

from __future__ import annotations

import pytest

from assistant.conversation import Turn
from assistant.rephrase import rephrase

PAY = "How much does a machine learning engineer earn in the US?"


def follow(question: str, *earlier: str) -> str:
    return rephrase(question, [Turn(one) for one in earlier or (PAY,)])


@pytest.mark.parametrize(
    "question",
    ["How much does a nurse earn?", "And a software engineer?", "why?", "What about the degree?", "Tell me more", "?"],
)
def test_the_first_question_is_left_as_it_is(question: str) -> None:
    assert rephrase(question, []) == question


@pytest.mark.parametrize(
    "question",
    [
        "What is the capital of Australia?",
        "How much does a software engineer earn?",
        "What skills does a nurse need?",
        "Is it possible to be both a nurse and a dentist?",
        "List the tools that data scientists use.",
        "Which jobs grow fastest?",
    ],
)
def test_a_question_that_stands_alone_is_left_as_it_is(question: str) -> None:
    assert follow(question) == question


@pytest.mark.parametrize("courtesy", ["Thanks!", "thank you", "ok", "Great.", "Hello", "Bye!"])
def test_a_courtesy_asks_nothing_again(courtesy: str) -> None:
    assert follow(courtesy) == courtesy


def test_white_space_is_made_single() -> None:
    assert follow("  How much\n does a   nurse earn? ") == "How much does a nurse earn?"


@pytest.mark.parametrize(
    "question",
    [
        "And a software engineer?",
        "And software engineers?",
        "What about a software engineer?",
        "How about a software engineer?",
        "And for a software engineer?",
        "The same for a software engineer",
        "Ok, and a software engineer?",
    ],
)
def test_another_role_takes_the_place_of_the_one_asked_about(question: str) -> None:
    assert follow(question) == "How much does a software engineer earn in the US?"


def test_the_article_before_another_role_is_set_right() -> None:
    assert follow("And an accountant?", "How much does a nurse earn?") == "How much does an accountant earn?"


def test_another_role_takes_the_number_of_the_one_asked_about() -> None:
    assert follow("And a pilot?", "How much do nurses earn?") == "How much do pilots earn?"


@pytest.mark.parametrize("question", ["Why?", "why", "And why?", "How come?", "Why is that?"])
def test_why_asks_for_the_reason_of_what_was_asked(question: str) -> None:
    rewritten = follow(question)
    assert rewritten.startswith("Why")
    assert "machine learning engineer" in rewritten
    assert "earn" in rewritten


@pytest.mark.parametrize("question", ["What about the degree?", "And the degree?", "and their degree?"])
def test_another_side_of_the_matter_is_asked_of_the_same_role(question: str) -> None:
    rewritten = follow(question)
    assert "degree" in rewritten
    assert "machine learning engineer" in rewritten


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("How much do they earn?", "How much do nurses earn?"),
        ("What are their duties?", "What are nurses' duties?"),
        ("How do I become one?", "How do I become a nurse?"),
    ],
)
def test_a_pronoun_is_replaced_by_the_role_that_it_stands_for(question: str, expected: str) -> None:
    assert follow(question, "What does a nurse do?") == expected


def test_a_pronoun_beside_a_role_is_left_alone() -> None:
    assert follow("What do nurses say about their pay?") == "What do nurses say about their pay?"


def test_a_bare_it_gets_the_earlier_question_beside_it() -> None:
    assert "data scientist" in follow("Is it hard?", "What does a data scientist do?")


def test_another_place_takes_the_place_of_the_one_asked_about() -> None:
    assert follow("And in Germany?") == "How much does a machine learning engineer earn in Germany?"


def test_a_place_may_begin_with_a_capital() -> None:
    assert follow("In Germany?") == "How much does a machine learning engineer earn in Germany?"


@pytest.mark.parametrize("question", ["Tell me more", "more", "Go on", "yes please", "More details?"])
def test_a_wish_for_more_asks_the_same_again(question: str) -> None:
    assert follow(question) == PAY


def test_a_narrower_question_keeps_what_it_narrows() -> None:
    rewritten = follow("And with bonuses?")
    assert rewritten.startswith(PAY.rstrip("?"))
    assert "with bonuses" in rewritten


def test_a_follow_up_to_a_follow_up_is_completed() -> None:
    assert follow("And the degree?", PAY, "And a software engineer?") == follow(
        "And the degree?", "How much does a software engineer earn in the US?"
    )


def test_the_latest_role_is_the_one_that_is_meant() -> None:
    assert "nurses" in follow("What do they do?", PAY, "How much does a nurse earn?")


def test_a_question_without_a_role_leaves_the_role_standing() -> None:
    assert "nurses" in follow("What do they do?", "How much does a nurse earn?", "What is the weather like?")


def test_a_turn_that_knows_its_standalone_question_is_read_by_it() -> None:
    history = [Turn("And him?", standalone="How much does a pilot earn?")]
    assert rephrase("And a nurse?", history) == "How much does a nurse earn?"


def test_an_empty_turn_changes_nothing() -> None:
    assert follow("And a software engineer?", PAY, " ") == follow("And a software engineer?")


def test_the_same_question_and_history_give_the_same_search() -> None:
    assert follow("And a nurse?") == follow("And a nurse?")


@pytest.mark.parametrize(
    "piece",
    ["and ", "A ", "in the A", "they ", "engineer ", "what about ", "-", "\\1", "\ud800", "(", "thanks "],
    ids=repr,
)
def test_a_hostile_follow_up_is_read_to_the_end(piece: str) -> None:
    assert follow(piece * (20_000 // len(piece)) + "zebra").count("zebra") == 1


@pytest.mark.parametrize(
    "earlier", ["(", "\\g<9>", "engineer" * 200, "a " * 5_000, "?" * 5_000], ids=lambda text: text[:6]
)
def test_a_hostile_history_is_read_to_the_end(earlier: str) -> None:
    assert "nurse" in follow("And a nurse?", earlier)
