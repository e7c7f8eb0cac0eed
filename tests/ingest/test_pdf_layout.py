"""Words with places become rows in reading order, and rows become blocks. No PDF file is needed."""

from __future__ import annotations

from ingest.draft import PAGE_BREAK
from ingest.markdown import Block, Heading, Item, Paragraph, Table
from ingest.pdf_blocks import make_blocks
from ingest.pdf_layout import Row, Sheet, Word, order_rows

SIZE, LEADING, LETTER = 10.0, 12.0, 6.0

LEFT = [
    "A mentor is somebody who has walked",
    "the road before you and tells you of",
    "the stones in it. Most people find a",
    "first mentor among older colleagues,",
    "and a second one far from their own",
    "office, where nobody gains from what",
]
RIGHT = [
    "they advise. Ask for half an hour of",
    "time, come with one question, and do",
    "not forget to tell later what became",
    "of the advice. People like to hear a",
    "story end well, and will gladly give",
    "you another half hour after that one.",
]


def line(text: str, left: float, base: float, *, size: float = SIZE, bold: bool = False) -> list[Word]:
    """A line of words in a font whose letters are 0.6 of its size wide."""
    words, x = [], left
    for word in text.split(" "):
        width = 0.6 * size * len(word)
        words.append(Word(word, x, x + width, base, size, bold))
        x += width + 0.6 * size
    return words


def column(lines: list[str], left: float, top: float) -> list[Word]:
    return [word for index, text in enumerate(lines) for word in line(text, left, top + index * LEADING)]


def sheet(*parts: list[Word]) -> Sheet:
    return Sheet([word for part in parts for word in part], 595, 842)


def read(*sheets: Sheet) -> list[Block]:
    return make_blocks(order_rows(sheets))[1]


def texts(rows: list[Row]) -> list[str]:
    return [row.whole.text for row in rows]


def words_of(blocks: list[Block]) -> str:
    return " ".join(block.text for block in blocks if isinstance(block, Paragraph | Heading | Item))


def test_two_columns_are_read_one_after_the_other() -> None:
    page = sheet(column(LEFT, 60, 200), column(RIGHT, 310, 200))

    assert texts(order_rows([page])) == LEFT + RIGHT


def test_columns_whose_lines_do_not_stand_level_are_read_one_after_the_other() -> None:
    page = sheet(column(LEFT, 60, 200), column(RIGHT, 310, 205))

    assert texts(order_rows([page])) == LEFT + RIGHT


def test_three_columns_are_read_from_left_to_right() -> None:
    narrow = [
        ["one two three four", "five six seven eigh", "nine ten eleven tw", "thirteen fourteen"] for _ in range(3)
    ]
    columns = [[f"{number}{text}" for text in lines] for number, lines in enumerate(narrow)]
    page = sheet(*(column(lines, 50 + 170 * index, 200) for index, lines in enumerate(columns)))

    assert texts(order_rows([page])) == [text for lines in columns for text in lines]


def test_a_heading_over_both_columns_comes_between_what_stands_above_and_below_it() -> None:
    wide = "Half of all careers change their course because of one talk with a stranger"
    page = sheet(
        column(LEFT, 60, 150),
        column(RIGHT, 310, 150),
        line(wide, 60, 260),
        column(LEFT, 60, 300),
        column(RIGHT, 310, 300),
    )

    assert texts(order_rows([page])) == [*LEFT, *RIGHT, wide, *LEFT, *RIGHT]


def test_the_short_last_line_of_a_wide_paragraph_stays_with_it() -> None:
    wide = ["This summary runs over both of the columns and says what the whole article says", "in two lines."]
    page = sheet(column(wide, 60, 150), column(LEFT, 60, 200), column(RIGHT, 310, 200))

    assert texts(order_rows([page])) == [*wide, *LEFT, *RIGHT]


def test_a_paragraph_runs_on_into_the_next_column() -> None:
    blocks = read(sheet(column(LEFT, 60, 200), column(RIGHT, 310, 200)))

    assert "where nobody gains from what they advise." in words_of(blocks)
    assert len(blocks) == 1


def test_rows_of_cells_are_a_table_and_no_columns() -> None:
    cells = [
        ["Occupation", "Pay", "Growth"],
        ["Coach", "$50,000", "4%"],
        ["Mentor", "$60,000", "5%"],
        ["Writer", "-", "6%"],
    ]
    rows = [
        line(text, left, 200 + 15 * index)
        for index, row in enumerate(cells)
        for text, left in zip(row, (60, 200, 300), strict=True)
    ]

    assert read(sheet(column(LEFT, 60, 100), *rows))[-1] == Table(cells[0], cells[1:])


def test_two_rows_of_cells_are_no_table() -> None:
    rows = [line(text, left, top) for top in (200, 215) for text, left in (("Coach", 60), ("$50,000", 200))]

    assert not any(isinstance(block, Table) for block in read(sheet(*rows)))


def test_a_cell_of_two_lines_is_one_cell() -> None:
    page = sheet(
        *(line(text, left, 200) for text, left in (("Occupation", 60), ("Pay", 300))),
        *(line(text, left, 230) for text, left in (("Registered nurses", 60), ("$93,600 per year", 300))),
        line("and midwives", 60, 242),
        *(line(text, left, 272) for text, left in (("Coaches", 60), ("$50,000 per year", 300))),
        *(line(text, left, 302) for text, left in (("Writers", 60), ("$60,000 per year", 300))),
    )

    table = read(page)[0]

    assert isinstance(table, Table)
    assert list(table.rows[0]) == ["Registered nurses and midwives", "$93,600 per year"]


def test_a_cell_at_half_the_height_of_its_neighbour_stands_in_one_row_with_it() -> None:
    plain = [line(text, left, top) for top in (200, 230, 300) for text, left in (("Coach", 60), ("$50,000", 300))]
    page = sheet(*plain, line("Growth", 60, 265), line("5% (faster", 300, 259), line("than most)", 300, 271))

    table = read(page)[0]

    assert isinstance(table, Table)
    assert ["Growth", "5% (faster than most)"] in [list(row) for row in table.rows]


def test_running_headers_and_page_numbers_are_dropped() -> None:
    pages = [
        sheet(
            line(f"{number} Work Weekly Issue {number + 3}", 60, 40), column(LEFT, 60, 200), line(str(number), 290, 810)
        )
        for number in (1, 2, 3, 4)
    ]

    assert texts(order_rows(pages)) == LEFT * 4


def test_the_same_line_in_the_midst_of_several_pages_is_kept() -> None:
    pages = [sheet(line("The same sentence stands here.", 60, 400), column(LEFT, 60, 500)) for _ in range(4)]

    assert texts(order_rows(pages)) == ["The same sentence stands here.", *LEFT] * 4


def test_rows_of_figures_at_the_head_of_pages_are_kept() -> None:
    pages = [sheet(line(f"{number}10 {number}20 {number}30", 60, 40), column(LEFT, 60, 200)) for number in (1, 2, 3, 4)]

    assert texts(order_rows(pages))[0] == "110 120 130"


def test_a_table_of_contents_is_dropped() -> None:
    contents = [f"Chapter about mentors {'. ' * 12}{number}" for number in (3, 7, 12)]

    assert texts(order_rows([sheet(column(contents, 60, 200), column(LEFT, 60, 300))])) == LEFT


def test_dotted_lines_to_numbers_that_do_not_rise_are_kept() -> None:
    prices = [f"Coaching by the hour {'. ' * 12}{number}" for number in (90, 60, 75)]

    assert texts(order_rows([sheet(column(prices, 60, 200))])) == prices


def test_a_raised_number_stands_in_the_row_of_its_word() -> None:
    page = sheet(line("Most mentors ask for nothing", 60, 200), [Word("²", 230, 233, 196, 6.0)])

    assert texts(order_rows([page])) == ["Most mentors ask for nothing ²"]


def test_words_from_right_to_left_are_read_from_the_right() -> None:
    words = [Word("שלום", 300, 330, 200, SIZE), Word("עולם", 267, 297, 200, SIZE)]

    assert texts(order_rows([Sheet(words, 595, 842)])) == ["שלום עולם"]


def test_larger_lines_are_headings_ranked_by_size() -> None:
    blocks = read(
        sheet(
            line("All about mentors", 60, 100, size=24),
            line("Where to look", 60, 140, size=18),
            column(LEFT, 60, 170),
            line("Among colleagues", 60, 270, size=14),
            column(RIGHT, 60, 300),
        )
    )

    assert [block for block in blocks if isinstance(block, Heading)] == [
        Heading(2, "Where to look"),
        Heading(3, "Among colleagues"),
    ]


def test_a_bold_line_over_a_paragraph_is_a_heading() -> None:
    parts = [column(LEFT, 60, 100), line("Where to look", 60, 200, bold=True), column(RIGHT, 60, 220)]

    assert make_blocks(order_rows([sheet(*parts)]), "All about mentors")[1][1] == Heading(2, "Where to look")


def test_a_bold_line_within_a_paragraph_is_no_heading() -> None:
    words = [*column(LEFT[:3], 60, 100), *line(LEFT[3], 60, 136, bold=True), *column(LEFT[4:], 60, 148)]

    assert [type(block) for block in read(Sheet(words, 595, 842))] == [Paragraph]


def test_bullets_and_numbers_make_lists_nested_by_their_place() -> None:
    blocks = read(
        sheet(
            line("Bring along:", 60, 100),
            line("• one question that matters to you", 70, 115),
            line("– written down", 90, 130),
            line("• some time", 70, 145),
            line("1. Ask.", 60, 175),
            line("2. Listen.", 60, 190),
        )
    )

    assert blocks[1:] == [
        Item("one question that matters to you", 0, "-"),
        Item("written down", 1, "-"),
        Item("some time", 0, "-"),
        Item("Ask.", 0, "1."),
        Item("Listen.", 0, "2."),
    ]


def test_an_item_goes_on_over_its_lines() -> None:
    page = sheet(column(["• " + LEFT[0], LEFT[1], LEFT[2]], 60, 100))

    assert [type(block) for block in read(page)] == [Item]


def test_a_dash_that_opens_a_line_within_a_sentence_makes_no_item() -> None:
    page = sheet(
        column([LEFT[0], "– as most of the older ones will say", "to anybody who asks them for advice."], 60, 100)
    )

    assert [type(block) for block in read(page)] == [Paragraph]


def test_white_between_lines_parts_paragraphs() -> None:
    blocks = read(sheet(column(LEFT, 60, 100), column(RIGHT, 60, 190)))

    assert len(blocks) == 2


def test_an_indented_line_after_a_sentence_opens_a_paragraph() -> None:
    first = [*LEFT[:5], "office, where nobody gains by it now."]
    page = sheet(
        column(first, 60, 100), line("Ask for half an hour of their time", 75, 172), column(RIGHT[1:], 60, 184)
    )

    assert len(read(page)) == 2


def test_a_word_broken_at_the_end_of_a_line_is_mended() -> None:
    page = sheet(column(["They found that experi-", "ence counts for most of"], 60, 100))

    assert words_of(read(page)) == "They found that experience counts for most of"


def test_a_hyphen_that_the_document_writes_elsewhere_is_kept() -> None:
    page = sheet(column(["Many work part-", "time and like it, since", "part-time work leaves room"], 60, 100))

    assert words_of(read(page)).startswith("Many work part-time and like it")


def test_a_hyphen_between_words_that_the_document_uses_apart_is_kept() -> None:
    page = sheet(column(["a full week of time for a", "full-", "time job"], 60, 100))

    assert words_of(read(page)).endswith("full-time job")


def test_a_soft_hyphen_is_mended_whatever_follows() -> None:
    page = sheet(column(["They found that Experi\u00ad", "ENCE counts for most of"], 60, 100))

    assert "ExperiENCE" in words_of(read(page))


def test_a_range_of_years_keeps_its_hyphen() -> None:
    page = sheet(column(["The years from 2019-", "2021 were hard ones for"], 60, 100))

    assert "2019-2021" in words_of(read(page))


def test_a_page_break_stands_within_the_paragraph_that_runs_on() -> None:
    blocks = read(sheet(column(LEFT, 60, 100)), sheet(column(RIGHT, 60, 100)))

    assert len(blocks) == 1
    assert f"from what{PAGE_BREAK} they advise" in words_of(blocks)


def test_notes_at_the_foot_of_a_page_do_not_break_the_paragraph_that_runs_on() -> None:
    note = [word for text, top in (("1 See the survey of 2024.", 700.0),) for word in line(text, 60, top, size=7)]
    blocks = read(sheet(column(LEFT, 60, 100), note), sheet(column(RIGHT, 60, 100)))

    assert [type(block) for block in blocks] == [Paragraph, Paragraph]
    assert "from what" + PAGE_BREAK + " they advise" in words_of(blocks)


def test_empty_pages_are_counted() -> None:
    empty = Sheet((), 595, 842)
    blocks = read(empty, sheet(column([*LEFT[:2], "office and home."], 60, 100)), empty, sheet(column(RIGHT, 60, 100)))

    assert [block.text.count(PAGE_BREAK) for block in blocks if isinstance(block, Paragraph)] == [3, 0]


def test_pages_without_any_word_have_no_blocks() -> None:
    assert read(Sheet((), 595, 842)) == []


def test_every_one_of_five_thousand_scattered_words_is_kept() -> None:
    words = [
        Word("mark", 7.3 * (n * 37 % 80), 7.3 * (n * 37 % 80) + 3, 8.1 * (n * 53 % 100), 3.0) for n in range(5_000)
    ]

    assert sum(len(row.whole.words) for row in order_rows([Sheet(words, 595, 842)])) == 5_000
