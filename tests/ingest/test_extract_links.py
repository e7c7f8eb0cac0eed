"""Feeds and sitemaps of every common kind give the addresses of their entries, in order."""

from __future__ import annotations

import gzip

import pytest

from ingest.draft import DraftRefused
from ingest.extract_links import read_links

BASE = "https://example.org/feeds/news.xml"
ONE, TWO = "https://example.org/one", "https://example.org/two"
SITEMAP = "http://www.sitemaps.org/schemas/sitemap/0.9"

RSS_2 = f"""<?xml version="1.0"?><rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom"><channel>
<title>News</title><link>https://example.org/</link><atom:link href="{BASE}" rel="self"/>
<item><title>One</title><link>{ONE}</link><guid>https://example.org/?p=1</guid></item>
<item><atom:link rel="self" href="https://example.org/no"/><link><![CDATA[ {TWO} ]]></link></item></channel></rss>"""

RSS_0_91 = f"""<!DOCTYPE rss PUBLIC "-//Netscape Communications//DTD RSS 0.91//EN" "http://example.com/rss-0.91.dtd">
<rss version="0.91"><channel><link>https://example.org/</link><item><link>{ONE}</link></item>
<item><link>{TWO}</link></item></channel></rss>"""

RDF = f"""<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/">
<channel rdf:about="https://example.org/"><link>https://example.org/</link></channel>
<item rdf:about="{ONE}?about"><link>{ONE}</link></item><item rdf:about="{TWO}"><title>Two</title></item></rdf:RDF>"""

ATOM = f"""<feed xmlns="http://www.w3.org/2005/Atom"><link href="https://example.org/"/><link rel="self" href="{BASE}"/>
<entry><link rel="replies" href="https://example.org/no"/><link rel="alternate" type="application/json" href="/1.json"/>
<link rel="alternate" type="text/html" href="{ONE}"/></entry><entry><link href="{TWO}"/></entry></feed>"""

URLSET = f"""<urlset xmlns="{SITEMAP}" xmlns:image="http://www.google.com/schemas/sitemap-image/1.1"
xmlns:xhtml="http://www.w3.org/1999/xhtml"><url><xhtml:link rel="alternate" hreflang="de" href="https://example.org/de"/>
<image:image><image:loc>https://example.org/a.png</image:loc></image:image><loc> {ONE} </loc></url>
<url><loc>{TWO}</loc><lastmod>2024-05-04</lastmod></url></urlset>"""

INDEX = f"""<sitemapindex xmlns="{SITEMAP}"><sitemap><loc>{ONE}</loc></sitemap>
<sitemap><loc>{TWO}</loc></sitemap></sitemapindex>"""


def read_addresses(content: bytes, base: str = "") -> list[str]:
    return list(read_links(content, base).addresses)


def rss(*items: str, head: str = "") -> bytes:
    return f"<rss><channel>{head}{''.join(f'<item>{inner}</item>' for inner in items)}</channel></rss>".encode()


@pytest.mark.parametrize("feed", [RSS_2, RSS_0_91, RDF, ATOM, URLSET, INDEX])
def test_every_kind_of_feed_gives_the_addresses_of_its_entries(feed: str) -> None:
    assert read_addresses(feed.encode(), BASE) == [ONE, TWO]


@pytest.mark.parametrize("feed", [RSS_2, URLSET])
def test_a_gzipped_feed_is_read(feed: str) -> None:
    assert read_addresses(gzip.compress(feed.encode()), BASE) == [ONE, TWO]


@pytest.mark.parametrize("encoding", ["utf-16", "windows-1251"])
def test_a_feed_in_another_encoding_is_read(encoding: str) -> None:
    text = f'<?xml version="1.0" encoding="{encoding}"?>' + rss(f"<title>Работа</title><link>{ONE}</link>").decode()
    assert read_addresses(text.encode(encoding)) == [ONE]


def test_relative_addresses_are_taken_from_the_feeds_own() -> None:
    assert read_addresses(rss("<link>/one</link>", "<link>two</link>"), BASE) == [ONE, "https://example.org/feeds/two"]


def test_relative_addresses_are_taken_from_the_site_when_the_feeds_own_is_unknown() -> None:
    assert read_addresses(rss("<link>one</link>", head="<link>https://example.org/</link>")) == [ONE]


def test_a_site_whose_address_is_broken_is_passed_over() -> None:
    assert read_addresses(rss("<link>one</link>", f"<link>{TWO}</link>", head="<link>http://[</link>")) == [TWO]


def test_xml_base_changes_what_addresses_are_relative_to() -> None:
    feed = '<feed xml:base="https://example.org/"><entry xml:base="a/"><link href="one"/></entry></feed>'
    assert read_addresses(feed.encode(), "https://other.example.com/") == ["https://example.org/a/one"]


def test_addresses_come_once_and_in_order() -> None:
    assert read_addresses(rss(*(f"<link>{link}</link>" for link in (TWO, ONE, TWO)))) == [TWO, ONE]


def test_a_guid_is_an_address_unless_it_says_otherwise() -> None:
    feed = rss(f"<guid>{ONE}</guid>", f'<guid isPermaLink="false">{TWO}</guid>', "<guid>tag:1</guid>")
    assert read_addresses(feed) == [ONE]


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", "file:///etc/passwd", "ftp://example.org/", "http://[", "http://"]
)
def test_only_web_addresses_are_given(link: str) -> None:
    assert read_addresses(rss(f"<link>{link}</link>", f"<link>{ONE}</link>")) == [ONE]


def test_a_broken_feed_gives_what_can_be_read() -> None:
    broken = (
        f"\n<rss><channel><item><title>Pay & more&nbsp;</title><link>{ONE}</link></item><item><link>{TWO}</link><titl"
    )
    assert read_addresses(broken.encode()) == [ONE, TWO]


@pytest.mark.parametrize("feed", [rss(), b"<feed/>", b"<urlset></urlset>", rss("<title>No link</title>")])
def test_a_feed_without_entries_says_so(feed: bytes) -> None:
    with pytest.raises(DraftRefused, match="holds no links"):
        read_addresses(feed)


@pytest.mark.parametrize("content", [b"<html><body>Text</body></html>", b"<opml/>"])
def test_what_is_no_feed_says_so(content: bytes) -> None:
    with pytest.raises(DraftRefused, match="neither a feed nor a sitemap"):
        read_addresses(content)


@pytest.mark.parametrize("content", [b"", b"text", b"\x00" * 99, b"\xff\xfe"])
def test_dirt_is_never_more_than_a_refusal(content: bytes) -> None:
    with pytest.raises(DraftRefused):
        read_addresses(content)


def test_a_feed_that_declares_entities_is_refused() -> None:
    feed = f'<!DOCTYPE rss [<!ENTITY a SYSTEM "file:///etc/hostname">]><rss><item><link>{ONE}&a;</link></item></rss>'
    with pytest.raises(DraftRefused, match="declares XML entities"):
        read_addresses(feed.encode())


def test_ten_thousand_nested_elements_are_survived() -> None:
    assert read_addresses(b"<rss><item><link>" + ONE.encode() + b"</link></item>" + b"<item>" * 10_000) == [ONE]


def test_a_sitemap_of_fifty_thousand_pages_is_read() -> None:
    pages = "".join(
        f"<url><loc>https://example.org/{number}</loc><lastmod>2024-05-04</lastmod><priority>0.5</priority></url>"
        for number in range(50_000)  # as many as the sitemap protocol allows
    )
    assert len(read_addresses(f"<urlset>{pages}</urlset>".encode())) == 50_000


def test_an_index_of_sitemaps_leads_to_lists_and_nothing_else_does() -> None:
    assert read_links(INDEX.encode()).lead_to_lists
    assert not any(read_links(feed.encode(), BASE).lead_to_lists for feed in (RSS_2, RDF, ATOM, URLSET))
