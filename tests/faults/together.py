"""Two ingests at once, and an ingest while four readers ask: every passage finds itself, and nobody sees an error.

`python -m tests.faults.together --times 20`
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

from ingest.article import Passage
from ingest.library import Library
from tests.fakes import split_paragraphs
from tests.faults.library import (
    LONG_WAIT,
    PROCESSES,
    WHOLE,
    Change,
    Clock,
    Defences,
    Ended,
    Findings,
    Ingest,
    ProcessEnded,
    State,
    apply_changes,
    ask_process,
    describe_error,
    examine_now,
    find_lost,
    make_changes,
    make_text,
    open_library,
    spell,
    to_article,
)

CHANGES = 10  # of one ingest
READERS = 4
SHARED = "shared"  # the article that both of two ingests write


@dataclass
class Tally:
    """What a run came to."""

    runs: int = 0
    changes: int = 0  # acknowledged
    questions: int = 0  # that readers asked meanwhile
    slowest_question: float = 0.0  # seconds
    slowest_sight: float = 0.0  # seconds from the acknowledgement of an article until a reader found it
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)


# -- two ingests -------------------------------------------------------------------------------------------------------


def run_writers(times: int, *, seed: int = 0, defences: Defences = WHOLE) -> Tally:
    """Two ingests at once into a new library, `times` times; ends at the first fault."""
    clock, chance, tally = Clock(), random.Random(seed), Tally()
    while tally.runs < times and not tally.faults:
        with tempfile.TemporaryDirectory() as home:
            _write_together(Path(home), chance, tally, defences)
        tally.runs += 1
    tally.seconds = round(clock.read(), 1)
    return tally


def _write_together(home: Path, chance: random.Random, tally: Tally, defences: Defences) -> None:
    names = [[SHARED, f"{side}-first", f"{side}-second"] for side in ("one", "two")]
    plans = [make_changes(chance, {}, CHANGES, own, kept=SHARED) for own in names]
    ingests = [Ingest(home, defences, plan) for plan in plans]
    for ended in [ingest.wait() for ingest in ingests]:
        tally.changes += ended.acknowledged
        if (ended.exit_code, ended.acknowledged) != (0, CHANGES):
            tally.faults.append(f"an ingest ended with {ended.exit_code} after {ended.acknowledged} changes")
    tally.faults += _judge(ask_process(examine_now, home, defences), [apply_changes({}, plan) for plan in plans])


def _judge(found: Findings | ProcessEnded, states: Sequence[State]) -> list[str]:
    if isinstance(found, ProcessEnded):
        return [f"afterwards: {found.how}"]
    least = {name: text for state in states for name, text in state.items() if name != SHARED}
    faults = list(found.faults)
    if {name: text for name, text in found.texts.items() if name != SHARED} != least:
        faults.append("an article is not as the only process that wrote it left it")
    if found.texts.get(SHARED) not in [state.get(SHARED) for state in states]:
        faults.append("the article that both wrote is as neither left it")
    return faults


# -- an ingest beside readers ------------------------------------------------------------------------------------------


def run_readers(times: int, *, seed: int = 0, defences: Defences = WHOLE) -> Tally:
    """An ingest while readers that had opened the library before ask, `times` times; ends at the first fault."""
    clock, chance, tally = Clock(), random.Random(seed), Tally()
    while tally.runs < times and not tally.faults:
        with tempfile.TemporaryDirectory() as scratch:
            _write_beside_readers(Path(scratch), chance, tally, defences)
        tally.runs += 1
    tally.seconds = round(clock.read(), 1)
    return tally


def _write_beside_readers(scratch: Path, chance: random.Random, tally: Tally, defences: Defences) -> None:
    home, over = scratch / "library", scratch / "over"
    known = [Change(f"known-{spell(number)}", make_text(chance)) for number in range(3)]
    changes = _make_news(chance, [change.name for change in known[1:]])
    Ingest(home, defences, known).wait()
    readers = [Reader(home, over, known[0], changes, defences) for _ in range(READERS)]
    for reader in readers:
        reader.wait_until_open()
    ended = Ingest(home, defences, changes).wait()
    time.sleep(1)
    over.touch()
    if (ended.exit_code, ended.acknowledged) != (0, len(changes)):
        tally.faults.append(f"the ingest ended with {ended.exit_code} after {ended.acknowledged} changes")
    hung_at = time.monotonic() + LONG_WAIT
    for reader in readers:
        _count(reader.wait(hung_at), ended, tally)
    tally.changes += ended.acknowledged


def _make_news(chance: random.Random, changing: Sequence[str]) -> list[Change]:
    """New articles, and after each a new text of one that was there."""
    news = [Change(f"new-{spell(number)}", make_text(chance)) for number in range(CHANGES // 2)]
    return [change for new in news for change in (new, Change(chance.choice(changing), make_text(chance)))]


def _count(read: Read | ProcessEnded, ended: Ended, tally: Tally) -> None:
    if isinstance(read, ProcessEnded):
        tally.faults.append(f"a reader: {read.how}")
        return
    tally.questions += read.questions
    tally.slowest_question = round(max(tally.slowest_question, read.slowest), 2)
    tally.faults += [f"a reader: {fault}" for fault in read.faults]
    for change, moment in zip(ended.changes, ended.moments, strict=False):
        if not change.name.startswith("new-"):
            continue
        if change.name not in read.seen:
            tally.faults.append(f"a reader: {change.name} was not found within a second of the end")
        else:
            tally.slowest_sight = round(max(tally.slowest_sight, read.seen[change.name] - moment), 2)


@dataclass
class Read:
    """What a reader met with."""

    questions: int = 0
    slowest: float = 0.0  # seconds
    seen: dict[str, float] = field(default_factory=dict)  # when each new article was first found, by `time.time`
    faults: list[str] = field(default_factory=list)


class Reader:
    """A process that has a library open and asks until it is told that all is over."""

    def __init__(self, home: Path, over: Path, known: Change, changes: Sequence[Change], defences: Defences) -> None:
        self._reply, sender = PROCESSES.Pipe(duplex=False)
        self._process = PROCESSES.Process(target=read_on, args=(home, over, known, changes, defences, sender))
        self._process.start()
        sender.close()

    def wait_until_open(self) -> None:
        with suppress(EOFError):  # it died: `wait` tells of what
            if self._reply.poll(LONG_WAIT):
                self._reply.recv_bytes()

    def wait(self, hung_at: float) -> Read | ProcessEnded:
        """What it read; that it gave no reply, when there is none by `hung_at` of `time.monotonic`."""
        try:
            in_time = self._reply.poll(max(hung_at - time.monotonic(), 0))
            read = self._reply.recv() if in_time else ProcessEnded("no reply")
        except EOFError:
            self._process.join(LONG_WAIT)
            read = ProcessEnded(f"the process ended with {self._process.exitcode}")
        self._process.kill()
        self._process.join()
        self._reply.close()
        return read if isinstance(read, Read) else ProcessEnded(read.how)


def read_on(
    home: Path, over: Path, known: Change, changes: Sequence[Change], defences: Defences, reply: Connection
) -> None:
    """In a process of its own: ask for what is known, for what is new and for what changes, until `over` is there."""
    read, news = Read(), [change for change in changes if change.name.startswith("new-")]
    changing = sorted({change.name for change in changes} - {change.name for change in news})
    passages = split_paragraphs(to_article(known.name, known.text))
    with open_library(home, defences, read_only=True) as library:
        find_all(library, passages[:1], read)
        reply.send_bytes(b"open")
        while not over.exists() and not read.faults:
            try:
                find_all(library, passages, read)
                look_for_news(library, news, read)
                read.faults += [fault for name in changing for fault in find_half(library, name)]
            except Exception as error:
                read.faults.append(describe_error(error))
            time.sleep(0.02)
    reply.send(read)


def find_all(library: Library, passages: Sequence[Passage], read: Read) -> None:
    for passage in passages:
        clock = Clock()
        read.faults += find_lost(library, passage)
        read.questions += 1
        read.slowest = max(read.slowest, clock.read())


def look_for_news(library: Library, news: Sequence[Change], read: Read) -> None:
    """Note when an article is first found, by vector and by word, in all its passages."""
    for change in news:
        passages = split_paragraphs(to_article(change.name, change.text))
        if change.name not in read.seen and not any(find_lost(library, passages[0])):
            read.faults += [fault for passage in passages for fault in find_lost(library, passage)]
            read.seen[change.name] = time.time()


def find_half(library: Library, name: str) -> Iterator[str]:
    """Passages that an article lacks although its text was the same before and after."""
    before = library.article(name)
    passages = split_paragraphs(before)
    stored = library.passages([passage.id for passage in passages])
    if len(stored) < len(passages) and library.article(name).text == before.text:
        yield f"{name}: {len(passages) - len(stored)} of its {len(passages)} passages are missing"


# -- one lock ----------------------------------------------------------------------------------------------------------


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.together", description=__doc__)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    tallies = [run_writers(chosen.times, seed=chosen.seed), run_readers(chosen.times, seed=chosen.seed)]
    for what, tally in zip(("two ingests", "an ingest beside four readers"), tallies, strict=True):
        print(f"{what}: {tally}")
    return 1 if any(tally.faults for tally in tallies) else 0


if __name__ == "__main__":
    sys.exit(main())
