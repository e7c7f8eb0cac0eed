"""A small run of tests/faults/damage.py, and the proof that it would notice."""

from __future__ import annotations

from pathlib import Path

from tests.faults import damage
from tests.faults.broken import TrustingPlace
from tests.faults.damage import Case, delete, empty, flip_bit, flip_block, truncate
from tests.faults.library import Defences


def find_file(home: Path, name: str) -> str:
    return str(next(file for file in home.rglob(name) if file.is_file()).relative_to(home))


def choose_cases(home: Path) -> list[Case]:
    """One for each kind of file that matters; all kinds of damage among them."""
    if home.name == "killed":
        return [Case("catalog.sqlite3-shm", flip_block, 0)]
    chosen = {
        "catalog.sqlite3": empty,
        "chroma.sqlite3": truncate,
        "data_level0.bin": flip_bit,
        "index_metadata.pickle": delete,
    }
    return [Case(find_file(home, name), done, 1) for name, done in chosen.items()]


def test_a_damaged_file_is_mended_or_refused_and_never_answers_wrongly() -> None:
    tally = damage.run(choose_cases)
    assert (tally.outcomes.total(), tally.faults) == (5, [])


def test_files_that_are_loaded_whatever_they_hold_are_caught() -> None:
    def damage_graph(home: Path) -> list[Case]:
        return [Case(find_file(home, "data_level0.bin"), flip_block, 0)] if home.name == "left" else []

    assert damage.run(damage_graph, Defences(place=TrustingPlace)).faults
