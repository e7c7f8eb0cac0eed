"""The Articles tab: what is seen, found, added, read again and removed, over a real library with a fake embedder."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import gradio
import pytest

from assistant.answer import AnswerChain
from assistant.page.articles import MAY_NOT, ArticlesTab
from assistant.page.loader import ChainLoader
from ingest.lock import WriterLock
from tests.browser.conftest import Serve, Visit
from tests.browser.fake_chain import PAY, FakeChain, FakeLibrary
from tests.browser.shop import NURSES, ZEBRAS, Shop
from tests.browser.test_accessibility import find_violations
from tests.browser.test_hostile import read_payloads
from tests.ingest.site import Site, open_site, send

if TYPE_CHECKING:
    from playwright.sync_api import Browser, FilePayload, Locator

pytestmark = pytest.mark.browser

Open = Callable[..., Shop]


def enter(visit: Visit) -> Visit:
    """Open the tab and wait until the table, or what stands for an empty one, is there."""
    visit.page.get_by_role("tab", name="Articles").click()
    visit.page.locator("#shelf .counted").wait_for()
    return visit


def upload(visit: Visit, *files: tuple[str, str | bytes]) -> list[str]:
    """Choose files and wait for what became of them."""
    if not visit.page.locator("#adding").is_visible():
        visit.page.get_by_role("button", name="Add articles").click()
    close_report(visit)
    visit.page.locator("#adding input[type=file]").set_input_files(make_files(*files))
    return read_outcomes(visit)


def close_report(visit: Visit) -> None:
    """Of what was done before."""
    if visit.page.locator(".work").count():
        visit.page.get_by_role("button", name="Close this report").click()


def make_files(*files: tuple[str, str | bytes]) -> list[FilePayload]:
    return [
        {"name": name, "mimeType": "text/plain", "buffer": text.encode() if isinstance(text, str) else text}
        for name, text in files
    ]


def read_outcomes(visit: Visit) -> list[str]:
    visit.page.locator(".work[data-done]").wait_for()
    return visit.page.locator(".outcomes li").all_inner_texts()


def find_row(visit: Visit, title: str) -> Locator:
    return visit.page.get_by_role("row").filter(has=visit.page.get_by_role("button", name=title, exact=True))


# -- seen and found ----------------------------------------------------------------------------------------------------


def test_table_shows_title_source_date_passages_and_day(shop: Shop, visit_page: Callable[..., Visit]) -> None:
    shop.add("dated.md", ZEBRAS.replace("# Zebra", "---\ndate: 2025-03-04\n---\n\n# Zebra"))
    visit = enter(visit_page(shop.address))
    assert visit.page.locator("#shelf .counted").inner_text() == "2 articles, 2 passages"
    source, published, passages, added = find_row(visit, "Zebra keepers").get_by_role("cell").all_inner_texts()[:4]
    assert (source, published, passages) == ("dated.md", "4 March 2025", "1")
    assert added.endswith(str(datetime.now(UTC).year))


def test_title_opens_the_article_as_an_article_and_escape_leads_back(
    shop: Shop, visit_page: Callable[..., Visit]
) -> None:
    visit = enter(visit_page(shop.address))
    title = visit.page.get_by_role("button", name="What nurses earn", exact=True)
    title.press("Enter")
    visit.page.locator("#source .source-text").get_by_text("$80,000").wait_for()
    visit.page.keyboard.press("Escape")
    assert not visit.page.locator("#source .panel").is_visible()
    assert title.evaluate("button => button === document.activeElement")


@pytest.fixture(scope="module")
def long_shelf(chromium: Browser, serve_all: Serve) -> str:
    """1,000 articles, as the library lists them."""
    titles = (f"Article {number:04}" for number in range(1_000))
    held = tuple(
        replace(PAY, id=title, title=title, source=f"https://www.example.org/{title[-4:]}") for title in titles
    )
    return serve_all(FakeChain(FakeLibrary(held)))


def test_thousand_articles_are_turned_searched_and_sorted(long_shelf: str, visit_page: Callable[..., Visit]) -> None:
    visit = enter(visit_page(long_shelf))
    rows = visit.page.locator("#shelf tbody tr")
    assert rows.count() == 50
    visit.page.get_by_role("button", name="Next").click()
    visit.page.get_by_text("51 to 100 of 1,000").wait_for()
    assert "Article 0050" in rows.first.inner_text()
    visit.page.get_by_label("Find an article", exact=True).fill("example.org/0777")
    visit.page.get_by_text("1 of 1,000 articles").wait_for()
    assert "Article 0777" in rows.first.inner_text()
    visit.page.get_by_label("Find an article", exact=True).fill("")
    visit.page.get_by_text("1 to 50 of 1,000").wait_for()
    visit.page.get_by_role("columnheader", name="Title").get_by_role("button").click()
    visit.page.locator("th[aria-sort=descending]").wait_for()
    assert "Article 0999" in rows.first.inner_text()


def test_thousand_articles_are_shown_in_a_second(long_shelf: str, visit_page: Callable[..., Visit]) -> None:
    visit = visit_page(long_shelf, 390, 844)
    visit.page.locator(".welcome button").first.wait_for()
    visit.page.evaluate(
        """() => new MutationObserver(() => {
            if (document.querySelectorAll("#shelf tbody tr").length === 50) window.shown ??= performance.now();
        }).observe(document.getElementById("shelf"), { childList: true, subtree: true })"""
    )
    began = visit.page.evaluate(
        "() => { const now = performance.now(); document.getElementById('tab-articles').click(); return now; }"
    )
    visit.page.wait_for_function("window.shown")
    seconds = (visit.page.evaluate("window.shown") - began) / 1000
    print(f"1,000 articles: the table stands after {seconds:.2f} s")
    assert seconds < 5  # 0.2 s on a machine that is not busy


# -- added -------------------------------------------------------------------------------------------------------------


def test_file_that_is_uploaded_answers_the_next_question_until_it_is_removed(
    shop: Shop, visit_page: Callable[..., Visit]
) -> None:
    visit = enter(visit_page(shop.address))
    (outcome,) = upload(visit, ("zebras.md", ZEBRAS))
    assert outcome.split("\n")[0] == "Added"
    find_row(visit, "Zebra keepers").wait_for()
    visit.page.get_by_role("tab", name="Chat").click()
    visit.page.get_by_text("comes from the 2 articles in your library").wait_for()
    visit.ask("How much do zebra keepers earn a year in a zoo?")
    assert "$50,000" in visit.last.locator(".answer-text").inner_text()

    enter(visit)
    remove(visit, "Zebra keepers")
    assert read_outcomes(visit)[0].startswith("Removed")
    find_row(visit, "Zebra keepers").wait_for(state="detached")
    assert shop.kept == []
    visit.page.get_by_role("tab", name="Chat").click()
    visit.ask("How much do zebra keepers earn a year in a zoo?")
    assert "$50,000" not in visit.last.inner_text()
    assert visit.errors == []


def remove(visit: Visit, title: str) -> None:
    close_report(visit)
    find_row(visit, title).get_by_role("button", name="Remove").click()
    dialog = visit.page.get_by_role("dialog", name=f"Remove “{title}”?")
    dialog.get_by_role("button", name="Remove").click()


def test_bad_file_does_not_lose_the_others(shop: Shop, visit_page: Callable[..., Visit]) -> None:
    visit = enter(visit_page(shop.address))
    outcomes = upload(visit, ("packed.zip", b"PK\x03\x04 no document"), ("zebras.md", ZEBRAS), ("empty.md", ""))
    assert [outcome.split("\n")[0] for outcome in outcomes] == ["Failed", "Added", "Failed"]
    assert "packed.zip: is a zip archive" in outcomes[0]
    assert "empty.md: is empty" in outcomes[2]
    assert visit.page.locator(".work .told").inner_text() == "Done: 1 added, 2 failed"
    assert shop.kept == ["zebras.md"]


def test_same_name_again_updates_the_article_and_a_worse_file_leaves_it(
    shop: Shop, visit_page: Callable[..., Visit]
) -> None:
    visit = enter(visit_page(shop.address))
    upload(visit, ("zebras.md", ZEBRAS))
    assert upload(visit, ("zebras.md", ZEBRAS.replace("$50,000", "$61,000")))[0].startswith("Updated")
    assert upload(visit, ("zebras.md", b"PK\x03\x04 no document"))[0].startswith("Failed")
    assert shop.titles == ["What nurses earn", "Zebra keepers"]
    assert shop.ask("$61,000")
    assert "$61,000" in (shop.settings.home / "uploads" / "zebras.md").read_text()


def test_upload_is_read_again_from_the_file_that_was_kept(shop: Shop, visit_page: Callable[..., Visit]) -> None:
    visit = enter(visit_page(shop.address))
    upload(visit, ("zebras.md", ZEBRAS))
    (shop.settings.home / "uploads" / "zebras.md").write_text(ZEBRAS.replace("$50,000", "$72,000"))
    close_report(visit)
    find_row(visit, "Zebra keepers").get_by_role("button", name="again").click()
    visit.page.locator(".outcomes").get_by_text("Updated").wait_for()
    assert shop.ask("$72,000")


def test_too_many_and_too_large_files_are_refused_in_one_line(
    open_shop: Open, visit_page: Callable[..., Visit]
) -> None:
    shop = open_shop(fetch_max_bytes=2_000)
    visit = enter(visit_page(shop.address))
    upload(visit, *[(f"{number}.md", ZEBRAS) for number in range(21)])
    assert "21 files at once are too many; at most 20" in visit.page.locator(".work .error").inner_text()
    (outcome,) = upload(visit, ("large.md", ZEBRAS * 50))
    assert "large.md: did not arrive. It may be too large" in outcome
    assert shop.titles == []


@pytest.fixture
def site() -> Iterator[Site]:
    with open_site() as site:
        yield site


def test_links_to_a_page_and_a_feed_are_added_and_other_words_refused(
    open_shop: Open, visit_page: Callable[..., Visit], site: Site
) -> None:
    shop = open_shop(allowed_hosts=frozenset({"localhost"}), fetch_delay=0, robots=False)
    page, feed = site.url("/page", "localhost"), site.url("/feed", "localhost")
    links = "".join(f"<item><link>{site.url(f'/{each}', 'localhost')}</link></item>" for each in ("one", "two"))
    site.answers["/page"] = send(200, make_page("Zebra keepers", "zebra"))
    site.answers["/one"] = send(200, make_page("Lion keepers", "lion"))
    site.answers["/feed"] = send(
        200, f"<rss><channel>{links}</channel></rss>".encode(), content_type="application/rss+xml"
    )
    visit = enter(visit_page(shop.address))
    visit.page.get_by_role("button", name="Add articles").click()
    visit.page.get_by_label("Or a link").fill(f"{page} {feed} file:///etc/passwd")
    visit.page.get_by_label("Or a link").press("Enter")
    outcomes = read_outcomes(visit)
    assert [outcome.split("\n")[0] for outcome in outcomes] == ["Failed", "Added", "Added", "Failed"]
    assert "file:///etc/passwd: not a link" in outcomes[0]
    assert shop.titles == ["Lion keepers", "Zebra keepers"]
    assert find_violations(visit) == []


def make_page(title: str, animal: str) -> bytes:
    words = f"Each {animal} keeper earns $50,000 a year in a zoo, rises early, carries hay and counts every foal. " * 3
    head = f"<!doctype html><html><head><title>{title}</title></head>"
    return f"{head}<body><article><h1>{title}</h1><p>{words}</p></article></body></html>".encode()


def test_who_waits_for_another_writer_is_told_so(shop: Shop, visit_page: Callable[..., Visit]) -> None:
    visit = enter(visit_page(shop.address))
    with WriterLock(shop.settings.home, 10).hold():
        visit.page.get_by_role("button", name="Add articles").click()
        visit.page.locator("#adding input[type=file]").set_input_files(make_files(("zebras.md", ZEBRAS)))
        visit.page.locator(".work .told").get_by_text("is writing to the library: waiting up to").wait_for()
    assert read_outcomes(visit)[0].startswith("Added")


def test_stop_ends_after_the_file_that_is_read_and_leaves_nothing_half(
    shop: Shop, visit_page: Callable[..., Visit]
) -> None:
    visit = enter(visit_page(shop.address))
    visit.page.get_by_role("button", name="Add articles").click()
    files = [
        (f"zoo-{number}.md", ZEBRAS.replace("zebra", f"zebra{number}").replace("Zebra", f"Zebra {number}"))
        for number in range(4)
    ]
    with WriterLock(shop.settings.home, 10).hold():
        visit.page.locator("#adding input[type=file]").set_input_files(make_files(*files))
        visit.page.locator(".work .told").get_by_text("waiting up to").wait_for()
        visit.page.get_by_role("button", name="Stop").click()
        visit.page.wait_for_timeout(500)
    assert len(read_outcomes(visit)) == 1
    assert visit.page.locator(".work .told").inner_text() == "Stopped: 1 added"
    assert shop.kept == ["zoo-0.md"]


def test_page_that_is_closed_midway_leaves_nothing_half(shop: Shop, visit_page: Callable[..., Visit]) -> None:
    visit = enter(visit_page(shop.address))
    visit.page.get_by_role("button", name="Add articles").click()
    with WriterLock(shop.settings.home, 10).hold():
        visit.page.locator("#adding input[type=file]").set_input_files(make_files(("zebras.md", ZEBRAS)))
        visit.page.locator(".work .told").get_by_text("waiting up to").wait_for()
        visit.page.close()
    assert becomes_so(lambda: shop.titles == ["What nurses earn", "Zebra keepers"] and shop.kept == ["zebras.md"])


def becomes_so(is_so: Callable[[], bool]) -> bool:
    """Within ten seconds."""
    for _ in range(100):
        if is_so():
            return True
        time.sleep(0.1)
    return False


# -- removed -----------------------------------------------------------------------------------------------------------


def test_removal_is_asked_by_name_and_enter_alone_keeps(shop: Shop, visit_page: Callable[..., Visit]) -> None:
    visit = enter(visit_page(shop.address))
    find_row(visit, "What nurses earn").get_by_role("button", name="Remove").click()
    visit.page.get_by_role("dialog", name="Remove “What nurses earn”?").wait_for()
    visit.page.keyboard.press("Enter")
    assert not visit.page.get_by_role("dialog").is_visible()
    assert shop.titles == ["What nurses earn"]


def test_removal_of_an_article_that_was_not_uploaded_leaves_its_file(
    shop: Shop, visit_page: Callable[..., Visit]
) -> None:
    visit = enter(visit_page(shop.address))
    remove(visit, "What nurses earn")
    assert read_outcomes(visit)[0].startswith("Removed")
    visit.page.get_by_text("The library holds no article yet").wait_for()
    assert (shop.settings.home / "nurses.md").exists()


# -- who may -----------------------------------------------------------------------------------------------------------


def test_empty_library_leads_from_the_welcome_to_adding(open_shop: Open, visit_page: Callable[..., Visit]) -> None:
    shop = open_shop()
    visit = visit_page(shop.address)
    visit.page.locator(".welcome").get_by_role("button", name="Add articles").click()
    visit.page.get_by_role("button", name="Choose files").wait_for()
    upload(visit, ("zebras.md", ZEBRAS))
    visit.page.get_by_role("tab", name="Chat").click()
    visit.page.get_by_text("comes from the one article in your library").wait_for()
    assert shop.titles == ["Zebra keepers"]


def test_read_only_page_shows_no_controls_and_refuses_who_calls_them_all_the_same(
    open_shop: Open, visit_page: Callable[..., Visit]
) -> None:
    shop = open_shop(read_only=True)
    shop.add("nurses.md", NURSES)
    visit = enter(visit_page(shop.address))
    buttons = visit.page.locator("#articles").get_by_role("button").all_inner_texts()
    assert not {"Add articles", "Read again", "Remove"} & set(buttons)
    assert find_violations(visit) == []
    tab = ArticlesTab(ChainLoader.holding(AnswerChain(shop.library, shop.settings)), shop.settings)
    for deed, data in (
        (tab.remove, {"article": "nurses"}),
        (tab.read_again, {"article": "nurses"}),
        (tab.add_links, {"links": "https://example.org"}),
        (tab.add_files, {"files": []}),
    ):
        assert MAY_NOT in "".join(deed(gradio.EventData(None, data), gradio.Request()))
    assert shop.titles == ["What nurses earn"]


def test_file_of_the_server_is_not_taken_for_an_upload(shop: Shop) -> None:
    tab = ArticlesTab(ChainLoader.holding(AnswerChain(shop.library, shop.settings)), shop.settings)
    path = str(shop.settings.home / "nurses.md")
    told = list(tab.add_files(gradio.EventData(None, {"files": [{"name": "x.md", "path": path}]}), gradio.Request()))
    assert "x.md: did not arrive" in told[-1]
    assert shop.kept == []


def test_home_that_cannot_be_written_is_served_and_says_why_nothing_is_added(
    long_shelf: str, visit_page: Callable[..., Visit]
) -> None:
    visit = enter(visit_page(long_shelf))
    upload(visit, ("zebras.md", ZEBRAS))
    assert "opened for reading only" in visit.page.locator(".work .error").inner_text()


# -- hostile names, and everybody's eyes -------------------------------------------------------------------------------


def test_hostile_titles_and_file_names_stay_words(shop: Shop, visit_page: Callable[..., Visit]) -> None:
    visit = enter(visit_page(shop.address))
    names = [f"{words[:100]}.md" for words in read_payloads()[:18]] + ["../../nurses.md", "CON.md"]
    title = "<img src=x onerror=alert(1)> ${alert(2)} {{x}}"
    files = [(name, f"---\ntitle: '{title} {place}'\n---\n\n{ZEBRAS} {place}") for place, name in enumerate(names)]
    assert len(upload(visit, *files)) == 20
    visit.page.locator("#shelf").get_by_text("21 articles").wait_for()
    assert visit.page.locator("#articles img, #articles script").count() == 0
    visit.page.get_by_role("button", name="Remove “<img").first.click()
    visit.page.get_by_role("dialog").wait_for()
    assert visit.page.locator("dialog img").count() == 0
    assert (visit.dialogs, visit.hosts) == ([], {"127.0.0.1"})
    assert (shop.settings.home / "nurses.md").read_text() == NURSES
    assert len(shop.kept) == 20


def test_tab_breaks_no_rule_in_any_state(shop: Shop, visit_page: Callable[..., Visit]) -> None:
    visit = enter(visit_page(shop.address))
    assert find_violations(visit) == []
    upload(visit, ("zebras.md", ZEBRAS), ("empty.md", ""))
    assert find_violations(visit) == []
    find_row(visit, "Zebra keepers").get_by_role("button", name="Remove").click()
    assert find_violations(visit) == []
    visit.page.keyboard.press("Escape")
    with WriterLock(shop.settings.home, 60).hold():
        visit.page.locator("#adding input[type=file]").set_input_files(make_files(("zoo.md", f"{ZEBRAS} More.")))
        visit.page.locator(".work .told").get_by_text("waiting up to").wait_for()
        assert find_violations(visit) == []
