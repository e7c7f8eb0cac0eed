"""Catalog and index as one, on real SQLite and Chroma: kills, two processes, damage, another model."""

from __future__ import annotations

import logging
import os
import re
import shutil
import signal
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from multiprocessing import get_context
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from numpy.typing import NDArray

from ingest.article import Passage
from ingest.catalog import Catalog
from ingest.catalog_schema import make_checksum
from ingest.embed import Embedder, PassageVectors
from ingest.errors import ArticleUnknown, EmbeddingMismatch, LibraryDamaged, LibraryLocked, LibraryUnwritable
from ingest.follower import PORTION, IndexFollower
from ingest.library import KEPT_AT_ONCE, Library
from ingest.lock import WriterLock
from ingest.settings import IngestSettings
from tests.fakes import FakeEmbedder, make_article, split_paragraphs

PROCESSES = get_context("spawn")
LONG_WAIT = 60  # seconds: a busy machine starts a process slowly


@pytest.fixture
def settings(tmp_path: Path) -> IngestSettings:
    return settings_in(tmp_path)


def settings_in(home: Path) -> IngestSettings:
    return IngestSettings(home=home, lock_timeout=0.2, exact_passages=0, _env_file=None)  # type: ignore[call-arg]


@contextmanager
def opened(settings: IngestSettings, *, read_only: bool = False) -> Iterator[Library]:
    with Library.open(settings, FakeEmbedder(), read_only=read_only) as library:
        yield library


def add(library: Library, text: str, name: str = "pay") -> str:
    article = make_article(text, source=f"/{name}.md", slug=name, title=name.title())
    return library.replace(article, split_paragraphs(article)).status


def nearest(library: Library, question: str) -> str:
    """The text of the passage that the vectors put first."""
    found = library.search_vectors(library.embed_question(question).text, 1)
    return next((stored.passage.text for stored in library.passages([found[0][0]]).values()), "") if found else ""


def open_indexes(library: Library) -> bool:
    return library._follower._open is not None


# -- one process ------------------------------------------------------------------------------------------------------


def test_an_article_is_found_by_vectors_and_by_words(settings: IngestSettings) -> None:
    with opened(settings) as library:
        assert add(library, "Nurses earn well.\nDentists earn more.") == "added"
        assert nearest(library, "dentists") == "Dentists earn more."
        assert len(library.search_text("dentists", 5)) == 1
        assert library.check() == []


def test_an_article_is_there_after_opening_again(settings: IngestSettings) -> None:
    with opened(settings) as library:
        add(library, "Nurses earn well.\nDentists earn more.")
    with opened(settings, read_only=True) as library:
        assert nearest(library, "dentists") == "Dentists earn more."
        assert open_indexes(library)


def test_adding_twice_adds_nothing_and_embeds_nothing(settings: IngestSettings) -> None:
    embedder = FakeEmbedder()
    with Library.open(settings, embedder) as library:
        statuses = [add(library, "Nurses earn well."), add(library, "Nurses earn well.")]
        assert statuses == ["added", "unchanged"]
        assert (library.count_passages(), library.generation, len(embedder.embedded)) == (1, 1, 1)


def test_a_changed_article_has_only_its_new_words_embedded(settings: IngestSettings) -> None:
    embedder = FakeEmbedder()
    with Library.open(settings, embedder) as library:
        add(library, "Nurses earn well.\nDentists earn more.")
        add(library, "An opening.\nNurses earn well.\nDentists earn most.")
        assert embedder.embedded[2:] == ["An opening.", "Dentists earn most."]
        assert nearest(library, "nurses") == "Nurses earn well."
        assert library.check() == []


def test_a_removed_article_is_found_no_more(settings: IngestSettings) -> None:
    with opened(settings) as library:
        add(library, "Nurses earn well.")
        add(library, "Boats float.", "boats")
        library.remove("pay")
        assert nearest(library, "nurses earn well") == "Boats float."
        assert library.check() == []
        with pytest.raises(ArticleUnknown):
            library.remove("pay")


def test_an_empty_library_answers_with_nothing(settings: IngestSettings) -> None:
    with opened(settings, read_only=True) as library:
        assert (library.articles(), library.headings(), library.generation) == ([], [], 0)
        assert library.search_vectors(library.embed_question("pay").text, 5) == []
        assert library.search_text("pay", 5) == []
        assert library.check() == []


def test_neither_the_model_nor_chroma_is_loaded_to_list_articles(settings: IngestSettings) -> None:
    def load(_method: str) -> NoReturn:
        raise AssertionError("the model was loaded")

    with opened(settings) as library:
        add(library, "Nurses earn well.")
    with Library.open(settings, load) as library:
        assert [article.id for article in library.articles()] == ["pay"]
        assert not open_indexes(library)


def test_a_small_library_is_searched_without_its_index_and_finds_the_same(settings: IngestSettings) -> None:
    with opened(settings) as library:
        for number in range(30):
            add(library, f"Nurse {number} earns well.", f"pay-{number}")
    with opened(settings, read_only=True) as library:
        indexed = library.search_vectors(library.embed_question("nurse 7").text, 5)
        assert open_indexes(library)
    with opened(settings.model_copy(update={"exact_passages": 30}), read_only=True) as library:
        exact = library.search_vectors(library.embed_question("nurse 7").text, 5)
        assert not open_indexes(library)
    assert [round(similarity, 4) for _, similarity in exact] == [round(similarity, 4) for _, similarity in indexed]
    assert exact[0][0] == indexed[0][0]


def test_a_vector_that_the_catalog_does_not_know_is_ignored(settings: IngestSettings) -> None:
    with opened(settings) as library:
        add(library, "Nurses earn well.")
        assert library._follower._open is not None
        library._follower._open.index.upsert({"ghost": ("pay", library.embed_question("ghost").text)})
        assert nearest(library, "ghost") in ("", "Nurses earn well.")
        assert all(found != "ghost" for found, _ in library.search_vectors(library.embed_question("ghost").text, 5))


def test_a_reading_library_refuses_to_write(settings: IngestSettings) -> None:
    with opened(settings, read_only=True) as library:
        with pytest.raises(LibraryUnwritable):
            add(library, "Nurses earn well.")
        with pytest.raises(LibraryUnwritable):
            library.repair()


# -- readers beside a writer ------------------------------------------------------------------------------------------


def test_a_reader_sees_a_new_article_without_opening_again(settings: IngestSettings) -> None:
    with opened(settings) as writer, opened(settings, read_only=True) as reader:
        add(writer, "Nurses earn well.")
        before = (nearest(reader, "boats"), reader.generation)
        add(writer, "Boats float.", "boats")
        assert (before, nearest(reader, "boats")) == (("Nurses earn well.", 1), "Boats float.")
        assert open_indexes(reader)


def add_in_another_process(home: Path, text: str, name: str) -> None:
    with opened(settings_in(home)) as library:
        add(library, text, name)


def in_another_process(function: object, *arguments: object) -> int | None:
    process = PROCESSES.Process(target=function, args=arguments)  # type: ignore[arg-type]
    process.start()
    process.join(LONG_WAIT)
    return process.exitcode


def test_a_reader_sees_what_another_process_added(settings: IngestSettings) -> None:
    with opened(settings) as writer:
        add(writer, "Nurses earn well.")
    with opened(settings, read_only=True) as reader:
        assert nearest(reader, "boats") == "Nurses earn well."
        assert in_another_process(add_in_another_process, settings.home, "Boats float.", "boats") == 0
        assert nearest(reader, "boats") == "Boats float."
        assert open_indexes(reader)


def test_writers_that_take_turns_lose_nothing(settings: IngestSettings) -> None:
    with opened(settings) as one, opened(settings) as two:
        for number in range(6):
            add(two if number % 2 else one, f"Fact {number}.", f"article-{number}")
        assert one.check() == two.check() == []
        assert [nearest(one, f"article {number} fact {number}") for number in range(6)] == [
            f"Fact {number}." for number in range(6)
        ]


def hold_the_lock(home: Path, ready: str, done: str) -> None:
    with WriterLock(home, 0.2).hold():
        Path(ready).touch()
        while not Path(done).exists():
            signal.sigtimedwait([], 0.01)


def test_a_second_writer_is_told_who_writes_while_a_reader_reads_on(settings: IngestSettings, tmp_path: Path) -> None:
    with opened(settings) as library:
        add(library, "Nurses earn well.")
        ready, done = tmp_path / "ready", tmp_path / "done"
        holder = PROCESSES.Process(target=hold_the_lock, args=(settings.home, str(ready), str(done)))
        holder.start()
        while not ready.exists() and holder.is_alive():
            signal.sigtimedwait([], 0.01)
        try:
            with pytest.raises(LibraryLocked, match=rf"process {holder.pid} on .* CAREER_LOCK_TIMEOUT"):
                add(library, "Boats float.", "boats")
            assert nearest(library, "nurses") == "Nurses earn well."
        finally:
            done.touch()
            holder.join(LONG_WAIT)
        assert add(library, "Boats float.", "boats") == "added"


# -- kills ------------------------------------------------------------------------------------------------------------


class KilledAt:
    """Ends the process, as `kill -9` does, the moment one step of storing an article is reached."""

    def __init__(self, library: Library, step: str) -> None:
        catalog, follower = library._catalog, library._follower
        owner = catalog if hasattr(catalog, step) else follower
        self._real = getattr(owner, step)
        setattr(owner, step, self)

    def __call__(self, *arguments: object) -> NoReturn:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("unreachable")


class KilledAfter(KilledAt):
    def __call__(self, *arguments: object) -> NoReturn:
        self._real(*arguments)
        super().__call__()


def replace_and_die(home: Path, step: str, *, after: bool) -> None:
    with opened(settings_in(home)) as library:
        (KilledAfter if after else KilledAt)(library, step)
        add(library, "Boats float.\nNurses earn little.")


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize(
    ("step", "after"),
    [
        ("store", False),
        ("store", True),
        ("catch_up", False),
        ("_apply", True),
        ("_build", True),
        ("finish_index_work", False),
        ("finish_index_work", True),
        ("catch_up", True),
    ],
)
def test_a_kill_between_any_two_steps_leaves_old_or_new_and_a_whole_index(
    settings: IngestSettings, step: str, after: bool, is_first: bool
) -> None:
    if not is_first:
        with opened(settings) as library:
            add(library, "Nurses earn well.\nDentists earn more.")
    skipped = (step == "_apply" and is_first) or (step == "_build" and not is_first)
    died = in_another_process(replace_and_die_keywords, settings.home, step, after)
    assert died == (0 if skipped else -signal.SIGKILL)
    committed = skipped or (step, after) != ("store", False)
    expected = "Nurses earn little." if committed else "" if is_first else "Nurses earn well."
    with opened(settings, read_only=True) as reader:
        assert nearest(reader, "nurses earn") == expected
    with opened(settings) as library:
        assert nearest(library, "nurses earn") == expected
        assert library.check() == []
        assert add(library, "Trains roll.", "trains") == "added"
        assert library.check() == []


def replace_and_die_keywords(home: Path, step: str, after: bool) -> None:
    replace_and_die(home, step, after=after)


def test_opening_for_writing_finishes_what_a_killed_writer_queued(settings: IngestSettings) -> None:
    with opened(settings) as library:
        add(library, "Nurses earn well.")
    assert in_another_process(replace_and_die_keywords, settings.home, "catch_up", False) == -signal.SIGKILL
    with opened(settings) as library:
        assert library._catalog.read_state().index.generation == library.generation
        assert library._catalog.read_index_work().upserts == {}
        assert open_indexes(library)


def test_opening_for_reading_leaves_the_queue_to_a_writer(settings: IngestSettings) -> None:
    with opened(settings) as library:
        add(library, "Nurses earn well.")
    assert in_another_process(replace_and_die_keywords, settings.home, "catch_up", False) == -signal.SIGKILL
    with opened(settings, read_only=True) as library:
        assert nearest(library, "boats") == "Boats float."
        assert len(library._catalog.read_index_work().upserts) == 2
        assert library.check() == []  # what waits is searched exactly


# -- an article that takes long ----------------------------------------------------------------------------------------


class Interrupted(FakeEmbedder):
    """Stops after so many passages."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self._after = after

    def embed_passages(self, passages: Sequence[Passage]) -> Iterator[PassageVectors]:
        if len(self.embedded) >= self._after:
            raise KeyboardInterrupt
        return super().embed_passages(passages)


def test_an_article_that_was_interrupted_is_not_embedded_from_the_beginning(settings: IngestSettings) -> None:
    lines = [f"Job {number} pays well." for number in range(2 * KEPT_AT_ONCE + 1)]
    text = "\n".join(lines)
    with Library.open(settings, Interrupted(2 * KEPT_AT_ONCE)) as library, suppress(KeyboardInterrupt):
        add(library, text)
    embedder = FakeEmbedder()
    with Library.open(settings, embedder) as library:
        assert library.articles() == []
        assert add(library, text) == "added"
        assert embedder.embedded == lines[-1:]
        assert library.check() == []
        assert library._catalog.find_vectors(["none"]) == {}
    with closing(sqlite3.connect(settings.home / "catalog.sqlite3")) as connection:
        assert connection.execute("SELECT count(*) FROM made_vectors").fetchone() == (0,)


def test_vectors_that_were_made_are_given_up_with_their_model(settings: IngestSettings) -> None:
    text = "\n".join(f"Job {number} pays well." for number in range(KEPT_AT_ONCE + 1))
    with Library.open(settings, Interrupted(KEPT_AT_ONCE)) as library, suppress(KeyboardInterrupt):
        add(library, text)
    embedder = FakeEmbedder(weights="1" * 64)
    with Library.open(settings, embedder) as library:
        library.reembed()
        add(library, text)
        assert len(embedder.embedded) == KEPT_AT_ONCE + 1


# -- an index that learns in portions ---------------------------------------------------------------------------------


def test_what_an_index_has_yet_to_learn_is_found_beside_what_it_knows(settings: IngestSettings) -> None:
    with opened(settings) as library, opened(settings, read_only=True) as reader:
        library._follower._soon_compared = reader._follower._soon_compared = 0
        add(library, "Nurses earn well.\nDentists earn more.")
        with library.index_in_portions():
            add(library, "Trains roll.", "trains")
            assert library._catalog.count_queued() == 1
            assert [nearest(each, "trains") for each in (library, reader)] == ["Trains roll."] * 2
            assert [nearest(each, "dentists") for each in (library, reader)] == ["Dentists earn more."] * 2
            assert open_indexes(reader)
            assert reader._follower._exact is None
            assert library.check() == []


def test_what_is_removed_is_not_found_although_the_index_still_knows_it(settings: IngestSettings) -> None:
    with opened(settings) as library:
        library._follower._soon_compared = 0
        add(library, "Nurses earn well.\nNurses care.\nNurses walk.")
        add(library, "Nurses rest.", "rest")
        with library.index_in_portions():
            library.remove("pay")
            found = library.search_vectors(library.embed_question("nurses").text, 1)
            assert [stored.passage.text for stored in library.passages([found[0][0]]).values()] == ["Nurses rest."]
            assert library.check() == []


def test_a_portion_ends_with_a_whole_index(settings: IngestSettings) -> None:
    with opened(settings) as library:
        with library.index_in_portions():
            add(library, "Nurses earn well.")
            add(library, "Trains roll.", "trains")
            assert library._catalog.read_state().index.number == 0
        state = library._catalog.read_state()
        assert (library._catalog.count_queued(), state.index.generation) == (0, library.generation)
        assert library.check() == []


def test_a_portion_also_ends_with_an_error(settings: IngestSettings) -> None:
    with opened(settings) as library:
        with suppress(KeyError), library.index_in_portions():
            add(library, "Nurses earn well.")
            raise KeyError
        assert library._catalog.count_queued() == 0


def test_an_index_is_not_left_far_behind(settings: IngestSettings) -> None:
    with opened(settings) as library, library.index_in_portions():
        add(library, "\n".join(f"Job {number} pays." for number in range(PORTION)))
        assert library._catalog.count_queued() == 0


def test_a_vector_that_the_index_does_not_find_is_searched_exactly(settings: IngestSettings) -> None:
    with opened(settings) as library:
        add(library, "Nurses earn well.")
        find_lost = library._follower._find_lost
        library._follower._find_lost = lambda index, vectors: list(vectors)[:1]  # type: ignore[method-assign]
        number = library._catalog.read_state().index.number
        add(library, "Trains roll.", "trains")
        assert (library._catalog.count_queued(), library._catalog.read_state().index.number) == (1, number)
        assert nearest(library, "trains") == "Trains roll."
        library._follower._find_lost = find_lost  # type: ignore[method-assign]
        assert library.check() == []
        with library.index_in_portions():  # learns nothing, so the queue is left
            assert add(library, "Trains roll.", "trains") == "unchanged"
        assert library._catalog.count_queued() == 1
        add(library, "Boats float.", "boats")
        assert library._catalog.count_queued() == 0


class StarEmbedder(FakeEmbedder):
    """Copies of a job lie near it and far from one another: more of them than ways lead from a vector in the graph."""

    def __init__(self) -> None:
        super().__init__(dimension=384)

    def _embed(self, text: str) -> NDArray[np.float32]:
        job, copy = (int(number) for number in re.findall(r"\d+", text)[-2:])
        vector = np.random.default_rng(job).standard_normal(384)
        vector /= np.linalg.norm(vector)
        step = np.random.default_rng((job, copy)).standard_normal(384)
        vector += 0.5 * step / np.linalg.norm(step) * (copy > 0)
        return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)


def add_copies(library: Library, copies: range) -> None:
    add(library, "\n".join(f"Job {job} copy {copy}." for copy in copies for job in range(3)), f"from-{copies.start}")


def test_what_the_graph_leads_nowhere_to_is_searched_exactly(settings: IngestSettings) -> None:
    with Library.open(settings, StarEmbedder()) as library:
        for copies in (range(450), range(450, 600)):  # the first make the index, the others are taught to it
            add_copies(library, copies)
            kept = library._catalog.read_queued()
            assert kept.ids
            assert [library.search_vectors(vector, 1)[0][0] for vector in kept.vectors] == kept.ids
        assert library._catalog.read_state().index.number == 1


# -- damage -----------------------------------------------------------------------------------------------------------


def damage_database(folder: Path) -> None:
    (folder / "chroma.sqlite3").write_bytes(b"not a database " * 1_000)


def damage_graph(folder: Path) -> None:
    for file in folder.glob("*/*.bin"):
        content = bytearray(file.read_bytes())
        file.write_bytes(bytes(byte ^ 0xFF for byte in content))


def remove_graph(folder: Path) -> None:
    for graph in folder.glob("*/"):
        shutil.rmtree(graph)


@pytest.mark.parametrize("damage", [shutil.rmtree, damage_database, damage_graph, remove_graph])
def test_a_damaged_index_is_stood_in_for_and_healed(
    settings: IngestSettings, damage: object, caplog: pytest.LogCaptureFixture
) -> None:
    text = "\n".join(f"Fact{number} item{number * 7} thing{number * 13}." for number in range(1_200))
    with opened(settings) as library:
        add(library, text)
    damage(settings.home / "chroma" / "1")  # type: ignore[operator]
    with opened(settings, read_only=True) as reader, caplog.at_level(logging.WARNING):
        assert [nearest(reader, "fact7 item49 thing91") for _ in range(2)] == ["Fact7 item49 thing91."] * 2
    assert [record.message for record in caplog.records if "cannot be used" in record.message] == [
        record.message for record in caplog.records
    ][:1]
    with opened(settings) as writer:
        assert add(writer, "Boats float.", "boats") == "added"
        assert nearest(writer, "boats") == "Boats float."
        assert open_indexes(writer)
        assert writer.check() == []


def test_vectors_that_chroma_lost_are_noticed_and_restored_by_the_next_writer(settings: IngestSettings) -> None:
    with opened(settings) as library:
        add(library, "Nurses earn well.\nDentists earn more.")
        assert library._follower._open is not None
        library._follower._open.index.delete(list(library._follower._open.index.list_ids())[:1])
        assert any(line.startswith("vector index:") for line in library.check())
        add(library, "Boats float.", "boats")
        assert library.check() == []


def test_repair_makes_both_indexes_anew_without_embedding(settings: IngestSettings) -> None:
    with opened(settings) as library:
        add(library, "Nurses earn well.\nDentists earn more.")
    shutil.rmtree(settings.home / "chroma")
    embedder = FakeEmbedder()
    with Library.open(settings, embedder) as library:
        library.repair()
        assert (library.check(), embedder.embedded) == ([], [])
        assert nearest(library, "dentists") == "Dentists earn more."


def test_a_rebuilt_index_leaves_no_old_folder_behind_for_long(settings: IngestSettings) -> None:
    with opened(settings) as library:
        add(library, "Nurses earn well.")
        for _ in range(3):
            library.repair()
        assert len(list((settings.home / "chroma").iterdir())) <= 2


def test_an_index_that_cannot_be_written_does_not_lose_the_article(
    settings: IngestSettings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.home.mkdir(exist_ok=True)
    (settings.home / "chroma").write_text("in the way")
    with opened(settings) as library:
        assert add(library, "Nurses earn well.") == "added"
        assert nearest(library, "nurses") == "Nurses earn well."
    assert "career doctor --repair" in caplog.text


def test_a_server_out_of_reach_is_stood_in_for(tmp_path: Path) -> None:
    settings = IngestSettings(home=tmp_path, chroma_url="http://127.0.0.1:9", exact_passages=0, _env_file=None)  # type: ignore[call-arg]
    with opened(settings) as library:
        assert add(library, "Nurses earn well.\nDentists earn more.") == "added"
        assert nearest(library, "dentists") == "Dentists earn more."


def test_an_index_kept_elsewhere_before_is_made_here(settings: IngestSettings, tmp_path: Path) -> None:
    elsewhere = IngestSettings(home=tmp_path, chroma_url="http://127.0.0.1:9", exact_passages=0, _env_file=None)  # type: ignore[call-arg]
    with opened(elsewhere) as library:
        add(library, "Nurses earn well.")
    with opened(settings) as library:
        assert library.check() == []
        assert nearest(library, "nurses") == "Nurses earn well."


def test_copies_stored_in_portions_are_found_at_once_and_by_the_index_in_the_end(
    settings: IngestSettings, tmp_path: Path
) -> None:
    with opened(settings_in(tmp_path / "other")) as other:
        add(other, "Nurses earn well.\nDentists earn more.")
        copy, embedding = other.copy_article("pay"), other.embedding
    with opened(settings) as library:
        with library.index_in_portions():
            library.store_copy(copy, embedding)
            assert nearest(library, "dentists") == "Dentists earn more."
        assert library.check() == []
        assert nearest(library, "dentists") == "Dentists earn more."


def test_a_damaged_catalog_is_one_line_with_a_remedy(settings: IngestSettings) -> None:
    (settings.home / "catalog.sqlite3").write_bytes(b"words " * 5_000)
    with pytest.raises(LibraryDamaged, match=r"catalog\.sqlite3: .*career doctor --repair") as raised:
        Library.open(settings, FakeEmbedder())
    assert "\n" not in str(raised.value)


# -- another model ----------------------------------------------------------------------------------------------------


def test_a_model_of_another_name_is_refused_before_it_is_loaded(settings: IngestSettings) -> None:
    def load(_method: str) -> Embedder:
        raise AssertionError("the model was loaded")

    with opened(settings) as library:
        add(library, "Nurses earn well.")
    other = settings.model_copy(update={"embedding_model": "other-model"})
    with Library.open(other, load) as library:
        with pytest.raises(EmbeddingMismatch, match=r"all-MiniLM-L6-v2.*other-model.*`career reembed`"):
            library.embed_question("nurses")
        with pytest.raises(EmbeddingMismatch):
            library.check_embedding_model()
        with pytest.raises(EmbeddingMismatch):
            add(library, "Boats float.", "boats")
        assert library.article("pay").text == "Nurses earn well."


def test_other_weights_under_the_same_name_are_refused(settings: IngestSettings) -> None:
    with opened(settings) as library:
        add(library, "Nurses earn well.")
    with (
        Library.open(settings, FakeEmbedder(weights="1" * 64)) as library,
        pytest.raises(EmbeddingMismatch, match="career reembed"),
    ):
        library.embed_question("nurses")


def test_reembedding_makes_the_library_fit_the_model(settings: IngestSettings) -> None:
    with opened(settings) as library:
        add(library, "Nurses earn well.\nDentists earn more.")
    other = settings.model_copy(update={"embedding_model": "other-model"})
    seen: list[tuple[int, int]] = []
    with Library.open(other, FakeEmbedder("other-model", "1" * 64, dimension=32)) as library:
        count = library.reembed(lambda done, total: seen.append((done, total)))
        assert (count, seen) == (2, [(1, 2), (2, 2)])
        assert nearest(library, "dentists") == "Dentists earn more."
        assert open_indexes(library)
        assert library.check() == []


def test_a_process_with_the_old_model_notices_that_another_reembedded(settings: IngestSettings) -> None:
    with opened(settings) as old:
        add(old, "Nurses earn well.")
        assert nearest(old, "nurses") == "Nurses earn well."
        with Library.open(settings, FakeEmbedder(weights="1" * 64)) as new:
            new.reembed()
        with pytest.raises(EmbeddingMismatch):
            old.embed_question("nurses")


def test_reembedding_gives_words_to_a_library_that_had_none(settings: IngestSettings) -> None:
    with opened(settings) as library:
        add(library, "Nurses earn well.\nDentists earn more.")
    with sqlite3.connect(settings.home / "catalog.sqlite3") as connection:
        connection.row_factory = sqlite3.Row
        connection.execute("UPDATE passages SET word_vectors = x''")
        for row in connection.execute("SELECT * FROM passages").fetchall():
            connection.execute("UPDATE passages SET checksum = ? WHERE id = ?", (make_checksum(row), row["id"]))
    with opened(settings) as library:
        library.reembed()
        assert sorted(count_words(library)) == [3, 4]  # Pay, Dentists, earn; Pay, Nurses, earn, well
        assert library.check() == []


def count_words(library: Library) -> list[int]:
    ids = [passage_id for passage_id, _ in library.search_text("earn", 5)]
    return [len(stored.words) for stored in library.passages(ids).values()]


def test_a_passage_that_moved_keeps_its_words_without_being_embedded_again(settings: IngestSettings) -> None:
    embedder = FakeEmbedder()
    with Library.open(settings, embedder) as library:
        add(library, "Nurses earn well.")
        add(library, "An opening.\nNurses earn well.")
        assert embedder.embedded == ["Nurses earn well.", "An opening."]
        assert count_words(library) == [4, 2]  # Pay, Nurses, earn, well; Pay, opening


def method_of(library: Library) -> str:
    assert library.embedding is not None
    return str(library.embedding.fingerprint["method"])


def test_a_library_is_asked_by_the_method_that_made_it_until_it_is_embedded_anew(settings: IngestSettings) -> None:
    """A process that has the library open goes on when another one embeds it by another method."""

    def load(method: str) -> FakeEmbedder:
        return FakeEmbedder(method=method or "new")

    with Library.open(settings, FakeEmbedder(method="old")) as library:
        add(library, "Nurses earn well.")
    with Library.open(settings, load) as reader, Library.open(settings, load) as writer:
        assert reader.embed_question("nurses").text.any()
        add(writer, "Boats float.", "boats")
        assert method_of(writer) == "old"
        writer.reembed()
        assert method_of(writer) == "new"
        assert reader.embed_question("nurses").text.any()


def test_each_embedder_is_loaded_once(settings: IngestSettings) -> None:
    loaded: list[str] = []

    def load(method: str) -> FakeEmbedder:
        loaded.append(method)
        return FakeEmbedder()

    with Library.open(settings, load) as library:
        add(library, "Nurses earn well.")
        add(library, "Boats float.", "boats")
        library.embed_question("nurses")
    assert loaded == [""]


def test_vectors_made_in_another_way_are_refused_with_the_remedy(settings: IngestSettings) -> None:
    with opened(settings) as library:
        add(library, "Nurses earn well.")
    with (
        Library.open(settings, FakeEmbedder(method="another")) as library,
        pytest.raises(EmbeddingMismatch, match=r"another version or runtime.*`career reembed`"),
    ):
        library.embed_question("nurses")


def test_a_kill_after_reembedding_is_healed(settings: IngestSettings) -> None:
    with opened(settings) as library:
        add(library, "Nurses earn well.\nDentists earn more.")
    assert in_another_process(reembed_and_die, settings.home) == -signal.SIGKILL
    with Library.open(settings, FakeEmbedder(weights="1" * 64, dimension=32)) as library:
        assert library.check() == []
        assert nearest(library, "dentists") == "Dentists earn more."


def reembed_and_die(home: Path) -> None:
    with Library.open(settings_in(home), FakeEmbedder(weights="1" * 64, dimension=32)) as library:
        KilledAt(library, "rebuild")
        library.reembed()


# -- of some articles only --------------------------------------------------------------------------------------------


def search(library: Library, question: str, limit: int, *articles: str) -> tuple[list[str], list[str]]:
    """The texts that vectors and words find."""
    by_vector = library.search_vectors(library.embed_question(question).text, limit, articles)
    by_words = library.search_text(question, limit, articles)
    found = [library.passages([passage_id for passage_id, _ in hits]) for hits in (by_vector, by_words)]
    first, second = ([stored.passage.text for stored in passages.values()] for passages in found)
    return first, second


def fill(library: Library) -> None:
    add(library, "\n".join(f"Nurses earn {number}." for number in range(200)), "crowd")
    add(library, "Dentists earn more.\nNurses and pilots rest.", "rest")
    add(library, "Boats float.", "boats")


def test_both_searches_find_the_chosen_article_among_hundreds_of_nearer_passages(settings: IngestSettings) -> None:
    with opened(settings) as library:
        fill(library)
        by_vector, by_words = search(library, "nurses earn", 2, "rest")
        assert sorted(by_vector) == sorted(by_words) == ["Dentists earn more.", "Nurses and pilots rest."]


def test_several_articles_are_searched_as_one(settings: IngestSettings) -> None:
    with opened(settings) as library:
        fill(library)
        by_vector, by_words = search(library, "boats rest", 9, "boats", "rest")
        assert sorted(by_vector) == ["Boats float.", "Dentists earn more.", "Nurses and pilots rest."]
        assert sorted(by_words) == [
            "Boats float.",
            "Dentists earn more.",
            "Nurses and pilots rest.",
        ]  # "Rest" is a title


def test_a_score_does_not_depend_on_the_articles_chosen(settings: IngestSettings) -> None:
    with opened(settings) as library:
        fill(library)
        vector = library.embed_question("boats").text
        assert library.search_text("boats", 9, ["boats"]) == library.search_text("boats", 9)
        (chosen,), (anywhere, *_) = library.search_vectors(vector, 9, ["boats"]), library.search_vectors(vector, 9)
        assert chosen[0] == anywhere[0]
        assert chosen[1] == pytest.approx(anywhere[1], abs=1e-5)


def test_an_article_that_is_not_there_has_nothing_to_find(settings: IngestSettings) -> None:
    with opened(settings) as library:
        fill(library)
        assert search(library, "nurses", 9, "ghost") == ([], [])
        assert library.search_vectors(library.embed_question("nurses").text, 0, ["rest"]) == []


def test_chosen_articles_are_searched_while_the_index_is_behind(settings: IngestSettings) -> None:
    with opened(settings) as library:
        fill(library)
    assert in_another_process(store_and_die, settings.home) == -signal.SIGKILL
    with opened(settings, read_only=True) as reader:
        assert search(reader, "late news", 9, "late") == (["Late news."], ["Late news."])


def store_and_die(home: Path) -> None:
    with Library.open(settings_in(home), FakeEmbedder()) as library:
        KilledAt(library, "catch_up")
        add(library, "Late news.", "late")


def test_chosen_articles_are_searched_without_any_index(settings: IngestSettings) -> None:
    with opened(settings) as library:
        fill(library)
    shutil.rmtree(settings.home / "chroma")
    with opened(settings, read_only=True) as reader:
        assert search(reader, "boats", 1, "boats") == (["Boats float."], ["Boats float."])


def test_an_unknown_article_is_named_with_the_nearest(settings: IngestSettings) -> None:
    with opened(settings) as library:
        fill(library)
        library.refuse_unknown(["rest", "boats"])
        with pytest.raises(ArticleUnknown, match=r"boat: .* Did you mean boats\?"):
            library.refuse_unknown(["rest", "boat"])


# -- exact search -----------------------------------------------------------------------------------------------------


def test_the_stand_in_ranks_as_the_index_does(settings: IngestSettings) -> None:
    with opened(settings) as library:
        add(library, "\n".join(f"Fact {number} about topic {number % 7}." for number in range(80)))
        query = library.embed_question("fact about topic 3").text
        indexed = [similarity for _, similarity in library.search_vectors(query, 10)]
    catalog = Catalog.open(settings.home, read_only=True)
    exact = IndexFollower(catalog, library._follower._place)._exact_vectors(1).find_nearest(query, 10)
    catalog.close()
    np.testing.assert_allclose(indexed, [similarity for _, similarity in exact], atol=1e-5)
