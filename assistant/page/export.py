"""A reply -> text that leaves the page: for the clipboard, and as Markdown."""

from __future__ import annotations

import re

from assistant.conversation import Citation, Reply
from assistant.page.original import is_web_address

MARKUP = re.compile(r"[\\`*_<>\[\]&]")  # what Markdown, or HTML in it, begins with inside a line
WRITABLE = re.compile(r"[^\s<>]+")  # an address that ends where Markdown's <…> does


def write_copy(reply: Reply) -> str:
    """The answer and its sources as plain text, for the clipboard."""
    lines = [_write_source(citation) for citation in reply.citations]
    return "\n\n".join(part for part in (reply.text.strip(), "\n".join(lines)) if part)


def _write_source(citation: Citation) -> str:
    parts = (*_name_source(citation), citation.url)
    return f"[{citation.number}] " + ", ".join(dict.fromkeys(part for part in parts if part))


def _name_source(citation: Citation) -> tuple[str, ...]:
    return (citation.title, citation.heading, name_page(citation), citation.published)


def write_markdown(question: str, reply: Reply | None, asked_of: str = "") -> str:
    """The question, which articles it was asked of, and its answer with every quote.

    Markdown in which nothing of theirs is markup.
    """
    text = reply.text if reply else ""
    sources = [_write_quote(citation) for citation in reply.citations] if reply else []
    heading = f"## {_write_literally(question)}"
    parts = (heading, _write_literally(asked_of), _write_literally(text, keep_lines=True), "\n".join(sources))
    return "\n\n".join(part for part in parts if part)


def _write_quote(citation: Citation) -> str:
    place = ", ".join(dict.fromkeys(part for part in _name_source(citation) if part))
    address = f" <{citation.url}>" if is_web_address(citation.url) and WRITABLE.fullmatch(citation.url) else ""
    return f"{citation.number}. “{_write_literally(citation.quote)}” {_write_literally(place)}{address}"


def _write_literally(text: str, *, keep_lines: bool = False) -> str:
    lines = text.splitlines() if keep_lines else [" ".join(text.split())]
    return "\n".join(MARKUP.sub(r"\\\g<0>", line) for line in lines).strip()


def name_page(citation: Citation) -> str:
    return f"page {citation.page}" if citation.page else ""
