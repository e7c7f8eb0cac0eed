"""The tabs, with a mouse, by keyboard and to a screen reader; the chat beside two parts that only the test has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest

import ui
from assistant.page.chat import ChatPage
from assistant.page.component import html
from assistant.page.loader import ChainLoader
from assistant.page.panel import SourcePanel
from assistant.page.tabs import Tab, compose_page
from assistant.settings import Settings
from tests.browser.conftest import Visit
from tests.browser.fake_chain import FakeChain
from tests.browser.test_accessibility import find_violations

pytestmark = pytest.mark.browser

PAY = "How much does an ML engineer earn?"


@pytest.fixture(scope="module")
def address(chromium: object) -> Iterator[str]:
    import gradio

    settings = Settings(host="127.0.0.1", port=0)
    loader = ChainLoader.holding(FakeChain())
    tabs = [
        Tab("talk", "Chat", ChatPage(loader, settings).compose),
        Tab("first", "Articles", lambda: html("<p>Whatever is on the shelf</p>")),
        Tab("second", "Evaluate", lambda: html("<p>Whatever was measured</p>")),
    ]
    with gradio.Blocks(title="Career Assistant", fill_height=True, fill_width=True) as page:
        compose_page(tabs, SourcePanel(loader).compose)
    yield ui.launch_page(page.queue(), settings)
    page.close(verbose=False)


@pytest.fixture
def visit(visit_page: Callable[..., Visit], address: str) -> Visit:
    visit = visit_page(address)
    visit.page.locator(".welcome button").first.wait_for()
    return visit


def read_focused(visit: Visit) -> str:
    return str(visit.page.evaluate("document.activeElement.textContent"))


def test_tab_shows_its_own_part_and_hides_the_others(visit: Visit) -> None:
    visit.page.get_by_role("tab", name="Articles").click()
    assert visit.page.get_by_role("tabpanel").all_inner_texts() == ["Whatever is on the shelf"]
    visit.page.get_by_role("tab", name="Chat").click()
    assert visit.page.get_by_label("Your question").is_visible()
    assert not visit.page.get_by_text("Whatever is on the shelf").is_visible()


def test_arrows_home_and_end_go_from_tab_to_tab(visit: Visit) -> None:
    visit.page.get_by_role("tab", name="Chat").focus()
    seen = []
    for key in ("ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft", "Home", "End"):
        visit.page.keyboard.press(key)
        seen.append(read_focused(visit))
    assert seen == ["Articles", "Evaluate", "Chat", "Evaluate", "Chat", "Evaluate"]
    assert visit.page.get_by_role("tabpanel", name="Evaluate").inner_text() == "Whatever was measured"


def test_only_the_chosen_tab_is_a_stop_on_the_way_by_tab_key(visit: Visit) -> None:
    visit.page.get_by_role("tab", name="Articles").click()
    stops = visit.page.get_by_role("tab").evaluate_all("tabs => tabs.map((tab) => [tab.tabIndex, tab.ariaSelected])")
    assert stops == [[-1, "false"], [0, "true"], [-1, "false"]]


def test_reload_stays_on_the_tab(visit: Visit) -> None:
    visit.page.get_by_role("tab", name="Evaluate").click()
    visit.page.reload()
    visit.page.get_by_text("Whatever was measured").wait_for()
    assert visit.page.url.endswith("#second")


def test_question_that_is_asked_goes_on_behind_another_tab(visit: Visit) -> None:
    box = visit.page.get_by_label("Your question")
    box.fill(PAY)
    box.press("Enter")
    visit.page.get_by_role("tab", name="Articles").click()
    visit.wait_for_exchange(1)
    visit.page.get_by_role("tab", name="Chat").click()
    assert visit.last.locator(".answer-text a.mark").count() == 2


def test_slash_leads_back_to_the_question(visit: Visit) -> None:
    visit.page.get_by_role("tab", name="Articles").click()
    visit.page.keyboard.press("/")
    visit.page.keyboard.type("pay")
    assert visit.page.get_by_label("Your question").input_value() == "pay"


def test_source_closes_with_the_tab_that_it_was_opened_from(visit: Visit) -> None:
    visit.ask(PAY)
    visit.last.locator(".answer-text a.mark").first.click()
    visit.read_chosen()
    visit.page.get_by_role("tab", name="Articles").click()
    assert not visit.page.locator("#source .panel").is_visible()


@pytest.mark.parametrize("width", [1400, 390, 320])
def test_tabs_and_the_chat_fill_the_window_and_no_more(visit: Visit, width: int) -> None:
    visit.ask(PAY)
    visit.page.set_viewport_size({"width": width, "height": 700})
    assert visit.page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]") == [
        width,
        700,
    ]
    places = visit.page.locator("#top button:visible").evaluate_all(
        "buttons => buttons.map((button) => button.getBoundingClientRect()).map((place) => [place.left, place.right])"
    )
    assert len(places) == 6
    if width >= 390:
        assert all(left >= 0 and right <= width for left, right in places)
        assert all(before[1] <= after[0] for before, after in pairwise(places))


def test_tabs_break_no_rule(visit: Visit) -> None:
    visit.page.get_by_role("tab", name="Articles").click()
    assert find_violations(visit) == []
