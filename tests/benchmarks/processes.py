"""How much memory processes took at most, and how long a command takes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
LOOKED_EVERY = 0.02  # seconds, at the memory of a process that runs


def read_peak_memory(process: int | str = "self") -> int:
    """Peak resident memory in MB of one process alone: getrusage's figure remembers the process that started it."""
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    return round(int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) / 1024)


def start(arguments: Sequence[str], **variables: str) -> subprocess.Popen[bytes]:
    """Another Python with these arguments, in the checkout."""
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=CHECKOUT,
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def time_command(arguments: Sequence[str], runs: int, **variables: str) -> float:
    """Seconds of the fastest of several runs. Raises RuntimeError when one fails."""
    seconds = []
    for _ in range(runs):
        began = time.perf_counter()
        read_output(arguments, **variables)
        seconds.append(time.perf_counter() - began)
    return round(min(seconds), 2)


def read_output(arguments: Sequence[str], **variables: str) -> str:
    process = start(arguments, **variables)
    output, _ = process.communicate()
    if process.returncode:
        raise RuntimeError(f"{' '.join(arguments)} ended with {process.returncode}")
    return output.decode()


def measure_memory(arguments: Sequence[str], **variables: str) -> int:
    """MB at most: the peaks of the process and of all that it started, added up."""
    process = start([*arguments], **variables)
    peaks: dict[int, int] = {}
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    while process.poll() is None:
        process.stdout.read()  # or it would wait for somebody to
        for number in _list_family(process.pid):
            peaks[number] = max(peaks.get(number, 0), _read_if_there(number))
        time.sleep(LOOKED_EVERY)
    if process.returncode:
        raise RuntimeError(f"{' '.join(arguments)} ended with {process.returncode}")
    return sum(peaks.values())


def _list_family(process: int) -> list[int]:
    try:
        lists = [file.read_text() for file in Path(f"/proc/{process}/task").glob("*/children")]
    except OSError:  # it has ended
        return []
    children = [int(number) for listed in lists for number in listed.split()]
    return [process, *(number for child in children for number in _list_family(child))]


def _read_if_there(process: int) -> int:
    try:
        return read_peak_memory(process)
    except (OSError, IndexError):  # it has ended
        return 0
