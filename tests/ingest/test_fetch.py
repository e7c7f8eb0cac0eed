"""Files and URLs become pages; whatever must not be read is refused in one line."""

from __future__ import annotations

import gzip
import ipaddress
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ingest.download import Network, is_public
from ingest.errors import ArticleUnreachable, SourceError, SourceMissing, SourceRefused, SourceUnreadable
from ingest.fetch import fetch_page, list_sources
from ingest.settings import IngestSettings

Answer = Callable[[BaseHTTPRequestHandler], None]
HTML = b"<!doctype html><html><body><p>An article.</p></body></html>"


@pytest.fixture
def settings() -> IngestSettings:
    return IngestSettings(fetch_timeout=5, fetch_max_bytes=100_000)


# --- files


@pytest.mark.parametrize(
    ("name", "content", "media_type"),
    [
        ("a.md", b"# Title\n\nText.", "text/markdown"),
        ("a.txt", b"Title\n\nText.", "text/plain"),
        ("a.html", HTML, "text/html"),
        ("a.txt", HTML, "text/html"),
        ("a.html", b"Only words, saved under the wrong name.", "text/plain"),
        ("a.txt", b"# Title\n\nText.\n\n## Part\n\nMore.", "text/markdown"),
        ("a.md", b"<p>Markdown may begin with a tag.</p>\n\n# Title", "text/markdown"),
        ("a.htm", b"<p>A piece of a page.", "text/html"),
        ("README", b"Text without a suffix.", "text/plain"),
    ],
)
def test_the_kind_of_a_file_is_read_from_its_content_first(
    tmp_path: Path, settings: IngestSettings, name: str, content: bytes, media_type: str
) -> None:
    (tmp_path / name).write_bytes(content)
    assert fetch_page(str(tmp_path / name), settings).media_type == media_type


def test_a_file_page_is_keyed_by_its_absolute_path(
    tmp_path: Path, settings: IngestSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.md").write_text("Text.")
    monkeypatch.chdir(tmp_path)
    page = fetch_page("a.md", settings)
    assert (page.source, page.url) == (str((tmp_path / "a.md").resolve()), "")


def test_a_missing_file_is_named(settings: IngestSettings) -> None:
    with pytest.raises(SourceMissing, match=r"no-such-file\.md: no such file"):
        fetch_page("no-such-file.md", settings)


@pytest.mark.parametrize("source", ["", "  "])
def test_an_empty_source_is_not_the_working_folder(settings: IngestSettings, source: str) -> None:
    with pytest.raises(SourceMissing, match="a source is empty"):
        list_sources(source)
    with pytest.raises(SourceMissing, match="a source is empty"):
        fetch_page(source, settings)


def test_a_path_with_a_nul_is_missing(settings: IngestSettings) -> None:
    with pytest.raises(SourceError):
        fetch_page("a\0b.md", settings)


def test_a_folder_is_no_page(tmp_path: Path, settings: IngestSettings) -> None:
    with pytest.raises(SourceUnreadable, match="is a folder"):
        fetch_page(str(tmp_path), settings)


@pytest.mark.parametrize("content", [b"", b" \n\t"])
def test_an_empty_file_is_refused(tmp_path: Path, settings: IngestSettings, content: bytes) -> None:
    (tmp_path / "a.md").write_bytes(content)
    with pytest.raises(SourceUnreadable, match="is empty"):
        fetch_page(str(tmp_path / "a.md"), settings)


@pytest.mark.parametrize("content", [bytes(range(256)) * 10, b"%PDF-1.7\nall in ASCII", b"PK\x03\x04 zipped"])
def test_a_binary_is_refused_whatever_its_name(tmp_path: Path, settings: IngestSettings, content: bytes) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(SourceUnreadable, match="is binary"):
        fetch_page(str(tmp_path / "a.txt"), settings)


def test_utf_16_text_is_no_binary(tmp_path: Path, settings: IngestSettings) -> None:
    (tmp_path / "a.txt").write_bytes("Text from an old editor.".encode("utf-16"))
    assert fetch_page(str(tmp_path / "a.txt"), settings).media_type == "text/plain"


def test_a_file_over_the_limit_is_refused_with_the_setting_to_raise(tmp_path: Path, settings: IngestSettings) -> None:
    (tmp_path / "a.txt").write_bytes(b"word " * 30_000)
    with pytest.raises(SourceUnreadable, match="CAREER_FETCH_MAX_BYTES"):
        fetch_page(str(tmp_path / "a.txt"), settings)


def test_an_unsupported_suffix_is_refused(tmp_path: Path, settings: IngestSettings) -> None:
    (tmp_path / "a.csv").write_text("a,b")
    with pytest.raises(SourceUnreadable, match=r"\.csv files are not supported"):
        fetch_page(str(tmp_path / "a.csv"), settings)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_permission_is_refused(tmp_path: Path, settings: IngestSettings) -> None:
    (tmp_path / "a.md").write_text("Text.")
    (tmp_path / "a.md").chmod(0)
    with pytest.raises(SourceUnreadable, match="no permission"):
        fetch_page(str(tmp_path / "a.md"), settings)


def test_a_pipe_is_refused_without_waiting_for_it(tmp_path: Path, settings: IngestSettings) -> None:
    os.mkfifo(tmp_path / "a.md")
    with pytest.raises(SourceUnreadable, match="not a regular file"):
        fetch_page(str(tmp_path / "a.md"), settings)


def test_a_message_never_holds_line_breaks(settings: IngestSettings) -> None:
    with pytest.raises(SourceError) as raised:
        fetch_page("evil\n\x1b[31mname.md", settings)
    assert "\n" not in str(raised.value)


def test_list_sources_finds_articles_in_subfolders_in_order(tmp_path: Path) -> None:
    for name in ("b.txt", "a.md", "sub/c.HTML", "picture.png", ".hidden.md", ".git/d.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("Text.")
    assert [Path(path).name for path in list_sources(str(tmp_path))] == ["a.md", "b.txt", "c.HTML"]


def test_list_sources_leaves_out_links_that_lead_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "secret.md").write_text("Secret.")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.md").write_text("Text.")
    (tmp_path / "folder" / "link.md").symlink_to(tmp_path / "secret.md")
    assert [Path(path).name for path in list_sources(str(tmp_path / "folder"))] == ["a.md"]


def test_list_sources_refuses_a_folder_without_articles(tmp_path: Path) -> None:
    with pytest.raises(SourceMissing, match=r"no \.md, \.txt or \.html file"):
        list_sources(str(tmp_path))


def test_list_sources_leaves_a_url_and_a_file_as_they_are() -> None:
    assert list_sources("https://example.com/a") == ["https://example.com/a"]
    assert list_sources("no-such-file.md") == ["no-such-file.md"]


# --- addresses


@pytest.mark.parametrize(
    "address",
    [
        *(
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
        ),
        *("255.255.255.255", "168.63.129.16", "192.0.0.128", "198.18.0.1", "203.0.113.9", "240.0.0.1"),
        *(
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fec0::1",
            "ff02::1",
            "2001:db8::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
        ),
        *(
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "2002:7f00:1::1",
            "2001::1",
            "::127.0.0.1",
            "100::1",
            "3fff::1",
            "5f00::1",
        ),
    ],
)
def test_an_address_that_is_not_on_the_internet_is_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "64:ff9b::5db8:d822"])
def test_an_address_on_the_internet_is_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        *("file:///etc/passwd", "ftp://example.com/a", "gopher://example.com/", "https://user:secret@example.com/"),
        *("http://user@example.com/", "http://", "http://[::1", "http://[fe80::1%25eth0]/", "http://exa mple/"),
        *("http://127.0.0.1/", "http://[::1]/", "http://2130706433/", "http://0x7f.1/", "http://localhost/", "http:/a"),
    ],
)
def test_an_address_that_must_not_be_fetched_is_refused(settings: IngestSettings, address: str) -> None:
    with pytest.raises(SourceError) as raised:
        fetch_page(address, settings)
    assert not isinstance(raised.value, ArticleUnreachable)


# --- a server on loopback, which the tests' network takes for a public one


@dataclass
class Site:
    port: int
    answers: dict[str, Answer] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def url(self, path: str, host: str = "articles.test") -> str:
        return f"http://{host}:{self.port}{path}"


@pytest.fixture
def site() -> Iterator[Site]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            found.answers[self.path](self)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Site(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield found
    server.shutdown()
    server.server_close()


def send(status: int = 200, body: bytes = HTML, **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in ({"Content_Type": "text/html"} | headers).items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def drip(handler: BaseHTTPRequestHandler) -> None:
    """Headers at once, then a byte every tenth of a second: no single read ever times out."""
    handler.send_response(200)
    handler.send_header("Content-Type", "text/html")
    handler.end_headers()
    try:
        for _ in range(100):
            handler.wfile.write(b"a")
            handler.wfile.flush()
            time.sleep(0.1)
    except OSError:
        pass


def drip_headers(handler: BaseHTTPRequestHandler) -> None:
    try:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        for _ in range(100):
            handler.wfile.write(b"a")
            handler.wfile.flush()
            time.sleep(0.1)
    except OSError:
        pass


def loopback() -> Network:
    """127.0.0.1 stands for a public address; every other address is forbidden."""
    names = {"articles.test": ["127.0.0.1"], "private.test": ["127.0.0.2"], "mixed.test": ["127.0.0.1", "10.0.0.1"]}

    def resolve(host: str, port: int) -> list[str]:
        return names.get(host, [host])

    return Network(resolve=resolve, allows=lambda address: str(address) == "127.0.0.1")


def test_a_page_is_fetched_with_its_address_after_redirects(site: Site, settings: IngestSettings) -> None:
    site.answers = {"/old": send(302, b"", Location="/new#part"), "/new": send()}
    page = fetch_page(site.url("/old"), settings, network=loopback())
    assert (page.content, page.media_type, page.source, page.url) == (
        HTML,
        "text/html",
        site.url("/old"),
        site.url("/new"),
    )


def test_a_request_says_who_asks_and_carries_no_cookie(site: Site, settings: IngestSettings) -> None:
    site.answers = {"/a": send(302, b"", Location="/b", Set_Cookie="id=1"), "/b": send()}
    fetch_page(site.url("/a"), settings, network=loopback())
    headers = site.requests[-1][1]
    assert headers["user-agent"].startswith("career-assistant")
    assert "cookie" not in headers
    assert headers["host"] == f"articles.test:{site.port}"


def test_a_proxy_named_in_the_environment_is_not_used(
    site: Site, settings: IngestSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    site.answers = {"/": send()}
    assert fetch_page(site.url("/"), settings, network=loopback()).content == HTML


@pytest.mark.parametrize(
    "target",
    [
        *("http://private.test/", "http://127.0.0.2/", "//10.0.0.1/", "http://[::1]/", "file:///etc/passwd"),
        *("http://user@articles.test/", "gopher://127.0.0.1/"),
    ],
)
def test_a_redirect_to_a_forbidden_address_is_refused(site: Site, settings: IngestSettings, target: str) -> None:
    site.answers = {"/": send(301, b"", Location=target)}
    with pytest.raises(SourceRefused):
        fetch_page(site.url("/"), settings, network=loopback())


def test_one_forbidden_address_among_several_refuses_the_host(site: Site, settings: IngestSettings) -> None:
    with pytest.raises(SourceRefused, match=r": mixed\.test \(10\.0\.0\.1\) is not a public address"):
        fetch_page(site.url("/", host="mixed.test"), settings, network=loopback())
    assert site.requests == []


def test_a_refused_connection_is_named_in_words(settings: IngestSettings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"http://articles.test:{closed.getsockname()[1]}/"
    with pytest.raises(ArticleUnreachable, match=r"/: Connection refused\. Check the address"):
        fetch_page(address, settings, network=loopback())


def test_a_host_is_looked_up_once_so_that_its_answer_cannot_change(site: Site, settings: IngestSettings) -> None:
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])
    site.answers = {"/": send()}
    network = Network(resolve=lambda host, port: next(answers), allows=loopback().allows)
    assert fetch_page(site.url("/"), settings, network=network).content == HTML


def test_a_sixth_redirect_is_not_followed(site: Site, settings: IngestSettings) -> None:
    site.answers = {f"/{number}": send(302, b"", Location=f"/{number + 1}") for number in range(9)}
    with pytest.raises(ArticleUnreachable, match="more than 5 redirects"):
        fetch_page(site.url("/0"), settings, network=loopback())
    assert len(site.requests) == 6


def test_an_error_page_is_no_article(site: Site, settings: IngestSettings) -> None:
    site.answers = {"/": send(404)}
    with pytest.raises(ArticleUnreachable, match="404 Not Found"):
        fetch_page(site.url("/"), settings, network=loopback())


def test_a_picture_is_no_article(site: Site, settings: IngestSettings) -> None:
    site.answers = {"/": send(Content_Type="image/png")}
    with pytest.raises(SourceUnreadable, match="image/png"):
        fetch_page(site.url("/"), settings, network=loopback())


def test_a_declared_encoding_is_followed(site: Site, settings: IngestSettings) -> None:
    site.answers = {
        "/": send(body="<html>café €</html>".encode("cp1252"), Content_Type="text/html; charset=iso-8859-1")
    }
    page = fetch_page(site.url("/"), settings, network=loopback())
    assert page.content.decode("utf-8") == "<html>café €</html>"


def test_compressed_content_is_opened(site: Site, settings: IngestSettings) -> None:
    site.answers = {"/": send(body=gzip.compress(HTML), Content_Encoding="gzip")}
    assert fetch_page(site.url("/"), settings, network=loopback()).content == HTML


def test_a_compressed_bomb_is_stopped_at_the_size_limit(site: Site, settings: IngestSettings) -> None:
    site.answers = {"/": send(body=gzip.compress(b"a" * 50_000_000), Content_Encoding="gzip")}
    with pytest.raises(SourceUnreadable, match="CAREER_FETCH_MAX_BYTES"):
        fetch_page(site.url("/"), settings, network=loopback())


def test_damaged_compression_is_reported(site: Site, settings: IngestSettings) -> None:
    site.answers = {"/": send(body=b"not compressed", Content_Encoding="gzip")}
    with pytest.raises(ArticleUnreachable, match="damaged"):
        fetch_page(site.url("/"), settings, network=loopback())


def test_a_page_over_the_limit_is_refused(site: Site, settings: IngestSettings) -> None:
    site.answers = {"/": send(body=b"a" * 200_000)}
    with pytest.raises(SourceUnreadable, match="CAREER_FETCH_MAX_BYTES"):
        fetch_page(site.url("/"), settings, network=loopback())


@pytest.mark.parametrize("answer", [drip, drip_headers])
def test_a_dripping_server_is_left_when_the_time_is_over(site: Site, answer: Answer) -> None:
    site.answers = {"/": answer}
    begun = time.monotonic()
    with pytest.raises(ArticleUnreachable, match=r"timed out after 0\.5 s.*CAREER_FETCH_TIMEOUT"):
        fetch_page(site.url("/"), IngestSettings(fetch_timeout=0.5), network=loopback())
    assert time.monotonic() - begun < 2


def test_a_look_up_that_never_ends_is_left_when_the_time_is_over(settings: IngestSettings) -> None:
    released = threading.Event()

    def resolve(host: str, port: int) -> list[str]:
        released.wait(10)
        return ["127.0.0.1"]

    with pytest.raises(ArticleUnreachable, match="timed out"):
        fetch_page("http://slow.test/", IngestSettings(fetch_timeout=0.3), network=Network(resolve))
    released.set()


def test_a_closed_port_is_unreachable(settings: IngestSettings) -> None:
    with pytest.raises(ArticleUnreachable, match="Check the address"):
        fetch_page("http://articles.test:9/", settings, network=loopback())


def test_an_unknown_host_is_unreachable(settings: IngestSettings) -> None:
    def resolve(host: str, port: int) -> list[str]:
        raise OSError("Name or service not known")

    with pytest.raises(ArticleUnreachable, match="cannot be found"):
        fetch_page("http://nowhere.test/", settings, network=Network(resolve))
