"""One writer at a time: who waits is told for whom, and a note that was left behind is not believed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ingest.errors import LibraryLocked, LibraryUnwritable
from ingest.lock import WriterLock

ROOT = Path(__file__).parents[2]
HOLD = """
import sys, time
from pathlib import Path
from ingest.lock import WriterLock
with WriterLock(Path(sys.argv[1]), 30).hold():
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


@contextmanager
def another_process_holds(home: Path, seconds: float = 600) -> Iterator[subprocess.Popen[str]]:
    arguments = [sys.executable, "-c", HOLD, str(home), str(seconds)]
    with subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def test_a_long_wait_is_told_with_the_holder_and_ends_when_it_does(tmp_path: Path) -> None:
    told: list[str] = []
    with another_process_holds(tmp_path, 3) as holder, WriterLock(tmp_path, 60, told.append).hold():
        assert len(told) == 1
        assert f"process {holder.pid} on {socket.gethostname()}" in told[0]
        assert "waiting up to 60 s" in told[0]


def test_a_short_wait_goes_without_a_word(tmp_path: Path) -> None:
    told: list[str] = []
    with another_process_holds(tmp_path), pytest.raises(LibraryLocked, match="CAREER_LOCK_TIMEOUT"):
        WriterLock(tmp_path, 0.2, told.append)._acquire(0.2)
    assert told == []


def test_a_killed_holder_frees_the_lock(tmp_path: Path) -> None:
    with another_process_holds(tmp_path) as holder:
        with pytest.raises(LibraryLocked), WriterLock(tmp_path, 0).hold():
            pass
        holder.kill()
        holder.wait()
        with WriterLock(tmp_path, 5).hold():
            assert json.loads((tmp_path / "writer.json").read_text(encoding="utf-8"))["pid"] == os.getpid()


def test_a_note_of_a_process_that_is_gone_is_not_believed(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    with another_process_holds(tmp_path):
        note = {"pid": gone.pid, "host": socket.gethostname(), "command": "career ingest", "since": "2026"}
        (tmp_path / "writer.json").write_text(json.dumps(note), encoding="utf-8")
        with pytest.raises(LibraryLocked, match="another process is writing") as raised, WriterLock(tmp_path, 0).hold():
            pass
    assert str(gone.pid) not in str(raised.value)


@pytest.mark.parametrize("note", ["", "[]", "{", '{"pid": "x", "host": 1}', '{"pid": 99999999999999999999}'])
def test_a_note_that_says_nothing_is_another_process(tmp_path: Path, note: str) -> None:
    with another_process_holds(tmp_path):
        (tmp_path / "writer.json").write_text(note, encoding="utf-8")
        with pytest.raises(LibraryLocked, match="another process"), WriterLock(tmp_path, 0).hold():
            pass


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
def test_an_interrupt_ends_the_wait(tmp_path: Path) -> None:
    with another_process_holds(tmp_path):
        arguments = [sys.executable, "-c", HOLD, str(tmp_path), "0"]
        waiting = subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        time.sleep(3)  # it says for whom it waits after two seconds
        started = time.monotonic()
        waiting.send_signal(signal.SIGINT)
        _, errors = waiting.communicate(timeout=20)
        assert time.monotonic() - started < 5
        assert "KeyboardInterrupt" in errors


def test_a_folder_that_is_not_there_is_unwritable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LibraryUnwritable, match="Free some space or fix the permissions"):
        WriterLock(tmp_path / "file" / "home", 0)._acquire(0)
