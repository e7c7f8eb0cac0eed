"""Starting the page, without a browser."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import httpx
import pytest

import ui
from assistant.errors import PortTaken
from assistant.settings import Settings
from tests.browser.fake_chain import FakeChain


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port where another program listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture(scope="module")
def response() -> Iterator[httpx.Response]:
    """What the page's server sends first."""
    settings = Settings(host="127.0.0.1", port=0)
    page = ui.build_page(FakeChain(), settings)
    yield httpx.get(ui.launch_page(page, settings), trust_env=False)
    page.close(verbose=False)


def test_serve_names_the_remedy_when_the_port_is_taken(taken_port: int) -> None:
    with pytest.raises(PortTaken, match=f"127.0.0.1:{taken_port}.*--port or CAREER_PORT"):
        ui.serve(Settings(host="127.0.0.1", port=taken_port))


def test_main_prints_one_line_and_fails_when_the_port_is_taken(
    taken_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ui.main(["--port", str(taken_port)]) == 1
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_main_explains_a_setting_that_cannot_be_used_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CAREER_PORT", "abc")
    assert ui.main([]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: CAREER_PORT=abc")


@pytest.mark.parametrize("port", ["99999", "-1", "http"])
def test_main_refuses_a_port_that_cannot_exist(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        ui.main([f"--port={port}"])
    assert ended.value.code == 2
    assert "Choose a number from 0 to 65535" in capsys.readouterr().err


def test_page_tells_the_browser_to_load_nothing_from_elsewhere(response: httpx.Response) -> None:
    policy = response.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'self'" in policy


def test_page_lets_no_script_run_but_its_own(response: httpx.Response) -> None:
    (scripts,) = [rule for rule in response.headers["content-security-policy"].split("; ") if "script-src" in rule]
    assert "'unsafe-inline'" not in scripts
    assert scripts.count("'sha256-") >= 3  # as many as Gradio writes into its page


def test_page_offers_no_analytics_no_footer_and_no_run_history(response: httpx.Response) -> None:
    assert response.status_code == 200
    assert '"analytics_enabled":false' in response.text.replace(" ", "")
    assert '"footer_links":[]' in response.text.replace(" ", "")
