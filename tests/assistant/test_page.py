"""The page's HTML: every word escaped, every quote marked exactly. No browser; see tests/browser for that."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from base64 import b64encode
from dataclasses import replace
from datetime import date
from hashlib import sha256
from html import unescape
from html.parser import HTMLParser

import pytest

from assistant.conversation import Citation, Reply, ScoredPassage
from assistant.errors import CareerError
from assistant.evaluation.report_frame import digest_script
from assistant.page.answer import render_answer
from assistant.page.conversation import render_earlier, render_newest, render_welcome
from assistant.page.dates import is_old, tell_date, write_date
from assistant.page.exchange import Exchange, read_exchanges, write_exchange
from assistant.page.export import write_copy, write_markdown
from assistant.page.filter import Chosen
from assistant.page.headers import write_policy
from assistant.page.layout import find_cells
from assistant.page.loader import ChainLoader
from assistant.page.original import link_to_quote
from assistant.page.source import render_source
from assistant.page.topics import Topic, choose_examples, choose_next
from ingest.article import Article, Passage
from ingest.errors import LibraryDamaged
from ingest.markdown import read_cells
from tests.browser.fake_chain import FakeChain

PAYLOAD = "<script>alert(1)</script><img src=x onerror=alert(2)>\"' onclick=alert(3) </mark></a> ${alert(4)}"
TEXT = """## Pay

First sentence. Second one & third. Fourth.

- One item
- Another item

| Role | Pay |
| --- | --- |
| Engineer \\| senior | $112K |
| Manager | $158K |

```
  code = "<b>"

  more
```"""
ARTICLE = Article("pay", "pay.md", "About pay", TEXT, author="A. Writer", published="2026-03-05", url="https://x.org/p")


class Elements(HTMLParser):
    """What a browser would find in a piece of HTML: its tags with their attributes, and the text of each <mark>."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.marks: list[str] = []
        self.text = ""
        self._in_mark = False
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag == "mark":
            self._in_mark = True
            self.marks.append("")

    def handle_endtag(self, tag: str) -> None:
        self._in_mark = self._in_mark and tag != "mark"

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._in_mark:
            self.marks[-1] += data

    def find(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def are_harmless(self) -> bool:
        names = {name for _, attributes in self.tags for name in attributes}
        return not any(tag in ("script", "img", "iframe", "form", "style") for tag, _ in self.tags) and not any(
            name.startswith("on") for name in names
        )


def cite(quote: str, number: int = 1, article: Article = ARTICLE) -> Citation:
    start = article.text.index(quote)
    return Citation(number, article.id, article.title, "", "2026-03-05", "Pay", start, start + len(quote), quote)


def find_steps(html: str) -> list[dict[str, str | None]]:
    return [button for button in Elements(html).find("button") if button.get("class") == "step"]


def marks_of(*quotes: str, chosen: int = 1) -> list[str]:
    citations = [cite(quote, number) for number, quote in enumerate(quotes, start=1)]
    return Elements(render_source(ARTICLE, citations, chosen)).marks


def test_source_marks_exactly_the_quoted_part_of_a_line() -> None:
    assert marks_of("Second one & third.") == ["Second one & third."]


def test_source_marks_a_quote_over_several_lines_piece_by_piece() -> None:
    assert marks_of("Fourth.\n\n- One item\n- Another") == ["Fourth.", "One item", "Another"]


def test_source_marks_a_table_row_cell_by_cell_without_its_pipes() -> None:
    assert marks_of("| Engineer \\| senior | $112K |") == ["Engineer | senior", "$112K"]


def test_source_marks_part_of_a_table_cell() -> None:
    assert marks_of("112") == ["112"]


def test_source_keeps_a_table_header_that_is_quoted() -> None:
    html = render_source(ARTICLE, [cite("| Role | Pay |")], 1)
    assert html.count("<th>") == 2
    assert Elements(html).marks == ["Role", "Pay"]


def test_source_cuts_overlapping_quotes_where_they_begin_and_end() -> None:
    assert marks_of("First sentence. Second one", "Second one & third.") == [
        "First sentence. ",
        "Second one",
        " & third.",
    ]


def test_source_emphasises_only_the_chosen_quote() -> None:
    html = render_source(ARTICLE, [cite("First sentence.", 1), cite("Fourth.", 2)], 2)
    classes = [mark["class"] for mark in Elements(html).find("mark")]
    assert classes == ["cited", "cited chosen"]


def test_source_keeps_the_indentation_and_blank_lines_of_code() -> None:
    assert '  code = "<b>"\n\n  more' in unescape(render_source(ARTICLE, [], 0))


def test_source_shows_every_word_of_the_article_once() -> None:
    shown = Elements(render_source(ARTICLE, [cite("Second one & third.")], 1)).text
    assert [shown.count(word) for word in ("First sentence.", "Another item", "Manager", "$158K")] == [1, 1, 1, 1]


def test_source_leaves_out_citations_of_other_articles() -> None:
    other = replace(cite("Fourth."), article_id="another")
    assert Elements(render_source(ARTICLE, [other], 1)).marks == []


def test_source_shows_a_quote_that_no_longer_stands_in_the_article_above_the_text() -> None:
    changed = replace(ARTICLE, text="Everything else.")
    html = render_source(changed, [cite("Fourth.")], 1)
    assert "has changed since" in html
    assert Elements(html).marks == ["Fourth."]


def test_source_tells_author_date_and_link() -> None:
    html = render_source(ARTICLE, [], 0)
    link = Elements(html).find("a")[0]
    assert "A. Writer" in html
    assert "5 March 2026" in html
    assert (link["href"], link["rel"], link["target"]) == ("https://x.org/p", "noopener noreferrer", "_blank")


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "//x.org", "https://[", ""]
)
def test_source_links_only_to_http_addresses(url: str) -> None:
    assert Elements(render_source(replace(ARTICLE, url=url), [], 0)).find("a") == []


def test_source_escapes_everything_of_the_article() -> None:
    hostile = Article(
        "h",
        "h",
        f"Title {PAYLOAD}",
        f"## {PAYLOAD}\n\nSee {PAYLOAD} here.\n\n- {PAYLOAD}\n\n| {PAYLOAD} | b |\n| --- | --- |\n| c | {PAYLOAD} |",
        author=PAYLOAD,
        published=PAYLOAD,
        language='en" onload="x',
        url=f'https://x.org/"{PAYLOAD}',
    )
    elements = Elements(render_source(hostile, [cite(f"See {PAYLOAD} here.", article=hostile)], 1))
    assert elements.are_harmless
    assert elements.marks == [f"See {PAYLOAD} here."]


REPLY = Reply("Pay?", "Pay?", "It is **$112K**. [1] And more. [2]", citations=(cite("Fourth."),))


def test_answer_makes_a_link_of_a_proved_mark_and_none_of_another() -> None:
    elements = Elements(render_answer(REPLY, turn=3))
    links = [link for link in elements.find("a") if link["class"] == "mark"]
    assert {(link["data-turn"], link["data-number"]) for link in links} == {("3", "1")}
    assert "[2]" in elements.text


def test_answer_lists_its_sources_with_title_heading_and_date() -> None:
    sources = render_answer(REPLY).split('<section class="sources"')[1]
    assert [word in sources for word in ("About pay", ">Pay<", "5 March 2026")] == [True, True, True]


def test_answer_lists_a_place_once_with_the_numbers_of_its_quotes() -> None:
    sources = render_answer(replace(REPLY, citations=(cite("Fourth.", 1), cite("One item", 2))))
    listed = sources.split('<section class="sources"')[1]
    assert listed.count("<li>") == 1
    assert [link["data-number"] for link in Elements(listed).find("a")] == ["1", "2"]


def test_answer_lays_out_lists_and_strong_words() -> None:
    html = render_answer(replace(REPLY, text="Two:\n\n- **one** [1]\n- two"))
    assert html.count("<li>") + html.count('<li class="depth-0">') == 3  # two items, one source
    assert "<strong>one</strong>" in html


def test_answer_tells_which_statements_are_unverified() -> None:
    assert 'class="unverified"' in render_answer(replace(REPLY, text="They get a car. [unverified]"))


def test_answer_shows_the_question_that_was_searched_for_only_when_it_differs() -> None:
    assert "Searched for" in render_answer(replace(REPLY, standalone_question="What is the pay of engineers?"))
    assert "Searched for" not in render_answer(replace(REPLY, standalone_question="pay"))


def test_answer_shows_its_notice() -> None:
    assert "stood in" in render_answer(replace(REPLY, notice="The sentences stood in."))


def find(heading: str, similarity: float, title: str = "About pay") -> ScoredPassage:
    return ScoredPassage(Passage("pay", title, (heading,), 0, 1, "x"), 1.0, similarity)


def test_refusal_offers_the_nearest_headings_as_questions() -> None:
    passages = (find("Tools", 0.2), find("Pay", 0.4), find("What a nurse does", 0.3))
    refusal = Reply("x", "x", "The articles don't say.", answered=False, passages=passages)
    html = render_newest(Exchange("x", refusal, topics=choose_next(refusal, {"x"})), 0)
    assert [button.get("data-question") for button in Elements(html).find("button") if "data-question" in button] == [
        "What does “About pay” say about Pay?",
        "What does “About pay” say about what a nurse does?",
        "What does “About pay” say about Tools?",
    ]


def test_answer_offers_neither_what_it_cites_nor_what_was_asked() -> None:
    passages = (find("Pay", 0.4), find("Tools", 0.3), find("Hours", 0.2))
    reply = replace(REPLY, passages=passages)
    topics = choose_next(reply, {"What does “About pay” say about Tools?"})
    assert topics == (Topic("About pay", "Hours"),)


def test_refusal_without_passages_offers_what_the_reply_suggests() -> None:
    refusal = Reply("x", "x", "No.", answered=False, suggestions=("Pay",))
    assert choose_next(refusal, {"x"}) == (Topic("", "Pay"),)


def test_heading_that_is_a_question_is_asked_as_it_stands() -> None:
    assert Topic("Nurses", "How long does training take?").question == "How long does training take?"
    assert Topic("Nurses", "Why?").question == "What does “Nurses” say about Why?"


def test_mark_carries_what_its_card_shows() -> None:
    mark = Elements(render_answer(REPLY)).find("a")[0]
    assert (mark["data-title"], mark["data-heading"], mark["data-date"]) == ("About pay", "Pay", "5 March 2026")
    assert mark["data-quote"] == "Fourth."
    assert mark["aria-label"] == "Citation 1: Pay, About pay"


def test_mark_stands_at_the_end_of_its_sentence_and_never_begins_a_line() -> None:
    assert "It is <strong>$112K</strong>.<sup><a " in render_answer(REPLY)


def test_source_steps_to_the_citations_before_and_after_in_any_article() -> None:
    elsewhere = replace(cite("Fourth.", 1), article_id="another")
    html = render_source(ARTICLE, [elsewhere, cite("First sentence.", 2), cite("Fourth.", 3)], 2, turn=5)
    steps = find_steps(html)
    assert [(step["data-turn"], step["data-number"]) for step in steps] == [("5", "1"), ("5", "3")]
    assert "Citation </span>2 of 3" in html


def test_source_steps_nowhere_from_the_only_citation() -> None:
    steps = find_steps(render_source(ARTICLE, [cite("Fourth.")], 1))
    assert [step.get("data-number") for step in steps] == [None, None]


def test_original_is_opened_at_the_quoted_words() -> None:
    link = Elements(render_source(ARTICLE, [cite("Second one & third.")], 1)).find("a")[0]
    assert link["href"] == "https://x.org/p#:~:text=Second%20one%20%26%20third."


def test_original_of_a_quote_that_comes_again_is_found_by_the_words_around_it() -> None:
    article = replace(ARTICLE, text="Pay, low-end: $9. Rise.\n\nThe figure is high-end: $9. It rose.")
    citation = replace(cite("Fourth."), start=article.text.rindex("$9."), end=article.text.rindex(" It"), quote="$9.")
    assert link_to_quote(article, citation).endswith("text=The%20figure%20is%20high%2Dend%3A-,%249.,-It%20rose.")


def test_original_of_a_table_row_is_found_by_its_first_and_last_cell() -> None:
    link = link_to_quote(ARTICLE, cite("| Engineer \\| senior | $112K |"))
    assert link.partition("text=")[2] == "Pay-,Engineer%20%7C%20senior,%24112K,-Manager"


def test_original_of_a_long_quote_is_found_by_its_ends() -> None:
    words = " ".join(f"word{number}" for number in range(60))
    article = replace(ARTICLE, text=f"Before. {words}. After.")
    citation = replace(cite("Fourth."), start=8, end=8 + len(words) + 1, quote=f"{words}.")
    fragment = link_to_quote(article, citation).partition("text=")[2]
    assert fragment == (
        "Before.-,word0%20word1%20word2%20word3%20word4%20word5,"
        "word54%20word55%20word56%20word57%20word58%20word59.,-After."
    )


def test_original_keeps_the_fragment_that_its_address_has() -> None:
    article = replace(ARTICLE, url="https://x.org/p#pay")
    assert link_to_quote(article, cite("Fourth.")) == "https://x.org/p#pay:~:text=Fourth."


def test_original_of_a_pdf_is_opened_at_the_quoted_page() -> None:
    assert link_to_quote(ARTICLE, replace(cite("Fourth."), page=7)) == "https://x.org/p#page=7"


@pytest.mark.parametrize(
    ("published", "old"), [(date(2024, 3, 5), False), (date(2024, 3, 4), True), (date(2024, 2, 29), True)]
)
def test_article_is_old_two_years_after_its_date(published: date, old: bool) -> None:
    assert is_old(published, date(2026, 3, 5)) is old


def test_old_date_is_said_to_be_old_in_words() -> None:
    assert tell_date("2011-03-05") == "5 March 2011, more than two years old"
    assert "more than two years old" in write_date("2011-03-05")


def test_answer_escapes_question_text_notice_suggestions_and_citations() -> None:
    article = replace(ARTICLE, title=PAYLOAD, text=PAYLOAD)
    citation = replace(cite(PAYLOAD, article=article), heading=PAYLOAD, published=PAYLOAD, url=PAYLOAD)
    reply = Reply(PAYLOAD, f"{PAYLOAD} else", f"{PAYLOAD} [1]\n\n- {PAYLOAD}", (citation,), notice=PAYLOAD)
    refusal = replace(reply, answered=False, suggestions=(PAYLOAD,))
    topics = (Topic(PAYLOAD, PAYLOAD),)
    earlier = [Exchange(PAYLOAD, reply), Exchange(PAYLOAD, refusal), Exchange("x", error=PAYLOAD)]
    html = render_earlier(earlier) + render_newest(Exchange(PAYLOAD, reply, topics=topics), 3)
    assert Elements(html).are_harmless


def test_copy_gives_the_answer_with_its_sources_as_plain_text() -> None:
    assert write_copy(REPLY) == "It is **$112K**. [1] And more. [2]\n\n[1] About pay, Pay, 2026-03-05"


def test_markdown_gives_question_answer_and_every_quote() -> None:
    assert write_markdown("Pay?", replace(REPLY, text="It is $112K. [1]")) == (
        "## Pay?\n\nIt is $112K. \\[1\\]\n\n1. “Fourth.” About pay, Pay, 2026-03-05"
    )


def test_markdown_says_which_articles_were_asked() -> None:
    html = render_earlier([Exchange("Pay?", REPLY, articles=(Chosen("pay", "On <pay>"),))])
    assert "## Pay?\n\nAsked of “On \\<pay\\>”\n\nIt is" in unescape(html)


def test_markdown_makes_markup_of_nothing_that_was_written() -> None:
    citation = replace(cite("Fourth."), quote="<img src=x> ![x](y)", title="*t*", url="javascript:alert(1)")
    written = write_markdown("<b>\n# x", replace(REPLY, text="`a` &lt;", citations=(citation,)))
    assert written == ("## \\<b\\> # x\n\n\\`a\\` \\&lt;\n\n1. “\\<img src=x\\> !\\[x\\](y)” \\*t\\*, Pay, 2026-03-05")


def test_markdown_links_to_web_addresses_only() -> None:
    citation = replace(cite("Fourth."), url="https://x.org/a b>c")
    assert "x.org" not in write_markdown("q", replace(REPLY, citations=(citation,)))
    assert "<https://x.org/p>" in write_markdown(
        "q", replace(REPLY, citations=(replace(citation, url="https://x.org/p"),))
    )


def test_answer_is_busy_until_it_is_complete() -> None:
    assert 'aria-busy="true"' in render_newest(Exchange("x", progress="Answering"), 0)
    assert 'aria-busy="false"' in render_newest(Exchange("x", REPLY), 0)


def test_only_the_newest_answer_can_be_asked_again_and_only_when_complete() -> None:
    assert "data-again" in render_newest(Exchange("x", error="No."), 0)
    assert "data-again" not in render_newest(Exchange("x", progress="Answering"), 0)
    assert "data-again" not in render_earlier([Exchange("x", REPLY)])


def test_exchange_remembers_the_question_as_it_was_searched_for() -> None:
    reply = replace(REPLY, standalone_question="What is the pay?")
    assert Exchange("Pay?", reply).turn.standalone == "What is the pay?"


def test_exchange_comes_back_from_the_browser_as_it_was_but_for_its_passages() -> None:
    exchange = Exchange("Pay?", replace(REPLY, passages=(find("Pay", 0.4),)), topics=(Topic("T", "H"),))
    kept = json.loads(write_exchange(exchange))
    assert read_exchanges([kept]) == (replace(exchange, reply=REPLY),)


def test_exchange_that_was_cut_off_comes_back_as_stopped() -> None:
    kept = json.loads(write_exchange(Exchange("Pay?", REPLY, progress="Answering")))
    assert read_exchanges([kept]) == (Exchange("Pay?", REPLY, stopped=True),)


@pytest.mark.parametrize("kept", ["x", 1, {}, [1], [{"question": 1}], [{"reply": {}}], [{"question": "x", "reply": 1}]])
def test_exchange_of_any_other_shape_is_refused_in_words(kept: object) -> None:
    with pytest.raises(CareerError, match="Start a new chat"):
        read_exchanges(kept)


def test_conversation_that_the_browser_does_not_hold_is_empty() -> None:
    assert read_exchanges(None) == ()


def test_welcome_offers_each_example_as_a_button() -> None:
    buttons = Elements(render_welcome(1, [Topic("", "One?"), Topic("T", "Two")])).find("button")
    assert [button["data-question"] for button in buttons] == ["One?", "What does “T” say about Two?"]


def test_examples_are_spread_over_the_articles_and_further_down_in_each() -> None:
    headings = [(f"a{number}", f"A{number}", (f"H{place}",)) for number in range(8) for place in range(4)]
    assert choose_examples(headings) == [Topic("A1", "H0"), Topic("A3", "H1"), Topic("A5", "H2"), Topic("A7", "H3")]


def test_examples_of_a_single_article_are_spread_over_it() -> None:
    headings = [("a", "A", (f"H{place}",)) for place in range(8)]
    assert [topic.heading for topic in choose_examples(headings)] == ["H1", "H3", "H5", "H7"]


def test_examples_prefer_headings_that_are_questions_and_leave_out_long_ones() -> None:
    headings = [("a", "A", ("Pay",)), ("a", "A", ("What is the pay here?",)), ("a", "A", ("x" * 300,)), ("b", "B", ())]
    assert choose_examples(headings) == [Topic("A", "What is the pay here?")]


def test_library_without_headings_gives_no_examples() -> None:
    assert choose_examples([("b", "B", ())]) == []


@pytest.mark.parametrize("row", ["| a | b |", "| a \\| b | c |", "| a |", "|  | b |", "| a | b", "a | b |", "|"])
def test_cells_are_found_where_the_article_format_reads_them(row: str) -> None:
    text = f"before\n{row}\nafter"
    spans = find_cells(text, 7, 7 + len(row))
    assert [text[start:end].replace("\\|", "|") for start, end in spans] == read_cells(row)


@pytest.mark.parametrize(("published", "shown"), [("2026-03-05T10:00:00Z", "5 March 2026"), ("<last>", "&lt;last&gt;")])
def test_date_is_written_for_readers(published: str, shown: str) -> None:
    assert re.sub(r"</?time[^>]*>", "", write_date(published)) == shown


def test_policy_allows_the_scripts_of_a_page_by_their_hashes_and_none_with_an_address() -> None:
    policy = write_policy(
        b'<script>a()</script><script type="module" src="x.js"></script><script data-x>\nb()\n</script>'
    )
    hashes = [b64encode(sha256(script).digest()).decode() for script in (b"a()", b"\nb()\n")]
    hashes.append(digest_script())  # of an evaluation's report, which inherits the page's policy
    allowed = " ".join(f"'sha256-{each}'" for each in hashes)
    assert f"script-src 'self' 'unsafe-eval' {allowed};" in policy


def test_policy_of_what_is_no_page_allows_no_script_in_it() -> None:
    assert "script-src 'self' 'unsafe-eval';" in write_policy()


def test_loader_tries_again_after_a_failure() -> None:
    attempts = iter([LibraryDamaged("broken"), None])
    chain = FakeChain()

    def load() -> FakeChain:
        if error := next(attempts):
            raise error
        return chain

    loader = ChainLoader(load)
    with pytest.raises(LibraryDamaged):
        loader.start().result(timeout=5)
    assert loader.start().result(timeout=5) is chain


def test_loader_goes_on_for_the_others_when_one_who_waits_leaves() -> None:
    go_on = threading.Event()

    def load() -> FakeChain:
        go_on.wait(20)
        return FakeChain()

    loader = ChainLoader(load)

    async def leave_early() -> None:
        waiting = asyncio.wrap_future(loader.start())
        waiting.cancel()
        await asyncio.sleep(0)

    asyncio.run(leave_early())
    go_on.set()
    assert loader.start().result(20) is not None


def test_loader_loads_once_for_all_who_wait() -> None:
    loads: list[int] = []
    go_on = threading.Event()

    def load() -> FakeChain:
        loads.append(1)
        go_on.wait(5)
        return FakeChain()

    loader = ChainLoader(load)
    first, second = loader.start(), loader.start()
    go_on.set()
    assert first.result(timeout=5) is second.result(timeout=5)
    assert loads == [1]
