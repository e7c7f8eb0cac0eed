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


def test_a_bare_it_gets_the_topic_beside_it() -> None:
    assert follow("Is it hard?", "What does a data scientist do?") == "Is it hard (data scientist)?"


@pytest.mark.parametrize(
    "question",
    [
        "How long does it take to become a pilot?",
        "Is it worth studying law?",
        "Which jobs are there for teenagers who love maps?",
        "How do I write a cover letter and make it stand out?",
        "Is the pay of plumbers fair?",
        "Do nurses or teachers earn more?",
        "What is the fastest growing occupation?",
        "What do actuaries do?",
        "Who was Florence Nightingale, and what did she change?",
        "Did Florence Nightingale publish her notes?",
    ],
)
def test_a_question_that_names_its_own_subject_gets_no_other_one(question: str) -> None:
    assert follow(question, "What does a data scientist do?") == question


@pytest.mark.parametrize(
    "question",
    [
        "Is a degree needed?",
        "What is the outlook?",
        "Is there a shortage?",
        "Is the training long?",
        "What else should I know?",
        "Which other jobs are there?",
        "Who earns more?",
        "salary",
        "how long does that take",
    ],
)
def test_a_question_that_leaves_its_subject_out_gets_it_beside_it(question: str) -> None:
    assert follow(question, "What does an actuary do?") == f"{question.rstrip('?')} (actuary)?"


def test_a_thing_is_not_taken_for_the_person_beside_it() -> None:
    assert follow("Do parents recommend it?", "What does an actuary do?") == "Do parents recommend it (actuary)?"


def test_a_topic_is_handed_on_from_follow_up_to_follow_up() -> None:
    dialogue = ["What does an actuary do?", "What training is needed?", "How long does that take?"]
    assert follow("And is it hard?", *dialogue) == "And is it hard (actuary)?"


def test_words_that_the_question_has_are_not_repeated_beside_it() -> None:
    assert follow("Is it like nursing?", "How do nursing and surgery differ?") == "Is it like nursing (surgery)?"


def test_no_more_than_three_phrases_stand_beside_a_question() -> None:
    assert follow("Is it?", "Glass, steel, paper, wool or cotton?") == "Is it (Glass, steel, paper)?"


def test_names_of_the_answer_stand_beside_a_question_that_follows_one_without_a_subject() -> None:
    history = [Turn("Which one is the best place to live?", answer="Vienna is praised for its housing.")]
    assert "Vienna" in rephrase("Is it expensive?", history)


def test_the_answer_adds_nothing_where_the_question_named_a_role() -> None:
    history = [Turn("What does a nurse do?", answer="Nurses work in hospitals, says the Bureau.")]
    assert rephrase("Is it hard?", history) == "Is it hard (nurse)?"


def test_another_place_takes_the_place_of_the_one_asked_about() -> None:
    assert follow("And in Germany?") == "How much does a machine learning engineer earn in Germany?"


def test_a_place_may_begin_with_a_capital() -> None:
    assert follow("In Germany?") == "How much does a machine learning engineer earn in Germany?"


@pytest.mark.parametrize("question", ["Tell me more", "more", "Go on", "yes please", "More details?"])
def test_a_wish_for_more_asks_the_same_again(question: str) -> None:
    assert follow(question) == PAY


@pytest.mark.parametrize("question", ["And if I have a degree?", "What if I have a degree?"])
def test_a_condition_is_added_to_what_was_asked(question: str) -> None:
    assert follow(question, "How do I become a pilot?") == "How do I become a pilot, if I have a degree?"


@pytest.mark.parametrize("question", ["No, I meant nurses", "oops, I mean nurses", "Sorry, I meant nurses."])
def test_a_correction_takes_the_place_of_what_it_corrects(question: str) -> None:
    assert follow(question, "How much do pilots earn?") == "How much do nurses earn?"


def test_thanks_in_between_leave_the_topic_standing() -> None:
    assert follow("Is it hard?", "What does an actuary do?", "Thank you!") == "Is it hard (actuary)?"


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


ELECTRICIANS = "How much do electricians earn?"
NURSES_IN_THE_US = "How much does a registered nurse earn in the US?"


@pytest.mark.parametrize(
    ("dialogue", "expected"),
    [
        # Another place
        ([NURSES_IN_THE_US, "and in Europe?"], "How much does a registered nurse earn in Europe?"),
        ([NURSES_IN_THE_US, "And Germany?"], "How much does a registered nurse earn in Germany?"),
        ([NURSES_IN_THE_US, "and germany"], "How much does a registered nurse earn in the US, germany?"),
        ([ELECTRICIANS, "I meant in Canada"], "How much do electricians earn in Canada?"),
        ([ELECTRICIANS, "in texas"], "How much do electricians earn, in texas?"),
        # Another occupation
        ([ELECTRICIANS, "and plumbers"], "How much do plumbers earn?"),
        ([ELECTRICIANS, "Tell me more", "And what about plumbers?"], "How much do plumbers earn?"),
        (["What does an actuary do?", "And a welder?"], "What does a welder do?"),
        (["What does an actuary do?", "Is it hard?", "what about a welder"], "Is it hard (welder)?"),
        # Another side of the same occupation
        (["What does an actuary do?", "salary", "and the hours"], "and the hours (actuary)?"),
        (["What does an actuary do?", "how much do they earn"], "how much do they earn (actuary)?"),
        ([ELECTRICIANS, "And what about visas?"], "And what about visas (electricians)?"),
        ([ELECTRICIANS, "why so little?"], "why so little (electricians)?"),
        ([ELECTRICIANS, "which states pay them best?"], "which states pay electricians best?"),
        ([ELECTRICIANS, "How many of them are there?"], "How many of them are there (electricians)?"),
        ([ELECTRICIANS, "What are similar jobs?"], "What are similar jobs (electricians)?"),
        ([ELECTRICIANS, "Is that enough to live on?"], "Is that enough to live on (electricians)?"),
        (["What does a nurse do?", "And at night?"], "What does a nurse do, at night?"),
        (["What does a nurse do?", "do they work weekends"], "do nurses work weekends"),
        (["What does a nurse do?", "Is the job dangerous?"], "Is the job dangerous (nurse)?"),
        (
            ["Do lawyers earn more than judges?", "Which one is easier to become?"],
            "Which one is easier to become (lawyers, judges)?",
        ),
        # The same again
        ([ELECTRICIANS, "yes"], ELECTRICIANS),
        ([ELECTRICIANS, "And the degree?", "tell me more"], "And the degree (electricians)?"),
        ([ELECTRICIANS, "why?"], "Why do electricians earn that much?"),
        (["Do lawyers earn more than judges?", "why"], "Why do lawyers earn more than judges?"),
        # Another topic
        ([ELECTRICIANS, "Is it hard?", "yes", "What does a pilot do?"], "What does a pilot do?"),
        ([ELECTRICIANS, "and plumbers", "What do actuaries do?", "salary"], "salary (actuaries)?"),
        ([ELECTRICIANS, "How do I write a resume?"], "How do I write a resume?"),
        ([ELECTRICIANS, "What about the pay of doctors?"], "What about the pay of doctors?"),
        ([ELECTRICIANS, "thanks! and what do nurses do?"], "thanks! and what do nurses do?"),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_the_last_question_of_a_career_dialogue_is_completed(dialogue: list[str], expected: str) -> None:
    *earlier, last = dialogue
    assert follow(last, *earlier) == expected
