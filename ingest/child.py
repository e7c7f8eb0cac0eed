"""A child process that answers requests one at a time, under limits, so that what kills it costs one request.

For work that may crash, hang or fill the memory: reading files from anywhere, asking an index that may be damaged. The
child runs one function of this project; requests and replies are JSON, never pickle, so a child that was taken over
cannot make its parent run anything. It bounds what a request costs; it is no sandbox against code that breaks out.

On Linux all limits hold. macOS takes the memory limit and does not keep it. Windows has none of the limits of
`resource`: there the time limit alone holds.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import struct
import subprocess
import sys
import threading
import time
import traceback
from contextlib import suppress
from dataclasses import asdict, dataclass
from math import ceil
from pathlib import Path
from typing import Any, BinaryIO, cast

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

MOST_REPLY = 100_000_000  # bytes: the longest page that is fetched, ten times over
MOST_REQUESTS = 200  # then another child: what a parser leaks does not add up
MOST_FILES = 64  # open at once
GRACE = 2  # seconds that a child without its parent may go on; with it, the parent is the first to end it

_FRAME = struct.Struct("!II")  # bytes of JSON, bytes of payload
_START = """\
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from ingest.child import Limits, serve
serve(sys.argv[2], Limits(**json.loads(sys.argv[3])))
"""
# What an interpreter needs to start. Keys, addresses and everything else stay with the parent.
_ENVIRONMENT = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")


class ChildFailed(Exception):
    """A request without a reply: the reason in words that follow "it". Its notes hold the child's traceback."""


@dataclass(frozen=True)
class Limits:
    """What one request may cost."""

    seconds: float  # on the clock, and of the processor
    memory: int = 0  # bytes of address space of the whole child; 0 for no limit
    writes: bool = False  # whether it may write files, and open as many as the system lets it


class Child:
    """One child process, started by the first request and again after a failure. Threads take turns."""

    def __init__(self, function: str, limits: Limits) -> None:
        self._function = function  # "package.module:function", called as function(header, payload) -> dict
        self._limits = limits
        self._process: subprocess.Popen[bytes] | None = None
        self._requests = 0  # of this process
        self._turn = threading.Lock()
        self.peak_memory = 0  # bytes, of the hungriest child that replied; 0 where the system does not tell

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def process_id(self) -> int:
        """The running child's, or 0: none is started before the first request."""
        return self._process.pid if self._process else 0

    def ask(self, header: dict[str, Any], payload: bytes = b"") -> dict[str, Any]:
        """What the function returns for `header` and `payload`. Raises ChildFailed; the next request works again."""
        with self._turn:
            process = self._find_process()
            self._requests += 1
            try:
                reply = self._exchange(process, header, payload)
            except BaseException:  # also an interrupt: the reply that is still to come is not the next one's
                self._end()
                raise
            return self._judge(reply)

    def close(self) -> None:
        """End the child, also in the middle of a request, which fails; another request would start another."""
        process = self._process
        if process is not None:
            _kill(process)  # or its turn would have to end by itself
        with self._turn:
            self._end()

    def _find_process(self) -> subprocess.Popen[bytes]:
        """The child that is there, or another when there is none, or when it has died meanwhile."""
        if self._process is not None and self._process.poll() is None:
            return self._process
        self._end()
        try:
            self._process = _start([self._function, json.dumps(asdict(self._limits))])
        except OSError as error:  # no memory, too many processes
            raise ChildFailed(f"could not be started ({error.strerror})") from error
        self._requests = 0
        return self._process

    def _exchange(self, process: subprocess.Popen[bytes], header: dict[str, Any], payload: bytes) -> dict[str, Any]:
        """Send and receive. Time is kept by ending the process, which ends every wait for it."""
        deadline = time.monotonic() + self._limits.seconds
        timer = threading.Timer(self._limits.seconds, _kill, (process,))
        timer.start()
        try:
            _write_frame(cast("BinaryIO", process.stdin), header, payload)
            reply, _ = _read_frame(cast("BinaryIO", process.stdout), MOST_REPLY)
            if not isinstance(reply.get("answer"), dict) and "raised" not in reply:
                raise ValueError("no answer in it")
        except (EOFError, OSError) as error:
            raise ChildFailed(self._tell_end(process, late=time.monotonic() >= deadline)) from error
        except ValueError as error:
            raise ChildFailed(f"gave no proper reply ({error})") from error
        finally:
            timer.cancel()
            timer.join()
        if time.monotonic() >= deadline:  # a reply in the last moment: the timer may have ended the child since
            raise ChildFailed(f"took more than {self._limits.seconds:g} s")
        return reply

    def _judge(self, reply: dict[str, Any]) -> dict[str, Any]:
        """The function's own reply, or ChildFailed with what it raised; a child that is used up is ended."""
        peak = reply.get("peak", 0)
        self.peak_memory = max(self.peak_memory, peak)
        memory = self._limits.memory
        out_of_memory = reply.get("raised") == "MemoryError"
        # A child that once took half its memory may not have given all of it back.
        if out_of_memory or self._requests >= MOST_REQUESTS or 2 * peak > memory > 0:
            self._end()
        if out_of_memory:
            raise ChildFailed(
                f"needed more {f'than {_in_words(memory)} of memory' if memory else 'memory than there is'}"
            )
        if "raised" in reply:
            failure = ChildFailed(f"failed with {reply['raised']}")
            failure.add_note(str(reply.get("traceback")))
            raise failure
        return cast("dict[str, Any]", reply["answer"])

    def _tell_end(self, process: subprocess.Popen[bytes], *, late: bool) -> str:
        """Why a child has hung up."""
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)
        _kill(process)
        code = process.wait()
        if late or (os.name == "posix" and code in (-signal.SIGXCPU, -signal.SIGALRM)):
            return f"took more than {self._limits.seconds:g} s"
        return f"was ended by signal {signal.Signals(-code).name}" if code < 0 else f"ended with exit status {code}"

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            _kill(process)
            process.wait()
            for stream in (process.stdin, process.stdout):
                with suppress(OSError):  # what was not sent yet cannot be sent any more
                    cast("BinaryIO", stream).close()


def _start(arguments: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        # Isolated (-I): neither the working folder nor the environment says what is imported; no bytecode (-B).
        [sys.executable, "-I", "-B", "-X", "utf8", "-c", _START, json.dumps(_find_import_path()), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
        start_new_session=True,  # an interrupt at the keyboard is the parent's business
    )


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a child and whatever it has started."""
    if process.poll() is not None:
        return
    if os.name == "posix":
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()


def _find_import_path() -> list[str]:
    """The parent's, so that an installed package, a checkout and a test run alike; without the working folder.

    The folder that this package was imported from belongs to it, even when it is the working folder.
    """
    home = Path(__file__).parents[1]
    folders = [Path(entry) for entry in sys.path if Path(entry).is_absolute()]
    return [str(folder) for folder in (*folders, home) if folder == home or folder != Path.cwd()]


def _in_words(memory: int) -> str:
    return f"{memory / 1e9:g} GB" if memory >= 1e9 else f"{memory / 1e6:g} MB"


def _write_frame(stream: BinaryIO, header: dict[str, Any], payload: bytes = b"") -> None:
    text = json.dumps(header).encode("ascii")  # escaped: half a surrogate pair survives, as in a file's name
    stream.write(_FRAME.pack(len(text), len(payload)))
    stream.write(text)
    stream.write(payload)
    stream.flush()


def _read_frame(stream: BinaryIO, most: int) -> tuple[dict[str, Any], bytes]:
    """Raises EOFError at the end, and ValueError for what is no frame of at most `most` bytes."""
    text_length, payload_length = _FRAME.unpack(_read_exactly(stream, _FRAME.size))
    if text_length + payload_length > most:
        raise ValueError(f"longer than {_in_words(most)}")
    text = _read_exactly(stream, text_length)
    payload = _read_exactly(stream, payload_length)
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError("not JSON") from error
    if not isinstance(header, dict):
        raise ValueError("not a JSON object")
    return header, payload


def _read_exactly(stream: BinaryIO, length: int) -> bytes:
    content = stream.read(length)
    if len(content) < length:
        raise EOFError
    return content


def serve(function: str, limits: Limits) -> None:
    """The child's side: answer requests with `function` until the parent closes the pipe or dies."""
    requests, replies = _keep_pipes()
    _set_limits(limits)
    with suppress(EOFError, OSError):  # the parent's end
        while True:
            header, payload = _read_frame(requests, sys.maxsize)
            _set_time_limit(limits.seconds)
            _reply(replies, {**_answer(function, header, payload), "peak": _measure_peak_memory()})
            _set_clock(0)


def _reply(replies: BinaryIO, reply: dict[str, Any]) -> None:
    try:
        _write_frame(replies, reply)
    except (TypeError, ValueError, MemoryError) as error:  # the answer does not go into JSON; nothing was written
        _write_frame(replies, _describe(error))


def _keep_pipes() -> tuple[BinaryIO, BinaryIO]:
    """The pipes for ourselves; whatever else prints, from C too, prints to stderr, and reads nothing."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return requests, replies


def _answer(function: str, header: dict[str, Any], payload: bytes) -> dict[str, Any]:
    module, _, name = function.partition(":")
    try:
        return {"answer": getattr(importlib.import_module(module), name)(header, payload)}
    except Exception as error:
        return _describe(error)


def _describe(error: Exception) -> dict[str, Any]:
    return {"raised": type(error).__name__, "traceback": "".join(traceback.format_exception(error))}


def _set_limits(limits: Limits) -> None:
    if resource is None:
        return
    _limit(resource.RLIMIT_CORE, 0)
    if limits.memory:
        _limit(resource.RLIMIT_AS, limits.memory)
    if not limits.writes:
        _limit(resource.RLIMIT_FSIZE, 0)
        _limit(resource.RLIMIT_NOFILE, MOST_FILES)


def _limit(kind: int, most: int) -> None:
    """As far as the system lets us: macOS refuses some."""
    with suppress(OSError, ValueError):
        resource.setrlimit(kind, (most, most))


def _set_time_limit(seconds: float) -> None:
    """From now on, on the processor and on the clock; the system keeps both, also inside a parser written in C.

    The parent keeps the time too. The clock here is for a child whose parent was killed; PR_SET_PDEATHSIG is no way
    out, since it fires when the thread ends that started the child.
    """
    if resource is not None:
        _, most = resource.getrlimit(resource.RLIMIT_CPU)
        with suppress(ValueError):  # the system's own limit is lower
            resource.setrlimit(resource.RLIMIT_CPU, (ceil(time.process_time() + seconds), most))
    _set_clock(seconds + GRACE)


def _set_clock(seconds: float) -> None:
    """The system ends this process in so many seconds; 0 takes that back."""
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _measure_peak_memory() -> int:
    """Bytes; 0 where the system does not tell. Not `ru_maxrss`: on Linux a child begins with its parent's peak."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0)
