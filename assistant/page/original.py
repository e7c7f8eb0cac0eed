"""A citation -> a link to the article on its own site, at the quoted words where the browser can find them.

The part after `#:~:text=` is a text fragment (wicg.github.io/scroll-to-text-fragment): the words themselves, or their
beginning and end, between words that tell this place from others. A browser that knows none opens the page as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote, urlsplit

from assistant.conversation import Citation
from assistant.page.layout import lay_out
from ingest.article import Article

WHOLE_CHARACTERS = 200  # a longer quote is given by its ends: one difference in between and nothing would be found
END_WORDS = 6
CONTEXT_WORDS = 4


def is_web_address(url: str) -> bool:
    """True for http and https with a host: nothing else becomes a link."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def link_to_quote(article: Article, citation: Citation) -> str:
    """The article's address with the quote as its text fragment, or the page of a PDF (RFC 8118).

    The quote must stand in the article.
    """
    if citation.page:
        return f"{article.url.partition('#')[0]}#page={citation.page}"
    fragment = _write_fragment(article, citation)
    joint = ":~:text=" if "#" in article.url else "#:~:text="
    return f"{article.url}{joint}{fragment}" if fragment else article.url


def _write_fragment(article: Article, citation: Citation) -> str:
    before, quoted, after = _read_around(article.text, citation.start, citation.end)
    if not quoted:
        return ""
    whole = len(quoted) == 1 and len(quoted[0]) <= WHOLE_CHARACTERS
    parts = [quoted[0]] if whole else [_first(quoted[0].split(), END_WORDS), _last(quoted[-1].split(), END_WORDS)]
    written = ",".join(_encode(part) for part in parts)
    # Cells of a table are short and come again: the words around them tell which is meant.
    prefix = f"{_encode(_last(before, CONTEXT_WORDS))}-," if before else ""
    suffix = f",-{_encode(_first(after, CONTEXT_WORDS))}" if after else ""
    return written if whole and article.text.count(parts[0]) == 1 else f"{prefix}{written}{suffix}"


def _read_around(text: str, start: int, end: int) -> tuple[list[str], list[str], list[str]]:
    """The words of the block before a span, the visible pieces in it, and the words of the block after it."""
    before: list[str] = []
    quoted: list[str] = []
    after: list[str] = []

    def note(left: int, right: int) -> str:
        if words := text[left : min(right, start)].split():
            before[:] = words
        if piece := " ".join(text[max(left, start) : min(right, end)].split()):
            quoted.append(piece)
        if (words := text[max(left, end) : right].split()) and not after:
            after[:] = words
        return ""

    lay_out(text, note)
    return before, quoted, after


def _first(words: Sequence[str], number: int) -> str:
    return " ".join(words[:number])


def _last(words: Sequence[str], number: int) -> str:
    return " ".join(words[-number:])


def _encode(words: str) -> str:
    """Percent-encoded; the dash too, which would begin or end a context."""
    return quote(words.replace("\\|", "|"), safe="").replace("-", "%2D")
