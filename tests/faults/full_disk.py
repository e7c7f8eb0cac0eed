"""A disk that is full, a folder that cannot be written: a plain message soon, answers go on, the work resumes.

`python -m tests.faults.full_disk --times 10`. Needs root, for it mounts 40 MB of memory as a disk.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

from tests.faults.library import (
    WHOLE,
    Change,
    Clock,
    Defences,
    Findings,
    ProcessEnded,
    ask_process,
    describe_error,
    examine,
    examine_after,
    make,
    make_text,
    open_library,
    spell,
)

MEGABYTES = 40
ARTICLES = 100
NOBODY = 65534  # a user who owns nothing


@dataclass
class Tally:
    """What a run came to."""

    runs: int = 0
    stored: int = 0  # articles, before the disk was full
    slowest_message: float = 0.0  # seconds from the last article until the message
    messages: set[str] = field(default_factory=set)
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)


class MountRefused(Exception):
    """Not root, or a container that may not mount."""


@contextmanager
def mount_small_disk() -> Iterator[Path]:
    """A disk of 40 MB; gone afterwards. Raises MountRefused."""
    with tempfile.TemporaryDirectory() as folder:
        options = ["-t", "tmpfs", "-o", f"size={MEGABYTES}m", "none", folder]
        try:
            subprocess.run(["mount", *options], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise MountRefused(str(error)) from error
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


def run(times: int, *, seed: int = 0) -> Tally:
    """Fill a disk `times` times, with 1 to 4 MB of room; ends at the first fault. Raises MountRefused."""
    clock, chance, tally = Clock(), random.Random(seed), Tally()
    while tally.runs < times and not tally.faults:
        with mount_small_disk() as disk:
            tally.faults += _fill(disk, chance, tally)
        tally.runs += 1
    tally.seconds = round(clock.read(), 1)
    return tally


@dataclass(frozen=True)
class Filled:
    """How far an ingest came."""

    stored: int
    message: str  # "" when all was stored
    seconds: float  # until the message, from the last article that was stored


def ingest(home: Path, changes: Sequence[Change], user: int, reply: Connection) -> None:
    """In a process of its own: make the changes until one fails."""
    if user:
        os.setuid(user)
    stored, clock = 0, Clock()
    try:
        with open_library(home) as library:
            for change in changes:
                clock = Clock()
                make(library, change)
                stored += 1
    except Exception as error:
        reply.send(Filled(stored, describe_error(error), clock.read()))
    else:
        reply.send(Filled(stored, "", 0.0))


def read(home: Path, user: int, reply: Connection) -> None:
    """In a process of its own: what a reader finds, or the error that it gets."""
    if user:
        os.setuid(user)
    try:
        with open_library(home, read_only=True) as library:
            reply.send(examine(library))
    except Exception as error:
        reply.send(describe_error(error))


def _fill(disk: Path, chance: random.Random, tally: Tally) -> Iterator[str]:
    home, filler = disk / "library", disk / "filler"
    filler.write_bytes(bytes(MEGABYTES * 2**20 - chance.randint(1_000_000, 4_000_000)))
    changes = [Change(f"article-{spell(number)}", make_text(chance)) for number in range(ARTICLES)]
    filled = ask_process(ingest, home, changes, 0)
    if isinstance(filled, ProcessEnded):
        yield f"filling: {filled.how}"
        return
    tally.stored += filled.stored
    tally.messages.add(filled.message.replace(str(disk), ""))
    tally.slowest_message = round(max(tally.slowest_message, filled.seconds), 2)
    if not filled.message:
        yield "the disk never was full"
    yield from _judge_message("filling", filled)
    yield from _judge_texts("reading on the full disk", ask_process(read, home, 0), changes[: filled.stored])
    filler.unlink()
    again = ask_process(ingest, home, changes, 0)
    if again != Filled(ARTICLES, "", 0.0):
        yield f"the same ingest with room again: {again}"
    after = ask_process(examine_after, home, WHOLE)
    yield from _judge_texts("after all", after, changes)


def _judge_message(when: str, filled: Filled) -> Iterator[str]:
    if "FAULT" in filled.message or (filled.message and "Free some space" not in filled.message):
        yield f"{when}: {filled.message}"
    if filled.seconds > 10:
        yield f"{when}: the message came after {filled.seconds:.0f} s"


def _judge_texts(when: str, found: Findings | ProcessEnded | str, changes: Sequence[Change]) -> Iterator[str]:
    if not isinstance(found, Findings):
        yield f"{when}: {found}"
        return
    yield from (f"{when}: {fault}" for fault in found.faults)
    if found.texts != {change.name: change.text for change in changes}:
        yield f"{when}: {len(found.texts)} articles instead of the {len(changes)} that were acknowledged"


# -- folders that cannot be written ------------------------------------------------------------------------------------


def find_faults_of_read_only_disk() -> list[str]:
    """A library on a disk that was mounted again for reading only. Raises MountRefused."""
    with mount_small_disk() as disk:
        changes = _make_library(disk / "library")
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True, capture_output=True)
        return list(_judge_unwritable(disk / "library", changes, 0))


def find_faults_of_other_user(home: Path, mode: int, defences: Defences = WHOLE) -> list[str]:
    """A library of root's, used by somebody else. `mode` is of the folder."""
    changes = _make_library(home)
    home.chmod(mode)
    return list(_judge_unwritable(home, changes, NOBODY, readable=bool(mode & 0o005)))


def _make_library(home: Path) -> list[Change]:
    chance = random.Random(0)
    changes = [Change(f"article-{spell(number)}", make_text(chance)) for number in range(3)]
    ask_process(ingest, home, changes, 0)
    return changes


def _judge_unwritable(home: Path, changes: Sequence[Change], user: int, *, readable: bool = True) -> Iterator[str]:
    refused = ask_process(ingest, home, [Change("new", "One more.")], user)
    if isinstance(refused, ProcessEnded) or not refused.message:
        yield f"writing where nothing can be written: {refused}"
    else:
        yield from _judge_message("writing", refused)
    found = ask_process(read, home, user)
    if readable:
        yield from _judge_texts("reading", found, changes)
    elif not isinstance(found, str) or "FAULT" in found:
        yield f"reading what may not be read: {found}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.full_disk", description=__doc__)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    tally = run(chosen.times, seed=chosen.seed)
    print(tally)
    faults = find_faults_of_read_only_disk()
    print(f"read-only disk: {faults}")
    return 1 if tally.faults or faults else 0


if __name__ == "__main__":
    sys.exit(main())
