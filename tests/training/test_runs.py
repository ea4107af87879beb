"""Pretraining, fine-tuning, bundling and measuring, end to end on a tiny model."""

import itertools
import json

import cv2
import pytest
import torch
from tiny import tiny_config

from videomae_demo.cli.main import main
from videomae_demo.errors import RequestError
from videomae_demo.model.videomae import VideoMAEForPreTraining, VideoMAEForVideoClassification
from videomae_demo.training import bundle, pretrain
from videomae_demo.training.evaluate import held_out, measure_recognition, measure_reconstruction
from videomae_demo.training.examples import (
    EXAMPLE_PX,
    EXAMPLE_SEEDS,
    render_example,
    write_contact_sheet,
    write_examples,
)
from videomae_demo.training.finetune import FinetuneSettings, finetune
from videomae_demo.training.loop import Run
from videomae_demo.training.pretrain import PretrainSettings, draw_masks
from videomae_demo.training.synthetic import FRAME_INTERVAL_S, HELD_OUT, LABELS
from videomae_demo.video.reader import scan
from videomae_demo.video.sampling import SamplingRule, choose_frames

CPU = torch.device("cpu")
CONFIG = tiny_config(num_frames=16, norm_pix_loss=False, use_mean_pooling=False, id2label={})
SHORT = PretrainSettings(
    steps=6, batch_size=4, warmup=2, pool_clips=8, uses=2, log_every=2, save_every=3
)


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pretrained")
    pretrain.pretrain(CONFIG, SHORT, folder, CPU)
    return folder


@pytest.fixture(scope="module")
def finetuned(tmp_path_factory, pretrained):
    folder = tmp_path_factory.mktemp("finetuned")
    settings = FinetuneSettings(
        optimiser="muon",
        steps=4,
        batch_size=4,
        warmup=1,
        pool_clips=8,
        log_every=2,
        save_every=2,
        whole=0.5,
    )
    finetune(pretrained, settings, folder, CPU)
    return folder


def test_a_run_leaves_weights_a_log_and_pictures(pretrained):
    log = [json.loads(line) for line in (pretrained / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in log] == [2, 4, 6]
    assert all(line["loss"] > 0 for line in log)
    for name in ("curves.png", "samples.png"):
        assert cv2.imread(str(pretrained / name)) is not None
    model = VideoMAEForPreTraining.from_pretrained(pretrained)
    assert model.load_report.fresh == ()


def test_a_stopped_run_goes_on_as_if_it_had_not_stopped(pretrained, tmp_path, monkeypatch):
    class Stopped(Exception):  # noqa: N818  # what a power cut would be
        pass

    def stop_after_the_first_save(*_):
        raise Stopped

    with monkeypatch.context() as patch:
        patch.setattr(pretrain, "draw_samples", stop_after_the_first_save)
        with pytest.raises(Stopped):
            pretrain.pretrain(CONFIG, SHORT, tmp_path, CPU)
    pretrain.pretrain(CONFIG, SHORT, tmp_path, CPU)
    whole = VideoMAEForPreTraining.from_pretrained(pretrained).state_dict()
    resumed = VideoMAEForPreTraining.from_pretrained(tmp_path).state_dict()
    for name, weights in whole.items():
        torch.testing.assert_close(resumed[name], weights, rtol=0, atol=0)


def test_a_resumed_run_logs_each_step_once(tmp_path):
    run = Run(tmp_path, {"steps": 6})
    model = VideoMAEForPreTraining(CONFIG)
    for step in (2, 4):
        run.log(step=step, loss=1.0)
    run.save(3, model, [])
    assert Run(tmp_path, {"steps": 6}).resume(model, []) == 3
    assert run.read_log() == [{"step": 2, "loss": 1.0}]


def test_a_run_is_not_resumed_with_other_settings(pretrained):
    other = PretrainSettings(steps=7, batch_size=4, pool_clips=8)
    with pytest.raises(RequestError, match="other settings"):
        pretrain.pretrain(CONFIG, other, pretrained, CPU)


def test_training_learns():
    """A few steps on one batch bring the loss well down: gradients reach what they should."""
    torch.manual_seed(0)
    model = VideoMAEForPreTraining(CONFIG).train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    pixels = next(held_out(4, 32)).frames
    generator = torch.Generator().manual_seed(0)
    hidden, decoded = draw_masks(CONFIG, SHORT, len(pixels), generator)
    losses = []
    for _ in range(40):
        loss = model(pixels, hidden, bool_decoded_pos=decoded).loss
        losses.append(loss.item())
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    assert losses[-1] < 0.5 * losses[0]


def test_masks_are_tubes_and_half_of_them_is_decoded():
    settings = PretrainSettings(ratio_low=0.5, ratio_high=0.5)
    hidden, decoded = draw_masks(CONFIG, settings, 5, torch.Generator().manual_seed(0))
    grid = CONFIG.grid
    slices = hidden.reshape(5, grid.time, grid.patches)
    assert (slices == slices[:, :1]).all()
    assert (hidden.sum(1) == grid.tokens // 2).all()
    assert (decoded.sum(1) == grid.tokens // 4).all()
    assert not (decoded & ~hidden).any()
    assert not torch.equal(hidden[0], hidden[1])


def test_fine_tuning_keeps_the_encoder_and_adds_the_labels(finetuned):
    model = VideoMAEForVideoClassification.from_pretrained(finetuned)
    assert model.config.id2label == dict(enumerate(LABELS))
    assert model.config.use_mean_pooling
    log = (finetuned / "log.jsonl").read_text()
    assert "accuracy" in log


def test_what_ships_is_half_precision_and_measured(pretrained, finetuned, tmp_path, capsys):
    bundle.bundle(finetuned, pretrained, tmp_path)
    weights = tmp_path / bundle.RECOGNISER / "model.safetensors"
    assert weights.stat().st_size < 0.6 * (finetuned / "model.safetensors").stat().st_size
    code = main(["train", "evaluate", "--folder", str(tmp_path), "--clips", "32", "4", "20"])
    table = capsys.readouterr().out
    assert code == 0
    assert "32 held-out clips, 16 labels" in table
    assert "trained on the middle frame of 20 clips" in table
    assert "| 0.75 | " in table and "distance-weighted" in table


def test_recognition_counts_what_the_model_names():
    """A model whose weights are zero but for one bias always names one label: chance, exactly."""
    model = VideoMAEForVideoClassification(
        tiny_config(num_frames=16, id2label=dict(enumerate(LABELS)))
    ).eval()
    with torch.no_grad():
        model.classifier.weight.zero_()
        model.classifier.bias.zero_()
        model.classifier.bias[LABELS.index("moving right")] = 1
    found = measure_recognition(model, 32)
    assert found.top1 == found.frozen_top1 == 1 / 16
    # Of 24 clips with a direction, 2 go left: named right, they are named by the opposite.
    assert found.reversed_top1 == 2 / 24
    assert found.confusion.sum() == 32
    assert found.confusion[:, LABELS.index("moving right")].sum() == 32


def test_reconstruction_is_measured_at_every_ratio(pretrained):
    scores = measure_reconstruction(VideoMAEForPreTraining.from_pretrained(pretrained), 2)
    assert [score.ratio for score in scores] == [0.5, 0.6, 0.75, 0.9, 0.95]
    assert {name for name, _ in scores[0].psnr_db} == {
        "prediction",
        "visible-mean",
        "distance-weighted",
        "nearest-visible",
    }


def test_held_out_clips_are_balanced():
    labels = torch.cat([clips.labels for clips in held_out(48, 8)])
    assert torch.bincount(labels, minlength=16).tolist() == [3] * 16
    assert HELD_OUT > 10**8


def test_examples_span_what_the_recogniser_looks_at(tmp_path):
    frames = render_example("growing", seed=3)
    assert frames.shape == (48, EXAMPLE_PX, EXAMPLE_PX, 3)
    (path,) = write_examples(tmp_path, [("moving left", 3)])
    assert path.name == "moving-left.mp4"
    timeline = scan(path)
    assert timeline.count == 48
    rule = SamplingRule.stride(FRAME_INTERVAL_S)
    choice = choose_frames(timeline.timestamps_s, timeline.frame_interval_s, 16, rule)
    assert choice.indices.tolist() == list(range(1, 48, 3))
    assert choice.repeated == 0
    assert all(label in LABELS for label, _ in EXAMPLE_SEEDS)


def test_the_contact_sheet_has_a_line_per_example(tmp_path):
    one = cv2.imread(str(write_contact_sheet(tmp_path / "1.png", EXAMPLE_SEEDS[:1])))
    two = cv2.imread(str(write_contact_sheet(tmp_path / "2.png", EXAMPLE_SEEDS[:2])))
    assert one is not None and two is not None
    assert two.shape[0] - one.shape[0] >= 112 and two.shape[1] >= 8 * 112


def test_a_run_is_taken_step_by_step_and_may_be_left_between_two(pretrained, tmp_path):
    steps = pretrain.pretraining(CONFIG, SHORT, tmp_path, CPU)
    taken = list(itertools.islice(steps, 3))
    steps.close()  # whoever watched has gone
    assert [(progress.step, progress.steps) for progress in taken] == [(1, 6), (2, 6), (3, 6)]
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    (line,) = log  # one line for every two steps
    assert taken[0].logged == {}
    assert taken[1].logged == {"loss": line["loss"], "rate": line["rate"]}
    assert line["loss"] == pytest.approx((taken[0].loss + taken[1].loss) / 2)
    rest = list(pretrain.pretraining(CONFIG, SHORT, tmp_path, CPU))
    assert [progress.step for progress in rest] == [4, 5, 6]  # it was saved after the third
    whole = VideoMAEForPreTraining.from_pretrained(pretrained).state_dict()
    for name, weights in VideoMAEForPreTraining.from_pretrained(tmp_path).state_dict().items():
        torch.testing.assert_close(whole[name], weights, rtol=0, atol=0)


def test_a_bar_tells_what_was_logged_last(tmp_path, capsys):
    pretrain.pretrain(CONFIG, SHORT, tmp_path, CPU)
    told = capsys.readouterr().err
    assert "6/6" in told
    last = json.loads((tmp_path / "log.jsonl").read_text().splitlines()[-1])
    assert f"loss={last['loss']:.3g}" in told
