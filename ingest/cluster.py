"""Pages prepared on the machines of a Ray cluster, while this process fetches them and writes what they made.

A Ray Data pipeline of two stages: pages as this process fetches them, politely to hosts, and actors that read, split
and embed them (`prepare.Preparer`, as in ingest/workers.py). Every machine needs this package, of the same version, and
the embedding model; and it is trusted as this process is. The only file that names ray, which is the extra `[ray]`.
"""

from __future__ import annotations

import importlib.util
import logging
import multiprocessing
import os
import pickle
import signal
import socket
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from ingest.embed import load_embedder
from ingest.errors import ClusterUnknown, WorkerLost
from ingest.library import Known, Library
from ingest.prepare import Item, Preparer, Result, Steps, open_steps, trim_settings
from ingest.settings import IngestSettings
from ingest.spawn import Answer, answer, spawn

if TYPE_CHECKING:
    from ingest.pooling import Embedder

log = logging.getLogger(__name__)

AHEAD = 3  # pages for each actor: one that it prepares, one that lies ready, one on its way
PATIENCE = 5.0  # seconds that a machine may take to answer at all
CONNECTING = 60.0  # seconds that Ray may take to connect, or to start a cluster of this run
FAREWELL = 10  # seconds that a cluster of this run may take to end


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
        if importlib.util.find_spec("ray") is None:
            raise ClusterUnknown("ray is not installed. Run: pip install 'career-assistant[ray]'.")
        _refuse_silence(self._address)
        arguments = (trim_settings(settings, embedding_threads=1), library.list_known(), self._load)
        with closing(_Driver(self._address, self._count, arguments)) as driver:
            yield from driver.prepare(items)


class _Driver:
    """The process that speaks to Ray, and the pipes to it: pages go there as pickles, an `Answer` comes for each.

    It is not this one, because Ray ends the process that it runs in, without a word, when it has lost the cluster, and
    also when a thread of Ray Data is not done yet as the cluster is left.
    """

    def __init__(self, address: str, *arguments: Any) -> None:
        self._address = address
        pages, self._pages = multiprocessing.Pipe(duplex=False)
        self._answers, answers = multiprocessing.Pipe(duplex=False)
        self._process = spawn(_drive, pages, answers, address, *arguments)
        pages.close()
        answers.close()
        self._done = False

    def prepare(self, items: Iterable[Item]) -> Iterator[Result]:
        if not self._answers.poll(CONNECTING):  # something else answers there, and Ray would go on asking
            raise _unknown(self._address, TimeoutError())
        self._receive()
        threading.Thread(target=self._feed, args=(items,), daemon=True, name="feed-cluster").start()
        while (result := self._receive()) is not None:
            yield result
        self._done = True

    def _feed(self, items: Iterable[Item]) -> None:
        """Send pages as they are fetched, no faster than they are taken, and last why there are no more."""
        with suppress(OSError), self._pages:  # the process has ended
            try:
                for item in items:
                    self._pages.send(item)
            except Exception as error:
                self._pages.send(error)

    def _receive(self) -> Result | None:
        """The next result; None comes once the cluster has answered, and at the end. Raises what ends the run."""
        try:
            answered: Answer[Result | None] = self._answers.recv()
        except (EOFError, OSError) as error:
            self._process.join(FAREWELL)
            raise _lost(f"its driver ended, exit status {self._process.exitcode}") from error
        return answered.take()

    def close(self) -> None:
        """A cluster of this run ends with it."""
        if not self._done:
            self._process.terminate()
        self._process.join(FAREWELL)
        self._process.kill()
        self._process.join()
        self._answers.close()


def _drive(
    pages: Connection,
    answers: Connection,
    address: str,
    count: int,
    arguments: tuple[IngestSettings, Known, Callable[..., Embedder]],
) -> None:
    """That process's whole life. The last answer is sent before the cluster is left, which it may not survive."""
    _be_silent()
    with suppress(OSError), ExitStack() as stack:  # the pipes end with the first process

        def run() -> None:
            ray = stack.enter_context(_connect(address, count))
            signal.signal(signal.SIGTERM, _leave)  # in the place of Ray's own, which leaves processes behind
            answers.send(Answer(None, []))
            processors = max(1, int(ray.cluster_resources().get("CPU", 1)))
            actors = min(count or processors, processors)  # more would wait for a place for ever
            with _translate_errors(ray):
                _pump(ray, pages, answers, actors, arguments)

        answers.send(answer(run))


def _leave(*_: object) -> None:
    raise SystemExit


def _pump(
    ray: Any,
    pages: Connection,
    answers: Connection,
    actors: int,
    arguments: tuple[IngestSettings, Known, Callable[..., Embedder]],
) -> None:
    """Pages into the cluster, and what was made of them back, in order."""
    from ray.util.queue import Queue

    queue = Queue(actor_options={"num_cpus": 0})
    room = threading.Semaphore(AHEAD * actors)  # never far ahead of what was taken out at the end

    def fill() -> None:
        page: bytes | None = b""
        with suppress(ray.exceptions.RayError):  # the other thread hears of it, too
            while page is not None:
                room.acquire()
                page = _receive_page(pages)
                queue.put(page)

    threading.Thread(target=fill, daemon=True, name="fill-queue").start()
    for row in _prepare(queue, actors, arguments).iter_rows():
        room.release()
        answers.send_bytes(row["item"])


def _receive_page(pages: Connection) -> bytes | None:
    """The next page, as it was pickled; None is the end."""
    try:
        return pages.recv_bytes()
    except EOFError:
        return None


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
    """What an actor does: pickles in, pickles out, errors among them. The first process decides what they end."""

    def __init__(self, settings: IngestSettings, known: Known, load: Callable[[IngestSettings, str], Embedder]) -> None:
        self._steps = open_steps(settings)
        self._prepare = Preparer(settings, self._steps.__enter__(), known, load)  # its child ends with the actor

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        return {"item": [pickle.dumps(answer(partial(self._answer, item))) for item in batch["item"]]}

    def _answer(self, pickled: bytes) -> Result:
        item: Item | Exception = pickle.loads(pickled)  # noqa: S301 - from the first process
        if isinstance(item, Exception):
            raise item
        return self._prepare(item)


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


def _be_silent() -> None:
    """Not one word on the terminal, where Ray writes what it thinks of its own end. Its files of logs stay."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for terminal in (1, 2):
        os.dup2(nowhere, terminal)


@contextmanager
def _connect(address: str, count: int) -> Iterator[Any]:
    """Ray, connected for one run: it reports to nobody and prints nothing."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    import ray
    import ray.data

    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.ERROR)
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
        raise _lost(f"{type(error).__name__}: {' '.join(str(error).split())[:200]}") from error


def _lost(reason: str) -> WorkerLost:
    return WorkerLost(f"the Ray cluster does not go on ({reason}). What was stored is kept: ingest the same again.")
