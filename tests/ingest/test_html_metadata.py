"""What pages say about themselves is found in the shapes that publishing systems write: JSON-LD, meta tags, bylines."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from ingest.extract_html import read_html

PROSE = (
    "A career coach helps people choose the work that suits them, and most coaches see a client six times. "
    "They listen first, then they ask questions that the client has avoided for years. "
)
CANONICAL = "https://www.example.org/advice/coach"


@dataclass(frozen=True)
class Case:
    """A page and what it says about itself; the address as the page writes it."""

    name: str
    head: str = ""
    body: str = ""
    author: str = ""
    published: str = ""
    url: str = ""

    @property
    def page(self) -> str:
        return (
            f"<!doctype html><html lang=en><head><title>Find a coach | Work Weekly</title>{self.head}</head>"
            f"<body><main><h1>How to find a coach</h1>{self.body}<p>{PROSE}</p><p>{PROSE}</p></main></body></html>"
        )


def _linked(*things: object) -> str:
    """Each thing as JSON-LD in a script of its own; text as it is."""
    texts = (thing if isinstance(thing, str) else json.dumps(thing) for thing in things)
    return "".join(f'<script type="application/ld+json">{text}</script>' for text in texts)


def _meta(attribute: str, **fields: str) -> str:
    return "".join(
        f'<meta {attribute}="{name.replace("__", ":").replace("_dot_", ".")}" content="{value}">'
        for name, value in fields.items()
    )


_ADA = {"@type": "Person", "name": "Ada Miller"}
_ARTICLE = {"@context": "https://schema.org", "@type": "Article", "headline": "How to find a coach"}
_SITE = {"@type": "WebSite", "@id": "https://www.example.org/#site", "name": "Work Weekly"}

CASES = [
    Case(
        "json-ld: an article with an author object and a time with a zone",
        _linked(_ARTICLE | {"author": _ADA, "datePublished": "2024-05-04T23:30:00-07:00"}),
        author="Ada Miller",
        published="2024-05-04",
    ),
    Case(
        "json-ld: a news article with the author as a string",
        _linked(_ARTICLE | {"@type": "NewsArticle", "author": "Ada Miller", "datePublished": "2024-05-04"}),
        author="Ada Miller",
        published="2024-05-04",
    ),
    Case(
        "json-ld: two authors in a list",
        _linked(
            _ARTICLE | {"@type": "BlogPosting", "author": [_ADA, {"name": "Bo Chen"}], "datePublished": "2024-05-04"}
        ),
        author="Ada Miller, Bo Chen",
        published="2024-05-04",
    ),
    Case(
        "json-ld: a graph whose article points to its author",
        _linked(
            {
                "@context": "https://schema.org",
                "@graph": [
                    _ARTICLE | {"author": {"@id": "#ada"}, "datePublished": "2024-05-04T08:00:00+00:00"},
                    {"@type": "WebPage", "@id": CANONICAL, "datePublished": "2020-01-01"},
                    _SITE,
                    {"@type": "Person", "@id": "#ada", "name": "Ada Miller"},
                ],
            }
        ),
        author="Ada Miller",
        published="2024-05-04",
    ),
    Case(
        "json-ld: an array, and an article of two types",
        _linked(
            [
                {"@type": "BreadcrumbList", "itemListElement": []},
                _ARTICLE | {"@type": ["Article", "TechArticle"], "author": [_ADA], "datePublished": "2024-05-04"},
            ]
        ),
        author="Ada Miller",
        published="2024-05-04",
    ),
    Case(
        "json-ld: an organisation as the author",
        _linked(_ARTICLE | {"author": {"@type": "Organization", "name": "Work Weekly"}, "datePublished": "2024-05-04"}),
        author="Work Weekly",
        published="2024-05-04",
    ),
    Case(
        "json-ld: the article is the main entity of a page",
        _linked({"@type": "WebPage", "mainEntity": _ARTICLE | {"author": _ADA, "datePublished": "2024-05-04"}}),
        author="Ada Miller",
        published="2024-05-04",
    ),
    Case(
        "json-ld: broken, with meta beside it",
        _linked('{"@type": "Article", "author": ') + _meta("name", author="Ada Miller", date="2024-05-04"),
        author="Ada Miller",
        published="2024-05-04",
    ),
    Case(
        "json-ld: line breaks within strings, and in a comment as some systems write it",
        _linked('<!--\n{"@type": "Article", "description": "one\ntwo", "author": {"name": "Ada Miller"}}\n-->'),
        author="Ada Miller",
    ),
    Case(
        "json-ld: an address and a name in capitals with entities",
        _linked(_ARTICLE | {"author": {"name": "Ada O&#39;Miller", "url": "https://www.example.org/ada"}}),
        author="Ada O'Miller",
    ),
    Case(
        "json-ld: the author's address instead of a name",
        _linked(_ARTICLE | {"author": "https://www.example.org/ada"}) + _meta("name", author="Ada Miller"),
        author="Ada Miller",
    ),
    Case(
        "json-ld: only modified",
        _linked(_ARTICLE | {"author": _ADA, "dateModified": "2024-05-04"}),
        author="Ada Miller",
        published="2024-05-04",
    ),
    Case(
        "json-ld: the article beside a list of others",
        _linked(
            {
                "@type": "ItemList",
                "itemListElement": [{"@type": "Article", "author": "Zed", "datePublished": "2011-01-01"}],
            },
            _ARTICLE | {"author": _ADA, "datePublished": "2024-05-04"},
        ),
        author="Ada Miller",
        published="2024-05-04",
    ),
    Case(
        "open graph: times and the author's profile",
        _meta(
            "property",
            article__published_time="2024-05-04T08:00:00Z",
            article__modified_time="2025-01-01T08:00:00Z",
            article__author="https://social.example.com/ada",
            og__url=CANONICAL,
        ),
        published="2024-05-04",
        url=CANONICAL,
    ),
    Case(
        "open graph: the author by name",
        _meta("property", article__author="Ada Miller", article__published_time="2024-05-04"),
        author="Ada Miller",
        published="2024-05-04",
    ),
    Case(
        "dublin core",
        _meta("name", DC_dot_creator="Ada Miller", DC_dot_date="2024-05-04"),
        author="Ada Miller",
        published="2024-05-04",
    ),
    Case(
        "dublin core terms, issued",
        _meta("name", dcterms_dot_creator="Ada Miller", dcterms_dot_issued="2024-05-04"),
        author="Ada Miller",
        published="2024-05-04",
    ),
    Case(
        "citation tags of a journal",
        _meta("name", citation_author="Miller, Ada", citation_publication_date="2024/05/04"),
        author="Miller, Ada",
        published="2024-05-04",
    ),
    Case(
        "microdata",
        body='<div itemscope itemtype="https://schema.org/Article"><span itemprop="author" itemscope><span '
        'itemprop="name">Ada Miller</span></span><meta itemprop="datePublished" content="2024-05-04"></div>',
        author="Ada Miller",
        published="2024-05-04",
    ),
    Case(
        "time element and a link to the author",
        body='<p><a rel="author" href="/ada">Ada Miller</a> <time datetime="2024-05-04T08:00">4 May</time></p>',
        author="Ada Miller",
        published="2024-05-04",
    ),
    Case(
        "byline in one line",
        body="<p>By Ada Miller, May 4, 2024</p>",
        author="Ada Miller",
        published="2024-05-04",
    ),
    Case(
        "byline with a bar and an update",
        body="<div>By <a href='/ada'>Ada Miller</a> and Bo Chen | Updated 4 May 2024</div>",
        author="Ada Miller, Bo Chen",
        published="2024-05-04",
    ),
    Case(
        "byline in two lines",
        body='<div class="byline">By Ada Miller</div><div class="meta">Published: May 4, 2024</div>',
        author="Ada Miller",
        published="2024-05-04",
    ),
    Case("a sentence that begins like a byline", body="<p>By May 4, 2024, most coaches had raised what they ask.</p>"),
    Case("nothing said"),
    Case("a date yet to come", _meta("property", article__published_time="2999-05-04")),
    Case("canonical", f'<link rel="canonical" href="{CANONICAL}">', url=CANONICAL),
    Case(
        "canonical before open graph",
        '<meta property="og:url" content="/b"><link rel="canonical" href="/a">',
        url="/a",
    ),
    Case("canonical that is empty", '<link rel="canonical" href=""><meta property="og:url" content="/b">', url="/b"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_author_date_and_address_are_found(case: Case) -> None:
    draft = read_html(case.page)
    assert (draft.author, draft.published, draft.url) == (case.author, case.published, case.url)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_title_is_found_whatever_stands_round_it(case: Case) -> None:
    assert read_html(case.page).title == "How to find a coach"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[[[[]]]]",
        '{"@graph": 7}',
        '{"@type": {}, "author": 7, "datePublished": [1]}',
        '{"@type": "Article", "author": {"@id": {}}, "datePublished": {}}',
        '{"@type": "Article", "author": [null, {"name": ["a"]}, {"name": ""}]}',
        '{"@type": "Article", "mainEntity": ' + "[" * 100_000,
        "{" * 100_000,
    ],
)
def test_odd_json_ld_does_no_harm(text: str) -> None:
    draft = read_html(Case("odd", _linked(text) + _meta("name", author="Ada Miller", date="2024-05-04")).page)
    assert (draft.author, draft.published) == ("Ada Miller", "2024-05-04")


def test_an_article_that_is_its_own_author_is_survived() -> None:
    article = {"@type": "Article", "@id": "#a", "author": {"@id": "#a"}, "name": "Work Weekly"}
    assert read_html(Case("ring", _linked(article)).page).author == "Work Weekly"
