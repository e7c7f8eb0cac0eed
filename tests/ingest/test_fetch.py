"""Files and URLs become pages; whatever must not be read is refused in one line."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.article import HTML, LINKS, MARKDOWN, PDF, PLAIN_TEXT
from ingest.errors import SourceError, SourceMissing, SourceRefused, SourceUnreadable
from tests.ingest.site import HTML_PAGE, Site, fetch, open_site, send

SITEMAP = b"<urlset><url><loc>https://a.example/</loc></url></urlset>"


# --- files


def test_a_file_is_known_by_its_absolute_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.md").write_text("Text.")
    monkeypatch.chdir(tmp_path)
    page = fetch("a.md")
    assert (page.source, page.url, page.media_type) == (str((tmp_path / "a.md").resolve()), "", MARKDOWN)


@pytest.mark.parametrize(("name", "media_type"), [("a.txt", HTML), ("a.pdf", HTML), ("a", HTML)])
def test_a_file_is_what_it_holds_whatever_its_name(tmp_path: Path, name: str, media_type: str) -> None:
    (tmp_path / name).write_bytes(HTML_PAGE)
    assert fetch(str(tmp_path / name)).media_type == media_type


def test_a_missing_file_is_named() -> None:
    with pytest.raises(SourceMissing, match=r"no-such-file\.md: no such file"):
        fetch("no-such-file.md")


@pytest.mark.parametrize("source", ["", "  "])
def test_an_empty_source_is_not_the_working_folder(source: str) -> None:
    with pytest.raises(SourceMissing, match="a source is empty"):
        fetch(source)


def test_a_path_with_a_nul_is_missing() -> None:
    with pytest.raises(SourceError):
        fetch("a\0b.md")


def test_a_folder_is_no_page(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreadable, match="is a folder"):
        fetch(str(tmp_path))


def test_a_file_over_the_limit_is_refused_with_the_setting_to_raise(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"word " * 30_000)
    with pytest.raises(SourceUnreadable, match="CAREER_FETCH_MAX_BYTES"):
        fetch(str(tmp_path / "a.txt"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_permission_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("Text.")
    (tmp_path / "a.md").chmod(0)
    with pytest.raises(SourceUnreadable, match="no permission"):
        fetch(str(tmp_path / "a.md"))


def test_a_pipe_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.md")
    with pytest.raises(SourceUnreadable, match="not a regular file"):
        fetch(str(tmp_path / "a.md"))


def test_a_message_never_holds_line_breaks(tmp_path: Path) -> None:
    (tmp_path / "two\nlines.md").mkdir()
    for source in ("evil\n\x1b[31mname.md", str(tmp_path / "two\nlines.md"), "evil\n://x", "http://a\n/"):
        with pytest.raises(SourceError) as raised:
            fetch(source)
        assert str(raised.value).isprintable()


@pytest.mark.parametrize("source", ["ftp://example.com/a", "file:///etc/passwd", "gopher://example.com/"])
def test_another_scheme_than_http_is_refused(source: str) -> None:
    with pytest.raises(SourceRefused, match="only files and http or https"):
        fetch(source)


# --- pages of a site


@pytest.fixture
def site() -> Iterator[Site]:
    with open_site() as site:
        yield site


@pytest.mark.parametrize(
    ("path", "content_type", "body", "media_type"),
    [
        ("/", "text/html", HTML_PAGE, HTML),
        ("/", "text/html; charset=utf-8", b"%PDF-1.7\n\xe2\xe3", PDF),
        ("/a.pdf", "application/pdf", HTML_PAGE, HTML),
        ("/", "application/octet-stream", b"%PDF-1.7\n", PDF),
        ("/", "", HTML_PAGE, HTML),
        ("/a.md", "text/plain", b"Text.", MARKDOWN),
        ("/a.html", "text/plain", b"Text.", PLAIN_TEXT),
        ("/a.html", "text/markdown", b"Text.", MARKDOWN),
        ("/feed", "text/html", b"<rss><channel/></rss>", LINKS),
        ("/sitemap.xml.gz", "application/x-gzip", gzip.compress(SITEMAP, mtime=0), LINKS),
    ],
)
def test_a_page_is_what_it_holds_whatever_its_server_says(
    site: Site, path: str, content_type: str, body: bytes, media_type: str
) -> None:
    site.answers = {path: send(body=body, Content_Type=content_type)}
    page = fetch(site.url(path))
    assert (page.media_type, page.content) == (media_type, body)


@pytest.mark.parametrize(
    ("content_type", "body"), [("image/png", b"\x89PNG\r\n\x1a\n" + bytes(500)), ("application/json", b'{"a": 1}')]
)
def test_what_is_no_article_is_refused(site: Site, content_type: str, body: bytes) -> None:
    site.answers = {"/": send(body=body, Content_Type=content_type)}
    with pytest.raises(SourceUnreadable, match=r"is (?:a binary file|data)"):
        fetch(site.url("/"))


def test_a_declared_encoding_is_followed_for_text_alone(site: Site) -> None:
    latin, page = "<html>café €</html>".encode("cp1252"), b"%PDF-1.7\n\xe9"
    site.answers = {"/": send(body=latin, Content_Type="text/html; charset=iso-8859-1")}
    site.answers["/a"] = send(body=page, Content_Type="text/html; charset=iso-8859-1")
    assert fetch(site.url("/")).content.decode("utf-8") == "<html>café €</html>"
    assert fetch(site.url("/a")).content == page
