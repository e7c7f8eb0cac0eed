"""`career evaluate` and `career prompts` as people type them: what is printed and written, and the exit code."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from assistant.cli import Application, main
from assistant.evaluation.prompts import load_prompts
from assistant.settings import Settings
from ingest.catalog_feedback import Feedback, Quote
from tests.assistant.evaluation_examples import ARTICLE, REFUSAL, REPLY, FakeChain, FakeLibrary, write_prompts


@dataclass
class Shelf(FakeLibrary):
    """A library that can be closed and holds ratings."""

    ratings: list[Feedback] = field(default_factory=list)

    def feedback(self) -> list[Feedback]:
        return self.ratings

    def close(self) -> None:
        pass


@dataclass
class ShelfChain(FakeChain):
    library: Shelf = field(default_factory=Shelf)


@dataclass
class Career:
    """Runs the command with fakes and keeps what it did."""

    home: Path
    capsys: pytest.CaptureFixture[str]
    chain: ShelfChain = field(default_factory=ShelfChain)
    judge: Callable[[str], str] = lambda _request: "SCORE: 4\nREASON: Fine."
    made_with: list[Settings] = field(default_factory=list)
    out: str = ""
    err: str = ""

    def __call__(self, *arguments: str) -> int:
        application: Any = Application(
            load_settings=lambda: Settings(home=self.home, _env_file=None),  # type: ignore[call-arg]
            open_library=lambda _settings, *, read_only: self.chain.library,  # type: ignore[arg-type,return-value]
            load_chain=lambda _settings: self.chain,  # type: ignore[arg-type,return-value]
            load_judge=lambda _name, _settings: self.judge,
            make_chain=self._make_chain,
        )
        code = main(arguments, application)
        self.out, self.err = self.capsys.readouterr()
        return code

    def _make_chain(self, _library: Any, settings: Settings) -> Any:
        self.made_with.append(settings)
        return self.chain


@pytest.fixture
def career(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Career:
    return Career(tmp_path, capsys)


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    return write_prompts(tmp_path)


def test_a_run_is_kept_and_compared_with_later(career: Career, prompts: Path, tmp_path: Path) -> None:
    assert career("evaluate", str(prompts), "--keep", str(tmp_path / "run.json")) == 0
    career.chain.replies = {}
    career("evaluate", str(prompts), "--compare", str(tmp_path / "run.json"))
    assert "right -> wrong: What do they earn? (refused, but the articles answer it)" in career.out
    career("evaluate", str(prompts), "--compare", str(tmp_path / "run.json"), "--json")
    compared = json.loads(career.out)
    assert compared["changes"][0]["after"] == "wrong"
    assert compared["comparison"]["paired"] == 2


def test_everything_can_be_written_at_once(career: Career, prompts: Path, tmp_path: Path) -> None:
    written = {"--report": "a.html", "--junit": "a.xml", "--keep": "a.json", "--plots": "plots"}
    arguments = [part for option, name in written.items() for part in (option, str(tmp_path / name))]
    assert career("evaluate", str(prompts), *arguments) == 0
    assert "<h1>2 of 2 prompts right</h1>" in (tmp_path / "a.html").read_text()
    assert ElementTree.parse(tmp_path / "a.xml").getroot().tag == "testsuites"
    assert json.loads((tmp_path / "a.json").read_text())["totals"]["passed"] == 2
    assert (tmp_path / "plots" / "tags.png").exists()


def test_below_a_floor_the_report_is_written_all_the_same(career: Career, prompts: Path, tmp_path: Path) -> None:
    (tmp_path / "floors.json").write_text('{"facts_in_quotes": 1.0, "corpus_digest": "of other articles"}')
    career.chain.replies = {}
    assert career("evaluate", str(prompts), "--report", str(tmp_path / "a.html")) == 1
    assert (tmp_path / "a.html").exists()
    assert f"facts_in_quotes 0.000 is below its floor 1.000: {prompts}:1" in career.err
    assert "the floors were set on other articles" in career.err
    assert "wrong at the step      retriever 1" in career.out


def test_floors_rise_when_asked(career: Career, prompts: Path, tmp_path: Path) -> None:
    assert career("evaluate", str(prompts), "--update-floors") == 0
    floors = json.loads((tmp_path / "floors.json").read_text())
    assert (floors["facts_in_quotes"], len(floors["corpus_digest"])) == (1.0, 64)
    assert "facts_in_quotes: 1.000, new" in career.err
    assert career("evaluate", str(prompts), "--update-floors") == 0
    assert "no floor moved" in career.err


def test_floors_are_lowered_only_with_the_second_option(career: Career, prompts: Path, tmp_path: Path) -> None:
    career("evaluate", str(prompts), "--update-floors")
    career.chain.replies = {}
    assert career("evaluate", str(prompts), "--update-floors") == 1
    assert json.loads((tmp_path / "floors.json").read_text())["facts_in_quotes"] == 1.0
    assert "--allow-regression lowers the floors that were not reached" in career.err
    assert career("evaluate", str(prompts), "--update-floors", "--allow-regression") == 0
    assert json.loads((tmp_path / "floors.json").read_text())["facts_in_quotes"] == 0.0
    assert career("evaluate", str(prompts)) == 0


def test_a_judge_is_told_apart_from_the_measures(career: Career, prompts: Path) -> None:
    assert career("evaluate", str(prompts), "--judge", "some:model") == 0
    assert "the judge, kept apart  4.00 of 5 over 1 answers (1 × 4)" in career.out
    career("evaluate", str(prompts), "--judge", "some:model", "--json")
    assert json.loads(career.out)["judge"] == {f"{prompts}:1": {"score": 4, "reason": "Fine."}}


def test_without_a_judge_there_is_no_word_of_one(career: Career, prompts: Path) -> None:
    career("evaluate", str(prompts), "--json")
    assert "judge" not in json.loads(career.out)


def test_a_sweep_asks_with_every_value(career: Career, prompts: Path, tmp_path: Path) -> None:
    assert (
        career("evaluate", str(prompts), "--sweep", "vector_weight=0.3,0.7", "--report", str(tmp_path / "a.html")) == 0
    )
    assert [settings.vector_weight for settings in career.made_with] == [0.3, 0.7]
    assert "vector_weight=0.7  2 of 2" in career.out
    assert "<h1>Settings tried</h1>" in (tmp_path / "a.html").read_text()


def test_a_sweep_of_something_else_is_wrong_usage(career: Career, prompts: Path) -> None:
    assert career("evaluate", str(prompts), "--sweep", "colour=red") == 2
    assert career.err.startswith("error: --sweep colour: not a setting")
    assert career("evaluate", str(prompts), "--sweep", "model=a,b", "--update-floors") == 2
    assert career.err.count("\n") == 1


@pytest.mark.parametrize("name", ["prompts.yaml", "prompts.jsonl", "prompts.csv"])
def test_a_broken_file_of_prompts_is_one_line(career: Career, tmp_path: Path, name: str) -> None:
    texts = {".yaml": "- question: a\n  fact: b\n", ".jsonl": '\n{"fact": "b"}\n', ".csv": "fact\nb\n"}
    (tmp_path / name).write_text(texts[Path(name).suffix])
    assert career("evaluate", str(tmp_path / name)) == 1
    expected = f"error: {tmp_path / name}:2: fact: no such field. Use question, history,"
    assert career.err.startswith(expected)
    assert career.err.count("\n") == 1


# -- making prompts ---------------------------------------------------------------------------------------------------


def test_prompts_are_drafted_from_an_article(career: Career, tmp_path: Path) -> None:
    assert career("prompts", "draft", "pay", "--output", str(tmp_path / "draft.yaml")) == 0
    drafted = load_prompts([tmp_path / "draft.yaml"])
    assert "Engineers earn how much?" in [prompt.question for prompt in drafted]
    assert career.err == f"{tmp_path / 'draft.yaml'}: {len(drafted)} prompts to review\n"


def test_drafted_prompts_can_be_asked(career: Career, tmp_path: Path) -> None:
    career("prompts", "draft", "pay", "--output", str(tmp_path / "draft.yaml"))
    assert career("evaluate", str(tmp_path / "draft.yaml")) == 0


def test_prompts_are_printed_where_no_file_is_named(career: Career) -> None:
    assert career("prompts", "draft", "pay") == 0
    assert career.out.startswith("# yaml-language-server: $schema=prompts.schema.json\n")


def test_an_article_that_is_not_there_is_one_line(career: Career) -> None:
    assert career("prompts", "draft", "none") == 1
    assert career.err == "error: none: no such article.\n"


def test_ratings_become_prompts(career: Career, tmp_path: Path) -> None:
    rating = Feedback(
        "up", REPLY.question, (), REPLY.text, True, (Quote("pay", "Pay", 0, 24, REPLY.citations[0].quote),)
    )
    career.chain.library.ratings = [rating, replace(rating, question=REFUSAL.question, answered=False, quotes=())]
    assert career("prompts", "from-feedback", "--output", str(tmp_path / "rated.yaml")) == 0
    assert career("evaluate", str(tmp_path / "rated.yaml")) == 0
    assert "2 of 2" in career.out


def test_without_ratings_there_is_nothing_to_make(career: Career) -> None:
    assert career("prompts", "from-feedback") == 0
    assert career.err == "no answer has been rated yet: thumbs in the chat page do that\n"
    assert career.out == ""


def test_the_article_of_these_tests_is_the_one_that_is_evaluated(career: Career, prompts: Path) -> None:
    career("evaluate", str(prompts), "--json")
    assert json.loads(career.out)["results"][0]["cited"][0]["article_id"] == ARTICLE.id
