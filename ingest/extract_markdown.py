"""Markdown -> Draft: front matter, then blocks with their inline marks taken off."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from datetime import date

from markdown_it import MarkdownIt
from markdown_it.token import Token

from ingest.draft import Draft, parse_date
from ingest.markdown import Block, Code, Heading, Item, Paragraph, Table, one_line

# Bounded, since a text between two rules is read as YAML before it turns out to be none.
_FRONT_MATTER = re.compile(
    r"\s*(?:---[ \t]*\n(?P<yaml>.{0,20000}?)\n(?:---|\.\.\.)"
    r"|\+\+\+[ \t]*\n(?P<toml>.{0,20000}?)\n\+\+\+)[ \t]*(?:\n|$)",
    re.DOTALL,
)
_TAG = re.compile(r"<!--.*?(?:-->|$)|</?[a-zA-Z][^<>]*>", re.DOTALL)
_HIDDEN = re.compile(r"<(script|style)\b.*?(?:</\1\s*>|$)", re.DOTALL | re.IGNORECASE)
MAX_NESTING = 40  # levels of quotes and lists; what lies deeper is not read


def read_markdown_text(text: str) -> Draft:
    """The article of a Markdown file; the first top heading is its title, unless the front matter names one."""
    fields, body = _split_front_matter(text)
    blocks = list(_read_blocks(body))
    title = one_line(_as_text(fields.get("title")))
    first = next((block for block in blocks if isinstance(block, Heading)), None)
    if first is not None and (first.level == 1 or first is blocks[0]) and title in ("", one_line(first.text)):
        title = first.text
        blocks.remove(first)
    return Draft(
        blocks,
        title=title,
        author=_read_author(fields),
        published=_read_date(fields),
        language=_read_language(fields),
        url=_as_text(_pick(fields, "canonical", "canonical_url", "canonicalurl", "url", "source_url", "source")),
    )


def _split_front_matter(text: str) -> tuple[dict[str, object], str]:
    """The YAML or TOML fields at a file's head and the rest; broken or other front matter is left in the text."""
    import yaml

    match = _FRONT_MATTER.match(text)
    if not match:
        return {}, text
    try:
        fields = tomllib.loads(match["toml"]) if match["toml"] is not None else yaml.safe_load(match["yaml"])
    except (yaml.YAMLError, ValueError, RecursionError):  # TOML's error is a ValueError
        return {}, text
    if not isinstance(fields, dict):
        return {}, text
    return {str(name).lower(): value for name, value in fields.items()}, text[match.end() :]


def _as_text(value: object) -> str:
    return str(value) if isinstance(value, str | int | float | date) else ""


def _pick(fields: dict[str, object], *names: str) -> object:
    """The first of the fields that says something."""
    return next((fields[name] for name in names if fields.get(name)), "")


def _read_date(fields: dict[str, object]) -> str:
    """The first field that holds a date; "published" is a mere yes or no in some systems."""
    names = ("published", "date", "publishdate", "pubdate", "date_published")
    return next(filter(None, (parse_date(fields.get(name)) for name in names)), "")


def _read_author(fields: dict[str, object]) -> str:
    value = _pick(fields, "author", "authors")
    names = value if isinstance(value, list) else [value]
    texts = (_as_text(name.get("name") if isinstance(name, dict) else name) for name in names)
    return ", ".join(filter(None, (text.strip("[] ") for text in texts)))  # notes write [[Ada Miller]]


def _read_language(fields: dict[str, object]) -> str:
    found = re.match(r"[A-Za-z]{2,3}(?=[-_]|$)", _as_text(_pick(fields, "language", "lang")))
    return found[0].lower() if found else ""


def _read_blocks(text: str) -> Iterator[Block]:
    parser = MarkdownIt("commonmark", {"maxNesting": MAX_NESTING}).enable(["table", "strikethrough"])
    tokens = parser.parse(text)
    open_lists: list[Token] = []  # outermost first
    table_end = -1
    for position, token in enumerate(tokens):
        if position < table_end:
            continue
        if token.type in ("bullet_list_open", "ordered_list_open"):
            open_lists.append(token)
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            open_lists.pop()
        elif token.type == "table_open":
            table_end = next(index for index in range(position, len(tokens)) if tokens[index].type == "table_close")
            yield _read_table(tokens[position:table_end])
        elif token.type in ("fence", "code_block"):
            yield Code(token.content)
        elif token.type == "html_block":
            yield from (Paragraph(part) for part in re.split(r"\n\s*\n", strip_tags(token.content)))
        elif token.type == "inline":
            yield _read_inline_block(tokens, position, open_lists)


def _read_inline_block(tokens: list[Token], position: int, open_lists: list[Token]) -> Block:
    opening, text = tokens[position - 1], _plain(tokens[position])
    if opening.type == "heading_open":
        return Heading(int(opening.tag[1]), text)
    item = tokens[position - 2]
    if not open_lists or item.type != "list_item_open":
        return Paragraph(text)
    marker = f"{item.info or 1}." if open_lists[-1].type == "ordered_list_open" else "-"
    return Item(text, len(open_lists) - 1, marker)


def _read_table(tokens: list[Token]) -> Table:
    rows: list[list[str]] = []
    for token in tokens:
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline":
            rows[-1].append(_plain(token))
    return Table(rows[0], rows[1:])


def _plain(inline: Token) -> str:
    """The words of inline Markdown as a reader sees them: no marks, no addresses, no pictures."""
    parts: list[str] = []
    for token in inline.children or []:
        if token.type in ("text", "code_inline", "text_special"):
            parts.append(token.content)
        elif token.type in ("softbreak", "hardbreak") or (
            token.type == "html_inline" and token.content.lower().startswith("<br")
        ):
            parts.append("\n")
    return "".join(parts)


def strip_tags(text: str) -> str:
    """Raw HTML as text: script and style gone, tags gone, entities read."""
    from html import unescape

    return unescape(_TAG.sub(" ", _HIDDEN.sub(" ", text)))
