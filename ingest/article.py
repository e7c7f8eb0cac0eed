"""What flows through ingest: a page becomes an article, an article becomes passages."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import takewhile

HTML = "text/html"
MARKDOWN = "text/markdown"
PLAIN_TEXT = "text/plain"
PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
LINKS = "application/rss+xml"  # a feed or a sitemap: no article, but the addresses of some


@dataclass(frozen=True)
class Validators:
    """What a server gave with a page, so that it can be asked whether the page has changed since (RFC 9110, 13.1)."""

    etag: str = ""
    last_modified: str = ""


@dataclass(frozen=True)
class Page:
    """What was fetched, before anything is understood."""

    source: str  # absolute path, or URL without tracking parameters: the key for "the same article again"
    content: bytes
    media_type: str  # one of the six above
    url: str = ""  # public http(s) address after redirects; "" for a file
    fetched_at: str = ""  # ISO 8601, UTC
    validators: Validators = Validators()

    @property
    def content_hash(self) -> str:
        """SHA-256 of the bytes: the same page need not be read again."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True)
class Unmodified:
    """The server's word that a page is as it was when it gave the validators."""

    source: str


@dataclass(frozen=True)
class Article:
    """A clean article. Every offset anywhere refers to `text`, in characters."""

    id: str  # readable slug; unique in the library, which may add "-2" when it stores the article
    source: str
    title: str
    text: str  # canonical Markdown: see ingest/markdown.py
    author: str = ""
    published: str = ""  # ISO 8601 date
    language: str = ""  # ISO 639-1, "" when the page does not say
    url: str = ""
    fetched_at: str = ""
    pages: tuple[int, ...] = ()  # where in `text` page 2, page 3 … begin; () for what has no pages

    @property
    def content_hash(self) -> str:
        """SHA-256 of everything a reader can see, so that a new date or title counts as a change."""
        shown = (self.title, self.author, self.published, self.url, self.text, *map(str, self.pages))
        return hashlib.sha256("\0".join(shown).encode("utf-8", "surrogatepass")).hexdigest()

    def page_at(self, offset: int) -> int:
        """The page, from 1, on which the character at `offset` stands; 0 for an article without pages."""
        return bisect_right(self.pages, offset) + 1 if self.pages else 0


@dataclass(frozen=True)
class Unit:
    """The smallest thing that can be quoted: one sentence, list item or table row, as a span of the article's text."""

    start: int
    end: int
    kind: str  # "sentence", "item", "row" or "code"


@dataclass(frozen=True)
class Passage:
    """A span of whole units under one heading: what is embedded, ranked and shown."""

    article_id: str
    title: str  # of the article
    headings: tuple[str, ...]  # outermost first
    start: int
    end: int
    text: str  # == article.text[start:end]
    lead: str = ""  # the list's lead-in or the table's header row when it stands outside the span
    units: tuple[Unit, ...] = field(default=())  # article offsets, in order

    @property
    def id(self) -> str:
        """The same passage at the same place keeps its id; any change makes another."""
        key = "\0".join((self.article_id, str(self.start), str(self.end), self.embedded_text))
        return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:24]

    @property
    def context(self) -> str:
        """Title and heading path: put before the text for embedding and BM25 (FeedbackQA nDCG@10 .44 -> .61)."""
        return " > ".join((self.title, *self.headings))

    @property
    def embedded_text(self) -> str:
        return "\n".join(part for part in (self.context, self.lead, self.text) if part)

    def announcement(self, unit: Unit) -> str:
        """What an item or a row needs to be understood: the sentence that leads in, then the header row of a table."""
        if unit.kind not in ("item", "row"):
            return self.lead
        before = (other for other in reversed(self.units) if other.start < unit.start and other.kind == "sentence")
        sentence = next(map(self._words, before), "")
        lead = sentence if sentence.endswith(":") else self.lead
        header = self._find_header(unit)
        return f"{lead}\n{header}" if lead and header and header not in lead else lead or header

    def _find_header(self, unit: Unit) -> str:
        """The header row above a row within this passage; "" when the table began before it."""
        above = self.text[: unit.start - self.start].split("\n")[:-1] if unit.kind == "row" else []
        table = list(takewhile(lambda line: line.startswith("|"), reversed(above)))
        # The rule between header and rows tells a header from the row above.
        return table[-1] if len(table) > 1 and set(table[-2]) <= set("|-: ") else ""

    def _words(self, unit: Unit) -> str:
        return self.text[unit.start - self.start : unit.end - self.start]

    @property
    def heading(self) -> str:
        """The innermost heading, or the article's title above the first heading."""
        return self.headings[-1] if self.headings else self.title


@dataclass(frozen=True)
class Outcome:
    """What became of one source, or of one article on its way into an archive or out of it."""

    source: str
    status: str  # "added", "updated", "unchanged", "failed"; "removed" or, with another source, "kept"; "exported"
    article_id: str = ""
    title: str = ""
    passages: int = 0
    reason: str = ""  # why it failed, or what else gives the article, in one line
