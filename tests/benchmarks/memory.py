"""How much memory a process took at most."""

from __future__ import annotations

import re
from pathlib import Path


def read_peak_memory(process: int | str = "self") -> int:
    """Peak resident memory in MB of one process alone: getrusage's figure remembers the process that started it."""
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    return round(int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) / 1024)
