"""The Evaluate tab as an editor meets it: every state at both widths, light and dark, by mouse and by keyboard."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from assistant.conversation import Reply
from assistant.page.access import ROLE
from tests.browser.conftest import Serve, Visit
from tests.browser.fake_chain import FakeChain
from tests.browser.test_accessibility import find_violations
from tests.browser.test_hostile import FIND_LIVE, HostileLibrary, read_payloads, repeat_everywhere

pytestmark = pytest.mark.browser

PAYLOADS = read_payloads()
RUN = 250  # of them in one file: the page reads at most 500,000 bytes

RIGHT = {"question": "How much does an ML engineer earn?", "facts": ["$158,147"]}
REFUSED = {"question": "How many vacation days do they get?", "answerable": False}
WRONG = {"question": "How much does an ML engineer earn?", "facts": ["$1,000,000"], "history": ["And pay?"]}
SLOW = [{"question": f"slow question {number} on pay?"} for number in range(40)]
KEY = {"question": "what about the key?"}

# What the tab is made of, beside the words of an answer; test_hostile.py has the rest.
FIND_LIVE_HERE = FIND_LIVE.replace('"#welcome', '"#picker .picker, #outcome .outcome, #welcome').replace(
    "`a article", "`details fieldset input label legend progress small summary a article"
)
FIND_LIVE_HERE = FIND_LIVE_HERE.replace(
    ".filter(", '.filter((each) => !(each.matches(".links > a") && each.href.startsWith("blob:"))).filter(', 1
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    (home / "prompts").mkdir()
    (home / "prompts" / "broken.yaml").write_text("- question: What?\n  fact: [a]\n")
    return home


@pytest.fixture(scope="module")
def address(chromium: object, serve_all: Serve, home: Path) -> str:
    return serve_all(FakeChain(), home=home)


@pytest.fixture
def visit(visit_page: Callable[..., Visit], address: str) -> Visit:
    return open_tab(visit_page(f"{address}#evaluate"))


def open_tab(visit: Visit) -> Visit:
    visit.page.locator("[data-run]").wait_for()
    return visit


def choose(visit: Visit, prompts: Sequence[dict[str, Any]], name: str = "mine.jsonl") -> None:
    """Leave nothing chosen but a file with these prompts."""
    for box in reversed(visit.page.locator(".offers input[type=checkbox]:checked").all()):
        box.uncheck()
    text = "".join(f"{json.dumps(prompt)}\n" for prompt in prompts)
    visit.page.get_by_label("Choose").set_input_files({"name": name, "mimeType": "", "buffer": text.encode()})
    visit.page.locator(".upload li").wait_for()


def run(visit: Visit, prompts: Sequence[dict[str, Any]], state: str) -> None:
    """Run these prompts until the tab is in that state; the run of a browser just closed may go on for a moment."""
    choose(visit, prompts)
    for _ in range(30):
        visit.page.get_by_role("button", name="Run the file").click()
        visit.page.locator(f".outcome:is([data-state={state}], [data-state=busy])").wait_for()
        visit.page.wait_for_timeout(1000 * visit.page.locator(".outcome[data-state=busy]").count())
        if visit.page.locator(f".outcome[data-state={state}]").count():
            return
    raise AssertionError(f"the tab was never {state}")


def show_nothing_yet(visit: Visit) -> None:
    visit.page.get_by_text("Nothing run yet").wait_for()


def show_progress(visit: Visit) -> None:
    run(visit, [WRONG, *SLOW], "running")
    visit.page.locator("progress").wait_for()


def show_stopped(visit: Visit) -> None:
    show_progress(visit)
    visit.page.get_by_role("button", name="Stop").click()
    visit.page.locator(".outcome[data-state=stopped]").wait_for()


def show_all_right(visit: Visit) -> None:
    run(visit, [RIGHT, REFUSED], "right")


def show_failures(visit: Visit) -> None:
    run(visit, [RIGHT, WRONG, REFUSED], "wrong")
    visit.page.locator(".failure summary").click()


def show_error(visit: Visit) -> None:
    run(visit, [KEY], "failed")


def show_error_amid(visit: Visit) -> None:
    run(visit, [RIGHT, KEY], "stopped")


def show_unreadable_file(visit: Visit) -> None:
    run(visit, [{"ask": "What?"}], "failed")


def show_file_of_another_kind(visit: Visit) -> None:
    visit.page.get_by_label("Choose").set_input_files({"name": "a.pdf", "mimeType": "", "buffer": b"%PDF"})
    visit.page.get_by_text("a.pdf: not a kind of file that is read").wait_for()


STATES: dict[str, Callable[[Visit], None]] = {
    name.removeprefix("show_"): show for name, show in list(globals().items()) if name.startswith("show_")
}


@pytest.mark.parametrize("state", STATES)
def test_state_breaks_no_rule_and_is_no_wider_than_the_screen(visit: Visit, state: str) -> None:
    STATES[state](visit)
    assert find_violations(visit) == []  # which leaves the page at 390 px
    assert visit.page.evaluate("document.querySelector('#evaluate').scrollWidth") <= 390


def test_packaged_prompts_are_chosen_and_counted(visit: Visit) -> None:
    button = visit.page.locator("button[data-run]")
    assert button.inner_text() == "Run 90 prompts"
    visit.page.get_by_label("facts.yaml").uncheck()
    assert button.inner_text() == "Run 38 prompts"
    for name in ("follow-ups.yaml", "unanswerable.yaml"):
        visit.page.get_by_label(name).uncheck()
    assert button.inner_text() == "Choose prompts to run"
    assert button.get_attribute("aria-disabled") == "true"


def test_broken_file_cannot_be_chosen_and_says_why_in_one_line(visit: Visit) -> None:
    broken = visit.page.locator(".broken")
    assert broken.inner_text().startswith("broken.yaml\n\nbroken.yaml:2: fact: no such field. Use question")
    assert broken.get_by_role("checkbox").count() == 0


def test_choice_is_kept_while_another_tab_is_open(visit: Visit) -> None:
    choose(visit, [RIGHT])
    visit.page.get_by_role("tab", name="Chat").click()
    visit.page.get_by_role("tab", name="Evaluate").click()
    visit.page.wait_for_timeout(500)  # the list is drawn anew
    assert visit.page.locator(".offers input:checked").count() == 1
    assert visit.page.locator("button[data-run]").inner_text() == "Run the file"


def test_progress_tells_how_many_of_how_many(visit: Visit) -> None:
    show_progress(visit)
    progress = visit.page.get_by_role("progressbar", name="Prompts asked")
    assert progress.get_attribute("max") == str(1 + len(SLOW))
    assert f"of {1 + len(SLOW)} asked" in visit.page.locator(".outcome > h3").inner_text()
    assert "0 right, 1 wrong" in visit.page.locator(".so-far").inner_text()
    assert not visit.page.locator("button[data-run]").is_visible()


def test_stop_keeps_what_was_asked_and_another_run_can_begin(visit: Visit) -> None:
    show_stopped(visit)
    assert f"of {1 + len(SLOW)} prompts were asked" in visit.page.locator(".outcome .notice").first.inner_text()
    run(visit, [RIGHT], "right")
    assert visit.page.locator(".outcome > h3").inner_text() == "1 of 1 prompt right"


def test_same_error_twice_ends_both_runs(visit: Visit) -> None:
    for _ in range(2):
        run(visit, [KEY], "failed")
        visit.page.locator("button[data-run]").wait_for()
        assert "OPENAI_API_KEY" in visit.page.locator(".outcome .error").inner_text()


def test_second_run_is_refused_while_one_is_under_way(
    visit: Visit, visit_page: Callable[..., Visit], address: str
) -> None:
    show_progress(visit)
    other = open_tab(visit_page(f"{address}#evaluate"))
    run(other, [RIGHT], "busy")
    assert "Another evaluation is running" in other.page.locator(".outcome").inner_text()
    assert other.page.locator("button[data-run]").is_visible()


def test_question_in_the_chat_is_answered_while_an_evaluation_runs(visit: Visit) -> None:
    show_progress(visit)
    visit.page.get_by_role("tab", name="Chat").click()
    visit.ask("How much does an ML engineer earn?")
    assert visit.last.locator(".answer-text a.mark").count() == 2
    visit.page.get_by_role("tab", name="Evaluate").click()
    assert visit.page.locator(".outcome").get_attribute("data-state") == "running"


def test_closed_browser_ends_its_run(visit_page: Callable[..., Visit], address: str) -> None:
    leaving = open_tab(visit_page(f"{address}#evaluate"))
    run(leaving, [{"question": f"slow question {number} on pay?"} for number in range(500)], "running")
    leaving.page.close()
    other = open_tab(visit_page(f"{address}#evaluate"))
    run(other, [RIGHT], "right")  # which gives up long before all of the slow prompts are asked
    assert other.page.locator(".outcome > h3").inner_text() == "1 of 1 prompt right"


def test_failure_opens_to_what_was_missing_and_to_its_answer(visit: Visit) -> None:
    show_failures(visit)
    failure = visit.page.locator(".failure")
    assert failure.count() == 1
    assert "no quote holds '$1,000,000'" in failure.locator("summary").inner_text()
    assert failure.locator(".expected .lacking").inner_text() == "a quote holds $1,000,000"
    assert "earned an average base salary" in failure.locator(".answer").inner_text()
    assert failure.locator(".history").inner_text() == "And pay?"


def test_mark_in_a_failure_opens_the_article_at_its_quote(visit: Visit) -> None:
    show_failures(visit)
    visit.page.locator(".failure .answer-text a.mark").first.click()
    assert "$158,147" in "".join(visit.read_chosen())
    visit.page.get_by_role("button", name="Next citation").click()
    visit.page.locator("#source .count", has_text="2 of 2").wait_for()
    visit.page.keyboard.press("Escape")
    assert visit.page.evaluate("document.activeElement.className") == "mark"
    assert visit.page.get_by_role("tab", name="Evaluate").get_attribute("aria-selected") == "true"


def test_tab_runs_by_keyboard_alone_and_the_focus_stays_on_its_button(visit: Visit) -> None:
    choose(visit, [RIGHT, REFUSED])
    visit.page.locator("button[data-run]").focus()
    visit.page.keyboard.press("Enter")
    visit.page.locator(".outcome[data-state=right]").wait_for()
    assert visit.page.evaluate("document.activeElement.matches('[data-run]')")
    visit.page.keyboard.press("Tab")
    assert visit.page.evaluate("document.activeElement.textContent").startswith("Open the report")


def test_end_of_a_run_is_read_out(visit: Visit) -> None:
    show_all_right(visit)
    assert visit.page.locator("#evaluation [role=status]").inner_text() == "All 2 prompts right"


def test_report_opens_in_a_window_of_its_own_with_its_filters(visit: Visit) -> None:
    show_failures(visit)
    with visit.page.context.expect_page() as opened:
        visit.page.get_by_role("link", name="Open the report").click()
    report = opened.value
    report.locator("input[value=wrong]").check()
    assert report.locator(".prompt:visible").count() == 1
    assert report.evaluate("window.opener") is None
    assert visit.errors == []


def test_report_is_saved_as_a_file(visit: Visit, tmp_path: Path) -> None:
    show_all_right(visit)
    with visit.page.expect_download() as saved:
        visit.page.get_by_role("link", name="Save it").click()
    assert saved.value.suggested_filename.startswith("evaluation-")
    saved.value.save_as(tmp_path / "report.html")
    assert "2 of 2 prompts right" in (tmp_path / "report.html").read_text()


@dataclass(frozen=True)
class EchoChain(FakeChain):
    """Answers with what it was asked, in every place that a reply has, and from an article made of it."""

    hostile: HostileLibrary = field(default_factory=HostileLibrary)

    def stream(self, asked: dict[str, Any]) -> Iterator[Reply]:
        yield repeat_everywhere([asked["question"]], self.hostile)


def make_hostile(payloads: Sequence[str]) -> list[dict[str, Any]]:
    """Each payload as question, fact, forbidden words, article, heading, tag, note and earlier question."""
    return [
        {
            "question": f"{payload} earn {number}",
            "facts": [payload],
            "forbidden": [f"{payload} never"],
            "articles": [payload],
            "headings": [payload],
            "tags": [payload],
            "note": payload,
            "history": [payload],
        }
        for number, payload in enumerate(payload[:200] for payload in payloads)
    ]


@pytest.mark.parametrize("start", range(0, len(PAYLOADS), RUN))
def test_hostile_words_stay_words_in_the_tab_and_in_the_report(
    visit_page: Callable[..., Visit], serve: Serve, tmp_path: Path, start: int
) -> None:
    hostile = make_hostile(PAYLOADS[start : start + RUN])
    name = "<img src=x onerror=alert(1)>${alert(2)}.jsonl"
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / name).write_text("{}")
    visit = open_tab(visit_page(f"{serve(EchoChain(), home=tmp_path)}#evaluate"))
    visit.page.set_default_timeout(60_000)
    choose(visit, hostile, name)
    visit.page.get_by_role("button", name="Run the file").click()
    visit.page.locator(".outcome[data-state=wrong]").wait_for()
    visit.page.evaluate("document.querySelectorAll('.failure').forEach((each) => { each.open = true; })")
    assert visit.page.locator(".failure").count() == min(50, len(hostile))
    assert visit.page.evaluate(FIND_LIVE_HERE) == []
    with visit.page.context.expect_page() as opened:
        visit.page.get_by_role("link", name="Open the report").click()
    opened.value.on("dialog", lambda dialog: visit.dialogs.append(dialog.message))
    opened.value.wait_for_load_state()
    opened.value.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    assert opened.value.locator(".prompt").count() == len(hostile)
    assert opened.value.locator("img, iframe, object, embed, base, link").count() == 0
    assert opened.value.locator("script").count() == 1
    assert (visit.dialogs, visit.hosts, visit.errors) == ([], {"127.0.0.1"}, [])


def test_words_that_are_not_escaped_are_found_out(visit: Visit) -> None:
    """Control: the same look at a tab with live words in it."""
    live = '<img src="x"><a href="javascript:1">x</a><form></form><p style="color: red">x</p>'
    visit.page.evaluate("live => document.querySelector('.outcome').insertAdjacentHTML('beforeend', live)", live)
    assert len(visit.page.evaluate(FIND_LIVE_HERE)) == 4


class AsReader:
    """What the login puts into every request of somebody who may only read."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app({**scope, ROLE: "reader"}, receive, send)


def test_reader_is_told_who_runs_evaluations(visit_page: Callable[..., Visit], home: Path) -> None:
    import ui
    from assistant.page.theme import make_theme, read_styles
    from assistant.settings import Settings

    page = ui.build_page(FakeChain(), Settings(home=home))
    _, address, _ = page.launch(
        server_name="127.0.0.1",
        quiet=True,
        prevent_thread_lock=True,
        ssr_mode=False,
        app_kwargs={"middleware": [(AsReader, (), {})]},
        head=f"<style>{read_styles()}</style>",
        theme=make_theme(),
    )
    visit = visit_page(f"{address}#evaluate")
    visit.page.get_by_text("Evaluations are run by editors").wait_for()
    assert visit.page.get_by_role("checkbox").count() == 0
    assert find_violations(visit) == []
    page.close(verbose=False)
