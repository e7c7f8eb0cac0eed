"""Words that would be markup or script, as question, title, body, source name and model output: they stay words.

500 lines of a public list of payloads, or as many of our own where that list is not there; CAREER_TEST_ALL_PAYLOADS=1
takes the whole list.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from html import unescape
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from assistant.conversation import Citation, Reply
from assistant.page.conversation import render_newest
from assistant.page.exchange import Exchange
from assistant.page.source import render_source
from ingest.article import Article
from ingest.catalog_feedback import Feedback
from ingest.errors import ArticleUnknown, LibraryUnwritable
from ingest.library import ArticleSummary, Library
from tests.browser.conftest import Serve, Visit
from tests.browser.fake_chain import summarize

pytestmark = pytest.mark.browser

LIST = Path(__file__).parents[3] / "shared" / "hostile" / "xss" / "xss-payload-list.txt"
SAMPLE = 500
BATCH = 125  # payloads a question

# Whatever of these stands in the page's own parts came from content, as do handlers, styles and addresses of scripts.
FIND_LIVE = """() => {
    const written = new Set(`a article b blockquote button code div h1 h2 h3 h4 h5 h6 header li mark nav ol p pre q
        section span strong sup table tbody td th thead time tr ul`.split(/\\s+/));
    const parts = "#welcome .welcome, .conversation, .panel, .chats, #card, #filter .filter, #offered ul, #shelf table";
    const isLive = (attribute) => /^on|^(style|src|srcdoc|srcset|action|formaction|background|poster|xlink:href)$/i
        .test(attribute.name) || (attribute.name === "href" && !/^(#source$|https?:)/.test(attribute.value));
    return [...document.querySelectorAll(parts)].flatMap((part) => [...part.querySelectorAll("*")])
        .filter((each) => !each.closest("button.rate > svg")) // the page's own thumbs
        .filter((each) => !each.matches("#offered label, #offered [type=checkbox]")) // and its boxes to tick
        .filter((each) => !written.has(each.localName) || [...each.attributes].some(isLive))
        .map((each) => each.outerHTML.slice(0, 100));
}"""


def read_payloads() -> list[str]:
    lines = list(dict.fromkeys(LIST.read_text("utf-8", "replace").splitlines())) if LIST.exists() else make_payloads()
    known = [line for line in lines if line.strip()]
    if os.environ.get("CAREER_TEST_ALL_PAYLOADS"):
        return known
    return known[:: max(1, len(known) // SAMPLE)][:SAMPLE]


WAYS_OUT = ("", '">', "'>", '" ', "` ", "${", "{{", "-->", "]]>", "</title>", "</script>", "</style>", "</textarea>")
TAGS = ("svg", "body", "x", "input autofocus")
HANDLERS = ("onload", "onclick", "onfocus", "onmouseover", "onpointerenter", "ontoggle")
DEEDS = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<img src=https://example.org/x>",
    "<iframe src=javascript:alert(1)>",
    "<form action=https://example.org><input name=a>",
    "<style>*{display:none}",
    "<link rel=stylesheet href=https://example.org/x>",
    "<base href=https://example.org>",
    "<meta http-equiv=refresh content=0;url=https://example.org>",
    "<a href=javascript:alert(1)>x</a>",
    "[x](javascript:alert(1))",
    "![x](https://example.org/x)",
    "onclick=alert(1) x=",
    "alert(1)}",
    "alert(1)}}",
)


def make_payloads() -> list[str]:
    """Ways out of where text may stand, with what would then run, load, send or cover the page."""
    handled = (f"<{tag} {handler}=alert(1)>" for tag, handler in product(TAGS, HANDLERS))
    return [f"{way_out}{deed}" for way_out, deed in product(WAYS_OUT, (*handled, *DEEDS))]


@dataclass
class HostileLibrary:
    """One article a question, made of the question's lines."""

    held: dict[str, Article] = field(default_factory=dict)

    def article(self, article_id: str) -> Article:
        if article_id not in self.held:
            raise ArticleUnknown(article_id)
        return self.held[article_id]

    def articles(self) -> Sequence[ArticleSummary]:
        return [summarize(article) for article in self.held.values()]

    def open_writer(self, tell: Callable[[str], None]) -> Library:
        raise LibraryUnwritable("/library: this library was opened for reading only.")

    def headings(self) -> Sequence[tuple[str, str, tuple[str, ...]]]:
        return []

    def keep_feedback(self, feedback: Feedback) -> None:
        raise AssertionError("nobody rates here")

    def feedback(self) -> Sequence[Feedback]:
        return []

    def add(self, lines: Sequence[str]) -> Article:
        blocks = (f"## {line}\n\nText {line} text.\n\n- {line}\n\n| {line} |\n| --- |\n| {line} |" for line in lines)
        all_words = " ".join(lines)
        article = Article(
            f"a{len(self.held)}", lines[0], all_words, "\n\n".join(blocks), lines[-1], lines[0], lines[-1], lines[0]
        )
        self.held[article.id] = article
        return article


@dataclass
class HostileChain:
    """Answers with what it was asked, in every place that a reply has."""

    library: HostileLibrary = field(default_factory=HostileLibrary)

    def stream(self, asked: dict[str, Any]) -> Iterator[Reply]:
        yield repeat_everywhere(asked["question"].split("\n"), self.library)


def repeat_everywhere(lines: Sequence[str], library: HostileLibrary) -> Reply:
    article = library.add(lines)
    citations = []
    for number, line in enumerate(lines, start=1):
        start = article.text.index(f"Text {line} text.")
        quote = article.text[start : start + len(line) + 11]
        citations.append(Citation(number, article.id, line, line, line, line, start, start + len(quote), quote))
    text = "\n\n".join(f"{line} [{number}]" for number, line in enumerate(lines, start=1))
    return Reply(
        "\n".join(lines), f"Else {lines[0]}", text, tuple(citations), model=lines[-1], notice=" ".join(lines),
        suggestions=tuple(lines[:9]),
    )  # fmt: skip


def ask_all(visit: Visit, payloads: Sequence[str]) -> None:
    box = visit.page.get_by_label("Your question")
    for start in range(0, len(payloads), BATCH):
        if start:
            visit.page.get_by_role("button", name="New chat").click()
            visit.page.locator(".exchange").wait_for(state="detached")
        box.fill("\n".join(payloads[start : start + BATCH]))
        box.press("Enter")
        visit.wait_for_exchange(1)
        visit.last.locator(".answer-text a.mark").first.click()
        visit.page.wait_for_selector("#source mark.chosen")
        assert visit.page.evaluate(FIND_LIVE) == []
        assert payloads[start].strip() in visit.last.locator("h2").inner_text()
        visit.page.keyboard.press("Escape")


def test_hostile_words_stay_words_wherever_they_stand(visit_page: Any, serve: Serve) -> None:
    payloads = read_payloads()
    assert len(payloads) >= SAMPLE
    visit: Visit = visit_page(serve(HostileChain(), longest=1_000_000))
    visit.page.set_default_timeout(60_000)
    visit.page.locator(".welcome").wait_for()
    scripts = visit.page.locator("script").count()
    ask_all(visit, payloads)
    assert visit.page.locator("script").count() == scripts

    visit.page.get_by_role("button", name="Conversations", exact=True).click()
    visit.page.wait_for_timeout(500)
    visit.page.mouse.move(300, 300)
    assert visit.page.evaluate(FIND_LIVE) == []
    visit.page.reload()  # and once more as they come back from the browser's storage
    visit.page.locator(".exchange").first.wait_for()
    assert visit.page.evaluate(FIND_LIVE) == []
    visit.page.get_by_role("button", name="Answer from").first.click()
    visit.page.locator("#offered li").first.wait_for()
    assert visit.page.evaluate(FIND_LIVE) == []
    visit.page.get_by_role("tab", name="Articles").click()
    visit.page.locator("#shelf tbody tr").first.wait_for()
    assert visit.page.evaluate(FIND_LIVE) == []
    assert (visit.dialogs, visit.hosts, visit.errors) == ([], {"127.0.0.1"}, [])


@pytest.fixture
def unescaped(visit: Visit) -> Visit:
    """Control: the page's own HTML of the same words with the escaping taken out."""
    library = HostileLibrary()
    reply = repeat_everywhere(read_payloads()[:BATCH], library)
    (article,) = library.held.values()
    html = unescape(render_newest(Exchange(reply.question, reply), 0) + render_source(article, reply.citations, 1))
    visit.page.locator(".welcome button").first.wait_for()
    visit.page.evaluate(
        "html => { const part = document.createElement('div'); part.className = 'conversation';"
        " document.querySelector('#thread').append(part); part.innerHTML = html; }",
        html,
    )
    return visit


def test_words_that_are_not_escaped_are_found_out(unescaped: Visit) -> None:
    assert len(unescaped.page.evaluate(FIND_LIVE)) > BATCH / 4


def test_what_got_into_the_page_all_the_same_runs_nothing(visit: Visit) -> None:
    """The second wall: the policy, with an element of each kind put into the page behind the escaping's back."""
    visit.page.locator(".welcome button").first.wait_for()
    visit.page.evaluate(
        """() => { document.querySelector("#thread").innerHTML = `<img src=x onerror="alert(1)"><svg onload="alert(2)">
            </svg><iframe srcdoc="<script>parent.alert(3)</` + `script>"></iframe><img src="https://example.org/x">
            <a id="odd" href="javascript:alert(4)">x</a>`;
            const script = document.createElement("script");
            script.textContent = "alert(5)";
            document.body.append(script);
            document.getElementById("odd").click(); }"""
    )
    visit.page.wait_for_timeout(500)
    assert visit.dialogs == []
    blocked = [error for error in visit.errors if "Content Security Policy" in error]
    assert len(blocked) >= 5
