"""`kill -9` at any moment of an ingest: no acknowledged article lost, no half article, the next start unaided.

`python -m tests.faults.kill --times 300` kills at random moments, `--times 50 --aimed-at chroma` while Chroma writes
its files, `--aimed-at catalog` in a transaction.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.faults.library import (
    WHOLE,
    Clock,
    Defences,
    Ended,
    Findings,
    Ingest,
    State,
    apply_changes,
    ask_process,
    examine_after,
    judge,
    make_changes,
)

CHANGES = 8  # of one ingest
TARGETS = {"chroma": "chroma/*/*/*", "catalog": "catalog.sqlite3*"}
KILLS_OF_ONE_LIBRARY = 25  # then a new one: some states only come about in an old library, others in a new one


@dataclass
class Tally:
    """What a run of kills came to."""

    kills: int = 0
    finished: int = 0  # ingests that were done before their kill came; no kills
    in_the_middle: int = 0  # kills after the first article was acknowledged
    unacknowledged: int = 0  # kills between an article's commit and its acknowledgement
    torn: int = 0  # kills that left Chroma's graph files other than the catalog knows them
    changes: int = 0  # acknowledged, over all ingests
    slowest_start: float = 0.0  # seconds in which a reader and the next writer examined everything after a kill
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)


def run(times: int, *, aimed_at: str = "", seed: int = 0, defences: Defences = WHOLE) -> Tally:
    """Kill `times` ingests into libraries that go on after each kill; ends at the first fault."""
    clock, chance, tally = Clock(), random.Random(seed), Tally()
    while tally.kills < times and not tally.faults:
        until = min(times, tally.kills + KILLS_OF_ONE_LIBRARY)
        with tempfile.TemporaryDirectory() as home:
            _wear_out(Path(home), until, chance, tally, defences, aimed_at=aimed_at)
    tally.seconds = round(clock.read(), 1)
    return tally


def _wear_out(
    home: Path, until: int, chance: random.Random, tally: Tally, defences: Defences, *, aimed_at: str
) -> None:
    """One library, until it has a fault or `until` kills are counted."""
    state: State = {}
    duration = 0.5  # seconds of an ingest
    while tally.kills < until and not tally.faults:
        ingest = Ingest(home, defences, make_changes(chance, state, CHANGES))
        if aimed_at:
            _wait_until_it_writes(ingest, home, TARGETS[aimed_at], chance)
        else:
            time.sleep(chance.uniform(0, duration))
        killed = ingest.kill()
        # How long one takes depends on what the library holds and on the machine: kept so that one in seven finishes.
        duration *= 0.9 if killed.exit_code == 0 else 1.02
        state = _examine(home, state, killed, tally, defences)


def _examine(home: Path, before: State, killed: Ended, tally: Tally, defences: Defences) -> State:
    """Count what the kill was, look for what it cost, and give back what the library holds."""
    tally.changes += killed.acknowledged
    clock = Clock()
    found = ask_process(examine_after, home, defences)
    tally.slowest_start = round(max(tally.slowest_start, clock.read()), 1)
    if not isinstance(found, Findings):
        tally.faults.append(f"after a kill: {found.how}")
        return before
    tally.faults += judge(found, before, killed.changes, killed.acknowledged)
    if killed.exit_code == -signal.SIGKILL:
        tally.kills += 1
        tally.torn += found.torn
        tally.in_the_middle += killed.acknowledged > 0
        tally.unacknowledged += found.texts != apply_changes(before, killed.changes[: killed.acknowledged])
    elif killed.exit_code == 0:
        tally.finished += 1
    else:
        tally.faults.append(f"the ingest ended with {killed.exit_code} before it was killed")
    return found.texts


def _wait_until_it_writes(ingest: Ingest, home: Path, pattern: str, chance: random.Random) -> None:
    """Until one of these files has just changed, not always for the first time; or the ingest is over."""
    for _ in range(chance.randint(1, 20)):
        before = _list_files(home, pattern)
        while _list_files(home, pattern) == before:
            if not ingest.is_running():
                return
    time.sleep(chance.uniform(0, 0.003))  # a graph is written in about as much, and an article stored


def _list_files(home: Path, pattern: str) -> dict[str, tuple[int, int]]:
    """When each file was last written, and how long it is."""
    found = {}
    for file in home.glob(pattern):
        try:
            status = file.stat()
        except FileNotFoundError:
            continue
        found[str(file)] = (status.st_mtime_ns, status.st_size)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.kill", description=__doc__)
    parser.add_argument("--times", type=int, default=300)
    parser.add_argument("--aimed-at", choices=TARGETS, default="", help="kill while these files are written")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    tally = run(chosen.times, aimed_at=chosen.aimed_at, seed=chosen.seed)
    for name, value in asdict(tally).items():
        print(f"{name:16} {value}")
    return 1 if tally.faults else 0


if __name__ == "__main__":
    sys.exit(main())
