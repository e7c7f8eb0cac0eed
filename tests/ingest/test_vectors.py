"""The vector index alone, on a real Chroma."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ingest.vectors import IndexBroken, IndexPlace, Vector, VectorIndex


def unit_vectors(count: int, dimension: int = 16) -> Vector:
    vectors = np.random.default_rng(7).standard_normal((count, dimension)).astype(np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


VECTORS = unit_vectors(30)
NAMED = {f"passage-{number}": ("pay", vector) for number, vector in enumerate(VECTORS)}


@pytest.fixture
def place(tmp_path: Path) -> IndexPlace:
    return IndexPlace(tmp_path / "chroma", "", "library")


@pytest.fixture
def index(place: IndexPlace) -> Iterator[VectorIndex]:
    created = VectorIndex.create(place, 1)
    created.upsert(NAMED)
    yield created
    created.close()


def test_the_nearest_come_first_with_their_cosine(index: VectorIndex) -> None:
    found = index.find_nearest(VECTORS[3], 5)
    expected = np.sort(VECTORS @ VECTORS[3])[::-1][:5]
    assert found[0][0] == "passage-3"
    np.testing.assert_allclose([similarity for _, similarity in found], expected, atol=1e-5)


def test_asking_for_more_than_there_is_gives_all(index: VectorIndex) -> None:
    assert len(index.find_nearest(VECTORS[0], 500)) == 30


def test_upserting_twice_adds_nothing(index: VectorIndex) -> None:
    index.upsert(NAMED)
    assert index.count() == 30


def test_none_of_many_equal_vectors_is_lost(place: IndexPlace) -> None:
    index = VectorIndex.create(place, 1)
    index.upsert({str(number): ("pay", VECTORS[number % 30]) for number in range(1_200)})
    assert len(index.find_nearest(VECTORS[0], 1_200)) == 1_200
    index.close()


def test_deleting_twice_and_unknown_ids_is_safe(index: VectorIndex) -> None:
    index.delete(["passage-1", "nothing"])
    index.delete(["passage-1"])
    assert index.list_ids() == NAMED.keys() - {"passage-1"}


def test_more_vectors_than_chroma_takes_at_once_are_added(place: IndexPlace) -> None:
    many = {str(number): ("pay", vector) for number, vector in enumerate(unit_vectors(6_000, 4))}
    index = VectorIndex.create(place, 1)
    index.upsert(many)
    assert index.count() == 6_000
    index.close()


def test_an_opened_index_holds_what_another_wrote(index: VectorIndex, place: IndexPlace) -> None:
    index.delete(["passage-3"])
    other = VectorIndex.open(place, 1)
    assert other.count() == 29
    assert other.find_nearest(VECTORS[4], 1)[0][0] == "passage-4"
    other.close()


def test_closing_one_client_leaves_the_others_alone(index: VectorIndex, place: IndexPlace) -> None:
    VectorIndex.open(place, 1).close()
    assert index.find_nearest(VECTORS[3], 1)[0][0] == "passage-3"


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts open files through /proc")
def test_opening_again_and_again_leaks_no_files(index: VectorIndex, place: IndexPlace) -> None:
    def open_once() -> int:
        other = VectorIndex.open(place, 1)
        other.find_nearest(VECTORS[0], 1)
        other.close()
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - Path.iterdir opens one more

    before = open_once()
    after = [open_once() for _ in range(12)]
    assert after[-1] < before + 30  # each client holds eleven files, let go a moment after it is closed


def test_an_index_that_is_not_there_is_never_made_by_opening(place: IndexPlace) -> None:
    with pytest.raises(IndexBroken, match="no index"):
        VectorIndex.open(place, 1)
    assert not place.folder.exists()


def test_creating_replaces_what_a_killed_rebuild_left(index: VectorIndex, place: IndexPlace) -> None:
    again = VectorIndex.create(place, 1)
    assert again.count() == 0
    again.close()


def test_a_damaged_database_is_a_broken_index(index: VectorIndex, place: IndexPlace) -> None:
    index.close()
    with (place.folder_of(1) / "chroma.sqlite3").open("r+b") as file:
        file.write(b"x" * 5_000)
    with pytest.raises(IndexBroken):
        VectorIndex.open(place, 1)


def test_the_seal_changes_with_the_graph_and_not_by_reading(place: IndexPlace) -> None:
    index = VectorIndex.create(place, 1)
    index.upsert({str(number): ("pay", vector) for number, vector in enumerate(unit_vectors(2_500))})
    seal = place.seal(1)
    index.close()
    reader = VectorIndex.open(place, 1)
    reader.find_nearest(unit_vectors(1)[0], 3)
    reader.close()
    assert place.seal(1) == seal
    graph = next(place.folder_of(1).glob("*/data_level0.bin"))
    graph.write_bytes(graph.read_bytes()[: graph.stat().st_size // 2])
    assert place.seal(1) != seal


def test_leftovers_are_removed(index: VectorIndex, place: IndexPlace) -> None:
    place.folder_of(7).mkdir()
    place.remove_others(1)
    assert [folder.name for folder in place.folder.iterdir()] == ["1"]


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "nonsense", "http://", "http://127.0.0.1:port"])
def test_a_server_that_does_not_answer_is_a_broken_index(tmp_path: Path, url: str) -> None:
    with pytest.raises(IndexBroken):
        VectorIndex.open(IndexPlace(tmp_path, url, "library"), 1)
