"""`make run`, dependencies installed, on an empty library: seconds to a page, and to its first answer in a browser."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from tests.benchmarks.result import DataMissing, Result

CHECKOUT = Path(__file__).parents[2]
PATIENCE = 60.0  # seconds


def run(home: Path) -> Result:
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        raise DataMissing("chromium is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{probe.getsockname()[1]}"
    with tempfile.TemporaryDirectory(dir=home) as library:
        environment = {
            **os.environ,
            "CAREER_HOME": library,
            "CAREER_PORT": address.rpartition(":")[2],
            "BROWSER": "true",
        }
        started = time.perf_counter()
        process = subprocess.Popen(["make", "run"], cwd=CHECKOUT, env=environment, start_new_session=True)
        try:
            _wait_for(address)
            page = time.perf_counter() - started
            _ask(address, browser)
            answer = time.perf_counter() - started
        finally:
            os.killpg(process.pid, signal.SIGINT)
            process.wait(30)
    ours = {"page_seconds": round(page, 1), "answer_seconds": round(answer, 1)}
    return Result("start", "make run on an empty library, dependencies installed, seconds", ours)


def _wait_for(address: str) -> None:
    limit = time.monotonic() + PATIENCE
    while time.monotonic() < limit:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    raise TimeoutError(f"{address} did not come up within {PATIENCE} s")


def _ask(address: str, browser: str) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = chromium.new_page()
        page.goto(address)
        page.get_by_label("Your question").fill("How much does an ML engineer earn?")
        page.get_by_label("Your question").press("Enter")
        page.get_by_text("$158,147").first.wait_for(timeout=PATIENCE * 1000)
        chromium.close()
