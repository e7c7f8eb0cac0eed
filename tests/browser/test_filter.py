"""Asking of some articles only, over a real library with a fake embedder."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ingest.pipeline import add_article
from tests.browser.conftest import Visit
from tests.browser.shop import ZEBRAS, Shop

pytestmark = pytest.mark.browser

NURSES_PAY = "How much do nurses earn a year in a hospital?"


@pytest.fixture
def visit(shop: Shop, visit_page: Callable[..., Visit]) -> Visit:
    """A visitor to a library with two articles."""
    shop.add("zebras.md", ZEBRAS)
    return visit_page(shop.address)


def open_choice(visit: Visit) -> None:
    visit.page.get_by_role("button", name="Answer from:").click()
    visit.page.locator("#offered li").first.wait_for()


def choose(visit: Visit, *titles: str) -> None:
    open_choice(visit)
    for title in titles:
        visit.page.get_by_label(title).check()
    visit.page.keyboard.press("Escape")


def read_filter(visit: Visit) -> str:
    return visit.page.locator("#filter .chosen").inner_text()


def test_all_articles_are_asked_until_some_are_chosen(visit: Visit) -> None:
    assert read_filter(visit) == "All articles"
    visit.ask(NURSES_PAY)
    assert "$80,000" in visit.last.locator(".answer-text").inner_text()
    assert visit.last.locator(".asked-of").count() == 0


def test_chosen_article_alone_is_asked_and_the_answer_says_so(visit: Visit) -> None:
    choose(visit, "Zebra keepers")
    assert read_filter(visit) == "Zebra keepers"
    visit.ask(NURSES_PAY)
    assert "The chosen article doesn't say." in visit.last.locator(".refusal").inner_text()
    assert visit.last.locator(".asked-of").inner_text() == "Asked of “Zebra keepers”"
    visit.page.get_by_role("button", name="Answer from all articles").click()
    visit.ask(NURSES_PAY)
    assert "$80,000" in visit.last.locator(".answer-text").inner_text()


def test_choice_is_made_by_keyboard_and_search(visit: Visit) -> None:
    visit.page.get_by_role("button", name="Answer from:").press("Enter")
    visit.page.locator("#offered li").nth(1).wait_for()
    visit.page.keyboard.type("nurses")
    visit.page.locator("#offered li").nth(1).wait_for(state="detached")
    visit.page.keyboard.press("Tab")
    visit.page.keyboard.press("Space")
    visit.page.keyboard.press("Escape")
    assert read_filter(visit) == "What nurses earn"
    assert visit.page.evaluate("document.activeElement.matches('[data-filter]')")


def test_choice_stays_with_its_conversation(visit: Visit) -> None:
    choose(visit, "Zebra keepers", "What nurses earn")
    visit.ask(NURSES_PAY)
    visit.page.wait_for_timeout(500)  # until the browser has kept the conversation
    visit.page.reload()
    visit.page.locator(".exchange").wait_for()
    assert read_filter(visit) == "2 articles"
    visit.page.get_by_role("button", name="New chat").click()
    visit.page.locator(".exchange").wait_for(state="detached")
    assert read_filter(visit) == "All articles"
    visit.page.get_by_role("button", name="Conversations", exact=True).click()
    visit.page.locator(".chats .chat").click()
    visit.page.locator(".exchange").wait_for()
    assert read_filter(visit) == "2 articles"


def test_chosen_article_that_was_removed_meanwhile_is_named_in_one_line(visit: Visit, shop: Shop) -> None:
    choose(visit, "Zebra keepers")
    with shop.library.open_writer() as writer:
        writer.remove("zebra-keepers")
    visit.ask(NURSES_PAY)
    error = visit.last.locator(".error").inner_text()
    assert "“Zebra keepers” is no longer in the library. Choose other articles, or all." in error


def test_article_that_was_added_meanwhile_can_be_chosen(visit: Visit, shop: Shop) -> None:
    open_choice(visit)
    visit.page.keyboard.press("Escape")
    path = shop.settings.home / "lions.md"
    path.write_text(ZEBRAS.replace("Zebra", "Lion").replace("zebra", "lion"))
    with shop.library.open_writer() as writer:
        add_article(str(path), writer, shop.settings)
    choose(visit, "Lion keepers")
    assert read_filter(visit) == "Lion keepers"
