"""Word documents become drafts: what Word shows, in order; nothing deleted, hidden or repeated."""

from __future__ import annotations

import random
import re
import time
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from ingest.draft import DraftRefused
from ingest.extract_docx import read_docx
from ingest.markdown import write_markdown
from tests.ingest.docx_files import (
    W_NAMESPACE,
    cell,
    core,
    item,
    make_docx,
    notes,
    pack,
    paragraph,
    row,
    run,
    table,
)

OFFICE = Path(__file__).parents[2].parent / "shared" / "hostile" / "office"
BOLD = "<w:b/>"
TABLE_LOOK = '<w:tblLook w:val="04A0"/>'  # what Word writes for every table


def read_text(body: str, **parts: str) -> str:
    return write_markdown(read_docx(make_docx(body, **parts)).blocks)


# --- text


def test_headings_keep_their_levels_whatever_the_language_of_word() -> None:
    body = paragraph("One", "Titre1") + paragraph("Text.") + paragraph("Two", "Titre2") + paragraph("Three", "Titre1")
    assert read_text(body, core=core(dc_title="Named")) == "# One\n\nText.\n\n## Two\n\n# Three"


def test_an_outline_level_makes_a_heading() -> None:
    body = paragraph("Pay", inner='<w:outlineLvl w:val="1"/>') + paragraph("Text", inner='<w:outlineLvl w:val="9"/>')
    assert read_text(body) == "## Pay\n\nText"


def test_a_short_bold_paragraph_is_a_heading() -> None:
    body = f"<w:p>{run('What to ', BOLD)}{run('ask', BOLD)}</w:p><w:p>{run('Ask', BOLD)}{run(' twice')}</w:p>"
    assert read_text(body) == "## What to ask\n\nAsk twice"


def test_bold_that_is_switched_off_makes_no_heading() -> None:
    plain = run("Ask twice", '<w:b w:val="0"/>')
    assert read_text(f"<w:p>{plain}</w:p>") == "Ask twice"


def test_words_are_joined_as_they_show() -> None:
    body = (
        f"<w:p>{run('a care')}{run('er')}<w:hyperlink>{run(' coach')}</w:hyperlink><w:r><w:tab/><w:t>asks</w:t><w:br/>"
        "<w:t>well</w:t><w:noBreakHyphen/><w:t>meant</w:t><w:softHyphen/><w:t>ly</w:t></w:r></w:p>"
    )
    assert read_text(body) == "a career coach asks well-meantly"


def test_a_field_shows_its_result_and_not_its_code() -> None:
    body = f"<w:p><w:r><w:instrText>PAGE</w:instrText></w:r>{run('7')}<w:fldSimple>{run(' of 9')}</w:fldSimple></w:p>"
    assert read_text(body) == "7 of 9"


def test_deleted_and_moved_away_text_is_not_read_and_inserted_text_is() -> None:
    body = (
        f"<w:p>{run('They ')}<w:del><w:r><w:delText>tell</w:delText></w:r></w:del><w:ins>{run('ask')}</w:ins>"
        f"<w:moveFrom>{run(' gone')}</w:moveFrom><w:moveTo>{run(' here')}</w:moveTo></w:p>"
    )
    assert read_text(body) == "They ask here"


def test_hidden_text_is_not_read() -> None:
    hidden = run(" by switch", "<w:vanish/>") + run(" by style", '<w:rStyle w:val="Secret"/>')
    shown = run(" again", '<w:vanish w:val="false"/>')
    assert read_text(f"<w:p>{run('Seen')}{hidden}{shown}</w:p>") == "Seen again"


def test_comments_headers_and_footers_are_not_read() -> None:
    text = read_text(
        paragraph("Text."),
        comments=notes("comment", n1="A remark"),
        header1=notes("hdr", n1="A header"),
        footer1=notes("ftr", n1="A footer"),
    )
    assert text == "Text."


def test_a_text_box_is_read_once() -> None:
    box = f"<w:txbxContent>{paragraph('In a box')}</w:txbxContent>"
    choice = f"<mc:Choice Requires='wps'><wps:txbx>{box}</wps:txbx></mc:Choice>"
    fallback = f"<mc:Fallback><w:pict><v:textbox>{box}</v:textbox></w:pict></mc:Fallback>"
    body = f"<w:p>{run('Beside')}<w:r><mc:AlternateContent>{choice}{fallback}</mc:AlternateContent></w:r></w:p>"
    assert read_text(body) == "Beside\n\nIn a box"


def test_content_controls_are_read_where_they_stand() -> None:
    control = f"<w:sdt><w:sdtPr/><w:sdtContent>{paragraph('Two')}</w:sdtContent></w:sdt>"
    inline = f"<w:p>{run('Thr')}<w:sdt><w:sdtContent>{run('ee')}</w:sdtContent></w:sdt></w:p>"
    assert read_text(paragraph("One") + control + inline) == "One\n\nTwo\n\nThree"


def test_a_table_of_contents_is_not_read() -> None:
    assert read_text(paragraph("Pay 7", "TM1") + paragraph("Text.")) == "Text."


def test_footnotes_stand_at_the_end_of_the_section_that_refers_to_them() -> None:
    body = (
        f'<w:p>{run("Coaches ask")}<w:r><w:footnoteReference w:id="1"/></w:r>{run(".")}</w:p>{paragraph("More.")}'
        f'{paragraph("Pay", "Titre2")}<w:p>{run("End")}<w:r><w:endnoteReference w:id="1"/></w:r></w:p>'
    )
    text = read_text(body, footnotes=notes("footnote", n1="In 2024."), endnotes=notes("endnote", n1="Or so."))
    assert text == "Coaches ask.\n\nMore.\n\nIn 2024.\n\n## Pay\n\nEnd\n\nOr so."


def test_formulas_keep_their_signs() -> None:
    math = "http://schemas.openxmlformats.org/officeDocument/2006/math"
    assert (
        read_text(f'<w:p>{run("so ")}<m:oMath xmlns:m="{math}"><m:r><m:t>a+b</m:t></m:r></m:oMath></w:p>') == "so a+b"
    )


# --- lists


def test_list_numbers_read_as_they_show() -> None:
    body = item("ask", 1) + item("friends", 1, 1) + item("family", 1, 1) + item("deep", 1, 2) + item("choose", 1)
    assert read_text(body) == "1. ask\n  - a) friends\n  - b) family\n    - 1.b.i deep\n2. choose"


def test_a_list_counts_on_after_text_and_starts_again_where_told() -> None:
    body = item("one", 1) + paragraph("Text.") + item("two", 1) + item("six", 3) + item("seven", 3)
    assert read_text(body) == "1. one\n\nText.\n\n2. two\n6. six\n7. seven"


def test_bullets_come_from_lists_from_styles_and_from_the_keyboard() -> None:
    body = item("one", 2) + item("deeper", 2, 1) + paragraph("two", "Puce") + paragraph("• three")
    assert read_text(body) == "- one\n  - deeper\n- two\n- three"


def test_a_numbered_heading_keeps_its_number() -> None:
    numbered = '<w:numPr><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr>'
    assert read_text(paragraph("Pay", "Titre2", numbered) + paragraph("Text.")) == "## 1. Pay\n\nText."


def test_a_style_that_builds_on_itself_is_survived() -> None:
    styles = (
        f'<w:styles xmlns:w="{W_NAMESPACE}"><w:style w:styleId="A"><w:basedOn w:val="B"/></w:style>'
        '<w:style w:styleId="B"><w:basedOn w:val="A"/></w:style></w:styles>'
    )
    assert read_text(paragraph("Text.", "A"), styles=styles) == "Text."


# --- tables


def test_a_row_marked_as_header_is_the_header() -> None:
    body = table(row("Role", "Pay", properties="<w:tblHeader/>"), row("Coach", "$50|h"))
    assert read_text(body) == "| Role | Pay |\n| --- | --- |\n| Coach | $50\\|h |"


def test_a_bold_first_row_is_the_header() -> None:
    bold = (f"<w:p>{run(text, BOLD)}</w:p>" for text in ("Role", "Pay"))
    assert read_text(table(row(*bold), row("Coach", "$50"))).startswith("| Role | Pay |\n| --- |")


def test_a_first_row_that_the_tables_style_sets_apart_is_the_header() -> None:
    rows = row("Role", "Pay"), row("Coach", "$50")
    assert read_text(table(*rows, properties=f'<w:tblStyle w:val="Fancy"/>{TABLE_LOOK}')).startswith("| Role | Pay |")


def test_a_plain_table_has_empty_header_cells() -> None:
    text = read_text(table(row("Coach", "$50"), row("Tutor", "$40"), properties=TABLE_LOOK))
    assert text == "|  |  |\n| --- | --- |\n| Coach | $50 |\n| Tutor | $40 |"


def test_merged_cells_repeat_downwards_and_in_a_header_across() -> None:
    body = table(
        row("Role", cell("Pay", '<w:gridSpan w:val="2"/>'), properties="<w:tblHeader/>"),
        row("", "2024", "2025", properties="<w:tblHeader/>"),
        row(cell("Coach", '<w:vMerge w:val="restart"/>'), "$50", "$60"),
        row(cell("", "<w:vMerge/>"), cell("by the hour", '<w:gridSpan w:val="2"/>')),
    )
    assert read_text(body) == (
        "| Role | Pay: 2024 | Pay: 2025 |\n| --- | --- | --- |\n| Coach | $50 | $60 |\n| Coach | by the hour |  |"
    )


def test_a_row_that_begins_later_keeps_its_columns() -> None:
    body = table(row("a", "b"), row("c", properties='<w:gridBefore w:val="1"/>'))
    assert read_text(body).endswith("| a | b |\n|  | c |")


def test_a_table_inside_a_table_is_readable() -> None:
    inner = table(row("Coach", "$50"), row("Tutor", "$40"))
    assert read_text(table(row("Pay", inner))) == "Pay\n\n|  |  |\n| --- | --- |\n| Coach | $50 |\n| Tutor | $40 |"


def test_a_table_that_only_places_things_becomes_its_content() -> None:
    assert read_text(table(row(paragraph("Pay", "Titre2") + item("one", 2), "Beside"))) == "## Pay\n\n- one\n\nBeside"


def test_a_deleted_row_is_not_read() -> None:
    body = table(row("a", "b"), row("x", "y", properties="<w:del/>"), row("c", "d"))
    assert read_text(body).endswith("| a | b |\n| c | d |")


# --- what the document says about itself


def test_properties_give_title_author_date_and_language() -> None:
    about = core(
        dc_title="Coaching", dc_creator="Ada Miller", dcterms_created="2024-05-04T08:00:00Z", dc_language="en-GB"
    )
    draft = read_docx(make_docx(paragraph("Text."), core=about))
    assert (draft.title, draft.author, draft.published, draft.language) == (
        "Coaching",
        "Ada Miller",
        "2024-05-04",
        "en",
    )


def test_the_title_paragraph_is_the_title_and_leaves_the_text() -> None:
    body = paragraph("Find a coach", "Titre") + paragraph("One", "Titre1") + paragraph("Text.")
    draft = read_docx(make_docx(body, core=core(dc_title="Document1")))
    assert (draft.title, write_markdown(draft.blocks)) == ("Find a coach", "# One\n\nText.")


def test_the_only_first_heading_is_the_title() -> None:
    draft = read_docx(
        make_docx(paragraph("Find a coach", "Titre1") + paragraph("Text."), core=core(dc_title="Document1"))
    )
    assert (draft.title, write_markdown(draft.blocks)) == ("Find a coach", "Text.")


# --- packages


def test_a_document_is_found_by_its_relation_and_in_the_strict_format() -> None:
    strict = "http://purl.oclc.org/ooxml/wordprocessingml/main"
    package = pack(
        {
            "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
            '<Relationship Type="http://purl.oclc.org/ooxml/officeDocument/relationships/officeDocument" '
            'Target="/word/document2.xml"/></Relationships>',
            "word/Document2.xml": f'<w:document xmlns:w="{strict}"><w:body>{paragraph("Text.")}</w:body></w:document>',
        }
    )
    assert write_markdown(read_docx(package).blocks) == "Text."


def test_a_password_is_asked_for_in_words() -> None:
    encrypted = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le")
    with pytest.raises(DraftRefused, match="needs a password"):
        read_docx(encrypted)


def test_an_archive_without_a_document_says_so() -> None:
    with pytest.raises(DraftRefused, match="holds no Word document"):
        read_docx(pack({"a.txt": "a"}))


def test_entities_are_refused() -> None:
    bomb = f'<!DOCTYPE d [<!ENTITY a "aaaa">]><w:document xmlns:w="{W_NAMESPACE}"><w:body>&a;</w:body></w:document>'
    with pytest.raises(DraftRefused, match="declares XML entities"):
        read_docx(pack({"word/document.xml": bomb}))


def nest_tables(depth: int) -> str:
    return "<w:tbl><w:tr><w:tc>" * depth + paragraph("Text.") + "</w:tc></w:tr></w:tbl>" * depth


def test_fifty_nested_tables_are_read() -> None:
    assert read_text(nest_tables(50)) == "Text."


def test_five_thousand_nested_tables_are_refused() -> None:
    with pytest.raises(DraftRefused, match="is damaged"):
        read_text(nest_tables(5_000))


def test_ten_thousand_notes_that_refer_to_one_another_are_survived() -> None:
    chain = "".join(
        f'<w:footnote w:id="{number}"><w:p><w:r><w:t>n</w:t><w:footnoteReference w:id="{number + 1}"/></w:r></w:p>'
        "</w:footnote>"
        for number in range(10_000)
    )
    part = f'<w:footnotes xmlns:w="{W_NAMESPACE}">{chain}</w:footnotes>'
    text = read_text('<w:p><w:r><w:footnoteReference w:id="0"/></w:r></w:p>', footnotes=part)
    assert text.count("n") == 10_000


def test_a_long_cell_is_not_repeated_in_every_row_that_it_spans() -> None:
    rows = (row(cell("", "<w:vMerge/>"), "x") for _ in range(1_000))
    text = read_text(table(row(cell("long " * 10_000, '<w:vMerge w:val="restart"/>'), "x"), *rows))
    assert text.count("long") == 10_000


def test_a_long_document_is_read_in_seconds() -> None:
    body = "".join(item(f"Sentence {number} of a long list.", 1, number % 3) for number in range(20_000))
    begun = time.monotonic()
    assert len(read_text(body).splitlines()) == 20_000
    assert time.monotonic() - begun < 60


def test_damage_at_any_place_is_never_more_than_a_refusal() -> None:
    whole = make_docx(item("one", 1) + table(row("a", "b"), row("c", "d")), core=core(dc_title="T"))
    chance, refused = random.Random(4), 0
    for _ in range(300):
        damaged = bytearray(whole)
        for _ in range(chance.randint(1, 8)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        try:
            read_docx(bytes(damaged[: chance.choice([None, chance.randrange(len(damaged))])]))
        except DraftRefused:
            refused += 1
    assert 0 < refused < 300


def test_odd_values_in_any_attribute_are_never_more_than_a_refusal() -> None:
    whole = make_docx(item("one", 3, 2) + table(row(cell("a", '<w:gridSpan w:val="2"/>')), row("c", "d")))
    for value in ("", "-1", "99999999999", "²", "x", "0"):
        with zipfile.ZipFile(BytesIO(whole)) as archive:
            parts = {name: archive.read(name).decode() for name in archive.namelist()}
        odd: dict[str, str | bytes] = {
            name: re.sub(r'w:val="\d+"', f'w:val="{value}"', part) for name, part in parts.items()
        }
        assert "one" in write_markdown(read_docx(pack(odd)).blocks)


@pytest.mark.skipif(
    not OFFICE.is_dir(), reason="../shared/hostile/office is absent: other people's files are not shipped"
)
def test_other_peoples_documents_are_read_or_refused_in_one_line() -> None:
    refused = {}
    for path in sorted(OFFICE.glob("*.docx")):
        try:
            read_docx(path.read_bytes())
        except DraftRefused as reason:
            refused[path.name] = str(reason).split(".")[0]
    assert refused == {
        "protected_normal_case.docx": "needs a password",
        "protected_upper_case.docx": "needs a password",
        "testWORD_truncated.docx": "is damaged (its list of contents is missing or broken)",
    }
