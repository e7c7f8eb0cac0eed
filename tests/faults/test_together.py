"""Small runs of tests/faults/together.py, and the proof that it would notice."""

from __future__ import annotations

from tests.faults import together
from tests.faults.broken import CatalogOfTwoTransactions, OpenLock
from tests.faults.library import Defences


def test_two_ingests_at_once_lose_nothing() -> None:
    tally = together.run_writers(2)
    assert (tally.runs, tally.changes, tally.faults) == (2, 4 * together.CHANGES, [])


def test_readers_beside_an_ingest_always_find_what_was_there_and_soon_what_is_new() -> None:
    tally = together.run_readers(1)
    assert (tally.faults, tally.questions > 100) == ([], True)
    assert tally.slowest_sight < 5


def test_a_lock_that_does_not_lock_is_caught() -> None:
    tally = together.run_writers(20, defences=Defences(lock=OpenLock))
    assert tally.faults


def test_a_store_of_two_transactions_is_caught_by_readers() -> None:
    tally = together.run_readers(3, defences=Defences(catalog=CatalogOfTwoTransactions))
    assert tally.faults
