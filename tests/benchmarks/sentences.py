"""Sentence splitters compared: boundaries found on two gold sets, speed, and seconds on a megabyte of hostile text.

`sentences/tune.txt` and `sentences/report.txt` are written for this benchmark: one sentence a line, texts apart by a
blank line, "# " before the name of a kind of text. Sentences are joined by a blank, or by what the marks say: "⏎" is a
line break, "⁀" at the end of a line stands for nothing at all. The rules of ours were made on tune.txt alone.

WiCE's evidence is web text, split into sentences by a machine: rough, but real, and written by thousands of people.
"""

from __future__ import annotations

import json
import multiprocessing
import random
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

from ingest.split_sentences import split_sentences
from tests.benchmarks.result import SHARED, Result

Splitter = Callable[[str], list[str]]

GOLD = Path(__file__).parent / "sentences"
WICE = SHARED / "benchmarks" / "wice_dev" / "dev.jsonl"
# What a machine called a sentence and what surely is one: it begins with a capital or a figure and comes to an end.
PROPER = re.compile(r"[\"'“(]?[A-Z0-9].{20,400}[.!?][\"'”)]?", re.DOTALL)
LONGEST_RUN = 8  # sentences: about a paragraph
MEGABYTE = 1_000_000
PATIENCE = 10.0  # seconds for a megabyte of hostile text, after which a splitter is stopped
HOSTILE = {
    "dots": ".",
    "a.": "a.",
    "a._": "a. ",
    "Mr._": "Mr. ",
    "“.”": "“.”",
    "aaa": "a",
    "blank": " ",
    "?!": "?!",
    "((": "([",
}


@dataclass(frozen=True)
class Gold:
    """A text, and how many characters other than blanks stand before each of its inner boundaries."""

    kind: str
    text: str
    boundaries: frozenset[int]


def run(home: Path, *, tune: bool = False) -> Result:
    """Boundary scores on the report halves, or those for tuning; megabytes a second; seconds on each hostile text."""
    written = read_gold(GOLD / ("tune.txt" if tune else "report.txt"))
    web = read_wice(half=0 if tune else 1)
    sets = {"": written, "web ": web, "small ": [lower(gold) for gold in web]}
    ours, *others = [measure(name, sets) for name in SPLITTERS]
    best = max(others, key=lambda row: float(row["F1"]))
    note = "boundaries, % (our gold; WiCE's web text; the same without capitals); MB/s; seconds on 1 MB of hostile text"
    return Result("sentences", note, ours, baseline=best, others=[row for row in others if row is not best])


def measure(name: str, sets: dict[str, list[Gold]]) -> dict[str, Any]:
    """One splitter's row of the table."""
    split = SPLITTERS[name]()
    scores = {prefix: score(split, gold) for prefix, gold in sets.items() if gold}
    row = {f"{prefix}{key}": round(100 * value, 1) for prefix in scores for key, value in scores[prefix].items()}
    speed = {"MB/s": round(measure_speed(split, [gold.text for gold in sets[""]]), 1)}
    return {"name": name} | row | speed | {text: time_hostile(name, text) for text in (*HOSTILE, "bytes")}


# -- gold -------------------------------------------------------------------------------------------------------------


def read_gold(path: Path) -> list[Gold]:
    """Every text of a gold file."""
    gold: list[Gold] = []
    kind = ""
    for block in path.read_text("utf-8").strip().split("\n\n"):
        lines = block.split("\n")
        if lines[0].startswith("# "):
            kind = lines.pop(0)[2:]
        gold.append(_join(kind, lines))
    return gold


def _join(kind: str, lines: list[str]) -> Gold:
    text = "".join(line if line.endswith(("⏎", "⁀")) else f"{line} " for line in lines)
    sizes = [_count(line.translate({ord("⏎"): None, ord("⁀"): None})) for line in lines]
    return Gold(kind, text.replace("⏎", "\n").replace("⁀", "").strip(), frozenset(accumulate(sizes[:-1])))


def read_wice(half: int) -> list[Gold]:
    """Runs of proper sentences from the first (0) or second (1) half of the rows; nothing where the data is missing."""
    if not WICE.exists():
        return []
    rows = WICE.read_text("utf-8").splitlines()
    chosen = rows[: len(rows) // 2] if half == 0 else rows[len(rows) // 2 :]
    texts = dict.fromkeys(tuple(json.loads(row)["evidence"]) for row in chosen)
    return [_join("web", sentences) for text in texts for sentences in _runs(text)]


def _runs(sentences: tuple[str, ...]) -> Iterator[list[str]]:
    current: list[str] = []
    for sentence in (*sentences, ""):
        if PROPER.fullmatch(sentence) and len(current) < LONGEST_RUN:
            current.append(sentence)
            continue
        if len(current) > 1:
            yield current
        current = []


def lower(gold: Gold) -> Gold:
    """The same text without a capital, as whole finance reports are."""
    # "İ" becomes two characters, which would move the boundaries.
    return replace(gold, text="".join(letter.lower()[:1] for letter in gold.text))


def _count(text: str) -> int:
    return len("".join(text.split()))


# -- measures ---------------------------------------------------------------------------------------------------------


def score(split: Splitter, gold: list[Gold]) -> dict[str, float]:
    """Precision, recall and F1 of the boundaries inside the texts; where a text ends is known to everybody."""
    right = found = wanted = 0
    for text in gold:
        boundaries = find_boundaries(split, text.text)
        right += len(boundaries & text.boundaries)
        found += len(boundaries)
        wanted += len(text.boundaries)
    precision, recall = right / max(1, found), right / max(1, wanted)
    return {"P": precision, "R": recall, "F1": 2 * right / max(1, found + wanted)}


def find_boundaries(split: Splitter, text: str) -> set[int]:
    return set(accumulate(_count(piece) for piece in split(text))) - {_count(text), 0}


def measure_speed(split: Splitter, texts: list[str]) -> float:
    """Megabytes a second, a paragraph at a time, over about a megabyte."""
    texts = texts * (MEGABYTE // sum(len(text.encode()) for text in texts))
    started = time.perf_counter()
    for text in texts:
        split(text)
    return sum(len(text.encode()) for text in texts) / MEGABYTE / (time.perf_counter() - started)


def make_hostile(name: str) -> str:
    """A megabyte of nothing but the named piece, or of random bytes."""
    if name == "bytes":
        return random.Random(0).randbytes(MEGABYTE).decode("latin-1")
    piece = HOSTILE[name]
    return piece * (MEGABYTE // len(piece))


def time_hostile(name: str, text: str) -> float | str:
    """Seconds in a process of its own, which is stopped when patience ends; "failed" when it died."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_time_in_child, args=(sender, name, text))
    child.start()
    sender.close()
    try:
        receiver.recv()  # loaded
        return float(round(receiver.recv(), 2)) if receiver.poll(PATIENCE) else f">{PATIENCE:g}"
    except EOFError:
        return "failed"
    finally:
        child.kill()
        child.join()


def _time_in_child(sender: Any, name: str, text: str) -> None:
    split, hostile = SPLITTERS[name](), make_hostile(text)
    split("Load what is loaded late. Then begin.")
    sender.send("loaded")
    started = time.perf_counter()
    split(hostile)
    sender.send(time.perf_counter() - started)


# -- splitters --------------------------------------------------------------------------------------------------------


def _ours() -> Splitter:
    return lambda text: [text[start:end] for start, end in split_sentences(text)]


def _pysbd() -> Splitter:
    import pysbd

    segmenter = pysbd.Segmenter(language="en", clean=False)
    return lambda text: list(segmenter.segment(text))


def _syntok() -> Splitter:
    from syntok import segmenter

    def split(text: str) -> list[str]:
        sentences = [sentence for paragraph in segmenter.analyze(text) for sentence in paragraph if sentence]
        starts = [sentence[0].offset for sentence in sentences]
        return [text[start:end] for start, end in pairwise([*starts, len(text)])]

    return split


def _sentencex() -> Splitter:
    import sentencex

    return lambda text: list(sentencex.segment("en", text))


SPLITTERS: dict[str, Callable[[], Splitter]] = {
    "ours": _ours,
    "pysbd": _pysbd,
    "syntok": _syntok,
    "sentencex": _sentencex,
}
