"""Each mistake is made on purpose, and named; and nothing is said of what is in order."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from made_evaluation import made_evaluation, made_metrics, made_row
from rendered import write_data_set

from videomae_demo.analysis.paired import Paired
from videomae_demo.dataset import check as checking
from videomae_demo.dataset import preparations
from videomae_demo.dataset.check import check, effective, guessing
from videomae_demo.dataset.evaluate import evaluate
from videomae_demo.dataset.judging import Judging
from videomae_demo.dataset.metrics import Share
from videomae_demo.dataset.preparations import EXCHANGED, Tried
from videomae_demo.engine.batches import run_batches
from videomae_demo.engine.engine import Engine
from videomae_demo.model.videomae import VideoMAEForVideoClassification
from videomae_demo.shipped import ASSETS
from videomae_demo.training.synthetic import LABELS

ABC = ("a", "b", "c", "d")


def model_of(**changes) -> VideoMAEForVideoClassification:
    from tiny import tiny_config

    torch.manual_seed(0)
    return VideoMAEForVideoClassification(tiny_config(**changes))


# ---- guessing and collapse ---------------------------------------------------------------------


def test_guessing_is_a_label_among_all_or_as_they_were_named():
    assert guessing(made_metrics(np.eye(4, dtype=int), ABC)) == 0.25
    # Three quarters show a and are named a by luck: 9/16 of these agree, and 1/16 of the others.
    luck = [[9, 3, 0, 0], [3, 1, 0, 0], [0] * 4, [0] * 4]
    assert guessing(made_metrics(luck, ABC)) == pytest.approx(10 / 16)
    assert guessing(made_metrics(np.zeros((4, 4), int), ABC)) == 0.25


def test_effective_number():
    assert effective(np.array([5, 5, 5, 5])) == pytest.approx(4)
    assert effective(np.array([7, 0, 0])) == pytest.approx(1)
    assert effective(np.array([0, 0])) == 0
    assert effective(np.array([3, 1])) == pytest.approx(4 / 3**0.75)


def test_collapse_is_told_by_shares_and_effective_labels():
    confusion = np.zeros((4, 4), int)
    confusion[:, 2] = 10
    confusion[0] = (1, 0, 9, 0)
    found = checking.collapsed(made_metrics(confusion, ABC))
    assert found.kind == "collapsed"
    assert found.evidence["share_named"] == 39 / 40
    assert found.evidence["share_true"] == 0.25
    assert found.evidence["effective_true"] == pytest.approx(4)
    assert "97.5% of 40 clips are named c, and 25% of 40 clips are of that label" in found.sentence
    assert "1.1 labels are named in effect, where the clips show 4.0" in found.sentence
    assert "top-1 is 27.5%" in found.sentence


@pytest.mark.parametrize(
    "confusion",
    [
        np.diag([10, 10, 10, 10]),
        np.diag([37, 1, 1, 1]),  # nearly all clips get one label, and nearly all show it
        np.diag([0, 0, 40, 0]),
        [[7, 0, 3, 0], [0, 6, 4, 0], [0, 0, 10, 0], [0, 0, 3, 7]],
        [[0, 0, 4, 0]] * 4,  # too few
    ],
)
def test_no_collapse(confusion):
    assert checking.collapsed(made_metrics(confusion, ABC)) is None


# ---- chance --------------------------------------------------------------------------------------


def test_at_chance_says_what_guessing_gives():
    metrics = made_metrics([[3, 3, 2, 2]] * 4, ABC)
    found = checking.at_chance(metrics, guessing(metrics))
    assert found.kind == "at chance"
    assert found.evidence["top_1"] == 10 / 40
    assert (found.evidence["guess"], found.evidence["most_frequent"]) == (0.25, 0.25)
    share = Share(10, 40)
    assert (found.evidence["top_1_low"], found.evidence["top_1_high"]) == (share.low, share.high)
    assert "25% of 40 clips are right (95% interval 14.2% to 40.2%)" in found.sentence
    assert "guessing among 4 labels gives 25%" in found.sentence


def test_at_chance_of_unlike_labels_is_above_a_label_among_all():
    metrics = made_metrics([[81, 9, 0, 0], [9, 1, 0, 0], [0] * 4, [0] * 4], ABC)
    found = checking.at_chance(metrics, guessing(metrics))
    assert found.evidence["chance"] == pytest.approx(0.82)
    assert "always naming the most frequent label 90%" in found.sentence


@pytest.mark.parametrize(
    "confusion",
    [
        [[1, 1, 1, 1]] * 4,  # too few
        [[6, 4, 0, 0], [4, 6, 0, 0], [0, 0, 6, 4], [0, 0, 4, 6]],
        np.diag([40, 0, 0, 0]),  # one label alone tells nothing
        [[90, 1, 0, 0], [2, 7, 0, 0], [0] * 4, [0] * 4],
    ],
)
def test_not_at_chance(confusion):
    metrics = made_metrics(confusion, ABC)
    assert checking.at_chance(metrics, guessing(metrics)) is None


# ---- the head ------------------------------------------------------------------------------------


def test_a_head_as_it_was_drawn():
    metrics = made_metrics([[3, 3, 4]] * 3, ("a", "b", "c"))
    model = model_of(hidden_size=240)
    found = checking.random_head(model, metrics, guessing(metrics))
    assert found.kind == "head random"
    weights = model.classifier.weight.detach().double()
    assert found.evidence["weights_deviation"] == pytest.approx(weights.std(correction=0).item())
    assert found.evidence["weights_mean"] == pytest.approx(weights.mean().item())
    assert (found.evidence["initializer_range"], found.evidence["largest_bias"]) == (0.02, 0)
    assert "undecided to 50%" in found.sentence
    assert "top-1 is 33.3% of 30 clips" in found.sentence


def test_every_part_of_a_trained_head_tells_it_from_a_drawn_one():
    metrics = made_metrics([[3, 3, 4]] * 3, ("a", "b", "c"))

    def finds(change, metrics=metrics):
        model = model_of(hidden_size=240)
        with torch.no_grad():
            change(model.classifier)
        return checking.random_head(model, metrics, guessing(metrics))

    assert finds(lambda head: head.weight.mul_(1.02)) is not None
    assert finds(lambda head: head.bias[1].add_(1e-4)) is None
    assert finds(lambda head: head.weight.mul_(1.3)) is None
    assert finds(lambda head: head.weight.add_(0.01)) is None
    lucky = made_metrics([[9, 1, 0], [5, 5, 0], [2, 8, 0]], ("a", "b", "c"))
    assert finds(lambda head: None, lucky) is not None
    good = made_metrics(np.diag([10, 10, 10]), ("a", "b", "c"))
    assert finds(lambda head: None, good) is None
    none = made_metrics(np.zeros((3, 3), int), ("a", "b", "c"))
    assert finds(lambda head: None, none) is not None


# ---- names ---------------------------------------------------------------------------------------


def test_permuted_names_are_told_with_pairs():
    confusion = np.zeros((6, 6), int)
    for label, output in enumerate((1, 0, 3, 4, 2, 5)):
        confusion[label, output] = 10
    metrics = made_metrics(confusion, ("b", "a", "f", "d", "c", "e"))
    found = checking.permuted(metrics, by_number=False)
    assert found.kind == "labels permuted"
    assert len(found.pairs) == 5 and ("b", "a") in found.pairs
    assert "100% of 60 clips would be right, and now 16.7% are" in found.sentence
    assert "those of b come out as a, those of a come out as b" in found.sentence
    assert "and 2 more" in found.sentence
    assert "id2label" in found.sentence
    assert found.evidence["share_right_then_low"] == Share(60, 60).low
    assert found.evidence["right_only_then"] == 50
    assert "list" in checking.permuted(metrics, by_number=True).sentence


def test_the_order_is_told_where_it_is_one():
    shifted = np.roll(np.eye(6, dtype=int), 1, axis=1) * 10
    found = checking.permuted(made_metrics(shifted, tuple("badcfe")), by_number=True)
    assert "another order: the names' own, one place" in found.sentence
    apart = np.eye(6, dtype=int)[[3, 5, 0, 1, 2, 4]] * 10
    found = checking.permuted(made_metrics(apart, tuple("abcdef")), by_number=False)
    assert "The names stand in alphabetical order, and the outputs do not." in found.sentence


# ---- pixels --------------------------------------------------------------------------------------


def test_other_pixels_that_are_named_rightly_far_more_often():
    tried = Tried({"a way": Paired(64, 8, 50, 2, 44), EXCHANGED: Paired(16, 2, 3, 1, 2)}, 300)
    found = checking.badly_prepared(tried, Share(100, 800))
    assert found.kind == "wrong normalisation"
    assert "with a way, 78.1% of 64 clips are right" in found.sentence
    assert "preprocessor_config.json 12.5% of 64 clips; top-1 of all is 12.5%" in found.sentence
    assert (found.evidence["share_right_now"], found.evidence["share_right_then"]) == (
        8 / 64,
        50 / 64,
    )
    assert found.evidence["passes"] == 300


def test_a_little_luck_with_other_pixels_is_none():
    assert checking.badly_prepared(Tried({"a way": Paired(16, 2, 6, 1, 5)}, 1), Share(1, 9)) is None
    assert checking.badly_prepared(Tried({}, 0), Share(1, 9)) is None


# ---- all of it -----------------------------------------------------------------------------------


@pytest.fixture
def tiny_engine(recogniser_folder):
    return Engine(str(recogniser_folder), device="cpu")


def rows_of(confusion) -> list:
    labels = ("moving left", "moving right", "staying still")
    return [
        made_row(f"{true}-{named}-{number}.mp4", labels[true], labels[named])
        for (true, named), count in np.ndenumerate(np.asarray(confusion))
        for number in range(count)
    ]


def test_nothing_found_says_what_was_looked_at(tiny_engine, tmp_path):
    rows = rows_of([[20, 0, 1], [0, 20, 0], [0, 0, 19]])
    (found,) = check(tiny_engine, made_evaluation(tiny_engine, tmp_path, rows))
    assert not found.is_trouble
    assert "top-1 98.3% over 3 labels" in found.sentence
    assert "were not tried, since top-1 is not below 75%" in found.sentence
    assert found.to_json()["kind"] == "nothing found"


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "no clip has a label"),
        (rows_of([[2, 0, 0], [0, 1, 0], [0, 0, 0]]), "Too few clips"),
        (rows_of([[40, 0, 0], [0, 0, 0], [0, 0, 0]]), "40 clips of 1 label; top-1 100%"),
    ],
)
def test_what_cant_be_told_is_said(tiny_engine, tmp_path, rows, words):
    (found,) = check(tiny_engine, made_evaluation(tiny_engine, tmp_path, rows))
    assert not found.is_trouble
    assert words in found.sentence


def test_clips_that_are_gone_by_now_stop_nothing(tiny_engine, tmp_path):
    rows = rows_of([[5, 5, 5], [4, 6, 5], [5, 6, 4]])
    (found,) = check(tiny_engine, made_evaluation(tiny_engine, tmp_path, rows))
    assert found.kind == "at chance"
    rows = rows_of([[10, 5, 0], [5, 10, 0], [0, 5, 10]])
    (found,) = check(tiny_engine, made_evaluation(tiny_engine, tmp_path / "more", rows))
    assert "no clip could be read again" in found.sentence


# ---- the bundled recogniser, spoilt ------------------------------------------------------------


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> Path:
    return write_data_set(tmp_path_factory.mktemp("clips"), 64)


@pytest.fixture(scope="module")
def healthy(clips, tmp_path_factory):
    """The bundled recogniser, and what it says of the clips; its frames are kept for the others."""
    engine = Engine("bundled", device="cpu")
    *_, evaluation = evaluate(
        engine, clips, tmp_path_factory.mktemp("healthy"), Judging(changes=False), report=False
    )
    return engine, evaluation


def spoilt(folder: Path, change_labels=None, change_model=None, **preprocessor) -> Path:
    """Save a copy of the bundled recogniser with a mistake in it."""
    shutil.copytree(ASSETS / "checkpoints" / "motion-recogniser", folder)
    if change_labels is not None:
        config = json.loads((folder / "config.json").read_text())
        config["id2label"] = dict(enumerate(change_labels(list(LABELS))))
        config.pop("label2id")
        (folder / "config.json").write_text(json.dumps(config))
    if change_model is not None:
        model = VideoMAEForVideoClassification.from_pretrained(folder)
        with torch.no_grad():
            change_model(model)
        model.save_pretrained(folder)
    if preprocessor:
        file = folder / "preprocessor_config.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | preprocessor))
    return folder


def checked(weights: Path, healthy, clips: Path, folder: Path):
    engine = Engine(str(weights), device="cpu", clips=healthy[0]._clips)
    *_, evaluation = evaluate(engine, clips, folder, Judging(changes=False), report=False)
    return evaluation.findings


@pytest.mark.slow
def test_the_bundled_recogniser_is_healthy(healthy):
    _, evaluation = healthy
    (found,) = evaluation.findings
    assert not found.is_trouble
    assert f"over {len(LABELS)} labels" in found.sentence
    assert found.sentence in evaluation.sentences()
    told = json.loads((evaluation.folder / "metrics.json").read_text())
    assert told["check"] == [found.to_json()]
    assert not (evaluation.folder / "report.html").exists()


@pytest.mark.slow
@pytest.mark.parametrize("order", ["any", "alphabetical", "shifted"])
def test_permuted_names_in_a_saved_copy(order, healthy, clips, tmp_path):
    def permute(labels):
        if order == "shifted":
            return labels[1:] + labels[:1]
        if order == "alphabetical":
            return sorted(labels)
        return [labels[at] for at in np.random.default_rng(3).permutation(len(labels))]

    weights = spoilt(tmp_path / "weights", permute)
    (found,) = checked(weights, healthy, clips, tmp_path / "out")
    assert found.kind == "labels permuted"
    assert found.evidence["share_right_then"] > 0.85 > 0.2 > found.evidence["share_right_now"]
    real = dict(zip(permute(list(LABELS)), LABELS, strict=True))
    assert all(real[named] == true for true, named in found.pairs)
    words = {"shifted": "one place", "alphabetical": "alphabetical order", "any": "id2label"}
    assert words[order] in found.sentence


@pytest.mark.slow
def test_a_head_that_was_never_trained(healthy, clips, tmp_path):
    weights = spoilt(tmp_path / "weights", None, lambda m: m.classifier.apply(m.initialise))
    (found,) = checked(weights, healthy, clips, tmp_path / "out")
    assert found.kind == "head random"
    assert found.evidence["mean_entropy"] > 0.9


@pytest.mark.slow
def test_a_head_that_names_one_label(healthy, clips, tmp_path):
    weights = spoilt(tmp_path / "weights", None, lambda m: m.classifier.bias[3].add_(20))
    (found,) = checked(weights, healthy, clips, tmp_path / "out")
    assert found.kind == "collapsed"
    assert LABELS[3] in found.sentence


@pytest.mark.slow
def test_pixels_that_are_not_rescaled(healthy, clips, tmp_path, monkeypatch):
    passes = []

    def counted(engine, inputs, read):
        passes.extend(inputs)
        return run_batches(engine, inputs, read)

    monkeypatch.setattr(preparations, "run_batches", counted)
    weights = spoilt(tmp_path / "weights", do_rescale=False)
    found = checked(weights, healthy, clips, tmp_path / "out")
    assert [one.kind for one in found] == ["wrong normalisation"]
    assert "ImageNet" in found[0].sentence
    assert found[0].evidence["share_right_then"] > 0.8
    assert found[0].evidence["passes"] == len(passes) > 64
