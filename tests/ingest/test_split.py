"""Passages are exact spans of whole units: nothing is lost, nothing crosses a heading, nothing is too long."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise

import pytest

from ingest.article import Article, Passage
from ingest.markdown import Block, Code, Heading, Item, Paragraph, Table, read_lines, write_markdown
from ingest.settings import IngestSettings
from ingest.split import split_article
from ingest.split_sentences import LONGEST_UNIT
from tests.fakes import make_article

MEGABYTE = 1_000_000
WORDS = """
    Dr. Smith earns $1,200.50 in the U.S. and e.g. more; why? Yes! (Truly.) naïve 工程师。 “Quoted.” Inc. 3.5% of: it
""".split()


def split(text: str, *, characters: int = 500) -> list[Passage]:
    return split_article(make_article(text), IngestSettings(passage_characters=characters, _env_file=None))  # type: ignore[call-arg]


def read_units(passages: Sequence[Passage], text: str) -> list[str]:
    return [text[unit.start : unit.end] for passage in passages for unit in passage.units]


def make_document(seed: int) -> str:
    """Canonical Markdown of any blocks in any order, the same for the same seed."""
    chance = random.Random(seed)

    def words(most: int) -> str:
        return " ".join(chance.choices(WORDS, k=chance.randint(1, most)))

    def block() -> Block:
        match chance.randrange(6):
            case 0:
                return Heading(chance.randint(1, 6), words(4))
            case 1:
                return Item(words(60), chance.randint(0, 2), chance.choice(("-", "3.")))
            case 2:
                return Table([words(2)] * 2, [[words(6), words(6)] for _ in range(chance.randint(0, 12))])
            case 3:
                return Code("\n\n".join(words(8) for _ in range(3)))
            case _:
                return Paragraph(words(chance.choice((5, 40, 400))) + chance.choice(("", ".", ":")))

    return write_markdown(block() for _ in range(30))


@pytest.fixture(params=range(25))
def document(request: pytest.FixtureRequest) -> str:
    return make_document(request.param)


# -- what holds for every article -------------------------------------------------------------------------------------


def test_a_passage_is_a_span_of_the_article(document: str) -> None:
    passages = split(document)
    assert [document[passage.start : passage.end] for passage in passages] == [passage.text for passage in passages]


def test_passages_and_units_are_in_order_and_never_overlap(document: str) -> None:
    passages = split(document)
    spans = [(unit.start, unit.end) for passage in passages for unit in passage.units]
    edges = [edge for span in spans for edge in span]
    assert edges == sorted(edges)
    assert all(first.end <= second.start for first, second in pairwise(passages))


def test_every_passage_holds_its_units(document: str) -> None:
    assert all(
        passage.units and passage.start <= passage.units[0].start and passage.units[-1].end == passage.end
        for passage in split(document)
    )


def test_no_unit_is_empty_or_begins_with_a_blank(document: str) -> None:
    units = read_units(split(document), document)
    assert all(unit and not unit[0].isspace() for unit in units)


def test_nothing_but_headings_marks_and_white_space_is_left_out(document: str) -> None:
    passages = split(document)
    kept = {place for passage in passages for unit in passage.units for place in range(unit.start, unit.end)}
    lost = [
        document[place]
        for line in read_lines(document)
        if line.kind not in ("heading", "header")
        for place in range(line.start, line.end)
        if place not in kept and not document[place].isspace()
    ]
    assert lost == []


def test_a_heading_is_in_no_unit(document: str) -> None:
    headings = [line for line in read_lines(document) if line.kind == "heading"]
    units = [unit for passage in split(document) for unit in passage.units]
    assert not any(unit.start < line.end and line.start < unit.end for unit in units for line in headings)


def test_no_passage_holds_a_heading(document: str) -> None:
    headings = [line for line in read_lines(document) if line.kind == "heading"]
    assert not any(
        passage.start < line.end and line.start < passage.end for passage in split(document) for line in headings
    )


def test_no_unit_is_longer_than_the_longest(document: str) -> None:
    assert max(len(unit) for unit in read_units(split(document), document)) <= LONGEST_UNIT


def test_every_header_row_stands_in_a_passage_or_before_it(document: str) -> None:
    passages = split(document)
    headers = [document[line.start : line.end] for line in read_lines(document) if line.kind == "header"]
    assert all(any(header in f"{passage.lead}\n{passage.text}" for passage in passages) for header in headers)


# -- headings ---------------------------------------------------------------------------------------------------------


def test_a_passage_knows_the_headings_above_it() -> None:
    passages = split("# Pay\n\n## Nurses\n\nOne.\n\n### Night\n\nTwo.\n\n## Dentists\n\nThree.")
    assert [passage.headings for passage in passages] == [
        ("Pay", "Nurses"),
        ("Pay", "Nurses", "Night"),
        ("Pay", "Dentists"),
    ]


def test_text_above_the_first_heading_has_the_title_alone() -> None:
    assert split("Before.\n\n# After\n\nText.")[0].context == "Pay"


def test_short_sections_are_not_joined() -> None:
    assert [passage.text for passage in split("## A\n\nOne.\n\n## B\n\nTwo.")] == ["One.", "Two."]


def test_a_heading_without_text_makes_no_passage() -> None:
    assert [passage.headings for passage in split("## Empty\n\n## Full\n\nText.")] == [("Full",)]


@pytest.mark.parametrize("text", ["", " \n\n ", "# Only a heading"])
def test_an_article_without_text_has_no_passages(text: str) -> None:
    assert split(text) == []


# -- length -----------------------------------------------------------------------------------------------------------


def test_short_paragraphs_share_a_passage() -> None:
    assert [passage.text for passage in split("One.\n\nTwo.\n\nThree.")] == ["One.\n\nTwo.\n\nThree."]


def test_a_passage_of_sentences_is_no_longer_than_the_setting() -> None:
    text = " ".join(f"Sentence number {number} is here." for number in range(100))
    passages = split(text, characters=120)
    assert len(passages) > 1
    assert max(len(passage.text) for passage in passages) <= 120


def test_a_sentence_longer_than_a_passage_is_not_cut() -> None:
    sentence = "A sentence " + "that goes on and on " * 10 + "ends."
    assert [passage.text for passage in split(f"{sentence} Short.", characters=50)] == [sentence, "Short."]


def test_a_sentence_longer_than_the_longest_unit_is_cut_between_words() -> None:
    text = "word " * 1_000 + "end."
    units = read_units(split(text), text)
    assert len(units) > 1
    assert " ".join(units).split() == text.split()


def test_a_word_longer_than_the_longest_unit_is_cut() -> None:
    text = "x" * (2 * LONGEST_UNIT + 1)
    assert "".join(read_units(split(text), text)) == text


# -- lists, tables and code -------------------------------------------------------------------------------------------


def test_a_list_keeps_its_lead_in() -> None:
    text = "They need these:\n\n- Python\n- Rust"
    (passage,) = split(text)
    assert read_units([passage], text) == ["They need these:", "Python", "Rust"]


def test_a_list_that_is_cut_carries_its_lead_in() -> None:
    items = "\n".join(f"- Item {number} of the long list of skills" for number in range(60))
    first, *others = split(f"They need these:\n\n{items}", characters=100)
    assert first.text.startswith("They need these:")
    assert {passage.lead for passage in others} == {"They need these:"}


def test_only_the_last_sentence_before_a_list_is_its_lead_in() -> None:
    items = "\n".join(f"- Item {number} of the long list of skills" for number in range(60))
    *_, last = split(f"Work is hard. They need these:\n\n{items}", characters=100)
    assert last.lead == "They need these:"


def test_a_sentence_that_announces_nothing_is_no_lead_in() -> None:
    items = "\n".join(f"- Item {number} of the long list of skills" for number in range(60))
    assert {passage.lead for passage in split(f"Work is hard.\n\n{items}", characters=100)} == {""}


def test_a_short_item_is_one_unit_however_many_sentences_it_has() -> None:
    text = "- First thing. Second thing. Third thing."
    assert read_units(split(text), text) == ["First thing. Second thing. Third thing."]


def test_a_long_item_is_quoted_by_the_sentence() -> None:
    text = "- " + "This is one of many sentences. " * 20
    assert set(read_units(split(text), text)) == {"This is one of many sentences."}


def test_the_first_part_of_a_table_holds_its_header_row() -> None:
    rows = "\n".join(f"| Role {number} | ${number},000 a year |" for number in range(80))
    first = split(f"| Role | Pay |\n| --- | --- |\n{rows}", characters=100)[0]
    assert first.text.startswith("| Role | Pay |")


def test_later_parts_of_a_table_carry_its_header_row() -> None:
    rows = "\n".join(f"| Role {number} | ${number},000 a year |" for number in range(80))
    _, *others = split(f"| Role | Pay |\n| --- | --- |\n{rows}", characters=100)
    assert others
    assert {passage.lead for passage in others} == {"| Role | Pay |"}


def test_a_table_that_is_cut_carries_its_lead_in_and_its_header_row() -> None:
    rows = "\n".join(f"| Role {number} | ${number},000 a year |" for number in range(80))
    *_, last = split(f"Pay by role:\n\n| Role | Pay |\n| --- | --- |\n{rows}", characters=100)
    assert last.lead == "Pay by role:\n| Role | Pay |"


def test_a_header_row_is_not_quoted_when_there_are_rows() -> None:
    text = "| Role | Pay |\n| --- | --- |\n| Nurse | $80,000 |"
    assert read_units(split(text), text) == ["| Nurse | $80,000 |"]


def test_a_table_of_a_header_alone_can_be_quoted() -> None:
    text = "| Role | Pay |\n| --- | --- |"
    assert read_units(split(text), text) == ["| Role | Pay |"]


def test_units_tell_what_they_are() -> None:
    text = "One. Two.\n\n- item\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n\n```\nx = 1\n```"
    assert [unit.kind for passage in split(text) for unit in passage.units] == [
        "sentence",
        "sentence",
        "item",
        "row",
        "code",
    ]


def test_the_escape_of_a_paragraph_is_in_no_unit() -> None:
    text = write_markdown([Paragraph("1986. A great year.")])
    assert "".join(read_units(split(text), text)).startswith("1986.")


# -- hostile articles -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "piece",
    [".", "!)", ". ", "a", "a.", "A. ", "e.g. ", "。", "“", ".”", " ", "a ", "| a ", "\u3000x", "x\\"],
    ids=repr,
)
def test_a_megabyte_on_one_line_loses_nothing(piece: str) -> None:
    text = (piece * (MEGABYTE // len(piece))).strip()
    kept = "".join("".join(read_units(split(text), text)).split())
    assert kept == "".join(text.split())


@pytest.mark.parametrize("piece", ["- a\n", "# a\n", "```\n", "| a |\n| - |\n", "> a\n"], ids=repr)
def test_a_megabyte_of_lines_is_split_to_the_end(piece: str) -> None:
    passages = split(piece * (MEGABYTE // len(piece)) + "\n```\n\nLast.")
    assert passages[-1].text.endswith("Last.")


def test_the_same_article_gives_the_same_passages() -> None:
    article = Article("pay", "pay.md", "Pay", make_document(7))
    settings = IngestSettings(_env_file=None)  # type: ignore[call-arg]
    assert split_article(article, settings) == split_article(article, settings)
