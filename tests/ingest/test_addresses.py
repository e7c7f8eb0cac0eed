"""Which addresses are on the internet, which can be read in one way only, and how one is named."""

from __future__ import annotations

import ipaddress

import pytest

from ingest.addresses import is_public, name_address, parse_address, show
from ingest.errors import SourceRefused


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("224.0.0.1", "255.255.255.255", "168.63.129.16", "192.0.0.128", "198.18.0.1", "203.0.113.9", "240.0.0.1"),
        *("::1", "::", "fe80::1", "fc00::1", "fec0::1", "ff02::1", "2001:db8::1", "::ffff:127.0.0.1"),
        *("::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::5db8:d822", "64:ff9b:1::1", "2002:7f00:1::1", "2001::1"),
        *("::127.0.0.1", "100::1", "100:0:0:1::1", "3fff::1", "5f00::1", "2620:4f:8000::1"),
    ],
)
def test_an_address_that_is_not_on_the_internet_is_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:93.184.216.34"])
def test_an_address_on_the_internet_is_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        *("ftp://example.com/a", "https://user:secret@example.com/", "http://user@example.com/", "http://"),
        *("http://[::1", "http://[fe80::1%25eth0]/", "http://exa mple/", "http:/a", "http://:80/"),
        *("http://example.com:65536/", "http://a%00b.example/", f"http://{'a.' * 200}example/"),
    ],
)
def test_an_address_that_cannot_be_fetched_is_refused(address: str) -> None:
    with pytest.raises(SourceRefused):
        parse_address(address, address)


@pytest.mark.parametrize(
    "host", ["2130706433", "0x7f.1", "0177.0.0.1", "127.1", "127.0.0.1.", "1.2.3.4.5", "a.0x1", "383.256.256.257", "0x"]
)
def test_a_number_that_is_no_plain_address_is_refused(host: str) -> None:
    with pytest.raises(SourceRefused, match=r"not a (?:plain host name|usable address)"):
        parse_address(f"http://{host}/", "x")


def test_a_refusal_names_the_address_that_led_here() -> None:
    with pytest.raises(SourceRefused, match=r"^https://a\.example/: leads to a file address"):
        parse_address("file:///etc/passwd", "https://a.example/")


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("HTTPS://Example.COM:443/Pay?b=2&a=1#part", "https://example.com/Pay?b=2&a=1"),
        ("HTTP://example.com:80/", "http://example.com/"),
        ("http://example.com:8080", "http://example.com:8080"),
        ("https://a.example/x?utm_source=mail&utm_medium=x&id=7", "https://a.example/x?id=7"),
        ("https://a.example/x?fbclid=1&GCLID=2&mc_cid=3", "https://a.example/x"),
        ("https://a.example/x?q=%20ü&&c=", "https://a.example/x?q=%20%C3%BC&&c="),
        ("https://a.example/x?ref=home&source=utm_source", "https://a.example/x?ref=home&source=utm_source"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
    ],
)
def test_the_same_page_has_one_name(address: str, name: str) -> None:
    assert name_address(address) == name
    assert name_address(name) == name


def test_what_others_wrote_is_shown_in_one_short_line() -> None:
    assert show("a\nb\x1b[31m") == "a?b?[31m"
    assert len(show("a" * 500)) == 201
