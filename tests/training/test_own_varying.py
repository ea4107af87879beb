"""A clip is varied a little, in all of its frames alike, and mirrored only if asked."""

import numpy as np
import torch

from videomae_demo.training.data import generator_for
from videomae_demo.training.own.varying import COLOUR, MOVED, SMALLEST_PART, vary

SEEN, SIZE = (40, 40), (32, 32)


def ramp() -> np.ndarray:
    """Two frames of 40x50 px: red grows from left to right, green from top to bottom."""
    frames = np.zeros((2, 40, 50, 3), np.uint8)
    frames[..., 0] = np.arange(50) * 4 + 20
    frames[..., 1] = np.arange(40)[:, None] * 4 + 20
    frames[..., 2] = 100
    return frames


def varied(seed: int, **options) -> torch.Tensor:
    return vary(ramp(), SEEN, SIZE, generator_for(seed), **options)


def test_a_variation_follows_from_the_generator_and_is_the_same_in_all_frames():
    assert torch.equal(varied(1), varied(1))
    assert not torch.equal(varied(1), varied(2))
    assert torch.equal(varied(1)[0], varied(1)[1])
    assert varied(1).shape == (2, 3, 32, 32)
    assert varied(3).min() >= 0 and varied(3).max() <= 255


def test_left_stays_left_unless_a_mirror_is_asked_for():
    def goes_right(clip: torch.Tensor) -> bool:
        return bool(clip[0, 0, 16, -1] > clip[0, 0, 16, 0])

    assert all(goes_right(varied(seed)) for seed in range(40))
    mirrored = [not goes_right(varied(seed, mirror=True)) for seed in range(40)]
    assert 10 < sum(mirrored) < 30
    for seed in range(40):
        one = varied(seed, mirror=True)
        turned = one.flip(-1) if mirrored[seed] else one
        torch.testing.assert_close(turned, varied(seed), rtol=0, atol=1e-3)


def test_a_part_of_the_size_that_was_asked_for_is_shown(monkeypatch):
    monkeypatch.setattr("videomae_demo.training.own.varying.COLOUR", 0.0)
    spans, middles = [], []
    for seed in range(200):
        red = varied(seed)[0, 0].mean(0)
        slope = float(red[-1] - red[0]) / 31
        spans.append(slope * 32 / 4)  # source pixels, as red grows by 4 with each
        middles.append((float(red.mean()) - 20) / 4 + 0.5)
    assert min(spans) > SMALLEST_PART * 40 - 1.5 and max(spans) < 41.5
    assert max(spans) - min(spans) > 7
    assert max(abs(middle - 25) for middle in middles) < MOVED * 40 + 1
    assert max(middles) - min(middles) > MOVED * 40


def test_light_and_colours_change_a_little():
    clips = torch.stack([varied(seed).mean((0, 2, 3)) for seed in range(200)])
    plain = torch.from_numpy(ramp()[:, :, 5:45]).float().mean((0, 1, 2))
    ratio = clips / plain
    assert ratio.std(0).min() > 0.05
    assert (ratio - 1).abs().max() < 2.5 * COLOUR
    spread = torch.stack([varied(seed)[0, 0].std() for seed in range(200)])
    assert spread.std() / spread.mean() > 0.08  # contrast
