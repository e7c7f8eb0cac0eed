"""A page -> an article: title, author, date and clean Markdown text. Each format has a reader of its own."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from pathlib import PurePath
from urllib.parse import unquote, urlsplit

from ingest.article import Article, Page
from ingest.draft import Draft
from ingest.errors import ArticleNotFound
from ingest.extract_html import read_html
from ingest.extract_markdown import read_markdown_text
from ingest.extract_text import read_plain_text
from ingest.markdown import Block, Code, Heading, Item, Paragraph, Table, one_line, write_markdown

MIN_WORDS = 20  # a page with fewer is a menu, an error page or a form, not an article

_LINE_ENDS = re.compile(r"\r\n?|[\v\f\x85\u2028\u2029]")
# C0 and C1 controls, byte order mark, and marks that turn the direction of text: none is seen, all make quotes differ.
_UNSEEN = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\ufeff\u200b\u2060\u202a-\u202e\u2066-\u2069\u00ad\ud800-\udfff]")

_READERS: dict[str, Callable[[str], Draft]] = {
    "text/html": read_html,
    "text/markdown": read_markdown_text,
    "text/plain": read_plain_text,
}


def extract_article(page: Page) -> Article:
    """The article that a page holds, without the furniture around it.

    Raises ArticleNotFound, which names the source, when the page holds fewer than about twenty words.
    """
    text = clean_text(decode_text(page.content, page.media_type))
    draft = _READERS[page.media_type](text)
    if _count_words(draft.blocks) < MIN_WORDS:
        raise ArticleNotFound(
            f"{page.source}: no article found (fewer than {MIN_WORDS} words of text). "
            "Save the article's own text as a .md or .txt file and ingest that."
        )
    title = shorten(one_line(draft.title) or _name_source(page), 200)
    return Article(
        id=slugify(title),
        source=page.source,
        title=title,
        text=write_markdown(draft.blocks),
        author=one_line(draft.author),
        published=draft.published,
        language=draft.language,
        url=_choose_url(page, draft.url),
        fetched_at=page.fetched_at,
    )


def decode_text(content: bytes, media_type: str) -> str:
    """Bytes as text, whatever they hold: byte order mark, UTF-8, the encoding that HTML declares, the likeliest."""
    for mark, name in ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if content.startswith(mark):
            return content[len(mark) :].decode(name, "replace")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        # One damaged spot in a long page does not make it another encoding.
        if len(content[error.start :]) > 2_000 and content.decode("utf-8", "replace").count("\ufffd") * 1_000 < len(
            content
        ):
            multibyte = content.decode("utf-8", "ignore")
            if sum(character > "\x7f" for character in multibyte[:200_000]) > 20:
                return content.decode("utf-8", "replace")
    declared = re.search(rb"charset\s*=\s*[\"']?([\w\-:.]+)", content[:4_096], re.IGNORECASE)
    if media_type == "text/html" and declared:
        try:
            return content.decode(declared[1].decode("ascii").lower().replace("iso-8859-1", "cp1252"), "replace")
        except (LookupError, UnicodeError):
            pass
    return _decode_undeclared(content)


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
