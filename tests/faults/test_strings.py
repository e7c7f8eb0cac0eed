"""515 naughty strings, and a dozen of our own, as title, body, file name and question: no error, and text unchanged.

Unchanged means: with runs of white space as one space, as `ingest/markdown.py` promises of every line, and without the
characters that nobody sees and that `clean_text` takes out: control characters, soft hyphens, zero-width spaces and
marks that turn the direction of text. Which those are is said here a second time, so that one more would be noticed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path
from typing import Any, cast

import pytest

from assistant.answer import Question, answer
from assistant.errors import QuestionInvalid
from assistant.quote import ExtractiveWriter
from assistant.settings import Settings
from ingest.article import HTML, MARKDOWN, PLAIN_TEXT, Article, Page
from ingest.errors import SourceError
from ingest.extract import extract_article
from ingest.fetch import Fetcher, list_sources
from ingest.library import Library
from ingest.markdown import Paragraph
from ingest.markdown import write_markdown as write_blocks
from ingest.reader import PageReader
from ingest.split import split_article
from tests.fakes import FakeEmbedder

ROOT = Path(__file__).parents[2]
LIST = ROOT.parent / "shared" / "hostile" / "strings" / "blns.json"
OURS = [
    "",
    "   ",
    "undefined",
    "'); DELETE FROM passage; --",
    "<script>alert(1)</script>",
    "${jndi:ldap://localhost/x} {{7*7}} %s %n $(reboot) `ls`",
    "../../etc/passwd",
    "P\u0312\u0341\u0321a\u033f\u0355y\u0489 e\u0301 and \u00e9",
    "راتب \u202eback\u202c to front",
    "👩\u200d👩\u200d👧 𝒳 ㍻ ﷽",
    "a\u00adb\u200bc\ufeffd \x01\x1b[31mred\x7f\x85",
    '"NaN" AND NEAR(1, 2) * ^ title:x (',
    "- 1. # | `code` ***bold*** [1] <!-- -->",
]
LISTED: list[str] = json.loads(LIST.read_text(encoding="utf-8")) if LIST.exists() else []
STRINGS = list(dict.fromkeys([*OURS, *LISTED]))
UNSEEN = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ufeff\u200b\u2060\u202a-\u202e\u2066-\u2069\u00ad]")
FILLER = "Nurses earn $80,000 a year in a hospital, where they work at night and by day, on Sundays and on holidays."


def fold(text: str) -> str:
    """What must be there of a text."""
    return " ".join(UNSEEN.sub("", text).split())


def write_html(title: str, body: str) -> Page:
    """The title as a heading: of <title>, what looks like a site's name is cut off."""
    paragraphs = (FILLER, body, f"Of {body} we say more.", FILLER)
    written = "".join(f"<p>{escape(paragraph)}</p>" for paragraph in paragraphs)
    return make_page(f"<html><body><article><h1>{escape(title)}</h1>{written}</article></body></html>", HTML)


def write_markdown(title: str, body: str) -> Page:
    """Marks mean something in Markdown: a body that shall stay as it is stands in a code block."""
    code = f"``````\n{body}\n``````"
    return make_page(f"---\ntitle: {quote_for_yaml(title)}\n---\n{FILLER}\n\n{code}\n", MARKDOWN)


def quote_for_yaml(text: str) -> str:
    """As YAML asks for it: what cannot be printed is escaped, and nothing else."""
    letters = (letter if ord(letter) > 0xFFFF else escape_for_yaml(letter) for letter in text)
    return f'"{"".join(letters)}"'


def escape_for_yaml(letter: str) -> str:
    return json.dumps(letter, ensure_ascii=not letter.isprintable())[1:-1]


def write_text(title: str, body: str) -> Page:
    return make_page(f"{FILLER}\n\nOf {body} we say more.\n\n{FILLER}\n", PLAIN_TEXT)


def make_page(text: str, media_type: str) -> Page:
    return Page("/articles/naughty", text.encode("utf-8"), media_type)


def find_changed(page_of: Callable[[str, str], Page], read: Callable[[Page], Any] = extract_article) -> list[str]:
    """The strings that are not in the article whose body they are, or whose reading fails."""
    changed = []
    for text in STRINGS:
        article = read(page_of("Pay", text))
        if fold(text) not in fold(article.text):
            changed.append(text)
    return changed


def find_changed_titles(page_of: Callable[[str, str], Page]) -> list[str]:
    """The strings that are not the title of the article whose title they are; long ones are cut by design."""
    titles = [(text, extract_article(page_of(text, FILLER)).title) for text in STRINGS if fold(text)]
    return [text for text, title in titles if not fold(text).startswith(title.removesuffix("…")) or len(title) > 201]


@pytest.fixture(scope="module")
def reader() -> Iterator[PageReader]:
    with PageReader(make_settings()) as reader:
        yield reader


def make_settings(home: Path = Path("unused")) -> Settings:
    return Settings(home=home, _env_file=None)  # type: ignore[call-arg]


@pytest.mark.skipif(not LISTED, reason="../shared/hostile/strings is absent: the 515 strings are not shipped")
def test_the_strings_are_all_there() -> None:
    assert len(LISTED) == 515


@pytest.mark.parametrize("page_of", [write_html, write_markdown, write_text])
def test_a_body_stays_unchanged(page_of: Callable[[str, str], Page], reader: PageReader) -> None:
    assert find_changed(page_of, reader.extract_article) == []


@pytest.mark.parametrize("page_of", [write_html, write_markdown])
def test_a_title_stays_unchanged(page_of: Callable[[str, str], Page]) -> None:
    assert find_changed_titles(page_of) == []


def test_a_page_that_is_not_escaped_changes_strings() -> None:
    """The control: marks that mean something to the format are no text."""
    assert "<script>alert(1)</script>" in find_changed(lambda title, body: make_page(f"{FILLER}<p>{body}</p>", HTML))


def name_files(folder: Path) -> dict[str, str]:
    """A file for each string that can be a file's name, by its path."""
    names = {text.encode()[:200].decode(errors="ignore") for text in STRINGS if text and not {"/", "\0"} & set(text)}
    paths = {str(folder / f"{name}.md"): name for name in names}
    for path in paths:
        Path(path).write_text(FILLER, encoding="utf-8")
    return paths


def test_a_file_name_stays_unchanged(tmp_path: Path, reader: PageReader) -> None:
    paths = name_files(tmp_path.resolve())
    fetcher = Fetcher(make_settings())
    for path in paths:
        page = fetcher.fetch_page(path)
        assert isinstance(page, Page)
        assert reader.extract_article(page).source == path


def test_a_folder_lists_every_file_name(tmp_path: Path) -> None:
    paths = name_files(tmp_path.resolve())
    shown = {path for path, name in paths.items() if not name.startswith(".")}
    assert set(list_sources(str(tmp_path))) == shown


def test_a_file_with_an_unreadable_name_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "two\nlines.md"
    path.write_text("Too short.", encoding="utf-8")
    with PageReader(make_settings()) as reader, pytest.raises(SourceError) as refusal:
        reader.extract_article(cast("Page", Fetcher(make_settings()).fetch_page(str(path))))
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("media_type", [HTML, MARKDOWN])
def test_unseen_characters_do_not_come_back_by_reference(media_type: str) -> None:
    hidden = "a&#8203;b &#x202e;back&#x202c; so&#173;ft &#1;&#x85;&#xfeff;"
    heading = f"<h1>{hidden}</h1>" if media_type == HTML else f"# {hidden}"
    article = extract_article(make_page(f"{heading}\n\n<p>{FILLER}</p>\n\n<p>{hidden}</p>\n", media_type))
    assert not UNSEEN.search(article.title)
    assert not UNSEEN.search(article.text)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """Each string as the title of an article, and all of them in the body of one."""
    settings = make_settings(tmp_path_factory.mktemp("home"))
    with Library.open(settings, FakeEmbedder()) as library:
        whole = Article("whole", "/articles/whole", "Whole", write_markdown_of_all())
        library.replace(whole, split_article(whole, settings))
        for number, text in enumerate(STRINGS):
            article = Article("naughty", f"/articles/{number}/{text}", text, f"{FILLER} {fold(text)}".strip())
            library.replace(article, split_article(article, settings))
        yield library


def write_markdown_of_all() -> str:
    return write_blocks([Paragraph(text) for text in STRINGS])


def test_a_library_gives_back_what_it_was_given(library: Library) -> None:
    articles = [library.article(summary.id) for summary in library.articles()]
    given = {(f"/articles/{number}/{text}", text) for number, text in enumerate(STRINGS)}
    assert {(article.source, article.title) for article in articles} == {*given, ("/articles/whole", "Whole")}
    assert library.article("whole").text == write_markdown_of_all()
    assert library.check() == []


def test_a_question_is_answered_or_refused_and_stays_unchanged(library: Library) -> None:
    settings, writer = make_settings(), ExtractiveWriter()
    for text in STRINGS:
        if not text.strip():
            with pytest.raises(QuestionInvalid):
                list(answer(Question(text), library, settings, writer))
            continue
        *_, reply = answer(Question(text), library, settings, writer)
        assert reply.question == text
        for citation in reply.citations:
            assert library.article(citation.article_id).text[citation.start : citation.end] == citation.quote
