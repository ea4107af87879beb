"""Which weights are kept, and what a head alone learns from."""

import itertools

import numpy as np
import pytest
import torch
from own_clips import RULE, save_start, write_squares
from torch import nn

from videomae_demo.dataset.listing import Item
from videomae_demo.engine.roles import load_recogniser
from videomae_demo.model.videomae import VideoMAEForVideoClassification
from videomae_demo.training.beginning import begin_with
from videomae_demo.training.loop import Run
from videomae_demo.training.own.head import HeadAlone, describe
from videomae_demo.training.own.learning import learning
from videomae_demo.training.own.material import Material, OwnClip, read_material, split_items
from videomae_demo.training.own.reading import AS_IT_IS, HELD_OUT, VARIED, ClipReader
from videomae_demo.training.own.settings import OwnSettings, Plan
from videomae_demo.training.own.whole import WholeModel

LABELS = ("to the left", "to the right")
CPU = torch.device("cpu")


def clip(label: int, kept=HELD_OUT, windows: int = 1) -> OwnClip:
    item = Item(f"{label}.mp4", f"{label}", LABELS[label])
    return OwnClip(item, label, kept, windows, None)


class Scripted:
    """Its one weight counts the steps; held-out clips are named with these margins, in turn."""

    def __init__(self, margins: list[float]) -> None:
        self.module = nn.Linear(1, 2, bias=False)
        nn.init.zeros_(self.module.weight)
        self.margins = margins
        self.examined = []

    def optimiser(self):
        return torch.optim.SGD(self.module.parameters(), lr=0.0)

    def logits(self, step):
        with torch.no_grad():
            self.module.weight.fill_(step + 1)
        return self.module(torch.ones(2, 1)), torch.tensor([0, 1])

    def held_out(self):
        at = int(self.module.weight[0, 0])
        self.examined.append(at)
        margin = self.margins[at // 2 - 1]
        return torch.tensor([[margin, 0.0], [0.0, margin]])


def material(held_out: int = 2) -> Material:
    train = tuple(clip(at % 2, VARIED) for at in range(4))
    return Material(LABELS, train, tuple(clip(at) for at in range(held_out)), None, ())


def finish(generator):
    while True:
        try:
            next(generator)
        except StopIteration as end:
            return end.value


PLAN = Plan(clips=4, batch=2, steps=8, epoch=2)


def test_the_weights_of_the_epoch_with_the_lowest_loss_are_kept(tmp_path):
    learner = Scripted([-1.0, 3.0, 2.0, 2.5])
    learnt = finish(learning(learner, material(), OwnSettings(), PLAN, Run(tmp_path, {})))
    assert learner.examined == [2, 4, 6, 8]
    assert learnt.step == 4
    assert learnt.module.weight.flatten().tolist() == [4.0, 4.0]
    assert learnt.loss == pytest.approx(np.log1p(np.exp(-3.0)))
    assert learnt.accuracy == 1.0
    held_out = [line for line in Run(tmp_path, {}).read_log() if "held-out loss" in line]
    assert [line["held-out accuracy"] for line in held_out] == [0.0, 1.0, 1.0, 1.0]


@pytest.mark.parametrize("taken", [1, 2, 3, 4, 5, 7, 8])
def test_what_was_best_is_remembered_by_a_resumed_run(tmp_path, taken):
    margins = [-1.0, 3.0, 2.0, 2.5]
    stopped = learning(Scripted(margins), material(), OwnSettings(), PLAN, Run(tmp_path, {}))
    list(itertools.islice(stopped, taken))
    stopped.close()
    learnt = finish(learning(Scripted(margins), material(), OwnSettings(), PLAN, Run(tmp_path, {})))
    assert learnt.step == 4
    assert learnt.module.weight.flatten().tolist() == [4.0, 4.0]
    steps = [line["step"] for line in Run(tmp_path, {}).read_log() if "held-out loss" in line]
    assert steps == [2, 4, 6, 8]


def test_a_run_killed_before_it_looked_at_held_out_clips_looks_then(tmp_path):
    """The state is saved first; what comes after it may be lost."""
    margins = [3.0, 2.0, 2.0, 2.0]
    stopped = learning(Scripted(margins), material(), OwnSettings(), PLAN, Run(tmp_path, {}))
    list(itertools.islice(stopped, 2))
    log = tmp_path / "log.jsonl"
    lines = log.read_text().splitlines(keepends=True)
    log.write_text("".join(line for line in lines if "held-out" not in line))
    learnt = finish(learning(Scripted(margins), material(), OwnSettings(), PLAN, Run(tmp_path, {})))
    assert learnt.step == 2


def test_what_is_told_has_the_held_out_figures(tmp_path):
    told = list(learning(Scripted([1.0] * 4), material(), OwnSettings(), PLAN, Run(tmp_path, {})))
    assert [sorted(one.logged) for one in told[:2]] == [
        [],
        ["accuracy", "held-out accuracy", "held-out loss", "loss", "rate"],
    ]
    assert told[1].logged["accuracy"] == 0.5


def test_without_held_out_clips_the_last_weights_count(tmp_path):
    learner = Scripted([])
    learnt = finish(learning(learner, material(0), OwnSettings(), PLAN, Run(tmp_path, {})))
    assert learner.examined == [] and learnt.loss is None
    assert learnt.module.weight.flatten().tolist() == [8.0, 8.0]


@pytest.fixture(scope="module")
def frozen(tmp_path_factory):
    """A recogniser, its new head, the clips, and the features of them."""
    folder = tmp_path_factory.mktemp("frozen")
    start = save_start(VideoMAEForVideoClassification, folder / "start")
    role = load_recogniser(str(start), CPU)
    split = split_items(write_squares(folder / "data", LABELS, 3), 0.3, 0)
    reader = ClipReader(role.processor, role.card.frame_count, RULE)
    found = finish(read_material(split, reader, AS_IT_IS))
    model = begin_with(role.model, LABELS, 0).eval()
    clips = [(one, at) for one in found.train for at in range(one.windows)]
    clips += [(one, 0) for one in found.held_out]
    features = finish(describe(model, role.processor, found, clips, 4))
    return role, model, found, clips, features


def test_features_are_what_the_head_reads(frozen):
    role, model, found, clips, features = frozen
    assert features.shape == (len(clips), model.config.hidden_size)
    one, window = clips[3]
    pixels = role.processor(found.frames(one, window), return_tensors="pt").pixel_values
    with torch.no_grad():
        wanted = model(pixels).logits[0]
        torch.testing.assert_close(model.classifier(features[3]), wanted, rtol=0, atol=1e-5)


def test_a_head_at_another_scale_is_the_same_function(frozen):
    _, model, found, clips, features = frozen
    count = len(clips) - len(found.held_out)
    before = model.classifier(features[count:]).detach()
    settings = OwnSettings(freeze=True, batch=3, steps=4)
    plan = Plan.of(settings, len(found.train))
    head = HeadAlone(model, features[:count], features[count:], found, settings, plan)
    torch.testing.assert_close(head.held_out(), before, rtol=0, atol=1e-4)
    with torch.no_grad():
        head.module.weight += 0.1
    named = head.held_out()
    finished = head.finished(head.module)
    torch.testing.assert_close(finished.classifier(features[count:]), named, rtol=0, atol=1e-4)


def test_each_clip_is_shown_with_its_label_in_one_of_its_windows(frozen):
    _, model, found, *_ = frozen
    windows = [(at, window) for at, one in enumerate(found.train) for window in range(one.windows)]
    assert len(windows) > len(found.train)
    coded = torch.tensor([[100.0 * at + window, 1.0] for at, window in windows])
    settings = OwnSettings(freeze=True, batch=4, steps=40)
    plan = Plan.of(settings, len(found.train))
    model = begin_with(model, LABELS, 0)
    model.classifier = nn.Linear(2, 2)
    head = HeadAlone(model, coded, coded[:1], found, settings, plan)
    head.module = nn.Identity()
    seen = set()
    for step in range(plan.steps):
        shown, labels = head.logits(step)
        for code, label in zip(shown[:, 0] * head._spread[0] + head._mean[0], labels, strict=True):
            at, window = divmod(round(code.item()), 100)
            seen.add((at, window))
            assert found.train[at].label == label
    assert seen == set(windows)


@pytest.mark.parametrize(("dropped", "changes"), [(0.0, False), (0.5, True)])
def test_patches_are_left_out_until_late_and_the_clip_is_named_with_all(frozen, dropped, changes):
    role, model, found, *_ = frozen
    split_clips = Material(found.labels, found.train, found.held_out, found.reader, ())
    settings = OwnSettings(batch=4, steps=10, dropped=dropped)
    plan = Plan.of(settings, len(found.train))
    learner = WholeModel(begin_with(model, LABELS, 0), role.processor, split_clips, settings, plan)
    masks = [learner._dropped(step, 3) for step in range(10)]
    assert all(mask is None for mask in masks[8:])
    assert all((mask is not None) == changes for mask in masks[:8])
    if changes:
        tokens = model.config.grid.tokens
        assert all(mask.sum(1).tolist() == [tokens // 2] * 3 for mask in masks[:8])
        assert not torch.equal(masks[0], masks[1])
    without = begin_with(model, LABELS, 0)
    without.config.use_mean_pooling = False
    one_token = WholeModel(without, role.processor, split_clips, settings, plan)
    assert one_token._dropped(0, 3) is None
