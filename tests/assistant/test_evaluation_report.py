"""The report holds everything in one file that loads nothing; its plots are the same picture as SVG and as PNG."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

from assistant.errors import EvaluationInvalid
from assistant.evaluation.compare import Comparison, compare
from assistant.evaluation.drawing import INKS, Box, Dot, Picture, Stroke, Words, draw_png, draw_svg
from assistant.evaluation.judge import Judgement
from assistant.evaluation.plots import draw_plots
from assistant.evaluation.record import load_record, write_record
from assistant.evaluation.report import build_page, write_page, write_plots
from assistant.evaluation.run import Evaluation
from tests.assistant.evaluation_examples import CITATION, QUOTE, REPLY, FakeChain, run, write_prompts


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    return write_prompts(tmp_path)


def compare_with_nothing_known(evaluation: Evaluation, prompts: Path) -> Comparison:
    write_record(run(prompts, FakeChain({})), prompts.parent / "old.json")
    return compare(evaluation, load_record(prompts.parent / "old.json"))


def test_the_page_escapes_everything_that_came_from_outside(prompts: Path) -> None:
    attack = "<script>alert(1)</script>"
    hostile = replace(REPLY, text=attack, citations=(replace(CITATION, quote=attack, title=attack, heading=attack),))
    prompts.write_text(f'- question: {REPLY.question}\n  tags: ["{attack}"]\n  note: "{attack}"\n')
    evaluation = run(prompts, FakeChain({REPLY.question: hostile}))
    page = build_page(evaluation, judgements={f"{prompts}:1": Judgement(1, attack)})
    assert attack not in page
    assert page.count("&lt;script&gt;alert") >= 6


def test_the_page_loads_nothing(prompts: Path) -> None:
    page = build_page(run(prompts))
    assert not [word for word in ("src=", 'href="http', "@import", "url(", "//") if word in page.split("<script>")[0]]
    assert "default-src 'none'" in page


def test_totals_stand_beside_their_floors(prompts: Path) -> None:
    (prompts.parent / "floors.json").write_text('{"facts_in_quotes": 0.75}')
    assert "floor 75.0%" in build_page(run(prompts))
    assert "Every measure is at its floor or better." in build_page(run(prompts))
    fallen = build_page(run(prompts, FakeChain({})))
    assert "below its floor of 75.0%" in fallen
    assert "Not at the floor: facts in cited quotes." in fallen


def test_facts_are_highlighted_in_the_quotes_that_hold_them(prompts: Path) -> None:
    assert QUOTE.replace("$158,147", "<mark>$158,147</mark>") in build_page(run(prompts))


def test_a_prompt_shows_what_failed_and_where(prompts: Path) -> None:
    page = build_page(run(prompts, FakeChain({})))
    assert "<li>refused, but the articles answer it</li>" in page
    assert "<b>retriever</b>: no passage that answers was found" in page


def test_what_moved_since_the_last_run_is_shown(prompts: Path) -> None:
    evaluation = run(prompts)
    page = build_page(evaluation, compare_with_nothing_known(evaluation, prompts))
    assert "became right (1)" in page
    assert "This run and the last" in page
    assert "was wrong" in page


def test_every_measure_is_explained_in_the_page(prompts: Path) -> None:
    page = build_page(run(prompts))
    assert "Järvelin, Kekäläinen 2002" in page
    assert "citations with article.text[start:end] == quote / citations" in page


def test_a_page_that_cannot_be_written_is_one_line(prompts: Path, tmp_path: Path) -> None:
    with pytest.raises(EvaluationInvalid, match="Name another place"):
        write_page(run(prompts), tmp_path)


# -- plots ------------------------------------------------------------------------------------------------------------

SHAPES = (
    Box(0, 0, 50, 20, "accent", "a & b"),
    Stroke(((0, 30), (100, 30)), "warn", 2),
    Dot(20, 45, hollow=True),
    Words(60, 45, "<here>", anchor="end"),
)
PICTURE = Picture("shapes", "Shapes", "four shapes", 100, 50, SHAPES)


def test_a_picture_as_svg_is_well_formed_and_told() -> None:
    svg = ElementTree.fromstring(draw_svg(PICTURE))
    assert svg.attrib["aria-label"] == "four shapes"
    assert [shape.tag for shape in svg] == ["rect", "polyline", "circle", "text"]
    assert svg[0][0].text == "a & b"
    assert svg[3].text == "<here>"


def test_a_picture_as_png_has_its_shapes_where_they_were_drawn() -> None:
    image = Image.open(io.BytesIO(draw_png(PICTURE, scale=1)))
    left, top = 16, 16 + 34
    assert image.size == (132, 116)
    assert image.getpixel((left + 25, top + 10)) == tuple(bytes.fromhex(INKS["accent"][1:]))
    assert image.getpixel((left + 80, top + 10)) == tuple(bytes.fromhex(INKS["paper"][1:]))


def test_plots_show_tags_evidence_times_and_the_last_run(prompts: Path) -> None:
    evaluation = run(prompts)
    drawn = {
        picture.name: picture for picture in draw_plots(evaluation, compare_with_nothing_known(evaluation, prompts))
    }
    assert list(drawn) == ["compared", "tags", "evidence", "times"]
    assert drawn["tags"].told == "money: 1 of 1 right; prompts: 1 of 1 right"
    notes = [shape.note for shape in drawn["evidence"].shapes if isinstance(shape, Box) and shape.height]
    assert notes == ["0.00 to 0.05: 1 unanswerable", "0.50 to 0.55: 1 answerable"]
    assert drawn["times"].told == "Milliseconds a reply: half took at most 500, nineteen of twenty at most 1,500"


def test_plots_are_written_as_png(prompts: Path, tmp_path: Path) -> None:
    write_plots(run(prompts), tmp_path / "plots")
    assert sorted(path.name for path in (tmp_path / "plots").iterdir()) == ["evidence.png", "tags.png", "times.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in (tmp_path / "plots").iterdir())
