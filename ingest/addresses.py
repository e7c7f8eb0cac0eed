"""Which web addresses may be fetched, and under which name one is known: decided from the text, nothing is asked.

One parser, httpx's, reads every address; what is checked is what is connected to.
"""

from __future__ import annotations

import ipaddress
import re

import httpx

from ingest.errors import SourceRefused

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

# No article stands on these: the ranges of Microsoft's AntiSSRF (config/IPAddressRanges.json, recommendedV1, commit
# 4b0d5c3), which follow the IANA special-purpose registries and add Azure's platform address, and ::/96, IPv4 written
# as IPv6. `is_global` alone lets 168.63.129.16, 2002::/16, fec0::/10 and most of 192.x through (Python 3.11).
_NOT_PUBLIC = tuple(
    ipaddress.ip_network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24"),
        *("192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4"),
        *("240.0.0.0/4", "::1/128", "::/128", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "100:0:0:1::/64"),
        *("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20", "5f00::/16", "fc00::/7"),
        *("fe80::/10", "fec0::/10", "ff00::/8", "::/96"),
    )
)
_PORTS = {"http": 80, "https": 443}
_HOST_NAME = re.compile(r"[a-z0-9._-]{1,253}")
# The last part of a name is a number, decimal or hexadecimal: an IPv4 address, whatever stands before it (WHATWG URL).
_ENDS_IN_NUMBER = re.compile(r"(?:^|\.)(?:\d+|0x[0-9a-f]*)\.?$")

# What names a click, a campaign or a reader and never a page: utm_* (Google Analytics), and the parameters of ad and
# mail services that Firefox, Brave and AdGuard take off ("query stripping"). None is a word that a site could mean
# something by, such as "ref" or "source".
_TRACKING = re.compile(
    r"utm_\w+|fbclid|gclid|gclsrc|gbraid|wbraid|dclid|srsltid|msclkid|yclid|ysclid|twclid|ttclid|igshid|li_fat_id|"
    r"mc_cid|mc_eid|_hsenc|_hsmi|__hssc|__hstc|__hsfp|hsctatracking|mkt_tok|ml_subscriber|ml_subscriber_hash|"
    r"oly_anon_id|oly_enc_id|vero_id|vero_conv|s_kwcid|_openstat|rb_clickid|wickedid",
    re.IGNORECASE,
)


def is_web_address(source: str) -> bool:
    return source[:5].lower() == "http:" or source[:6].lower() == "https:"


def parse_address(address: str, source: str) -> httpx.URL:
    """An http(s) address that may be fetched if its host turns out to be public, without its fragment.

    Raises SourceRefused, which names `source`, the address that led here.
    """
    try:
        url = httpx.URL(address)
        host = url.raw_host.decode("ascii")
    except (httpx.InvalidURL, ValueError, TypeError) as error:
        raise SourceRefused(f"{show(source)}: not a usable address ({show(str(error))}). Check it.") from error
    if url.scheme not in _PORTS:
        scheme = url.scheme or "relative"
        raise SourceRefused(
            f"{show(source)}: leads to a {show(scheme)} address; only http and https are read. Check the address."
        )
    if url.userinfo:
        raise SourceRefused(f"{show(source)}: holds a user name or password. Leave out the part before the @.")
    if not host:
        raise SourceRefused(f"{show(source)}: names no host. Check the address.")
    if not _is_plain(host) or (url.port or 1) > 65_535:
        raise SourceRefused(f"{show(source)}: {show(host)} is not a plain host name or address. Check it.")
    port = None if url.port == _PORTS[url.scheme] else url.port
    return url.copy_with(fragment=None, port=port)


def _is_plain(host: str) -> bool:
    """False for a host that another parser could read as another one: 0x7f.1, 2130706433, 127.0.0.1., a%00b."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return _HOST_NAME.fullmatch(host) is not None and not _ENDS_IN_NUMBER.search(host)
    return "%" not in host  # a zone belongs to this machine


def name_address(address: str) -> str:
    """An address as the same page is always named: no fragment, no tracking parameters, no default port.

    Scheme and host are in lower case, and all else stays as it is written. Raises SourceRefused.
    """
    url = parse_address(address, address)
    kept = [part for part in url.query.decode("ascii").split("&") if not _TRACKING.fullmatch(part.partition("=")[0])]
    return str(url.copy_with(query="&".join(kept).encode("ascii") if any(kept) else None))


def is_public(address: IPAddress) -> bool:
    """True for an address on the public internet, looking through IPv4 addresses mapped into IPv6."""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return is_public(address.ipv4_mapped)
    return address.is_global and not any(address in network for network in _NOT_PUBLIC)


def show(text: str) -> str:
    """What somebody else wrote, as a message may show it: one short printable line."""
    line = "".join(character if character.isprintable() else "?" for character in text)
    return line if len(line) <= 200 else f"{line[:200]}…"
