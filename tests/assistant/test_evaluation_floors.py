"""Floors gate the totals, name what fell, rise by themselves and fall only on purpose."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from assistant.errors import EvaluationInvalid
from assistant.evaluation.floors import find_breaches, load_floors, load_floors_digest, update_floors
from assistant.evaluation.measures import total_results
from assistant.settings import find_corpus
from tests.assistant.evaluation_examples import ANSWERABLE, REFUSAL, REPLY, UNANSWERABLE, measure, run, write_prompts

PACKAGED = sorted((find_corpus() / "prompts").glob("*.yaml"))


def test_a_total_below_its_floor_names_the_prompts_to_blame() -> None:
    results = [measure(ANSWERABLE, REPLY), measure(replace(ANSWERABLE, facts=("$1",), where="prompts.yaml:9"), REPLY)]
    (breach,) = find_breaches(results, {"facts_in_quotes": 0.95, "citations_valid": 1.0})
    assert str(breach) == "facts_in_quotes 0.500 is below its floor 0.950: prompts.yaml:9"


def test_a_total_above_its_ceiling_is_a_breach() -> None:
    (breach,) = find_breaches([measure(ANSWERABLE, REFUSAL)], {"answerable_refused_at_most": 0.05})
    assert str(breach) == "answerable_refused 1.000 is above its ceiling 0.050: prompts.yaml:1"


def test_a_total_at_its_floor_is_no_breach() -> None:
    assert find_breaches([measure(ANSWERABLE, REPLY)], {"facts_in_quotes": 1.0}) == []


def test_what_was_not_measured_is_no_breach() -> None:
    assert find_breaches([measure(ANSWERABLE, REPLY)], {"refusals_right": 0.9}) == []


def test_breaches_come_in_the_order_of_the_steps_of_an_answer() -> None:
    floors = {"citations_valid": 1.0, "facts_in_quotes": 1.0, "answerable_refused_at_most": 0.0, "hit_at_5": 1.0}
    lost = replace(REFUSAL, passages=())
    assert [breach.measure for breach in find_breaches([measure(ANSWERABLE, lost)], floors)] == [
        "hit_at_5",
        "answerable_refused",
        "facts_in_quotes",
    ]


def test_prompts_without_floors_are_not_gated(tmp_path: Path) -> None:
    assert load_floors([tmp_path / "prompts.yaml"]) == {}
    assert load_floors_digest([tmp_path / "prompts.yaml"]) == ""


@pytest.mark.parametrize(
    "text",
    [
        "[",
        "[]",
        '{"fact_in_quotes": 1}',
        '{"facts_in_quotes": "1"}',
        '{"refusals_right": 95}',
        '{"words": 0.5}',
        '{"corpus_digest": 1}',
        "[" * 100_000,
    ],
)
def test_floors_that_cannot_be_used_are_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "floors.json").write_text(text)
    with pytest.raises(EvaluationInvalid, match=r"floors\.json"):
        load_floors([tmp_path / "prompts.yaml"])


def test_the_packaged_floors_can_be_read_and_name_their_articles() -> None:
    assert load_floors(PACKAGED)["citations_valid"] == 1
    assert len(load_floors_digest(PACKAGED)) == 64


# -- raising and lowering ---------------------------------------------------------------------------------------------

HALF = total_results([measure(ANSWERABLE, REPLY), measure(ANSWERABLE, REFUSAL), measure(UNANSWERABLE, REFUSAL)])


def read(path: Path) -> dict[str, object]:
    floors: dict[str, object] = json.loads(path.read_text())
    return floors


def test_floors_rise_to_what_is_measured_and_note_the_articles(tmp_path: Path) -> None:
    path = tmp_path / "floors.json"
    path.write_text('{"facts_in_quotes": 0.25, "answerable_refused_at_most": 0.9}')
    moved = update_floors(path, HALF, "digest", allow_regression=False)
    assert read(path)["facts_in_quotes"] == 0.5
    assert read(path)["answerable_refused_at_most"] == 0.5
    assert read(path)["corpus_digest"] == "digest"
    assert "facts_in_quotes: 0.250 -> 0.500" in map(str, moved)


def test_measures_without_a_floor_get_one(tmp_path: Path) -> None:
    path = tmp_path / "floors.json"
    update_floors(path, HALF, "", allow_regression=False)
    assert read(path)["refusals_right"] == 1.0
    assert "forbidden_absent" not in read(path)  # nothing to measure
    assert load_floors([tmp_path / "prompts.yaml"])


def test_a_floor_is_lowered_only_on_purpose(tmp_path: Path) -> None:
    path = tmp_path / "floors.json"
    path.write_text('{"facts_in_quotes": 0.75, "answerable_refused_at_most": 0.1}')
    told = [str(move) for move in update_floors(path, HALF, "", allow_regression=False)]
    assert "facts_in_quotes: stays 0.750 although 0.500 was measured" in told
    assert read(path)["facts_in_quotes"] == 0.75
    update_floors(path, HALF, "", allow_regression=True)
    assert (read(path)["facts_in_quotes"], read(path)["answerable_refused_at_most"]) == (0.5, 0.5)


def test_a_raised_floor_is_reached_by_what_raised_it(tmp_path: Path) -> None:
    results = [measure(ANSWERABLE, REPLY)] * 2 + [measure(ANSWERABLE, REFUSAL)]  # 2/3 and 1/3 have no end
    update_floors(tmp_path / "floors.json", total_results(results), "", allow_regression=False)
    assert find_breaches(results, load_floors([tmp_path / "prompts.yaml"])) == []


def test_an_evaluation_knows_when_its_floors_were_set_on_other_articles(tmp_path: Path) -> None:
    prompts = write_prompts(tmp_path)
    update_floors(tmp_path / "floors.json", HALF, run(prompts).corpus_digest, allow_regression=False)
    assert not run(prompts).has_other_floors
    update_floors(tmp_path / "floors.json", HALF, "another", allow_regression=False)
    assert run(prompts).has_other_floors
