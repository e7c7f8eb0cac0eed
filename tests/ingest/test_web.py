"""How pages are asked for: who asks, how often, how long, and what becomes of redirects, refusals and bombs."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler

import pytest

from ingest.article import Unmodified, Validators
from ingest.connection import Network
from ingest.errors import ArticleUnreachable, SourceError, SourceRefused, SourceUnreadable
from ingest.fetch import Fetcher
from tests.ingest.site import (
    HTML_PAGE,
    Answer,
    Site,
    drip,
    drip_headers,
    fetch,
    loopback,
    make_settings,
    open_site,
    send,
)


@pytest.fixture
def site() -> Iterator[Site]:
    with open_site() as site:
        yield site


# --- one request


def test_a_request_says_who_asks_and_carries_no_cookie(site: Site) -> None:
    site.answers = {"/a": send(302, b"", Location="/b", Set_Cookie="id=1"), "/b": send()}
    fetch(site.url("/a"))
    headers = site.requests[-1][1]
    assert headers["user-agent"].startswith("career-assistant/")
    assert "application/pdf" in headers["accept"]
    assert headers["host"] == f"articles.test:{site.port}"
    assert not {"cookie", "referer", "authorization"} & set(headers)


def test_a_proxy_named_in_the_environment_is_not_used(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    site.answers = {"/": send()}
    assert fetch(site.url("/")).content == HTML_PAGE


def test_a_refused_connection_is_named_in_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"http://articles.test:{closed.getsockname()[1]}/"
    with pytest.raises(ArticleUnreachable, match=r"/: Connection refused\. Check the address"):
        fetch(address)


def test_an_unknown_host_is_unreachable() -> None:
    def resolve(host: str, port: int) -> list[str]:
        raise OSError("Name or service not known")

    with pytest.raises(ArticleUnreachable, match="cannot be found"):
        fetch("http://nowhere.test/", loopback(resolve=resolve))


@pytest.mark.parametrize("status", [204, 206, 304, 404, 500])
def test_an_answer_that_is_no_page_is_told(site: Site, status: int) -> None:
    site.answers = {"/": send(status)}
    with pytest.raises(ArticleUnreachable, match=rf"the server answered {status} [A-Z]"):
        fetch(site.url("/"))


def test_half_a_page_is_none(site: Site) -> None:
    site.answers = {"/": send(body=b"<html>Half", Content_Length="500")}
    with pytest.raises(ArticleUnreachable, match=r"^http://articles\.test:\d+/: peer closed connection"):
        fetch(site.url("/"))


@pytest.mark.parametrize(
    "said",
    [
        *(b"", b"SSH-2.0-server\r\n", b"HTTP/1.1 999 \r\n\r\n", b"HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n"),
        *(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000, b"HTTP/1.1 302 Found\r\nLocation: http://\xff\xfe/\r\n\r\n"),
        *(b"HTTP/1.1 100 Continue\r\n\r\n" * 5_000, b"HTTP/1.1 302 Found\r\nLocation: \r\n\r\n"),
        *(
            b"HTTP/1.1 429 X\r\nRetry-After: " + b"9" * 5_000 + b"\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        ),
        *(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Type: \xa0\r\n\r\n",
        ),
    ],
)
def test_whatever_a_server_says_is_refused_in_one_line(site: Site, said: bytes) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        with suppress(OSError):
            handler.wfile.write(said)

    site.answers = {"/": answer}
    with pytest.raises(SourceError) as raised:
        fetch(site.url("/"), loopback(sleep=lambda seconds: None))
    assert str(raised.value).isprintable()
    assert str(raised.value).startswith(f"{site.url('/')}: ")


# --- sizes


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip"])
def test_compressed_content_is_opened(site: Site, encoding: str) -> None:
    site.answers = {"/": send(body=gzip.compress(HTML_PAGE), Content_Encoding=encoding)}
    assert fetch(site.url("/")).content == HTML_PAGE


def test_a_compressed_bomb_is_stopped_at_the_size_limit(site: Site) -> None:
    site.answers = {"/": send(body=gzip.compress(b"a" * 50_000_000), Content_Encoding="gzip")}
    with pytest.raises(SourceUnreadable, match="CAREER_FETCH_MAX_BYTES"):
        fetch(site.url("/"))


@pytest.mark.parametrize(
    ("body", "encoding", "reason"),
    [
        (b"not compressed", "gzip", "damaged compressed data"),
        (gzip.compress(HTML_PAGE)[:-12], "gzip", "damaged compressed data"),
        (b"", "gzip", "damaged compressed data"),
        (b"", "br\xa0x", r"insists on br\?x compression"),
    ],
)
def test_content_that_cannot_be_opened_is_reported(site: Site, body: bytes, encoding: str, reason: str) -> None:
    site.answers = {"/": send(body=body, Content_Encoding=encoding)}
    with pytest.raises(SourceError, match=reason):
        fetch(site.url("/"))


@pytest.mark.parametrize("declared", ["", "10000001"])
def test_ten_megabytes_are_read_and_not_one_byte_more(site: Site, declared: str) -> None:
    page = b"<html>".ljust(10_000_000, b"a")
    site.answers = {"/most": send(body=page), "/more": send(body=page + b"a")}
    if declared:
        site.answers["/more"] = send(body=page + b"a", Content_Length=declared)
    assert len(fetch(site.url("/most"), fetch_max_bytes=10_000_000).content) == 10_000_000
    with pytest.raises(SourceUnreadable, match="larger than 10,000,000 bytes"):
        fetch(site.url("/more"), fetch_max_bytes=10_000_000)


# --- time


@pytest.mark.parametrize("answer", [drip, drip_headers])
@pytest.mark.parametrize("path", ["/", "/robots.txt"])
def test_a_dripping_server_is_left_when_the_time_is_over(site: Site, answer: Answer, path: str) -> None:
    site.answers = {path: answer}
    begun = time.monotonic()
    with pytest.raises(ArticleUnreachable, match=r"timed out after 0\.5 s.*CAREER_FETCH_TIMEOUT"):
        fetch(site.url("/"), fetch_timeout=0.5, robots=path == "/robots.txt")
    assert 0.4 < time.monotonic() - begun < 2


def test_the_time_is_for_all_redirects_together(site: Site) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(0.2)
        send(302, b"", Location=handler.path + "x")(handler)

    site.answers = {f"/{'x' * number}": answer for number in range(6)}
    with pytest.raises(ArticleUnreachable, match="timed out"):
        fetch(site.url("/"), fetch_timeout=0.5)
    assert len(site.requests) <= 3


def test_a_look_up_that_never_ends_is_left_when_the_time_is_over() -> None:
    released = threading.Event()

    def resolve(host: str, port: int) -> list[str]:
        released.wait(10)
        return ["127.0.0.1"]

    with pytest.raises(ArticleUnreachable, match="timed out"):
        fetch("http://slow.test/", loopback(resolve=resolve), fetch_timeout=0.3)
    released.set()


# --- redirects and addresses


def test_a_page_is_known_by_the_address_asked_for_and_cited_by_the_one_it_has(site: Site) -> None:
    site.answers = {"/old?id=1": send(302, b"", Location="/new?utm_source=x#part"), "/new?utm_source=x": send()}
    page = fetch(site.url("/old?id=1&fbclid=2"))
    assert (page.source, page.url) == (site.url("/old?id=1"), site.url("/new"))


@pytest.mark.parametrize(
    "target",
    [
        *("http://private.test/", "http://127.0.0.2/", "//10.0.0.1/", "http://[::1]/", "file:///etc/passwd"),
        *("http://user@articles.test/", "gopher://127.0.0.1/", "http://2130706433/", "http://["),
    ],
)
def test_a_redirect_to_a_forbidden_address_is_refused(site: Site, target: str) -> None:
    site.answers = {"/": send(301, b"", Location=target)}
    with pytest.raises(SourceRefused, match=rf"^{site.url('/')}: "):
        fetch(site.url("/"))


def test_a_sixth_redirect_is_not_followed(site: Site) -> None:
    site.answers = {f"/{number}": send(302, b"", Location=f"/{number + 1}") for number in range(9)}
    with pytest.raises(ArticleUnreachable, match="more than 5 redirects"):
        fetch(site.url("/0"))
    assert len(site.requests) == 6


def test_a_redirect_to_itself_comes_to_an_end(site: Site) -> None:
    site.answers = {"/": send(302, b"", Location="/")}
    with pytest.raises(ArticleUnreachable, match="more than 5 redirects"):
        fetch(site.url("/"))


def test_one_forbidden_address_among_several_refuses_the_host(site: Site) -> None:
    with pytest.raises(SourceRefused, match=r": mixed\.test \(10\.0\.0\.1\) is not a public address"):
        fetch(site.url("/", host="mixed.test"))
    assert site.requests == []


def test_a_host_is_looked_up_once_for_a_connection_so_that_its_answer_cannot_change(site: Site) -> None:
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])
    site.answers = {"/": send()}
    assert fetch(site.url("/"), loopback(resolve=lambda host, port: next(answers))).content == HTML_PAGE


# --- hosts of one's own network


def refuse_all(**changes: object) -> Network:
    return loopback(allows=lambda address: False, **changes)


def test_an_allowed_host_may_have_a_private_address(site: Site) -> None:
    site.answers = {"/": send()}
    assert fetch(site.url("/"), refuse_all(), allowed_hosts="wiki.example, ARTICLES.test").content == HTML_PAGE


@pytest.mark.parametrize("host", ["other.test", "127.0.0.1", "sub.articles.test", "articles.test.other.test"])
def test_an_allowed_host_opens_no_other(site: Site, host: str) -> None:
    network = refuse_all(resolve=lambda host, port: ["127.0.0.1"])
    site.answers = {"/": send(302, b"", Location=site.url("/there", host=host)), "/there": send()}
    for address in (site.url("/", host=host), site.url("/")):  # asked for, and redirected to
        with pytest.raises(SourceRefused, match="is not a public address"):
            fetch(address, network, allowed_hosts="articles.test")
    assert site.paths == ["/"]


@pytest.mark.parametrize("hosts", ["http://intranet", "intranet:8000", "intranet/wiki", "a b"])
def test_an_allowed_host_that_is_no_name_is_refused(hosts: str) -> None:
    with pytest.raises(ValueError, match="is no host name"):
        make_settings(allowed_hosts=hosts)


# --- manners


class Waits:
    """What was waited, in seconds, without waiting."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.seconds.append(round(seconds, 1))

    def network(self) -> Network:
        return loopback(sleep=self.sleep)


def test_one_host_is_left_alone_for_a_while_after_each_request(site: Site) -> None:
    site.answers = {"/a": send(), "/b": send()}
    waits = Waits()
    fetcher = Fetcher(make_settings(fetch_delay=7), waits.network())
    fetcher.fetch_page(site.url("/a"))
    assert waits.seconds == []
    fetcher.fetch_page(site.url("/a", host="other.test"))
    assert waits.seconds == []
    fetcher.fetch_page(site.url("/b"))
    assert waits.seconds == pytest.approx([7], abs=0.3)


def test_waiting_of_ours_is_not_taken_from_the_time_of_the_server(site: Site) -> None:
    site.answers = {"/a": send(302, b"", Location="/b"), "/b": send()}
    assert fetch(site.url("/a"), fetch_delay=0.6, fetch_timeout=0.5).content == HTML_PAGE


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_host_is_asked_again_and_ever_later(site: Site, status: int) -> None:
    site.answers = {"/": [send(status), send(status), send(status), send()]}
    waits = Waits()
    assert fetch(site.url("/"), waits.network()).content == HTML_PAGE
    assert waits.seconds == pytest.approx([1, 2, 4], abs=0.3)


def test_a_busy_host_is_asked_again_when_it_says(site: Site) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True)
    site.answers = {"/": [send(429, Retry_After="5"), send(503, Retry_After=date), send(503, Retry_After="?"), send()]}
    waits = Waits()
    fetch(site.url("/"), waits.network())
    assert waits.seconds == pytest.approx([5, 19.5, 4], abs=1)


@pytest.mark.parametrize(("asked", "requests"), [("", 4), ("3600", 1), ("40", 2)])
def test_a_host_that_stays_busy_is_left_alone(site: Site, asked: str, requests: int) -> None:
    site.answers = {"/": send(503, Retry_After=asked), "/b": send()}
    waits = Waits()
    fetcher = Fetcher(make_settings(), waits.network())
    with pytest.raises(ArticleUnreachable, match=r"articles\.test is busy and wants to be left alone for \d+ s"):
        fetcher.fetch_page(site.url("/"))
    assert len(site.requests) == requests
    assert sum(waits.seconds) <= 60
    if asked != "40":  # a next source has patience of its own, but not for hours
        with pytest.raises(ArticleUnreachable, match="is busy"):
            fetcher.fetch_page(site.url("/b"))
        assert len(site.requests) == requests


# --- robots.txt


def robots(text: str) -> Answer:
    return send(body=text.encode(), Content_Type="text/plain")


def test_robots_txt_is_read_once_and_kept_to(site: Site) -> None:
    site.answers = {"/robots.txt": robots("User-agent: *\nDisallow: /no"), "/yes": send(), "/no": send()}
    fetcher = Fetcher(make_settings(robots=True), loopback())
    fetcher.fetch_page(site.url("/yes"))
    with pytest.raises(SourceRefused, match=r"/robots\.txt asks programs to leave .* CAREER_ROBOTS=false"):
        fetcher.fetch_page(site.url("/no"))
    assert site.paths == ["/robots.txt", "/yes"]


def test_robots_txt_is_not_asked_for_where_it_does_not_count(site: Site) -> None:
    site.answers = {"/robots.txt": robots("User-agent: *\nDisallow: /"), "/no": send()}
    fetch(site.url("/no"), robots=False)
    assert site.paths == ["/no"]


def test_a_redirect_to_what_robots_txt_forbids_is_not_followed(site: Site) -> None:
    site.answers = {
        "/robots.txt": robots("User-agent: *\nDisallow: /no"),
        "/": send(302, b"", Location=site.url("/no", host="other.test")),
    }
    with pytest.raises(SourceRefused, match=r"http://other\.test:\d+/robots\.txt asks"):
        fetch(site.url("/"), robots=True)
    assert site.paths == ["/robots.txt", "/", "/robots.txt"]


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_without_a_robots_txt_everything_is_allowed(site: Site, status: int) -> None:
    site.answers = {"/robots.txt": send(status), "/": send()}
    assert fetch(site.url("/"), robots=True).content == HTML_PAGE


def test_while_robots_txt_cannot_be_read_nothing_is(site: Site) -> None:
    site.answers = {"/robots.txt": send(500), "/": send(), "/b": send()}
    fetcher = Fetcher(make_settings(robots=True), loopback())
    for path in ("/", "/b"):
        with pytest.raises(ArticleUnreachable, match=r"robots\.txt cannot be read \(.* 500 .*RFC 9309"):
            fetcher.fetch_page(site.url(path))
    assert site.paths == ["/robots.txt"]


def test_a_host_that_does_not_answer_holds_up_one_source_only(site: Site) -> None:
    site.answers = {"/robots.txt": drip_headers}
    fetcher = Fetcher(make_settings(robots=True, fetch_timeout=0.3), loopback())
    for reason in ("timed out", "did not answer before"):
        with pytest.raises(ArticleUnreachable, match=reason):
            fetcher.fetch_page(site.url("/"))
    assert site.paths == ["/robots.txt"]


def test_robots_txt_may_be_somewhere_else(site: Site) -> None:
    site.answers = {
        "/robots.txt": send(301, b"", Location="/rules"),
        "/rules": robots("User-agent: *\nDisallow: /no"),
    }
    with pytest.raises(SourceRefused, match="asks programs"):
        fetch(site.url("/no"), robots=True)


def test_robots_txt_leads_to_no_private_address(site: Site) -> None:
    site.answers = {"/robots.txt": send(301, b"", Location="http://private.test/"), "/": send()}
    with pytest.raises(SourceRefused, match="not a public address"):
        fetch(site.url("/"), robots=True)


def test_a_robots_txt_without_end_is_read_in_part(site: Site) -> None:
    site.answers = {"/robots.txt": robots("User-agent: *\nDisallow: /no\n" + "# \n" * 1_000_000), "/": send()}
    assert fetch(site.url("/"), robots=True).content == HTML_PAGE
    with pytest.raises(SourceRefused):
        fetch(site.url("/no"), robots=True)


def test_a_crawl_delay_is_kept_within_bounds(site: Site) -> None:
    site.answers = {"/robots.txt": robots("User-agent: *\nCrawl-delay: 3"), "/": send()}
    waits = Waits()
    fetcher = Fetcher(make_settings(robots=True, fetch_delay=1), waits.network())
    for _ in range(2):
        fetcher.fetch_page(site.url("/"))
    assert waits.seconds == pytest.approx([3, 3], abs=0.3)


# --- pages that have not changed


DATE = "Wed, 25 Nov 2026 10:00:00 GMT"


def test_a_page_brings_what_its_server_gave_to_know_it_again(site: Site) -> None:
    site.answers = {"/": send(ETag='"1"', Last_Modified=DATE)}
    assert fetch(site.url("/")).validators == Validators('"1"', DATE)


def test_a_page_that_has_not_changed_is_not_sent_again(site: Site) -> None:
    site.answers = {"/": send(304, b"")}
    got = Fetcher(make_settings(), loopback()).fetch_page(site.url("/?utm_source=x"), Validators('"1"', DATE))
    assert got == Unmodified(site.url("/"))
    headers = site.requests[0][1]
    assert (headers["if-none-match"], headers["if-modified-since"]) == ('"1"', DATE)


def test_behind_a_redirect_a_date_says_nothing(site: Site) -> None:
    site.answers = {"/": send(302, b"", Location="/b"), "/b": send()}
    Fetcher(make_settings(), loopback()).fetch_page(site.url("/"), Validators('"1"', DATE))
    headers = site.requests[1][1]
    assert headers["if-none-match"] == '"1"'
    assert "if-modified-since" not in headers


def test_a_validator_that_would_break_the_request_is_not_sent(site: Site) -> None:
    site.answers = {"/": send()}
    Fetcher(make_settings(), loopback()).fetch_page(site.url("/"), Validators('"1"\r\nX: y', "ü"))
    assert not {"x", "if-none-match", "if-modified-since"} & set(site.requests[0][1])
