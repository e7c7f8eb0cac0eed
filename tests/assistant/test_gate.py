"""The gate lets through what the passages answer and stops what only sounds as if they did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from assistant.conversation import ScoredPassage, ScoredUnit
from assistant.gate import Evidence, Judgement, is_opposed, judge, read_evidence
from assistant.question import Query, read_question
from assistant.score import score_units
from ingest.article import Passage, Unit
from ingest.settings import IngestSettings
from ingest.split import split_article
from ingest.terms import find_words, split_terms
from tests.fakes import make_article

TEXT = """\
## What a machine learning engineer earns

An ML engineer in the US earned $158,147 in 2025. ML engineers are paid well because their skills are scarce.

## What a software engineer earns

A software engineer in the US earned $112,165 in 2025.

## How jobs grow

The number of software developer jobs will grow by 17% until 2033.

## What a machine learning engineer does

An ML engineer builds systems that learn from data. Each working day of an ML engineer is different.

| Aspect | ML engineer |
| --- | --- |
| Degree requirement | Often a PhD |"""

# A cosine that a paraphrase of the answer has, and one that any other sentence has.
NEAR, FAR = 0.65, 0.15
# The cosine of a word to the same word in a sentence, and to the nearest of others: .64 and .23 are the medians of the
# packaged model on the packaged article.
SAME, OTHER = 0.64, 0.23
# Words that mean the same.
KIN = {"specialist": "engineer", "money": "earned"}
# What a term tells in a library: one that it lacks tells most.
KNOWN, UNKNOWN = 1.5, 5.0


def rank(query: Query, near: str = "", other: float = OTHER) -> list[ScoredPassage]:
    """The article's passages; the units that hold `near` are near in meaning, words that a unit lacks `other`."""
    settings = IngestSettings(_env_file=None)  # type: ignore[call-arg]
    passages = split_article(make_article(TEXT, title="Engineering jobs"), settings)
    return [
        ScoredPassage(passage, 0.5, units=tuple(measure(query, passage, unit, near, other) for unit in passage.units))
        for passage in passages
    ]


def measure(query: Query, passage: Passage, unit: Unit, near: str, other: float) -> ScoredUnit:
    text = passage.text[unit.start - passage.start : unit.end - passage.start]
    held = set(split_terms(text))
    words = [query.text[start:end] for start, end in find_words(query.text)]
    matches = tuple(SAME if held.intersection(split_terms(word)) else other for word in words)
    return ScoredUnit(unit, text, NEAR if near and near in text else FAR, matches)


def embed(words: Sequence[str]) -> NDArray[np.float32]:
    """Words by themselves: each like itself and its kin, none like any other."""
    names = [KIN.get(word, word) for word in words]
    places = {name: place for place, name in enumerate(dict.fromkeys(names))}
    return np.eye(len(places), dtype=np.float32)[[places[name] for name in names]]


def weigh(terms: Sequence[str]) -> dict[str, float]:
    known = split_terms(f"Engineering jobs {TEXT}")
    return {term: KNOWN if term in known else UNKNOWN for term in terms}


def read(question: str, weights: Mapping[str, float] | None = None) -> Query:
    return read_question(question, (lambda _: weights) if weights else weigh)


def ask(question: str, near: str = "") -> Judgement:
    query = read(question)
    return judge(query, score_units(query, rank(query, near)), embed)


def weigh_evidence(question: str, near: str) -> Evidence:
    query = read(question)
    return read_evidence(query, score_units(query, rank(query, near)), embed)[0]


# -- what is answered -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "near"),
    [
        ("How much does an ML engineer earn in the US?", "$158,147"),
        ("How much does a machine learning engineer make?", "$158,147"),  # in other words
        ("why are ml engineers paid well", "scarce"),
        ("How many software developer jobs will there be in 2033?", "17%"),
        ("Does an ML engineer need a PhD?", "Often a PhD"),
        ("What does an ML engineer do?", "builds systems"),
    ],
)
def test_a_question_that_the_passages_cover_passes(question: str, near: str) -> None:
    assert ask(question, near).answerable


def test_nothing_is_missing_from_a_question_that_is_covered() -> None:
    assert ask("How much does an ML engineer earn in the US?", "$158,147").missing == ()


def test_a_word_that_stands_only_in_the_heading_is_not_missing() -> None:
    assert "grow" not in ask("How do jobs grow?", "17%").missing


def test_a_word_for_the_form_of_the_answer_is_not_missing() -> None:
    assert ask("Give me the actual figure: ML engineer, US, typical pay?", "$158,147").missing == ()


# -- what is refused --------------------------------------------------------------------------------------------------


def test_nothing_found_is_refused() -> None:
    assert not judge(read("How much does an ML engineer earn?"), [], embed).answerable


def test_a_passage_without_units_is_refused() -> None:
    empty = ScoredPassage(Passage("jobs", "Jobs", (), 0, 4, "Jobs"), 1.0, 0.9)
    assert not judge(read("Jobs?"), [empty], embed).answerable


@pytest.mark.parametrize("question", ["", "?", "of the and"])
def test_a_question_without_words_is_refused(question: str) -> None:
    assert not ask(question, "$158,147").answerable


def test_a_question_of_another_world_is_refused() -> None:
    assert not ask("how do I bake sourdough bread").answerable


def test_a_question_about_what_no_passage_mentions_is_refused() -> None:
    assert not ask("How many vacation days do ML engineers get?", "Each working day").answerable


def test_the_word_that_no_passage_mentions_is_named() -> None:
    assert ask("How many vacation days do ML engineers get?", "Each working day").missing == split_terms("vacation")


@pytest.mark.parametrize(
    ("question", "unknown"),
    [
        ("How much does an ML engineer earn in Germany?", "Germany"),
        ("How much did an ML engineer in the US earn in 2019?", "2019"),
    ],
)
def test_a_name_or_a_figure_that_no_passage_mentions_is_refused(question: str, unknown: str) -> None:
    judgement = ask(question, "$158,147")
    assert not judgement.answerable
    assert judgement.missing == split_terms(unknown)


def test_an_unknown_name_weighs_more_than_an_unknown_word() -> None:
    name, word = (ask(f"How much does an ML engineer earn in {where}?", "$158,147") for where in ("Paris", "town"))
    assert name.confidence < word.confidence


def test_a_question_is_doubted_where_the_best_sentence_holds_nothing_of_the_sort_it_asks_for() -> None:
    query = read("How much do systems that learn from data cost?")
    passages = score_units(query, rank(query, "builds systems"))
    assert judge(query, passages, embed).confidence < judge(replace(query, kind="open"), passages, embed).confidence


def test_words_without_meaning_do_not_pass() -> None:
    assert not ask("Germany zebra ML engineer").answerable


def test_the_nearer_the_best_sentence_is_in_meaning_the_surer_the_answer() -> None:
    question = "How much does an ML engineer earn?"
    assert ask(question, "$158,147").confidence > ask(question).confidence


# -- what is missing --------------------------------------------------------------------------------------------------


def test_missing_terms_stand_in_the_order_of_their_weight() -> None:
    query = read("zebra umbrella quantum", {"zebra": 2.0, "umbrella": 5.0, "quantum": 3.0})
    assert judge(query, score_units(query, rank(query)), embed).missing == ("umbrella", "quantum", "zebra")


def test_a_term_that_stands_only_far_from_the_best_passage_is_missing() -> None:
    judgement = ask("How much of a degree does an ML engineer in the US earn?", "$158,147")
    assert judgement.missing == split_terms("degree")


def test_the_sort_of_thing_that_the_best_sentence_lacks_is_told() -> None:
    assert ask("How much do systems that learn from data cost?", "builds systems").lacks_kind == "amount"


def test_nothing_is_lacked_where_the_best_sentence_holds_the_sort_of_thing_asked_for() -> None:
    assert ask("How much does an ML engineer earn?", "$158,147").lacks_kind == ""


def test_the_passage_of_the_best_sentence_comes_nearest() -> None:
    nearest = ask("How much does an ML engineer earn in Germany?", "$158,147").nearest
    assert nearest
    assert nearest.heading == "What a machine learning engineer earns"


def test_nothing_comes_near_a_question_of_another_world() -> None:
    assert ask("how do I bake sourdough bread").nearest is None


def test_a_word_that_another_stands_in_for_is_covered() -> None:
    kin, stranger = (weigh_evidence(f"What does an ML {word} earn?", "$158,147") for word in ("specialist", "zebra"))
    assert kin.coverage > stranger.coverage
    assert kin.unlike < stranger.unlike


def test_a_word_that_another_stands_in_for_is_not_told_as_missing() -> None:
    assert ask("What does an ML specialist earn?", "$158,147").missing == ()


def test_no_word_stands_in_for_a_name() -> None:
    assert ask("What does an ML engineer called Specialist earn?", "$158,147").missing[:1] == split_terms("Specialist")


def test_a_name_that_stands_in_another_sentence_only_is_apart() -> None:
    assert weigh_evidence("What did an ML engineer earn in 2033?", "$158,147").name_apart
    assert not weigh_evidence("What did an ML engineer earn in 2025?", "$158,147").name_apart


def test_a_question_that_says_not_is_doubted_where_the_best_sentence_does_not() -> None:
    question = "How much does an ML engineer {} earn in the US?"
    assert weigh_evidence(question.format("not"), "$158,147").negated
    assert ask(question.format("not"), "$158,147").confidence < ask(question.format(""), "$158,147").confidence


@pytest.mark.parametrize(
    ("text", "opposed"), [("The higher rate is paid.", True), ("The lower, not the higher rate is paid.", False)]
)
def test_an_opposite_counts_where_the_word_itself_is_lacking(text: str, opposed: bool) -> None:
    assert is_opposed("Who pays the lower rate?", text) is opposed


def test_where_no_word_is_missing_nothing_is_unlike() -> None:
    assert weigh_evidence("How much does an ML engineer earn in the US?", "$158,147").unlike == 0


@pytest.mark.parametrize("near", ["", "$158,147"])
def test_confidence_is_a_probability(near: str) -> None:
    assert 0 <= ask("How much does an ML engineer earn?", near).confidence <= 1


# -- comparisons ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "question",
    [
        "Who earns more in the US, an ML engineer or a software engineer?",
        "ML engineer vs software engineer: US pay?",
    ],
)
def test_a_comparison_of_two_sides_that_stand_in_two_passages_passes(question: str) -> None:
    assert ask(question, "in 2025").answerable


def test_a_side_of_a_comparison_may_stand_far_from_the_best_sentence() -> None:
    assert ask("ML engineer vs software engineer: US pay?", "$158,147").missing == ()


@pytest.mark.parametrize(
    "question",
    [
        "Who earns more in the US, an ML engineer or a dentist?",
        "dentist vs software engineer: US pay?",
    ],
)
def test_a_comparison_with_a_side_that_no_passage_mentions_is_refused(question: str) -> None:
    judgement = ask(question, "in 2025")
    assert not judgement.answerable
    assert judgement.missing == split_terms("dentist")
