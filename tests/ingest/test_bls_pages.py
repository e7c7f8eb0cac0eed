"""54 saved government pages: all that their tabs show is kept, nothing of menus, banners, footers, pop-ups."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest
from lxml import html

from ingest.article import Article, Page
from ingest.extract import extract_article
from ingest.fetch import Fetcher
from ingest.settings import IngestSettings

PAGES = sorted((Path(__file__).parents[2].parent / "shared" / "articles" / "bls").glob("*.html"))

pytestmark = pytest.mark.skipif(
    not PAGES, reason="../shared/articles/bls is absent: the 54 saved pages are not shipped"
)

# Taken by hand from what a browser shows round the article, and from the help pop-ups.
FURNITURE = [
    "Skip to Content",
    "An official website of the United States government",
    "Here is how you know",
    "The .gov means it",
    "The site is secure",
    "United States Department of Labor",
    "Release Calendar",
    "Search BLS.gov",
    "Search button",
    "A-Z Index",
    "OOH HOME",
    "OCCUPATION FINDER",
    "OOH FAQ",
    "HOW TO FIND A JOB",
    "PRINTER-FRIENDLY",
    "Monthly Labor Review",
    "Consumer Price Index",
    "Student's Desk",
    "About this section",
    "What They Do ->",
    "<- Summary",
    "<- Pay",
    "Video transcript available",
    "Please enable javascript",
    "Suggested citation",
    "(visited",
    "Last Modified Date",
    "tab describes",
    "tab provides the Internet addresses",
    "The wage at which half of the workers in the occupation earned more than that amount",
    "Typical level of education that most workers need to enter this occupation",
    "Additional training needed (postemployment)",
    "Work experience that is commonly considered necessary by employers",
    "The employment, or size, of this occupation in",
    "The projected numeric change in employment from",
    "The percent change of employment for each occupation",
    "The average growth rate for all occupations is",
    "Help improve this site",
    "Suitland Federal Center",
    "4600 Silver Hill Road",
    "202-691-5700",
    "Contact OOH",
    "Budget and Performance",
    "Mid-Atlantic (Philadelphia)",
    "Wage Records from Unemployment Insurance",
    "Foreign Direct Investment",
    "Discontinued Databases",
    "Linking and Copyright Info",
    "Important Website Notices",
    "Accessibility Statement",
    "Inspector General",
    "No Fear Act",
    "Freedom of Information Act",
    "Privacy and Security Statement",
    "Connect With BLS",
    "Instagram",
    "LinkedIn",
]


# Ten pages read by a person: what belongs to the article, and what only this page's menus and footer show.
MARKED = {
    "athletes-and-sports-competitors": (
        ["Athletes and sports competitors may work irregular schedules, including evenings, weekends, and holidays."],
        ["Occupational Outlook Handbook > Entertainment and Sports", "watch?v=RODqcfjGEyY"],
    ),
    "carpenters": (
        ["| 2024 Median Pay |", "Carpenters may need a driver’s license to travel to jobsites.", "58,590"],
        ["Occupational Outlook Handbook > Construction and Extraction", "watch?v=i-tiC2Y-038"],
    ),
    "chiropractors": (
        ["Some chiropractors complete postgraduate programs that lead to diplomate credentials.", "$79,000"],
        ["How to Become a Chiropractor About", "watch?v=1zfzbKIfBBA"],
    ),
    "computer-programmers": (
        ["Computer programmers typically need a bachelor's degree", "$130,390"],
        ["Occupational Outlook Handbook > Computer and Information Technology", "watch?v=4FT15GxJQrE"],
    ),
    "floral-designers": (
        [
            "- Answer telephones, take orders, and wrap arrangements",
            "| -6% (Decline) |",
            "$36,120 per year $17.37 per hour",
        ],
        ["Occupational Outlook Handbook > Arts and Design", "watch?v=OF4-CWR2XE8"],
    ),
    "geographers": (
        ["Most geographers work full time.", "- Link geographic data with economic, health, or other data"],
        ["Occupational Outlook Handbook > Life, Physical, and Social Science", "watch?v=RWZxnXzhet0"],
    ),
    "line-installers-and-repairers": (
        ["The median annual wage for electrical power-line installers and repairers was $92,560 in May 2024."],
        ["Occupational Outlook Handbook > Installation, Maintenance, and Repair", "watch?v=vggk5l7taBs"],
    ),
    "paralegals-and-legal-assistants": (
        ["Paralegals and legal assistants help lawyers prepare for hearings, trials, and other proceedings."],
        ["Occupational Outlook Handbook > Legal", "watch?v=ubHE0-Tjiwc"],
    ),
    "software-developers": (
        ["Software quality assurance analysts and testers typically do the following:", "2,183,300", "$49,500"],
        ["How to Become a Software Developer, Quality Assurance Analyst, or Tester About", "watch?v=_WQ_VV4pXPc"],
    ),
    "umpires-referees-and-other-sports-officials": (
        ["- Enforce the rules of the game and assess penalties when necessary", "$46,880", "38,820"],
        ["Occupational Outlook Handbook > Entertainment and Sports", "watch?v=uOPtEOm0Jx0"],
    ),
}


@dataclass
class Visible:
    """What a reader of one page can see in its tabs, collected without any of our own code."""

    sentences: list[str] = field(default_factory=list)
    items: list[str] = field(default_factory=list)
    cells: list[str] = field(default_factory=list)
    headings: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def articles() -> dict[str, Article]:
    fetcher = Fetcher(IngestSettings())
    return {path.stem: extract_article(cast("Page", fetcher.fetch_page(str(path)))) for path in PAGES}


@pytest.fixture(scope="module")
def shares(articles: dict[str, Article]) -> dict[str, list[float]]:
    """For each kind, the share that each page's article kept."""
    kept: dict[str, list[float]] = {"sentences": [], "items": [], "cells": [], "headings": []}
    for path in PAGES:
        visible, shown = collect_visible(path), read_shown(articles[path.stem].text)
        for kind, values in kept.items():
            wanted = getattr(visible, kind)
            if wanted:
                values.append(sum(text in shown[kind] for text in wanted) / len(wanted))
    return kept


def test_every_page_becomes_an_article(articles: dict[str, Article]) -> None:
    assert len(articles) == 54


def test_every_page_gives_title_date_language_and_address(articles: dict[str, Article]) -> None:
    for article in articles.values():
        assert article.title
        assert "Bureau" not in article.title
        assert (article.published, article.language) == ("2025-08-28", "en")
        assert article.url.startswith("https://www.bls.gov/ooh/")


@pytest.mark.parametrize(
    ("kind", "mean", "least"),
    [("sentences", 0.97, 0.9), ("items", 0.97, 0.9), ("cells", 0.97, 0.9), ("headings", 0.9, 0.8)],
)
def test_what_the_tabs_show_is_kept(shares: dict[str, list[float]], kind: str, mean: float, least: float) -> None:
    values = shares[kind]
    print(f"{kind}: mean {sum(values) / len(values):.4f}, least {min(values):.4f}, pages {len(values)}")
    assert sum(values) / len(values) >= mean
    assert min(values) >= least


@pytest.mark.parametrize("phrase", FURNITURE)
def test_no_menu_banner_footer_or_popup_text_is_kept(articles: dict[str, Article], phrase: str) -> None:
    assert [name for name, article in articles.items() if phrase.casefold() in article.text.casefold()] == []


@pytest.mark.parametrize("name", MARKED)
def test_a_page_read_by_a_person_keeps_its_article_and_nothing_else(articles: dict[str, Article], name: str) -> None:
    body, furniture = MARKED[name]
    assert [text for text in body if text not in articles[name].text] == []
    assert [text for text in furniture if text in articles[name].text] == []


def test_the_facts_table_keeps_each_label_beside_its_value(articles: dict[str, Article]) -> None:
    assert "| 2024 Median Pay | $93,600 per year $45.00 per hour |" in articles["registered-nurses"].text


def test_a_chart_keeps_each_label_beside_its_value(articles: dict[str, Article]) -> None:
    assert "- Total, all occupations: $49,500" in articles["registered-nurses"].text


def collect_visible(path: Path) -> Visible:
    tree = html.document_fromstring(path.read_bytes().decode("utf-8"))
    visible = Visible()
    for pane in tree.xpath("//*[@id='panes']/*[starts-with(@id, 'tab-')]"):
        left_out = "//nav | .//img | .//*[contains(@class, 'about-this-section') or contains(@class, 'youtube-player')"
        for element in pane.xpath(
            f".{left_out} or contains(@class, 'image-caption') or contains(@class, 'invisible')]"
        ):
            element.drop_tree()
        visible.headings += texts(pane.xpath(".//h2 | .//h3[not(ancestor::*[contains(@class, 'ooh-chart')])]"))
        visible.items += texts(pane.xpath(".//li"))
        visible.cells += texts(
            pane.xpath(".//td[not(ancestor::tfoot)] | .//th | .//dt | .//dd[not(contains(@class, 'legend'))]")
        )
        for paragraph in texts(pane.xpath(".//p[not(ancestor::td or ancestor::th or ancestor::dl or ancestor::li)]")):
            visible.sentences += re.split(r"(?<=[.!?]) (?=[A-Z])", paragraph)
    return visible


def texts(elements: list[html.HtmlElement]) -> list[str]:
    found = []
    for element in elements:
        for line_break in element.xpath(".//br"):
            line_break.tail = " " + (line_break.tail or "")
        found.append(" ".join(element.text_content().split()))
    return [text for text in found if text]


def read_shown(text: str) -> dict[str, str]:
    """The article's text by kind of line; a table row's or definition's parts count as cells."""
    lines = text.split("\n")
    rows = [line.replace("\\|", "|") for line in lines if line.startswith("|") or line.lstrip().startswith("- ")]
    return {
        "sentences": text,
        "items": "\n".join(line for line in lines if line.lstrip().startswith("- ")),
        "cells": "\n".join(rows),
        "headings": "\n".join(line for line in lines if line.startswith("#")),
    }
