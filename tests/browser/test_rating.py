"""A thumb in the real page reaches the library, with what it was given for; one that cannot be kept says so."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.browser.conftest import Serve, Visit
from tests.browser.fake_chain import ML_PAY, FakeChain, FakeLibrary

pytestmark = pytest.mark.browser

VisitPage = Callable[..., Visit]


def test_a_thumb_is_kept_with_question_history_answer_and_quotes(serve: Serve, visit_page: VisitPage) -> None:
    library = FakeLibrary()
    visit = visit_page(serve(FakeChain(library)))
    visit.ask("Any vacation?")
    visit.ask("How much does an ML engineer earn?")
    visit.last.get_by_role("button", name="A good answer", exact=True).click()
    visit.last.get_by_text("Kept, thank you.").wait_for()
    (feedback,) = library.rated
    assert (feedback.rating, feedback.question) == ("up", "How much does an ML engineer earn?")
    assert feedback.history == ("Any vacation?",)
    assert feedback.answered
    assert feedback.answer.startswith(ML_PAY)
    assert feedback.quotes[0].text == ML_PAY
    pressed = visit.last.get_by_role("button", name="A good answer", exact=True)
    assert pressed.get_attribute("aria-pressed") == "true"
    assert visit.errors == []


def test_a_refusal_can_be_rated_and_a_second_thought_is_kept_as_well(serve: Serve, visit_page: VisitPage) -> None:
    library = FakeLibrary()
    visit = visit_page(serve(FakeChain(library)))
    visit.ask("Any vacation?")
    for name in ("A good answer", "Not a good answer"):
        visit.last.get_by_role("button", name=name, exact=True).click()
        visit.last.locator(f'button[aria-label="{name}"][aria-pressed="true"]').wait_for()
    assert [(one.rating, one.answered) for one in library.rated] == [("up", False), ("down", False)]


def test_a_thumb_that_cannot_be_kept_says_why(serve: Serve, visit_page: VisitPage) -> None:
    visit = visit_page(serve(FakeChain(FakeLibrary(is_full=True))), 390, 844)
    visit.ask("How much does an ML engineer earn?")
    visit.last.get_by_role("button", name="A good answer", exact=True).click()
    visit.last.get_by_text("It could not be kept: catalog.sqlite3: cannot be written").wait_for()
    assert visit.last.locator('button[aria-pressed="true"]').count() == 0
    assert visit.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
