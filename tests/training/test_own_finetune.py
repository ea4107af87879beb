"""Fine-tuning on a folder, from clips to a checkpoint that opens everywhere."""

import csv
import json
import logging
from pathlib import Path

import pytest
import torch
from own_clips import RULE, save_start, write_squares

from videomae_demo.cli.main import main
from videomae_demo.dataset.listing import read_items
from videomae_demo.engine.clips import ClipRequest
from videomae_demo.engine.engine import Engine
from videomae_demo.engine.roles import usual_sampling
from videomae_demo.errors import RequestError
from videomae_demo.model.videomae import VideoMAEForPreTraining, VideoMAEForVideoClassification
from videomae_demo.training.loop import Progress
from videomae_demo.training.own.finetune import finetune_folder, finetuning_folder
from videomae_demo.training.own.settings import OwnSettings
from videomae_demo.video.sampling import SamplingRule

LABELS = ("to the left", "to the right")
SHORT = OwnSettings(steps=7, batch=3, held_out=0.4)
"""Six clips learn in epochs of two steps; four are held out."""
HEAD = OwnSettings(steps=7, batch=3, held_out=0.4, freeze=True)
BOTH = pytest.mark.parametrize("settings", [SHORT, HEAD], ids=["all layers", "head"])


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return write_squares(tmp_path_factory.mktemp("data"), LABELS, 5)


@pytest.fixture(scope="module")
def start(tmp_path_factory) -> Path:
    """It drops values out while it learns, so that a resumed run must draw the same ones."""
    folder = tmp_path_factory.mktemp("start")
    return save_start(VideoMAEForVideoClassification, folder, hidden_dropout_prob=0.2)


@pytest.fixture(scope="module")
def whole(tmp_path_factory, data, start):
    """Whole runs of both kinds."""
    return {
        settings: finetune_folder(
            data, tmp_path_factory.mktemp("whole") / "run", settings, start=str(start), device="cpu"
        )
        for settings in (SHORT, HEAD)
    }


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return VideoMAEForVideoClassification.from_pretrained(folder).state_dict()


def log_of(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


@BOTH
def test_a_run_leaves_a_checkpoint_a_log_and_a_report(whole, settings, data):
    done = whole[settings]
    assert done.labels == LABELS
    written = {path.name for path in done.folder.iterdir()}
    assert {
        *("config.json", "preprocessor_config.json", "model.safetensors", "README.md"),
        *("held_out.csv", "log.jsonl", "curves.png", "held_out"),
    } <= written
    config = json.loads((done.folder / "config.json").read_text())
    assert config["id2label"] == {"0": "to the left", "1": "to the right"}
    assert config["label2id"] == {"to the left": 0, "to the right": 1}
    assert config["torch_dtype"] == "float32"
    log = log_of(done.folder)
    assert [line["step"] for line in log if "loss" in line] == [2, 4, 6, 7]
    held_out = [line for line in log if "held-out loss" in line]
    assert [line["step"] for line in held_out] == [2, 4, 6, 7]
    best = min(held_out, key=lambda line: line["held-out loss"])
    assert (done.step, done.steps) == (best["step"], 7)
    assert done.page.is_file() and done.page.parent == done.folder / "held_out"
    assert done.loss == best["held-out loss"] and done.accuracy == best["held-out accuracy"]


@BOTH
def test_the_report_is_of_the_held_out_clips_and_agrees_with_the_training(whole, settings, data):
    done = whole[settings]
    rows = list(csv.reader((done.folder / "held_out.csv").read_text().splitlines()))
    assert rows[0] == ["path", "label"] and len(rows) == 5
    held_out = {item.path: item.label for item in read_items(done.folder / "held_out.csv")}
    everything = {item.path.resolve(): item.label for item in read_items(data)}
    assert held_out.items() <= everything.items()
    metrics = json.loads((done.folder / "held_out" / "metrics.json").read_text())
    assert metrics["top_1"]["of"] == 4
    assert metrics["top_1"]["count"] / 4 == done.accuracy
    assert metrics["log_loss"] == pytest.approx(done.loss, abs=1e-5)
    kept, top, *_ = done.report
    assert kept.startswith(f"The weights are those after step {done.step} of 7, when the loss on")
    assert f"({metrics['top_1']['count']} of 4; 95% interval" in top


@BOTH
def test_the_checkpoint_is_what_was_trained_wherever_it_is_opened(whole, settings, data, capsys):
    done = whole[settings]
    clip = data / "to the left" / "0.mp4"
    engine = Engine(str(done.folder), device="cpu")
    assert usual_sampling(str(done.folder)) == RULE == engine.recogniser.card.sampling
    assert not any("not known" in note for note in engine.recogniser.card.notes)
    prepared = engine.prepare(ClipRequest(clip), engine.recogniser)
    with torch.no_grad():
        ours = engine.recogniser.model(prepared.pixel_values).logits
    assert main(["classify", str(clip), "--weights", str(done.folder), "--json"]) == 0
    named = {one["label"] for one in json.loads(capsys.readouterr().out)["labels"]}
    assert named == set(LABELS)
    transformers = pytest.importorskip("transformers")
    theirs = transformers.VideoMAEForVideoClassification.from_pretrained(done.folder).eval()
    with torch.no_grad():
        logits = theirs(prepared.pixel_values).logits
    torch.testing.assert_close(logits, ours, rtol=0, atol=1e-5)
    assert theirs.config.id2label == dict(enumerate(LABELS))


@BOTH
@pytest.mark.parametrize("taken", [1, 3, 5])
def test_a_stopped_run_ends_with_the_same_weights(whole, settings, taken, data, start, tmp_path):
    steps = finetuning_folder(data, tmp_path, settings, start=str(start), device="cpu")
    for told in steps:
        if isinstance(told, Progress) and told.step == taken:
            break
    steps.close()
    again = finetune_folder(data, tmp_path, settings, start=str(start), device="cpu")
    assert (again.step, again.loss) == (whole[settings].step, whole[settings].loss)
    assert log_of(tmp_path) == log_of(whole[settings].folder)
    for name, tensor in weights(whole[settings].folder).items():
        torch.testing.assert_close(weights(tmp_path)[name], tensor, rtol=0, atol=0)


def test_a_run_that_is_whole_only_reports_again(whole, data, start):
    done = whole[HEAD]
    before = log_of(done.folder)
    again = finetune_folder(data, done.folder, HEAD, start=str(start), device="cpu")
    assert (again.step, again.loss, again.report) == (done.step, done.loss, done.report)
    assert log_of(done.folder) == before


@pytest.mark.parametrize(
    "other",
    [
        {"settings": OwnSettings(steps=8, batch=3, held_out=0.4)},
        {"settings": OwnSettings(steps=7, batch=3, held_out=0.4, mirror=True)},
        {"sampling": SamplingRule.every(2)},
        {"start": "bundled"},
    ],
    ids=["steps", "mirror", "sampling", "start"],
)
def test_another_run_does_not_go_on_here(whole, data, start, other):
    asked = {"settings": SHORT, "start": str(start)} | other
    with pytest.raises(RequestError, match="holds a run with other settings"):
        finetune_folder(data, whole[SHORT].folder, device="cpu", **asked)


def test_the_head_alone_leaves_the_encoder_as_it_was(whole, start):
    before, head, model = weights(start), weights(whole[HEAD].folder), weights(whole[SHORT].folder)
    same = {name for name in before if torch.equal(before[name], head[name])}
    assert set(before) - same == {"classifier.weight", "classifier.bias"}
    moved = {name for name in before if not torch.equal(before[name], model[name])}
    assert any("embeddings" in name for name in moved) and len(moved) > len(before) - 3


def test_lower_layers_learn_more_slowly(data, start, tmp_path):
    def moved(layer_decay: float) -> list[float]:
        settings = OwnSettings(
            steps=2, batch=3, held_out=0.4, layer_decay=layer_decay, weight_decay=0.0
        )
        folder = tmp_path / str(layer_decay)
        finetune_folder(data, folder, settings, start=str(start), device="cpu")
        before, after = weights(start), weights(folder)
        return [
            float((after[name] - before[name]).abs().max())
            for name in (f"videomae.encoder.layer.{k}.output.dense.weight" for k in range(3))
        ]

    low, middle, high = moved(0.1)
    assert low < 0.2 * middle < 0.04 * high * 1.2
    alike = moved(1.0)
    assert max(alike) < 1.5 * min(alike)


def test_a_pretraining_checkpoint_another_rule_and_clips_of_their_own(data, tmp_path, caplog):
    start = save_start(VideoMAEForPreTraining, tmp_path / "start", use_mean_pooling=False)
    other = write_squares(tmp_path / "other", LABELS, 2, first=50)
    with caplog.at_level(logging.INFO):
        done = finetune_folder(
            data,
            tmp_path / "out",
            OwnSettings(epochs=1, mirror=True),
            start=str(start),
            validation=other,
            sampling=SamplingRule.uniform(),
            device="cpu",
        )
    assert usual_sampling(str(done.folder)) == SamplingRule.uniform()
    held_out = read_items(done.folder / "held_out.csv")
    assert [item.path.parent.parent for item in held_out] == [other.resolve()] * 4
    said = caplog.text
    assert "10 clips of 2 labels (to the left, to the right) to learn from, 4 held out." in said
    assert "4 frames spread over the whole clip" in said
    assert "All its layers learn in one step of 10 clips: each clip about once." in said
    assert (done.steps, VideoMAEForVideoClassification.from_pretrained(done.folder).training) == (
        1,
        False,
    )


def test_without_held_out_clips_the_last_weights_are_kept(data, start, tmp_path):
    done = finetune_folder(
        data, tmp_path, OwnSettings(steps=2, held_out=0), start=str(start), device="cpu"
    )
    assert (done.step, done.loss, done.accuracy) == (2, None, None)
    assert (done.report, done.page) == ((), None)
    assert not (tmp_path / "held_out.csv").exists()
    assert weights(tmp_path)


def test_a_guess_of_the_sampling_is_told(data, recogniser_folder, tmp_path):
    asked = {"start": str(recogniser_folder), "device": "cpu"}
    once = OwnSettings(steps=1, held_out=0)
    done = finetune_folder(data, tmp_path / "guess", once, **asked)
    assert any("not known on which frames" in note for note in done.notes)
    chosen = finetune_folder(data, tmp_path / "chosen", once, sampling=RULE, **asked)
    assert not any("not known" in note for note in chosen.notes)
    assert usual_sampling(str(tmp_path / "chosen")) == RULE


def test_the_files_of_others_are_not_overwritten(data, start, tmp_path):
    with pytest.raises(RequestError, match="holds a checkpoint that no training"):
        finetune_folder(data, start, SHORT, start=str(start))
    with pytest.raises(RequestError, match="lies in the data"):
        finetune_folder(data, data / "out", SHORT, start=str(start))
    (tmp_path / "file").touch()
    with pytest.raises(RequestError, match="which is a file"):
        finetune_folder(data, tmp_path / "file", SHORT, start=str(start))
    assert not (data / "out").exists()


def test_the_command_says_what_came_of_it(data, start, tmp_path, capsys):
    out = tmp_path / "out"
    code = main(
        [
            *("train", "finetune", "--data", str(data), "--from", str(start), "--freeze"),
            *("--epochs", "2", "--held-out", "0.4", "--out", str(out), "--device", "cpu"),
        ]
    )
    printed = capsys.readouterr()
    assert code == 0
    assert "Top-1 " in printed.out and " of 4; 95% interval " in printed.out
    *_, page, checkpoint = printed.out.splitlines()
    assert page == f"The report on the held-out clips: {out}/held_out/report.html"
    assert checkpoint.endswith(f"python -m videomae_demo page --weights {out}")
    assert "2/2" in printed.err and "clip" in printed.err
    card = (out / "README.md").read_text()
    assert f"- Made from: {start.name} (licence of its weights: unknown)" in card
    metrics = json.loads((out / "held_out" / "metrics.json").read_text())
    assert f"which chose that step: {metrics['top_1']['share']:.1%}" in card


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--freeze"], "--freeze is for fine-tuning on clips of one's own; give --data"),
        (["--from", "bundled"], "--from is for fine-tuning on clips of one's own"),
        (["--held-out", "0.1"], "--held-out is for"),
        (["--data", "clips", "--optimiser", "muon"], "--optimiser is for fine-tuning on synthetic"),
        (["--data", "clips", "--pretrained", "x"], "--pretrained is for fine-tuning on synthetic"),
        (["--data", "no such folder"], "'no such folder' can't be read"),
        (["--data", "clips", "--sampling", "often"], "often"),
    ],
)
def test_options_that_dont_fit_are_refused(options, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "finetune", *options]) == 2
    assert words in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
