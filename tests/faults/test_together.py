"""Small runs of tests/faults/together.py, and the proof that it would notice."""

from __future__ import annotations

from tests.faults import together
from tests.faults.broken import CatalogOfTwoTransactions, CatalogWrittenWhole, OpenLock, OpenPlace
from tests.faults.library import Defences


def test_two_ingests_at_once_lose_nothing() -> None:
    tally = together.run_writers(2)
    assert (tally.runs, tally.changes, tally.faults) == (2, 4 * together.CHANGES, [])


def test_the_lock_alone_keeps_two_ingests_apart_and_one_that_does_not_lock_is_caught() -> None:
    assert together.run_writers(1, defences=Defences(catalog=CatalogWrittenWhole)).faults == []
    assert together.run_writers(10, defences=Defences(catalog=CatalogWrittenWhole, lock=OpenLock)).faults


def test_readers_beside_an_ingest_always_find_what_was_there_and_soon_what_is_new() -> None:
    tally = together.run_readers(1)
    assert (tally.faults, tally.questions > 100) == ([], True)
    assert tally.slowest_sight < 5  # seconds


def test_readers_catch_a_store_of_two_transactions() -> None:
    assert together.run_readers(5, defences=Defences(catalog=CatalogOfTwoTransactions)).faults


def test_readers_catch_an_index_whose_files_change_under_them() -> None:
    # A reader dies of a signal, hangs, or does not find what is there: which of them is a matter of moments.
    assert together.run_readers(20, defences=Defences(place=OpenPlace)).faults
