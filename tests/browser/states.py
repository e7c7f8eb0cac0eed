"""The states that the page can be in, each reached as a visitor reaches it, with the fake chain behind the page."""

from __future__ import annotations

from collections.abc import Callable

from tests.browser.conftest import Visit

PAY = "How much does an ML engineer earn?"
VACATION = "How many vacation days do they get?"


def show_welcome(visit: Visit) -> None:
    visit.page.locator(".welcome button").first.wait_for()


def show_answer(visit: Visit) -> None:
    visit.ask(PAY)


def show_card(visit: Visit) -> None:
    visit.ask(PAY)
    visit.last.locator(".answer-text a.mark").first.hover()
    visit.page.get_by_role("tooltip").wait_for()


def show_source(visit: Visit) -> None:
    visit.ask(PAY)
    visit.last.locator(".answer-text a.mark").first.click()
    visit.read_chosen()


def show_follow_up(visit: Visit) -> None:
    visit.ask(PAY)
    visit.ask("And a software engineer?")


def show_refusal(visit: Visit) -> None:
    visit.ask(VACATION)


def show_error(visit: Visit) -> None:
    visit.ask("what about the key?")


def show_progress(visit: Visit) -> None:
    box = visit.page.get_by_label("Your question")
    box.fill(f"slow {PAY}")
    box.press("Enter")
    visit.page.locator(".progress").get_by_text("Answering").wait_for()


def show_stopped(visit: Visit) -> None:
    show_progress(visit)
    visit.page.get_by_role("button", name="Stop").click()
    visit.page.locator(".stopped").wait_for()


def show_long_question(visit: Visit) -> None:
    visit.page.get_by_label("Your question").fill("pay " * 100)
    visit.page.get_by_text("399 of 300").wait_for()


def show_editor(visit: Visit) -> None:
    visit.ask(PAY)
    visit.last.get_by_role("button", name="Edit question").click()


def show_chats(visit: Visit) -> None:
    visit.ask(PAY)
    visit.page.locator(".chats .chat").first.wait_for(state="attached")
    visit.page.get_by_role("button", name="New chat").click()
    visit.page.locator(".welcome button").first.wait_for()
    visit.ask(VACATION)
    visit.page.locator(".chats .chat").nth(1).wait_for(state="attached")
    visit.page.get_by_role("button", name="Conversations").click()


def show_renaming(visit: Visit) -> None:
    show_chats(visit)
    visit.page.get_by_role("button", name=f"Rename “{VACATION}”").click()


def show_deleting(visit: Visit) -> None:
    show_chats(visit)
    visit.page.get_by_role("button", name=f"Delete “{VACATION}”").click()


def show_choice(visit: Visit) -> None:
    visit.page.get_by_role("button", name="Answer from").first.click()
    visit.page.locator("#offered input").first.check()


def show_chosen(visit: Visit) -> None:
    show_choice(visit)
    visit.page.get_by_role("button", name="Done").click()
    visit.ask(PAY)


def show_articles(visit: Visit) -> None:
    visit.page.get_by_role("tab", name="Articles").click()
    visit.page.locator("#shelf tbody tr").first.wait_for()


def show_article(visit: Visit) -> None:
    show_articles(visit)
    visit.page.locator("#shelf [data-open]").first.click()
    visit.page.locator("#source .source-text").wait_for()


STATES: dict[str, Callable[[Visit], None]] = {
    name.removeprefix("show_"): show for name, show in list(globals().items()) if name.startswith("show_")
}
