"""Each file of a library truncated, flipped, emptied or deleted: mended or refused in plain words, no wrong answer.

`python -m tests.faults.damage` does all of it to every file that is there, `--flips 60` flips as many bits of each.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import re
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from ingest.library import Library
from tests.fakes import split_paragraphs
from tests.faults.career import Ended, run_career
from tests.faults.library import (
    WHOLE,
    Clock,
    Defences,
    ProcessEnded,
    State,
    apply_changes,
    ask_process,
    describe_error,
    make,
    make_changes,
    open_library,
    to_article,
)

BLOCK = 4096  # bytes, of a disk
REMEDY = re.compile(r"`career |[Rr]estore|[Mm]ove it|[Ff]ree some|[Ff]ix|[Tt]ry again|[Ii]ngest|CAREER_")


# -- damage ------------------------------------------------------------------------------------------------------------


def truncate(file: Path, chance: random.Random) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def empty(file: Path, chance: random.Random) -> None:
    file.write_bytes(b"")


def delete(file: Path, chance: random.Random) -> None:
    file.unlink()


def flip_bit(file: Path, chance: random.Random) -> None:
    content = bytearray(file.read_bytes())
    if content:
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    file.write_bytes(content)


def flip_block(file: Path, chance: random.Random) -> None:
    content = file.read_bytes()
    begin = chance.randrange(max(1, len(content) // BLOCK)) * BLOCK
    flipped = bytes(byte ^ 0xFF for byte in content[begin : begin + BLOCK])
    file.write_bytes(content[:begin] + flipped + content[begin + BLOCK :])


DAMAGES: tuple[Callable[[Path, random.Random], None], ...] = (truncate, empty, delete, flip_bit, flip_block)


@dataclass(frozen=True)
class Case:
    """One thing done to one file."""

    file: str
    damage: Callable[[Path, random.Random], None]
    seed: int

    @property
    def name(self) -> str:
        return f"{self.file} {self.damage.__name__} {self.seed}"


def list_cases(library: Path, seed: int, flips: int = 1) -> list[Case]:
    """Each damage to each file that is there; `flips` bits, each in a library of its own."""
    files = sorted(str(file.relative_to(library)) for file in library.rglob("*") if file.is_file())
    once = [Case(file, damage, seed) for file in files for damage in DAMAGES]
    return once + [Case(file, flip_bit, seed + number) for file in files for number in range(1, flips)]


# -- libraries ---------------------------------------------------------------------------------------------------------


def make_library(home: Path, killed: Path, defences: Defences, reply: Connection) -> None:
    """In a process of its own: a library in `home` as a writer leaves it; in `killed` as a kill of one leaves it."""
    changes = make_changes(random.Random(7), {}, 12)
    with open_library(home, defences) as library:
        for change in changes[:8]:
            make(library, change)
    with open_library(home, defences) as library:
        for change in changes[8:]:
            make(library, change)
        with library._lock.hold():
            shutil.copytree(home, killed)
    reply.send(apply_changes({}, changes))


# -- answers -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answers:
    """What a library says to each question, and the errors that it gives instead."""

    said: dict[str, Any]
    refused: dict[str, str]


def consult(home: Path, defences: Defences, step: str, state: State, reply: Connection) -> None:
    """In a process of its own: open the library to "read", to "write" or to "repair" it, ask everything, check."""
    said: dict[str, Any] = {}
    refused: dict[str, str] = {}

    def ask(question: str, answer: Callable[[], Any]) -> None:
        try:
            said[question] = answer()
        except Exception as error:
            refused[question] = describe_error(error)

    def ask_all() -> None:
        with open_library(home, defences, read_only=step == "read") as library:
            if step == "repair":
                ask("repair", library.repair)
            for question, answer in list_questions(library, state):
                ask(question, answer)
            ask("check", library.check)

    ask("open", ask_all)
    reply.send(Answers(said, refused))


def list_questions(library: Library, state: State) -> Iterator[tuple[str, Callable[[], Any]]]:
    yield "articles", lambda: sorted(summary.id for summary in library.articles())
    for name, text in state.items():
        yield f"text of {name}", partial(read_text, library, name)
        for passage in split_paragraphs(to_article(name, text))[::3]:
            yield f"near {name}: {passage.text}", partial(find_near, library, passage.embedded_text)
            yield f"words of {name}: {passage.text}", partial(find_words, library, passage.text)


def read_text(library: Library, name: str) -> str:
    return library.article(name).text


def find_near(library: Library, text: str) -> list[str]:
    return show_first(library, library.search_vectors(library.embed_question(text).text, 3))


def find_words(library: Library, text: str) -> list[str]:
    return show_first(library, library.search_text(text, 3))


def show_first(library: Library, found: Sequence[tuple[str, float]]) -> list[str]:
    """The first passage with all that an answer is made from; nothing when there is none."""
    shown = []
    for stored in library.passages([passage_id for passage_id, _ in found[:1]]).values():
        vectors = stored.vector.tobytes() + stored.unit_vectors.tobytes() + stored.words.tobytes()
        shown += [repr(stored.passage), hashlib.sha256(vectors).hexdigest()]
    return shown


# -- judgement ---------------------------------------------------------------------------------------------------------


@dataclass
class Tally:
    """What became of the cases."""

    outcomes: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def count(self, case: str, verdict: Verdict) -> None:
        self.outcomes[verdict.outcome] += 1
        notices = [notice for step in verdict.consulted for notice in verdict.find_notices(step)]
        self.refusals.update({re.sub(r"/\S*/", "", notice)[:160] for notice in notices})
        self.faults += [f"{case}: {fault}" for fault in verdict.faults[:4]]


@dataclass(frozen=True)
class Ground:
    """A whole library, and what it says."""

    home: Path
    state: State
    answers: Answers
    commands: Mapping[tuple[str, ...], Ended]


def run(cases: Callable[[Path], Sequence[Case]], defences: Defences = WHOLE) -> Tally:
    """Do `cases` to a library that a writer left and to one that a kill of a writer left."""
    clock, tally = Clock(), Tally()
    with tempfile.TemporaryDirectory() as scratch:
        homes = [Path(scratch) / "left", Path(scratch) / "killed"]
        state = ask_process(make_library, *homes, defences)
        for home in homes:
            ground = lay_ground(home, state, defences)
            for case in cases(home):
                _do(case, ground, defences, tally)
    tally.seconds = round(clock.read(), 1)
    return tally


def lay_ground(home: Path, state: State, defences: Defences) -> Ground:
    copy = home.with_name("copy")
    _copy(home, copy)
    answers = ask_process(consult, copy, defences, "read", state)
    word = next(iter(state.values())).split()[0]
    asked: list[tuple[str, ...]] = [("articles",), ("doctor",), ("ask", f"What does {word} need?")]
    commands = {command: ask_process(run_career, copy, defences, command) for command in asked}
    return Ground(home, state, answers, commands)


def _do(case: Case, ground: Ground, defences: Defences, tally: Tally) -> None:
    """One case, come across in every way: by a reader, by a repair after it, by a writer, by each command."""
    copy = ground.home.with_name("copy")
    _lay_copy(case, ground, copy)
    consulted = {step: ask_process(consult, copy, defences, step, ground.state) for step in ("read", "repair")}
    consulted["read after repair"] = ask_process(consult, copy, defences, "read", ground.state)
    _lay_copy(case, ground, copy)
    consulted["write"] = ask_process(consult, copy, defences, "write", ground.state)
    ended = {}
    for command in ground.commands:
        _lay_copy(case, ground, copy)
        ended[command] = ask_process(run_career, copy, defences, command)
    verdict = Verdict(ground, consulted, ended)
    tally.count(f"{ground.home.name}/{case.name}", verdict)


def _lay_copy(case: Case, ground: Ground, copy: Path) -> None:
    _copy(ground.home, copy)
    case.damage(copy / case.file, random.Random(case.seed))


def _copy(home: Path, copy: Path) -> None:
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(home, copy)


@dataclass(frozen=True)
class Verdict:
    """What a damaged library did, against what it did when it was whole."""

    ground: Ground
    consulted: Mapping[str, Answers | ProcessEnded]
    ended: Mapping[tuple[str, ...], Ended | ProcessEnded]

    @property
    def outcome(self) -> str:
        after = self.consulted["read after repair"]
        if self.faults:
            return "FAULT"
        if isinstance(after, Answers) and "open" in after.refused:
            return "refused"
        if self.named:
            return "mended but for what it names"
        return "mended" if any(self.find_notices(step) for step in self.consulted) else "as before"

    @cached_property
    def faults(self) -> list[str]:
        found = [fault for step in self.consulted for fault in self.judge_step(step)]
        return found + [fault for command in self.ended for fault in self.judge_command(command)]

    @cached_property
    def named(self) -> set[str]:
        """The articles that it says to have lost."""
        said = "\n".join(notice for step in self.consulted for notice in self.find_notices(step))
        return {name for name in self.ground.state if re.search(rf"\b{name}\b", said)}

    def find_notices(self, step: str) -> list[str]:
        """Everything that it said about its state."""
        answers = self.consulted[step]
        if isinstance(answers, ProcessEnded):
            return []
        told = [line for name in ("check", "repair") for line in answers.said.get(name) or ()]
        return [*map(str, told), *answers.refused.values()]

    def judge_step(self, step: str) -> Iterator[str]:
        answers = self.consulted[step]
        if isinstance(answers, ProcessEnded):
            yield f"{step}: {answers.how}"
            return
        for question, refusal in answers.refused.items():
            if "FAULT" in refusal or not REMEDY.search(refusal):
                yield f"{step}: {question}: {refusal}"
        for question, answer in self.ground.answers.said.items():
            got = answers.said.get(question, answer)
            if question != "check" and got != answer and not self._is_excused(step, question, got):
                yield f"{step}: another answer to {question!r}: {got!r:.200}"
        if "repair" in step and not self.named and answers.said.get("check"):
            yield f"{step}: still {answers.said['check']}"

    def _is_excused(self, step: str, question: str, got: Any) -> bool:
        """True of what is missing after a repair that told so."""
        missing = got in ([], "") or (question == "articles" and set(self.ground.state) - set(got) <= self.named)
        return (
            "repair" in step
            and missing
            and (question == "articles" or any(f"{name}" in question for name in self.named))
        )

    def judge_command(self, command: tuple[str, ...]) -> Iterator[str]:
        ended, whole = self.ended[command], self.ground.commands[command]
        if isinstance(ended, ProcessEnded):
            yield f"career {command[0]}: {ended.how}"
            return
        yield from (f"career {command[0]}: {fault}" for fault in ended.find_faults())
        if ended.code == 0 and ended.output != whole.output:
            yield f"career {command[0]}: another answer: {ended.output!r:.200}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.damage", description=__doc__)
    parser.add_argument("--flips", type=int, default=1, help="bits of each file, each in a library of its own")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="a part of the names of the cases")
    chosen = parser.parse_args()

    def choose(home: Path) -> list[Case]:
        cases = list_cases(home, chosen.seed, chosen.flips)
        return [case for case in cases if chosen.only in f"{home.name}/{case.name}"]

    tally = run(choose)
    print(f"{tally.outcomes.total()} cases in {tally.seconds} s: {dict(tally.outcomes)}")
    print(*(f"{count:4} {refusal}" for refusal, count in tally.refusals.most_common()), sep="\n")
    print(*tally.faults, sep="\n")
    return 1 if tally.faults else 0


if __name__ == "__main__":
    sys.exit(main())
