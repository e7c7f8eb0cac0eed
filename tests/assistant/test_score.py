"""Scoring says of every unit how well it answers: by meaning, by words, by kind and by what stands above it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from assistant.conversation import ScoredPassage, ScoredUnit
from assistant.question import read_question
from assistant.score import Signals, read_signals, score_units
from ingest.article import Passage, Unit
from ingest.settings import IngestSettings
from ingest.split import split_article
from tests.fakes import make_article

PAY = """\
## What nurses earn

Nurses earn a good deal. Nurses earn $80,000. Hospitals close at night.

## What dentists earn

Dentists earn $80,000.

## Tools

The tools of a nurse are these:

- A thermometer
- A syringe

| Aspect | Nurse |
| --- | --- |
| Shift | Night |"""
HOW_MUCH = "How much do nurses earn?"


def rank(
    text: str, similarities: Mapping[str, float] | None = None, relevance: Mapping[str, float] | None = None
) -> list[ScoredPassage]:
    """The article's passages in its own order; a unit or passage that holds one of the keys has its value, else 0.5."""
    passages = split_article(make_article(text, title="Jobs"), IngestSettings(_env_file=None))  # type: ignore[call-arg]
    return [
        ScoredPassage(
            passage,
            look_up(relevance, passage.text),
            units=tuple(measure(passage, unit, similarities, relevance) for unit in passage.units),
        )
        for passage in passages
    ]


def measure(
    passage: Passage, unit: Unit, similarities: Mapping[str, float] | None, relevance: Mapping[str, float] | None
) -> ScoredUnit:
    text = passage.text[unit.start - passage.start : unit.end - passage.start]
    return ScoredUnit(unit, text, look_up(similarities, text), relevance=look_up(relevance, passage.text))


def look_up(values: Mapping[str, float] | None, text: str) -> float:
    return next((value for words, value in (values or {}).items() if words in text), 0.5)


def score(question: str, passages: list[ScoredPassage], weights: Mapping[str, float] | None = None) -> dict[str, float]:
    """Text -> score of every unit of all passages."""
    query = read_question(question, (lambda _: weights) if weights else None)
    return {unit.text: unit.score for scored in score_units(query, passages) for unit in scored.units}


def find_first(question: str, text: str, similarities: Mapping[str, float] | None = None) -> str:
    scores = score(question, rank(text, similarities))
    return max(scores, key=lambda unit: scores[unit])


# -- what is kept -----------------------------------------------------------------------------------------------------


def test_passages_keep_their_order_and_their_own_scores() -> None:
    passages = rank(PAY, relevance={"Dentists": 0.9})
    scored = score_units(read_question(HOW_MUCH), passages)
    assert [(found.passage, found.score) for found in scored] == [(found.passage, found.score) for found in passages]


def test_every_unit_is_scored_and_stays_parallel_to_its_passage() -> None:
    scored = score_units(read_question(HOW_MUCH), rank(PAY))
    assert [tuple(unit.unit for unit in found.units) for found in scored] == [found.passage.units for found in scored]


def test_sentences_items_and_rows_are_all_scored() -> None:
    scored = score_units(read_question(HOW_MUCH), rank(PAY))
    assert {unit.unit.kind for found in scored for unit in found.units} == {"sentence", "item", "row"}
    assert all(unit.score for found in scored for unit in found.units)


def test_the_similarity_of_a_unit_is_kept() -> None:
    (first, *_) = score_units(read_question(HOW_MUCH), rank(PAY, {"a good deal": 0.7}))
    assert first.units[0].similarity == 0.7


def test_a_passage_without_units_is_scored_as_it_is() -> None:
    empty = ScoredPassage(Passage("jobs", "Jobs", (), 0, 4, "Jobs"), 0.5)
    assert score_units(read_question(HOW_MUCH), [empty]) == [empty]


@pytest.mark.parametrize("question", ["", "?", "the of and"])
def test_a_question_without_words_scores_by_meaning_alone(question: str) -> None:
    scores = score(question, rank(PAY, {"syringe": 0.9}))
    assert max(scores, key=lambda unit: scores[unit]) == "A syringe"


# -- what speaks for a unit -------------------------------------------------------------------------------------------


def test_the_unit_that_is_nearer_in_meaning_scores_higher() -> None:
    scores = score("Which instruments are there?", rank(PAY, {"thermometer": 0.6, "syringe": 0.4}))
    assert scores["A thermometer"] > scores["A syringe"]


def test_a_unit_of_a_passage_that_ranks_higher_scores_higher() -> None:
    text = "Nurses sing.\n\n## Songs\n\nNurses sing too."
    scores = score("Who sings?", rank(text, relevance={"too": 0.9}))
    assert scores["Nurses sing too."] > scores["Nurses sing."]


def test_an_amount_beats_none_for_how_much() -> None:
    scores = score(HOW_MUCH, rank(PAY))
    assert scores["Nurses earn $80,000."] > scores["Nurses earn a good deal."]


@pytest.mark.parametrize(
    ("question", "answer", "other"),
    [
        ("When did nurses strike?", "Nurses did strike in 1986.", "Nurses did strike in anger."),
        ("Why did nurses strike?", "Nurses did strike because of pay.", "Nurses did strike in anger."),
        ("How many nurses did strike?", "Nurses did strike: 500 of them.", "Nurses did strike in anger."),
    ],
)
def test_the_sort_of_thing_that_is_asked_for_beats_any_other(question: str, answer: str, other: str) -> None:
    assert find_first(question, f"{other} {answer}") == answer


def test_an_amount_is_no_merit_where_none_is_asked_for() -> None:
    scores = score("Do nurses sing?", rank("Nurses sing songs. Nurses sing for $80."))
    assert scores["Nurses sing for $80."] == pytest.approx(scores["Nurses sing songs."])


def test_a_heading_about_another_subject_scores_lower() -> None:
    text = "## What nurses earn\n\nIt is $80,000.\n\n## What dentists earn\n\nIt is $90,000."
    scores = score(HOW_MUCH, rank(text))
    assert scores["It is $80,000."] > scores["It is $90,000."]


def test_a_narrow_heading_beats_one_that_names_others_too() -> None:
    text = "## What nurses earn\n\nIt is $80,000.\n\n## What nurses, dentists and pilots earn\n\nIt is $90,000."
    scores = score(HOW_MUCH, rank(text))
    assert scores["It is $80,000."] > scores["It is $90,000."]


def test_a_unit_that_holds_the_questions_words_beats_one_that_does_not() -> None:
    scores = score("Do hospitals close?", rank(PAY))
    assert scores["Hospitals close at night."] == max(scores.values())


def test_a_unit_that_holds_the_words_itself_beats_one_that_stands_under_them() -> None:
    scores = score("Syringes?", rank("## Syringes\n\nThey are good. A syringe is good."))
    assert scores["A syringe is good."] > scores["They are good."]


def test_a_unit_right_after_the_words_beats_one_further_on() -> None:
    scores = score("Syringes?", rank("Syringes break. Glass is thin. Walls are white."))
    assert scores["Glass is thin."] > scores["Walls are white."]


def test_a_rare_word_of_the_question_counts_more_than_a_common_one() -> None:
    weights = {"nurs": 1.0, "syring": 6.0}
    scores = score("nurses syringe", rank("A nurse sings.\n\n## Also\n\nA syringe lies."), weights)
    assert scores["A syringe lies."] > scores["A nurse sings."]


def test_words_that_stand_together_beat_the_same_words_apart() -> None:
    text = "An engineer of software sings.\n\n## Also\n\nA software engineer sings."
    assert find_first("Does a software engineer sing?", text) == "A software engineer sings."


def test_an_item_has_the_words_of_the_sentence_that_announces_it() -> None:
    text = "The tools of a nurse are these:\n\n- A thermometer\n\n## Also\n\n- A drill"
    scores = score("What tools does a nurse use?", rank(text))
    assert scores["A thermometer"] > scores["A drill"]


def read_row(text: str) -> ScoredUnit:
    """The one row of the article, scored for the shift of a nurse."""
    passages = score_units(read_question("What is the shift of a nurse?"), rank(text))
    (row,) = [unit for found in passages for unit in found.units if unit.unit.kind == "row"]
    return row


TABLE = "| Aspect | Nurse |\n| --- | --- |\n| Shift | Night |"


def test_coverage_counts_the_columns_of_a_row() -> None:
    assert read_row(TABLE).coverage == 1.0


def test_coverage_counts_the_columns_of_a_row_whose_table_follows_a_sentence() -> None:
    assert read_row(f"Hospitals close.\n\n{TABLE}").coverage == 1.0


def test_coverage_is_nothing_where_no_word_is_held() -> None:
    (scored,) = score_units(read_question("Zebras?"), rank("Nurses sing."))
    assert scored.units[0].coverage == 0.0


# -- words by their vectors -------------------------------------------------------------------------------------------


def read_words(*matches: tuple[float, ...]) -> list[Signals]:
    """The signals of a passage's sentences; `matches` has how near each comes to "nurses" and to "syringe"."""
    query = read_question("nurses syringe", lambda _: {"nurs": 1.0, "syring": 3.0})
    (passage,) = split_article(make_article("One. Two. Three."), IngestSettings(_env_file=None))  # type: ignore[call-arg]
    units = tuple(
        ScoredUnit(unit, "Three.", 0.5, matches=match, relevance=-1.5)
        for unit, match in zip(passage.units, matches, strict=True)
    )
    return read_signals(query, ScoredPassage(passage, 0.2, units=units))


def test_words_count_by_how_much_they_tell() -> None:
    assert read_words((0.8, 0.4), (0.4, 0.8), (0, 0))[0].words == pytest.approx((0.8 + 3 * 0.4) / 4)


def test_a_word_of_the_sentence_before_comes_near_too() -> None:
    signals = read_words((0.8, 0.4), (0.2, 0.6), (0, 0))
    assert signals[1].words_near == pytest.approx((0.8 + 3 * 0.6) / 4)
    assert signals[0].words_near == signals[0].words


def test_only_the_sentence_right_before_comes_near() -> None:
    assert read_words((0.8, 0.4), (0, 0), (0.2, 0.1))[2].words_near == pytest.approx((0.2 + 3 * 0.1) / 4)


def test_a_unit_is_as_weak_as_the_word_that_it_matches_least() -> None:
    assert [signals.weakest for signals in read_words((0.8, 0.4), (0.2, 0.6), (0, 0))] == [0.4, 0.2, 0.0]


def test_a_model_without_vectors_of_words_leaves_those_signals_at_nothing() -> None:
    assert {(signals.words, signals.words_near, signals.weakest) for signals in read_words((), (), ())} == {(0, 0, 0)}


def test_a_unit_has_the_log_odds_of_its_passage() -> None:
    assert [signals.passage for signals in read_words((), (), ())] == [-1.5, -1.5, -1.5]


# -- definitions ------------------------------------------------------------------------------------------------------

DEFINITIONS = """\
A nurse needs a syringe. Many a nurse sings. A nurse cares for the sick in a hospital. \
A hospital therefore has a nurse."""


@pytest.mark.parametrize("question", ["What is a nurse?", "what does nurse mean", "Define nurse"])
def test_the_sentence_that_defines_comes_first_when_a_definition_is_asked_for(question: str) -> None:
    assert find_first(question, DEFINITIONS) == "A nurse cares for the sick in a hospital."


def test_a_sentence_that_says_what_something_is_defines_it() -> None:
    text = "Some think of a nurse. Nursing is the care of the sick."
    assert find_first("What is nursing?", text) == "Nursing is the care of the sick."


def test_the_definition_of_something_else_is_not_preferred() -> None:
    assert find_first("What is a nurse?", "A dentist is a doctor of teeth. A nurse needs a syringe.") == (
        "A nurse needs a syringe."
    )


def test_a_definition_is_no_merit_where_none_is_asked_for() -> None:
    scores = score("Does a nurse sing?", rank("A nurse cares for the sick. Any nurse cares for the sick."))
    assert scores["A nurse cares for the sick."] == pytest.approx(scores["Any nurse cares for the sick."])


# -- the row that has most or least -----------------------------------------------------------------------------------

INDUSTRIES = """\
## Pay

Nurses earned $80,000. Nurses in these industries earned as follows:

| Industry | Openings | Pay |
| --- | --- | --- |
| Hospitals | 900 | $81,000 |
| Schools | 20 | 62,000 |
| Government | 1.5 thousand | $90,100 |"""


@pytest.mark.parametrize(
    ("question", "row"),
    [
        ("Which industry pays nurses best?", "Government"),
        ("Which industry pays nurses worst?", "Schools"),
        ("What industry has the fewest openings for nurses?", "Schools"),
        ("Where do nurses find the most openings?", "Government"),
    ],
)
def test_the_row_that_has_most_or_least_comes_first_when_it_is_asked_for(question: str, row: str) -> None:
    assert find_first(question, INDUSTRIES).startswith(f"| {row} ")


def test_no_row_stands_for_a_table_whose_columns_are_not_all_figures() -> None:
    text = INDUSTRIES.replace("62,000", "unknown").replace("| 20 |", "| some |")
    plain, asked = (
        score(question, rank(text)) for question in ("Which industry pays nurses?", "Which pays nurses best?")
    )
    rows = [unit for unit in plain if unit.startswith("|")]
    assert sorted(rows, key=plain.__getitem__) == sorted(rows, key=asked.__getitem__)


def test_a_row_is_not_preferred_where_nothing_is_chosen_among_them() -> None:
    assert not find_first("How much did nurses earn?", INDUSTRIES).startswith("|")
