"""A child process answers under limits: each way of misbehaving fails alone, and the next request works."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ingest.child import MOST_REQUESTS, Child, ChildFailed, Limits
from tests.faults import tasks

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and resource limits are POSIX's")

ROOT = Path(tasks.__file__).parents[2]
LIMITS = Limits(seconds=20, memory=500_000_000)
HASTY = Limits(seconds=1, memory=500_000_000)


def run_task(header: dict[str, Any], payload: bytes) -> dict[str, Any]:
    """In the child: the task that the request names."""
    answer: dict[str, Any] = getattr(tasks, header["task"])(header, payload)
    return answer


@pytest.fixture
def child() -> Iterator[Child]:
    with Child("tests.ingest.test_child:run_task", LIMITS) as child:
        yield child


@pytest.fixture
def hasty() -> Iterator[Child]:
    with Child("tests.ingest.test_child:run_task", HASTY) as child:
        yield child


def fail(child: Child, task: str, payload: bytes = b"", **header: Any) -> str:
    """The reason of the failure, after which the next request was answered."""
    with pytest.raises(ChildFailed) as failure:
        child.ask({"task": task, **header}, payload)
    assert child.ask({"task": "echo"})["bytes"] == 0
    return str(failure.value)


def is_running(process_id: int) -> bool:
    """Not gone, and not a zombie that nobody has asked after."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{process_id}/status").read_text(encoding="ascii")
    except OSError:
        return False


def ends(process_id: int, seconds: float = 30) -> bool:
    deadline = time.monotonic() + seconds
    while is_running(process_id) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not is_running(process_id)


def test_a_child_answers(child: Child) -> None:
    assert child.ask({"task": "echo", "word": "é\udcff"}, b"1234") == {
        "header": {"task": "echo", "word": "é\udcff"},
        "bytes": 4,
    }


def test_a_payload_of_ten_megabytes_arrives(child: Child) -> None:
    assert child.ask({"task": "echo"}, bytes(10_000_000))["bytes"] == 10_000_000


def test_a_child_starts_with_the_first_request(child: Child) -> None:
    assert child.process_id == 0
    child.ask({"task": "echo"})
    assert child.process_id != 0


def test_a_child_is_asked_again_and_again(child: Child) -> None:
    first, second = (child.ask({"task": "describe_process"})["id"] for _ in range(2))
    assert first == second


def test_a_closed_child_is_gone_and_another_one_answers(child: Child) -> None:
    process_id = child.ask({"task": "describe_process"})["id"]
    child.close()
    assert not is_running(process_id)
    assert child.ask({"task": "describe_process"})["id"] != process_id


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        ("allocate", "needed more than 500 MB of memory"),
        ("abort", "was ended by signal SIGABRT"),
        ("read_null", "was ended by signal SIGSEGV"),
        ("leave", "ended with exit status 3"),
        ("fail", "failed with ValueError"),
        ("recurse", "failed with RecursionError"),
        ("unheard_of", "failed with AttributeError"),
        ("answer_nothing", "gave no proper reply (no answer in it)"),
        ("answer_with_bytes", "failed with TypeError"),
        ("open_files", "failed with OSError"),
    ],
)
def test_a_task_that_fails_fails_alone(child: Child, task: str, reason: str) -> None:
    assert fail(child, task) == reason


def test_an_answer_too_long_to_take_is_a_failure() -> None:
    with Child("tests.ingest.test_child:run_task", Limits(seconds=60)) as child:
        assert fail(child, "answer_at_length") == "gave no proper reply (longer than 100 MB)"


@pytest.mark.parametrize("task", ["spin", "sleep", "spin_on_all_processors"])
def test_a_task_that_does_not_end_is_ended(hasty: Child, task: str) -> None:
    assert fail(hasty, task) == "took more than 1 s"


@pytest.mark.parametrize(
    ("garbage", "reason"),
    [
        (b"\xff" * 1_000, "gave no proper reply (longer than 100 MB)"),
        (b"\0\0\0\x01\0\0\0\0{", "gave no proper reply (not JSON)"),
        (b"\0\0\0\x02\0\0\0\0[]", "gave no proper reply (not a JSON object)"),
        (b"\0\0\0\x02\0\0\0\0{}", "gave no proper reply (no answer in it)"),
        (b"\0\0\0\x09\0\0\0\0{}", "ended with exit status 0"),
    ],
)
def test_garbage_in_the_pipe_is_a_failure(child: Child, garbage: bytes, reason: str) -> None:
    assert fail(child, "write_to_the_pipe", garbage) == reason


def test_what_a_task_prints_is_no_reply(child: Child) -> None:
    assert child.ask({"task": "print_garbage"}) == {"printed": True}


def test_a_failure_keeps_the_traceback_for_the_log(child: Child) -> None:
    with pytest.raises(ChildFailed) as failure:
        child.ask({"task": "fail"})
    assert "ValueError: about" in "".join(failure.value.__notes__)


def test_a_child_that_cannot_be_started_is_a_failure() -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (4, hard))
    try:
        with Child("tests.faults.tasks:echo", LIMITS) as child, pytest.raises(ChildFailed) as failure:
            child.ask({})
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert str(failure.value) == "could not be started (Too many open files)"


def test_memory_without_a_limit_of_ours_ends_too() -> None:
    with Child("tests.faults.tasks:allocate", Limits(seconds=20)) as unlimited, pytest.raises(ChildFailed) as failure:
        unlimited.ask({"bytes": 10**15})
    assert str(failure.value) == "needed more memory than there is"


def test_a_function_that_is_not_there_is_a_failure() -> None:
    with Child("tests.faults.nowhere:run", LIMITS) as child, pytest.raises(ChildFailed, match="ModuleNotFoundError"):
        child.ask({})


def test_a_request_that_cannot_be_sent_leaves_the_child_usable(child: Child) -> None:
    with pytest.raises(TypeError):
        child.ask({"task": "echo", "word": object()})
    assert child.ask({"task": "echo"})["bytes"] == 0


def test_a_child_that_died_between_two_requests_is_replaced(child: Child) -> None:
    child.ask({"task": "echo"})
    os.kill(child.process_id, signal.SIGKILL)
    assert ends(child.process_id)
    assert child.ask({"task": "echo"})["bytes"] == 0


def test_a_child_writes_no_files(child: Child, tmp_path: Path) -> None:
    assert fail(child, "write_file", path=str(tmp_path / "written")) == "failed with OSError"
    assert (tmp_path / "written").stat().st_size == 0


def test_a_child_that_may_write_writes(tmp_path: Path) -> None:
    with Child("tests.ingest.test_child:run_task", Limits(seconds=20, writes=True)) as child:
        child.ask({"task": "write_file", "path": str(tmp_path / "written")})
    assert (tmp_path / "written").stat().st_size == 100_000


def test_a_child_inherits_no_secrets_and_no_stdin(child: Child) -> None:
    os.environ["CAREER_TEST_SECRET"] = "sk-secret"
    try:
        told = child.ask({"task": "describe_process"})
    finally:
        del os.environ["CAREER_TEST_SECRET"]
    assert "sk-secret" not in str(told["environment"])
    assert told["stdin"] == ""


def test_nothing_is_imported_from_the_working_folder(tmp_path: Path) -> None:
    (tmp_path / "colorsys.py").write_text("raise SystemExit(9)", encoding="utf-8")
    program = (
        "import sys\n"
        f"sys.path = ['', {str(tmp_path)!r}, *sys.path, {str(ROOT)!r}]\n"
        "from ingest.child import Child, Limits\n"
        "with Child('colorsys:hsv_to_rgb', Limits(20)) as child:\n"
        "    try: child.ask({})\n"
        "    except Exception as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "failed with TypeError\n"  # the standard library's, which wants three numbers


def test_limits_hold_for_each_request_anew(child: Child) -> None:
    first, second = (child.ask({"task": "describe_process"}) for _ in range(2))
    assert first["core"] == 0
    assert first["processor"] >= LIMITS.seconds
    assert second["processor"] <= LIMITS.seconds + 20  # what was used so far, and the limit again


def test_the_time_of_one_request_is_not_counted_for_the_next(hasty: Child) -> None:
    started = time.monotonic()
    processes = set()
    while time.monotonic() < started + 4 * HASTY.seconds:
        hasty.ask({"task": "sleep", "seconds": HASTY.seconds / 5})
        processes.add(hasty.process_id)
    assert len(processes) == 1


def test_a_child_waits_longer_than_a_request_may_take(hasty: Child) -> None:
    hasty.ask({"task": "echo"})
    process_id = hasty.process_id
    time.sleep(4 * HASTY.seconds)
    assert is_running(process_id)


def test_a_child_that_took_half_its_memory_is_replaced(child: Child) -> None:
    child.ask({"task": "allocate", "bytes": 300_000_000})
    assert child.process_id == 0
    assert child.peak_memory > 300_000_000


def test_a_child_is_replaced_after_many_requests(child: Child) -> None:
    processes = [child.ask({"task": "describe_process"})["id"] for _ in range(MOST_REQUESTS + 1)]
    assert len(set(processes[:-1])) == 1
    assert processes[-1] != processes[0]


def test_peak_memory_is_the_childs_and_not_the_parents(child: Child) -> None:
    filled = bytearray(b"x" * 300_000_000)
    child.ask({"task": "echo"})
    assert 0 < child.peak_memory < 100_000_000 < len(filled)


def test_ending_a_child_ends_what_it_has_started(hasty: Child, tmp_path: Path) -> None:
    with Child("tests.ingest.test_child:run_task", Limits(seconds=3, writes=True)) as child:
        fail(child, "start_another_process", path=str(tmp_path / "other"))
    assert ends(int((tmp_path / "other").read_text(encoding="ascii")))


def test_threads_take_turns(child: Child) -> None:
    answers: list[str] = []

    def ask(word: str) -> None:
        answers.append(child.ask({"task": "echo", "word": word})["header"]["word"])

    threads = [threading.Thread(target=ask, args=(str(number),)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == list("01234567")


def test_a_child_outlives_the_thread_that_started_it(child: Child) -> None:
    thread = threading.Thread(target=child.ask, args=({"task": "echo"},))
    thread.start()
    thread.join()
    process_id = child.process_id
    child.ask({"task": "echo"})
    assert child.process_id == process_id


PARENT = """\
import sys, threading
sys.path.append({root!r})
from ingest.child import Child, Limits
child = Child("tests.ingest.test_child:run_task", Limits(seconds={seconds}))
child.ask({{"task": "echo"}})
print(child.process_id, flush=True)
child.ask({{"task": {task!r}}})
"""


@pytest.mark.parametrize("task", ["echo", "sleep", "spin"])
def test_a_parent_that_is_killed_leaves_no_child_behind(task: str) -> None:
    program = PARENT.format(root=str(ROOT), seconds=3, task=task) + "import time; time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        process_id = int(parent.stdout.readline())
        assert is_running(process_id)
        parent.kill()
    assert ends(process_id)


def test_an_interrupt_ends_the_request_and_not_the_child_after_it() -> None:
    program = PARENT.format(root=str(ROOT), seconds=60, task="sleep").replace(
        "child.ask({\"task\": 'sleep'})",
        "threading.Timer(1, lambda: __import__('os').kill(__import__('os').getpid(), 2)).start()\n"
        'try: child.ask({"task": "sleep"})\n'
        'except KeyboardInterrupt: print(child.ask({"task": "echo"})["header"]["task"])',
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split()[-1] == "echo"
