"""Views of a clip, beside the same worked out as the original code does, frame by frame."""

import threading
from dataclasses import replace

import numpy as np
import pytest
import torch

from videomae_demo import ClipChange, ClipRequest, Explorer, RequestError, SamplingRule, Views
from videomae_demo.cancellation import Cancelled, cancellable
from videomae_demo.cli.main import main
from videomae_demo.engine import batches
from videomae_demo.engine.viewing import view_logits, views_of
from videomae_demo.lenses.plan import Plan
from videomae_demo.shipped import ASSETS
from videomae_demo.video.reader import read_frames, scan


@pytest.fixture
def explorer(recogniser_folder) -> Explorer:
    return Explorer(str(recogniser_folder), device="cpu")


def softmax(logits: np.ndarray) -> np.ndarray:
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


def reference(explorer: Explorer, path, indices: list[list[int]], crops: int) -> np.ndarray:
    """The mean of the softmax over views, from frames by their numbers and crops by slices."""
    timeline, recogniser = scan(path), explorer.recogniser
    rows = []
    for window in indices:
        frames = read_frames(timeline, window)
        height, width = frames.shape[1:3]
        step = (width - height) / (crops - 1)
        for crop in range(crops):
            start = int(crop * step)
            cut = frames[:, :, start : start + height]
            pixel_values = recogniser.processor(cut, return_tensors="pt").pixel_values
            with torch.inference_mode():
                rows.append(recogniser.model(pixel_values).logits[0].double().numpy())
    return softmax(np.stack(rows)).mean(axis=0)


def test_windows_and_crops_are_those_of_the_original_code(explorer, clip_path):
    """48 frames, every second one; 4 of 24 in a window, and 5 windows from first to last."""
    clip = ClipRequest(clip_path, sampling=SamplingRule.every(2))
    taken = list(range(0, 48, 2))
    starts = [int(window * (24 - 4) / 4) for window in range(5)]
    indices = [taken[start : start + 4] for start in starts]
    *growing, view = explorer.classify_views(clip, Views(5, 3))
    found = view.classification.probabilities
    np.testing.assert_allclose(found, reference(explorer, clip_path, indices, 3), atol=1e-6)
    assert len(view.views.each) == 15 and view.views.planned == 15
    counts = [len(one.views.each) for one in growing]
    assert counts == sorted(counts)
    for (one, said), window in zip(view.views.each, np.repeat(range(5), 3), strict=True):
        assert one.window == window + 1
        assert explorer.see(one.request).indices.tolist() == indices[window]
        alone = explorer.classify(one.request).classification
        np.testing.assert_allclose(said.probabilities, alone.probabilities, atol=1e-6)


def test_spread_frames_lie_between_one_another(explorer, clip_path):
    clip = ClipRequest(clip_path, sampling=SamplingRule.uniform())
    *_, view = explorer.classify_views(clip, Views(2, 3))
    indices = [[0, 12, 24, 36], [6, 18, 30, 42]]
    expected = reference(explorer, clip_path, indices, 3)
    np.testing.assert_allclose(view.classification.probabilities, expected, atol=1e-6)


def test_windows_by_time_go_from_the_first_frame_to_the_last(explorer, clip_path):
    clip = ClipRequest(clip_path, sampling=SamplingRule.stride(0.25))
    seen = [explorer.see(view.request) for view in views_of(explorer, clip, Views(3, 1))]
    assert [one.indices[-1] - one.indices[0] for one in seen] == [18, 18, 18]
    assert (seen[0].indices[0], seen[-1].indices[-1]) == (0, 47)
    assert seen[1].indices[0] in (14, 15)
    (one,) = views_of(explorer, ClipRequest(clip_path), Views(1, 1))
    assert one.request == ClipRequest(clip_path)


def test_words_and_files_are_those_of_the_views(explorer, clip_path, tmp_path):
    *_, view = explorer.classify_views(ClipRequest(clip_path), Views(4, 3))
    best = view.classification.top(1)[0]
    agree = sum(one.top(1)[0].label == best.label for _, one in view.views.each)
    assert view.sentences()[-1] == (
        f"The mean of 4 x 3 views, windows x crops: {agree} of 12 say {best.label}."
    )
    told = view.to_json()["views"]
    assert (told["asked"], told["done"], len(told["each"])) == ("4x3", 1, 12)
    assert told["each"][4]["window"] == 2 and told["each"][4]["crop"] == 2
    names = [path.name for path in view.save(tmp_path)]
    assert names == ["views.csv", "labels.json", "labels.png"]
    assert len((tmp_path / "views.csv").read_text().splitlines()) == 13
    assert view.arrays()["view_probabilities"].shape == (12, len(view.classification.labels))
    half = replace(view, views=replace(view.views, each=view.views.each[:5]))
    assert half.sentences()[-1] == "5 of 12 views are done so far."
    assert explorer.classify(ClipRequest(clip_path)).to_json()["views"] is None


def test_square_frames_have_one_crop(explorer):
    clip = ClipRequest(ASSETS / "clips" / "orbiting.mp4")
    *_, view = explorer.classify_views(clip, Views(2, 3))
    assert view.views.planned == 2
    assert "(the frames are square: one crop)" in view.sentences()[-1]


def test_views_are_kept_and_end_when_nobody_waits(explorer, clip_path, monkeypatch):
    clip = ClipRequest(clip_path)
    views = views_of(explorer, clip, Views(2, 3))
    *_, first = view_logits(explorer, clip, views)
    monkeypatch.setattr("videomae_demo.engine.batches.run", None)  # no pass any more
    *_, again = view_logits(explorer, clip, views)
    np.testing.assert_array_equal(first, again)
    wish = threading.Event()
    wish.set()
    with cancellable(wish), pytest.raises(Cancelled):
        next(view_logits(explorer, clip, views))


@pytest.mark.parametrize(
    ("own", "name"), [({"start_s": 0.5}, "start"), ({"change": ClipChange("grey")}, "change")]
)
def test_views_choose_windows_and_crops_themselves(explorer, clip_path, own, name):
    with pytest.raises(RequestError, match=f"The clip has a {name} of its own"):
        list(explorer.classify_views(ClipRequest(clip_path, **own), Views(2, 3)))


def test_the_command_averages(capsys, clip_path, recogniser_folder, explorer, tmp_path):
    command = ["classify", str(clip_path), "--weights", str(recogniser_folder), "--device", "cpu"]
    assert main([*command, "--views", "2x3"]) == 0
    out = capsys.readouterr().out
    *_, view = explorer.classify_views(ClipRequest(clip_path), Views(2, 3))
    assert all(said in out for said in view.sentences())
    assert "frames between" not in out
    assert main([*command, "--views", "2"]) == 2
    np.savez(tmp_path / "hidden.npz", hidden=np.eye(2, dtype=bool)[:, :, None])
    assert main([*command, "--views", "2x3", "--hide", str(tmp_path / "hidden.npz")]) == 2
    assert "Tokens are taken away from one view alone" in capsys.readouterr().err


def test_what_is_left_of_the_views_is_known_and_costs_what_was_measured(
    explorer, clip_path, monkeypatch
):
    monkeypatch.setattr(batches, "clips_at_once", lambda config, tokens: 2)
    clip, asked = ClipRequest(clip_path, sampling=SamplingRule.stride(0.125)), Views(3, 1)
    assert explorer.known_views(clip, asked) is None
    first = next(explorer.classify_views(clip, asked))
    explorer.seconds["probe"] = 3.0
    monkeypatch.setattr(batches, "run", None)  # nothing is run any more
    assert explorer.plan_views(clip, asked) == Plan(3, 1, 3.0)
    known = explorer.known_views(clip, asked)
    np.testing.assert_array_equal(
        known.classification.probabilities, first.classification.probabilities
    )
    assert [view for view, _ in known.views.each] == [view for view, _ in first.views.each]
    assert known.views.planned == 3
