"""The single-frame classifier learns what is there, and is shown one frame alone."""

import torch
from tiny import tiny_config

from videomae_demo.model.videomae import VideoMAEForPreTraining
from videomae_demo.training import single_frame
from videomae_demo.training.single_frame import measure_single_frame
from videomae_demo.training.synthetic import HELD_OUT, LABELS, render


def make_model() -> VideoMAEForPreTraining:
    torch.manual_seed(0)
    return VideoMAEForPreTraining(tiny_config(num_frames=16, use_mean_pooling=False)).eval()


def test_the_classifier_names_what_features_tell_and_guesses_what_they_do_not():
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(len(LABELS), 8, generator=generator)
    labels = torch.arange(640) % len(LABELS)
    noise = torch.randn(2, 640, 8, generator=generator)
    train, test = centres[labels] + 0.1 * noise
    assert single_frame._top1(train, labels, test, labels) > 0.95
    assert single_frame._top1(noise[0], labels, noise[1], labels) < 0.2


def test_the_standing_clip_is_the_middle_frame_alone():
    model = make_model()
    clips = render([HELD_OUT, HELD_OUT + 1], size_px=32)
    other = render([HELD_OUT, HELD_OUT + 1], size_px=32)
    other.frames[:, :8].zero_()
    other.frames[:, 9:].zero_()
    _, standing, moving = single_frame._describe(model, [clips])
    _, same, changed = single_frame._describe(model, [other])
    torch.testing.assert_close(standing, same)
    assert not torch.allclose(moving, changed)


def test_both_shares_come_from_the_held_out_clips():
    held_out = [render(range(HELD_OUT, HELD_OUT + 4), size_px=32, labels=[3] * 4)]
    found = measure_single_frame(make_model(), 30, held_out)
    assert found.trained_on == 30
    assert found.standing in (0, 0.25, 0.5, 0.75, 1) and found.moving in (0, 0.25, 0.5, 0.75, 1)
