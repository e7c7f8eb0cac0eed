"""What is read of a passage begins and ends with what may answer."""

from __future__ import annotations

from collections.abc import Mapping

from assistant.conversation import ScoredPassage, ScoredUnit
from assistant.focus import FAR, focus_passages
from ingest.settings import IngestSettings
from ingest.split import split_article
from tests.fakes import make_article

BEST, NEAR, AWAY = 10.0, 10.0 - FAR / 2, 10.0 - 2 * FAR
TEXT = "Pilots rest. Nurses earn $80,000. Nurses like it. Nurses earn more at night. Doors are red."
LIST = "Doors are red. A nurse needs these:\n\n- a syringe\n- a watch\n- a pen"
TABLE = "Doors are red.\n\n| Job | Pay |\n| --- | --- |\n| Nurse | $80,000 |\n| Pilot | $90,000 |"


def read(text: str, scores: Mapping[str, float]) -> list[str]:
    """What is left of the article's passages; a unit that holds one of the keys has its score, the others are far."""
    article = make_article(text)
    passages = split_article(article, IngestSettings(_env_file=None))  # type: ignore[call-arg]
    scored = [
        ScoredPassage(
            passage,
            1.0,
            units=tuple(
                ScoredUnit(
                    unit,
                    words := article.text[unit.start : unit.end],
                    0.5,
                    score=next((score for key, score in scores.items() if key in words), AWAY),
                )
                for unit in passage.units
            ),
        )
        for passage in passages
    ]
    focused = focus_passages(scored)
    for one in focused:
        assert article.text[one.passage.start : one.passage.end] == one.passage.text
        assert one.passage.units == tuple(unit.unit for unit in one.units)
    return [one.passage.text for one in focused]


def test_sentences_far_from_the_best_are_left_out_at_both_ends() -> None:
    assert read(TEXT, {"$80,000": BEST}) == ["Nurses earn $80,000."]


def test_a_sentence_between_two_that_come_near_stays() -> None:
    assert read(TEXT, {"$80,000": BEST, "night": NEAR}) == [
        "Nurses earn $80,000. Nurses like it. Nurses earn more at night."
    ]


def test_the_best_unit_of_a_passage_far_from_the_best_of_all_stays() -> None:
    text = "Nurses earn $80,000.\n\n## Pilots\n\nPilots rest. Doors are red."
    assert read(text, {"$80,000": BEST, "Pilots": AWAY + 1}) == ["Nurses earn $80,000.", "Pilots rest."]


def test_a_list_stays_whole_with_its_lead_in() -> None:
    assert read(LIST, {"watch": BEST}) == ["A nurse needs these:\n\n- a syringe\n- a watch\n- a pen"]


def test_a_table_keeps_its_header() -> None:
    assert read(TABLE, {"Pilot": BEST}) == ["| Job | Pay |\n| --- | --- |\n| Nurse | $80,000 |\n| Pilot | $90,000 |"]


def test_passages_without_units_are_left_as_they_are() -> None:
    assert focus_passages([]) == []
