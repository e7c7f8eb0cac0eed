"""A sweep asks the same prompts with every combination of values, and refuses settings that it cannot change."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.errors import SettingsInvalid
from assistant.evaluation.plots import draw_sweep
from assistant.evaluation.report import build_sweep_page
from assistant.evaluation.run import Evaluation
from assistant.evaluation.sweep import Axis, Sweep, describe_sweep, read_axes, sweep_settings
from assistant.settings import Settings
from tests.assistant.evaluation_examples import REPLY, FakeChain, run, write_prompts


def sweep(tmp_path: Path, *given: str) -> tuple[Sweep, list[Settings]]:
    """A chain that knows the answer only with a weight of at least a half."""
    prompts, asked = write_prompts(tmp_path), []

    def ask(settings: Settings) -> Evaluation:
        asked.append(settings)
        return run(prompts, FakeChain({REPLY.question: REPLY} if settings.vector_weight >= 0.5 else {}))

    return sweep_settings(Settings(home=tmp_path, _env_file=None), read_axes(given), ask), asked  # type: ignore[call-arg]


def test_every_combination_is_asked_with_its_values_and_nothing_else_changed(tmp_path: Path) -> None:
    _, asked = sweep(tmp_path, "vector_weight=0.3,0.7", "CAREER_PASSAGES_PER_QUESTION=4,6")
    assert [(one.vector_weight, one.passages_per_question) for one in asked] == [(0.3, 4), (0.3, 6), (0.7, 4), (0.7, 6)]
    assert {one.home for one in asked} == {tmp_path}


def test_a_sweep_is_a_table_with_a_line_for_each_combination(tmp_path: Path) -> None:
    header, first, second = describe_sweep(sweep(tmp_path, "vector_weight=0.3,0.7")[0])
    assert header.split()[:1] == ["right"]
    assert first.startswith("vector_weight=0.3  1 of 2")
    assert second.startswith("vector_weight=0.7  2 of 2")


def test_a_sweep_is_one_page_with_a_table_and_a_plot(tmp_path: Path) -> None:
    made, _ = sweep(tmp_path, "vector_weight=0.3,0.7")
    page = build_sweep_page(made)
    assert '<th scope="row">vector_weight=0.3</th><td>1 of 2</td>' in page
    assert page.count("<svg") == 1
    assert draw_sweep(made).told == "vector_weight=0.3; vector_weight=0.7"


def test_the_json_of_a_sweep_has_the_totals_of_each_combination(tmp_path: Path) -> None:
    points = sweep(tmp_path, "vector_weight=0.3,0.7")[0].as_dict()["points"]
    assert [(point["settings"], point["totals"]["passed"]) for point in points] == [
        ({"vector_weight": 0.3}, 1),
        ({"vector_weight": 0.7}, 2),
    ]


def test_values_are_read_as_they_were_typed() -> None:
    assert read_axes(["vector_weight=0.3, 0.7"]) == [Axis("vector_weight", ("0.3", "0.7"))]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("colour=red", "--sweep colour: not a setting that a sweep can change. Use max_question_characters, model"),
        ("passage_characters=300", "not a setting that a sweep can change"),  # of ingest: it needs another library
        ("vector_weight", "--sweep vector_weight: no values. Write vector_weight=A,B,C."),
        ("vector_weight=", "no values"),
        ("vector_weight=2", "--sweep vector_weight=2: Input should be less than or equal to 1. Correct the value."),
        ("vector_weight=x,0.5", "--sweep vector_weight=x: Input should be a valid number"),
    ],
)
def test_what_a_sweep_cannot_do_is_named(tmp_path: Path, given: str, message: str) -> None:
    with pytest.raises(SettingsInvalid) as raised:
        sweep(tmp_path, given)
    assert message in str(raised.value)


def test_a_setting_is_swept_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="given twice"):
        sweep(tmp_path, "vector_weight=0.3", "vector_weight=0.5")


def test_every_value_is_checked_before_any_prompt_is_asked(tmp_path: Path) -> None:
    asked: list[Settings] = []
    axes = read_axes(["vector_weight=0.5,2"])
    with pytest.raises(SettingsInvalid):
        sweep_settings(Settings(home=tmp_path, _env_file=None), axes, asked.append)  # type: ignore[arg-type,call-arg]
    assert asked == []
