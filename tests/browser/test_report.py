"""The report of an evaluation in real Chromium, opened as a file: filters work, and no request leaves it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from assistant.evaluation.compare import compare
from assistant.evaluation.record import load_record, write_record
from assistant.evaluation.report import write_page
from tests.assistant.evaluation_examples import REPLY, FakeChain, make_citation, run
from tests.browser.conftest import Visit

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

PROMPTS = """
- question: What do they earn?
  facts: ["$158,147"]
  articles: [pay]
  tags: [money]
- question: What do they build?
  facts: [bridges]
  articles: [pay]
  tags: [work, building]
- question: How tall?
  answerable: false
  tags: [far away]
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two prompts right and one wrong, which was right in the run before."""
    folder = tmp_path_factory.mktemp("report")
    prompts = folder / "prompts.yaml"
    prompts.write_text(PROMPTS)
    quote = make_citation("Engineers build bridges.")
    bridges = replace(REPLY, text=f"{quote.quote} [1]", citations=(quote,))
    before = run(prompts, FakeChain({REPLY.question: REPLY, "What do they build?": bridges}))
    write_record(before, folder / "before.json")
    evaluation = run(prompts)
    write_page(evaluation, folder / "report.html", compare(evaluation, load_record(folder / "before.json")))
    return folder / "report.html"


@pytest.fixture
def visit(visit_page: Callable[..., Visit], report: Path) -> Visit:
    return visit_page(report.as_uri())


def shown(page: Page) -> list[str]:
    """The questions of the prompts that can be seen, as they are listed."""
    questions = page.locator(".prompt:visible .question").all_inner_texts()
    return [question.split("\n")[0] for question in questions]


EVERY = ["What do they build?", "What do they earn?", "How tall?"]


def test_all_prompts_are_shown_wrong_ones_first(visit: Visit) -> None:
    assert shown(visit.page) == EVERY
    assert visit.page.locator("output").inner_text() == "3 prompts"


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [("wrong", EVERY[:1]), ("right", EVERY[1:]), ("moved", EVERY[:1]), ("all", EVERY)],
)
def test_prompts_are_filtered_by_outcome(visit: Visit, outcome: str, expected: list[str]) -> None:
    visit.page.locator(f"input[value={outcome}]").check()
    assert shown(visit.page) == expected


def test_prompts_are_filtered_by_tag_kind_step_and_words(visit: Visit) -> None:
    page = visit.page
    page.get_by_label("tag").select_option("building")
    assert shown(page) == EVERY[:1]
    assert page.locator("output").inner_text() == "1 of 3 prompts"
    page.get_by_label("tag").select_option("")
    page.get_by_label("kind").select_option("unanswerable")
    assert shown(page) == EVERY[2:]
    page.get_by_label("kind").select_option("")
    page.get_by_label("Search").fill("EARN they")
    assert shown(page) == EVERY[1:2]


def test_a_step_that_went_wrong_leads_to_its_prompts(visit: Visit) -> None:
    visit.page.locator("button[data-step]").first.click()
    assert shown(visit.page) == EVERY[:1]


def test_a_prompt_opens_to_its_answer_and_a_mark_leads_to_its_quote(visit: Visit) -> None:
    earn = visit.page.locator(".prompt").nth(1)
    earn.locator("summary").first.click()
    assert earn.locator("mark").first.inner_text() == "$158,147"
    earn.locator("a.mark").click()
    assert visit.page.locator(".quotes li:target").inner_text().startswith("1")


def test_no_request_leaves_the_file(visit: Visit, report: Path) -> None:
    for prompt in visit.page.locator(".prompt > summary").all():
        prompt.click()
    assert set(visit.requests) == {report.as_uri()}
    assert visit.errors == []


def test_a_script_that_came_from_outside_does_not_run(
    visit_page: Callable[..., Visit], report: Path, tmp_path: Path
) -> None:
    """Were something not escaped, the page's own policy would hold it."""
    tampered = tmp_path / "tampered.html"
    tampered.write_text(report.read_text().replace("</main>", "<script>document.title = 'taken'</script></main>"))
    visit = visit_page(tampered.as_uri())
    assert visit.page.title() == "Evaluation · Career Assistant"
    assert visit.errors  # Chromium tells of the script that it refused


@pytest.mark.parametrize("width", [390, 1400])
def test_nothing_is_wider_than_the_screen(visit_page: Callable[..., Visit], report: Path, width: int) -> None:
    page = visit_page(report.as_uri(), width).page
    for prompt in page.locator(".prompt > summary").all():
        prompt.click()
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_the_page_is_dark_where_the_reader_is(chromium: Browser, report: Path) -> None:
    def colour(scheme: str) -> Iterator[int]:
        context = chromium.new_context(color_scheme=scheme)  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(report.as_uri())
        for name in ("backgroundColor", "color"):
            value = page.evaluate(f"getComputedStyle(document.body).{name}")
            yield sum(int(part) for part in value[4:-1].split(","))
        context.close()

    paper, ink = colour("dark")
    assert paper < 100
    assert ink > 600
    paper, ink = colour("light")
    assert ink < 150
    assert paper > 700
