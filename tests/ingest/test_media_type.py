"""What a document is, is read from its bytes; its name and its server only break a tie."""

from __future__ import annotations

import gzip
import io
import zipfile

import pytest

from ingest.article import DOCX, HTML, LINKS, MARKDOWN, PDF, PLAIN_TEXT
from ingest.errors import SourceUnreadable
from ingest.media_type import find_media_type, is_text

HTML_PAGE = b"<!doctype html><html><body><p>An article.</p></body></html>"
FEED = b'<?xml version="1.0"?>\n<!-- made by hand --><rss version="2.0"><channel/></rss>'
SITEMAP = b'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"><url/></urlset>'
PROSE = "Nurses earn $80,000 a year.\n\nThey work at night and by day, and some of them on Sundays.\n"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512)


def zip_up(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, "text" * 100)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "hint", "media_type"),
    [
        (b"# Title\n\nText.", ".md", MARKDOWN),
        (b"# Title\n\nText.", ".txt", PLAIN_TEXT),
        (b"# Title\n\nText.\n\n## Part\n\nMore.", ".txt", MARKDOWN),
        (b"---\ntitle: Pay\n---\nText.", ".txt", MARKDOWN),
        (b"<p>Markdown may begin with a tag.</p>\n\n# Title", ".md", MARKDOWN),
        (HTML_PAGE, ".txt", HTML),
        (HTML_PAGE, ".pdf", HTML),
        (HTML_PAGE, "application/pdf", HTML),
        (HTML_PAGE, "", HTML),
        (b"<p>A piece of a page.", ".htm", HTML),
        (b"<p>A piece of a page.", "application/xhtml+xml", HTML),
        (b'<?xml version="1.0"?><!DOCTYPE any SYSTEM "x" [<!ENTITY a "b">]><html>', ".txt", HTML),
        (b"Only words, saved under the wrong name.", ".html", PLAIN_TEXT),
        (b"Text without a suffix.", "", PLAIN_TEXT),
        (b"Text under a name of its own.", ".2026-11", PLAIN_TEXT),
        (b"%PDF-1.7\nall in ASCII", ".txt", PDF),
        (b"%PDF-1.7\n\xe2\xe3\xcf\xd3", "text/html", PDF),
        (b"HTTP/1.1 200 OK\r\n\r\n%PDF-1.4\n1 0 obj <<>>", "", PDF),
        (b"%\xe2\xe3\xcf\xd3\n1 0 obj \n<<>>", ".txt", PDF),
        (b"A file that begins with %PDF- is one.", ".txt", PLAIN_TEXT),
        (b"<html><p>A file that begins with %PDF- holds 1 0 obj.", "", HTML),
        (zip_up("[Content_Types].xml", "word/document.xml"), ".txt", DOCX),
        (zip_up("[Content_Types].xml", "word/document.xml")[:150], "", DOCX),
        (zip_up("[Content_Types].xml", "word/document.xml")[:60], "", DOCX),
        (OLE + "EncryptedPackage".encode("utf-16-le"), ".docx", DOCX),
        (FEED, ".txt", LINKS),
        (FEED, "text/html", LINKS),
        (SITEMAP, "application/xml", LINKS),
        (b'<!DOCTYPE rss [<!ENTITY a "<b>">]>' + FEED, "", LINKS),
        (b"<atom:feed xmlns:atom='http://www.w3.org/2005/Atom'/>", "", LINKS),
        (gzip.compress(SITEMAP, mtime=0), ".gz", LINKS),
        (gzip.compress(SITEMAP + b" " * 200_000, mtime=0), "application/octet-stream", LINKS),
    ],
)
def test_the_kind_of_a_document_is_read_from_its_content(content: bytes, hint: str, media_type: str) -> None:
    assert find_media_type("x", content, hint) == media_type


@pytest.mark.parametrize(
    "encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]
)
@pytest.mark.parametrize(
    ("text", "media_type"),
    [(PROSE, PLAIN_TEXT), (HTML_PAGE.decode(), HTML), (FEED.decode(), LINKS), ("# A\n\nb\n\n## C\n\nd\n", MARKDOWN)],
)
def test_a_wide_encoding_hides_nothing(text: str, media_type: str, encoding: str) -> None:
    assert find_media_type("x", text.encode(encoding)) == media_type


@pytest.mark.parametrize(
    ("content", "hint", "reason"),
    [
        (b"", ".md", "is empty"),
        (b" \n\t", "text/html", "is empty"),
        (bytes(range(256)) * 10, ".txt", "is a binary file"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "image/png", "is a binary file"),
        (b"\x01\x00\x02\x00\x20\x00\x0a\x00" * 1_000, ".txt", "is a binary file"),
        (OLE, ".docx", "is an Office file of the kind before 2007"),
        (zip_up("xl/workbook.xml"), ".docx", "is a zip archive without a Word document"),
        (b"PK\x03\x04" + bytes(26) + b"mimetypeapplication/epub+zip", "", "is an e-book"),
        (gzip.compress(PROSE.encode(), mtime=0), ".txt", "is a file packed with gzip"),
        (b"\x1f\x8bnot packed at all", "", "is a file packed with gzip"),
        (b"{\\rtf1 Text}", ".txt", "is an RTF file"),
        (b"name,pay\nnurse,80000\n", ".csv", r"is data \(\.csv\)"),
        (b'{"name": "nurse"}', "application/ld+json", r"is data \(application/ld\+json\)"),
        (b'<?xml version="1.0"?><book>Text</book>', ".txt", "is XML"),
        (b"MIME-Version: 1.0\nContent-Type: multipart/related\n\n<p>Text.", ".mht", "is a web archive"),
    ],
)
def test_what_is_no_article_is_refused_with_what_to_do(content: bytes, hint: str, reason: str) -> None:
    with pytest.raises(SourceUnreadable, match=rf"^/x: {reason}.*\. (?:Save|Name) .*\.$"):
        find_media_type("/x", content, hint)


def test_text_with_a_spot_of_dirt_is_text() -> None:
    assert is_text(PROSE.encode() * 20 + b"\0")


@pytest.mark.parametrize("opening", [b"<!---->", b"<!-->", b"<?x?>", b"<!DOCTYPE x[]>", b" \n", b"<title>", b"| --- "])
def test_a_hostile_beginning_takes_no_time(opening: bytes) -> None:
    """The control: with plain stars in place of possessive ones, thirty comments took minutes."""
    assert find_media_type("x", opening * 20_000 + b"text", ".md") == MARKDOWN
