"""A library whose vector index is on a real Chroma server: what stands in when it fails, and what brings it back."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from ingest.library import Library
from ingest.settings import IngestSettings
from ingest.vectors import IndexPlace, IndexUnreachable, VectorIndex
from tests.chroma_server import ChromaServer, find_command, run_server
from tests.fakes import FakeEmbedder, make_article, split_paragraphs

pytestmark = pytest.mark.skipif(not find_command(), reason="the `chroma` command of the chromadb package is not here")

TEXT = "Nurses earn well.\nDentists earn more.\nWelders weld."


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChromaServer]:
    with run_server(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def server(shared_server: ChromaServer) -> ChromaServer:
    if shared_server.process is None:  # the test before ended it
        shared_server.start()
    return shared_server


@pytest.fixture
def settings(tmp_path: Path, server: ChromaServer) -> IngestSettings:
    return settings_in(tmp_path / "home", server.url)


def settings_in(home: Path, url: str) -> IngestSettings:
    return IngestSettings(home=home, chroma_url=url, lock_timeout=5, _env_file=None)  # type: ignore[call-arg]


@contextmanager
def opened(settings: IngestSettings, *, read_only: bool = False) -> Iterator[Library]:
    with Library.open(settings, FakeEmbedder(), read_only=read_only) as library:
        yield library


def add(library: Library, text: str = TEXT, name: str = "pay") -> str:
    article = make_article(text, source=f"/{name}.md", slug=name, title=name.title())
    return library.replace(article, split_paragraphs(article)).status


def nearest(library: Library, question: str) -> str:
    found = library.search_vectors(library.embed_question(question).text, 1)
    return next(stored.passage.text for stored in library.passages([found[0][0]]).values())


def uses_index(library: Library) -> bool:
    return nearest(library, "dentists") == "Dentists earn more." and library._follower._open is not None


def list_collections(server: ChromaServer) -> list[Any]:
    import chromadb

    return list(chromadb.HttpClient(host="127.0.0.1", port=server.port).list_collections())


def collections_of(library: Library, server: ChromaServer) -> list[str]:
    return [collection.name for collection in list_collections(server) if library._place.library_id in collection.name]


def pass_the_pause(library: Library) -> None:
    """As if the seconds had gone by after which a server that failed is asked again."""
    library._follower._broken_since = 0.0


def test_an_index_on_a_server_answers_every_process(settings: IngestSettings) -> None:
    with opened(settings) as library, opened(settings, read_only=True) as reader:
        add(library)
        assert uses_index(library)
        assert uses_index(reader)
        add(library, f"{TEXT}\nPilots fly.")
        assert nearest(reader, "pilots fly") == "Pilots fly."
        assert uses_index(reader)
        assert library.check() == []


def test_what_is_removed_is_gone_from_the_server(settings: IngestSettings) -> None:
    with opened(settings) as library:
        add(library)
        add(library, "Pilots fly.", "fly")
        library.remove("pay")
        assert nearest(library, "dentists") == "Pilots fly."
        assert library.check() == []


def test_a_collection_that_was_replaced_does_not_stay_on_the_server(
    settings: IngestSettings, server: ChromaServer
) -> None:
    with opened(settings) as library:
        add(library)
        for _ in range(3):
            library.reembed()
        assert uses_index(library)
        assert len(collections_of(library, server)) == 1


def test_two_libraries_on_one_server_keep_to_themselves(
    settings: IngestSettings, tmp_path: Path, server: ChromaServer
) -> None:
    with opened(settings) as library, opened(settings_in(tmp_path / "other", server.url)) as other:
        add(library)
        add(other, "Dentists pull teeth.")
        other.reembed()
        other.reembed()
        assert nearest(library, "dentists pull teeth") == "Dentists earn more."
        assert nearest(other, "dentists pull teeth") == "Dentists pull teeth."
        assert library.check() == other.check() == []


def test_while_the_server_is_down_search_is_exact_and_says_so_once(
    settings: IngestSettings, server: ChromaServer, caplog: pytest.LogCaptureFixture
) -> None:
    with opened(settings) as library, opened(settings, read_only=True) as reader:
        add(library)
        assert uses_index(reader)
        server.stop()
        for _ in range(3):
            assert nearest(reader, "dentists") == "Dentists earn more."
            pass_the_pause(reader)
        told = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(told) == 1
    assert told[0].endswith(f"searching without it. Check the server at {server.url}.")
    assert "\n" not in told[0]


def test_a_server_that_comes_back_is_used_again_without_a_restart(
    settings: IngestSettings, server: ChromaServer
) -> None:
    with opened(settings) as library, opened(settings, read_only=True) as reader:
        add(library)
        server.stop()
        assert not uses_index(reader)
        server.start()
        pass_the_pause(reader)
        assert uses_index(reader)


def test_what_was_ingested_while_the_server_was_down_reaches_it_with_the_next_writer(
    settings: IngestSettings, server: ChromaServer
) -> None:
    with opened(settings) as library:
        add(library)
        server.stop()
        assert add(library, "Pilots fly.", "fly") == "added"
        assert nearest(library, "pilots fly") == "Pilots fly."
        assert [problem for problem in library.check() if "no Chroma server answers there" in problem]
    with opened(settings) as library:  # still down
        assert nearest(library, "pilots fly") == "Pilots fly."
        server.start()
    with opened(settings) as library:
        assert uses_index(library)
        assert library.check() == []


def test_a_library_begun_without_its_server_gets_its_index_when_the_server_is_there(
    settings: IngestSettings, server: ChromaServer
) -> None:
    server.stop()
    with opened(settings) as library:
        add(library)
        assert not uses_index(library)
    server.start()
    with opened(settings) as library:
        assert uses_index(library)


def test_a_deleted_collection_is_made_anew_by_the_next_writer(settings: IngestSettings, server: ChromaServer) -> None:
    import chromadb

    with opened(settings) as library, opened(settings, read_only=True) as reader:
        add(library)
        assert uses_index(reader)
        for name in collections_of(library, server):
            chromadb.HttpClient(host="127.0.0.1", port=server.port).delete_collection(name)
        assert not uses_index(reader)
        assert any("does not exist" in problem for problem in library.check())
        with opened(settings):
            assert uses_index(reader)
        assert library.check() == []


def test_lost_vectors_are_noticed_when_a_library_is_opened(settings: IngestSettings, server: ChromaServer) -> None:
    with opened(settings) as library:
        add(library)
        for collection in list_collections(server):
            if library._place.library_id in collection.name:
                collection.delete(ids=collection.get(limit=2)["ids"])
    with opened(settings, read_only=True) as reader:
        assert not uses_index(reader)
    with opened(settings) as library:
        assert uses_index(library)


def test_a_page_heals_the_index_of_a_server_that_lost_its_data(settings: IngestSettings, server: ChromaServer) -> None:
    with opened(settings) as library:
        add(library)
    server.stop()
    shutil.rmtree(server.folder)
    server.start()
    with opened(settings, read_only=True) as reader:
        assert not uses_index(reader)
        reader.heal_in_background(0.1)
        deadline = time.monotonic() + 20
        while not uses_index(reader) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert uses_index(reader)


def test_a_server_that_hangs_is_given_up_within_seconds(tmp_path: Path, server: ChromaServer) -> None:
    place = IndexPlace(tmp_path, server.url, "hanging")
    VectorIndex.create(place, 1).close()
    assert server.process is not None
    os.kill(server.process.pid, signal.SIGSTOP)
    try:
        begun = time.monotonic()
        with pytest.raises(IndexUnreachable, match="no Chroma server answers there"):
            VectorIndex.open(place, 1)
        assert time.monotonic() - begun < 10
    finally:
        os.kill(server.process.pid, signal.SIGCONT)


def test_every_request_to_a_server_has_a_time_limit(tmp_path: Path, server: ChromaServer) -> None:
    index = VectorIndex.create(IndexPlace(tmp_path, server.url, "limited"), 1)
    assert index._client._server._session.timeout.read == 10
    index.close()


def test_an_index_made_elsewhere_is_told_once(
    settings: IngestSettings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with opened(settings) as library:
        add(library)
    with opened(settings_in(settings.home, ""), read_only=True) as reader:
        assert nearest(reader, "dentists") == nearest(reader, "dentists") == "Dentists earn more."
    told = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(told) == 1
    assert told[0].startswith("there is no vector index in the library's folder; searching without it.")


@pytest.mark.parametrize("url", ["nonsense", "http://", "localhost:8000", "ftp://host:8000", "http://host:port"])
def test_what_is_no_address_of_a_server_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="is no address of a Chroma server"):
        IngestSettings(chroma_url=url, _env_file=None)  # type: ignore[call-arg]


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000/", "https://chroma.example", "http://[::1]:8000"])
def test_addresses_of_servers_are_taken(url: str) -> None:
    assert IngestSettings(chroma_url=url, _env_file=None).chroma_url == url.rstrip("/")  # type: ignore[call-arg]
