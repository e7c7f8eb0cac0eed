"""One visit from question to highlighted source: the real chain, the packaged model, the shipped article, a browser."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import pytest

from assistant.answer import AnswerChain, load_chain
from assistant.conversation import Claim, ScoredPassage
from assistant.question import Query
from assistant.quote import ExtractiveWriter
from assistant.settings import Settings, find_corpus
from ingest.embed import load_embedder
from ingest.library import Library
from ingest.pipeline import add_article
from tests.browser.conftest import Serve, Visit

if TYPE_CHECKING:
    from playwright.sync_api import Browser, FilePayload

pytestmark = pytest.mark.browser

ML_PAY = "How much does a machine learning engineer earn in the US?"
FOLLOW_UP = "And a software engineer?"
VACATION = "How many vacation days do ML engineers get?"


@pytest.fixture(scope="module")
def chain(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AnswerChain]:
    """Asks for the browser, so that nothing is embedded where there is none."""
    settings = Settings(home=tmp_path_factory.mktemp("home"), _env_file=None)  # type: ignore[call-arg]
    with Library.open(settings, load_embedder(settings)) as library:
        for source in sorted((find_corpus() / "articles").glob("*.md")):
            add_article(str(source), library, settings)
    chain = load_chain(settings)
    yield chain
    chain.library.close()


@pytest.fixture(scope="module")
def address(serve_all: Serve, chain: AnswerChain) -> str:
    return serve_all(chain, home=chain.settings.home)


@pytest.fixture
def visit(visit_page: Callable[..., Visit], address: str) -> Visit:
    """A visitor to the real assistant."""
    return visit_page(address)


class UnhurriedWriter(ExtractiveWriter):
    """The writer that needs no model, at the pace of one that does."""

    def write(self, query: Query, passages: Sequence[ScoredPassage]) -> Iterator[Claim]:
        for claim in super().write(query, passages):
            yield claim
            time.sleep(1)


def test_the_answer_is_seen_while_it_is_written(
    visit_page: Callable[..., Visit], serve: Serve, chain: AnswerChain
) -> None:
    visit = visit_page(serve(AnswerChain(chain.library, chain.settings, UnhurriedWriter())))
    box = visit.page.get_by_label("Your question")
    box.fill(ML_PAY)
    box.press("Enter")
    visit.page.locator(".exchange:has(.progress) .answer-text").get_by_text("$158,147").first.wait_for()
    visit.wait_for_exchange(1)
    assert "$158,147" in visit.last.locator(".answer-text").inner_text()


def test_a_mark_opens_the_article_at_exactly_the_cited_words(visit: Visit, chain: AnswerChain) -> None:
    (citation, *_) = chain.invoke(ML_PAY).citations
    visit.ask(ML_PAY)
    visit.last.locator(".answer-text a.mark").first.click()
    assert visit.read_chosen() == [citation.quote]
    assert "$158,147" in citation.quote
    assert visit.page.locator("#source h2").first.inner_text() == "ML Engineer vs Software Engineer"


def test_every_mark_of_an_answer_opens_its_own_quote(visit: Visit, chain: AnswerChain) -> None:
    citations = chain.invoke(ML_PAY).citations
    visit.ask(ML_PAY)
    for citation in citations:
        visit.last.locator(f".answer-text a.mark[data-number='{citation.number}']").first.click()
        visit.page.wait_for_selector(f"#source mark.chosen[data-numbers='{citation.number}']")
        shown = visit.read_chosen()
        assert all(piece in citation.quote for piece in shown)
        assert shown


def test_a_follow_up_shows_what_was_searched_for_and_answers_it(visit: Visit) -> None:
    visit.ask(ML_PAY)
    visit.ask(FOLLOW_UP)
    assert "How much does a software engineer earn in the US?" in visit.last.locator(".searched-for").inner_text()
    assert "$112,165" in visit.last.locator(".answer-text").inner_text()


def test_what_the_articles_do_not_say_is_refused_with_suggestions(visit: Visit) -> None:
    visit.ask(VACATION)
    refusal = visit.last.locator(".refusal")
    assert "The articles don't say." in refusal.inner_text()
    assert "vacation" in refusal.inner_text()
    assert "What does “ML Engineer vs Software Engineer” say about" in visit.last.locator(".questions").inner_text()


def test_a_suggestion_of_a_refusal_is_answered(visit: Visit) -> None:
    visit.ask(VACATION)
    visit.last.locator(".questions button").nth(1).click()
    visit.wait_for_exchange(2)
    assert visit.last.locator(".answer-text a.mark").count() > 0


def test_an_article_that_is_uploaded_answers_the_next_question_until_it_is_removed(visit: Visit) -> None:
    text = (
        "# Keeping zebras\n\nA zebra keeper earns $51,700 a year in a zoo. "
        + "The work begins early and is done outdoors. " * 4
    )
    ask = "How much does a zebra keeper earn a year in a zoo?"
    visit.ask(ask)
    assert "$51,700" not in visit.last.inner_text()
    visit.page.get_by_role("tab", name="Articles").click()
    visit.page.get_by_role("button", name="Add articles").click()
    sent: list[FilePayload] = [{"name": "zebras.md", "mimeType": "text/markdown", "buffer": text.encode()}]
    visit.page.locator("#adding input[type=file]").set_input_files(sent)
    visit.page.locator(".outcomes").get_by_text("Added").wait_for()
    visit.page.get_by_role("tab", name="Chat").click()
    visit.ask(ask)
    assert "$51,700" in visit.last.locator(".answer-text").inner_text()
    visit.last.locator(".answer-text a.mark").first.click()
    assert "$51,700" in "".join(visit.read_chosen())

    visit.page.get_by_role("tab", name="Articles").click()
    visit.page.get_by_role("button", name="Remove “Keeping zebras”").click()
    visit.page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    visit.page.locator(".outcomes").get_by_text("Removed").wait_for()
    visit.page.get_by_role("tab", name="Chat").click()
    visit.ask(ask)
    assert "$51,700" not in visit.last.inner_text()
    assert visit.errors == []


def test_packaged_prompts_are_run_in_the_page_and_reach_their_floors(visit: Visit) -> None:
    visit.page.get_by_role("tab", name="Evaluate").click()
    visit.page.get_by_role("button", name="Run 90 prompts").click()
    visit.page.locator(".outcome:is([data-state=right], [data-state=wrong])").wait_for(timeout=120_000)
    assert "of 90 prompts right" in visit.page.locator(".outcome > h3").inner_text()
    assert visit.page.locator(".verdict").inner_text() == "Every measure is at its floor or better."
    assert visit.errors == []


def test_a_whole_conversation_asks_nothing_of_another_host_and_logs_no_error(visit: Visit) -> None:
    for question in (ML_PAY, FOLLOW_UP, VACATION):
        visit.ask(question)
    visit.page.locator(".answer-text a.mark").first.click()
    assert visit.read_chosen()
    assert visit.hosts == {"127.0.0.1"}
    assert visit.errors == []
