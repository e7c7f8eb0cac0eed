"""Ctrl+C and SIGTERM in the middle of `career ingest`: one line at most, nothing half, the next ingest completes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.career import Ended, run_career
from tests.faults.library import LONG_WAIT, WHOLE, ask_process, make_line

CHECKOUT = Path(__file__).parents[2]
ARTICLES = 25


@pytest.mark.parametrize(("sent", "codes"), [(signal.SIGINT, (130, -2)), (signal.SIGTERM, (143, -15))])
def test_an_interrupted_ingest_ends_quietly_and_the_next_one_completes(
    tmp_path: Path, sent: signal.Signals, codes: tuple[int, int]
) -> None:
    articles, home = tmp_path / "articles", tmp_path / "library"
    articles.mkdir()
    for number in range(ARTICLES):
        lines = [make_line(random.Random(f"{number} {line}")) for line in range(10)]
        text = "\n\n".join(lines)
        (articles / f"{number}.md").write_text(f"# Article {number}\n\n{text}\n", encoding="utf-8")
    command = [sys.executable, "-u", "-m", "tests.faults.career", "ingest", str(articles)]
    environment = {**os.environ, "CAREER_HOME": str(home)}
    with subprocess.Popen(
        command, cwd=CHECKOUT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()  # the first article is in
        process.send_signal(sent)
        _, errors = process.communicate(timeout=LONG_WAIT)
    assert process.returncode in codes
    assert len(errors.splitlines()) <= 1
    assert "Traceback" not in errors
    whole = ask_process(run_career, home, WHOLE, ("doctor",))
    assert isinstance(whole, Ended)
    assert (whole.code, whole.errors) == (0, "")
    again = ask_process(run_career, home, WHOLE, ("ingest", str(articles)))
    assert isinstance(again, Ended)
    assert again.code == 0
    assert f"{ARTICLES} articles" in again.output
