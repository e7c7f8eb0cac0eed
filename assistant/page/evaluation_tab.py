"""The Evaluate tab: prompts are chosen, asked one after the other while their number rises, and told what came of it.

One runs at a time, for all visitors together: each takes a processor, and a chat model's money. A thread asks; when
the browser is closed, it is told to stop. Nothing is kept of a run that has ended: its report goes to the browser that
asked for it, and to no other.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import gradio

from assistant.conversation import Reply
from assistant.errors import CareerError
from assistant.evaluation.measures import Result
from assistant.evaluation.run import PromptSet, ask_prompts, remember_texts, sum_up, tell_time
from assistant.page.access import is_editor
from assistant.page.component import UNEXPECTED, html, read_event
from assistant.page.evaluation import (
    render_beginning,
    render_busy,
    render_closed,
    render_error,
    render_nothing_yet,
    render_outcome,
    render_picker,
    render_progress,
    render_stopped_at_once,
    render_summing_up,
    render_waiting,
)
from assistant.page.loader import Chain, ChainLoader
from assistant.page.prompt_choice import Upload, list_offers, load_choice
from assistant.settings import Settings
from ingest.catalog_feedback import Feedback

logger = logging.getLogger(__name__)

SHOWN_EVERY = 0.25  # seconds


class Stopped(Exception):
    """Whoever runs the evaluation has seen enough."""


@dataclass
class Run:
    """An evaluation under way. Its key is known to the browser that began it, and stops it."""

    key: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    total: int = 0  # prompts; 0 until they are read
    results: list[Result] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)
    asked_all: bool = False
    error: str = ""  # in plain words
    outcome: str = ""  # as HTML, at the end
    began: float = field(default_factory=time.monotonic)

    def tell(self) -> str:
        """How far it is, as HTML."""
        if self.asked_all:
            return render_summing_up(len(self.results))
        if not self.results:
            return render_beginning(self.key, self.total)
        return render_progress(self.key, tuple(self.results), self.total, time.monotonic() - self.began)


@dataclass(frozen=True)
class StoppableChain:
    """The page's chain as an evaluation asks it: for whole replies, until it is stopped, also amid a reply."""

    chain: Chain
    stop: threading.Event

    def invoke(self, input: Any, /) -> Reply:
        *_, reply = self._take(input)
        return reply

    def _take(self, asked: Any) -> Iterator[Reply]:
        for reply in self.chain.stream(asked):
            if self.stop.is_set():
                raise Stopped
            yield reply


class EvaluationTab:
    """The tab's components and what happens on each event. Knows the run that is under way, and nothing after it."""

    def __init__(self, loader: ChainLoader, settings: Settings) -> None:
        self._loader = loader
        self._settings = settings
        self._turn = threading.Lock()  # held by whoever runs
        self._run = Run()

    def compose(self) -> None:
        """Lay the components out and connect their events, inside an open gradio.Blocks."""
        with gradio.Column(elem_id="evaluation"):
            picker = html(render_waiting(), "evaluation.js", elem_id="picker")
            outcome = html(render_nothing_yet(), elem_id="outcome")
        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": None}
        picker.expand(self.offer, None, [picker], **quiet)
        picker.submit(self.evaluate, None, [outcome], concurrency_id="evaluation", **quiet)
        picker.stop(self.stop, None, None, **quiet)

    def offer(self, request: gradio.Request) -> str:
        """What can be chosen, as it is now."""
        if not is_editor(request):
            return render_closed()
        return render_picker(list_offers(self._settings, self._read_feedback()))

    def _read_feedback(self) -> Sequence[Feedback]:
        """What readers rated; nothing while the library is not there, since the other prompts need not wait for it."""
        if not self._loader.is_ready:
            return ()
        try:
            return self._loader.start().result().library.feedback()
        except CareerError as error:
            logger.warning("what readers rated could not be read: %s", error)
            return ()

    def evaluate(self, event: gradio.EventData, request: gradio.Request) -> Iterator[str]:
        """Ask the chosen prompts, tell how far that is, then what came of it. Never raises."""
        if not is_editor(request):
            yield render_error("Evaluations are run by editors.")
            return
        if not self._turn.acquire(blocking=False):
            yield render_busy(len(self._run.results), self._run.total)
            return
        self._run = run = Run()
        arguments = (run, _read_keys(event), _read_upload(event))
        worker = threading.Thread(target=self._work, args=arguments, daemon=True, name="evaluation")
        worker.start()
        try:
            while worker.is_alive():
                yield run.tell()
                worker.join(SHOWN_EVERY)
            yield run.outcome
        finally:  # also when the browser is gone: Gradio closes what it no longer takes from
            run.stop.set()

    def _work(self, run: Run, keys: Sequence[str], upload: Upload | None) -> None:
        """The run from beginning to end, in a thread of its own: its outcome is filled in whatever happens."""
        try:
            run.outcome = self._evaluate(run, keys, upload)
        except CareerError as error:
            run.outcome = render_error(str(error))
        except Exception:
            logger.exception("an evaluation failed")
            run.outcome = render_error(UNEXPECTED)
        finally:
            self._run = Run()
            self._turn.release()

    def _evaluate(self, run: Run, keys: Sequence[str], upload: Upload | None) -> str:
        date = tell_time()
        chain = self._loader.start().result()
        asked = load_choice(keys, upload, self._settings, self._read_feedback())
        run.total = len(asked.prompts)
        self._ask(run, asked, chain)
        if not run.results:
            return render_error(run.error) if run.error else render_stopped_at_once()
        run.asked_all = True
        if len(run.results) < run.total:
            asked = replace(asked, floors={})  # which hold for all of the prompts
        return render_outcome(sum_up(asked, run.results, chain.library, self._settings, date), run.total, run.error)

    def _ask(self, run: Run, asked: PromptSet, chain: Chain) -> None:
        """Fill in the run's results; to the end, until it is stopped, or until there is no going on."""
        try:
            for result in ask_prompts(asked.prompts, StoppableChain(chain, run.stop), remember_texts(chain.library)):
                run.results.append(result)
        except Stopped:
            return
        except CareerError as error:
            run.error = str(error)

    def stop(self, event: gradio.EventData) -> None:
        """End the run of this key after what is under way; what was asked until then is told."""
        if read_event(event, "run") == self._run.key:
            self._run.stop.set()


def _read_keys(event: gradio.EventData) -> list[str]:
    keys = read_event(event, "chosen")
    return [key for key in keys if isinstance(key, str)] if isinstance(keys, list) else []


def _read_upload(event: gradio.EventData) -> Upload | None:
    sent = read_event(event, "upload")
    name, text = (sent.get("name"), sent.get("text")) if isinstance(sent, dict) else (None, None)
    return Upload(name, text) if isinstance(name, str) and isinstance(text, str) else None
