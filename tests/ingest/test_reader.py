"""Pages are read in a child process, with the results and the errors of reading them in this one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ingest.article import DOCX, HTML, LINKS, MARKDOWN, PDF, PLAIN_TEXT, Page
from ingest.child import Child, Limits
from ingest.errors import SourceError, SourceUnreadable
from ingest.extract import extract_article
from ingest.extract_links import Links
from ingest.reader import PageReader
from ingest.settings import IngestSettings

TEXT = "# Pay\n\nNurses earn $80,000 a year in a hospital, é and \U0001f600. " + "They work at night and by day. " * 5


def make_settings(**options: Any) -> IngestSettings:
    return IngestSettings(_env_file=None, **options)  # type: ignore[call-arg]


def make_page(text: str | bytes = TEXT, media_type: str = MARKDOWN, source: str = "/articles/pay.md") -> Page:
    content = text if isinstance(text, bytes) else text.encode()
    return Page(source, content, media_type, fetched_at="2026-01-02T03:04:05+00:00")


@pytest.fixture
def reader() -> Iterator[PageReader]:
    with PageReader(make_settings()) as reader:
        yield reader


@pytest.mark.parametrize("media_type", [MARKDOWN, PLAIN_TEXT, HTML])
def test_an_article_is_the_same_as_if_read_here(reader: PageReader, media_type: str) -> None:
    page = make_page(media_type=media_type)
    assert reader.extract_article(page) == extract_article(page)


def test_a_file_name_that_is_not_utf_8_survives(reader: PageReader) -> None:
    page = make_page(source=os.fsdecode(b"/articles/\xff\xfe pay.md"))
    assert reader.extract_article(page) == extract_article(page)


@pytest.mark.parametrize("page", [make_page("Too short."), make_page("no PDF", PDF), make_page(b"PK\x03\x04", DOCX)])
def test_a_refusal_is_the_same_as_if_read_here(reader: PageReader, page: Page) -> None:
    with pytest.raises(SourceError) as here:
        extract_article(page)
    with pytest.raises(SourceError) as there:
        reader.extract_article(page)
    assert (type(there.value), str(there.value)) == (type(here.value), str(here.value))


def test_a_page_of_no_known_kind_is_refused_in_one_line(reader: PageReader) -> None:
    with pytest.raises(SourceUnreadable) as refusal:
        reader.extract_article(make_page(media_type="image/png"))
    assert str(refusal.value) == (
        "/articles/pay.md: could not be read: reading it failed with KeyError. "
        "Save its text as .md or .txt and ingest that."
    )


def test_links_come_back_in_order(reader: PageReader) -> None:
    sitemap = b"""<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
        <url><loc>https://example.com/two</loc></url><url><loc>https://example.com/one</loc></url></urlset>"""
    assert reader.list_links(make_page(sitemap, LINKS)) == Links(("https://example.com/two", "https://example.com/one"))


def test_a_page_of_links_that_cannot_be_read_names_its_source(reader: PageReader) -> None:
    with pytest.raises(SourceUnreadable, match=r"^/articles/pay\.md: .*\.$"):
        reader.list_links(make_page(b"<urlset><url>", LINKS))


def test_a_page_that_takes_too_long_fails_alone() -> None:
    with PageReader(make_settings(read_timeout=0.001)) as reader, pytest.raises(SourceUnreadable) as refusal:
        reader.extract_article(make_page())
    assert "reading it took more than 0.001 s." in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_page_that_fills_the_memory_fails_alone() -> None:
    with PageReader(make_settings(read_memory=150_000_000)) as reader:
        with pytest.raises(SourceUnreadable, match="reading it needed more than 150 MB of memory"):
            reader.extract_article(make_page("word " * 8_000_000, PLAIN_TEXT))
        assert reader.extract_article(make_page()).title == "Pay"


def test_no_process_is_started_before_the_first_page(tmp_path: Path) -> None:
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    if not children.exists():
        pytest.skip("the system does not list a process's children")
    before = children.read_text(encoding="ascii")
    with PageReader(make_settings()):
        assert children.read_text(encoding="ascii") == before


@pytest.mark.parametrize("media_type", [HTML, MARKDOWN, PLAIN_TEXT, PDF, DOCX, LINKS])
def test_the_child_imports_only_what_reading_needs(media_type: str) -> None:
    header = {"task": "links" if media_type == LINKS else "article", "page": {"source": "x", "media_type": media_type}}
    with Child("tests.faults.tasks:read_and_list_modules", Limits(seconds=60)) as child:
        modules = child.ask(header, TEXT.encode())["modules"]
    assert "ingest" in modules
    assert not {"torch", "chromadb", "gradio", "langchain_core", "pydantic", "sqlite3", "assistant"} & set(modules)
