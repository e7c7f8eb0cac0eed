"""What a request passes before it reaches the page. The page is a small one here; tests/browser has Gradio's own."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from assistant.errors import PasswordMissing, SettingsInvalid
from assistant.page.access import ROLE
from assistant.page.line import Line
from assistant.page.loader import ChainLoader
from assistant.page.mount import Mounted
from assistant.server.app import make_app
from assistant.server.passwords import FREE_GUESSES, Guesses, Passwords, refuse_open_door
from assistant.server.tickets import LASTS, Tickets, load_key
from assistant.server.visitors import rename
from assistant.settings import Settings, change_settings
from ingest.errors import LibraryDamaged
from tests.browser.fake_chain import FakeChain

READER, EDITOR = "open sesame", "let me write"


async def echo(request: Request) -> JSONResponse:
    """What has arrived of a request."""
    return JSONResponse(
        {
            "path": request.url.path,
            "url": str(request.url),
            "query": request.url.query,
            "role": request.scope.get(ROLE),
            "client": request.client.host if request.client else "",
            "forwarded": [name for name in request.headers if "forwarded" in name],
            "body": (await request.body()).decode(),
        }
    )


def mount_echo(site: Starlette) -> Mounted:
    site.routes.append(Route("/{path:path}", echo, methods=["GET", "POST"]))
    return Mounted(
        find_owner={"mine": rename("tab", ""), "theirs": "another"}.get,
        accepts=lambda function, values: function == 0 and len(values) == 2,
        has_session=lambda _: True,
        forget=lambda _: None,
        end_streams=lambda: None,
    )


def make_client(
    settings: Settings,
    *,
    loader: ChainLoader | None = None,
    line: Line | None = None,
    base: str = "http://127.0.0.1:7860",
) -> TestClient:
    app, _ = make_app(mount_echo, loader, line or Line(), settings)
    return TestClient(app, base_url=base, follow_redirects=False, client=("192.0.2.7", 5000))


@pytest.fixture
def open_settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


@pytest.fixture
def locked_settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, password=SecretStr(READER), editor_password=SecretStr(EDITOR))


@pytest.fixture
def client(open_settings: Settings) -> TestClient:
    return make_client(open_settings)


@pytest.fixture
def locked(locked_settings: Settings) -> TestClient:
    return make_client(locked_settings)


def log_in(client: TestClient, password: str) -> None:
    assert client.post("/login", data={"password": password}).status_code == 303


# -- the password -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "career.example"])
def test_other_machines_are_not_let_in_without_a_password(host: str) -> None:
    with pytest.raises(PasswordMissing, match=r"CAREER_PASSWORD.*--no-password") as refused:
        refuse_open_door(Settings(host=host))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.0.0.9"])
def test_this_machine_alone_needs_no_password(host: str) -> None:
    assert not is_refused(Settings(host=host))


@pytest.mark.parametrize("given", [{"password": SecretStr(READER)}, {"no_password": True}])
def test_other_machines_are_let_in_with_a_password_or_when_told_so(given: dict[str, Any]) -> None:
    assert is_refused(Settings(host="0.0.0.0"))
    assert not is_refused(Settings(host="0.0.0.0", **given))


def is_refused(settings: Settings) -> bool:
    try:
        refuse_open_door(settings)
    except PasswordMissing:
        return True
    return False


@pytest.mark.parametrize(
    "given",
    [
        {"password": SecretStr("one"), "no_password": True},
        {"editor_password": SecretStr("one")},
        {"password": SecretStr("one"), "editor_password": SecretStr("one")},
    ],
)
def test_passwords_that_contradict_one_another_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(PasswordMissing):
        refuse_open_door(Settings(**given))


def test_one_password_alone_makes_editors_and_two_make_readers_and_editors() -> None:
    assert Passwords("a").find_role("a") == "editor"
    assert [Passwords("a", "b").find_role(given) for given in ("a", "b", "c", "")] == ["reader", "editor", "", ""]


def test_settings_never_show_a_password(locked_settings: Settings) -> None:
    shown = f"{locked_settings!r} {locked_settings} {locked_settings.model_dump_json()}"
    assert READER not in shown
    assert EDITOR not in shown


def test_page_leads_to_the_login_and_everything_else_says_401(locked: TestClient) -> None:
    page = locked.get("/")
    assert (page.status_code, page.headers["location"]) == (303, "/login")
    for path in (
        "/config",
        "/assets/a.js",
        "/gradio_api/queue/data?session_hash=a",
        "/gradio_api/heartbeat/a",
        "/theme.css",
    ):
        assert locked.get(path).status_code == 401, path
    for path in ("/gradio_api/queue/join", "/gradio_api/upload", "/gradio_api/cancel", "/api/ask"):
        assert locked.post(path, json={}).status_code == 401, path


def test_login_opens_the_page_with_a_role(locked: TestClient) -> None:
    log_in(locked, READER)
    assert locked.get("/").json()["role"] == "reader"
    log_in(locked, EDITOR)
    assert locked.get("/").json()["role"] == "editor"


def test_ticket_is_kept_from_scripts_and_other_sites_and_is_secure_over_https(locked_settings: Settings) -> None:
    plain = make_client(locked_settings).post("/login", data={"password": READER}).headers["set-cookie"]
    assert {"HttpOnly", "SameSite=lax", "Path=/", f"Max-Age={LASTS}"} <= set(plain.split("; "))
    assert "Secure" not in plain
    secure = make_client(locked_settings, base="https://career.example")
    assert "Secure" in secure.post("/login", data={"password": READER}).headers["set-cookie"]


@pytest.mark.parametrize("password", ["", "wrong", READER.upper(), f"{READER}\0", "ÿ", "x" * 3_000])
def test_wrong_password_opens_nothing(locked: TestClient, password: str) -> None:
    refused = locked.post("/login", data={"password": password})
    assert refused.status_code == 401
    assert "not the password" in refused.text
    assert "set-cookie" not in refused.headers
    assert locked.get("/").status_code == 303


def test_logging_out_ends_the_ticket_even_for_who_has_copied_it(locked: TestClient) -> None:
    log_in(locked, READER)
    copied = locked.cookies["career-ticket"]
    assert locked.post("/logout").headers["location"] == "/login"
    assert locked.get("/").status_code == 303
    assert locked.get("/", headers={"cookie": f"career-ticket={copied}"}).status_code == 303


@pytest.mark.parametrize("scheme", ["Bearer {}", "bearer {}", "Basic {}"])
def test_programs_send_the_password_along(locked: TestClient, scheme: str) -> None:
    given = base64.b64encode(f"anyone:{EDITOR}".encode()).decode() if "Basic" in scheme else EDITOR
    asked = locked.post("/api/ask", json={}, headers={"authorization": scheme.format(given)})
    assert (asked.status_code, asked.json()["role"]) == (200, "editor")


def test_programs_may_send_a_password_that_is_not_ascii(tmp_path: Path) -> None:
    client = make_client(Settings(home=tmp_path, password=SecretStr("Sésam öffne")))
    sent = {"authorization": "Bearer Sésam öffne".encode()}
    assert client.get("/config", headers=sent).status_code == 200  # type: ignore[arg-type]


@pytest.mark.parametrize("sent", ["Bearer wrong", "Basic !!!", "Basic d3Jvbmc=", "Bearer", "Digest x"])
def test_wrong_authorization_opens_nothing(locked: TestClient, sent: str) -> None:
    assert locked.post("/api/ask", json={}, headers={"authorization": sent}).status_code == 401


def test_who_guesses_is_slowed_down_and_others_are_not(locked_settings: Settings) -> None:
    app, _ = make_app(mount_echo, None, Line(), locked_settings)
    guesser, other = (
        TestClient(app, base_url="http://127.0.0.1", client=(address, 1), follow_redirects=False)
        for address in ("192.0.2.1", "192.0.2.2")
    )
    tried = [guesser.post("/login", data={"password": f"guess {number}"}) for number in range(FREE_GUESSES + 1)]
    assert [each.status_code for each in tried] == [401] * FREE_GUESSES + [429]
    assert int(tried[-1].headers["retry-after"]) >= 1
    assert guesser.post("/login", data={"password": READER}).status_code == 429  # or guessing would go on unseen
    assert guesser.get("/config", headers={"authorization": f"Bearer {READER}"}).status_code == 429
    assert other.post("/login", data={"password": READER}).status_code == 303


def test_waits_grow_up_to_a_quarter_of_an_hour_and_end_with_the_right_password() -> None:
    now = 0.0
    guesses = Guesses(lambda: now)
    waits = []
    for _ in range(FREE_GUESSES + 15):
        guesses.note_wrong("192.0.2.1")
        waits.append(guesses.find_wait("192.0.2.1"))
    assert waits[: FREE_GUESSES + 2] == [0, 0, 0, 0, 1, 2, 4]
    assert waits[-1] == 900
    guesses.note_right("192.0.2.1")
    assert guesses.find_wait("192.0.2.1") == 0


def test_reader_does_not_guess_the_editors_password_any_faster(locked: TestClient) -> None:
    for _ in range(FREE_GUESSES - 1):
        assert locked.post("/login", data={"password": "guess"}).status_code == 401
    log_in(locked, READER)
    assert locked.post("/login", data={"password": "guess"}).status_code == 401
    assert locked.post("/login", data={"password": "guess"}).status_code == 429


def test_what_was_mistyped_long_ago_is_forgiven() -> None:
    now = 0.0
    guesses = Guesses(lambda: now)
    for _ in range(FREE_GUESSES + 1):
        guesses.note_wrong("192.0.2.1")
    now += 3_700
    guesses.note_wrong("192.0.2.1")
    assert guesses.find_wait("192.0.2.1") == 0


def test_guesses_of_one_ipv6_network_count_together_and_memory_is_bounded() -> None:
    guesses = Guesses(lambda: 0.0)
    for number in range(20):
        guesses.note_wrong(f"2001:db8::{number:x}")
    assert guesses.find_wait("2001:db8::ffff") > 0
    for number in range(10_050):
        guesses.note_wrong(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert guesses.find_wait("2001:db8::ffff") == 0  # the oldest was forgotten


# -- tickets ----------------------------------------------------------------------------------------------------------


def test_ticket_expires() -> None:
    now = 1_000_000.0
    tickets = Tickets(b"k" * 32, Passwords(READER), lambda: now)
    ticket = tickets.issue("editor")
    assert tickets.read_role(ticket) == "editor"
    now += LASTS + 1
    assert tickets.read_role(ticket) == ""


def test_ticket_that_was_changed_or_made_up_gives_no_role() -> None:
    tickets = Tickets(b"k" * 32, Passwords(READER, EDITOR))
    ticket = tickets.issue("reader")
    made_up = [
        ticket.replace("reader", "editor", 1),
        f"{ticket}0",
        ticket[:-1],
        "",
        "....",
        "editor.9e99.x.y",
        "é.1.2.3",
    ]
    assert [tickets.read_role(each) for each in made_up] == [""] * len(made_up)


def test_ticket_ends_with_its_password_and_with_its_key() -> None:
    ticket = Tickets(b"k" * 32, Passwords(READER)).issue("editor")
    assert Tickets(b"k" * 32, Passwords(READER)).read_role(ticket) == "editor"
    assert Tickets(b"k" * 32, Passwords("another")).read_role(ticket) == ""
    assert Tickets(b"l" * 32, Passwords(READER)).read_role(ticket) == ""


def test_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    home = tmp_path / "new"
    assert load_key(home) == load_key(home)
    assert (home / "session.key").stat().st_mode & 0o777 == 0o600


def test_key_that_is_not_whole_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "session.key").write_bytes(b"")
    assert len(load_key(tmp_path)) == 32
    assert load_key(tmp_path) != load_key(tmp_path)


def test_home_that_cannot_be_written_still_lets_people_in(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    assert len(load_key(tmp_path / "file")) == 32


# -- what is served ---------------------------------------------------------------------------------------------------


NOT_THERE = """
/gradio_api/proxy=https://example.org /gradio_api/file=/etc/passwd /gradio_api/file/etc/passwd /monitoring
/monitoring/summary /gradio_api/dev/reload /gradio_api/call/ask /gradio_api/info /gradio_api/openapi.json /docs /redoc
/openapi.json /gradio_api/mcp/sse /gradio_api/deep_link /gradio_api/vibe-code /gradio_api/runs /gradio_api/token
/gradio_api/stream/a/b/1/playlist.m3u8 /gradio_api/user /pwa_icon /manifest.json /svelte/svelte.js /anything
/gradio_api/custom_component/a/client/component/index.js /gradio_api/login_check /gradio_api/queue/status /assets
/gradio_api/heartbeat/a/b /%2e%2e/etc/passwd
"""


@pytest.mark.parametrize("path", NOT_THERE.split())
def test_what_the_page_does_not_need_is_not_there(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.parametrize(
    "path",
    ["/gradio_api/run/ask", "/gradio_api/api/ask", "/gradio_api/component_server", "/gradio_api/process_recording"],
)
def test_no_other_way_to_call_a_function_is_there(client: TestClient, path: str) -> None:
    assert client.post(path, json={}).status_code == 404


def test_other_methods_are_named(client: TestClient) -> None:
    refused = client.get("/gradio_api/queue/join")
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")
    assert client.options("/").status_code == 405
    assert client.request("TRACE", "/config").status_code == 405


def test_socket_is_closed(client: TestClient) -> None:
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/gradio_api/queue/data"):
        pass


def test_readers_upload_nothing_and_nobody_does_when_the_library_is_read_only(locked_settings: Settings) -> None:
    locked = make_client(locked_settings)
    log_in(locked, READER)
    assert locked.post("/gradio_api/upload").status_code == 403
    log_in(locked, EDITOR)
    assert locked.post("/gradio_api/upload").status_code == 200
    still = make_client(locked_settings.model_copy(update={"read_only": True}))
    log_in(still, EDITOR)
    assert still.post("/gradio_api/upload").status_code == 403


def test_everybody_edits_where_no_password_is_asked(client: TestClient) -> None:
    assert client.post("/gradio_api/upload").status_code == 200


# -- bodies -----------------------------------------------------------------------------------------------------------


def test_body_that_says_it_is_too_long_is_refused(client: TestClient) -> None:
    refused = client.post("/api/ask", content=b"x" * 1_000_001)
    assert (refused.status_code, refused.json()["error"]) == (413, "At most 1,000,000 bytes may be sent.")


def test_body_that_hides_its_length_is_cut_off(client: TestClient) -> None:
    def pour() -> Iterator[bytes]:
        for _ in range(11):
            yield b"x" * 100_000

    assert client.post("/api/ask", content=pour()).status_code == 413


def test_body_of_a_request_that_needs_none_is_refused(client: TestClient) -> None:
    assert client.request("GET", "/config", content=b"x").status_code == 413


# -- origins and names ------------------------------------------------------------------------------------------------

FOREIGN = [
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"origin": "http://127.0.0.1:7861"},
    {"origin": "http://127.0.0.1.evil.example:7860"},
    {"origin": "http://127.0.0.1:99999999"},
    {"referer": "https://evil.example/page"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "same-origin", "origin": "https://evil.example"},
]


@pytest.mark.parametrize("sent", FOREIGN)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/gradio_api/queue/join"),
        ("POST", "/gradio_api/cancel"),
        ("POST", "/gradio_api/upload"),
        ("POST", "/api/ask"),
        ("POST", "/login"),
        ("POST", "/logout"),
        ("GET", "/gradio_api/queue/data"),
        ("GET", "/gradio_api/heartbeat/a"),
        ("GET", "/config"),
    ],
)
def test_other_sites_use_nothing(client: TestClient, method: str, path: str, sent: dict[str, str]) -> None:
    assert client.request(method, path, headers=sent).status_code == 403


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"origin": "http://127.0.0.1:7860", "sec-fetch-site": "same-origin"},
        {"referer": "http://127.0.0.1:7860/"},
        {"origin": "https://127.0.0.1:7860"},  # a proxy speaks https to the browser
    ],
)
def test_the_page_itself_and_programs_use_everything(client: TestClient, sent: dict[str, str]) -> None:
    assert client.post("/api/ask", json={}, headers=sent).status_code == 200


def test_default_port_may_be_left_out(open_settings: Settings) -> None:
    client = make_client(open_settings, base="http://127.0.0.1:80")
    assert client.post("/api/ask", json={}, headers={"origin": "http://127.0.0.1"}).status_code == 200


def test_other_sites_may_lead_to_the_page(client: TestClient) -> None:
    assert (
        client.get("/", headers={"sec-fetch-site": "cross-site", "referer": "https://wiki.example/"}).status_code == 200
    )


def test_no_answer_permits_another_site_to_read_it(client: TestClient) -> None:
    answer = client.get("/", headers={"origin": "https://evil.example"})
    assert [name for name in answer.headers if name.startswith("access-control")] == []


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:7860", "127.0.0.1.nip.example", "", "localhost.evil.example", "[", "a:b"]
)
def test_name_that_was_made_to_point_here_is_refused(client: TestClient, host: str) -> None:
    refused = client.get("/", headers={"host": host})
    assert refused.status_code == 403
    assert "CAREER_PUBLIC_HOSTS" in refused.json()["error"]


@pytest.mark.parametrize("host", ["localhost:7860", "127.0.0.1", "[::1]:7860", "192.168.1.5:7860", "LOCALHOST"])
def test_addresses_and_this_machine_s_names_are_known(client: TestClient, host: str) -> None:
    assert client.get("/", headers={"host": host}).status_code == 200


def test_public_names_are_known(open_settings: Settings) -> None:
    settings = Settings(home=open_settings.home, public_hosts="career.example, other.example")  # type: ignore[arg-type]
    assert make_client(settings).get("/", headers={"host": "career.example"}).status_code == 200


def test_with_a_password_any_name_leads_to_the_login(locked: TestClient) -> None:
    assert locked.get("/", headers={"host": "career.example"}).headers["location"] == "/login"


# -- behind a proxy ---------------------------------------------------------------------------------------------------

SAID = {
    "x-forwarded-for": "198.51.100.9, 203.0.113.5",
    "x-forwarded-proto": "https",
    "x-forwarded-host": "career.example",
}


def test_proxy_that_is_not_trusted_is_not_believed(locked_settings: Settings) -> None:
    asked = make_client(locked_settings).post("/api/ask", headers={**SAID, "authorization": f"Bearer {READER}"}).json()
    assert (asked["client"], asked["url"], asked["forwarded"]) == ("192.0.2.7", "http://127.0.0.1:7860/api/ask", [])


def test_trusted_proxy_is_believed_about_its_own_client(locked_settings: Settings) -> None:
    settings = change_settings(locked_settings, trusted_proxies="192.0.2.0/24")
    asked = make_client(settings).post("/api/ask", headers={**SAID, "authorization": f"Bearer {READER}"}).json()
    assert (asked["client"], asked["url"], asked["forwarded"]) == ("203.0.113.5", "https://career.example/api/ask", [])


@pytest.mark.parametrize("host", ["a b", 'x"><script>', "ü.example", "a/b", "@evil"])
def test_proxy_that_says_nonsense_is_not_believed(locked_settings: Settings, host: str) -> None:
    settings = change_settings(locked_settings, trusted_proxies="192.0.2.7")
    sent: dict[str, Any] = {"x-forwarded-host": host.encode(), "authorization": f"Bearer {READER}"}
    assert make_client(settings).get("/config", headers=sent).json()["url"] == "http://127.0.0.1:7860/config"


@pytest.mark.parametrize("path", ["/career/", "/", "/career"])
def test_prefix_is_taken_off_whether_the_proxy_does_it_or_not(open_settings: Settings, path: str) -> None:
    client = make_client(change_settings(open_settings, root_path="career/"))
    assert client.get(path).json()["path"] == "/"
    assert client.get("/careerist").status_code == 404


def test_login_keeps_to_the_prefix(locked_settings: Settings) -> None:
    client = make_client(change_settings(locked_settings, root_path="/career"))
    assert client.get("/career/").headers["location"] == "/career/login"
    entered = client.post("/career/login", data={"password": READER})
    assert entered.headers["location"] == "/career/"
    assert "Path=/career;" in entered.headers["set-cookie"]


@pytest.mark.parametrize(
    "given", [{"root_path": "https://x"}, {"root_path": "/a/../b"}, {"root_path": "a b"}, {"trusted_proxies": "proxy"}]
)
def test_settings_that_cannot_be_meant_are_refused_in_one_line(given: dict[str, str]) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        change_settings(Settings(), **given)
    assert "\n" not in str(refused.value)


# -- health -----------------------------------------------------------------------------------------------------------


def test_server_is_alive_at_once_and_ready_once_the_library_is(locked_settings: Settings) -> None:
    loading = make_client(locked_settings, loader=ChainLoader(FakeChain))
    assert loading.get("/health").json() == {"status": "alive"}
    refused = loading.get("/ready")
    assert (refused.status_code, refused.json()["status"]) == (503, "loading")
    assert make_client(locked_settings, loader=ChainLoader.holding(FakeChain())).get("/ready").status_code == 200


def test_library_that_cannot_be_opened_is_told_without_its_place(open_settings: Settings) -> None:
    def fail() -> FakeChain:
        raise LibraryDamaged("/srv/secret/catalog.sqlite3 cannot be read")

    loader = ChainLoader(fail)
    loader.start().exception()
    refused = make_client(open_settings, loader=loader).get("/ready")
    assert (refused.status_code, refused.json()["status"]) == (503, "unavailable")
    assert "secret" not in refused.text


def test_health_is_told_by_any_name_and_to_any_site(client: TestClient) -> None:
    assert client.get("/health", headers={"host": "probe.example", "sec-fetch-site": "cross-site"}).status_code == 200


# -- visitors ---------------------------------------------------------------------------------------------------------


JOIN = rb'{"session_hash": "abc", "fn_index": 0, "data": ["\ud800", NaN]}'  # as browsers may send it


def test_each_browser_has_sessions_of_its_own_by_the_same_name(open_settings: Settings) -> None:
    seen = []
    for client in (make_client(open_settings), make_client(open_settings)):
        client.get("/")
        joined = client.post("/gradio_api/queue/join", content=JOIN).json()["body"]
        streamed = client.get("/gradio_api/queue/data?session_hash=abc").json()["query"].removeprefix("session_hash=")
        beaten = client.get("/gradio_api/heartbeat/abc").json()["path"].rpartition("/")[2]
        assert f'"session_hash": "{streamed}"' in joined
        assert streamed == beaten
        seen.append(streamed)
    assert seen[0] != seen[1]
    assert "abc" not in seen


def test_visitor_s_secret_is_kept_from_scripts(client: TestClient) -> None:
    assert "HttpOnly; SameSite=Lax" in client.get("/").headers["set-cookie"]
    assert "set-cookie" not in client.get("/").headers  # known by now


@pytest.mark.parametrize(("event", "status"), [("mine", 200), ("theirs", 404), ("ended", 200), (["theirs"], 200)])
def test_answers_of_others_cannot_be_cancelled(client: TestClient, event: Any, status: int) -> None:
    asked = {"session_hash": "tab", "fn_index": 0, "event_id": event}
    assert client.post("/gradio_api/cancel", json=asked).status_code == status


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b'{"session_hash": ' + b"9" * 5_000 + b"}"]
)
def test_body_that_is_no_object_is_refused(client: TestClient, body: bytes) -> None:
    assert client.post("/gradio_api/queue/join", content=body).status_code == 400


@pytest.mark.parametrize("sent", [{"fn_index": 1}, {"fn_index": 0, "data": ["one"]}, {"data": ["one", "two"]}])
def test_event_that_the_page_would_not_send_is_refused(client: TestClient, sent: dict[str, Any]) -> None:
    """Gradio would fail on it, and print all that was sent."""
    assert client.post("/gradio_api/queue/join", json={"session_hash": "a", "data": [], **sent}).status_code == 400


def test_page_is_asked_for_without_its_query(client: TestClient) -> None:
    assert client.get("/?deep_link=a&page=b").json()["query"] == ""
