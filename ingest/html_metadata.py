"""What an HTML page says about itself: JSON-LD first, then meta tags, then the line under its title.

trafilatura reads the many ways to write a date or a title that remain.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from html import unescape
from itertools import takewhile
from typing import Any

from lxml.html import HtmlElement

from ingest.draft import Draft, parse_date
from ingest.html_furniture import is_label
from ingest.markdown import one_line

MAX_NAME = 100  # characters of an author's name, or of several authors' names together
MAX_BYLINE = 150  # characters of the line that names author and date

_ARTICLE_TYPE = re.compile(r"(?:Article|Posting|Report|HowTo|Review)$")
_PAGE_TYPE = re.compile(r"Page$")
_AUTHOR_TAGS = (
    "author",
    "article:author",
    "dc.creator",
    "dcterms.creator",
    "citation_author",
    "parsely-author",
    "sailthru.author",
)
_BYLINE = re.compile(r"(?:written )?by\b:?\s*", re.IGNORECASE)
_BYLINE_PARTS = re.compile(
    r"\s*[|·•–—/,]\s*|\s+-\s+|\s+(?=on\b|published\b|posted\b|updated\b)|\s+(?:and|&)\s+", re.IGNORECASE
)
_PARTICLES = frozenset("al bin da de del della den der di dos du el la le van von y".split())


def read_metadata(tree: HtmlElement) -> Draft:
    """A draft without blocks: title, author, date, language and the address that a page claims, where it has them."""
    linked = _LinkedData(tree)
    byline = _find_byline(tree)
    found = _ask_trafilatura(tree)
    published = (
        linked.read_date("datePublished"),
        found.published,
        _find_date(byline),
        linked.read_date("dateModified"),
    )
    authors = (linked.read_authors(), _read_author_tags(tree), _read_names(byline), [found.author])
    return Draft(
        [],
        title=_choose_title(tree, found.title),
        author=next(filter(None, map(_join_names, authors)), ""),
        published=next(filter(_has_come, published), ""),
        language=_find_language(tree),
        url=_find_canonical(tree),
    )


class _LinkedData:
    """The schema.org data in a page's scripts, as far as it is about the page itself."""

    def __init__(self, tree: HtmlElement) -> None:
        things = list(_list_things(tree))
        self._named = {thing["@id"]: thing for thing in things if isinstance(thing.get("@id"), str) and len(thing) > 1}
        articles = [thing for thing in things if _is_of_type(thing, _ARTICLE_TYPE)]
        self._about = [*articles, *(thing for thing in things if _is_of_type(thing, _PAGE_TYPE))]

    def read_date(self, name: str) -> str:
        return next(filter(None, (parse_date(thing.get(name)) for thing in self._about)), "")

    def read_authors(self) -> list[str]:
        found = (self._list_names(thing.get("author") or thing.get("creator")) for thing in self._about)
        return next(filter(None, found), [])

    def _list_names(self, value: Any) -> list[str]:
        """The names of one author or several: texts, objects, or references to objects elsewhere in the page."""
        names = []
        for author in value if isinstance(value, list) else [value]:
            known = self._named.get(str(author.get("@id")), author) if isinstance(author, dict) else {"name": author}
            name = known.get("name")
            names.append(one_line(unescape(name)) if isinstance(name, str) else "")
        return [name for name in names if _is_name(name)]


def _list_things(tree: HtmlElement) -> Iterator[dict[str, Any]]:
    """Every object that stands for the page or a part of it, not those that it lists or links to."""
    stack: list[Any] = []
    for script in tree.iter("script"):
        if "ld+json" in (script.get("type") or "").lower():
            # Some systems wrap it in a comment. `strict=False`: line breaks within texts are common.
            text = re.sub(r"^\s*(?:<!--|//\s*<!\[CDATA\[)|(?:-->|//\s*\]\]>)\s*$", "", script.text or "")
            try:
                stack.append(json.loads(text, strict=False))
            except (ValueError, RecursionError):
                continue
    stack.reverse()
    while stack:
        value = stack.pop()
        if isinstance(value, list):
            stack.extend(reversed(value))
        elif isinstance(value, dict):
            yield value
            stack.extend(value[name] for name in ("mainEntity", "mainEntityOfPage", "@graph") if name in value)


def _is_of_type(thing: dict[str, Any], wanted: re.Pattern[str]) -> bool:
    types = thing.get("@type")
    return any(wanted.search(str(name)) for name in (types if isinstance(types, list) else [types]))


def _read_author_tags(tree: HtmlElement) -> list[str]:
    tags = [
        ((tag.get("name") or tag.get("property") or "").lower(), tag.get("content") or "") for tag in tree.iter("meta")
    ]
    for wanted in _AUTHOR_TAGS:
        names = [one_line(content) for name, content in tags if name == wanted and _is_name(one_line(content))]
        if names:
            return list(dict.fromkeys(names))
    return []


def _is_name(text: str) -> bool:
    return 0 < len(text) <= MAX_NAME and not re.search(r"https?:|www\.|@|[<>{}]", text)


def _join_names(names: list[str]) -> str:
    """The authors on one line; "Miller, Ada; Chen, Bo" where names hold commas."""
    joined = ("; " if any("," in name for name in names) else ", ").join(names)
    return joined if _is_name(joined) else ""


def _find_byline(tree: HtmlElement) -> str:
    """The first line that begins with "By" and a name; "" without one."""
    for element in tree.iter("p", "div", "span", "address", "li", "em", "i", "small", "strong", "b", "h2", "h3", "h4"):
        if not _BYLINE.match((element.text or "").lstrip()):
            continue
        holder = (
            element.getparent() if _BYLINE.fullmatch((element.text or "").strip()) and not len(element) else element
        )
        line = one_line(holder.text_content())
        if len(line) <= MAX_BYLINE and _read_names(line):
            return line
    return ""


def _read_names(byline: str) -> list[str]:
    """The names that a byline begins with; a sentence such as "By May, most had left" has none."""
    begin = _BYLINE.match(byline)
    parts = _BYLINE_PARTS.split(byline[begin.end() :]) if begin else []
    return list(takewhile(_looks_like_name, parts))


def _looks_like_name(text: str) -> bool:
    """True for two to five words in capitals or particles, without digits: "Ludwig van Beethoven"."""
    words = text.split()
    return 2 <= len(words) <= 5 and all(
        (word[0].isupper() or word in _PARTICLES) and not re.search(r"[\d:!?()]", word) for word in words
    )


def _find_date(byline: str) -> str:
    """The date somewhere in a byline."""
    starts = (place.start() for place in re.finditer(r"\b\w", byline))
    return next(filter(None, (parse_date(byline[start:]) for start in starts)), "")


def _has_come(published: str) -> bool:
    """True for a date that is not in the future; it is tomorrow already somewhere."""
    return bool(published) and date.fromisoformat(published) <= datetime.now(UTC).date() + timedelta(days=1)


def _find_canonical(tree: HtmlElement) -> str:
    """The address that a page calls its own, perhaps relative."""
    links = (link.get("href") for link in tree.iter("link") if "canonical" in (link.get("rel") or "").lower().split())
    tags = (tag.get("content") for tag in tree.iter("meta") if "og:url" in (tag.get("property"), tag.get("name")))
    return next((address.strip() for address in (*links, *tags) if address and address.strip()), "")


def _ask_trafilatura(tree: HtmlElement) -> Draft:
    from trafilatura import extract_metadata

    try:
        # Dates only from where a page states them: the extensive search takes any year in the text for the date.
        found = extract_metadata(copy.deepcopy(tree), date_config={"extensive_search": False, "original_date": True})
    except Exception:
        return Draft([])
    return Draft([], one_line(found.title or ""), one_line(found.author or ""), parse_date(found.date))


def _choose_title(tree: HtmlElement, found: str) -> str:
    """The only <h1>, else what trafilatura found, else <title> without the site's name."""
    headings = [one_line(heading.text_content()) for heading in tree.iter("h1")]
    headings = [heading for heading in dict.fromkeys(headings) if heading and not is_label(heading)]
    named = one_line(tree.findtext(".//head/title") or tree.findtext(".//title") or "")
    if len(headings) == 1 and len(headings[0]) <= 200:
        # A lone <h1> may be the site's logo; then <title> begins with something else and ends with it.
        is_logo = re.search(r"[|–—·:»-]\s*" + re.escape(headings[0]) + r"\s*$", named)
        if not (is_logo and found and found != headings[0]):
            return headings[0]
    return found or _cut_site_name(named)


def _cut_site_name(title: str) -> str:
    parts = re.split(r"\s+[|–—·»-]\s+|\s*\|\s*|\s*:: ?\s*", title)
    return parts[0] if len(parts[0].split()) >= 2 else title


def _find_language(tree: HtmlElement) -> str:
    root = tree.getroottree().getroot()
    declared = root.get("lang") or root.get("{http://www.w3.org/XML/1998/namespace}lang") or root.get("xml:lang") or ""
    found = re.match(r"([A-Za-z]{2,3})(?:[-_]|$)", declared.strip())
    return found[1].lower() if found else ""
