"""Small runs of tests/faults/full_disk.py: a full disk, a disk mounted for reading only, a folder of another user."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.faults import full_disk

needs_mount = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk and become another user")


@needs_mount
def test_a_full_disk_is_a_plain_message_and_with_room_again_the_ingest_completes() -> None:
    try:
        tally = full_disk.run(1)
    except full_disk.MountRefused as refused:
        pytest.skip(str(refused))
    assert (tally.faults, tally.runs) == ([], 1)
    assert tally.slowest_message < 10  # seconds


@needs_mount
def test_a_library_on_a_read_only_disk_answers_and_refuses_to_be_written() -> None:
    try:
        assert full_disk.find_faults_of_read_only_disk() == []
    except full_disk.MountRefused as refused:
        pytest.skip(str(refused))


@needs_mount
@pytest.mark.parametrize("mode", [0o755, 0o700])
def test_somebody_else_may_read_what_is_readable_and_is_told_about_the_rest(tmp_path: Path, mode: int) -> None:
    for folder in (tmp_path, *tmp_path.parents[:2]):  # pytest keeps its folders to their owner
        folder.chmod(0o755)
    assert full_disk.find_faults_of_other_user(tmp_path / "library", mode) == []


def test_an_error_in_other_words_is_caught() -> None:
    filled = full_disk.Filled(3, "OSError: [Errno 28] No space left on device", 12)
    assert len(list(full_disk._judge_message("filling", filled))) == 2
