"""Pages prepared on the machines of a Ray cluster, while this process fetches them and writes what they made.

A Ray Data pipeline of two stages: pages as this process fetches them, politely to hosts, and actors that read, split
and embed them (`prepare.Preparer`, as in ingest/workers.py). Every machine needs this package, of the same version, and
the embedding model; and it is trusted as this process is. The only file that names ray, which is the extra `[ray]`.
"""

from __future__ import annotations

import logging
import os
import pickle
import socket
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ingest.article import Outcome
from ingest.embed import load_embedder
from ingest.errors import ClusterUnknown, WorkerLost
from ingest.library import Known, Library
from ingest.prepare import Item, Preparer, Result, Steps, open_steps, trim_settings
from ingest.settings import IngestSettings

if TYPE_CHECKING:
    from ingest.pooling import Embedder

log = logging.getLogger(__name__)

AHEAD = 3  # pages for each actor: one that it prepares, one that lies ready, one on its way
PATIENCE = 5.0  # seconds that a cluster may take to answer at all


class Cluster:
    """Prepares pages on a cluster: "host:port", "auto" for the one on this machine, "local" for one of this run.

    So many actors, or one for each processor of the cluster. Raises ClusterUnknown when there is none, WorkerLost when
    it does not go on.
    """

    def __init__(
        self, address: str, count: int = 0, load: Callable[[IngestSettings, str], Embedder] = load_embedder
    ) -> None:
        self._address = address
        self._count = count
        self._load = load  # in another process: something that can be imported

    def __call__(
        self,
        items: Iterable[Item],
        library: Library,
        settings: IngestSettings,
        steps: Steps,  # noqa: ARG002 - each actor has its own
    ) -> Generator[Result]:
        arguments = (trim_settings(settings, embedding_threads=1), library.list_known(), self._load)
        with _connect(self._address, self._count) as ray:
            processors = max(1, int(ray.cluster_resources().get("CPU", 1)))
            actors = min(self._count or processors, processors)  # more would wait for a place for ever
            with _translate_errors(ray), _Feed(ray, items, AHEAD * actors) as feed:
                for row in _prepare(feed.pages, actors, arguments).iter_rows():
                    feed.room.release()
                    answer = pickle.loads(row["item"])  # noqa: S301 - from our own actors
                    if isinstance(answer, Exception):
                        raise answer
                    yield answer


def _prepare(pages: Any, actors: int, arguments: tuple[IngestSettings, Known, Callable[..., Embedder]]) -> Any:
    """The pipeline: pages -> what was made of each, in order."""
    from ray.data import ActorPoolStrategy, DataContext, read_datasource

    context = DataContext.get_current()
    context.execution_options.preserve_order = True
    context.enable_progress_bars = context.print_on_execution_start = False
    context.target_max_block_size = context.target_min_block_size = 1  # bytes: each page goes on as soon as it is there
    fetched = read_datasource(_make_source(pages), override_num_blocks=1, num_cpus=0)
    return fetched.map_batches(
        PrepareBatch,
        batch_size=1,
        batch_format="numpy",
        num_cpus=1,
        compute=ActorPoolStrategy(size=actors),
        fn_constructor_args=arguments,
    )


class PrepareBatch:
    """What an actor does. Results are pickled, errors among them: the first process decides what they end."""

    def __init__(self, settings: IngestSettings, known: Known, load: Callable[[IngestSettings, str], Embedder]) -> None:
        self._steps = open_steps(settings)
        self._prepare = Preparer(settings, self._steps.__enter__(), known, load)  # its child ends with the actor

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        return {"item": [self._answer(pickle.loads(item)) for item in batch["item"]]}  # noqa: S301 - our own

    def _answer(self, item: Item | Exception) -> bytes:
        try:
            answer = item if isinstance(item, Outcome | Exception) else self._prepare(item)
        except Exception as error:  # it concerns every source
            answer = error
        return pickle.dumps(answer)


class _Feed:
    """A thread that fetches pages into a queue of the cluster, never far ahead of what was taken out at the end."""

    def __init__(self, ray: Any, items: Iterable[Item], ahead: int) -> None:
        from ray.util.queue import Queue

        self.pages = Queue(actor_options={"num_cpus": 0})
        self.room = threading.Semaphore(ahead)
        self._ray = ray
        self._items = items
        self._stopped = False
        self._thread = threading.Thread(target=self._run, daemon=True, name="feed-cluster")

    def __enter__(self) -> _Feed:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped = True
        self.room.release()

    def _run(self) -> None:
        try:
            for item in self._items:
                self.room.acquire()
                if self._stopped:
                    return
                self.pages.put(pickle.dumps(item))
            self.pages.put(None)
        except self._ray.exceptions.RayError:
            log.info("the cluster takes no more pages", exc_info=True)  # the other thread hears of it, too
        except Exception as error:
            self.pages.put(pickle.dumps(error))
            self.pages.put(None)


def _make_source(pages: Any) -> Any:
    """Ray Data's name for what reads a queue to its end."""
    import pyarrow
    from ray.data import Datasource, ReadTask
    from ray.data.block import BlockMetadata

    class Pages(Datasource):  # type: ignore[misc]  # ray is not followed
        def estimate_inmemory_data_size(self) -> None:
            return None

        def get_read_tasks(self, *_: Any, **__: Any) -> list[ReadTask]:
            def read() -> Iterator[pyarrow.Table]:
                while (item := pages.get()) is not None:
                    yield pyarrow.table({"item": pyarrow.array([item], pyarrow.large_binary())})

            unknown = BlockMetadata(num_rows=None, size_bytes=None, exec_stats=None)
            return [ReadTask(read, unknown)]

    return Pages()


@contextmanager
def _connect(address: str, count: int) -> Iterator[Any]:
    """Ray, connected for one run: it reports to nobody and prints nothing."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise ClusterUnknown("ray is not installed. Run: pip install 'career-assistant[ray]'.") from error
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.ERROR)
    _refuse_silence(address)
    local = {"include_dashboard": False, "num_cpus": count or None} if address == "local" else {}
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **local)
    except Exception as error:  # ConnectionError, ValueError, RuntimeError
        raise _unknown(address, error) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _refuse_silence(address: str) -> None:
    """Ray itself tries an address for minutes."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal():
        return
    try:
        socket.create_connection((host, int(port)), PATIENCE).close()
    except (OSError, OverflowError) as error:
        raise _unknown(address, error) from error


def _unknown(address: str, error: Exception) -> ClusterUnknown:
    log.info("no cluster", exc_info=error)
    return ClusterUnknown(
        f"{address}: no Ray cluster answers there ({type(error).__name__}). Start one with `ray start --head` and name "
        'its host:port, or "local". One that asks for a token needs RAY_AUTH_MODE=token here, too.'
    )


@contextmanager
def _translate_errors(ray: Any) -> Iterator[None]:
    try:
        yield
    except ray.exceptions.RayError as error:
        log.warning("the cluster failed", exc_info=True)
        reason = " ".join(str(error).split())[:200]
        raise WorkerLost(
            f"the Ray cluster does not go on ({type(error).__name__}: {reason}). What was stored is kept: ingest the "
            "same again."
        ) from error
