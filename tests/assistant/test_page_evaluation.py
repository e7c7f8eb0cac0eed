"""The Evaluate tab without a browser: what is offered and read, who may run, what a run tells, and what it does not."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from html import unescape
from pathlib import Path
from typing import Any

import gradio
import pytest

from assistant.conversation import Reply
from assistant.errors import CareerError, ModelError, PromptsInvalid
from assistant.evaluation.run import evaluate
from assistant.evaluation.summary import list_totals
from assistant.page.evaluation_tab import EvaluationTab
from assistant.page.loader import ChainLoader
from assistant.page.prompt_choice import LIKED, MOST_BYTES, MOST_PROMPTS, Upload, list_offers, load_choice
from assistant.settings import Settings
from ingest.catalog_feedback import Feedback, Quote
from ingest.library import Library
from tests.assistant.evaluation_examples import REFUSAL, REPLY, FakeLibrary
from tests.assistant.test_access import ask_as

TWO = '- question: What do they earn?\n  facts: ["$158,147"]\n- question: How tall?\n  answerable: false\n'
ONE_WRONG = f'{TWO}- question: What do they earn?\n  facts: ["$1"]\n'
LIKED_ANSWER = Feedback(
    "up", "What do they earn?", (), "$158,147", True, (Quote("pay", "", 0, 9, "They earn $158,147."),)
)


class RatedLibrary(FakeLibrary):
    def headings(self) -> list[Any]:
        return []

    def refuse_unknown(self, article_ids: Sequence[str], /) -> None:
        raise AssertionError("nobody chooses articles here")

    def keep_feedback(self, feedback: Feedback, /) -> None:
        raise AssertionError("nobody rates here")

    def open_writer(self, tell: Callable[[str], None], /) -> Library:
        raise AssertionError("nobody adds an article here")

    def feedback(self) -> list[Feedback]:
        return [LIKED_ANSWER, replace(LIKED_ANSWER, rating="down", question="How tall?")]


@dataclass(frozen=True)
class PieceChain:
    """Each reply comes in two pieces; a question with "key" has a model that fails."""

    library: RatedLibrary = field(default_factory=RatedLibrary)

    def stream(self, asked: Any, /) -> Iterator[Reply]:
        if "key" in asked["question"]:
            raise ModelError("openai: the key is missing. Set OPENAI_API_KEY.")
        reply = REPLY if "earn" in asked["question"] else REFUSAL
        yield replace(reply, text="", citations=())
        yield reply


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "team.yaml").write_text(TWO)
    (tmp_path / "prompts" / "wrong.yaml").write_text(ONE_WRONG)
    return Settings(home=tmp_path)


@pytest.fixture
def tab(settings: Settings) -> EvaluationTab:
    return EvaluationTab(ChainLoader.holding(PieceChain()), settings)


def send(**data: Any) -> gradio.EventData:
    return gradio.EventData(None, data)


def run(tab: EvaluationTab, *keys: str, role: str = "editor", upload: Any = None) -> list[str]:
    """Everything that a run shows, from its beginning to its end."""
    return list(tab.evaluate(send(chosen=list(keys), upload=upload), ask_as(role)))


def read_state(shown: str) -> str:
    (state,) = re.findall(r'data-state="(\w+)"', shown)
    return str(state)


def read_key(shown: str) -> str:
    (key,) = re.findall(r'data-run="([^"]+)"', shown)
    return str(key)


# -- what is offered ---------------------------------------------------------------------------------------------------


def test_packaged_prompts_own_files_and_liked_answers_are_offered_with_their_numbers(settings: Settings) -> None:
    offers = {offer.key: offer for offer in list_offers(settings, RatedLibrary().feedback())}
    assert offers["packaged/facts.yaml"].prompts > 40
    assert offers["own/team.yaml"].prompts == 2
    assert offers[LIKED].prompts == 1  # a thumb down says nothing of what would be right


def test_broken_file_is_offered_with_its_line_and_without_where_it_lies(settings: Settings) -> None:
    (settings.home / "prompts" / "broken.yaml").write_text("- question: What?\n  fact: [a]\n")
    (broken,) = [offer for offer in list_offers(settings) if offer.error]
    assert broken.error.startswith("broken.yaml:2: fact: no such field. Use ")
    assert str(settings.home) not in broken.error


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"x" * (MOST_BYTES + 1), b""])
def test_no_file_of_the_folder_stands_in_the_way_of_the_others(settings: Settings, content: bytes) -> None:
    (settings.home / "prompts" / "odd.yaml").write_bytes(content)
    (odd,) = [offer for offer in list_offers(settings) if offer.error]
    assert odd.error.startswith("odd.yaml: ")
    assert str(settings.home) not in odd.error


@pytest.mark.parametrize("key", ["own/../../secret.yaml", "own//etc/passwd", "/etc/passwd", "own/none.yaml", "", "own"])
def test_what_is_not_offered_is_not_read(settings: Settings, key: str) -> None:
    (settings.home.parent / "secret.yaml").write_text(TWO)
    with pytest.raises(PromptsInvalid, match="not there any more"):
        load_choice([key], None, settings)


# -- what is chosen ----------------------------------------------------------------------------------------------------


def test_file_that_the_browser_sends_is_read_like_any_other(settings: Settings) -> None:
    asked = load_choice([], Upload("mine.jsonl", '{"question": "What?"}\n'), settings)
    assert [prompt.where for prompt in asked.prompts] == ["mine.jsonl:1"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("mine.exe", TWO, "mine.exe: not a kind of file that is read. Name it .yaml, .yml"),
        ("mine.yaml", "x" * (MOST_BYTES + 1), "mine.yaml: 500,001 bytes; the page reads at most 500,000."),
        ("mine.yaml", "- question: [", "mine.yaml:1: not valid YAML"),
        ("../../etc/mine.yaml", "- ask: x", "mine.yaml:1: ask: no such field"),
        ("C:\\files\\mine.yaml", "- ask: x", "mine.yaml:1: ask: no such field"),
        ("a\nb\x00\u202e.yaml", "- ask: x", "a b .yaml:1: ask: no such field"),
        ("", TWO, "the file: not a kind of file"),
        ("\udcff.yaml", "- ask: a\udcff", "?.yaml:1: ask: no such field"),
    ],
)
def test_file_that_cannot_be_used_is_named_in_one_line(settings: Settings, name: str, text: str, message: str) -> None:
    with pytest.raises(CareerError) as raised:
        load_choice([], Upload(name, text), settings)
    assert str(raised.value).startswith(message)
    assert "\n" not in str(raised.value)


def test_run_of_too_many_prompts_is_refused(settings: Settings) -> None:
    with pytest.raises(PromptsInvalid, match="the page asks at most 2,000 at once"):
        load_choice([], Upload("many.yaml", "- question: a\n" * (MOST_PROMPTS + 1)), settings)


def test_nothing_chosen_is_said(settings: Settings) -> None:
    with pytest.raises(PromptsInvalid, match="No prompts are chosen"):
        load_choice([], None, settings)


def test_floors_hold_for_the_files_that_they_lie_beside_and_for_nothing_else(settings: Settings) -> None:
    (settings.home / "prompts" / "floors.json").write_text('{"facts_in_quotes": 0.5}')
    assert load_choice(["own/team.yaml"], None, settings).floors == {"facts_in_quotes": 0.5}
    assert load_choice(["own/team.yaml"], Upload("a.yaml", TWO), settings).floors == {}
    assert load_choice(["own/team.yaml", "packaged/facts.yaml"], None, settings).floors == {}


# -- a run -------------------------------------------------------------------------------------------------------------


def test_run_tells_the_totals_of_career_evaluate_with_their_intervals(tab: EvaluationTab, settings: Settings) -> None:
    class Invoked:
        def invoke(self, input: Any, /) -> Reply:
            *_, reply = PieceChain().stream(input)
            return reply

    expected = evaluate([settings.home / "prompts" / "wrong.yaml"], Invoked(), FakeLibrary(), settings)
    *_, shown = run(tab, "own/wrong.yaml")
    assert "2 of 3 prompts right" in shown
    for line in list_totals(expected)[1:]:
        cells = "".join(f"<td>{cell}</td>" for cell in (line.value, line.interval))
        assert f">{line.label}</th>{cells}" in shown
    assert any(line.interval for line in list_totals(expected))


def test_failure_tells_the_question_what_was_missing_and_the_answer(tab: EvaluationTab) -> None:
    *_, shown = run(tab, "own/wrong.yaml")
    (failure,) = re.findall(r'<details class="failure">.*?</details>', unescape(shown), re.DOTALL)
    assert "What do they earn?" in failure
    assert "no quote holds '$1'" in failure
    assert "wrong.yaml:5" in failure
    assert "Engineers earn $158,147." in failure


def test_all_right_is_said_without_a_failure(tab: EvaluationTab) -> None:
    *_, shown = run(tab, "own/team.yaml")
    assert "All 2 prompts right" in shown
    assert read_state(shown) == "right"
    assert "failure" not in shown.partition("data-report")[0]


def test_report_comes_with_the_outcome_and_names_no_place_of_this_machine(
    tab: EvaluationTab, settings: Settings
) -> None:
    *_, shown = run(tab, "own/wrong.yaml")
    (report,) = re.findall(r'data-report="([^"]*)"', shown)
    assert unescape(report).startswith("<!doctype html>")
    assert str(settings.home) not in unescape(report)
    assert settings.host not in unescape(report)


def test_missing_article_is_named(tab: EvaluationTab) -> None:
    *_, shown = run(tab, upload={"name": "a.yaml", "text": "- question: How tall?\n  articles: [height]\n"})
    assert "No reply cites height, which the prompts expect." in shown


def test_reader_may_neither_choose_nor_run(tab: EvaluationTab) -> None:
    assert "Evaluations are run by editors" in tab.offer(ask_as("reader"))
    assert [read_state(shown) for shown in run(tab, "own/team.yaml", role="reader")] == ["failed"]


def test_read_only_page_is_evaluated_all_the_same(settings: Settings) -> None:
    tab = EvaluationTab(ChainLoader.holding(PieceChain()), settings.model_copy(update={"read_only": True}))
    assert read_state(run(tab, "own/team.yaml")[-1]) == "right"


@dataclass(frozen=True)
class HeldChain(PieceChain):
    """Amid its second reply it waits to be let go."""

    held: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)

    def stream(self, asked: Any, /) -> Iterator[Reply]:
        first, whole = super().stream(asked)
        yield first
        if "tall" in asked["question"]:
            self.held.set()
            assert self.go.wait(20)
        yield whole


@pytest.fixture
def held(settings: Settings) -> Iterator[tuple[EvaluationTab, HeldChain, Iterator[str]]]:
    """A run of three prompts, of which one is answered and the second on its way."""
    chain = HeldChain()
    tab = EvaluationTab(ChainLoader.holding(chain), settings)
    shown = tab.evaluate(send(chosen=["own/wrong.yaml"]), ask_as("editor"))
    next(shown)
    assert chain.held.wait(20)
    yield tab, chain, shown
    chain.go.set()


Held = tuple[EvaluationTab, HeldChain, Iterator[str]]


def test_progress_tells_how_many_of_how_many(held: Held) -> None:
    _, _, shown = held
    told = next(shown)
    assert "1 of 3 asked" in told
    assert '<progress max="3" value="1"' in told


def test_second_run_is_refused_in_plain_words_until_the_first_has_ended(held: Held) -> None:
    tab, chain, shown = held
    (refused,) = run(tab, "own/team.yaml")
    assert "Another evaluation is running: 1 of 3 prompts are asked." in refused
    chain.go.set()
    assert read_state([*shown][-1]) == "wrong"
    assert read_state(run(tab, "own/team.yaml")[-1]) == "right"


def test_run_that_nobody_takes_from_any_more_ends_amid_its_reply(held: Held) -> None:
    """Gradio closes it when the browser is gone."""
    tab, chain, shown = held
    shown.close()  # type: ignore[attr-defined]
    chain.go.set()
    (worker,) = [thread for thread in threading.enumerate() if thread.name == "evaluation"] or [threading.Thread()]
    if worker.ident:
        worker.join(20)
    assert read_state(run(tab, "own/team.yaml")[-1]) == "right"


def test_stop_ends_the_run_and_tells_what_was_asked_without_floors(held: Held, settings: Settings) -> None:
    (settings.home / "prompts" / "floors.json").write_text('{"facts_in_quotes": 1}')
    tab, chain, shown = held
    tab.stop(send(run=read_key(next(shown))))
    chain.go.set()
    *_, end = shown
    assert read_state(end) == "stopped"
    assert "1 of 3 prompts were asked" in end
    assert "floor or better" not in end


@pytest.mark.parametrize("key", ["", None, 7, "another"])
def test_run_is_stopped_by_nobody_who_does_not_know_its_key(held: Held, key: Any) -> None:
    tab, chain, shown = held
    tab.stop(send(run=key))
    chain.go.set()
    assert "2 of 3 prompts right" in [*shown][-1]


def test_run_that_is_stopped_before_its_first_reply_says_so(settings: Settings) -> None:
    loading = threading.Event()

    def load() -> PieceChain:
        assert loading.wait(20)
        return PieceChain()

    tab = EvaluationTab(ChainLoader(load), settings)
    shown = tab.evaluate(send(chosen=["own/team.yaml"]), ask_as("editor"))
    tab.stop(send(run=read_key(next(shown))))
    loading.set()
    assert "No prompt had been answered yet." in [*shown][-1]


def test_error_amid_a_run_keeps_what_was_asked_before_it(tab: EvaluationTab) -> None:
    *_, shown = run(tab, upload={"name": "a.yaml", "text": f"{TWO}- question: key?\n"})
    assert "the key is missing" in shown
    assert "2 of 3 prompts were asked" in shown


@pytest.mark.parametrize("upload", [None, {}, {"name": 1, "text": TWO}, {"name": "a.yaml"}, "a.yaml", [1]])
def test_event_that_makes_no_sense_is_answered_in_one_line(tab: EvaluationTab, upload: Any) -> None:
    *_, shown = run(tab, upload=upload)
    assert "No prompts are chosen" in shown
    *_, shown = list(tab.evaluate(send(chosen={"a": 1}, upload=upload), ask_as("editor")))
    assert "No prompts are chosen" in shown


HOSTILE = "<img src=x onerror=alert(1)></section>\"'><script>alert(2)</script>${alert(3)}"


def test_hostile_words_of_prompts_and_file_names_are_escaped(tab: EvaluationTab, settings: Settings) -> None:
    (settings.home / "prompts" / "<img src=x onerror=alert(4)>.yaml").write_text("- ask: <b>")
    quoted = HOSTILE.replace("'", "''")
    text = "".join(
        f"- question: '{quoted}{extra}'\n  facts: ['{quoted}']\n  tags: ['{quoted}']\n  articles: ['{quoted}']\n"
        f"  history: ['{quoted}']\n  note: '{quoted}'\n"
        for extra in ("", " earn")
    )
    offered = tab.offer(ask_as("editor"))
    *_, shown = run(tab, upload={"name": "<svg onload=alert(5)>.yaml", "text": text})
    for html in (offered, shown):
        assert not re.search(r"<(img|script|svg)", html)
    (report,) = re.findall(r'data-report="([^"]*)"', shown)
    assert not re.search(r"<(img|svg onload)|<script>alert", unescape(report))
