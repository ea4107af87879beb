"""What a worker says of a chunk; needs no Ray."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
import torch
from rendered import write_data_set
from tiny import TINY_LABELS

from videomae_demo.dataset.judging import Judging, judge
from videomae_demo.dataset.listing import Item, read_items
from videomae_demo.dataset.naming import name_labels
from videomae_demo.dataset.ray_worker import MOST_TRIES, Chunk, Order, Outcome, Worker, fingerprint
from videomae_demo.dataset.rows import Row
from videomae_demo.engine.engine import Engine
from videomae_demo.limits import Limits


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> tuple[Item, ...]:
    folder = write_data_set(tmp_path_factory.mktemp("clips"), 3, labels=("moving left",))
    (folder / "moving left" / "00001.mp4").write_bytes(b"no clip at all")
    return tuple(read_items(folder))


@pytest.fixture(scope="module")
def engine(recogniser_folder) -> Engine:
    return Engine(str(recogniser_folder), device="cpu")


@pytest.fixture(scope="module")
def order(engine) -> Order:
    labels = list(TINY_LABELS.values())
    return Order(
        weights=engine.weights,
        heads=2,
        fingerprint=fingerprint(engine),
        device="cpu",
        threads=1,
        limits=engine.limits,
        naming=name_labels(labels, labels),
        judging=Judging(),
    )


def first_try(_number: int) -> int:
    return 1


def test_a_worker_gives_the_rows_that_are_judged_here(order, engine, clips):
    chunk = Chunk(7, clips)
    told = Worker(order, first_try)({"chunk": [chunk.to_text()]})
    outcome = Outcome.from_text(told["outcome"][0])
    (here,) = judge(engine, clips, order.naming, order.judging, len(clips))
    assert outcome.number == 7 and outcome.failure is None and outcome.refusal is None
    assert list(outcome.rows) == here
    assert [row.error is None for row in outcome.rows] == [True, False, True]
    assert outcome.unseen == ()


def test_what_travels_comes_back_as_it_was(clips, monkeypatch):
    odd = Item(Path("a\udcff/b \u00e9.mp4"), "b\udcff", None)
    chunk = Chunk(3, (*clips, odd))
    text = chunk.to_text()
    assert text.isascii()
    absolute = dataclasses.replace(odd, path=Path.cwd() / odd.path)
    assert Chunk.from_text(text) == Chunk(3, (*clips, absolute))
    row = Row("b\udcff", None, top=(("x", 0.1 + 0.2),), margin=1 / 3, notes=("n",))
    for outcome in (
        Outcome(3, "host", rows=(row,), unseen=("b",)),
        Outcome(4, "host", failure="f"),
        Outcome(5, "host", refusal="r", is_of_checkpoint=True),
    ):
        text = outcome.to_text()
        assert text.isascii() and json.loads(text)
        assert Outcome.from_text(text) == outcome


def test_clips_that_are_not_there_are_named(order, clips, tmp_path):
    gone = Item(tmp_path / "gone.mp4", "gone", "moving left")
    outcome = Worker(order, first_try).judge(Chunk(0, (clips[0], gone, clips[1])))
    assert outcome.unseen == ("gone",)  # the broken one is there


def test_a_chunk_that_ends_its_workers_is_given_up(order, clips):
    tries = iter([MOST_TRIES, MOST_TRIES + 1])
    begun = []

    def begin(number: int) -> int:
        begun.append(number)
        return next(tries)

    worker = Worker(order, begin)
    assert worker.judge(Chunk(5, clips[:1])).failure is None
    outcome = worker.judge(Chunk(6, clips[:1]))
    assert begun == [5, 6]
    assert outcome.failure == "its worker ended 2 times; the memory may be too small"
    assert outcome.number == 6 and outcome.rows == ()


def test_a_defect_ends_a_chunk_and_not_the_worker(order, clips, caplog):
    class Broken(dict):
        def get(self, _name):
            raise ZeroDivisionError("of our own")

    broken = dataclasses.replace(order, naming=dataclasses.replace(order.naming, means=Broken()))
    outcome = Worker(broken, first_try).judge(Chunk(2, clips[:1]))
    assert outcome.failure == "ZeroDivisionError: of our own"
    assert outcome.number == 2 and outcome.refusal is None
    assert "A chunk failed" in caplog.text


def test_other_weights_of_the_same_name_are_refused(order, other_recogniser, clips):
    other = dataclasses.replace(order, weights=str(other_recogniser))
    outcome = Worker(other, first_try).judge(Chunk(1, clips[:1]))
    assert outcome.is_of_checkpoint and outcome.rows == ()
    assert outcome.refusal.startswith(f"The weights {str(other_recogniser)!r} are not those of")


def test_a_worker_without_the_device_or_the_weights_says_so(order, clips, tmp_path):
    absent = dataclasses.replace(order, device="cuda:77")
    outcome = Worker(absent, first_try).judge(Chunk(1, clips[:1]))
    assert "'cuda:77' is not available" in outcome.refusal and not outcome.is_of_checkpoint
    copy = shutil.copytree(order.weights, tmp_path / "weights")
    shutil.rmtree(copy)
    outcome = Worker(dataclasses.replace(order, weights=str(copy)), first_try).judge(Chunk(1, ()))
    assert outcome.is_of_checkpoint and "weights" in outcome.refusal


def test_limits_and_threads_are_those_of_the_order(order, clips):
    threads = torch.get_num_threads()
    strict = dataclasses.replace(order, limits=Limits(clip_frames=1), threads=threads + 1)
    try:
        (row,) = Worker(strict, first_try).judge(Chunk(1, clips[:1])).rows
        assert torch.get_num_threads() == threads + 1
    finally:
        torch.set_num_threads(threads)
    assert row.error is not None and "clip_frames" in row.error


def test_clips_that_are_seen_once_crowd_nothing_out(order, clips, recogniser_folder):
    engine = Engine(str(recogniser_folder), device="cpu")
    list(judge(engine, clips[:1], order.naming, order.judging, 1))
    assert engine._cache.nbytes == 0
