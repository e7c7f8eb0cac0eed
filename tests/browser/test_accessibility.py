"""WCAG A and AA in every state, as axe-core judges it; and what it cannot judge: keys, focus, what is read out."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Literal

import pytest

from assistant.page.loader import ChainLoader
from ingest.errors import LibraryDamaged
from tests.browser.conftest import Serve, Visit
from tests.browser.fake_chain import FakeChain, FakeLibrary
from tests.browser.states import PAY, STATES

axe = pytest.importorskip("axe_playwright_python.base", reason="axe-playwright-python is not installed")

pytestmark = pytest.mark.browser

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"]
Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
LOOKS = [(width, scheme) for width in (1400, 390) for scheme in SCHEMES]


def find_violations(visit: Visit) -> list[str]:
    """Each broken rule with where it is broken, wide and narrow, light and dark."""
    visit.page.evaluate(axe.AXE_SCRIPT)
    return [violation for look in LOOKS for violation in _look(visit, *look)]


def _look(visit: Visit, width: int, scheme: Scheme) -> list[str]:
    visit.page.set_viewport_size({"width": width, "height": 900})
    visit.page.emulate_media(color_scheme=scheme)
    visit.page.wait_for_function(f"document.body.classList.contains('dark') === {str(scheme == 'dark').lower()}")
    visit.page.wait_for_timeout(350)  # until everything has faded in
    found: dict[str, Any] = visit.page.evaluate("rules => axe.run({ runOnly: rules })", RULES)
    assert found["passes"], "axe looked at nothing"
    return [
        f"{width} {scheme} {rule['id']} {node['target']} {node['html'][:120]}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


@pytest.mark.parametrize("state", STATES)
def test_state_breaks_no_rule(visit: Visit, state: str) -> None:
    STATES[state](visit)
    assert find_violations(visit) == []


@pytest.fixture(scope="module")
def unready_addresses(serve_all: Serve) -> list[str]:
    """Pages that cannot answer: nothing in the library, one that cannot be opened, one still on its way."""

    def fail() -> FakeChain:
        raise LibraryDamaged("catalog.sqlite3 cannot be read. Run: career doctor --repair")

    def wait() -> FakeChain:
        threading.Event().wait()
        raise AssertionError

    empty = FakeChain(FakeLibrary(()))
    return [
        serve_all(empty),
        serve_all(empty, read_only=True),
        serve_all(ChainLoader(fail)),
        serve_all(ChainLoader(wait)),
    ]


def test_page_that_cannot_answer_breaks_no_rule(visit_page: Callable[..., Visit], unready_addresses: list[str]) -> None:
    for address, words in zip(
        unready_addresses, ("Add files", "career ingest", "doctor --repair", "Getting ready"), strict=True
    ):
        visit = visit_page(address)
        visit.page.locator(".welcome").get_by_text(words).first.wait_for()
        assert find_violations(visit) == []


def test_broken_page_is_found_out(visit: Visit) -> None:
    """Control: the same look at a page with a button of no name, in ink that cannot be read."""
    visit.page.locator(".welcome button").first.wait_for()
    visit.page.evaluate(
        """() => document.querySelector(".welcome").insertAdjacentHTML("beforeend",
            '<button></button><p style="color: #ccc; background: #fff">Hardly there</p>')"""
    )
    found = " ".join(find_violations(visit))
    assert "1400 light button-name" in found
    assert "390 light color-contrast" in found


def test_slash_leads_to_the_question_box_from_anywhere(visit: Visit) -> None:
    visit.ask(PAY)
    visit.last.locator(".answer-text a.mark").first.press("Enter")
    visit.read_chosen()
    visit.page.keyboard.press("/")
    assert visit.page.evaluate("document.activeElement.tagName") == "TEXTAREA"
    assert visit.page.get_by_label("Your question").input_value() == ""
    visit.page.keyboard.type("a/b")
    assert visit.page.get_by_label("Your question").input_value() == "a/b"


def test_answer_is_read_out_once_and_whole(visit: Visit) -> None:
    STATES["welcome"](visit)
    visit.page.evaluate(
        """() => {
            const status = document.querySelector("#chat > [role=status]");
            window.told = [];
            new MutationObserver(() => window.told.push(status.textContent)).observe(status, { childList: true });
        }"""
    )
    visit.ask(PAY)
    visit.page.wait_for_function("window.told.length >= 2")
    searching, answer = visit.page.evaluate("window.told")
    assert searching == "Searching the articles"
    assert answer.startswith("An ML engineer in the US earned")
    assert answer.endswith("2 sources.")


def test_tab_goes_from_the_answer_to_its_marks_sources_and_actions_in_order(visit: Visit) -> None:
    visit.ask(PAY)
    visit.last.locator(".answer-text a.mark").first.focus()
    names = []
    for _ in range(7):
        names.append(
            visit.page.evaluate("(document.activeElement.ariaLabel ?? document.activeElement.textContent).trim()")
        )
        visit.page.keyboard.press("Tab")
    assert [name.partition(":")[0] for name in names] == [
        "Citation 1", "Citation 2", "Citation 1", "Citation 2", "Copy answer", "Ask again", "Edit question",
    ]  # fmt: skip


def test_focus_is_seen_on_everything_that_takes_it(visit: Visit) -> None:
    visit.ask(PAY)
    visit.last.locator(".answer-text a.mark").first.focus()
    for _ in range(9):
        visit.page.keyboard.press("Tab")
        outline = visit.page.evaluate(
            """() => { const style = getComputedStyle(document.activeElement);
                const around = getComputedStyle(document.activeElement.closest("#composer") ?? document.activeElement);
                return style.outlineStyle !== "none" || around.boxShadow !== "none"; }"""
        )
        assert outline, visit.page.evaluate("document.activeElement.outerHTML.slice(0, 200)")


def test_nothing_moves_for_who_wants_no_motion(visit_page: Callable[..., Visit], fake_address: str) -> None:
    visit = visit_page(fake_address)
    visit.page.emulate_media(reduced_motion="reduce")
    STATES["progress"](visit)
    running = visit.page.evaluate("document.getAnimations().map(each => each.effect.target.outerHTML)")
    assert running == []
