"""HTML -> Draft. trafilatura finds the article; its blocks are rendered by ourselves.

Measured on 54 government pages: trafilatura's own text stops after the first <article> and keeps a third of
the sentences, drops headed tables and charts, and keeps help pop-ups. So it only says where the article is.
"""

from __future__ import annotations

import copy

from lxml.html import HtmlElement

from ingest.draft import Draft
from ingest.html_blocks import flatten_deep, render_blocks
from ingest.html_furniture import is_label, measure_prose, opens_furniture, remove_furniture
from ingest.html_metadata import read_metadata
from ingest.markdown import Block, Heading, Item, Paragraph, Table, one_line

TRUSTED_SHARE = 0.6  # of the page's prose: when trafilatura accepts that much, what it left out is taken for furniture
MAX_ELEMENTS = 30_000  # beyond, trafilatura takes longer than all else together; the page is judged by its prose alone
REGION_SHARE = 0.9  # of the trusted prose that the chosen region must hold


def read_html(text: str) -> Draft:
    """The article of an HTML page; a draft without blocks when nothing can be read."""
    tree = _parse(text)
    body = tree.find(".//body") if tree is not None else None
    if tree is None or body is None:
        return Draft([])
    flatten_deep(body)
    about = read_metadata(tree)
    remove_furniture(body)
    region = _find_region(tree, body)
    blocks = _drop_furniture_blocks(render_blocks(region))
    headings = [block for block in blocks if isinstance(block, Heading)]
    top = [heading.text for heading in headings if heading.level == 1]
    # The article's own <h1>; outside of it stand those of the site and of dialogs.
    title = top[0] if len(top) == 1 else about.title or next((heading.text for heading in headings), "")
    return Draft(_drop_title(blocks, title), title, about.author, about.published, about.language, about.url)


def _parse(text: str) -> HtmlElement | None:
    from lxml.etree import LxmlError, ParserError
    from lxml.html import HTMLParser, document_fromstring

    try:
        # As bytes, since lxml refuses a text that declares its encoding. `huge_tree`: 2,048 levels, not 256.
        parser = HTMLParser(encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True)
        return document_fromstring(text.encode("utf-8", "replace"), parser=parser)
    except (LxmlError, ParserError, ValueError):
        return None


def _find_region(tree: HtmlElement, body: HtmlElement) -> HtmlElement:
    """The smallest element that holds the article's prose, by trafilatura's judgement where that is not too narrow."""
    accepted = _find_accepted(tree)
    weights = _weigh(body, accepted)
    if weights.get(body, 0) < TRUSTED_SHARE * measure_prose(body):
        weights = _weigh(body, None)
    goal = REGION_SHARE * weights.get(body, 0)
    region = body
    while goal:
        deeper = next((child for child in region if weights.get(child, 0) >= goal), None)
        if deeper is None or deeper.tag in (
            "p",
            "td",
            "th",
            "li",
            "ul",
            "ol",
            "dl",
            "tr",
            "tbody",
            "table",
            "blockquote",
            "pre",
        ):
            break
        region = deeper
    return region


def _find_accepted(tree: HtmlElement) -> str:
    """Every text that trafilatura takes for the article, on one line."""
    from trafilatura import bare_extraction

    if sum(1 for _ in tree.iter()) > MAX_ELEMENTS:
        return ""
    try:
        # `fast` leaves out two rival extractors: on the 54 pages the region came out the same.
        document = bare_extraction(copy.deepcopy(tree), include_comments=False, favor_recall=True, fast=True)
    except Exception:
        return ""
    return one_line(getattr(document, "text", None) or "")


def _weigh(body: HtmlElement, accepted: str | None) -> dict[HtmlElement, int]:
    """Characters of prose in each element, inner ones included; only of accepted prose unless that is None."""
    weights: dict[HtmlElement, int] = {}
    for element in body.iter():
        own = [element.text or ""] if element.tag != "a" else []
        own += [child.tail or "" for child in element]
        pieces = [piece for piece in map(one_line, own) if len(piece) >= 25 and " " in piece]
        weight = sum(len(piece) for piece in pieces if accepted is None or piece in accepted)
        node = element if weight else None
        while node is not None:
            weights[node] = weights.get(node, 0) + weight
            node = None if node is body else node.getparent()
    return weights


def _drop_furniture_blocks(blocks: list[Block]) -> list[Block]:
    """Without labels such as "Share this:", sections such as "Related posts", and headings over nothing."""
    kept: list[Block] = []
    closed = 0  # level of the furniture heading we are under
    for block in blocks:
        if isinstance(block, Heading):
            if closed and block.level > closed:
                continue
            closed = block.level if opens_furniture(block.text) else 0
        if closed or (isinstance(block, Heading | Paragraph | Item) and is_label(one_line(block.text))):
            continue
        kept.append(block)
    return _drop_repeats(kept)


def _drop_repeats(blocks: list[Block]) -> list[Block]:
    """Without a block that only repeats the one right before it, as a pull quote or a caption does."""
    return [block for index, block in enumerate(blocks) if index == 0 or block != blocks[index - 1]]


def _drop_title(blocks: list[Block], title: str) -> list[Block]:
    """Without the first heading or line when it is the title; what stands above the title is not the article."""
    wanted = one_line(title).casefold()
    for index, block in enumerate(blocks[:12]):
        if isinstance(block, Table):
            break
        if isinstance(block, Heading | Paragraph) and one_line(block.text).casefold() == wanted:
            above = [other for other in blocks[:index] if isinstance(other, Paragraph) and len(other.text) > 80]
            return [*above, *blocks[index + 1 :]]
    return blocks
