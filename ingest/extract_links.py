"""A feed or a sitemap -> the addresses it lists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from ingest.draft import DraftRefused
from ingest.unpack import parse_xml, unpack_gzip

if TYPE_CHECKING:
    from lxml.etree import _Element

_ROOTS = ("rss", "rdf", "feed", "urlset", "sitemapindex")
_ENTRIES = ("item", "entry", "url", "sitemap")
_XML_BASE = "{http://www.w3.org/XML/1998/namespace}base"
_RDF_ABOUT = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}about"


@dataclass(frozen=True)
class Links:
    """What a feed or a sitemap lists."""

    addresses: tuple[str, ...]  # absolute, http or https, in order, without repeats
    lead_to_lists: bool = False  # an index of sitemaps: each address is that of another list


def read_links(content: bytes, base: str = "") -> Links:
    """The addresses of a feed's entries or a sitemap's pages.

    RSS, RDF, Atom, sitemaps and lists of sitemaps, gzipped or not; of broken XML what can be read. Relative addresses
    are taken from `base`, the feed's own address, or from what the feed calls its site. Raises DraftRefused.
    """
    if content.startswith(b"\x1f\x8b"):
        content = unpack_gzip(content)
    root = parse_xml(content.lstrip(), recover=True)
    if _name_of(root) not in _ROOTS:
        raise DraftRefused("is neither a feed nor a sitemap. Give the address of a page, a feed or a sitemap.")
    base = base or _find_site(root)
    found = (_find_address(entry, base) for entry in root.iter() if _name_of(entry) in _ENTRIES)
    links = list(dict.fromkeys(filter(None, found)))
    if not links:
        raise DraftRefused("holds no links to articles. Give the address of an article or of a feed that lists some.")
    return Links(tuple(links), lead_to_lists=_name_of(root) == "sitemapindex")


def _name_of(element: _Element) -> str:
    """The element's name without namespace or prefix, in lower case; "" for what is no element."""
    return re.split("[}:]", element.tag)[-1].lower() if isinstance(element.tag, str) else ""


def _find_site(root: _Element) -> str:
    """The address that a feed gives for its site; "" without one."""
    about = next((child for child in root if _name_of(child) == "channel"), root)
    return _find_address(about, "")


def _find_address(entry: _Element, base: str) -> str:
    for link in _list_candidates(entry):
        try:
            address = urljoin(_find_base(entry, base), link)
            if urlsplit(address).scheme in ("http", "https") and urlsplit(address).hostname:
                return address
        except ValueError:  # a host in brackets that is no IPv6 address
            continue
    return ""


def _find_base(entry: _Element, base: str) -> str:
    """What addresses in an entry are relative to: each xml:base on the way down may change it."""
    for holder in (*reversed(list(entry.iterancestors())), entry):
        base = urljoin(base, (holder.get(_XML_BASE) or "").strip())
    return base


def _list_candidates(holder: _Element) -> Iterator[str]:
    """What may be the address of an entry, the likeliest first."""
    children = [(_name_of(child), child) for child in holder]
    yield from (_text_of(child) for name, child in children if name == "loc" and _text_of(child))
    yield from (_text_of(child) for name, child in children if name == "link" and _text_of(child))
    alternates = [
        child
        for name, child in children
        if name == "link" and child.get("href", "").strip() and child.get("rel", "alternate").endswith("alternate")
    ]
    # An entry may link to itself in several formats.
    alternates.sort(key=lambda link: "html" not in link.get("type", "html"))
    yield from (link.get("href").strip() for link in alternates)
    for name, child in children:
        is_address = (name == "guid" and child.get("isPermaLink") != "false") or name == "id"
        if is_address and re.match(r"https?://", _text_of(child), re.IGNORECASE):
            yield _text_of(child)
    if about := holder.get(_RDF_ABOUT):
        yield about.strip()


def _text_of(element: _Element) -> str:
    return (element.text or "").strip()
