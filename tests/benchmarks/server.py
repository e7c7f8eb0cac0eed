"""The chat page's server as a process of its own, and what it takes of the machine."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

CHECKOUT = Path(__file__).parents[2]
TICKS = os.sysconf("SC_CLK_TCK")
# `python ui.py`, with another number of answers at once: Gradio's own default is one.
SERVE = """
import sys, ui
ui.ANSWERS_AT_ONCE = int(sys.argv[1]) or ui.ANSWERS_AT_ONCE
sys.exit(ui.main(["--port", "0"]))
"""


@dataclass(frozen=True)
class Server:
    address: str
    process: int

    def read_cpu(self) -> float:
        """Seconds of processor since it started."""
        fields = Path(f"/proc/{self.process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def read_memory(self) -> float:
        """Resident memory in MB."""
        status = Path(f"/proc/{self.process}/status").read_text(encoding="utf-8")
        return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) / 1024


@contextmanager
def serve_library(home: Path, log: Path, *, at_once: int = 0) -> Iterator[Server]:
    """A server over the library in `home` with the page's own settings; `at_once` answers another number at once."""
    environment = {**os.environ, "CAREER_HOME": str(home), "PYTHONUNBUFFERED": "1"}
    with log.open("w", encoding="utf-8") as told:
        command = [sys.executable, "-c", SERVE, str(at_once)]
        process = subprocess.Popen(command, cwd=CHECKOUT, env=environment, stdout=told, stderr=told)
        try:
            yield Server(_wait_for_address(process, log), process.pid)
        finally:
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()


def _wait_for_address(process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        if told := re.search(r"http://\S+", log.read_text(encoding="utf-8")):
            return told[0]
        time.sleep(0.1)
    raise RuntimeError(f"the server did not start: {log.read_text(encoding='utf-8')[-2000:]}")


def read_machine() -> float:
    """Seconds of processor that the whole machine has spent since it started."""
    first = Path("/proc/stat").read_text(encoding="utf-8").splitlines()[0].split()[1:9]
    user, nice, system, _idle, _waiting, *interrupts = map(int, first)
    return (user + nice + system + sum(interrupts)) / TICKS


@dataclass
class Meter:
    """Samples a server, the machine and this process, which plays the visitors, once a second."""

    server: Server
    taken: list[tuple[float, ...]] = field(default_factory=list)

    @asynccontextmanager
    async def measure(self) -> AsyncIterator[None]:
        """What goes on inside counts."""
        watching = asyncio.create_task(self._watch())
        yield
        watching.cancel()
        self._take()

    async def _watch(self) -> None:
        while True:
            self._take()
            await asyncio.sleep(1)

    def _take(self) -> None:
        cpu, memory = self.server.read_cpu(), self.server.read_memory()
        self.taken.append((time.monotonic(), cpu, time.process_time(), read_machine(), memory))

    @property
    def summary(self) -> dict[str, float]:
        """Cores in use, by the server, by its visitors and by all else; the server's memory in MB."""
        when, server, visitors, machine, memory = np.array(self.taken).T
        seconds = when[-1] - when[0]
        cores = {
            "server": (server[-1] - server[0]) / seconds,
            "visitors": (visitors[-1] - visitors[0]) / seconds,
            "machine": (machine[-1] - machine[0]) / seconds,
        }
        return {
            "server_cores": round(float(cores["server"]), 2),
            "visitors_cores": round(float(cores["visitors"]), 2),
            "others_cores": round(float(cores["machine"] - cores["server"] - cores["visitors"]), 2),
            "begin_mb": round(float(memory[0])),
            "most_mb": round(float(memory.max())),
            "end_mb": round(float(memory[-1])),
        }
