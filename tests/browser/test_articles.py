"""The Articles tab: what is seen, found, added, read again and removed, over a real library with a fake embedder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from assistant.answer import AnswerChain
from assistant.settings import Settings
from ingest.library import Library
from ingest.lock import WriterLock
from ingest.pipeline import add_article
from tests.browser.conftest import Serve, Visit
from tests.browser.test_accessibility import find_violations
from tests.fakes import FakeEmbedder
from tests.ingest.site import Site, open_site, send

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator

pytestmark = pytest.mark.browser

NURSES = """# What nurses earn

Nurses earn $80,000 a year in a hospital. At night they earn more, and in a small practice they earn a little less.
"""
ZEBRAS = """# Zebra keepers

Zebra keepers earn $50,000 a year in a zoo. They rise early, carry hay for an hour and count the stripes of every foal.
"""


@dataclass(frozen=True)
class Shop:
    """One library with its page."""

    address: str
    settings: Settings
    library: Library

    @property
    def titles(self) -> list[str]:
        return [article.title for article in self.library.articles()]

    def add(self, name: str, text: str) -> None:
        path = self.settings.home / name
        path.write_text(text, encoding="utf-8")
        with self.library.open_writer() as writer:
            add_article(str(path), writer, self.settings)


Open = Callable[..., Shop]


@pytest.fixture
def open_shop(chromium: Browser, serve: Serve, tmp_path: Path) -> Iterator[Open]:
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
def shop(open_shop: Open) -> Shop:
    """A library with one article."""
    shop = open_shop()
    shop.add("nurses.md", NURSES)
    return shop


def enter(visit: Visit) -> Visit:
    """Open the tab and wait until the table, or what stands for an empty one, is there."""
    visit.page.get_by_role("tab", name="Articles").click()
    visit.page.locator("#shelf .counted").wait_for()
    return visit


def upload(visit: Visit, *files: tuple[str, str | bytes]) -> list[str]:
    """Choose files and wait for what became of them."""
    if not visit.page.locator("#adding").is_visible():
        visit.page.get_by_role("button", name="Add articles").click()
    sent = [
        {"name": name, "mimeType": "text/plain", "buffer": text.encode() if isinstance(text, str) else text}
        for name, text in files
    ]
    visit.page.locator("#adding input[type=file]").set_input_files(sent)  # type: ignore[arg-type]
    return read_outcomes(visit)


def read_outcomes(visit: Visit) -> list[str]:
    visit.page.locator(".work[data-done]").wait_for()
    return visit.page.locator(".outcomes li").all_inner_texts()


def find_row(visit: Visit, title: str) -> Locator:
    return visit.page.get_by_role("row").filter(has=visit.page.get_by_role("button", name=title, exact=True))


# -- seen and found ----------------------------------------------------------------------------------------------------


def test_table_shows_title_source_date_passages_and_day(shop: Shop, visit_page: Callable[..., Visit]) -> None:
    visit = enter(visit_page(shop.address))
    assert visit.page.locator("#shelf .counted").inner_text() == "1 article, 1 passages"
    cells = find_row(visit, "What nurses earn").get_by_role("cell").all_inner_texts()
    assert cells[0] == "nurses.md"


def test_file_that_is_uploaded_answers_the_next_question(shop: Shop, visit_page: Callable[..., Visit]) -> None:
    visit = enter(visit_page(shop.address))
    (outcome,) = upload(visit, ("zebras.md", ZEBRAS))
    assert outcome.startswith("Added Zebra keepers")
    find_row(visit, "Zebra keepers").wait_for()
    visit.page.get_by_role("tab", name="Chat").click()
    visit.ask("How much do zebra keepers earn a year in a zoo?")
    assert "$50,000" in visit.last.locator(".answer-text").inner_text()
    assert visit.errors == []
