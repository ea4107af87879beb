"""Ray's workers give the rows that this process gives, whatever happens to them."""

import os
import signal
import sys
import threading
import time
import types
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from rendered import write_data_set

from videomae_demo.cancellation import Cancelled, cancellable
from videomae_demo.dataset import ray_engine
from videomae_demo.dataset.evaluate import evaluate
from videomae_demo.dataset.judging import Judging, judge
from videomae_demo.dataset.listing import Item, read_items
from videomae_demo.dataset.naming import Naming, name_labels
from videomae_demo.dataset.ray_engine import ray_runner
from videomae_demo.dataset.ray_worker import Chunk, Outcome
from videomae_demo.dataset.rows import Row
from videomae_demo.engine.engine import Engine
from videomae_demo.errors import CheckpointError, RequestError

LABELS = ("moving left", "moving right", "spinning clockwise", "staying still")
CLIPS, CHUNK = 12, 2
DEADLY = "spinning clockwise"
NOT_FOR_EVER_S = 300.0
STARTS = 4

# Ray warns of its own future, and leaves files to the garbage collector.
from_ray = pytest.mark.filterwarnings("ignore::Warning:ray", "ignore::ResourceWarning")
on_ray = [pytest.mark.slow, from_ray]


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> Path:
    folder = write_data_set(tmp_path_factory.mktemp("clips"), CLIPS, labels=LABELS)
    (folder / LABELS[0] / "00004.mp4").write_bytes(b"no clip at all")
    return folder


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(device="cpu")


@pytest.fixture(scope="module")
def naming(engine) -> Naming:
    return name_labels(LABELS, list(engine.recogniser.model.config.id2label.values()))


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def address():
    """Of a cluster with two cores, which the tests connect to and leave again."""
    pytest.importorskip("ray", reason="pip install 'videomae-explorer[ray]'")
    from ray.cluster_utils import Cluster

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_agent_register_timeout_ms"] = "120000"  # noqa: SIM112 - Ray reads it so
    node = {"num_cpus": 2, "object_store_memory": 2**27, "include_dashboard": False}
    for more in range(STARTS - 1, -1, -1):  # Ray gives its helpers 15 s: a busy machine needs more
        try:
            cluster = Cluster(initialize_head=True, head_node_args=node)
            break
        except Exception:
            if not more:
                raise
    yield cluster.address
    cluster.shutdown()


def by_name(parts):
    return {row.name: row for rows in parts for row in rows}


def with_means(naming: Naming, means: dict[str, str]) -> Naming:
    return Naming(means, naming.unknown, naming.absent, naming.rewritten, naming.by_number)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + NOT_FOR_EVER_S
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)


def pid_in(told: Path) -> int:
    """Return the process that a file tells, once it does."""
    wait_until(lambda: told.exists() and told.read_text() != "")
    return int(told.read_text())


def is_at_work(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_what_came_meanwhile_comes_at_once_and_in_order():
    all_read = threading.Event()

    def read():
        yield {"at": "0"}
        yield {"at": "1"}
        all_read.set()
        yield {"at": "2"}

    found = ray_engine._in_thread(read, pytest.fail)
    parts = [next(found)]
    all_read.wait(NOT_FOR_EVER_S)
    parts += found
    assert [row["at"] for rows in parts for row in rows] == ["0", "1", "2"]
    assert len(parts) <= 3 and all(parts)


def test_what_ends_the_reading_comes_after_what_was_read():
    def read():
        yield {"at": "0"}
        raise ZeroDivisionError("of the source")

    found = ray_engine._in_thread(read, lambda: None)
    assert next(found) == [{"at": "0"}]
    with pytest.raises(ZeroDivisionError, match="of the source"):
        next(found)


@pytest.mark.parametrize("how", ["cancelled", "closed"])
def test_a_source_that_is_waited_for_is_stopped(how):
    stopped, wish = threading.Event(), threading.Event()

    def read():
        yield {"at": "0"}
        assert stopped.wait(NOT_FOR_EVER_S)
        yield {"at": "1"}

    def stop() -> None:
        stops.append(how)
        stopped.set()

    stops: list[str] = []
    found = ray_engine._in_thread(read, stop)
    with cancellable(wish):
        next(found)
        if how == "closed":
            found.close()
        else:
            wish.set()
            with pytest.raises(Cancelled):
                next(found)
    assert stops == [how]
    assert "reads from Ray" not in [thread.name for thread in threading.enumerate()]


def test_a_file_that_only_this_machine_has_is_told_apart_from_a_missing_one(tmp_path):
    here, gone = tmp_path / "here.mp4", tmp_path / "gone.mp4"
    here.touch()
    items = (Item(here, "here", None), Item(gone, "gone", None), Item(here, "fine", None))
    rows = (Row("here", None, error="e"), Row("gone", None, error="e"), Row("fine", None))
    outcome = Outcome(0, "host-7", rows, unseen=("here", "gone"))
    first, *others = ray_engine._checked(Chunk(0, items), outcome)
    assert first.error.startswith(f"The worker on host-7 does not find {str(here)!r}, which is")
    assert others == list(rows[1:])


@pytest.mark.parametrize(("is_of_checkpoint", "kind"), [(True, CheckpointError), (False, None)])
def test_a_refusal_ends_the_run(is_of_checkpoint, kind):
    outcome = Outcome(0, "host-7", refusal="No.", is_of_checkpoint=is_of_checkpoint)
    with pytest.raises(kind or RequestError, match=r"No\. \(So says the worker on host-7\.\)"):
        ray_engine._checked(Chunk(0, ()), outcome)


@pytest.mark.parametrize("numbers", [(0, 0.0, 1), (1, -1.0, 1), (1, 0.0, 0)])
def test_workers_that_can_not_work_are_refused(numbers):
    workers, gpus, cores = numbers
    with pytest.raises(RequestError, match=rf"{workers} workers with {cores} cores and {gpus:g}"):
        ray_runner(workers, None, gpus, cpus_per_worker=cores)


def test_without_ray_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(RequestError, match=r"pip install 'videomae-explorer\[ray\]'"):
        ray_runner(1)


class FakeRay:
    """Ray as far as a connection is concerned."""

    def __init__(self, *, connected=False, gpus=0, error=None):
        self.connected, self.gpus, self.error = connected, gpus, error
        self.asked: list[dict] = []
        self.shutdowns = 0

    def is_initialized(self):
        return self.connected

    def init(self, **options):
        self.asked.append(options)
        if self.error is not None:
            raise self.error

    def shutdown(self):
        self.shutdowns += 1

    def cluster_resources(self):
        return {"CPU": 4.0} | ({"GPU": float(self.gpus)} if self.gpus else {})


def pool(address=None, gpus=0.0):
    return ray_engine._Pool(3, address, gpus, 2, "cpu")


def connect(fake, asked):
    with ray_engine._connected(fake, asked):
        pass


@pytest.fixture
def _no_address(monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "")
    monkeypatch.delenv("RAY_USAGE_STATS_ENABLED")


@pytest.mark.usefixtures("_no_address")
def test_alone_a_machine_lends_the_cores_that_the_workers_take_and_phones_nobody():
    fake = FakeRay()
    connect(fake, pool())
    (asked,) = fake.asked
    assert asked["address"] == "local" and asked["num_cpus"] == 6
    assert asked["include_dashboard"] is False and asked["log_to_driver"] is False
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
    assert fake.shutdowns == 1


@pytest.mark.usefixtures("_no_address")
def test_a_cluster_is_found_by_its_address_and_keeps_its_own_size(monkeypatch):
    for given in ("auto", None):
        monkeypatch.setenv("RAY_ADDRESS", "auto" if given is None else "elsewhere")
        fake = FakeRay()
        connect(fake, pool(given))
        assert fake.asked[0]["address"] == "auto" and "num_cpus" not in fake.asked[0]


def test_a_connection_that_was_there_before_is_kept():
    fake = FakeRay(connected=True)
    connect(fake, pool("anything"))
    assert not fake.asked and not fake.shutdowns


@pytest.mark.usefixtures("_no_address")
@pytest.mark.parametrize(
    ("address", "told"),
    [
        (None, r"^Ray can't be started on this machine \(the last line\); try again"),
        ("auto", r"^The Ray cluster 'auto' can't be used \(the last line\); give the address"),
    ],
)
def test_a_cluster_that_fails_is_one_sentence(address, told):
    fake = FakeRay(error=RuntimeError("many\nlines\nthe last line.\n"))
    with pytest.raises(RequestError, match=told):
        connect(fake, pool(address))
    assert fake.shutdowns == 1


def test_where_nobody_listens_ray_is_not_asked():
    fake = FakeRay()
    with pytest.raises(RequestError, match=r"The Ray cluster '127.0.0.1:9' can't be used \("):
        connect(fake, pool("127.0.0.1:9"))
    assert not fake.asked


@pytest.mark.usefixtures("_no_address")
def test_gpus_that_never_come_are_not_waited_for(caplog):
    told = "The cluster has 0 GPUs, and a worker needs 0.5"
    fake = FakeRay()
    with pytest.raises(RequestError, match=f"{told}; give gpus_per_worker=0"):
        connect(fake, pool(gpus=0.5))
    assert fake.shutdowns == 1
    connect(FakeRay(gpus=1), pool(gpus=0.5))
    assert not caplog.messages
    connect(FakeRay(), pool("auto", gpus=0.5))  # it may grow
    assert caplog.messages == [f"{told}; waiting until it has more."]


class FakeWorkers:
    """Stands in for a cluster: says of each chunk what it is told to say, in each pass."""

    def __init__(self, monkeypatch, *passes):
        self.passes, self.asked, self.events = list(passes), [], []
        monkeypatch.setattr(ray_engine, "_import_ray", lambda: None)
        monkeypatch.setattr(ray_engine, "_connected", self.connected)
        monkeypatch.setattr(ray_engine, "_outcomes", self.outcomes)

    @contextmanager
    def connected(self, _ray, _pool):
        try:
            yield
        finally:
            self.events.append("left")

    def outcomes(self, _ray, _pool, order, chunks, at_once):
        self.asked.append((at_once, [chunk.number for chunk in chunks]))
        try:
            for failures in self.passes.pop(0):
                yield [self.said(chunk, failures) for chunk in chunks if chunk.number in failures]
        finally:
            self.events.append("stopped")

    @staticmethod
    def said(chunk, failures):
        if failures[chunk.number]:
            return Outcome(chunk.number, "host-7", failure=failures[chunk.number])
        return Outcome(chunk.number, "host-7", tuple(Row(i.name, i.label) for i in chunk.items))


def test_what_failed_is_judged_once_more_alone_and_then_given_up(engine, naming, monkeypatch):
    first = [{2: None}, {0: "died", 1: "died"}]  # two chunks come together
    fake = FakeWorkers(monkeypatch, first, [{0: None}, {1: "died again"}])
    items = [Item(Path(f"{number}.mp4"), str(number), LABELS[0]) for number in range(5)]
    parts = list(ray_runner(2)(engine, items, naming, Judging(), CHUNK))
    assert fake.asked == [(2, [0, 1, 2]), (1, [0, 1])]
    assert [[row.name for row in rows] for rows in parts] == [["4"], ["0", "1"], ["2", "3"]]
    assert [row.error is None for rows in parts for row in rows] == [True] * 3 + [False] * 2
    for row in parts[-1]:
        assert "failed: died again (on host-7); judge it" in row.error
        assert row.label == row.true == LABELS[0]


def test_the_work_is_stopped_before_the_connection_ends(engine, naming, monkeypatch):
    fake = FakeWorkers(monkeypatch, [{0: None}, {1: None}])
    items = [Item(Path(f"{number}.mp4"), str(number), None) for number in range(4)]
    run = ray_runner(2)(engine, items, naming, Judging(), CHUNK)
    assert [row.name for row in next(run)] == ["0", "1"]
    run.close()
    assert fake.events == ["stopped", "left"]


def test_paths_of_weights_are_full_and_names_stay(recogniser_folder, monkeypatch):
    monkeypatch.chdir(recogniser_folder.parent)
    assert ray_engine._known_anywhere(recogniser_folder.name) == str(recogniser_folder)
    assert ray_engine._known_anywhere("MCG-NJU/videomae-base") == "MCG-NJU/videomae-base"


class TestOnACluster:
    pytestmark = on_ray

    def test_rows_are_those_of_this_process_to_the_last_digit(self, address, clips, engine, naming):
        items = read_items(clips)
        here = by_name(judge(engine, items, naming, Judging(), CHUNK))
        parts = list(ray_runner(2, address)(engine, items, naming, Judging(), CHUNK))
        assert by_name(parts) == here
        assert sum(map(len, parts)) == CLIPS
        assert all(rows and len(rows) % CHUNK == 0 for rows in parts)  # whole chunks
        assert [row.name for row in here.values() if row.error] == ["moving left/00004.mp4"]

    def test_a_worker_that_is_killed_loses_nothing(self, address, clips, engine, naming, tmp_path):
        told = tmp_path / "pid"

        class WaitsForDeath(dict):
            """Tells its process, the first time of all, and goes no further."""

            def get(self, name):
                if not told.exists():
                    told.write_text(str(os.getpid()))
                    threading.Event().wait(NOT_FOR_EVER_S)
                return super().get(name)

        def kill() -> None:
            os.kill(pid_in(told), signal.SIGKILL)

        items = read_items(clips)
        here = by_name(judge(engine, items, naming, Judging(), CHUNK))
        killing = threading.Thread(target=kill)
        killing.start()
        dangerous = with_means(naming, WaitsForDeath(naming.means))
        parts = list(ray_runner(2, address)(engine, items, dangerous, Judging(), CHUNK))
        killing.join()
        assert by_name(parts) == here
        assert sum(map(len, parts)) == CLIPS

    def test_a_chunk_that_kills_every_worker_is_rows_with_errors(
        self, address, clips, engine, naming
    ):
        here_pid = os.getpid()

        class Deadly(dict):
            def get(self, name):
                if name == DEADLY and os.getpid() != here_pid:
                    os.kill(os.getpid(), signal.SIGKILL)
                return super().get(name)

        items = read_items(clips)[-2 * CHUNK :]  # one of the deadly label, and then others
        deadly = with_means(naming, Deadly(naming.means))
        here = by_name(judge(engine, items, naming, Judging(), CHUNK))
        # Both chunks are in the one worker when it is killed.
        found = by_name(ray_runner(1, address)(engine, items, deadly, Judging(), CHUNK))
        assert found.keys() == here.keys()
        for name, row in found.items():
            if name in [item.name for item in items[:CHUNK]]:
                assert "its worker ended 2 times" in row.error
                assert (row.label, row.true) == (here[name].label, here[name].true)
            else:
                assert row == here[name]

    def test_a_run_that_ended_goes_on_to_the_same_files(
        self, address, clips, engine, tmp_path, monkeypatch
    ):
        monkeypatch.setattr("videomae_demo.dataset.evaluate.chunk_size", lambda *_: CHUNK)
        *_, _ = evaluate(engine, clips, tmp_path / "here")
        run = evaluate(engine, clips, tmp_path / "ray", runner=ray_runner(2, address))
        assert next(run).done == 0
        assert next(run).done >= CHUNK
        run.close()
        rows = tmp_path / "ray" / "rows.jsonl"
        rows.write_bytes(rows.read_bytes()[:-9])  # as if it was killed while it wrote
        resumed = evaluate(
            engine, clips, tmp_path / "ray", runner=ray_runner(2, address), resume=True
        )
        *_, last = resumed
        assert last.done == CLIPS and 0 < sum(1 for _ in last.new) < CLIPS
        for file in ("predictions.csv", "metrics.json"):
            assert (tmp_path / "ray" / file).read_text() == (tmp_path / "here" / file).read_text()

    def test_work_that_nobody_waits_for_ends(self, address, clips, engine, naming, tmp_path):
        import ray

        told = tmp_path / "pid"

        class Waits(dict):
            def get(self, name):
                told.write_text(str(os.getpid()))
                threading.Event().wait(NOT_FOR_EVER_S)
                return super().get(name)

        wish = threading.Event()
        waiting = threading.Thread(target=lambda: (pid_in(told), wish.set()))
        waiting.start()
        endless = with_means(naming, Waits(naming.means))
        ray.init(address=address, log_to_driver=False)  # a connection that is to be kept
        try:
            with cancellable(wish), pytest.raises(Cancelled):
                list(ray_runner(2)(engine, read_items(clips), endless, Judging(), CHUNK))
            assert ray.is_initialized()
            waiting.join()
            pid = pid_in(told)
            wait_until(lambda: not is_at_work(pid))
        finally:
            ray.shutdown()

    def test_a_clip_that_a_worker_does_not_see_says_so(
        self, address, clips, engine, naming, tmp_path
    ):
        class OnlyHere(type(clips)):
            """A path that is there on this machine alone."""

            def exists(self):
                return True

        gone = tmp_path / "gone.mp4"
        items = [*read_items(clips)[:1], Item(OnlyHere(gone), "gone", LABELS[0])]
        found = by_name(ray_runner(1, address)(engine, items, naming, Judging(), CHUNK))
        assert "does not find" in found["gone"].error and str(gone) in found["gone"].error
        assert "at the same paths" in found["gone"].error
        truly = [items[0], Item(gone, "gone", LABELS[0])]
        here = by_name(judge(engine, truly, naming, Judging(), CHUNK))
        assert by_name(ray_runner(1, address)(engine, truly, naming, Judging(), CHUNK)) == here

    def test_workers_without_a_package_are_one_sentence(
        self, address, clips, engine, naming, monkeypatch
    ):
        module = types.ModuleType("only_on_this_machine")
        module.Means = type("Means", (dict,), {"__module__": module.__name__})
        monkeypatch.setitem(sys.modules, module.__name__, module)
        items = read_items(clips)
        foreign = with_means(naming, module.Means(naming.means))
        with pytest.raises(RequestError, match=r"lack a package.*only_on_this_machine.*install"):
            list(ray_runner(2, address)(engine, items, foreign, Judging(), CHUNK))

    def test_weights_that_differ_there_end_the_run(
        self, address, clips, naming, recogniser_folder, monkeypatch
    ):
        monkeypatch.setattr(ray_engine, "fingerprint", lambda _engine: "another")
        engine = Engine(str(recogniser_folder), device="cpu")
        with pytest.raises(CheckpointError, match=r"are not those of .*on "):
            list(ray_runner(1, address)(engine, read_items(clips), naming, Judging(), CHUNK))


@pytest.mark.slow
@from_ray
def test_without_an_address_this_machine_is_the_cluster(
    clips, engine, naming, recogniser_folder, monkeypatch
):
    ray = pytest.importorskip("ray", reason="pip install 'videomae-explorer[ray]'")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    items = read_items(clips)[:CHUNK]
    found = by_name(ray_runner(1)(engine, items, naming, Judging(), CHUNK))
    assert found == by_name(judge(engine, items, naming, Judging(), CHUNK))
    assert not ray.is_initialized()
