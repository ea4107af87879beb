"""Which clips are trained on and which are held out, what can't be read, and who is shown when."""

from pathlib import Path

import numpy as np
import pytest
import torch
from own_clips import RULE, write_squares

from videomae_demo.dataset.listing import Item
from videomae_demo.errors import RequestError
from videomae_demo.model.processor import VideoMAEImageProcessor
from videomae_demo.training.own.batches import Batches, Order, plain_batches
from videomae_demo.training.own.material import (
    Split,
    in_order,
    read_material,
    split_items,
)
from videomae_demo.training.own.reading import AS_IT_IS, VARIED, ClipReader
from videomae_demo.training.own.settings import OwnSettings, Plan

LABELS = ("to the left", "to the right")
PROCESSOR = VideoMAEImageProcessor(size=32, crop_size=32)
READER = ClipReader(PROCESSOR, 4, RULE)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return write_squares(tmp_path_factory.mktemp("data"), LABELS, 5)


def names(folder: Path, clips: dict[str, int]) -> Path:
    """A folder of files that are never opened."""
    for label, count in clips.items():
        (folder / label).mkdir(parents=True)
        for number in range(count):
            (folder / label / f"{number:02d}.mp4").touch()
    return folder


def run(generator):
    """Take all steps; return what was told, and what was returned."""
    told = []
    while True:
        try:
            told.append(next(generator))
        except StopIteration as end:
            return told, end.value


def counts(items: tuple[Item, ...]) -> dict[str, int]:
    labels = [item.label for item in items]
    return {label: labels.count(label) for label in sorted(set(labels))}


def test_a_share_of_each_label_is_held_out(tmp_path):
    folder = names(tmp_path, {"a": 10, "b": 4, "c": 2, "d": 1})
    split = split_items(folder, 0.3, seed=0)
    assert split.labels == ("a", "b", "c", "d")
    assert counts(split.held_out) == {"a": 3, "b": 1, "c": 1}
    assert counts(split.train) == {"a": 7, "b": 3, "c": 1, "d": 1}
    assert not set(split.train) & set(split.held_out)
    assert split == split_items(folder, 0.3, seed=0)
    assert split.held_out != split_items(folder, 0.3, seed=1).held_out
    assert counts(split_items(folder, 0.9, seed=0).train)["c"] == 1
    assert split_items(folder, 0.0, seed=0).held_out == ()


def test_labels_that_are_numbers_are_counted(tmp_path):
    assert split_items(names(tmp_path, {"2": 1, "10": 1, "0": 1}), 0, 0).labels == ("0", "2", "10")


def test_a_data_set_of_its_own_may_be_held_out(tmp_path):
    folder = names(tmp_path / "data", {"a": 3, "b": 3})
    split = split_items(folder, 0.5, 0, names(tmp_path / "other", {"b": 2}))
    assert counts(split.train) == {"a": 3, "b": 3} and counts(split.held_out) == {"b": 2}
    with pytest.raises(RequestError, match=r"c/00.mp4 .* the label 'c', which no clip to train"):
        split_items(folder, 0.5, 0, names(tmp_path / "third", {"c": 1}))


def test_one_label_is_nothing_to_learn(tmp_path):
    with pytest.raises(RequestError, match=r"have one label \(a\)"):
        split_items(names(tmp_path / "one", {"a": 3}), 0.2, 0)
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "0.mp4").touch()
    with pytest.raises(RequestError, match="have no labels"):
        split_items(tmp_path / "none", 0.2, 0)


def test_clips_that_cant_be_read_are_told_and_left_out(data, tmp_path):
    broken = [Item(tmp_path / f"{k}.mp4", f"broken {k}", LABELS[0]) for k in range(4)]
    for item in broken[:3]:
        item.path.write_bytes(b"no clip")
    whole = split_items(data, 0.2, 0)
    split = Split(LABELS, whole.train + tuple(broken[:3]), (*whole.held_out, broken[3]), 2)
    told, material = run(read_material(split, READER))
    assert [(one.step, one.steps, one.unit) for one in told] == [
        (k, 14, "clip") for k in range(1, 15)
    ]
    assert len(material.train) == 8 and len(material.held_out) == 2
    assert [clip.label for clip in material.train] == [0] * 4 + [1] * 4
    without, unread = material.notes
    assert without == "2 clips have no label, and are left out."
    assert unread.startswith("4 clips can't be read, and are left out. broken 0: ")
    assert "broken 2" in unread and "broken 3" not in unread and unread.endswith("; and 1 more")


def test_nothing_is_learnt_from_nothing(tmp_path):
    split = split_items(names(tmp_path, {"a": 2, "b": 2}), 0.2, 0)
    with pytest.raises(RequestError, match=r"Of 4 clips, 4 can't be read.*the first: a/0\d.mp4: "):
        run(read_material(split, READER))


def test_a_label_that_is_lost_and_clips_that_are_short_are_told(data, tmp_path):
    lost = Item(tmp_path / "none.mp4", "none", "lost")
    split = split_items(data, 0.2, 0)
    split = Split((*LABELS, "lost"), (*split.train, lost), split.held_out)
    long = ClipReader(PROCESSOR, 16, RULE)
    _, material = run(read_material(split, long))
    _, missing, short = material.notes
    assert missing == "There is no clip left to train on for lost."
    assert short.startswith("10 clips are shorter than a window")


def test_frames_that_dont_fit_into_memory_are_read_again(data):
    split = split_items(data, 0.2, 0)
    _, kept = run(read_material(split, READER))
    _, read = run(read_material(split, READER, memory_mb=0))
    assert kept.notes == () and all(clip.stored for clip in kept.train + kept.held_out)
    assert read.notes == (
        "The frames take more than 0 MB; some clips are read again for each use.",
    )
    assert not any(clip.stored for clip in read.train + read.held_out)
    for mine, other in zip(kept.train + kept.held_out, read.train + read.held_out, strict=True):
        assert mine.windows == other.windows
        for window in range(mine.windows):
            assert np.array_equal(kept.frames(mine, window), read.frames(other, window))


def test_other_clips_labels_or_splits_are_another_training(data):
    def digest(labels=LABELS, share=0.2, seed=0):
        split = split_items(data, share, seed)
        whole = Split(labels, split.train, split.held_out)
        return run(read_material(whole, READER))[1].digest()

    assert digest() == digest()
    assert len({digest(), digest(share=0.4), digest(seed=1), digest(LABELS[::-1])}) == 4


def test_results_come_in_order_and_a_few_ahead():
    asked = []

    def things():
        for number in range(50):
            asked.append(number)
            yield number

    made = in_order(lambda number: number * 2, things(), threads=2)
    assert [next(made) for _ in range(3)] == [0, 2, 4]
    assert len(asked) <= 3 + 4
    assert list(made) == [number * 2 for number in range(3, 50)]


def test_each_epoch_shows_each_clip_once():
    plan = Plan(clips=5, batch=2, steps=10, epoch=3)
    order = Order(plan, seed=3)
    shown = [clip for step in range(10) for clip in order.clips(step)]
    assert [place for _, place in shown] == list(range(20))
    epochs = [[at for at, _ in shown[first : first + 5]] for first in range(0, 20, 5)]
    assert all(sorted(epoch) == [0, 1, 2, 3, 4] for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 1
    assert [Order(plan, 3).clips(step) for step in (7, 2)] == [order.clips(7), order.clips(2)]


def batches(data: Path, settings: OwnSettings, memory_mb: int, steps: list[int]):
    _, material = run(read_material(split_items(data, 0.2, 0), READER, memory_mb=memory_mb))
    plan = Plan.of(settings, len(material.train))
    with Batches(material, PROCESSOR, (32, 32), settings, plan) as source:
        return [source.batch(step) for step in steps]


def test_a_batch_follows_from_the_seed_and_its_step(data):
    settings = OwnSettings(batch=3, steps=9)
    one = batches(data, settings, 100, [4, 5, 8])
    other = batches(data, settings, 0, [5, 8])
    for mine, again in zip(one[1:], other, strict=True):
        assert torch.equal(mine.pixel_values, again.pixel_values)
        assert torch.equal(mine.labels, again.labels)
    assert one[0].pixel_values.shape == (3, 4, 3, 32, 32)
    seeded = batches(data, OwnSettings(batch=3, steps=9, seed=1), 100, [5])
    assert not torch.equal(seeded[0].pixel_values, one[1].pixel_values)


def test_another_seed_varies_a_clip_in_another_way(data):
    _, material = run(read_material(split_items(data, 0.2, 0), READER))
    plan = Plan.of(OwnSettings(), len(material.train))
    varied = []
    for seed, place in ((0, 0), (0, 0), (1, 0), (0, 1)):
        with Batches(material, PROCESSOR, (32, 32), OwnSettings(seed=seed), plan) as source:
            varied.append(source._varied(material.train[0], place))
    assert torch.equal(varied[0], varied[1])
    assert not torch.equal(varied[0], varied[2])
    assert not torch.equal(varied[0], varied[3])


def test_the_next_batches_are_made_ahead_but_none_beyond_the_end(data):
    _, material = run(read_material(split_items(data, 0.2, 0), READER))
    settings = OwnSettings(batch=3, steps=3)
    plan = Plan.of(settings, len(material.train))
    with Batches(material, PROCESSOR, (32, 32), settings, plan) as source:
        source.batch(0)
        assert sorted(source._coming) == [1, 2]
        source.batch(2)
        assert sorted(source._coming) == [1]


def test_plain_batches_are_the_clips_as_they_are(data):
    split = split_items(data, 0.2, 0)
    _, material = run(read_material(split, READER, AS_IT_IS))
    assert material.train[0].kept == AS_IT_IS != VARIED
    clips = [(clip, at) for clip in material.train for at in range(clip.windows)]
    found = list(plain_batches(material, clips, PROCESSOR, 7))
    assert [len(batch.labels) for batch in found] == [7] * (len(clips) // 7) + [len(clips) % 7]
    labels = torch.cat([batch.labels for batch in found])
    assert labels.tolist() == [clip.label for clip, _ in clips]
    last, window = clips[-1]
    wanted = PROCESSOR(material.frames(last, window), return_tensors="pt").pixel_values[0]
    torch.testing.assert_close(found[-1].pixel_values[-1], wanted, rtol=0, atol=2e-6)
