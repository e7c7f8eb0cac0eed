"""HTML, Markdown and plain text become articles: everything of the article is kept, nothing of what stands round it."""

from __future__ import annotations

import contextlib
import time

import pytest

from ingest.article import Article, Page
from ingest.errors import ArticleNotFound, CareerError
from ingest.extract import decode_text, extract_article, slugify
from ingest.markdown import read_cells, read_lines

PROSE = (
    "A career coach helps people choose the work that suits them, and most coaches see a client six times. "
    "They listen first, then they ask questions that the client has avoided for years. "
)
SECOND = "Good coaches charge by the session, so that a client can stop whenever the sessions stop being useful. "

BLOG = f"""<!doctype html><html lang="en-US"><head><title>Find a coach | Work Weekly</title>
<meta name="author" content="Ada Miller"><meta property="article:published_time" content="2025-03-04T08:00:00Z">
<link rel="canonical" href="https://blog.example.org/coach"></head><body class="has-sidebar cookie-banner-open">

<a class="skip-link" href="#content">Skip to content</a>
<div id="cookie-notice"><p>We use cookies to improve your experience on this website. Accept all cookies to go on.</p>
<button>Accept</button></div>
<header class="site-header"><div class="logo">Work Weekly</div><nav><ul><li><a href="/">Home</a></li><li>
<a href="/jobs">
Jobs</a></li></ul></nav></header>
<main id="content"><article><header><h1>How to find a coach</h1><p class="byline">By Ada Miller, March 4, 2025</p>
</header>
<p>{PROSE}</p><h2 id="social-skills">Social skills</h2><p>{SECOND}<sup><a href="#fn1">1</a></sup></p>
<h2>What it costs <a href="#costs">#</a></h2><ul><li>One session: $90<ul><li>Students: $60</li></ul></li>
<li>Six: $480</li></ul>
<div class="share-buttons">Share this: <a href="/x">X</a><a href="/f">Facebook</a></div>
<div class="author-bio"><h3>Ada Miller</h3>
<p>Ada Miller has written about careers for ten years and lives in Leeds.</p></div>
</article><section class="related-posts"><h2>Related posts</h2>
<p>Ten signs that you should leave your job today.</p></section>
<div id="comments"><h2>3 thoughts on this</h2><p>What a wonderful article, it changed my whole life completely.</p>
</div></main>
<aside><p>Sign up for our newsletter and get a job every week in your mailbox.</p></aside>
<footer><p>Copyright 2025 Work Weekly. All rights reserved by the publisher of this page.</p></footer></body>
</html>"""


def extract(content: str | bytes, media_type: str = "text/html", source: str = "/articles/some-file.html") -> Article:
    data = content if isinstance(content, bytes) else content.encode()
    return extract_article(Page(source, data, media_type))


def in_body(body: str) -> Article:
    return extract(f"<html><head><title>A title of this page</title></head><body>{body}<p>{PROSE}</p></body></html>")


# --- HTML: what is left out


@pytest.mark.parametrize(
    "words",
    [
        "cookies",
        "Skip to",
        "Jobs",
        "Work Weekly",
        "Share this",
        "Leeds",
        "Related",
        "Ten signs",
        "wonderful",
        "newsletter",
    ],
)
def test_a_blog_post_loses_what_stands_round_it(words: str) -> None:
    assert words not in extract(BLOG).text


def test_a_blog_post_keeps_its_text_in_order() -> None:
    assert extract(BLOG).text == "\n\n".join(
        [
            PROSE.strip(),
            "## Social skills",
            SECOND.strip(),
            "## What it costs",
            "- One session: $90\n  - Students: $60\n- Six: $480",
        ]
    )


def test_a_blog_post_gives_title_author_date_language_and_address() -> None:
    article = extract(BLOG)
    assert (article.title, article.author, article.published, article.language, article.url) == (
        "How to find a coach",
        "Ada Miller",
        "2025-03-04",
        "en",
        "https://blog.example.org/coach",
    )


def test_an_aside_of_a_news_page_is_left_out_but_a_note_is_kept() -> None:
    text = in_body(
        f"<article><p>{PROSE}</p><aside><p>More news: the mayor has resigned this morning.</p></aside>"
        f'<aside class="note"><p>Fees are those of March, before taxes.</p></aside><p>{SECOND}</p></article>'
    ).text
    assert "mayor" not in text
    assert "Fees are those of March, before taxes." in text


def test_a_page_without_semantic_tags_loses_its_menu_and_keeps_its_text() -> None:
    links = " | ".join(f'<a href="/{name}">{name}</a>' for name in ("Home", "About", "Contact"))
    text = in_body(f"<div><div>{links}</div><div><b>Coaching</b><br><br>{PROSE}<br><br>{SECOND}</div></div>").text
    assert "About" not in text
    assert f"{PROSE.strip()}\n\n{SECOND.strip()}" in text


def test_tabs_hidden_until_clicked_are_kept_and_other_hidden_parts_are_not() -> None:
    text = in_body(
        '<ul><li><a href="#pay">Pay</a></li><li><a href="#work">Work</a></li></ul>'
        f'<div id="work"><h2>Work</h2><p>{PROSE}</p></div>'
        f'<div id="pay" style="display: none"><h2>Pay</h2><p>{SECOND}</p></div>'
        '<div style="display:none"><p>This tab describes what the tabs of this page are about.</p></div>'
    ).text
    assert SECOND.strip() in text
    assert "This tab describes" not in text
    assert not text.startswith("- Pay")


def test_a_form_that_holds_the_whole_article_is_kept() -> None:
    assert SECOND.strip() in extract(f"<body><form><p>{PROSE}</p><p>{SECOND}</p></form></body>").text


def test_a_section_named_after_its_own_heading_is_kept() -> None:
    text = in_body(f'<section id="related-work"><h2>Related work</h2><p>{SECOND}</p></section>').text
    assert SECOND.strip() in text


def test_a_page_of_only_a_menu_is_no_article() -> None:
    menu = "".join(f'<li><a href="/{number}">Page number {number}</a></li>' for number in range(40))
    with pytest.raises(ArticleNotFound, match=r"/articles/some-file\.html: no article found"):
        extract(f"<html><body><nav><ul>{menu}</ul></nav><p>Welcome.</p></body></html>")


# --- HTML: what is kept


def test_a_table_keeps_spans_and_several_header_rows() -> None:
    text = in_body(
        "<table><caption>Pay by role</caption><thead><tr><th rowspan=2>Role</th><th colspan=2>Pay</th></tr>"
        "<tr><th>2024</th><th>2025</th></tr></thead><tbody><tr><th rowspan=2>Coach</th><td>$50</td><td>$60</td></tr>"
        "<tr><td colspan=2>by the hour</td></tr></tbody><tfoot><tr><td colspan=3>Source: us</td></tr></tfoot></table>"
    ).text
    assert "Pay by role\n\n| Role | Pay: 2024 | Pay: 2025 |" in text
    assert "| Coach | $50 | $60 |\n| Coach | by the hour |  |\n\nSource: us" in text


def test_a_table_without_header_gets_empty_header_cells() -> None:
    text = in_body("<table><tr><td>Coach</td><td>$50|h</td></tr><tr><td>Tutor</td><td>$40</td></tr></table>").text
    assert "|  |  |\n| --- | --- |\n| Coach | $50\\|h |" in text


def test_a_table_that_only_places_things_becomes_its_content() -> None:
    text = in_body(f"<table><tr><td><h2>Pay</h2><p>{SECOND}</p></td></tr></table>").text
    assert f"## Pay\n\n{SECOND.strip()}" in text


def test_a_definition_list_keeps_each_term_beside_its_meaning() -> None:
    text = in_body("<dl><dt>Coach</dt><dd>Someone who asks.</dd><dt>Mentor:</dt><dd>Someone who tells.</dd></dl>").text
    assert "- Coach: Someone who asks.\n- Mentor: Someone who tells." in text


def test_nested_lists_keep_depth_and_numbers() -> None:
    text = in_body("<ol start=3><li>Ask<ul><li>friends</li></ul></li><li><p>Choose</p></li></ol>").text
    assert "3. Ask\n  - friends\n4. Choose" in text


def test_code_quotes_and_captions_are_kept() -> None:
    text = in_body("<pre>a  b\n c</pre><blockquote><p>Ask twice.</p></blockquote><figcaption>A room.</figcaption>").text
    assert "```\na  b\n c\n```\n\nAsk twice.\n\nA room." in text


def test_a_bold_line_on_its_own_is_a_heading() -> None:
    assert "## What to ask\n\nMuch." in in_body("<p><strong>What to ask</strong></p><p>Much.</p>").text


def test_a_chart_heading_does_not_become_the_heading_of_the_text_after_the_chart() -> None:
    text = in_body(
        "<article><h2>Pay</h2><div><h3>Coaches</h3><p>Pay in 2025</p><dl><dt>All</dt><dd>$5</dd></dl></div>"
        f"<p>{SECOND}</p></article>"
    ).text
    assert f"## Pay\n\nCoaches: Pay in 2025\n\n- All: $5\n\n{SECOND.strip()}" in text


def test_an_undeclared_windows_1252_page_is_read() -> None:
    assert (
        "Café – “quoted”" in extract(f"<html><body><p>Café – “quoted”. {PROSE}</p></body></html>".encode("cp1252")).text
    )


def test_a_declared_encoding_is_read() -> None:
    page = f'<html><head><meta charset="windows-1251"></head><body><p>Работа. {PROSE}</p></body></html>'
    assert "Работа." in extract(page.encode("cp1251")).text


RUSSIAN = "Работа и карьера: тренер слушает и задаёт вопросы, которых человек долго избегал."
JAPANESE = "キャリアコーチは、人が自分に合う仕事を選ぶのを手伝います。多くの人は六回ほど会います。"
FRENCH = "L’élève a été reçu « très bien » et paie 5 € – pas plus."


def make_page(text: str, head: str = "", before: str = "") -> str:
    body = f"<body><p>{text}</p><p>{PROSE}</p></body>"
    return f"{before}<!doctype html><html><head>{head}<title>A</title></head>{body}</html>"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [(RUSSIAN, "windows-1251"), (RUSSIAN, "koi8-r"), (JAPANESE, "shift_jis"), (JAPANESE, "euc-jp"), (FRENCH, "cp1252")],
)
@pytest.mark.parametrize(
    ("head", "before"),
    [
        ('<meta charset="{}">', ""),
        ("<meta http-equiv=Content-Type content='text/html; charset={}'>", ""),
        ("", '<?xml version="1.0" encoding="{}"?>'),
        ("", ""),
    ],
)
def test_a_page_is_read_in_its_encoding_declared_or_not(text: str, encoding: str, head: str, before: str) -> None:
    page = make_page(text * 3, head.format(encoding), before.format(encoding))
    assert text in decode_text(page.encode(encoding), "text/html")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("text", [RUSSIAN, JAPANESE, FRENCH])
def test_unicode_is_read_with_and_without_a_byte_order_mark(text: str, encoding: str) -> None:
    assert decode_text(make_page(text).encode(encoding), "text/html") == make_page(text)


@pytest.mark.parametrize(
    ("declared", "encoding", "text"),
    [
        ("iso-8859-1", "cp1252", FRENCH),
        ("us-ascii", "cp1252", FRENCH),
        ("iso-8859-1", "utf-8", RUSSIAN),
        ("utf-16", "cp1252", FRENCH),  # cannot be: it was read as ASCII
        ("punycode", "cp1252", FRENCH),
        ("no-such-encoding", "cp1252", FRENCH),
        ("gb2312", "gb18030", "职业教练帮助人们选择适合自己的工作①镕"),
        ("shift_jis", "cp932", JAPANESE + "①"),
    ],
)
def test_a_wrong_declaration_is_read_as_browsers_do(declared: str, encoding: str, text: str) -> None:
    page = make_page(text, f'<meta charset="{declared}">')
    assert decode_text(page.encode(encoding), "text/html") == page


def test_a_damaged_spot_does_not_change_the_encoding_of_a_long_page() -> None:
    damaged = make_page(RUSSIAN * 100).encode().replace("слушает".encode(), "слушает".encode()[:-1], 1)
    assert RUSSIAN in decode_text(damaged, "text/html")


def test_a_title_falls_back_to_the_title_tag_without_the_site_name() -> None:
    page = f"<html><head><title>Find a coach | Work Weekly</title></head><body><p>{PROSE}</p></body></html>"
    assert extract(page).title == "Find a coach"


def test_an_address_on_another_host_is_not_believed() -> None:
    page = Page("u", BLOG.encode(), "text/html", url="https://other.example.com/a")
    assert extract_article(page).url == "https://other.example.com/a"


# --- Markdown


def test_markdown_loses_its_marks_and_keeps_its_blocks() -> None:
    article = extract(
        f"# Find a coach\n\n{PROSE}\n\n## *Costs* and `terms`\n\n1. **One** [session](https://a.example)\n   - half\n\n"
        f"| Role | Pay |\n|---|---|\n| Coach | $5 |\n\n> {SECOND}\n\n```\ncode\n```\n\n<div>raw <b>words</b></div>\n",
        "text/markdown",
    )
    assert article.title == "Find a coach"
    assert article.text == (
        f"{PROSE.strip()}\n\n## Costs and terms\n\n1. One session\n  - half\n\n| Role | Pay |\n| --- | --- |\n"
        f"| Coach | $5 |\n\n{SECOND.strip()}\n\n```\ncode\n```\n\nraw words"
    )


def test_front_matter_is_read_and_left_out() -> None:
    head = "---\ntitle: Coaching\nauthor: Ada\ndate: 2025-03-04\nurl: https://example.org/c\nlang: en\n---\n"
    article = extract(f"{head}\n{PROSE}", "text/markdown")
    assert (article.title, article.author, article.published) == ("Coaching", "Ada", "2025-03-04")
    assert (article.url, article.language, article.text) == ("https://example.org/c", "en", PROSE.strip())


def test_toml_front_matter_is_read() -> None:
    head = '+++\ntitle = "Coaching"\nauthors = ["Ada", "Bo"]\ndate = 2025-03-04T08:00:00Z\n+++\n'
    article = extract(f"{head}\n{PROSE}", "text/markdown")
    assert (article.title, article.author, article.published) == ("Coaching", "Ada, Bo", "2025-03-04")
    assert article.text == PROSE.strip()


def test_the_front_matter_of_clipped_notes_and_of_blogs_is_read() -> None:
    head = '---\nauthor:\n  - "[[Ada]]"\n  - name: Bo\npublished: true\ndate: 2025-03-04\nsource: https://example.org/c\n---\n'
    article = extract(f"{head}\n{PROSE}", "text/markdown")
    assert (article.author, article.published, article.url) == ("Ada, Bo", "2025-03-04", "https://example.org/c")


def test_broken_toml_is_text() -> None:
    assert 'title = "a' in extract(f'+++\ntitle = "a\n+++\n\n{PROSE}', "text/markdown").text


def test_broken_front_matter_is_text() -> None:
    assert (
        "title: [a"
        in extract(f"---\ntitle: [a\n---\n\n{PROSE}", "text/markdown").text
        + extract(f"---\ntitle: [a\n---\n\n{PROSE}", "text/markdown").title
    )


def test_a_markdown_title_falls_back_to_the_file_name() -> None:
    assert extract(PROSE, "text/markdown", "/a/choosing-a_coach.md").title == "Choosing a coach"


# --- plain text

TEXT = f"""The Weekly Hub

Coach vs Mentor: What Sets Them Apart

March 19, 2026

{PROSE}

What Is a Coach?

{SECOND}

Choose Coaching If:

  • You want to be asked
  • You have time

Some cases where neither helps:

- You are ill

Coach and Mentor at a Glance

Role Coach Mentor
Pay $90 $0
Focus Questions Answers

{PROSE}

Ada Miller
Chief Editor

Ada Miller is a well-known writer on work and the author of two books about coaching.

Get the free book
"""


def test_plain_text_finds_title_date_and_author() -> None:
    article = extract(TEXT, "text/plain")
    assert (article.title, article.published, article.author) == (
        "Coach vs Mentor: What Sets Them Apart",
        "2026-03-19",
        "Ada Miller",
    )


def test_plain_text_finds_headings_and_lists() -> None:
    text = extract(TEXT, "text/plain").text
    assert text.startswith(
        f"{PROSE.strip()}\n\n## What Is a Coach?\n\n{SECOND.strip()}\n\n## Choose Coaching If\n\n- You want"
    )
    assert "- You want to be asked\n- You have time\n\nSome cases where neither helps:\n\n- You are ill" in text


def test_lines_of_a_flattened_table_stay_apart() -> None:
    text = extract(TEXT, "text/plain").text
    assert "## Coach and Mentor at a Glance\n\n- Role Coach Mentor\n- Pay $90 $0\n- Focus Questions Answers" in text


def test_an_author_box_at_the_end_of_plain_text_is_left_out() -> None:
    assert extract(TEXT, "text/plain").text.endswith(PROSE.strip())


def test_hard_wrapped_prose_is_joined() -> None:
    wrapped = """A coach listens to the people who come and asks them what they have
long avoided to ask themselves, and then the two of them look for the
work that suits the client best of all.
"""
    assert extract(wrapped, "text/plain").text == " ".join(wrapped.split())


# --- any input


@pytest.mark.parametrize("media_type", ["text/html", "text/markdown", "text/plain"])
@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe", b"\x00" * 50, b"<" * 500, b"---\n" * 50, b"\xed\xa0\x80 \xf0\x9f"]
)
def test_dirt_is_never_more_than_a_career_error(content: bytes, media_type: str) -> None:
    with pytest.raises(CareerError):
        extract(content, media_type)


@pytest.mark.parametrize("tag", ["div", "ul><li", "table><tr><td", "dl><dd", "blockquote", "span"])
def test_ten_thousand_nested_elements_are_survived(tag: str) -> None:
    begun = time.monotonic()
    with contextlib.suppress(ArticleNotFound):
        extract("<html><body>" + f"<{tag}>" * 10_000 + PROSE)
    assert time.monotonic() - begun < 5


def test_control_characters_and_odd_line_ends_are_removed() -> None:
    article = extract(f"# Title\r\n\r\n{PROSE}\x00\x07\u200b\r\rEnd\u2028here.", "text/markdown")
    assert article.text == f"{PROSE.strip()}\n\nEnd here."


@pytest.mark.parametrize("content", [BLOG, TEXT])
def test_every_line_of_an_article_is_understood_again(content: str) -> None:
    text = extract(content, "text/html" if content is BLOG else "text/plain").text
    lines = read_lines(text)
    assert {line.kind for line in lines} <= {"heading", "paragraph", "item", "header", "row"}
    assert all(text[line.start : line.end].strip() == text[line.start : line.end] for line in lines)


def test_a_cell_with_a_bar_is_read_back() -> None:
    assert read_cells("| a\\|b | c |") == ["a|b", "c"]


@pytest.mark.parametrize(
    ("title", "slug"),
    [("How to: Find a Coach!", "how-to-find-a-coach"), ("Café “Ünïcode”", "cafe-unicode"), ("???", "article")],
)
def test_slugify_makes_readable_ids(title: str, slug: str) -> None:
    assert slugify(title) == slug
