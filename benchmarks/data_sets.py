"""How fast a folder of clips is judged: ``python -m benchmarks.data_sets --size base``.

Compares, in one run on one machine: the recogniser's batches alone, on clips that are ready in
memory; reading clips and making them ready alone; both together, as an evaluation does it; and Ray
with one and two workers (if it is installed). Counts clips of three passes each: as they are,
backwards and frozen. Tells also how memory grows with the number of clips (Linux), and what it
costs to put rows on the disk. Weights are random, clips are all alike: speed depends on neither.
"""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import torch

from benchmarks.children import write_clip
from benchmarks.machine import describe_machine
from benchmarks.model_speed import SIZES, make_config
from videomae_demo.checkpoints.catalog import BUNDLED_RECOGNISER
from videomae_demo.dataset.evaluate import Runner
from videomae_demo.dataset.judging import Judging, chunk_size, judge, passes_of
from videomae_demo.dataset.listing import Item, read_items
from videomae_demo.dataset.naming import name_labels
from videomae_demo.dataset.ray_engine import ray_runner
from videomae_demo.dataset.rows import Row
from videomae_demo.dataset.table import Table
from videomae_demo.engine.clips import ClipRequest
from videomae_demo.engine.engine import Engine
from videomae_demo.engine.many import Planned, prepare_many, recognise_many
from videomae_demo.model.processor import VideoMAEImageProcessor
from videomae_demo.model.videomae import VideoMAEForVideoClassification
from videomae_demo.video.memory import ProcessSize

BUNDLED = "bundled"
HEIGHT, WIDTH = 256, 340
APPENDS = 50
JUDGING = Judging()


def main() -> None:
    """Print two tables and what appending costs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=[BUNDLED, *SIZES], default="base")
    parser.add_argument("--clips", type=int, default=64, help="how many (64)")
    parser.add_argument("--rounds", type=int, default=3, help="of which the best counts (3)")
    parser.add_argument("--device", default=None, help="default: the fastest there is")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of torch")
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2], help="of Ray (1 2)")
    parser.add_argument("--gpus-per-worker", type=float, default=0)
    given = parser.parse_args()
    print(describe_machine("torch"), flush=True)
    torch.set_num_threads(given.threads)
    with tempfile.TemporaryDirectory() as folder:
        weights = BUNDLED_RECOGNISER
        if given.size != BUNDLED:
            weights = save_random(given.size, Path(folder) / "weights")
        engine = Engine(weights, device=given.device)
        items = write_data_set(Path(folder) / "clips", given.clips)
        rates = here(engine, items, given.rounds)
        if importlib.util.find_spec("ray") is not None:
            for workers in given.workers:
                cores = max(1, given.threads // workers)
                runner = ray_runner(workers, "local", given.gpus_per_worker, cpus_per_worker=cores)
                rates[f"Ray, {workers} workers with {cores} threads"] = steady(
                    runner, engine, items
                )
        print("| what | clips a second | times the batches alone |\n|---|---|---|")
        for name, rate in rates.items():
            print(f"| {name} | {rate:.3f} | {rate / rates[ALONE]:.2f} |", flush=True)
        print(f"append of a chunk's rows, on the disk: {append_s(engine, Path(folder)):.4f} s")


ALONE = "the recogniser's batches alone"


def save_random(size: str, folder: Path) -> str:
    """Save a recogniser of a published size, with random weights."""
    VideoMAEForVideoClassification(make_config(size)).save_pretrained(folder)
    VideoMAEImageProcessor().save_pretrained(folder)
    return str(folder)


def write_data_set(folder: Path, clips: int) -> list[Item]:
    """Write clips of three seconds as data sets have them, in a folder of one label."""
    (folder / "pattern").mkdir(parents=True)
    first = write_clip(folder / "pattern" / "00000.mp4", HEIGHT, WIDTH)
    for number in range(1, clips):
        shutil.copy(first, first.with_name(f"{number:05d}.mp4"))
    return read_items(folder)


def here(engine: Engine, items: Sequence[Item], rounds: int) -> dict[str, float]:
    """Return clips a second in this process, and print how its memory grows."""
    size = chunk_size(engine, JUDGING)
    ready = list(feed(engine, items[:size]))
    best: dict[str, float] = {}

    def note(name: str, began: float, clips: int) -> None:
        best[name] = max(best.get(name, 0.0), clips / (time.perf_counter() - began))

    recognise_many(engine, ready)
    for _ in range(rounds):
        began = time.perf_counter()
        for _ in range(0, len(items), size):
            recognise_many(engine, ready)
        note(ALONE, began, -(-len(items) // size) * len(ready))
        began = time.perf_counter()
        note("reading and making ready alone", began, count(feed(engine, items)))
        began = time.perf_counter()
        note("an evaluation in this process", began, count(watched(rows(judge, engine, items))))
    return best


def feed(engine: Engine, items: Sequence[Item]) -> Iterator[Planned]:
    """Make clips ready as `judge` does."""

    def plan(engine: Engine, request: ClipRequest) -> list[ClipRequest]:
        return passes_of(engine, request, JUDGING)

    requests = (ClipRequest(item.path) for item in items)
    ahead = chunk_size(engine, JUDGING) + 2
    return prepare_many(engine.for_many(), requests, plan, ahead=ahead)


def count(things: Iterable[object]) -> int:
    """Take all, keep none; return how many there were."""
    return sum(1 for _ in things)


def rows(runner: Runner, engine: Engine, items: Sequence[Item]) -> Iterator[Row]:
    """Judge clips by a runner."""
    labels = list(engine.recogniser.model.config.id2label.values())
    naming = name_labels(["pattern"], labels)
    for part in runner(engine, items, naming, JUDGING, chunk_size(engine, JUDGING)):
        yield from part


def watched(judged: Iterator[Row]) -> Iterator[Row]:
    """Print this process's memory after 8, 16, 32 ... clips."""
    for number, row in enumerate(judged, start=1):
        if number >= 8 and number & (number - 1) == 0:
            print(f"after {number} clips: {ProcessSize.of().resident / 2**20:.0f} MB", flush=True)
        yield row


def steady(runner: Runner, engine: Engine, items: Sequence[Item]) -> float:
    """Return clips a second from the first chunk's end to the last one's, and print the start."""
    began, ends = time.perf_counter(), []
    for row in rows(runner, engine, items):
        if row.error is not None:
            raise SystemExit(row.error)
        ends.append(time.perf_counter())
    size = chunk_size(engine, JUDGING)
    print(f"Ray: the first rows after {ends[0] - began:.1f} s", flush=True)
    if len(ends) <= size:
        raise SystemExit(f"Give more than {size} clips: Ray is timed after the first chunk.")
    return (len(ends) - size) / (ends[-1] - ends[0])


def append_s(engine: Engine, folder: Path) -> float:
    """Return the seconds that it takes to append the rows of a chunk."""
    table = Table(folder / "table", {}, resume=False)
    row = Row("pattern/00000.mp4", "pattern", top=(("a label of usual length", 0.2),) * 5)
    part = [row] * chunk_size(engine, JUDGING)
    began = time.perf_counter()
    for _ in range(APPENDS):
        table.append(part)
    return (time.perf_counter() - began) / APPENDS


if __name__ == "__main__":
    main()
