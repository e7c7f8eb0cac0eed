"""Canonical Markdown: what is written is read back, with offsets that hold."""

from __future__ import annotations

import pytest

from ingest.markdown import Block, Code, Heading, Item, Paragraph, Table, read_cells, read_lines, write_markdown


def kinds_and_texts(text: str) -> list[tuple[str, str]]:
    return [(line.kind, text[line.start : line.end]) for line in read_lines(text)]


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (Heading(2, "A  heading\n"), [("heading", "A heading")]),
        (Paragraph("One\nline."), [("paragraph", "One line.")]),
        (Item("an item", 1, "3."), [("item", "an item")]),
        (Table(["a", ""], [["1", "2|3"]]), [("header", "| a |  |"), ("row", "| 1 | 2\\|3 |")]),
        (Table(["", ""], [["1", "2"]]), [("header", "|  |  |"), ("row", "| 1 | 2 |")]),
        (Code("x = 1\n\n# no heading"), [("code", "x = 1"), ("code", "# no heading")]),
        (Code("```\ninner"), [("code", "```"), ("code", "inner")]),
    ],
)
def test_a_block_is_read_back_as_what_it_was(block: Block, expected: list[tuple[str, str]]) -> None:
    assert kinds_and_texts(write_markdown([block])) == expected


@pytest.mark.parametrize(
    "text", ["# no heading", "- no item", "1. no item", "| no row |", "```", "1986. A great year."]
)
def test_a_paragraph_that_looks_like_something_else_stays_a_paragraph(text: str) -> None:
    assert [kind for kind, _ in kinds_and_texts(write_markdown([Paragraph(text), Paragraph("After.")]))] == [
        "paragraph"
    ] * 2


def test_items_that_follow_one_another_form_one_block() -> None:
    text = write_markdown([Paragraph("Lead:"), Item("a"), Item("b", 1), Paragraph("After.")])
    assert text == "Lead:\n\n- a\n  - b\n\nAfter."
    assert [line.block for line in read_lines(text)] == [1, 2, 2, 3]


def test_item_depth_and_marker_are_read_back() -> None:
    line = read_lines(write_markdown([Item("a", 2, "7.")]))[0]
    assert (line.level, line.marker) == (2, "7.")


def test_blocks_without_text_are_left_out() -> None:
    assert write_markdown([Paragraph(" "), Heading(1, ""), Table([""], [[""]]), Code("\n"), Item("")]) == ""


def test_a_short_row_is_filled_up() -> None:
    assert read_cells(write_markdown([Table(["a", "b"], [["1"]])]).split("\n")[2]) == ["1", ""]


def test_two_tables_after_one_another_are_two_blocks() -> None:
    text = write_markdown([Table(["a"], [["1"]]), Table(["b"], [["2"]])])
    assert [line.kind for line in read_lines(text)] == ["header", "row", "header", "row"]
    assert read_lines(text)[0].block != read_lines(text)[2].block


@pytest.mark.parametrize("text", ["# no heading", "1986. A great year.", "\\- a backslash of its own"])
def test_a_quote_of_an_escaped_paragraph_has_no_escape(text: str) -> None:
    assert kinds_and_texts(write_markdown([Paragraph(text)])) == [("paragraph", text)]
