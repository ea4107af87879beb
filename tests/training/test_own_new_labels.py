"""New labels, rendered: what the bundled weights learn of them from a few clips."""

import numpy as np
import pytest

from benchmarks.new_labels import NEW_LABELS, render_new, write_new
from videomae_demo.training.own.finetune import finetune_folder
from videomae_demo.training.own.settings import OwnSettings
from videomae_demo.training.synthetic import LABELS


def test_no_new_label_is_known_and_each_clip_follows_from_its_seed():
    assert not set(NEW_LABELS) & set(LABELS)
    clip = render_new("there and back", 3, size_px=32)
    assert clip.shape == (53, 32, 32, 3) and clip.dtype == np.uint8
    assert np.array_equal(clip, render_new("there and back", 3, size_px=32))
    assert not np.array_equal(clip, render_new("there and back", 4, size_px=32))


def test_what_comes_back_is_where_it_was():
    """In the middle of the clip it differs from both ends, and the ends are alike."""
    for label in ("there and back", "growing then shrinking"):
        clip = render_new(label, 5, size_px=48).astype(int)
        ends = abs(clip[0] - clip[-1]).mean()
        assert ends < 0.1 * abs(clip[0] - clip[26]).mean()
    forwards = render_new("two things apart", 5, size_px=48).astype(int)
    together = render_new("two things together", 5, size_px=48).astype(int)
    assert abs(forwards[::-1] - together).mean() < 1


@pytest.mark.figures
@pytest.mark.parametrize("freeze", [True, False], ids=["head", "all layers"])
def test_new_labels_are_learnt_from_the_bundled_weights(tmp_path, freeze):
    data = write_new(tmp_path / "data", 16, size_px=80)
    other = write_new(tmp_path / "other", 8, first_seed=100_000, size_px=80)
    settings = OwnSettings(freeze=freeze, steps=200 if freeze else 40)
    done = finetune_folder(data, tmp_path / "out", settings, validation=other, device="cpu")
    assert done.accuracy is not None and done.accuracy >= 0.7  # chance is a quarter
