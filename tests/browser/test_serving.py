"""The page for a team, in a browser: the login, the place in the line, a path at a reverse proxy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

import ui
from assistant.page.line import Line
from assistant.settings import Settings, change_settings
from tests.assistant.proxy import Proxy
from tests.assistant.test_server_page import HeldChain
from tests.browser.conftest import Visit
from tests.browser.fake_chain import FakeChain
from tests.browser.test_accessibility import axe

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

PASSWORD, EDITOR = "open sesame", "let me write"
QUESTION = "How much does an ML engineer earn?"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"]

VisitPage = Callable[..., Visit]


@pytest.fixture
def open_page(tmp_path: Path) -> Iterator[Callable[..., str]]:
    pages = []

    def open_it(chain: Any, line: Line | None = None, **given: Any) -> str:
        settings = change_settings(Settings(home=tmp_path, port=0, max_question_characters=300), **given)
        page = ui.build_page(chain, settings, line)
        pages.append(page)
        return ui.launch_page(page, settings, line=line)

    yield open_it
    for page in pages:
        page.close(verbose=False)


@pytest.fixture
def locked_address(open_page: Callable[..., str]) -> str:
    return open_page(FakeChain(), password=SecretStr(PASSWORD), editor_password=SecretStr(EDITOR))


def log_in(page: Page, password: str = PASSWORD) -> None:
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def find_violations(page: Page) -> list[str]:
    page.evaluate(axe.AXE_SCRIPT)
    found: dict[str, Any] = page.evaluate("rules => axe.run({ runOnly: rules })", RULES)
    assert found["passes"], "axe looked at nothing"
    return [f"{rule['id']} {node['html'][:120]}" for rule in found["violations"] for node in rule["nodes"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 390])
def test_login_breaks_no_rule_before_and_after_a_wrong_password(
    visit_page: VisitPage, locked_address: str, width: int, scheme: str
) -> None:
    visit = visit_page(locked_address, width, 900, scheme)
    visit.page.get_by_label("Password").wait_for()
    assert find_violations(visit.page) == []
    log_in(visit.page, "wrong")
    assert visit.page.get_by_role("alert").inner_text() == "That is not the password."
    assert find_violations(visit.page) == []
    assert visit.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_login_by_keyboard_leads_to_the_page_and_its_answers(visit_page: VisitPage, locked_address: str) -> None:
    visit = visit_page(locked_address)
    visit.page.wait_for_function("document.activeElement.id === 'password'")  # without a click
    visit.page.keyboard.type(PASSWORD)
    visit.page.keyboard.press("Enter")
    visit.ask(QUESTION)
    assert "$158,147" in visit.last.inner_text()
    assert visit.errors == []


def test_tools_and_tabs_have_room_beside_one_another_on_a_phone(visit_page: VisitPage, locked_address: str) -> None:
    visit = visit_page(locked_address, 390)
    log_in(visit.page)
    visit.ask(QUESTION)
    last_tab = visit.page.get_by_role("tab").last.bounding_box()
    first_tool = visit.page.get_by_role("button", name="Export").bounding_box()
    assert last_tab is not None
    assert first_tool is not None
    assert last_tab["x"] + last_tab["width"] <= first_tool["x"]
    assert find_violations(visit.page) == []


def test_login_needs_no_script(chromium: Browser, locked_address: str) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(locked_address)
    log_in(page)
    assert page.url == locked_address
    assert "career-ticket" in {cookie["name"] for cookie in context.cookies()}
    context.close()


def test_logging_out_leads_to_the_login_and_locks_the_page(visit_page: VisitPage, locked_address: str) -> None:
    visit = visit_page(locked_address)
    log_in(visit.page)
    visit.page.get_by_role("button", name="Log out").click()
    visit.page.get_by_label("Password").wait_for()
    visit.page.goto(locked_address)
    assert visit.page.url == f"{locked_address}login"


def test_page_without_a_password_has_nothing_to_log_out_of(visit: Visit) -> None:
    visit.page.get_by_label("Your question").wait_for()
    assert visit.page.get_by_role("button", name="Log out").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 390])
def test_who_waits_sees_the_place_and_then_the_answer(
    visit_page: VisitPage, open_page: Callable[..., str], width: int, scheme: str
) -> None:
    chain = HeldChain()
    address = open_page(chain, Line(at_once=1))
    first, second, third = (visit_page(address, width, 900, scheme) for _ in range(3))
    for visit in (first, second, third):
        box = visit.page.get_by_label("Your question")
        box.fill("wait" if visit is first else "hello")
        box.press("Enter")
        visit.page.locator(".exchange .progress").wait_for()
    third.page.get_by_text("1 question is ahead of yours").first.wait_for()
    assert find_violations(third.page) == []
    chain.go_on.set()
    third.wait_for_exchange(1)
    assert "Answer to hello" in third.last.inner_text()


def test_who_comes_when_all_is_full_is_told_and_asks_again(
    visit_page: VisitPage, open_page: Callable[..., str]
) -> None:
    chain = HeldChain()
    address = open_page(chain, Line(at_once=1, longest=0))
    first, second = visit_page(address), visit_page(address)
    first.page.get_by_label("Your question").fill("wait")
    first.page.get_by_label("Your question").press("Enter")
    first.page.locator(".exchange .progress").wait_for()
    chain.begun.acquire()
    second.ask("what about me?")
    assert "Ask again in a minute" in second.last.inner_text()
    assert find_violations(second.page) == []
    chain.go_on.set()
    first.wait_for_exchange(1)
    second.last.get_by_role("button", name="Ask again").click()
    second.page.get_by_text("Answer to what about me?").first.wait_for()


def test_page_works_at_a_path_of_a_reverse_proxy(visit_page: VisitPage, open_page: Callable[..., str]) -> None:
    settings = {"root_path": "/career", "trusted_proxies": "127.0.0.1", "password": SecretStr(PASSWORD)}
    behind = open_page(FakeChain(pause=0.05), **settings).removesuffix("career/")
    proxy = Proxy(behind, "/career", "", "http")
    server = proxy.serve()
    proxy.name = f"127.0.0.1:{server.port}"
    visit = visit_page(f"http://{proxy.name}/career/")
    log_in(visit.page)
    visit.ask(QUESTION)
    visit.last.locator(".answer-text a.mark").first.click()
    assert visit.read_chosen()
    assert visit.errors == []
    assert {path for path in proxy.asked if not path.startswith("/career/")} <= {"/favicon.ico"}  # as browsers do
    visit.page.get_by_role("button", name="Log out").click()
    visit.page.get_by_label("Password").wait_for()
    server.close()


def test_other_site_can_neither_ask_nor_show_the_page(visit_page: VisitPage, open_page: Callable[..., str]) -> None:
    """A page of http://localhost wants to use that of http://127.0.0.1: another host, and another site."""
    address = open_page(FakeChain())
    visit = visit_page(address.replace("127.0.0.1", "localhost") + "health")
    answers: list[int] = []
    visit.page.on("response", lambda answer: answers.append(answer.status))
    visit.page.evaluate(
        """address => fetch(address + "gradio_api/queue/join", {
            method: "POST", mode: "no-cors", headers: {"content-type": "text/plain"}, body: "{}"
        }).catch(() => null)""",
        address,
    )
    assert set(answers) <= {403}
    visit.page.evaluate("address => { document.body.innerHTML = `<iframe src='${address}'></iframe>` }", address)
    visit.page.wait_for_timeout(1000)
    assert [frame.locator("#question").count() for frame in visit.page.frames[1:]] == [0]
