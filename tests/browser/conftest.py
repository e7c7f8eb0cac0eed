"""The page in real headless Chromium; every visit records what must not happen."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

import pytest

from assistant.answer import AnswerChain
from assistant.page.loader import Chain, ChainLoader
from assistant.settings import Settings
from ingest.library import Library
from tests.browser.fake_chain import FakeChain
from tests.browser.shop import NURSES, Shop
from tests.fakes import FakeEmbedder

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Dialog, Locator, Page, Request

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

Serve = Callable[..., str]  # (chain or loader, longest=300, **settings) -> address


@dataclass
class Visit:
    """One visitor with a browser session of their own."""

    page: Page
    address: str
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(15_000)
        self.page.on("request", self._note_request)
        self.page.on("console", self._note_console)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("dialog", self._note_dialog)
        self.page.goto(self.address)

    def _note_request(self, request: Request) -> None:
        self.requests.append(request.url)

    def _note_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def _note_dialog(self, dialog: Dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    @property
    def hosts(self) -> set[str]:
        """The hosts that anything was asked of."""
        return {urlsplit(url).hostname or "" for url in self.requests if not url.startswith(("data:", "blob:"))}

    @property
    def last(self) -> Locator:
        """The newest exchange of the conversation."""
        return self.page.locator(".exchange").last

    def ask(self, question: str) -> None:
        """Type the question, press Enter and wait until the answer is complete."""
        before = self.page.locator(".exchange").count()
        box = self.page.get_by_label("Your question")
        box.fill(question)
        box.press("Enter")
        self.wait_for_exchange(before + 1)

    def wait_for_exchange(self, number: int) -> None:
        """Wait until the conversation has that many exchanges and the last is complete."""
        self.page.wait_for_function(
            "number => document.querySelectorAll('.exchange').length === number"
            " && !document.querySelector('.exchange .progress')",
            arg=number,
        )

    def read_chosen(self) -> list[str]:
        """The pieces of the chosen quote, once they stand in the visible part of the source panel."""
        self.page.wait_for_function(
            """() => {
                const mark = document.querySelector('#source mark.chosen');
                const pages = document.querySelector('#source .pages');
                if (!mark || !pages || !mark.checkVisibility()) return false;
                const inner = mark.getBoundingClientRect(), outer = pages.getBoundingClientRect();
                return inner.top >= outer.top && inner.bottom <= outer.bottom
                    && inner.bottom <= window.innerHeight && inner.left >= 0 && inner.right <= window.innerWidth;
            }"""
        )
        return self.page.locator("#source mark.chosen").all_text_contents()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A headless browser; skips when this machine has none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def serve_pages() -> Iterator[Serve]:
    """Serve chains on free ports, until all their pages are closed at the end."""
    import ui

    pages = []

    def start(chain: Chain | ChainLoader, longest: int = 300, **changed: Any) -> str:
        settings = Settings(host="127.0.0.1", port=0, max_question_characters=longest, **changed)
        page = ui.build_page(chain, settings)
        pages.append(page)
        return ui.launch_page(page, settings)

    try:
        yield start
    finally:
        for page in pages:
            page.close(verbose=False)


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serve a chain on a free port for one test."""
    with serve_pages() as start:
        yield start


@pytest.fixture(scope="module")
def serve_all() -> Iterator[Serve]:
    """Serve a chain on a free port for the tests of a module."""
    with serve_pages() as start:
        yield start


@pytest.fixture(scope="session")
def fake_address(chromium: Browser) -> Iterator[str]:
    """The address of one page with the fake chain, shared by all tests: visitors share nothing."""
    with serve_pages() as start:
        yield start(FakeChain(pause=0.05))


@pytest.fixture
def visit_page(chromium: Browser) -> Iterator[Callable[..., Visit]]:
    """Open an address as a new visitor, with a screen of `width` by `height`."""
    contexts = []

    def visit(address: str, width: int = 1400, height: int = 900, scheme: Literal["light", "dark"] = "light") -> Visit:
        context = chromium.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        contexts.append(context)
        return Visit(context.new_page(), address)

    yield visit
    for context in contexts:
        context.close()


@pytest.fixture
def visit(visit_page: Callable[..., Visit], fake_address: str) -> Visit:
    """A visitor at a wide screen."""
    return visit_page(fake_address)


@pytest.fixture
def open_shop(chromium: Browser, serve: Serve, tmp_path: Path) -> Iterator[Callable[..., Shop]]:
    libraries = []

    def start(**changed: Any) -> Shop:
        settings = Settings(home=tmp_path, _env_file=None, **changed)  # type: ignore[call-arg]
        Library.open(settings, FakeEmbedder()).close()
        library = Library.open(settings, FakeEmbedder(), read_only=True)
        libraries.append(library)
        return Shop(serve(AnswerChain(library, settings), home=tmp_path, **changed), settings, library)

    yield start
    for library in libraries:
        library.close()


@pytest.fixture
def shop(open_shop: Callable[..., Shop]) -> Shop:
    """A library with one article."""
    shop = open_shop()
    shop.add("nurses.md", NURSES)
    return shop
