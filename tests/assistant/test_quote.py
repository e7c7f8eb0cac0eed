"""The extractive writer quotes what answers: the right units, each once, in an order and a form that read well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import pytest

from assistant.conversation import Claim, ScoredPassage, ScoredUnit
from assistant.question import read_question
from assistant.quote import ExtractiveWriter
from ingest.article import Passage, Unit
from ingest.settings import IngestSettings
from ingest.split import split_article
from tests.fakes import make_article

# How well a unit answers, as the scorer would say. Log-odds: a step of 20 is beyond all doubt.
BEST, NEARLY, HARDLY = 20.0, 19.0, 0.0

PAY = """\
## What machine learning engineers earn

Machine learning engineers are hard to find. An ML engineer in the US earned $158,147 on average. \
At the largest companies an ML engineer earned $261,000.

## What software engineers earn

A software engineer in the US earned $112,165 on average.

## What prompt engineers earn

A senior prompt engineer is paid between $90,000 and $200,000."""
ML_PAY = "An ML engineer in the US earned $158,147 on average."
TOP_PAY = "At the largest companies an ML engineer earned $261,000."
SOFTWARE_PAY = "A software engineer in the US earned $112,165 on average."
PROMPT_PAY = "A senior prompt engineer is paid between $90,000 and $200,000."
HOW_MUCH = "How much does an ML engineer earn?"

TOOLS = """\
## Tools of nurses

Nurses work at night. The tools that a nurse uses daily are these:

- Listening: a stethoscope
- Measuring: a thermometer
- Injecting: a syringe

## Tools of dentists

A dentist uses these:

- Drilling: a drill
- Looking: a mirror"""
NURSES_LIST = ["Listening: a stethoscope", "Measuring: a thermometer", "Injecting: a syringe"]
DENTISTS_LIST = ["Drilling: a drill", "Looking: a mirror"]

TABLE = """\
## At a glance

| Aspect | Nurse | Dentist |
| --- | --- | --- |
| Pay | $80,000 | $170,000 |
| Place of work | A hospital |  |
| Shift | Night \\| day | Day |"""
PAY_ROW = "| Pay | $80,000 | $170,000 |"


def rank(text: str, scores: Mapping[str, float]) -> list[ScoredPassage]:
    """The article's passages in its own order; a unit that holds one of the keys has its score."""
    passages = split_article(make_article(text, title="Jobs"), IngestSettings(_env_file=None))  # type: ignore[call-arg]
    return [
        ScoredPassage(passage, 1.0, units=tuple(score(passage, unit, scores) for unit in passage.units))
        for passage in passages
    ]


def score(passage: Passage, unit: Unit, scores: Mapping[str, float]) -> ScoredUnit:
    text = passage.text[unit.start - passage.start : unit.end - passage.start]
    value = next((value for words, value in scores.items() if words in text), HARDLY)
    return ScoredUnit(unit, text, similarity=value / 40, score=value)


def write(question: str, passages: Sequence[ScoredPassage]) -> list[Claim]:
    return list(ExtractiveWriter().write(read_question(question), passages))


def quote(question: str, text: str, scores: Mapping[str, float]) -> list[str]:
    """The quoted words, as the article has them."""
    return [read_span(text, claim) for claim in write(question, rank(text, scores))]


def read_span(text: str, claim: Claim) -> str:
    assert claim.unit
    return text[claim.unit.start : claim.unit.end]


def show(question: str, text: str, scores: Mapping[str, float]) -> str:
    """The answer as it is read, without marks."""
    return "".join(claim.prefix + claim.text for claim in write(question, rank(text, scores)))


# -- which sentences --------------------------------------------------------------------------------------------------


def test_the_sentence_that_answers_is_quoted_alone_when_no_other_comes_near() -> None:
    assert quote(HOW_MUCH, PAY, {"$158,147": BEST}) == [ML_PAY]


def test_a_second_sentence_that_answers_as_well_is_quoted_too() -> None:
    assert quote(HOW_MUCH, PAY, {"$158,147": BEST, "$261,000": NEARLY}) == [ML_PAY, TOP_PAY]


def test_a_sentence_about_another_subject_is_not_added() -> None:
    assert quote(HOW_MUCH, PAY, {"$158,147": BEST, "$90,000": NEARLY}) == [ML_PAY]


def test_a_heading_is_never_quoted() -> None:
    quoted = quote("What do machine learning engineers earn?", PAY, {"$158,147": BEST, "$261,000": NEARLY})
    assert not {"What machine learning engineers earn", "What software engineers earn"}.intersection(quoted)
    assert quoted


def test_a_caption_that_repeats_its_heading_is_not_quoted() -> None:
    text = "## The pay of nurses\n\nPay of a nurse.\n\nNurses earn $80,000 a year."
    assert quote("What is the pay of nurses?", text, {"Pay of a": BEST, "$80,000": NEARLY}) == [
        "Nurses earn $80,000 a year."
    ]


def test_where_all_repeat_their_headings_the_best_is_still_quoted() -> None:
    text = "## The pay of nurses\n\nPay of a nurse.\n\n## Nurses at night\n\nA nurse at night."
    assert quote("What is the pay of nurses?", text, {"Pay of a": BEST}) == ["Pay of a nurse."]


def test_a_sentence_that_only_announces_a_list_is_not_quoted() -> None:
    assert quote("Which thing listens?", TOOLS, {"are these:": BEST, "Listening": NEARLY}) == [
        "Listening: a stethoscope"
    ]


def test_sentences_that_say_nearly_the_same_are_quoted_once() -> None:
    text = f"## Pay\n\n{ML_PAY}\n\n## Pay again\n\nOn average, ML engineers in the US earned $158,147!"
    assert len(quote(HOW_MUCH, text, {"On average": BEST, "$158,147": BEST})) == 1


def test_a_passage_that_was_found_twice_is_quoted_once() -> None:
    passages = rank(PAY, {"$158,147": BEST})
    assert len(write(HOW_MUCH, [passages[0], passages[0]])) == 1


def test_an_answer_is_short_however_much_would_fit() -> None:
    text = "## Pay of ML engineers\n\n" + "\n\n".join(f"An ML engineer earns ${n}00 in city{n}." for n in range(1, 20))
    assert 1 < len(quote(HOW_MUCH, text, {"city": BEST})) <= 5


def test_nothing_is_written_about_nothing() -> None:
    assert write(HOW_MUCH, []) == []


@pytest.mark.parametrize(("subject", "quoted"), [("dentist", 2), ("nurse", 1)])
def test_a_sentence_may_answer_less_well_when_it_tells_of_what_the_first_left_out(subject: str, quoted: int) -> None:
    text = f"## Pay\n\nA nurse earns $80,000.\n\nElsewhere the {subject} has $170,000 in a practice."
    assert len(quote("How much do a nurse and a dentist earn?", text, {"$80,000": BEST, "$170,000": 16.0})) == quoted


# -- comparisons ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "question",
    ["Who earns more, an ML engineer or a software engineer?", "ML engineer vs software engineer: average pay?"],
)
def test_a_comparison_quotes_both_sides(question: str) -> None:
    quoted = quote(question, PAY, {"$158,147": BEST, "$261,000": NEARLY, "$112,165": 16.0})
    assert {ML_PAY, SOFTWARE_PAY}.issubset(quoted)


def test_a_comparison_leaves_out_who_is_not_compared() -> None:
    quoted = quote(
        "Who earns more, an ML engineer or a software engineer?", PAY, {"$158,147": BEST, "$112,165": NEARLY}
    )
    assert PROMPT_PAY not in quoted


def test_a_question_about_one_side_does_not_bring_the_other() -> None:
    assert quote(HOW_MUCH, PAY, {"$158,147": BEST, "$112,165": 16.0}) == [ML_PAY]


# -- lists ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("question", ["What tools does a nurse use?", "list the tools of nurses", "Tools of a nurse?"])
def test_a_question_for_a_list_gets_the_whole_list_in_its_order(question: str) -> None:
    assert quote(question, TOOLS, {"Measuring": BEST}) == NURSES_LIST


def test_a_list_is_found_by_the_sentence_that_announces_it() -> None:
    quoted = quote("What tools does a nurse use?", TOOLS, {"are these:": BEST, "at night": NEARLY})
    assert quoted == ["Nurses work at night.", *NURSES_LIST]


def test_the_best_sentence_stands_before_a_list_that_comes_close() -> None:
    quoted = quote("What tools does a nurse use?", TOOLS, {"at night": BEST, "Listening": 18.0})
    assert quoted == ["Nurses work at night.", *NURSES_LIST]


def test_a_list_that_sentences_brought_in_does_not_push_out_those_better_than_its_items() -> None:
    text = TOOLS.replace("work at night.", "work at night. Nurses work by day.")
    scores = {"at night": BEST, "by day": NEARLY, "Listening": 18.5, "Measuring": 18.4}
    quoted = quote("How do nurses work?", text, scores)
    assert quoted == ["Nurses work at night.", "Nurses work by day.", *NURSES_LIST]


def test_a_list_under_somebody_elses_heading_is_not_the_list_asked_for() -> None:
    quoted = quote("What tools does a nurse use?", TOOLS, {"Drilling": NEARLY, "Measuring": BEST})
    assert not set(DENTISTS_LIST).intersection(quoted)


def test_a_list_under_somebody_elses_heading_does_not_stand_in_for_a_missing_one() -> None:
    text = "## Tools of nurses\n\nA nurse uses a syringe.\n\n" + TOOLS[TOOLS.index("## Tools of dentists") :]
    assert quote("What tools does a nurse use?", text, {"syringe": BEST, "Drilling": 18.0}) == [
        "A nurse uses a syringe."
    ]


def test_one_item_that_is_asked_for_is_quoted_alone() -> None:
    question = "What does a nurse use for measuring?"
    assert quote(question, TOOLS, {"Measuring": BEST}) == ["Measuring: a thermometer"]


def test_a_list_may_be_longer_than_an_answer_in_sentences() -> None:
    text = "## Duties of nurses\n\nA nurse has these duties:\n\n" + "\n".join(f"- Thing{n}" for n in range(9))
    assert len(quote("What are the duties of a nurse?", text, {"Thing4": BEST})) == 9


def test_a_list_that_was_cut_into_two_passages_is_quoted_whole() -> None:
    told = "told at such length as articles on careers like to tell of duties in every list that they hold"
    items = [f"Duty{n} of the ward, {told}" for n in range(10)]
    text = "## Duties of nurses\n\nA nurse has these duties:\n\n" + "\n".join(f"- {item}" for item in items)
    assert quote("What are the duties of a nurse?", text, {"Duty0": BEST, "Duty": NEARLY}) == items


# -- sentences that lean on others ------------------------------------------------------------------------------------

LEANING = """\
## Nights

A hospital never closes. Nurses work in three shifts. {opening} makes the work of nurses hard."""


@pytest.mark.parametrize("opening", ["This", "That", "It", "As a result, it"])
def test_a_sentence_that_leans_on_the_one_before_makes_one_quote_with_it(opening: str) -> None:
    text = LEANING.format(opening=opening)
    assert quote("Is the work of nurses hard?", text, {"hard": BEST}) == [
        f"Nurses work in three shifts. {opening} makes the work of nurses hard."
    ]


CHAIN = "## Pay\n\nDentists earn $170,000. Nurses earn $80,000. They earn more at night. This makes them happy."


def test_a_chain_of_leaning_sentences_is_quoted_from_its_beginning() -> None:
    assert quote("Are nurses happy?", CHAIN, {"happy": BEST}) == [
        "Nurses earn $80,000. They earn more at night. This makes them happy."
    ]


def test_a_sentence_and_one_that_leans_on_it_are_one_quote_in_the_place_of_the_better() -> None:
    quoted = quote("How much do people earn?", CHAIN, {"$80,000": BEST, "at night": NEARLY, "$170,000": NEARLY})
    assert quoted[0] == "Nurses earn $80,000. They earn more at night."


def test_an_it_that_stands_for_nothing_brings_nothing() -> None:
    text = "## Nights\n\nNurses work in three shifts. It is hard to sleep by day."
    assert quote("Is it hard to sleep?", text, {"hard": BEST}) == ["It is hard to sleep by day."]


def test_a_sentence_that_stands_by_itself_brings_nothing() -> None:
    text = LEANING.format(opening="Thistle")
    assert quote("Is the work of nurses hard?", text, {"hard": BEST}) == ["Thistle makes the work of nurses hard."]


def test_a_leaning_sentence_that_opens_its_passage_is_quoted_alone() -> None:
    text = "## Nights\n\nA hospital never closes.\n\n## Days\n\nThis makes the work of nurses hard."
    assert quote("Is the work of nurses hard?", text, {"hard": BEST}) == ["This makes the work of nurses hard."]


# -- what is shown ----------------------------------------------------------------------------------------------------


def test_a_table_row_reads_without_its_table() -> None:
    assert show("How much do nurses and dentists earn?", TABLE, {PAY_ROW: BEST}) == (
        "- Pay – Nurse: $80,000; Dentist: $170,000"
    )


def test_a_table_row_is_cited_as_the_article_has_it() -> None:
    assert quote("How much do nurses and dentists earn?", TABLE, {PAY_ROW: BEST}) == [PAY_ROW]


def test_an_empty_cell_of_a_row_is_not_shown() -> None:
    assert show("Where do nurses work?", TABLE, {"Place": BEST}) == "- Place of work – Nurse: A hospital"


def test_a_bar_inside_a_cell_is_shown_as_a_bar() -> None:
    assert show("When do nurses work?", TABLE, {"Shift": BEST}) == "- Shift – Nurse: Night | day; Dentist: Day"


def test_a_row_far_below_its_header_still_names_its_columns() -> None:
    rows = "\n".join(f"| Aspect {n} of the work | A value for nurses | A value for dentists |" for n in range(30))
    text = f"## At a glance\n\n| Aspect | Nurse | Dentist |\n| --- | --- | --- |\n{rows}\n{PAY_ROW}"
    assert show("How much do nurses earn?", text, {PAY_ROW: BEST}) == "- Pay – Nurse: $80,000; Dentist: $170,000"


def test_a_row_has_the_columns_of_its_own_table() -> None:
    other = "| Aspect | Pilot | Painter |\n| --- | --- | --- |\n| Tool | A plane | A brush |"
    text = TABLE.replace("## At a glance\n\n", f"## At a glance\n\n{other}\n\n")
    assert show("How much do nurses earn?", text, {PAY_ROW: BEST}) == "- Pay – Nurse: $80,000; Dentist: $170,000"


def test_the_items_of_a_list_stand_on_a_line_each() -> None:
    assert show("What tools does a nurse use?", TOOLS, {"Measuring": BEST}) == "\n".join(
        f"- {item}" for item in NURSES_LIST
    )


def test_a_list_stands_apart_from_the_sentence_before_it() -> None:
    shown = show("What tools does a nurse use?", TOOLS, {"at night": BEST, "Listening": 18.0})
    assert shown.startswith("Nurses work at night.\n\n- Listening: a stethoscope\n- ")


def test_sentences_of_one_section_run_on_and_other_sections_stand_apart() -> None:
    shown = show(
        "Who earns more, an ML engineer or a software engineer?",
        PAY,
        {"$158,147": BEST, "$261,000": NEARLY, "$112,165": 18.0},
    )
    assert shown == f"{ML_PAY} {TOP_PAY}\n\n{SOFTWARE_PAY}"


def test_the_sentence_that_answers_best_comes_first() -> None:
    assert quote(HOW_MUCH, PAY, {"$261,000": BEST, "$158,147": NEARLY}) == [TOP_PAY, ML_PAY]


def test_the_section_that_answers_best_comes_first() -> None:
    quoted = quote(
        "Who earns more, an ML engineer or a software engineer?", PAY, {"$112,165": BEST, "$158,147": NEARLY}
    )
    assert quoted == [SOFTWARE_PAY, ML_PAY]


# -- where it stands --------------------------------------------------------------------------------------------------

QUESTIONS = [
    (HOW_MUCH, PAY, {"$158,147": BEST, "$261,000": NEARLY}),
    ("ML engineer vs software engineer: pay?", PAY, {"$158,147": BEST, "$112,165": NEARLY}),
    ("What tools does a nurse use?", TOOLS, {"at night": BEST, "Listening": NEARLY}),
    ("How much do nurses earn?", TABLE, {PAY_ROW: BEST}),
    ("Is the work of nurses hard?", LEANING.format(opening="This"), {"hard": BEST}),
]


@pytest.mark.parametrize(("question", "text", "scores"), QUESTIONS, ids=[question for question, *_ in QUESTIONS])
def test_every_quote_begins_and_ends_with_a_unit_of_the_passage_that_it_names(
    question: str, text: str, scores: Mapping[str, float]
) -> None:
    passages = rank(text, scores)
    claims = write(question, passages)
    assert claims
    for claim in claims:
        units = passages[claim.passages[0] - 1].passage.units
        assert claim.unit
        assert claim.unit.start in {unit.start for unit in units}
        assert claim.unit.end in {unit.end for unit in units}


@pytest.mark.parametrize(("question", "text", "scores"), QUESTIONS, ids=[question for question, *_ in QUESTIONS])
def test_no_quotes_overlap(question: str, text: str, scores: Mapping[str, float]) -> None:
    units = sorted((claim.unit.start, claim.unit.end) for claim in write(question, rank(text, scores)) if claim.unit)
    assert all(left[1] <= right[0] for left, right in pairwise(units))
    assert units
