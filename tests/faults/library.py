"""Libraries of made-up articles, what is done to them, and the examination that finds what they lost."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from ingest.article import Article, Passage
from ingest.catalog import Catalog
from ingest.doctor import finish_work
from ingest.errors import LibraryError
from ingest.library import Library
from ingest.lock import WriterLock
from ingest.settings import IngestSettings
from ingest.vectors import IndexPlace
from tests.fakes import FakeEmbedder, make_article, split_paragraphs

# Forked from a process that has imported Chroma and LangChain: 5 ms instead of 2 s a start.
PROCESSES = get_context("forkserver")
PROCESSES.set_forkserver_preload(["chromadb", "assistant.answer", "assistant.cli", "tests.faults.library"])
LONG_WAIT = 60.0  # seconds: a hang, on a busy machine too
SAVED_EVERY = 10  # vectors, after which Chroma writes its graph; at its own 1,000 most of these libraries never would
LONGEST = 60  # passages of an article
ARTICLES = 8
WORDS = ("nurses", "dentists", "pilots", "bakers", "judges", "earn", "need", "learn", "leave", "hire", "night", "city")

State = Mapping[str, str]  # the text of every article, by its name


@dataclass(frozen=True)
class Change:
    """An article put into the library, in the place of any of that name; removed when it has no text."""

    name: str
    text: str


@dataclass(frozen=True)
class Defences:
    """What keeps a library whole; a control takes one of them out."""

    catalog: type[Catalog] = Catalog
    lock: type[WriterLock] = WriterLock
    place: type[IndexPlace] = IndexPlace
    saved_every: int = SAVED_EVERY
    lock_timeout: float = LONG_WAIT


WHOLE = Defences()


@dataclass(frozen=True)
class Findings:
    """What a library holds, and what of it is not as it should be."""

    texts: State = field(default_factory=dict)
    faults: tuple[str, ...] = ()
    torn: bool = False  # whether the vector index had been left in the middle of a change


# -- what is done ------------------------------------------------------------------------------------------------------


def make_changes(
    chance: random.Random, state: State, count: int, names: Sequence[str] = (), kept: str = ""
) -> list[Change]:
    """A plan: new articles of 1 to 60 passages, new texts that keep some of the old ones, removals but of `kept`."""
    names = names or [f"article-{spell(number)}" for number in range(ARTICLES)]
    changes: list[Change] = []
    for _ in range(count):
        name = chance.choice(names)
        old = apply_changes(state, changes).get(name, "")
        removed = bool(old) and name != kept and chance.random() < 0.2
        changes.append(Change(name, "" if removed else make_text(chance, old)))
    return changes


def make_text(chance: random.Random, old: str = "", longest: int = LONGEST) -> str:
    kept = [line for line in old.split("\n") if line and chance.random() < 0.5]
    lines = kept + [make_line(chance) for _ in range(chance.randint(1, max(1, longest - len(kept))))]
    chance.shuffle(lines)
    return "\n".join(lines)


def make_line(chance: random.Random) -> str:
    """A passage that begins with a word that no other has."""
    return " ".join([spell(chance.getrandbits(40)).title(), *chance.choices(WORDS, k=6)]) + "."


def spell(number: int) -> str:
    """The number as a word that no stemmer shortens."""
    return "".join(f"{'bdfgkmpr'[int(digit)]}o" for digit in f"{number:o}")


def apply_changes(state: State, changes: Sequence[Change]) -> dict[str, str]:
    texts = {**state, **{change.name: change.text for change in changes}}
    return {name: text for name, text in texts.items() if text}


def open_library(home: Path, defences: Defences = WHOLE, *, read_only: bool = False) -> Library:
    """As `Library.open` does, with these defences."""
    settings = IngestSettings(  # the index is what these are after
        home=home, lock_timeout=defences.lock_timeout, exact_passages=0, _env_file=None
    )  # type: ignore[call-arg]
    library = Library(
        settings,
        defences.catalog.open(home, read_only=read_only),
        FakeEmbedder(),
        lock=defences.lock(home, settings.lock_timeout),
        place=defences.place(home / "chroma", "", "", defences.saved_every),
    )
    library._catalog.refuse_damage()
    if not read_only:
        finish_work(library._catalog, library._follower, library._lock)
    return library


def carry_out(home: Path, defences: Defences, changes: Sequence[Change], acknowledged: Connection) -> None:
    """In a process of its own: make the changes and say after each when it was made."""
    with open_library(home, defences) as library:
        for change in changes:
            make(library, change)
            acknowledged.send_bytes(f"{time.time()}".encode())


def make(library: Library, change: Change) -> None:
    if change.text:
        article = to_article(change.name, change.text)
        library.replace(article, split_paragraphs(article))
    else:
        library.remove(change.name)


def to_article(name: str, text: str) -> Article:
    return make_article(text, source=f"/{name}.md", slug=name, title=name.title())


# -- what is found -----------------------------------------------------------------------------------------------------


def examine(library: Library) -> Findings:
    """Every article, and whether each passage of each is there and finds itself by vector and by words."""
    articles = [library.article(summary.id) for summary in library.articles()]
    passages = [passage for article in articles for passage in split_paragraphs(article)]
    faults = [*find_half(library, passages), *(fault for one in passages for fault in find_lost(library, one))]
    return Findings({article.id: article.text for article in articles}, tuple(faults))


def find_half(library: Library, passages: Sequence[Passage]) -> Iterator[str]:
    """Passages that an article should have and has not, or has and should not have."""
    stored = library.passages([passage.id for passage in passages])
    for passage in passages:
        if passage.id not in stored or stored[passage.id].passage != passage:
            yield f"{passage.article_id}: its passage at {passage.start} is missing"
    if library.count_passages() > len(passages):
        yield f"{library.count_passages() - len(passages)} passages belong to no article's text"


def find_lost(library: Library, passage: Passage) -> Iterator[str]:
    """A passage asked for by its own vector and by its own word."""
    name = f"{passage.article_id}: the passage at {passage.start}"
    near = library.search_vectors(library.embed_question(passage.embedded_text).text, 3)
    if not near or (near[0][0] != passage.id and near[0][1] < 0.99999):  # another may have an equal vector
        yield f"{name} is not found by its vector"
    if passage.id not in [found for found, _ in library.search_text(passage.text.split()[0], 3)]:
        yield f"{name} is not found by its word"


def examine_after(home: Path, defences: Defences, reply: Connection) -> None:
    """In a process of its own: what a reader finds, then what the next writer finds, and its check."""
    with open_library(home, defences, read_only=True) as reader:
        read = examine(reader)
        torn = is_torn(reader)
    with open_library(home, defences) as writer:
        written = examine(writer)
        problems = writer.check()
    changed = [] if read.texts == written.texts else ["a reader and the next writer find different texts"]
    faults = [
        *(f"reader: {fault}" for fault in read.faults),
        *(f"next start: {fault}" for fault in written.faults),
        *(f"check: {problem}" for problem in problems),
        *changed,
    ]
    reply.send(Findings(written.texts, tuple(faults), torn))


def examine_now(home: Path, defences: Defences, reply: Connection) -> None:
    """In a process of its own: what a reader finds, and the check, before another writer comes and mends anything."""
    with open_library(home, defences, read_only=True) as reader:
        found = examine(reader)
        problems = reader.check()
    reply.send(Findings(found.texts, (*found.faults, *(f"check: {problem}" for problem in problems))))


def is_torn(library: Library) -> bool:
    """True when the files of the vector index are not as the catalog last knew them."""
    index = library._catalog.read_state().index
    return index.number > 0 and not library._follower._is_sealed(index)


def judge(found: Findings, before: State, changes: Sequence[Change], acknowledged: int) -> list[str]:
    """What is wrong: faults, or texts that are neither as acknowledged nor as the change under way would make them."""
    least = apply_changes(before, changes[:acknowledged])
    most = apply_changes(before, changes[: acknowledged + 1])
    faults = list(found.faults)
    if found.texts not in (least, most):
        names = {*least, *most, *found.texts}
        wrong = [name for name in names if found.texts.get(name) not in (least.get(name), most.get(name))]
        faults.append(f"not as acknowledged: {', '.join(sorted(wrong)) or 'of two states at once'}")
    return faults


# -- processes ---------------------------------------------------------------------------------------------------------


class Ingest:
    """Changes that a process of its own makes, from now on."""

    def __init__(self, home: Path, defences: Defences, changes: Sequence[Change]) -> None:
        self._changes = changes
        self._acknowledgements, sender = PROCESSES.Pipe(duplex=False)
        self._process = PROCESSES.Process(target=carry_out, args=(home, defences, changes, sender))
        self._process.start()
        sender.close()

    def is_running(self) -> bool:
        return self._process.is_alive()

    def kill(self) -> Ended:
        self._process.kill()
        return self.wait()

    def wait(self) -> Ended:
        acknowledged = []
        with self._acknowledgements:
            try:
                while self._acknowledgements.poll(LONG_WAIT):
                    acknowledged.append(float(self._acknowledgements.recv_bytes()))
            except EOFError:  # all is said: it is about to end
                self._process.join(LONG_WAIT)
        exit_code = self._process.exitcode
        self._process.kill()  # one that hangs would outlive the test
        return Ended(self._changes, acknowledged, exit_code)


@dataclass(frozen=True)
class Ended:
    """What became of an ingest."""

    changes: Sequence[Change]
    moments: Sequence[float]  # when each change was acknowledged, as `time.time` tells it
    exit_code: int | None  # None: it hangs

    @property
    def acknowledged(self) -> int:
        return len(self.moments)


def ask_process(task: Callable[..., None], *arguments: Any, wait: float = LONG_WAIT) -> Any:
    """What `task(*arguments, reply)` sends from a process of its own; a `ProcessEnded` when it dies or hangs first."""
    receiver, sender = PROCESSES.Pipe(duplex=False)
    process = PROCESSES.Process(target=task, args=(*arguments, sender))
    process.start()
    sender.close()
    try:
        if not receiver.poll(wait):
            return ProcessEnded(f"no reply within {wait:g} s")
        return receiver.recv()
    except EOFError:
        process.join(wait)
        return ProcessEnded(f"the process ended with {process.exitcode}")
    finally:
        process.kill()
        process.join()
        receiver.close()


@dataclass(frozen=True)
class ProcessEnded:
    """Instead of a reply."""

    how: str


def describe_error(error: BaseException) -> str:
    """An error as its reader gets it; a fault for anything but a line of ours."""
    plain = isinstance(error, LibraryError) and "\n" not in str(error)
    return str(error) if plain else f"FAULT {type(error).__name__}: {error}"


class Clock:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def read(self) -> float:
        return time.monotonic() - self._began
