"""The chat page under load, on more than 10,000 passages: seconds to an answer, errors, cores and memory.

By itself: people who each ask at a random moment of every eight seconds, on and on in one conversation, whether or not
the server keeps up; a question that is late counts from when it was due. --ingest does so while 100 articles are
ingested; --burst asks at one moment; --chats looks for words of one conversation in another; --memory for what a server
gathers; --visits opens the page and its sources in Chromium. --compare does it again with one answer at a time, which
is Gradio's default.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks import feedbackqa, follow_ups, squad2
from tests.benchmarks.questions import ASKED, open_all
from tests.benchmarks.result import DataMissing, Result, list_bls_pages
from tests.benchmarks.server import CHECKOUT, Meter, Server, serve_library
from tests.visitor import Answer, Page, Visitor

WARMING = 20  # questions that are not counted
INGESTED = 100  # articles
AT_ONCE = 40  # questions of interleaved chats under way: within what the queue takes
MARKER = re.compile(r"Visitor\d{4}")


def add_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("load")
    group.add_argument("--people", type=int, default=25)
    group.add_argument("--pace", type=float, default=8.0, help="seconds between two questions of one person")
    group.add_argument("--minutes", type=float, default=10.0)
    group.add_argument("--ingest", action="store_true", help=f"while {INGESTED} articles are ingested, until they are")
    group.add_argument("--burst", type=int, default=0, help="so many questions at the same moment")
    group.add_argument("--chats", type=int, default=0, help="so many interleaved conversations")
    group.add_argument("--memory", type=int, default=0, help="so many questions, eight at once")
    group.add_argument("--visits", type=int, default=0, help="so many first visits, and five times as many sources")
    group.add_argument("--at-once", type=int, default=0, help="answers at once, instead of the page's own number")
    group.add_argument("--compare", action="store_true", help="again with one answer at once")


def run(home: Path, options: argparse.Namespace) -> Result:
    with open_all(home.parent / "questions") as (_, settings):
        made = settings.home
    ours = _serve_and_play(made, home, options, options.at_once)
    baseline = _serve_and_play(made, home, options, at_once=1) if options.compare else {}
    return Result("load", _describe(options), ours, baseline)


def _describe(options: argparse.Namespace) -> str:
    if options.visits:
        return f"{options.visits} first visits with a fresh browser, {5 * options.visits} sources opened, ms"
    if options.burst:
        return f"{options.burst} questions at the same moment, seconds"
    if options.chats:
        return f"{options.chats} interleaved chats of three questions, {AT_ONCE} under way"
    if options.memory:
        return f"{options.memory} questions, eight at once; growth of resident memory after {WARMING * 10}"
    meanwhile = f"while {INGESTED} articles are ingested" if options.ingest else f"{options.minutes:g} minutes"
    return f"{options.people} people, a question every {options.pace:g} s, {meanwhile}; seconds"


def _serve_and_play(made: Path, home: Path, options: argparse.Namespace, at_once: int) -> dict[str, Any]:
    """On a copy of the library, since an ingest changes it."""
    with tempfile.TemporaryDirectory(dir=home) as scratch:
        library = Path(shutil.copytree(made, Path(scratch) / "library"))
        with serve_library(library, home / "server.log", at_once=at_once) as server:
            if options.visits:
                return measure_page(server, options.visits)
            return asyncio.run(_play(server, library, options))


async def _play(server: Server, library: Path, options: argparse.Namespace) -> dict[str, Any]:
    questions = read_questions()
    async with Page.open(server.address) as page:
        first = await page.enter()
        await first.arrive()
        for question in questions[-WARMING:]:
            await first.ask(question)
        meter = Meter(server)
        if options.burst:
            return await ask_at_once(page, meter, questions[: options.burst])
        if options.chats:
            return await interleave_chats(page, meter, options.chats)
        if options.memory:
            return await ask_many(page, meter, questions, options.memory)
        return await ask_steadily(page, meter, questions, library, options)


def read_questions() -> list[str]:
    """In random order, the same each time; most have an answer in the library."""
    asked = [question.text for question in squad2.read_questions("tune") if question.answers]
    asked += [query["text"] for query in feedbackqa.read_queries("valid")]
    asked += [form.format(name) for name in _name_occupations() for form in ASKED]
    return random.Random(6).sample(asked, len(asked))


def _name_occupations() -> list[str]:
    return [page.stem.replace("-", " ") for page in list_bls_pages()]


# -- people, with and without an ingest --------------------------------------------------------------------------------


async def ask_steadily(
    page: Page, meter: Meter, questions: Sequence[str], library: Path, options: argparse.Namespace
) -> dict[str, Any]:
    over = asyncio.Event()
    visitors = [await page.enter() for _ in range(options.people)]
    begun = time.perf_counter()
    people = [
        _ask_at_pace(visitors[number], questions[number :: options.people], options.pace, begun, over)
        for number in range(options.people)
    ]
    async with meter.measure():
        asking = asyncio.gather(*people)
        told = await _ingest(library) if options.ingest else await asyncio.sleep(options.minutes * 60, {})
        over.set()
        answers = [answer for each in await asking for answer in each]
    return summarize(answers) | told | meter.summary


async def _ask_at_pace(
    visitor: Visitor, questions: Sequence[str], pace: float, begun: float, over: asyncio.Event
) -> list[Answer]:
    """One question at a random moment of every `pace` seconds, or as soon as the one before is answered."""
    moments, answers = random.Random(visitor.session), []
    for slot, question in enumerate(questions):
        due = begun + pace * (slot + moments.random())
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        if over.is_set():
            break
        answers.append(await visitor.ask(question, due))
    return answers


async def _ingest(library: Path) -> dict[str, Any]:
    """`career ingest` of articles that are not in the library yet, in a process of its own."""
    folder = library.parent / "articles"
    folder.mkdir()
    passages = follow_ups.read_articles()
    size = len(passages) // INGESTED
    for number in range(INGESTED):
        sections = [f"## {one.title}\n\n{one.text}" for one in passages[number * size : (number + 1) * size]]
        text = f"# Collection {number}\n\n" + "\n\n".join(sections)
        (folder / f"collection-{number}.md").write_text(text, encoding="utf-8")
    started = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "assistant.cli", "ingest", str(folder)),
        cwd=CHECKOUT,
        env={**os.environ, "CAREER_HOME": str(library)},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, told = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"the ingest failed: {told.decode()[-2000:]}")
    return {"ingest_seconds": round(time.perf_counter() - started, 1)}


def summarize(answers: Sequence[Answer]) -> dict[str, Any]:
    outcomes = Counter(answer.outcome for answer in answers)
    whole = [answer.whole for answer in answers if answer.outcome == "answered"]
    first = [answer.first for answer in answers if answer.outcome == "answered"]
    reasons = Counter(answer.reason[:120] for answer in answers if answer.outcome in ("failed", "lost"))
    for reason, count in reasons.items():
        print(f"{count} x {reason}", file=sys.stderr)
    return {
        "questions": len(answers),
        "errors": outcomes["failed"] + outcomes["lost"],
        "turned_away": outcomes["turned away"],
        "first_p95": _quantiles(first)["p95"],
        **_quantiles(whole),
    }


def _quantiles(values: Sequence[float], digits: int = 3) -> dict[str, float]:
    """p50, p95 and the largest."""
    values = values or [np.nan]
    measured = {"p50": np.percentile(values, 50), "p95": np.percentile(values, 95), "max": np.max(values)}
    return {name: round(float(value), digits) for name, value in measured.items()}


# -- all at once -------------------------------------------------------------------------------------------------------


async def ask_at_once(page: Page, meter: Meter, questions: Sequence[str]) -> dict[str, Any]:
    """Each by a visitor of their own; `told_place`: how many learned how many wait before them."""
    visitors = [await page.enter() for _ in questions]
    async with meter.measure():
        answers = await asyncio.gather(
            *(visitor.ask(question) for visitor, question in zip(visitors, questions, strict=True))
        )
    told = sum(answer.place >= 0 for answer in answers)
    return summarize(answers) | {"told_place": told} | meter.summary


# -- nothing of one conversation in another ----------------------------------------------------------------------------


async def interleave_chats(page: Page, meter: Meter, number: int) -> dict[str, Any]:
    """Three questions each; the first holds a word that must be in all of its conversation and in no other."""
    names, gate = _name_occupations(), asyncio.Semaphore(AT_ONCE)
    chats = [Chat(f"Visitor{each:04d}", names[each % len(names)]) for each in range(number)]
    async with meter.measure():
        answers = await asyncio.gather(*(chat.talk(page, gate) for chat in chats))
    return {
        **summarize([answer for each in answers for answer in each]),
        "foreign_words": sum(len(chat.foreign) for chat in chats),
        "own_word_missing": sum(not chat.is_whole for chat in chats),
        **meter.summary,
    }


class Chat:
    """A conversation about an occupation, by somebody whose name nobody else has."""

    def __init__(self, marker: str, occupation: str) -> None:
        self._marker = marker
        self._questions = (
            f"What do {occupation} do, and is that something for {marker}?",
            "How much do they earn?",
            f"What education do {occupation} need?",
        )
        self.foreign: set[str] = set()
        self.is_whole = False  # every message after the first answer held the own word, and the questions are ours

    async def talk(self, page: Page, gate: asyncio.Semaphore) -> list[Answer]:
        async with gate:
            visitor = await page.enter(self.see)
        answers = []
        for question in self._questions:
            async with gate:
                answers.append(await visitor.ask(question))
        asked = [exchange["question"] for exchange in visitor.exchanges]
        self.is_whole = asked == list(self._questions) and self._marker in asked[0]
        return answers

    def see(self, text: str) -> None:
        self.foreign.update(marker for marker in MARKER.findall(text) if marker != self._marker)


# -- what a server gathers ---------------------------------------------------------------------------------------------


async def ask_many(page: Page, meter: Meter, questions: Sequence[str], number: int) -> dict[str, Any]:
    """Eight at once, in chats of ten questions; memory counts from the two hundredth on."""
    warm = iter(questions[i % len(questions)] for i in range(WARMING * 10))
    await asyncio.gather(*(_take_questions(page, warm) for _ in range(8)))
    rest = iter(questions[i % len(questions)] for i in range(WARMING * 10, number))
    async with meter.measure():
        answers = await asyncio.gather(*(_take_questions(page, rest) for _ in range(8)))
    used = meter.summary
    growth = round(100 * (used["end_mb"] / used["begin_mb"] - 1), 1)
    return summarize([answer for each in answers for answer in each]) | {"growth_percent": growth} | used


async def _take_questions(page: Page, questions: Iterator[str]) -> list[Answer]:
    answers: list[Answer] = []
    visitor = await page.enter()
    for question in questions:
        if answers and len(answers) % 10 == 0:
            visitor = await page.enter()
        answers.append(await visitor.ask(question))
    return answers


# -- in a browser ------------------------------------------------------------------------------------------------------

# From the press of a mark until its quote stands in the visible part of the panel.
OPEN_SOURCE = """mark => new Promise(done => {
    const begun = performance.now();
    const before = document.querySelector('#source [data-opened]')?.dataset.opened;
    const look = () => {
        const opened = document.querySelector('#source [data-opened]')?.dataset.opened;
        const quote = document.querySelector('#source mark.chosen');
        const place = quote?.getBoundingClientRect();
        const isShown = opened !== before && quote?.checkVisibility() && place.top >= 0 && place.top < innerHeight;
        isShown ? done(performance.now() - begun) : requestAnimationFrame(look);
    };
    mark.click();
    look();
})"""

# The question can be typed and sent, and the welcome is there; since the navigation began.
IS_USABLE = """() => {
    const box = document.querySelector('#question textarea');
    const isUsable = box && !box.disabled && box.checkVisibility() && document.querySelector('#send')
        && document.querySelector('#welcome .questions');
    return isUsable ? performance.now() : false;
}"""


def measure_page(server: Server, visits: int) -> dict[str, Any]:
    """Each visit with a browser just started, which has nothing of the page in its cache."""
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        raise DataMissing("chromium is not installed")
    usable: list[float] = []
    opened: list[float] = []
    with sync_playwright() as driver:
        for _ in range(visits + 1):  # the first makes the server warm
            browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1400, "height": 900})
            page.goto(server.address, wait_until="commit")
            usable.append(page.wait_for_function(IS_USABLE, polling="raf", timeout=60_000).json_value())
            page.get_by_label("Your question").fill("How much do carpenters earn?")
            page.get_by_label("Your question").press("Enter")
            mark = page.locator(".answer-text a.mark").first
            mark.wait_for(timeout=60_000)
            page.locator(".made-by").wait_for(timeout=60_000)  # the answer is whole
            for _ in range(5):
                opened.append(mark.evaluate(OPEN_SOURCE))
                page.keyboard.press("Escape")
            browser.close()
    pressed = {f"source_{name}": value for name, value in _quantiles(opened[5:], 0).items()}
    return {f"usable_{name}": value for name, value in _quantiles(usable[1:], 0).items()} | pressed
