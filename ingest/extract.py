"""A page -> an article: title, author, date and clean Markdown text. Each format has a reader of its own."""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import PurePath
from urllib.parse import unquote, urlsplit

from ingest.article import DOCX, HTML, MARKDOWN, PDF, PLAIN_TEXT, Article, Page
from ingest.draft import PAGE_BREAK, Draft, DraftRefused
from ingest.errors import ArticleNotFound, SourceUnreadable
from ingest.extract_docx import read_docx
from ingest.extract_html import read_html
from ingest.extract_markdown import read_markdown_text
from ingest.extract_pdf import read_pdf
from ingest.extract_text import read_plain_text
from ingest.markdown import Block, Code, Heading, Item, Paragraph, Table, one_line, write_markdown

VERSION = 1  # raise it when a page is read differently: unchanged pages are then read again
MIN_WORDS = 20  # a page with fewer is a menu, an error page or a form, not an article

_LINE_ENDS = re.compile(r"\r\n?|[\v\f\x85\u2028\u2029]")
# C0 and C1 controls, byte order mark, and marks that turn the direction of text: none is seen, all make quotes differ.
_UNSEEN = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\ufeff\u200b\u2060\u202a-\u202e\u2066-\u2069\u00ad\ud800-\udfff]")

_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16's, with which it begins
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_DECLARED_ENCODING = re.compile(rb"(?:charset|<\?xml[^>]{0,100}\bencoding)\s*=\s*[\"']?([\w\-:.]+)", re.IGNORECASE)
# Not UTF-16, since the declaration itself was read as ASCII; nor Python's codecs for addresses, slow without bounds.
_CHARACTER_SET = re.compile(r"utf-?8|windows|cp\d|iso-?8859|latin|us-ascii|koi8|mac|ibm|tis|shift|x-sjis|euc|gb|big5")
_AS_BROWSERS_READ = {
    **dict.fromkeys(("iso-8859-1", "latin1", "us-ascii"), "cp1252"),
    **dict.fromkeys(("shift_jis", "shift-jis", "x-sjis"), "cp932"),
    **dict.fromkeys(("gb2312", "gbk"), "gb18030"),
    "euc-kr": "cp949",
    "iso-8859-9": "cp1254",
    "tis-620": "cp874",
}

_TEXT_READERS: dict[str, Callable[[str], Draft]] = {
    HTML: read_html,
    MARKDOWN: read_markdown_text,
    PLAIN_TEXT: read_plain_text,
}
_FILE_READERS: dict[str, Callable[[bytes], Draft]] = {PDF: read_pdf, DOCX: read_docx}


def extract_article(page: Page) -> Article:
    """The article that a page holds, without the furniture around it.

    Raises ArticleNotFound, which names the source, when the page holds fewer than about twenty words, and
    SourceUnreadable when its file cannot be read.
    """
    draft = _read_draft(page)
    if _count_words(draft.blocks) < MIN_WORDS:
        raise ArticleNotFound(
            f"{page.source}: no article found (fewer than {MIN_WORDS} words of text). "
            "Save the article's own text as a .md or .txt file and ingest that."
        )
    title = shorten(one_line(clean_text(draft.title)) or _name_source(page), 200)
    text, pages = _take_out_breaks(write_markdown(draft.blocks))
    return Article(
        id=slugify(title),
        source=page.source,
        title=title,
        text=text,
        author=one_line(clean_text(draft.author)),
        published=draft.published,
        language=draft.language,
        url=_choose_url(page, draft.url),
        fetched_at=page.fetched_at,
        pages=pages,
    )


def _read_draft(page: Page) -> Draft:
    try:
        if page.media_type in _FILE_READERS:
            draft, clean = _FILE_READERS[page.media_type](page.content), _clean_pages
        else:
            # Cleaned before, since readers tell blocks by white space, and below, for what references such as &#8203;
            # or a YAML escape brought back.
            draft = _TEXT_READERS[page.media_type](clean_text(decode_text(page.content, page.media_type)))
            clean = clean_text
    except DraftRefused as error:
        raise SourceUnreadable(f"{page.source}: {error}") from error
    return replace(draft, blocks=[_clean_block(block, clean) for block in draft.blocks])


def _clean_block(block: Block, clean: Callable[[str], str]) -> Block:
    if isinstance(block, Table):
        return Table(_clean_row(block.header, clean), [_clean_row(row, clean) for row in block.rows])
    return replace(block, text=clean(block.text))


def _clean_row(cells: Sequence[str], clean: Callable[[str], str]) -> list[str]:
    return [clean(cell) for cell in cells]


def _clean_pages(text: str) -> str:
    """As `clean_text`, but page breaks stay."""
    return PAGE_BREAK.join(map(clean_text, text.split(PAGE_BREAK)))


def _take_out_breaks(text: str) -> tuple[str, tuple[int, ...]]:
    """`text` without its page breaks, and where they stood."""
    parts = text.split(PAGE_BREAK)
    return "".join(parts), tuple(accumulate(len(part) for part in parts[:-1]))


def decode_text(content: bytes, media_type: str) -> str:
    """Bytes as text, by byte order mark, zeros of UTF-16, UTF-8, what HTML declares, or the likeliest."""
    for mark, name in _ORDER_MARKS:
        if content.startswith(mark):
            return content[len(mark) :].decode(name, "replace")
    if wide := _find_wide_encoding(content):
        return content.decode(wide, "replace")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        if _is_damaged_utf8(content, error.start):
            return content.decode("utf-8", "replace")
    if media_type == HTML and (declared := _find_declared_encoding(content)):
        return content.decode(declared, "replace")
    return _decode_undeclared(content)


def _find_wide_encoding(content: bytes) -> str:
    """UTF-16 without a byte order mark: its spaces and line ends hold zero bytes, which no other text does."""
    sample = content[:10_000]
    high, low = sample[0::2].count(0), sample[1::2].count(0)
    if (high + low) * 50 < len(sample) or high == low:
        return ""
    return "utf-16-be" if high > low else "utf-16-le"


def _is_damaged_utf8(content: bytes, first_error: int) -> bool:
    """True for a long page with a damaged spot, which does not make it another encoding."""
    replaced = content.decode("utf-8", "replace").count("\ufffd")
    if len(content) - first_error <= 2_000 or replaced * 1_000 >= len(content):
        return False
    return sum(character > "\x7f" for character in content.decode("utf-8", "ignore")[:200_000]) > 20


def _find_declared_encoding(content: bytes) -> str:
    """The codec that HTML or XML declares, widened to what browsers take the name for; "" for one that we lack."""
    declared = _DECLARED_ENCODING.search(content[:4_096])
    name = declared[1].decode("ascii").lower() if declared else ""
    try:
        return codecs.lookup(_AS_BROWSERS_READ.get(name, name)).name if _CHARACTER_SET.match(name) else ""
    except LookupError:
        return ""


def _decode_undeclared(content: bytes) -> str:
    """Windows-1252, as browsers do, unless a detector finds an alphabet that is not Latin.

    charset-normalizer alone takes short Western pages for Central European ones.
    """
    from charset_normalizer import from_bytes

    best = from_bytes(content[:100_000]).best()
    if best is not None:
        letters = [character for character in str(best) if character.isalpha()]
        if sum(character > "\u036f" for character in letters) * 5 > len(letters):
            return content.decode(best.encoding, "replace")
    return content.decode("cp1252", "replace")


def clean_text(text: str) -> str:
    """`text` with plain line ends and without characters that nobody sees; nothing else is changed."""
    return _UNSEEN.sub("", _LINE_ENDS.sub("\n", text))


def shorten(text: str, most: int) -> str:
    """`text` cut at a word to at most about `most` characters."""
    return text if len(text) <= most else text[:most].rsplit(" ", 1)[0] + "…"


def slugify(title: str) -> str:
    """A readable id: lower-case letters and digits with hyphens, at most 80 characters."""
    plain = unicodedata.normalize("NFKD", title.casefold())
    plain = "".join(character for character in plain if not unicodedata.combining(character))
    words = re.findall(r"[^\W_]+", plain.replace("'", "").replace("’", ""))
    slug = ""
    for word in words:
        if len(slug) + len(word) > 79 and slug:
            break
        slug = f"{slug}-{word}"[:81] if slug else word[:80]
    return slug or "article"


def _count_words(blocks: list[Block]) -> int:
    return sum(len(re.findall(r"\w+", _text_of(block))) for block in blocks)


def _text_of(block: Block) -> str:
    match block:
        case Paragraph(text) | Item(text) | Code(text):
            return text
        case Table(header, rows):
            return " ".join(cell for row in (header, *rows) for cell in row)
        case Heading():
            return ""
    return ""


def _name_source(page: Page) -> str:
    """A title from the file's name or the address, for a page that has none."""
    path = urlsplit(page.url or page.source).path if page.url else page.source
    stem = PurePath(unquote(path)).stem or urlsplit(page.url).netloc
    name = one_line(clean_text(re.sub(r"[-_+]+", " ", stem)))
    return (name[:1].upper() + name[1:]) or "Untitled"


def _choose_url(page: Page, canonical: str) -> str:
    """The address a citation links to: the page's canonical one, but never on a host that did not serve the page."""
    if not re.match(r"https?://[^\s/@]+(?:/|$)", canonical) or any(mark in canonical for mark in "<>\"' \\"):
        return page.url
    if not page.url or _same_site(canonical, page.url):
        return canonical
    return page.url


def _same_site(one: str, other: str) -> bool:
    hosts = sorted(((urlsplit(url).hostname or "").removeprefix("www.") for url in (one, other)), key=len)
    return hosts[0] == hosts[1] or ("." in hosts[0] and hosts[1].endswith("." + hosts[0]))
