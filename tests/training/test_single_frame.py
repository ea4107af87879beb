"""The single-frame classifier learns what is there, and is shown one frame alone."""

from types import SimpleNamespace

import torch
from tiny import tiny_config

from videomae_demo.model.videomae import VideoMAEForPreTraining
from videomae_demo.training import single_frame
from videomae_demo.training.single_frame import measure_single_frame
from videomae_demo.training.synthetic import HELD_OUT, LABELS, SyntheticClips, render


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


def test_the_shares_are_those_of_clips_that_were_not_trained_on(monkeypatch):
    """The features tell the label of a training clip, and of a held-out one the next label."""
    held_out = range(HELD_OUT, HELD_OUT + 64)

    def render_labels(seeds, size_px, **_):
        labels = torch.tensor(list(seeds)) % len(LABELS)
        shade = (labels + (min(seeds) >= HELD_OUT)) % len(LABELS)
        frames = (shade / 100)[:, None, None, None, None].expand(-1, 16, 3, 8, 8)
        return SyntheticClips(frames, labels, torch.zeros(len(labels), 16, 8, 8, dtype=torch.bool))

    def features(model, pixels):
        shades = ((pixels[:, 0, 0, 0, 0] * 0.229 + 0.485) * 100).round().long()
        return torch.nn.functional.one_hot(shades, len(LABELS)).float()

    monkeypatch.setattr(single_frame, "render", render_labels)
    monkeypatch.setattr(single_frame, "_features", features)
    right = measure_single_frame(make_model(), 64, [render_labels(range(64), 8)])
    assert (right.standing, right.moving) == (1, 1)
    wrong = measure_single_frame(make_model(), 64, [render_labels(held_out, 8)])
    assert (wrong.standing, wrong.moving) == (0, 0)


def test_features_are_the_mean_and_the_spread_of_the_tokens():
    tokens = torch.tensor([[[1.0, 0.0], [3.0, 0.0], [5.0, 6.0]]])
    output = SimpleNamespace(last_hidden_state=tokens)
    model = SimpleNamespace(videomae=lambda pixels: output)
    found = single_frame._features(model, torch.zeros(1))
    torch.testing.assert_close(found, torch.tensor([[3.0, 2.0, 2.0, 12**0.5]]))
