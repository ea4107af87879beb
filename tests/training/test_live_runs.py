"""Trainings while one watches: decided by their settings, measured on clips they never see."""

import itertools
import math

import numpy as np
import pytest
import torch
from tiny import tiny_config

from videomae_demo.analysis.reconstruction import reconstruct
from videomae_demo.errors import RequestError
from videomae_demo.masking import make_mask
from videomae_demo.model.videomae import VideoMAEForPreTraining, VideoMAEForVideoClassification
from videomae_demo.training.data import normalise
from videomae_demo.training.evaluate import held_out
from videomae_demo.training.live import finetuning, pretraining, stock
from videomae_demo.training.live.beginning import begin, count_weights
from videomae_demo.training.live.finetuning import NAMED, FinetuningRun
from videomae_demo.training.live.pretraining import PretrainingRun, draw_hidden
from videomae_demo.training.live.progress import Preparing, Step, is_measured
from videomae_demo.training.live.saving import pack, save, write_card
from videomae_demo.training.live.settings import (
    STEPS,
    FinetuningSettings,
    PretrainingSettings,
)
from videomae_demo.training.live.settings import tiny_config as shown_config
from videomae_demo.training.live.stock import SEEDS_APART, STOCK_CLIPS, USES, Stock
from videomae_demo.training.synthetic import HELD_OUT, LABELS, render

CPU = torch.device("cpu")
CONFIG = tiny_config(num_frames=16, norm_pix_loss=False, use_mean_pooling=False, id2label={})


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Few clips and small batches: what is tested does not depend on their number."""
    monkeypatch.setattr(stock.Stock.__init__, "__defaults__", (8, None))
    monkeypatch.setattr(pretraining, "BATCH", 4)
    monkeypatch.setattr(finetuning, "BATCH", 4)
    monkeypatch.setattr(finetuning, "HELD_OUT_CLIPS", 2 * len(NAMED))


def take(run, count: int) -> list[Step]:
    """Take so many steps, and what is measured before the first."""
    steps = (one for one in run.steps() if isinstance(one, Step))
    return list(itertools.islice(steps, count + 1))


def losses(run, count: int) -> list[float]:
    return [one.loss for one in take(run, count)[1:]]


def pretrained_run(**changes) -> PretrainingRun:
    return PretrainingRun(PretrainingSettings(**{"steps": 10} | changes), CPU, CONFIG)


def test_the_same_settings_give_the_same_losses_and_others_do_not():
    first = losses(pretrained_run(), 3)
    torch.rand(5)  # what else happens in the process does not matter
    assert losses(pretrained_run(), 3) == first
    for change in ({"seed": 1}, {"ratio": 0.5}, {"mask": "tube"}):
        assert losses(pretrained_run(**change), 1) != first[:1]
    assert losses(pretrained_run(rate=0.05), 3) != first


def test_two_trainings_side_by_side_do_not_disturb_each_other():
    expected = losses(pretrained_run(), 2)
    one, other = pretrained_run().steps(), pretrained_run(seed=5).steps()
    told = []
    for step in one:
        next(other)
        if isinstance(step, Step) and step.loss is not None:
            told.append(step.loss)
        if len(told) == 2:
            break
    assert told == expected


def test_clips_are_made_before_the_first_step_and_counted():
    told = list(itertools.islice(pretrained_run().steps(), 3))
    assert [type(one) for one in told] == [Preparing, Step, Step]
    assert told[0].share == 1
    assert (told[1].step, told[1].loss, told[2].step) == (0, None, 1)
    assert told[1].held_out is not None


def test_a_training_ends_after_its_steps_and_measures_the_last():
    *_, last = take(pretrained_run(), 99)
    assert last.step == 10
    assert last.held_out is not None


def test_held_out_clips_are_measured_often_at_first_then_evenly_and_at_the_end():
    assert [step for step in range(1, 36) if is_measured(step, 35, 10)] == [2, 5, 10, 20, 30, 35]


def test_the_figures_of_a_step_are_those_of_its_model():
    """Computed anew, clip by clip, from the model and the published way to reconstruct."""
    run = pretrained_run(mask="tube", ratio=0.6, seed=3)
    held = take(run, 2)[-1].held_out
    mask = make_mask("tube", CONFIG.grid, 0.6, 3)
    clips = torch.cat([batch.frames for batch in held_out(16, 32)])
    model = run.model.eval()
    hidden = torch.from_numpy(mask.reshape(1, -1))
    found = [
        reconstruct(model(normalise(clip[None]), hidden).logits[0], clip, mask, CONFIG)
        for clip in clips
    ]
    assert held.loss == pytest.approx(np.mean([one.loss for one in found]), rel=1e-4)
    assert held.score == pytest.approx(-10 * math.log10(held.loss))
    shown = found[LABELS.index("moving right")]
    np.testing.assert_array_equal(held.picture, (shown.prediction.frames * 255).round())
    best = {
        picture.name: np.mean(
            [
                10 ** (-next(p for p in one.baselines if p.name == picture.name).psnr_db / 10)
                for one in found
            ]
        )
        for picture in shown.baselines
    }
    assert run.subject.rival == min(best, key=best.get)
    assert run.subject.rival_loss == pytest.approx(min(best.values()), rel=1e-4)
    assert run.subject.rival_score == pytest.approx(-10 * math.log10(min(best.values())), abs=1e-3)
    assert run.subject.label == "moving right"
    assert run.subject.held_out == 16


def test_what_is_visible_is_the_clip_outside_of_the_mask():
    run = pretrained_run(mask="tube", seed=2)
    mask = make_mask("tube", CONFIG.grid, 0.75, 2)
    hidden = mask.repeat(2, 0).repeat(8, 1).repeat(8, 2)
    clip, visible = run.subject.clip, run.subject.visible
    np.testing.assert_array_equal(clip[~hidden], visible[~hidden])
    assert len(np.unique(visible[hidden], axis=0)) == 1
    truth = render([HELD_OUT + 1], size_px=32, labels=[1]).frames[0].permute(0, 2, 3, 1).numpy()
    np.testing.assert_array_equal(clip, (truth * 255).round())


@pytest.mark.parametrize("kind", ["tube", "random"])
def test_each_clip_of_a_batch_has_a_mask_of_its_own_kind_and_ratio(kind):
    settings = PretrainingSettings(mask=kind, ratio=0.75)
    masks = draw_hidden(CONFIG, settings, 6, torch.Generator().manual_seed(0))
    masks = masks.reshape(6, *CONFIG.grid.shape)
    assert (masks.sum((1, 2, 3)) == 0.75 * CONFIG.grid.tokens).all()
    assert bool((masks == masks[:, :1]).all()) == (kind == "tube")
    assert len({mask.numpy().tobytes() for mask in masks}) > 1


def test_a_training_learns():
    run = PretrainingRun(PretrainingSettings(steps=15, rate=0.02), CPU, CONFIG)
    measured = [one.held_out.loss for one in run.steps() if getattr(one, "held_out", None)]
    assert measured[-1] < 0.8 * measured[0]


# ---- the stock -----------------------------------------------------------------------------------


def test_a_step_renews_an_eighth_of_its_batch_and_no_seed_meets_another():
    one = Stock(16, 8, seed=2, clips=16)
    assert list(one.fill()) == [1.0]
    first = one._frames.clone()
    one.batch(0)
    assert torch.equal(one._frames, first)
    one.batch(1)
    changed = [not torch.equal(a, b) for a, b in zip(first, one._frames, strict=True)]
    assert changed == [True] + [False] * 15
    truth = render([2 * SEEDS_APART + 16], size_px=16).frames.mul(255).round()
    assert torch.equal(one._frames[0], truth[0].to(torch.uint8))
    most = STOCK_CLIPS + STEPS[1] * (pretraining.BATCH // USES + 4)
    assert most < SEEDS_APART
    assert (9999 + 1) * SEEDS_APART < HELD_OUT


# ---- fine-tuning ---------------------------------------------------------------------------------


def test_finetuning_starts_from_the_encoder_that_was_trained_and_leaves_it_alone():
    first = pretrained_run()
    take(first, 2)
    before = {name: weight.clone() for name, weight in first.model.state_dict().items()}
    run = FinetuningRun(FinetuningSettings(steps=10), CPU, first.model)
    own = run.model.state_dict()
    encoder = [name for name in own if name.startswith("videomae.")]
    assert encoder and all(torch.equal(own[name], before[name]) for name in encoder)
    take(run, 2)
    assert not torch.equal(run.model.state_dict()[encoder[0]], before[encoder[0]])
    now = first.model.state_dict()
    assert all(torch.equal(now[name], before[name]) for name in before)


def test_finetuning_is_decided_by_its_settings():
    def told(seed: int) -> list[float]:
        return losses(FinetuningRun(untrained(seed), CPU, config=CONFIG), 2)

    def untrained(seed: int) -> FinetuningSettings:
        return FinetuningSettings(start="untrained", seed=seed, steps=10)

    assert told(1) == told(1) != told(2)


def test_only_its_own_motions_are_shown_whichever_way_they_are_turned():
    run = FinetuningRun(FinetuningSettings(start="untrained", steps=10), CPU, config=CONFIG)
    own = [LABELS.index(label) for label in NAMED]
    shown = Stock(32, 8, seed=3, clips=16, labels=own)
    list(shown.fill())
    seen = torch.cat([shown.batch(step).labels for step in range(12)])
    assert set(seen.tolist()) == set(own)
    assert (finetuning._FROM_ALL[seen] >= 0).all()
    assert run.model.config.num_labels == len(NAMED)


def test_the_accuracy_is_the_share_of_held_out_clips_named_rightly():
    run = FinetuningRun(FinetuningSettings(start="untrained", steps=10), CPU, config=CONFIG)
    held = take(run, 0)[0].held_out
    own = [LABELS.index(label) for label in NAMED]
    clips = list(held_out(2 * len(NAMED), 32, labels=own))
    with torch.no_grad():
        logits = torch.cat([run.model.eval()(normalise(one.frames)).logits for one in clips])
    assert tuple(label for label in LABELS if label.startswith("camera ")) == NAMED
    labels = torch.tensor([own.index(label) for one in clips for label in one.labels.tolist()])
    assert labels.tolist() == 2 * [0, 1, 2, 3]
    assert held.score == (logits.argmax(1) == labels).float().mean().item()
    assert held.loss == pytest.approx(torch.nn.functional.cross_entropy(logits, labels).item())
    shown = logits[NAMED.index("camera panning right")].softmax(0)
    assert list(held.probabilities) == list(NAMED)
    assert list(held.probabilities.values()) == pytest.approx(shown.tolist(), abs=1e-6)
    assert run.subject.rival_score == 1 / 4
    assert run.subject.held_out == 2 * len(NAMED)
    assert run.subject.label == "camera panning right"


def test_the_bundled_encoder_can_be_started_from():
    run = FinetuningRun(FinetuningSettings(start="bundled", steps=10), CPU)
    bundled = VideoMAEForPreTraining.from_pretrained("bundled-pretraining")
    assert run.config.grid == bundled.config.grid
    name = "videomae.encoder.layer.0.attention.output.dense.weight"
    assert torch.equal(run.model.state_dict()[name], bundled.state_dict()[name])


def test_without_an_encoder_there_is_nothing_to_start_from():
    with pytest.raises(RequestError, match="pretrain one first"):
        begin(FinetuningSettings(), CPU)


# ---- files ---------------------------------------------------------------------------------------


def test_what_was_learnt_loads_again(tmp_path):
    run = pretrained_run()
    take(run, 1)
    folder = save(run.model, tmp_path / "learnt", write_card("A title", ["one fact"]))
    again = VideoMAEForPreTraining.from_pretrained(folder)
    for name, weight in run.model.state_dict().items():
        assert torch.equal(again.state_dict()[name], weight)
    assert "- one fact" in (folder / "README.md").read_text()
    fine = begin(FinetuningSettings(steps=10), CPU, run.model)
    take(fine, 1)
    folder = save(fine.model, tmp_path / "named", "")
    again = VideoMAEForVideoClassification.from_pretrained(folder)
    assert again.load_report.fresh == ()
    assert again.config.id2label == dict(enumerate(NAMED))


def test_a_zip_holds_one_folder(tmp_path):
    import io
    import zipfile

    (tmp_path / "b").write_text("two")
    (tmp_path / "a").write_text("one")
    archive = zipfile.ZipFile(io.BytesIO(pack(tmp_path, "name")))
    assert archive.namelist() == ["name/a", "name/b"]
    assert archive.read("name/b") == b"two"


def test_weights_are_counted():
    model = VideoMAEForPreTraining(shown_config())
    assert count_weights(shown_config()) == sum(one.numel() for one in model.parameters())
