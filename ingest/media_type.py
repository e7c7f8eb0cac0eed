"""Bytes -> what kind of document they are, by what stands in them; a name or a server only breaks a tie.

Nothing is unpacked here but the first bytes of a gzip file: what is recognised is opened by its reader, within bounds.
"""

from __future__ import annotations

import codecs
import re
import zlib

from ingest.addresses import show
from ingest.article import DOCX, HTML, LINKS, MARKDOWN, PDF, PLAIN_TEXT
from ingest.errors import SourceUnreadable

TEXTS = (HTML, MARKDOWN, PLAIN_TEXT)

_HINTS = {
    **dict.fromkeys((".md", ".markdown", "text/markdown", "text/x-markdown"), MARKDOWN),
    **dict.fromkeys((".html", ".htm", ".xhtml", "text/html", "application/xhtml+xml"), HTML),
}
# Text that is no prose, by the names of files and by what servers call it.
_DATA = re.compile(
    r"\.(?:csv|tsv|json|jsonl|xml|ya?ml|toml|ini|log|sql|py|js|css|ics|vcf|eml)|"
    r"text/(?:css|csv|javascript|calendar|vcard)|application/(?:(?:[\w.-]+\+)?json|javascript|x-javascript)|image/.+"
)

_SAMPLE = 65_536  # bytes looked at
_MARKS = (  # UTF-32's before UTF-16's, with which they begin
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CONTROLS = bytes(code for code in range(32) if chr(code) not in "\t\n\v\f\r\x1b")
_OLE = b"\xd0\xcf\x11\xe0"  # Microsoft's compound file: Office before 2007, and whatever Office gives a password
_PROTECTED = "EncryptedPackage".encode("utf-16-le")
_ARCHIVE = "a zip archive without a Word document"
_UNREAD = {
    _OLE: "an Office file of the kind before 2007 (.doc, .xls or .ppt)",
    b"PK\x03\x04": _ARCHIVE,
    b"PK\x05\x06": _ARCHIVE,
    b"\x1f\x8b": "a file packed with gzip",
    b"{\\rtf": "an RTF file",
}
_ARCHIVES = {b"epub+zip": "an e-book", b"opendocument.text": "an OpenDocument text"}
_PDF_OBJECT = re.compile(rb"\d \d{1,5} obj\b")
_PDF_BODY = re.compile(rb"(?:%[^\r\n]*[\r\n]+)?\d{1,9} \d{1,5} obj\b")  # of one that has lost its first line
# A local header or an entry of the directory, for a member in the folder "word".
_WORD_MEMBER = re.compile(rb"PK(?:\x03\x04.{26}|\x01\x02.{42})/?word[/\\]", re.DOTALL | re.IGNORECASE)

# What may stand before a document's first element. Nothing here is tried twice (*+, ?>): with plain stars, twenty
# comments took 0.07 s to be refused, and each further one twice as long.
_PROLOG = rb"(?>\s+|<\?.*?\?>|<!--.*?-->|<!DOCTYPE(?!\s+html)[^\[>]*(?:\[.*?\]\s*)?>)*+"
_HTML_START = re.compile(_PROLOG + rb"<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
_LINKS_START = re.compile(_PROLOG + rb"<(?:[\w.-]+:)?(?:rss|rdf|feed|urlset|sitemapindex)\b", re.IGNORECASE | re.DOTALL)
_XML_START = re.compile(rb"\s*<\?xml\b")
_HTML_BLOCK = re.compile(rb"<(?:html|head|body|title)\b[^<>]*>", re.IGNORECASE)
_FRONT_MATTER = re.compile(rb"---[ \t]*\r?\n(?:[\w-]+[ \t]*:|#)")
_MARKDOWN_LINE = re.compile(rb"^(?:#{1,6} \S|```|\|(?: *:?-{3,}:? *\|)+ *\r?$)", re.MULTILINE)
_WEB_ARCHIVE = re.compile(rb"^content-type:\s*multipart/related", re.IGNORECASE | re.MULTILINE)

_SAVE_AS = "Save its text as .docx, .pdf, .html, .md or .txt and name that."


def find_media_type(name: str, content: bytes, hint: str = "") -> str:
    """One of the six kinds of `article.py`, for content that shall be called `name` in messages.

    `hint` is a file's suffix or what a server called the content, in lower case. Raises SourceUnreadable.
    """
    if not content.strip():
        raise SourceUnreadable(f"{name}: is empty. Name a file or an address that holds an article.")
    if kind := _find_packed(content):
        return kind
    start = _read_start(content)
    what = _name_binary(content)
    if not what:
        if kind := _find_marked(start, hint):
            return kind
        what = _name_data(start, hint)
    if what:
        raise SourceUnreadable(f"{name}: is {what}, which is not read. {_SAVE_AS}")
    return MARKDOWN if len(_MARKDOWN_LINE.findall(start)) >= 2 else PLAIN_TEXT


def _find_packed(content: bytes) -> str:
    """The kind of a file whose reader takes the bytes as they are; "" for any other."""
    start = content[:1_024]
    # Without the first, a document that was cut off; its reader says what is wrong with it.
    if start.startswith(b"PK") and (_WORD_MEMBER.search(content) or b"[Content_Types].xml" in start):
        return DOCX
    if start.startswith(_OLE) and _PROTECTED in content:  # the reader of DOCX says that it needs a password
        return DOCX
    if start.startswith(b"\x1f\x8b") and _LINKS_START.match(_unpack_start(content)):
        return LINKS
    if _PDF_BODY.match(start):
        return PDF
    # Readers look for the sign in the first 1024 bytes; an article about PDF may name it there, too.
    if b"%PDF-" not in start or _HTML_START.match(start):
        return ""
    return PDF if start.lstrip().startswith(b"%PDF-") or _PDF_OBJECT.search(content) else ""


def _name_binary(content: bytes) -> str:
    """What a file is that holds no text, in words; "" for text."""
    named = next((what for sign, what in _UNREAD.items() if content.startswith(sign)), "")
    if named == _ARCHIVE:
        return next((what for sign, what in _ARCHIVES.items() if sign in content[:1_024]), named)
    return named or ("" if is_text(content) else "a binary file")


def _unpack_start(content: bytes) -> bytes:
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(content[:_SAMPLE], _SAMPLE)
    except zlib.error:
        return b""


def is_text(content: bytes) -> bool:
    """False for bytes that no person would call text: NUL bytes that no encoding explains, many control characters."""
    if content.startswith(tuple(mark for mark, _ in _MARKS)):
        return True
    sample = content[:_SAMPLE]
    # One NUL in a long page is dirt, which extraction removes; a binary has many.
    if sample.count(0) * 1_000 <= len(sample):
        return _has_few_controls(sample)
    return any(_is_wide_text(sample, encoding) for encoding in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"))


def _is_wide_text(sample: bytes, encoding: str) -> bool:
    """Whether the bytes are text of two or four bytes a character, as some editors save it without a mark."""
    try:
        text = sample[: len(sample) // 4 * 4].decode(encoding)
    except UnicodeDecodeError as error:
        if error.start < len(sample) - 4:  # else the sample's end cuts a character in two
            return False
        text = sample[: error.start].decode(encoding)
    # Numbers of two bytes decode, too, to signs of all scripts, but not to some white space as every text has.
    return (text.count(" ") + text.count("\n")) * 200 > len(text) and _has_few_controls(text.encode("utf-8"))


def _has_few_controls(sample: bytes) -> bool:
    return len(sample.translate(None, _CONTROLS)) > 0.95 * len(sample)


def _read_start(content: bytes) -> bytes:
    """The beginning, in an encoding in which ASCII is ASCII: enough to see the marks of a format."""
    start = content[:_SAMPLE]
    for mark, encoding in _MARKS:
        if start.startswith(mark):
            return start[len(mark) :].decode(encoding, "replace").encode("utf-8")
    return start.replace(b"\0", b"")


def _find_marked(start: bytes, hint: str) -> str:
    """The kind that the text itself tells by its marks; "" when it does not."""
    if _HTML_START.match(start):
        return HTML
    if _LINKS_START.match(start):
        return LINKS
    if _HINTS.get(hint) == HTML and re.search(rb"<[a-zA-Z!/]", start):  # else text saved under the wrong name
        return HTML
    if _HINTS.get(hint) == MARKDOWN or _FRONT_MATTER.match(start):
        return MARKDOWN
    return HTML if len(_HTML_BLOCK.findall(start[:2_000])) >= 2 else ""


def _name_data(start: bytes, hint: str) -> str:
    """What a text is that is no prose, in words; "" for what may be an article."""
    if _WEB_ARCHIVE.search(start[:4_096]):
        return "a web archive"
    if _XML_START.match(start):
        return "XML that is no web page and no feed"
    return f"data ({show(hint)})" if _DATA.fullmatch(hint) else ""
