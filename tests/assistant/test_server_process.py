"""The server as a process of its own: how it starts, what it logs, how it stops."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.assistant.visitor import Visitor, read_until

QUESTION = "How much does an ML engineer earn?"
SLOW = "a slow question"  # tests/browser/fake_chain.py takes 15 seconds for it
SECRET = "open sesame"


@dataclass
class Process:
    """A server with the fake chain, its address once it is there, and what it has written."""

    process: subprocess.Popen[str]
    address: str = ""
    errors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        assert self.process.stderr
        self._reader = threading.Thread(target=lambda: self.errors.extend(self.process.stderr or ()), daemon=True)
        self._reader.start()
        assert self.process.stdout
        first = self.process.stdout.readline()
        found = re.search(r"http://\S+", first)
        self.address = found[0] if found else ""

    def stop(self, number: int = signal.SIGTERM) -> float:
        """Send the signal and wait for the end; the seconds that it took."""
        began = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(30)
        self._reader.join(5)
        return time.monotonic() - began

    def read_log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.errors]


Start = Callable[..., Process]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started = []

    def begin(*command: str, **environment: str) -> Process:
        process = subprocess.Popen(
            [sys.executable, *(command or ("-m", "tests.browser.serve_fake", "0"))],
            env={**os.environ, "CAREER_HOME": str(tmp_path), "CAREER_LOG": "json", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return Process(process)

    yield begin
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_server_stops_at_once_and_well_when_nobody_asks(start: Start, number: int) -> None:
    server = start()
    visitor = Visitor.at(server.address)
    with visitor.client.stream("GET", "gradio_api/heartbeat/abc") as beating:  # a browser that is left open
        assert next(beating.iter_lines()) == "data: ALIVE"
        assert server.stop(number) < 5
    assert server.process.returncode == 0
    assert server.process.stdout
    assert server.process.stdout.read() == "library closed\n"
    assert server.read_log()[-1]["event"] == "stopped"


def test_answer_under_way_is_finished_and_no_other_is_begun(start: Start) -> None:
    server = start()
    first, second = Visitor.at(server.address), Visitor.at(server.address)
    first.join(QUESTION).raise_for_status()
    answers = first.listen()
    read_until(answers, "Answering")
    server.process.send_signal(signal.SIGTERM)
    time.sleep(0.2)
    assert httpx.get(f"{server.address}ready", trust_env=False).json()["status"] == "stopping"
    assert "about to stop" in second.ask(QUESTION)
    assert "$202,427" in "".join(map(json.dumps, answers))
    assert server.process.wait(10) == 0
    assert server.read_log()[-1]["answers_cut_off"] is False


@pytest.mark.slow
def test_answer_that_takes_too_long_is_cut_off(start: Start) -> None:
    server = start()
    visitor = Visitor.at(server.address)
    visitor.join(SLOW).raise_for_status()
    answers = visitor.listen()
    read_until(answers, "Answering")
    assert 8 < server.stop() < 20
    assert server.process.returncode == 0
    assert server.read_log()[-1]["answers_cut_off"] is True


def test_second_signal_ends_at_once(start: Start) -> None:
    server = start()
    visitor = Visitor.at(server.address)
    visitor.join(SLOW).raise_for_status()
    answers = visitor.listen()
    read_until(answers, "Answering")
    server.process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    assert server.process.poll() is None
    assert server.stop() < 2
    assert server.process.returncode == 128 + signal.SIGTERM


@pytest.mark.slow
def test_real_server_gets_ready_answers_and_stops(start: Start) -> None:
    server = start("-m", "assistant.cli", "serve", "--port", "0", "--ingest", CAREER_PASSWORD=SECRET)
    asked = httpx.Client(base_url=server.address, trust_env=False, timeout=60)
    assert asked.get("health").status_code == 200
    deadline = time.monotonic() + 120
    while asked.get("ready").status_code != 200 and time.monotonic() < deadline:
        time.sleep(0.5)
    headers = {"authorization": f"Bearer {SECRET}"}
    reply = asked.post("api/ask", json={"question": QUESTION}, headers=headers).raise_for_status().json()
    assert "$158,147" in reply["text"]
    assert "$158,147" in Visitor.at(server.address, password=SECRET).ask(QUESTION)
    assert server.stop() < 10
    assert server.process.returncode == 0
    assert {line["event"] for line in server.read_log()} >= {"started", "stopped", "answered", "request"}


def run_page(*arguments: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "ui.py", *arguments],
        env={**os.environ, "CAREER_HOME": str(home), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_open_door_is_refused_in_one_line(tmp_path: Path) -> None:
    ended = run_page("--host", "0.0.0.0", "--port", "0", home=tmp_path)
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert "CAREER_PASSWORD" in line
    assert "--no-password" in line


def test_open_door_that_was_asked_for_is_told(start: Start) -> None:
    server = start(CAREER_HOST="0.0.0.0", CAREER_NO_PASSWORD="1", CAREER_LOG="plain")
    Visitor.at(server.address)
    server.stop()
    assert [line for line in server.errors if "No password: everybody" in line]


def test_log_tells_what_happened_and_no_word_of_what_was_asked(start: Start) -> None:
    server = start(CAREER_PASSWORD=SECRET)
    visitor = Visitor.at(server.address, password=SECRET)
    visitor.ask("Tell me about marmalade wages")
    visitor.ask("crash on marmalade")
    visitor.client.post("gradio_api/queue/join", json={"data": ["marmalade"], "fn_index": 3, "session_hash": "a"})
    visitor.client.get("nothing/marmalade?question=marmalade")
    server.stop()
    log = server.read_log()
    assert all({"time", "level", "event"} <= set(line) for line in log)
    answered = [line for line in log if line["event"] == "answered"]
    assert [(line["answered"], line["seconds"] > 0) for line in answered] == [(True, True)]
    asked = [line for line in log if line.get("route") == "event"]
    assert {(line["method"], line["status"], line["role"]) for line in asked} == {
        ("POST", 200, "editor"),
        ("POST", 400, "editor"),
    }
    assert [line["status"] for line in log if line.get("route") == "nothing"] == [404]
    (failed,) = [line for line in log if line["level"] == "error"]
    assert failed["error"] == "RuntimeError"
    told = "".join(server.errors)
    for word in ("marmalade", "$202,427", "a secret of the server", SECRET, visitor.session):
        assert word not in told


def test_log_tells_questions_when_asked_to(start: Start) -> None:
    server = start(CAREER_LOG_QUESTIONS="1")
    Visitor.at(server.address).ask("Tell me about marmalade wages")
    server.stop()
    assert [line["question"] for line in server.read_log() if "question" in line] == ["Tell me about marmalade wages"]


def test_plain_log_is_a_line_an_event(start: Start) -> None:
    server = start(CAREER_LOG="plain")
    Visitor.at(server.address).ask(QUESTION)
    server.stop()
    assert [line for line in server.errors if re.match(r"\S+Z? INFO answered seconds=[\d.]+ answered=True", line)]
