import numpy as np
import pytest
import torch

from videomae_demo.training.synthetic import CLIP_FRAMES, LABELS, REVERSED, render
from videomae_demo.training.textures import Draws


def centres(label: str, seed: int = 5, **options) -> torch.Tensor:
    """(T, 2): where the thing is in each frame, x and y in 0..1."""
    clips = render([seed], size_px=48, labels=[LABELS.index(label)], **options)
    thing = clips.thing[0].double()
    line = (torch.arange(48) + 0.5) / 48
    area = thing.sum((1, 2))
    return (
        torch.stack([(thing.sum(1) * line).sum(1), (thing.sum(2) * line).sum(1)], 1) / area[:, None]
    )


def areas(label: str, seed: int = 5) -> torch.Tensor:
    clips = render([seed], size_px=48, labels=[LABELS.index(label)])
    return clips.thing[0].double().sum((1, 2))


def test_a_clip_is_decided_by_its_seed_alone():
    together = render([3, 4, 5], size_px=24)
    alone = render([4], size_px=24)
    torch.testing.assert_close(together.frames[1:2], alone.frames, rtol=0, atol=1e-6)
    assert together.labels[1] == alone.labels[0]
    assert not torch.equal(together.frames[0], together.frames[1])


def test_shapes_and_ranges():
    clips = render([0, 1], size_px=24)
    assert clips.frames.shape == (2, CLIP_FRAMES, 3, 24, 24)
    assert clips.frames.dtype == torch.float32
    assert clips.frames.min() >= 0 and clips.frames.max() <= 1
    assert clips.thing.shape == (2, CLIP_FRAMES, 24, 24)


def test_size_does_not_change_what_is_seen():
    small = render([7], size_px=32).frames
    large = render([7], size_px=96).frames
    shrunk = torch.nn.functional.avg_pool2d(large[0], 3)
    assert (shrunk - small[0]).abs().mean() < 0.02


def test_frames_between_frames_can_be_asked_for():
    every = render([7], size_px=24).frames
    one = render([7], size_px=24, times_s=[0.25]).frames
    torch.testing.assert_close(one[0, 0], every[0, 2])


@pytest.mark.parametrize(
    ("label", "axis", "sign"),
    [("moving left", 0, -1), ("moving right", 0, 1), ("moving up", 1, -1), ("moving down", 1, 1)],
)
def test_things_move_where_the_label_says(label, axis, sign):
    way = centres(label)
    steps = way[4:12].diff(dim=0)
    assert (sign * steps[:, axis] > 0).all()
    assert steps[:, 1 - axis].abs().max() < 0.01


@pytest.mark.parametrize(("label", "sign"), [("growing", 1), ("shrinking", -1)])
def test_things_grow_and_shrink(label, sign):
    size = areas(label)
    assert sign * (size[-1] - size[0]) > 0.2 * size.mean()


@pytest.mark.parametrize(("label", "sign"), [("camera zooming in", 1), ("camera zooming out", -1)])
def test_zooming_changes_the_thing_too(label, sign):
    size = areas(label)
    assert sign * (size[-1] - size[0]) > 0.2 * size.mean()


@pytest.mark.parametrize(
    ("label", "sign"), [("camera panning left", 1), ("camera panning right", -1)]
)
def test_panning_moves_the_world_the_other_way(label, sign):
    clips = render(range(40), size_px=32, labels=[LABELS.index(label)] * 40)
    frames = clips.frames.mean(2)
    moved = 0
    for clip in frames:
        shifts = range(-6, 7)
        errors = [
            (clip[10, :, 8:24] - clip[8, :, 8 - s : 24 - s]).abs().mean().item() for s in shifts
        ]
        moved += np.sign(shifts[int(np.argmin(errors))]) == sign
    assert moved >= 30  # stripes along the way, and smooth grounds, hide it in some


@pytest.mark.parametrize(
    ("label", "sign"), [("spinning clockwise", 1), ("spinning counterclockwise", -1)]
)
def test_spinning_turns_in_place(label, sign):
    assert (centres(label) - centres(label)[0]).abs().max() < 0.06
    turned = 0
    for seed in range(12):
        clips = render([seed], size_px=64, labels=[LABELS.index(label)], times_s=[0.9, 0.96])
        x, y = torch.meshgrid(*[(torch.arange(64) + 0.5) / 32 - 1] * 2, indexing="xy")
        thing = clips.thing[0, 0].double()
        cx, cy = (thing * x).sum() / thing.sum(), (thing * y).sum() / thing.sum()
        first, second = clips.frames[0].mean(1)
        errors = []
        for angle in (-0.1, 0.1):  # turn the first frame about the thing and compare
            cos, sin = np.cos(angle), np.sin(angle)
            u = cos * (x - cx) + sin * (y - cy) + cx
            v = -sin * (x - cx) + cos * (y - cy) + cy
            places = torch.stack([u, v], -1)[None].float()
            guess = torch.nn.functional.grid_sample(
                first[None, None], places, align_corners=False, padding_mode="border"
            )[0, 0]
            errors.append(((guess - second).abs() * thing).sum().item())
        turned += errors[sign > 0] < errors[sign < 0]
    assert turned >= 11


def test_what_stays_still_does_not_change():
    seeds = range(16)
    frames = render(seeds, size_px=24, labels=[LABELS.index("staying still")] * 16).frames
    assert (frames - frames[:, :1]).abs().max() == 0


def test_some_things_change_their_shape_and_keep_their_area():
    seeds = range(200, 248)
    clips = render(seeds, size_px=64, labels=[LABELS.index("moving up")] * 48)
    areas = clips.thing.sum((2, 3)).float()
    widths = clips.thing.any(2).sum(2).float()
    inside = (clips.thing[:, :, [0, -1]].sum((1, 2, 3)) == 0) & (areas.amin(1) > 60)
    area, width = areas[inside], widths[inside]
    assert len(area) > 12
    assert ((area.amax(1) - area.amin(1)) / area.mean(1)).max() < 0.15
    changed = (width.amax(1) - width.amin(1)) >= 3
    assert 0.1 < changed.float().mean() < 0.7


def test_orbiting_shaking_and_bouncing_stay_about_their_place():
    for label, least in (("orbiting", 0.1), ("shaking", 0.02), ("bouncing", 0.1)):
        way = centres(label, seed=9)
        assert (way.amax(0) - way.amin(0)).max() > least
    assert (centres("bouncing", seed=9)[:, 0].diff().abs() < 0.03).all()


def test_every_label_is_drawn_about_as_often():
    drawn = render(range(640), size_px=4, times_s=[0.0]).labels
    counts = torch.bincount(drawn, minlength=len(LABELS))
    assert counts.min() > 15 and counts.max() < 75


def test_reversed_labels_come_in_pairs():
    names = set(REVERSED) | set(REVERSED.values())
    assert names <= set(LABELS)
    assert len(names) == 2 * len(REVERSED)


def test_draws_know_their_end():
    draws = Draws([1], 3, torch.device("cpu"))
    draws.uniform(0, 1, 2)
    with pytest.raises(ValueError, match="used up"):
        draws.uniform(0, 1, 2)


def test_draws_do_not_depend_on_the_batch():
    one = Draws([8], 9, torch.device("cpu")).choice([1.0, 2.0, 1.0])
    both = Draws([2, 8], 9, torch.device("cpu"))
    assert both.choice([1.0, 2.0, 1.0])[1] == one[0]
    picked = both.only(torch.tensor([1])).uniform(0, 1)
    assert picked[0] == both.uniform(0, 1)[1]
