"""The model card's figures, from a model of which every answer was written down beforehand."""

from types import SimpleNamespace

import pytest
import torch
from tiny import tiny_config

from videomae_demo.masking import tube
from videomae_demo.training import evaluate
from videomae_demo.training.evaluate import RatioScore, Recognition, tabulate
from videomae_demo.training.single_frame import SingleFrame
from videomae_demo.training.synthetic import LABELS, SyntheticClips

# Label, and what the model calls the clip forwards, backwards, and when its middle frame stands.
ANSWERS = (
    ("moving left", "moving left", "moving right", "moving left"),
    ("moving right", "moving left", "moving left", "growing"),
    ("growing", "growing", "growing", "growing"),
    ("bouncing", "bouncing", "bouncing", "moving left"),
    ("staying still", "staying still", "staying still", "staying still"),
    ("camera panning left", "camera panning right", "camera panning right", "moving left"),
    ("orbiting", "orbiting", "orbiting", "moving left"),
    ("shaking", "moving down", "moving left", "moving left"),
)


class WrittenDown:
    """Reads its answer from the first frame; all its attention goes to token 3 of 8."""

    config = tiny_config(
        image_size=32,
        patch_size=16,
        num_frames=16,
        tubelet_size=8,
        id2label=dict(enumerate(LABELS)),
    )

    def __call__(self, pixels, observer=None):
        # The red of the first pixel, whose normalisation is undone, is a hundredth of the label.
        answers = ((pixels[:, 0, 0, 0, 0] * 0.229 + 0.485) * 100).round().long()
        if observer is not None:
            attention = torch.zeros(len(pixels), 2, 8, 8)
            attention[..., 3] = 1
            observer(0, slice(0, 8), attention)
        return SimpleNamespace(logits=torch.nn.functional.one_hot(answers, len(LABELS)).float())


@pytest.fixture
def clips(monkeypatch) -> SyntheticClips:
    frames = torch.zeros(len(ANSWERS), 16, 3, 32, 32)
    thing = torch.zeros(len(ANSWERS), 16, 32, 32, dtype=torch.bool)
    for clip, (_, forwards, backwards, frozen) in enumerate(ANSWERS):
        for at, name in ((0, forwards), (15, backwards), (8, frozen)):
            frames[clip, at] = LABELS.index(name) / 100
    token_0 = slice(0, 8), slice(0, 16), slice(0, 16)
    token_3 = slice(0, 8), slice(16, 32), slice(16, 32)
    thing[0][token_3] = True  # all of it: 1/8 of the clip
    thing[1, :8] = True  # the first half of the clip: tokens 0 to 3
    thing[2, :8, 16:24, 16:32] = True  # half of token 3
    thing[4][token_3] = thing[5][token_3] = True  # nothing moves alone in these two
    thing[6][token_0] = True
    thing[7][token_3] = True
    labels = torch.tensor([LABELS.index(name) for name, *_ in ANSWERS])
    made = SyntheticClips(frames, labels, thing)
    monkeypatch.setattr(evaluate, "held_out", lambda count, size_px: iter([made]))
    return made


def test_recognition_is_counted_forwards_backwards_and_frozen(clips):
    found = evaluate.measure_recognition(WrittenDown(), len(ANSWERS))
    assert found.top1 == 5 / 8
    assert found.frozen_top1 == 3 / 8
    # Four of the clips have a direction; growing, shown backwards, is still called growing.
    assert found.reversed_top1 == 3 / 4
    assert found.clips == 8


def test_rows_are_true_and_columns_are_named(clips):
    confusion = evaluate.measure_recognition(WrittenDown(), len(ANSWERS)).confusion
    assert confusion.sum() == 8
    for true, named, *_ in ANSWERS:
        assert confusion[LABELS.index(true), LABELS.index(named)] == 1


def test_the_lift_is_the_mean_share_over_the_mean_area(clips):
    """Half of the rollout is spread over 8 tokens, 1/16 each; the other half is on token 3."""
    found = evaluate.measure_recognition(WrittenDown(), len(ANSWERS))
    shares = [9 / 16, 12 / 16, 4.5 / 16, 1 / 16, 9 / 16]  # clips 0, 1, 2, 6 and 7
    areas = [1 / 8, 4 / 8, 0.5 / 8, 1 / 8, 1 / 8]
    assert found.rollout_lift == pytest.approx(sum(shares) / sum(areas))


class Guesses:
    """Takes every hidden pixel for 0.5, and remembers the masks."""

    config = tiny_config(num_frames=16, norm_pix_loss=False, use_mean_pooling=False)

    def __init__(self) -> None:
        self.masks: list[torch.Tensor] = []

    def __call__(self, pixels, hidden):
        self.masks.append(hidden)
        count = int(hidden[0].sum())
        return SimpleNamespace(logits=torch.full((len(pixels), count, 384), 0.5))


def test_the_psnr_is_the_mean_over_clips_each_behind_its_own_mask(monkeypatch):
    shades = (0.6, 0.8, 0.51)  # off by 0.1, 0.3 and 0.01
    batches = []
    for part in (shades[:2], shades[2:]):
        frames = torch.tensor(part)[:, None, None, None, None].expand(-1, 16, 3, 32, 32)
        nothing = torch.zeros(len(part), 16, 32, 32, dtype=torch.bool)
        batches.append(SyntheticClips(frames, torch.zeros(len(part)).long(), nothing))
    monkeypatch.setattr(evaluate, "held_out", lambda count, size_px: iter(batches))
    model = Guesses()
    found = evaluate.measure_reconstruction(model, 3)
    assert [score.ratio for score in found] == [0.5, 0.6, 0.75, 0.9, 0.95]
    for score in found:
        # 20, 10.458 and 40 dB
        assert dict(score.psnr_db)["prediction"] == pytest.approx((20 + 10.4576 + 40) / 3, abs=1e-3)
    of_first, of_second = model.masks[2], model.masks[2 + len(found)]  # at 0.75
    for number, given in enumerate((*of_first, *of_second)):
        expected = torch.from_numpy(tube(model.config.grid, 0.75, number)).flatten()
        assert torch.equal(given, expected)


@pytest.fixture
def table() -> dict[str, list[str]]:
    """The cells of each row by its first one."""
    recognition = Recognition(
        top1=0.9568,
        frozen_top1=0.0729,
        reversed_top1=0.8999,
        confusion=torch.eye(16).long().numpy(),
        rollout_lift=3.4567,
        clips=320,
    )
    scores = (
        RatioScore(0.5, (("prediction", 23.456), ("visible-mean", 15.004))),
        RatioScore(0.95, (("prediction", 17.2), ("visible-mean", 14.999))),
    )
    text = tabulate(recognition, SingleFrame(0.0612, 0.4555, 200), scores, 40)
    assert "mean of 40 held-out clips" in text
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return {row[0]: row[1:] for row in rows}


def test_the_table_holds_each_figure_in_its_own_row_and_rounds_none_up(table):
    assert "320 held-out clips, 16 labels" in next(iter(table))
    assert table["top-1 (chance 6.2%)"] == ["95.6 %"]
    assert table["top-1 when the middle frame stands still"] == ["7.2 %"]
    (standing,) = (row for name, row in table.items() if "middle frame of 200 clips" in name)
    assert standing == ["6.1 %"]
    assert table["the same, trained on the whole clips"] == ["45.5 %"]
    assert table["shown backwards, named by the opposite direction"] == ["89.9 %"]
    assert table["rollout on the moving thing, times its share of the area"] == ["3.45"]


def test_the_table_of_reconstructions_has_a_row_per_ratio(table):
    assert table["ratio"] == ["prediction", "visible-mean"]
    assert table["0.5"] == ["23.46", "15.00"]
    assert table["0.95"] == ["17.20", "15.00"]


def test_a_whole_number_of_thousandths_is_not_rounded_down():
    for count in range(1001):
        assert evaluate._floor(count / 1000) == f"{count / 10:.1f} %"
