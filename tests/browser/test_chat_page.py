"""What a visitor sees and does, in a real browser, with a fake chain behind the page."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from assistant.page.loader import ChainLoader
from ingest.errors import LibraryDamaged
from tests.browser.conftest import Serve, Visit
from tests.browser.fake_chain import HOSTILE_QUOTE, HOSTILE_WORDS, ML_PAY, OUTLOOK, FakeChain, FakeLibrary

pytestmark = pytest.mark.browser

PAY = "How much does an ML engineer earn?"


def test_answer_streams_and_then_carries_links(visit: Visit) -> None:
    box = visit.page.get_by_label("Your question")
    box.fill(PAY)
    box.press("Enter")
    visit.page.wait_for_selector(".answer-text")
    assert visit.page.locator(".answer-text a.mark").count() == 0
    visit.wait_for_exchange(1)
    assert ML_PAY in visit.last.inner_text()
    assert visit.last.locator(".answer-text a.mark").all_text_contents() == ["[1]", "[2]"]  # brackets for who copies


def test_new_question_goes_to_the_top_and_stays_where_the_reader_scrolls(
    visit_page: Callable[..., Visit], fake_address: str
) -> None:
    visit = visit_page(fake_address, 390, 600)
    visit.ask(PAY)
    visit.ask(PAY)
    thread = visit.page.locator("#thread")
    top = "each => each.getBoundingClientRect().top"
    assert 0 <= visit.last.locator("h2").evaluate(top) - thread.evaluate(top) < 60
    thread.hover()
    visit.page.mouse.wheel(0, -200)
    visit.page.wait_for_timeout(300)  # wheels turn smoothly
    scrolled = thread.evaluate("thread => thread.scrollTop")
    visit.last.evaluate("exchange => exchange.append('more')")
    assert thread.evaluate("thread => thread.scrollTop") == scrolled


def test_click_on_a_mark_opens_the_source_at_exactly_the_quoted_words(visit: Visit) -> None:
    visit.ask(PAY)
    visit.last.locator(".answer-text a.mark").first.click()
    assert visit.read_chosen() == [ML_PAY]
    assert visit.page.locator("#source h2").inner_text() == "What engineers earn, and why"


def test_enter_on_a_focused_mark_opens_the_source(visit: Visit) -> None:
    visit.ask("And a software engineer?")
    visit.ask("And a software engineer?")
    visit.last.locator(".answer-text a.mark").nth(1).focus()
    visit.page.keyboard.press("Enter")
    assert visit.read_chosen() == [OUTLOOK]


def test_table_row_is_marked_cell_by_cell(visit: Visit) -> None:
    visit.ask(PAY)
    visit.last.locator(".sources a").nth(1).click()
    assert visit.read_chosen() == ["Average salary in the US, 2025", "$112K base", "$158K base"]


def test_same_mark_scrolls_to_its_quote_again(visit: Visit) -> None:
    visit.ask(PAY)
    mark = visit.last.locator(".answer-text a.mark").first
    mark.click()
    visit.read_chosen()
    visit.page.locator("#source .pages").evaluate("pages => { pages.scrollTop = pages.scrollHeight; }")
    mark.click()
    assert visit.read_chosen() == [ML_PAY]


def test_quote_links_in_the_source_choose_another_quote(visit: Visit) -> None:
    visit.ask(PAY)
    visit.last.locator(".answer-text a.mark").first.click()
    visit.read_chosen()
    visit.page.locator("#source .quotes a").nth(1).click()
    visit.page.wait_for_selector("#source td mark.chosen")
    assert len(visit.read_chosen()) == 3


def test_steps_lead_to_the_next_citation_and_back_and_keep_the_focus(visit: Visit) -> None:
    visit.ask(PAY)
    visit.last.locator(".answer-text a.mark").first.click()
    visit.read_chosen()
    visit.page.get_by_role("button", name="Next citation").press("Enter")
    visit.page.wait_for_selector("#source td mark.chosen")
    assert "2 of 2" in visit.page.locator("#source .count").inner_text()
    assert visit.page.evaluate("document.activeElement.getAttribute('aria-label')") == "Next citation"
    visit.page.get_by_role("button", name="Previous citation").click()
    visit.page.wait_for_selector("#source p mark.chosen")
    assert visit.read_chosen() == [ML_PAY]


def test_original_opens_at_the_quoted_words(visit: Visit) -> None:
    page = "".join(f"<p>{line}</p>" for line in ["Before."] * 200 + [ML_PAY] + ["After."] * 200)
    visit.page.context.route(
        "https://www.example.org/**", lambda route: route.fulfill(body=page, content_type="text/html")
    )
    visit.ask(PAY)
    visit.last.locator(".answer-text a.mark").first.click()
    visit.read_chosen()
    with visit.page.expect_popup() as opened:
        visit.page.get_by_role("link", name="Read the original").click()
    opened.value.wait_for_function("() => window.scrollY > 1000")
    assert opened.value.evaluate("window.opener") is None


def test_card_shows_what_a_mark_stands_for_and_escape_closes_it(visit: Visit) -> None:
    visit.ask(PAY)
    mark = visit.last.locator(".answer-text a.mark").first
    mark.hover()
    card = visit.page.get_by_role("tooltip")
    card.wait_for()
    assert card.locator("p").all_inner_texts() == [
        "What engineers earn, and why",
        "What a machine learning engineer does · 19 March 2026",
        ML_PAY,
    ]
    visit.page.keyboard.press("Escape")
    card.wait_for(state="hidden")


def test_card_comes_with_the_keyboard_too_and_describes_its_mark(visit: Visit) -> None:
    visit.ask(PAY)
    visit.page.get_by_label("Your question").press("Shift+Tab")
    for _ in range(12):
        if visit.page.get_by_role("tooltip").is_visible():
            break
        visit.page.keyboard.press("Shift+Tab")
    assert visit.page.evaluate("document.activeElement.getAttribute('aria-describedby')") == "card"


def test_escape_closes_the_source_and_returns_to_the_mark(visit: Visit) -> None:
    visit.ask(PAY)
    visit.last.locator(".answer-text a.mark").first.press("Enter")
    visit.read_chosen()
    visit.page.keyboard.press("Escape")
    visit.page.wait_for_selector("#source .panel", state="hidden")
    assert visit.page.evaluate("document.activeElement.dataset.number") == "1"


def test_example_question_is_asked_by_a_click(visit: Visit) -> None:
    example = visit.page.locator(".welcome button").first
    question = example.inner_text()
    assert question == "What does “What engineers earn, and why” say about what a software engineer does?"
    example.click()
    visit.wait_for_exchange(1)
    assert visit.last.locator("h2").inner_text().endswith(question)


def test_answer_offers_what_else_was_found_as_questions(visit: Visit) -> None:
    visit.ask(PAY)
    offered = visit.last.locator(".questions button")
    assert [text.partition(" say about ")[2] for text in offered.all_inner_texts()] == [
        "what a software engineer does?",
        "Core responsibilities?",
    ]
    offered.first.click()
    visit.wait_for_exchange(2)
    assert "what a software engineer does" in visit.last.locator("h2").inner_text()


def test_follow_up_shows_the_question_that_was_searched_for(visit: Visit) -> None:
    visit.ask(PAY)
    assert visit.page.locator(".searched-for").count() == 0
    visit.ask("And a software engineer?")
    assert "How much does a software engineer earn?" in visit.page.locator(".searched-for").inner_text()


def test_notice_is_shown(visit: Visit) -> None:
    visit.ask(PAY)
    visit.ask("And a software engineer?")
    assert "did not answer in time" in visit.last.locator(".notice").inner_text()


def test_refusal_offers_suggestions_that_ask(visit: Visit) -> None:
    visit.ask("How many vacation days do they get?")
    assert "The articles don't say." in visit.last.locator(".refusal").inner_text()
    visit.last.get_by_role("button", name="The comparison at a glance").click()
    visit.wait_for_exchange(2)
    assert ML_PAY in visit.last.inner_text()


def test_error_is_told_in_plain_words(visit: Visit) -> None:
    visit.ask("what about the key?")
    assert "openai: the key is missing. Set OPENAI_API_KEY." in visit.last.locator(".error").inner_text()


def test_unexpected_error_tells_nothing_of_the_server(visit: Visit, caplog: pytest.LogCaptureFixture) -> None:
    visit.ask("crash")
    assert "the log says why" in visit.last.locator(".error").inner_text()
    assert "secret" not in visit.page.content()
    assert "a secret of the server" in caplog.text


def test_chat_goes_on_after_an_error(visit: Visit) -> None:
    visit.ask("crash")
    visit.ask(PAY)
    assert ML_PAY in visit.last.inner_text()


def test_long_question_is_counted_held_back_and_kept(visit: Visit) -> None:
    box = visit.page.get_by_label("Your question")
    box.fill("pay " * 100)
    box.press("Enter")
    visit.page.get_by_text("399 of 300 characters: shorten the question").wait_for()
    assert len(box.input_value()) == 400
    visit.ask(PAY)
    assert visit.page.locator(".exchange").count() == 1


def test_blank_question_asks_nothing(visit: Visit) -> None:
    visit.page.get_by_label("Your question").fill("   ")
    visit.page.get_by_role("button", name="Ask", exact=True).click()
    visit.ask(PAY)
    assert visit.page.locator(".exchange").count() == 1


def test_stop_keeps_what_was_written_and_lets_ask_again(visit_page: Callable[..., Visit], serve: Serve) -> None:
    visit = visit_page(serve(FakeChain(pause=0.7)))
    box = visit.page.get_by_label("Your question")
    box.fill(PAY)
    box.press("Enter")
    visit.page.wait_for_selector(".answer-text")
    visit.page.get_by_role("button", name="Stop").click()
    visit.page.wait_for_selector(".stopped")
    visit.page.wait_for_timeout(1500)  # a snapshot that was under way must not bring the answer back
    assert visit.page.locator(".stopped").count() == 1
    visit.ask("How many vacation days do they get?")
    assert visit.last.locator(".refusal").count() == 1


def test_copy_button_copies_the_answer_with_its_sources(visit: Visit) -> None:
    visit.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visit.ask(PAY)
    visit.last.get_by_role("button", name="Copy answer").click()
    visit.page.get_by_role("button", name="Copied").wait_for()
    copied = visit.page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith(ML_PAY)
    assert "[2] What engineers earn, and why, The comparison at a glance, 2026-03-19" in copied


def test_nothing_is_asked_of_another_host_and_nothing_fails(visit: Visit) -> None:
    visit.ask(PAY)
    visit.last.locator(".answer-text a.mark").first.click()
    visit.read_chosen()
    assert visit.hosts == {"127.0.0.1"}
    assert visit.errors == []


def test_hostile_words_stay_words(visit: Visit) -> None:
    scripts = visit.page.locator("script").count()
    visit.ask(f"onerror {HOSTILE_WORDS}")
    visit.last.locator(".answer-text a.mark").first.click()
    assert visit.read_chosen() == [HOSTILE_QUOTE]
    assert HOSTILE_WORDS in visit.last.locator("h2").inner_text()
    visit.page.mouse.move(300, 200)
    assert visit.dialogs == []
    assert visit.page.locator("script").count() == scripts
    assert visit.page.locator("#career img").count() == 0
    assert visit.errors == []


def test_no_gradio_clutter_and_no_named_endpoint(visit: Visit) -> None:
    visit.page.wait_for_selector(".welcome button")
    assert visit.page.locator("footer").count() == 0
    assert '"named_endpoints":{}' in visit.page.request.get(visit.address).text().replace(" ", "")
    assert visit.page.request.get(f"{visit.address}gradio_api/info").status == 404


@pytest.mark.parametrize("width", [390, 320])
def test_phone_needs_no_sideways_scrolling(visit_page: Callable[..., Visit], fake_address: str, width: int) -> None:
    visit = visit_page(fake_address, width, 844)
    visit.ask(PAY)
    visit.last.locator(".answer-text a.mark").first.click()
    assert visit.read_chosen() == [ML_PAY]
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
    visit.page.get_by_role("button", name="Close the source").click()
    visit.page.get_by_label("Your question").click()
    visit.ask("How many vacation days do they get?")
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width


def test_page_stands_while_the_library_loads_and_the_first_question_waits(
    visit_page: Callable[..., Visit], serve: Serve
) -> None:
    loaded = threading.Event()

    def load() -> FakeChain:
        loaded.wait(30)
        return FakeChain()

    visit = visit_page(serve(ChainLoader(load)))
    visit.page.get_by_text("Getting ready").wait_for()
    box = visit.page.get_by_label("Your question")
    box.fill(PAY)
    box.press("Enter")
    visit.page.locator(".exchange").get_by_text("Getting ready").wait_for()
    loaded.set()
    visit.wait_for_exchange(1)
    visit.page.locator("#welcome button").first.wait_for(state="attached")  # ready too, and out of the way
    assert ML_PAY in visit.last.inner_text()
    assert not visit.page.locator("#welcome").is_visible()


def test_empty_library_tells_who_may_not_add_how_to_ingest(visit_page: Callable[..., Visit], serve: Serve) -> None:
    visit = visit_page(serve(FakeChain(FakeLibrary(())), read_only=True))
    visit.page.get_by_text("career ingest").first.wait_for()
    assert visit.page.locator(".welcome button").count() == 0


def test_library_that_cannot_be_opened_is_told(visit_page: Callable[..., Visit], serve: Serve) -> None:
    def fail() -> FakeChain:
        raise LibraryDamaged("catalog.sqlite3 cannot be read. Run: career doctor --repair")

    visit = visit_page(serve(ChainLoader(fail)))
    visit.page.get_by_text("Run: career doctor --repair").wait_for()
    visit.ask(PAY)
    assert "Run: career doctor --repair" in visit.last.locator(".error").inner_text()
