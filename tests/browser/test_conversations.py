"""What becomes of a conversation: asked anew, kept in the visitor's browser, opened, named, exported and deleted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.browser.conftest import Serve, Visit
from tests.browser.fake_chain import ML_PAY, FakeChain

pytestmark = pytest.mark.browser

PAY = "How much does an ML engineer earn?"
VACATION = "How many vacation days do they get?"
FOLLOW_UP = "And a software engineer?"


def open_list(visit: Visit) -> None:
    visit.page.get_by_role("button", name="Conversations").click()


def wait_until_kept(visit: Visit, exchanges: int) -> None:
    visit.page.wait_for_function(
        """number => Object.keys(localStorage).some(key => key.startsWith("career:chat:")
            && JSON.parse(localStorage.getItem(key)).exchanges.filter(each => !each.progress).length === number)""",
        arg=exchanges,
    )


def test_asking_again_replaces_the_answer(visit: Visit) -> None:
    visit.ask(PAY)
    visit.ask(VACATION)
    visit.page.evaluate("document.querySelector('#newest .exchange').classList.add('replaced')")
    visit.last.get_by_role("button", name="Ask again").click()
    visit.page.locator(".exchange.replaced").wait_for(state="detached")
    visit.wait_for_exchange(2)
    assert visit.last.locator(".refusal").count() == 1


def test_edited_question_replaces_the_old_one(visit: Visit) -> None:
    visit.ask(VACATION)
    visit.last.get_by_role("button", name="Edit question").click()
    editor = visit.page.get_by_label("Your question, edited")
    assert editor.input_value() == VACATION
    editor.fill(PAY)
    editor.press("Enter")
    visit.page.get_by_text("$202,427").first.wait_for()
    visit.wait_for_exchange(1)
    assert visit.last.locator("h2").inner_text().endswith(PAY)


def test_editing_can_be_left_with_escape(visit: Visit) -> None:
    visit.ask(PAY)
    visit.last.get_by_role("button", name="Edit question").click()
    visit.page.get_by_label("Your question, edited").press("Escape")
    assert visit.last.locator("h2").is_visible()
    assert visit.page.locator(".editor").count() == 0


def test_only_the_newest_question_can_be_asked_again(visit: Visit) -> None:
    visit.ask(PAY)
    visit.ask(VACATION)
    assert visit.page.get_by_role("button", name="Ask again").count() == 1


def test_new_chat_forgets_what_was_said(visit: Visit) -> None:
    visit.ask(PAY)
    visit.last.locator(".answer-text a.mark").first.click()
    visit.read_chosen()
    visit.page.get_by_role("button", name="New chat").click()
    visit.page.locator(".welcome").wait_for()
    visit.page.locator("#source .panel").wait_for(state="hidden")
    visit.ask(FOLLOW_UP)
    assert visit.page.locator(".searched-for").count() == 0  # the fake refers to the history only when there is one


def test_conversation_comes_back_after_a_reload_and_goes_on(visit: Visit) -> None:
    visit.ask(PAY)
    wait_until_kept(visit, 1)
    visit.page.reload()
    visit.wait_for_exchange(1)
    assert ML_PAY in visit.last.inner_text()
    visit.last.locator(".answer-text a.mark").first.click()
    assert visit.read_chosen() == [ML_PAY]
    visit.page.keyboard.press("Escape")
    visit.ask(FOLLOW_UP)
    assert visit.page.locator(".searched-for").count() == 1


def test_conversation_outlives_the_server(visit_page: Callable[..., Visit], serve: Serve, fake_address: str) -> None:
    """Another server at another port has another storage, so the kept conversation is carried over by hand."""
    visit = visit_page(fake_address)
    visit.ask(PAY)
    wait_until_kept(visit, 1)
    kept = visit.page.evaluate("JSON.stringify({...localStorage})")
    visit.page.goto(serve(FakeChain()))
    visit.page.evaluate("kept => Object.entries(JSON.parse(kept)).forEach(pair => localStorage.setItem(...pair))", kept)
    visit.page.reload()
    open_list(visit)
    visit.page.locator(".chats .chat").click()
    visit.wait_for_exchange(1)
    assert ML_PAY in visit.last.inner_text()


def test_question_that_a_reload_cut_off_is_kept_as_stopped(visit_page: Callable[..., Visit], serve: Serve) -> None:
    visit = visit_page(serve(FakeChain(pause=2)))
    box = visit.page.get_by_label("Your question")
    box.fill(PAY)
    box.press("Enter")
    visit.page.wait_for_selector(".answer-text")
    visit.page.reload()
    visit.page.wait_for_selector(".stopped")
    assert visit.last.get_by_role("button", name="Ask again").is_visible()


def test_conversations_are_listed_opened_named_and_deleted(visit: Visit) -> None:
    visit.ask(PAY)
    wait_until_kept(visit, 1)
    visit.page.get_by_role("button", name="New chat").click()
    visit.page.locator(".welcome").wait_for()
    visit.ask(VACATION)
    open_list(visit)
    listed = visit.page.locator(".chats .chat")
    visit.page.wait_for_function("document.querySelectorAll('.chats .chat').length === 2")
    assert listed.all_inner_texts() == [VACATION, PAY]

    listed.nth(1).click()
    visit.page.get_by_text("$202,427").first.wait_for()
    visit.page.get_by_role("button", name=f"Rename “{PAY}”").click()
    visit.page.get_by_label("Name of the conversation").fill("About pay")
    visit.page.get_by_label("Name of the conversation").press("Enter")
    assert listed.all_inner_texts() == [VACATION, "About pay"]

    visit.page.get_by_role("button", name="Delete “About pay”").click()
    visit.page.get_by_role("button", name="Delete “About pay” for good").click()
    visit.page.locator(".welcome").wait_for()
    assert listed.all_inner_texts() == [VACATION]
    visit.page.reload()
    visit.page.locator(".welcome button").first.wait_for()
    assert visit.page.locator(".exchange").count() == 0


def test_deleting_asks_first(visit: Visit) -> None:
    visit.ask(PAY)
    wait_until_kept(visit, 1)
    open_list(visit)
    visit.page.get_by_role("button", name=f"Delete “{PAY}”").click()
    visit.page.get_by_role("button", name="Keep").click()
    assert visit.page.locator(".chats .chat").all_inner_texts() == [PAY]


def test_conversation_is_exported_with_its_sources(visit: Visit) -> None:
    visit.ask(PAY)
    wait_until_kept(visit, 1)
    with visit.page.expect_download() as download:
        visit.page.get_by_role("button", name="Export").click()
    assert download.value.suggested_filename == "How much does an ML engineer earn.md"
    exported = Path(download.value.path()).read_text()
    assert exported.startswith(f"## {PAY}\n\n{ML_PAY}")
    assert f"1. “{ML_PAY}” What engineers earn, and why, What a machine learning engineer does" in exported


def test_visitors_share_nothing(visit_page: Callable[..., Visit], fake_address: str) -> None:
    first, second = visit_page(fake_address), visit_page(fake_address)
    first.ask(PAY)
    wait_until_kept(first, 1)
    second.ask(FOLLOW_UP)
    open_list(second)
    assert second.page.locator(".searched-for").count() == 0
    assert second.page.locator(".exchange").count() == 1
    assert PAY not in second.page.locator("#chats").inner_text()


def test_kept_conversation_that_cannot_be_read_is_told_and_harms_nothing(visit: Visit) -> None:
    visit.page.evaluate(
        """() => localStorage.setItem("career:chat:odd",
            JSON.stringify({ title: "<img src=x onerror=alert(1)>", changed: 1, exchanges: [{ reply: "<b>" }] }))"""
    )
    visit.page.reload()
    open_list(visit)
    visit.page.locator(".chats .chat").click()
    visit.page.get_by_text("cannot be read any more").wait_for()
    assert visit.page.locator("#career img").count() == 0
    assert visit.dialogs == []


def test_narrow_screen_shows_the_list_over_the_chat_and_escape_closes_it(
    visit_page: Callable[..., Visit], fake_address: str
) -> None:
    visit = visit_page(fake_address, 390, 844)
    visit.ask(PAY)
    wait_until_kept(visit, 1)
    open_list(visit)
    assert visit.page.evaluate("document.getElementById('chat').inert")
    visit.page.keyboard.press("Escape")
    visit.page.locator(".chats").wait_for(state="hidden")
    assert visit.page.evaluate("document.activeElement.matches('[data-chats]')")
