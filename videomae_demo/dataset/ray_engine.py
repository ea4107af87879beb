"""A data set, judged by the workers of a Ray cluster, for when one machine is outgrown.

Owns how chunks reach the workers and how their rows come back, as each chunk ends; who is asked
again when a worker is gone; and how the work ends when nobody waits any more. A chunk is judged by
`ray_worker`. The package ray is needed only when a run begins.
"""

from __future__ import annotations

import dataclasses
import logging
import os
import queue
import socket
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from videomae_demo.cancellation import POLL_S, check_cancelled
from videomae_demo.dataset.evaluate import Runner
from videomae_demo.dataset.judging import Judging, row_of_failed
from videomae_demo.dataset.listing import Item
from videomae_demo.dataset.naming import Naming
from videomae_demo.dataset.ray_worker import Chunk, Order, Outcome, Worker, fingerprint
from videomae_demo.dataset.rows import Row
from videomae_demo.engine.engine import Engine
from videomae_demo.errors import CheckpointError, RequestError

logger = logging.getLogger(__name__)

CHUNKS_AT_ONCE = 2
"""Of a worker: clips of one are read while the recogniser works on the other."""
MOST_BLOCKS = 20_000
"""Of Ray's data; with more chunks than that, several come back together."""
STORE_BYTES = 2**27
"""Memory for what travels, if this machine alone is the cluster: names and rows are small."""
END_S = 10.0
"""How long the end of cancelled work is waited for."""


def ray_runner(
    workers: int,
    address: str | None = None,
    gpus_per_worker: float = 0,
    *,
    cpus_per_worker: int = 1,
    device: str | None = None,
) -> Runner:
    """Return a runner that judges clips on a Ray cluster; it gives the same rows as `judge`.

    Ray must be installed (``pip install 'videomae-explorer[ray]'``), and this package in the same
    version on all machines of the cluster, which see clips and weights at the same paths. A worker
    that dies is replaced, and its chunks are judged again; a chunk that fails again and again is
    rows with an error.

    Parameters
    ----------
    workers : int
        How many processes judge, each with weights of its own.
    address : str, optional
        Of the cluster, as ``10.0.0.5:6379``. Default: what ``RAY_ADDRESS`` says; without it, this
        machine alone. A connection that is already open is used, and left open.
    gpus_per_worker : float
        0: workers run on the CPU. A fraction lets several workers share a GPU.
    cpus_per_worker : int
        Cores that each worker keeps for itself, and threads of torch. Sums are added in another
        order with other numbers of threads, and their last digits may differ.
    device : str, optional
        Default: "cuda" with GPUs, else "cpu".

    Raises
    ------
    RequestError
        When ray is not installed, or a number is out of range; while it runs, also when the cluster
        can't be reached or used.
    """
    if workers < 1 or cpus_per_worker < 1 or gpus_per_worker < 0:
        raise RequestError(
            f"{workers} workers with {cpus_per_worker} cores and {gpus_per_worker:g} GPUs each "
            "can't work; give one worker or more, with at least one core."
        )
    _import_ray()
    chosen = device or ("cuda" if gpus_per_worker else "cpu")
    pool = _Pool(workers, address, gpus_per_worker, cpus_per_worker, chosen)

    def run(
        engine: Engine, items: Sequence[Item], naming: Naming, judging: Judging, chunk: int
    ) -> Iterator[list[Row]]:
        return _run(pool, engine, items, naming, judging, chunk)

    return run


@dataclass(frozen=True, slots=True)
class _Pool:
    """What is asked of the cluster; see `ray_runner`."""

    workers: int
    address: str | None
    gpus_per_worker: float
    cpus_per_worker: int
    device: str


class _Ledger:
    """Keeps, in a process of its own, what outlives a worker: who works, and what was begun."""

    def __init__(self) -> None:
        self._begun: dict[int, int] = {}
        self._workers: dict[str, Any] = {}

    def begin(self, number: int) -> int:
        self._begun[number] = self._begun.get(number, 0) + 1
        return self._begun[number]

    def join(self, name: str, worker: Any) -> None:
        self._workers[name] = worker

    def workers(self) -> list[Any]:
        return list(self._workers.values())


class _RayWorker(Worker):
    """A worker that tells the ledger what it does."""

    def __init__(self, order: Order, ledger: Any) -> None:
        import ray

        context = ray.get_runtime_context()
        ray.get(ledger.join.remote(context.get_actor_id(), context.current_actor))
        super().__init__(order, lambda number: ray.get(ledger.begin.remote(number)))


def _run(
    pool: _Pool,
    engine: Engine,
    items: Sequence[Item],
    naming: Naming,
    judging: Judging,
    size: int,
) -> Iterator[list[Row]]:
    """Judge clips; yield the rows of chunks in the order of their ends, all that came meanwhile."""
    engine.check_labels()
    order = Order(
        weights=_known_anywhere(engine.weights),
        heads=engine.recogniser.model.config.num_attention_heads,
        fingerprint=fingerprint(engine),
        device=pool.device,
        threads=pool.cpus_per_worker,
        limits=engine.limits,
        naming=naming,
        judging=judging,
    )
    firsts = enumerate(range(0, len(items), size))
    left = {at: Chunk(at, tuple(items[first : first + size])) for at, first in firsts}
    failures: dict[int, str] = {}
    ray = _import_ray()
    with _connected(ray, pool):
        # What fails is judged once more, alone in its worker: another chunk may have ended both.
        for at_once in (CHUNKS_AT_ONCE, 1):
            # Closed here and now: the connection must not go first.
            with closing(_outcomes(ray, pool, order, list(left.values()), at_once)) as said:
                for outcomes in said:
                    done = [one for one in outcomes if one.failure is None]
                    parts = [_checked(left.pop(one.number), one) for one in done]
                    if parts:
                        yield [row for part in parts for row in part]
                    for one in outcomes:
                        if one.failure is not None:
                            failures[one.number] = f"{one.failure} (on {one.host})"
                            logger.warning("A chunk failed: %s", failures[one.number])
            if not left:
                return
    for chunk in left.values():
        error = (
            f"The part of the data set with this clip failed: {failures[chunk.number]}; judge it "
            "by itself (engine local) to find out which clip it is."
        )
        yield [row_of_failed(item, naming, error) for item in chunk.items]


def _checked(chunk: Chunk, outcome: Outcome) -> list[Row]:
    """Return the rows of a chunk; say so if the worker misses a file that is here."""
    if outcome.refusal is not None:
        kind = CheckpointError if outcome.is_of_checkpoint else RequestError
        raise kind(f"{outcome.refusal} (So says the worker on {outcome.host}.)")
    unseen = set(outcome.unseen)
    rows = []
    for item, row in zip(chunk.items, outcome.rows, strict=True):
        if row.name in unseen and item.path.exists():
            error = (
                f"The worker on {outcome.host} does not find {str(item.path.absolute())!r}, which "
                "is there on the machine that began the evaluation; let all machines see the clips "
                "at the same paths."
            )
            row = dataclasses.replace(row, error=error)
        rows.append(row)
    return rows


def _outcomes(
    ray: Any, pool: _Pool, order: Order, chunks: Sequence[Chunk], at_once: int
) -> Generator[list[Outcome]]:
    """Have chunks judged; yield what is said of them, as it comes."""
    ledger = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(_Ledger).remote()
    told = [{"chunk": chunk.to_text()} for chunk in chunks]
    data = ray.data.from_items(told, override_num_blocks=min(len(told), MOST_BLOCKS))
    data.context.enable_progress_bars = False
    judged = data.map_batches(
        _RayWorker,
        fn_constructor_kwargs={"order": order, "ledger": ledger},
        compute=ray.data.ActorPoolStrategy(
            size=min(pool.workers, len(told)),
            max_tasks_in_flight_per_actor=at_once,
            max_concurrent_calls_per_actor=at_once,
            enable_true_multi_threading=True,
        ),
        batch_size=1,
        num_cpus=pool.cpus_per_worker,
        num_gpus=pool.gpus_per_worker,
    )

    def stop() -> None:
        with suppress(ray.exceptions.RayError):  # the cluster may be gone
            for worker in ray.get(ledger.workers.remote(), timeout=END_S):
                ray.kill(worker, no_restart=True)

    try:
        with closing(_in_thread(judged.iter_rows, stop)) as read:
            for rows in read:
                yield [Outcome.from_text(row["outcome"]) for row in rows]
    except ray.exceptions.RayError as error:
        raise RequestError(_said(error)) from error


_Arrived: TypeAlias = Mapping[str, str] | Exception | None
"""A row; or why there are no more; or None, when all have come."""


def _in_thread(
    read: Callable[[], Iterable[Mapping[str, str]]], stop: Callable[[], None]
) -> Generator[list[Mapping[str, str]]]:
    """Yield what a thread has read by now, which may wait for long; `stop` its source at an end.

    What came while the caller was busy comes at once, so a slow disk is not asked for each chunk.

    Raises
    ------
    Cancelled
        When nobody waits any more.
    """
    arrived: queue.SimpleQueue[_Arrived] = queue.SimpleQueue()
    unwanted = threading.Event()

    def pump() -> None:
        try:
            for row in read():
                if unwanted.is_set():
                    return
                arrived.put(row)
            arrived.put(None)
        except Exception as error:  # noqa: BLE001  # it is raised where it is waited for
            arrived.put(error)

    thread = threading.Thread(target=pump, name="reads from Ray", daemon=True)
    thread.start()
    try:
        while True:
            check_cancelled()
            came = _came(arrived)
            rows = [row for row in came if row is not None and not isinstance(row, Exception)]
            if rows:
                yield rows
            if came and isinstance(came[-1], Exception):
                raise came[-1]
            if came and came[-1] is None:
                return
    finally:
        unwanted.set()
        if thread.is_alive():
            stop()
            thread.join(END_S)


def _came(arrived: queue.SimpleQueue[_Arrived]) -> list[_Arrived]:
    """Return all that is in a queue; nothing, if nothing comes for a moment."""
    try:
        came = [arrived.get(timeout=POLL_S)]
    except queue.Empty:
        return []
    return came + [arrived.get_nowait() for _ in range(arrived.qsize())]


@contextmanager
def _connected(ray: Any, pool: _Pool) -> Iterator[None]:
    """Connect to the cluster, and leave it at the end; one that was there before is kept.

    Raises
    ------
    RequestError
        When it can't be reached, or has no GPUs though they are asked for.
    """
    if ray.is_initialized():
        yield
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a run is nobody else's business
    address = pool.address or os.environ.get("RAY_ADDRESS") or "local"
    own = {
        "num_cpus": pool.workers * pool.cpus_per_worker,
        "object_store_memory": STORE_BYTES,
        "include_dashboard": False,
    }
    try:
        _knock(address)
        ray.init(
            address=address,
            log_to_driver=False,
            logging_level=logging.ERROR,
            **(own if address == "local" else {}),
        )
    except (RuntimeError, ValueError, OSError) as error:  # OSError: also a ConnectionError
        ray.shutdown()  # or a part of it goes on
        if address == "local":
            raise RequestError(
                f"Ray can't be started on this machine ({_last_line(error)}); try again when it is "
                "less busy, or judge without Ray."
            ) from error
        raise RequestError(
            f"The Ray cluster {address!r} can't be used ({_last_line(error)}); give the address of "
            "one that runs, as HOST:6379, with the same versions of Ray and Python as here."
        ) from error
    try:
        _check_gpus(ray, pool, may_grow=address != "local")
        yield
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Raise an OSError if nobody listens there: Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal() and int(port) < 2**16:
        socket.create_connection((host.strip("[]"), int(port)), timeout=END_S).close()


def _check_gpus(ray: Any, pool: _Pool, *, may_grow: bool) -> None:
    """Refuse work that would wait for ever: workers for which there is no GPU."""
    there = ray.cluster_resources().get("GPU", 0)
    if there >= pool.gpus_per_worker:
        return
    told = f"The cluster has {there:g} GPUs, and a worker needs {pool.gpus_per_worker:g}"
    if not may_grow:
        raise RequestError(f"{told}; give gpus_per_worker=0 to run on the CPU.")
    logger.warning("%s; waiting until it has more.", told)


def _known_anywhere(weights: str) -> str:
    """Return a path as workers need it, who are in another folder; other names as they are."""
    return str(Path(weights).absolute()) if Path(weights).exists() else weights


def _said(error: Exception) -> str:
    """Say what Ray reports in many lines."""
    if "ModuleNotFoundError" in str(error):
        return (
            f"The workers of the Ray cluster lack a package ({_last_line(error)}); install "
            "videomae-explorer, in the same version, on all its machines."
        )
    return f"The Ray cluster gave up ({_last_line(error)}); see Ray's log, and go on with --resume."


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:200].rstrip(".") if lines else type(error).__name__


def _import_ray() -> Any:
    """Return the package ray, with its part for data, quiet.

    Raises
    ------
    RequestError
        When it is not installed.
    """
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise RequestError(
            f"Judging on a Ray cluster needs the package ray, which is not installed ({error}): "
            "pip install 'videomae-explorer[ray]'."
        ) from error
    for handler in logging.getLogger("ray.data").handlers:
        if isinstance(handler, logging.StreamHandler):  # its file keeps all
            handler.setLevel(logging.CRITICAL)
    return ray
