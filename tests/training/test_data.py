import math

import pytest
import torch

from videomae_demo.training import data
from videomae_demo.training.data import (
    MIRRORED,
    ClipSource,
    come_nearer,
    generator_for,
    normalise,
    swap,
)
from videomae_demo.training.finetune import (
    FinetuneSettings,
    adjusted_loss,
    label_weights,
    nearest_shown,
)
from videomae_demo.training.synthetic import LABELS, REVERSED, SyntheticClips


def test_a_step_decides_its_batch():
    first, second = (ClipSource(16, 4, pool_clips=8, uses=2) for _ in range(2))
    for step in (0, 1, 2):
        first.batch(step)
    again, anew = first.batch(5), second.batch(5)
    torch.testing.assert_close(again.pixel_values, anew.pixel_values)
    assert torch.equal(again.labels, anew.labels)


def test_seeds_and_pools_show_other_clips():
    source, other = ClipSource(16, 8, pool_clips=8, uses=1), ClipSource(16, 8, seed=1, pool_clips=8)
    assert not torch.equal(source.batch(0).pixel_values, other.batch(0).pixel_values)
    assert not torch.equal(source.batch(0).pixel_values, source.batch(1).pixel_values)


def test_labels_follow_the_mirror_and_the_reversal(monkeypatch):
    source = ClipSource(16, 16, pool_clips=16, uses=50)
    plain = source.batch(0)
    source._frames = (torch.arange(16 * 16) % 251).to(torch.uint8).reshape(16, 16, 1, 1, 1)
    source._frames = source._frames * torch.ones(1, 1, 3, 16, 16, dtype=torch.uint8)
    source._frames[..., 0] = 255  # the left edge is bright
    source._labels = torch.arange(16)
    seen = set()
    for step in range(20):
        batch = source.batch(step)
        frames = batch.pixel_values
        for clip, label in zip(frames, batch.labels, strict=True):
            mirrored = bool((clip[0, 0, :, -1] > clip[0, 0, :, 0]).all())
            value = clip[:, 0, 0, 8]
            backwards = bool(value[0] > value[-1])
            original = next(
                number for number in range(16) if _turn(number, mirrored, backwards) == label
            )
            seen.add((original, mirrored, backwards))
    assert plain.labels.shape == (16,)
    assert {(m, b) for _, m, b in seen} == {(m, b) for m in (True, False) for b in (True, False)}


def test_labels_are_shown_as_often_as_asked_for():
    weights = torch.zeros(len(LABELS))
    weights[LABELS.index("moving left")] = 1
    source = ClipSource(8, 64, pool_clips=64, label_weights=weights)
    assert {LABELS[label] for label in source._draw_labels(0)} == {"moving left"}
    shown = {LABELS[label] for label in source.batch(0).labels}
    assert shown == {"moving left", "moving right"}  # in the mirror, or backwards
    assert label_weights()[LABELS.index("spinning clockwise")] > label_weights()[0] == 1


def test_what_is_shown_more_often_is_not_expected_more_often():
    weights = torch.tensor([4.0, 1.0, 3.0])
    labels = torch.arange(3).repeat_interleave(weights.long())
    logits = torch.zeros(8, 3, requires_grad=True)
    adjusted_loss(logits, labels, weights, 0.0).backward()
    torch.testing.assert_close(logits.grad.sum(0), torch.zeros(3), atol=1e-6, rtol=0)


def test_the_loss_of_a_batch_is_worked_out_by_hand():
    """Logits of 0 and shown 2 : 1 : 1 make probabilities of 1/2, 1/4 and 1/4."""
    weights, logits = torch.tensor([2.0, 1.0, 1.0]), torch.zeros(1, 3)
    for label, loss in ((0, math.log(2)), (1, math.log(4)), (2, math.log(4))):
        found = adjusted_loss(logits, torch.tensor([label]), weights, 0.0)
        assert found.item() == pytest.approx(loss)
    smoothed = adjusted_loss(logits, torch.tensor([0]), weights, 0.3).item()
    assert smoothed == pytest.approx(0.7 * math.log(2) + 0.3 * (math.log(2) + 2 * math.log(4)) / 3)


def test_labels_that_are_learnt_last_are_shown_two_or_three_times():
    weights = dict(zip(LABELS, label_weights().tolist(), strict=True))
    often = {name: weight for name, weight in weights.items() if weight != 1}
    assert often == {
        "spinning clockwise": 3,
        "spinning counterclockwise": 3,
        "bouncing": 3,
        "orbiting": 2,
        "shaking": 3,
    }


def test_coming_nearer_enlarges_what_is_around_the_thing():
    clip = torch.zeros(2, 1, 3, 16, 16)
    clip[..., 4:8, 8:12] = 1  # rows 4 to 7, columns 8 to 11
    middle = torch.tensor([[0.25, -0.25], [0.25, -0.25]])
    near = come_nearer(clip, middle, torch.tensor([0.25, 1.0]))
    torch.testing.assert_close(near[0].mean(), torch.tensor(1.0), atol=0.15, rtol=0)
    torch.testing.assert_close(near[1], clip[1])
    corner = come_nearer(clip, torch.tensor([[1.0, 1.0]]).repeat(2, 1), torch.tensor([0.5, 0.5]))
    torch.testing.assert_close(corner[0, 0, 0, 8:, 8:], torch.zeros(8, 8))


def test_a_source_remembers_where_each_thing_is(monkeypatch):
    """A thing at the upper right in half of the frames, and one that is never seen."""
    frames = torch.zeros(2, 4, 3, 16, 16)
    thing = torch.zeros(2, 4, 16, 16, dtype=torch.bool)
    thing[0, :2, 0:4, 12:16] = True
    made = SyntheticClips(frames, torch.zeros(2).long(), thing)
    monkeypatch.setattr(data, "render", lambda *_, **__: made)
    source = ClipSource(16, 2, pool_clips=2)
    source.batch(0)
    torch.testing.assert_close(source._centres, torch.tensor([[0.75, -0.75], [0.0, 0.0]]))


def test_a_source_shows_about_half_of_a_batch_from_nearer_by():
    source = ClipSource(32, 16, pool_clips=16)
    far, near = source.batch(0), source.batch(0, nearest=0.4)
    assert torch.equal(far.labels, near.labels)
    pairs = zip(far.pixel_values, near.pixel_values, strict=True)
    assert 3 <= sum(not torch.equal(*pair) for pair in pairs) <= 13
    assert source._centres.abs().max() <= 1


def test_clips_move_away_while_a_run_goes_on():
    settings = FinetuneSettings(steps=100, whole=0.1, nearest=0.4)
    nearest = [nearest_shown(settings, step) for step in (0, 45, 90, 99)]
    assert nearest == pytest.approx([0.4, 0.7, 1.0, 1.0])
    assert nearest_shown(FinetuneSettings(whole=1.0), 0) == 1.0


def _turn(label: int, mirrored: bool, backwards: bool) -> int:
    if mirrored:
        label = int(swap(MIRRORED)[label])
    return int(swap(REVERSED)[label]) if backwards else label


def test_swapping_twice_changes_nothing():
    for pairs in (MIRRORED, REVERSED):
        table = swap(pairs)
        assert torch.equal(table[table], torch.arange(len(LABELS)))
        for one, other in pairs.items():
            assert table[LABELS.index(one)] == LABELS.index(other)
            assert table[LABELS.index(other)] == LABELS.index(one)


MIRROR_WORDS = {"left": "right", "clockwise": "counterclockwise"}
BACKWARD_WORDS = MIRROR_WORDS | {"up": "down", "growing": "shrinking", "in": "out"}


def in_other_words(name: str, opposites: dict[str, str]) -> str:
    both = opposites | {second: first for first, second in opposites.items()}
    return " ".join(both.get(word, word) for word in name.split())


@pytest.mark.parametrize(("pairs", "words"), [(MIRRORED, MIRROR_WORDS), (REVERSED, BACKWARD_WORDS)])
def test_every_label_becomes_its_opposite_in_words(pairs, words):
    """Whatever its name says of left and right, pans of the camera too, a mirror turns round."""
    table = swap(pairs)
    for label, name in enumerate(LABELS):
        assert LABELS[int(table[label])] == in_other_words(name, words)


@pytest.mark.parametrize("name", ["camera panning left", "camera panning right", "moving left"])
def test_a_clip_in_the_mirror_moves_as_its_new_label_says(monkeypatch, name):
    """Where the brightest column goes, in batches that are mirrored or reversed by chance."""
    source = ClipSource(16, 16, pool_clips=16, uses=50)
    source.batch(0)
    to_the_right = ("right" in name) != name.startswith("camera")  # the world goes the other way
    frames = torch.zeros(16, 16, 3, 16, 16, dtype=torch.uint8)
    for time in range(16):
        frames[:, time, :, :, time if to_the_right else 15 - time] = 255
    source._frames = frames
    source._labels = torch.full((16,), LABELS.index(name))
    seen = set()
    for step in range(4):
        batch = source.batch(step)
        columns = batch.pixel_values[:, :, 0, 0].argmax(-1)  # (B, T)
        for way, label in zip(columns, batch.labels, strict=True):
            goes_right = bool(way[-1] > way[0])
            told = LABELS[int(label)]
            says_right = ("right" in told) != told.startswith("camera")
            assert goes_right == says_right
            seen.add(told)
    assert seen == {name, in_other_words(name, MIRROR_WORDS)}


def test_generators_are_decided_by_their_numbers():
    assert torch.equal(
        torch.rand(3, generator=generator_for(1, 2)), torch.rand(3, generator=generator_for(1, 2))
    )
    assert not torch.equal(
        torch.rand(3, generator=generator_for(1, 2)), torch.rand(3, generator=generator_for(2, 1))
    )


def test_frames_are_normalised_as_published():
    white = normalise(torch.ones(1, 3, 2, 2))
    expected = torch.tensor([0.515 / 0.229, 0.544 / 0.224, 0.594 / 0.225])
    torch.testing.assert_close(white[0, :, 0, 0], expected)
