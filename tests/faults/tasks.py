"""Tasks for children: some do what no task should. Each is called as task(header, payload)."""

from __future__ import annotations

import ctypes
import hashlib
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

Reply = dict[str, Any]


def echo(header: Reply, payload: bytes) -> Reply:
    return {"header": header, "bytes": len(payload)}


def describe_process(header: Reply, payload: bytes) -> Reply:
    import resource

    return {
        "id": os.getpid(),
        "path": sys.path,
        "modules": sorted(sys.modules),
        "environment": dict(os.environ),
        "stdin": sys.stdin.read(),
        "core": resource.getrlimit(resource.RLIMIT_CORE)[0],
        "processor": resource.getrlimit(resource.RLIMIT_CPU)[0],
    }


def read_and_list_modules(header: Reply, payload: bytes) -> Reply:
    """What has been imported once a page was read."""
    from ingest.reader import read_in_child

    read_in_child(header, payload)
    return {"modules": sorted({name.partition(".")[0] for name in sys.modules})}


def spin(header: Reply, payload: bytes) -> Reply:
    while True:
        pass


def spin_on_all_processors(header: Reply, payload: bytes) -> Reply:
    """Hashing releases the interpreter's lock, so that more seconds of processor pass than on the clock."""
    for _ in range(os.cpu_count() or 1):
        threading.Thread(target=lambda: [hashlib.sha256(bytes(10_000_000)) for _ in range(10_000)]).start()
    return sleep(header, payload)


def sleep(header: Reply, payload: bytes) -> Reply:
    time.sleep(header.get("seconds", 600))
    return {}


def allocate(header: Reply, payload: bytes) -> Reply:
    """Three GB, or as many bytes as told."""
    return {"bytes": len(b"x" * header.get("bytes", 3_000_000_000))}


def abort(header: Reply, payload: bytes) -> Reply:
    os.abort()


def read_null(header: Reply, payload: bytes) -> Reply:
    ctypes.string_at(0)
    return {}


def leave(header: Reply, payload: bytes) -> Reply:
    sys.exit(3)


def recurse(header: Reply, payload: bytes) -> Reply:
    return recurse(header, payload)


def fail(header: Reply, payload: bytes) -> Reply:
    raise ValueError("about\nnothing")


def print_garbage(header: Reply, payload: bytes) -> Reply:
    print("{" * 100_000, flush=True)
    os.write(1, b"\xff" * 100_000)
    return {"printed": True}


def write_to_the_pipe(header: Reply, payload: bytes) -> Reply:
    """What a task can only do that looks for the pipe: 3 is the requests', 4 the replies'."""
    os.write(4, payload)
    os._exit(0)


def answer_at_length(header: Reply, payload: bytes) -> Reply:
    return {"text": "x" * 120_000_000}


def answer_nothing(header: Reply, payload: bytes) -> Any:
    return None


def answer_with_bytes(header: Reply, payload: bytes) -> Reply:
    return {"bytes": payload}


def write_file(header: Reply, payload: bytes) -> Reply:
    Path(header["path"]).write_bytes(b"x" * 100_000)
    return {}


def open_files(header: Reply, payload: bytes) -> Reply:
    return {"open": len([Path(os.devnull).open("rb") for _ in range(1000)])}


def start_another_process(header: Reply, payload: bytes) -> Reply:
    """One that would outlive this one."""
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    Path(header["path"]).write_text(str(other.pid), encoding="ascii")
    return sleep({}, b"")
