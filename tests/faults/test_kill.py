"""A small run of tests/faults/kill.py, and the proof that it would notice."""

from __future__ import annotations

from tests.faults import kill
from tests.faults.broken import CatalogOfTwoTransactions
from tests.faults.library import Defences


def test_kills_at_random_moments_cost_nothing_acknowledged_and_the_next_start_is_unaided() -> None:
    tally = kill.run(4)
    assert (tally.kills, tally.faults) == (4, [])


def test_kills_while_chroma_writes_its_files_cost_nothing_either() -> None:
    tally = kill.run(4, aimed_at="chroma")
    assert (tally.kills, tally.faults) == (4, [])
    assert tally.torn  # they were not aimed in vain


def test_a_store_of_two_transactions_is_caught() -> None:
    tally = kill.run(60, aimed_at="catalog", defences=Defences(catalog=CatalogOfTwoTransactions))
    assert any("not as acknowledged" in fault for fault in tally.faults)
