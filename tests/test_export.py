import json
import math

import numpy as np
import pytest

from videomae_demo import export
from videomae_demo.explorer import Explorer, RolloutSettings
from videomae_demo.views import ClipRequest, MaskRequest


@pytest.fixture(scope="module")
def explorer(recogniser_folder, reconstructor_folder):
    return Explorer(str(recogniser_folder), str(reconstructor_folder), device="cpu")


def test_descriptions_are_json_and_agree_with_the_views(explorer, clip_path):
    request = ClipRequest(clip_path)
    labels = explorer.classify(request)
    described = json.loads(json.dumps(export.describe_labels(labels, 2, "staying still")))
    best = labels.classification.top(1)[0]
    assert described["labels"][0] == {"label": best.label, "probability": best.probability}
    assert described["asked"]["rank"] == labels.classification.find("staying still").rank
    rollout = explorer.attend(request, RolloutSettings(query=(1, 2, 3)))
    described = json.loads(json.dumps(export.describe_rollout(rollout)))
    assert described["settings"]["query"] == [1, 2, 3]
    assert np.mean(described["over_time"]) == pytest.approx(1)
    masked = explorer.reconstruct(request, MaskRequest(ratio=0.5))
    described = json.loads(json.dumps(export.describe_reconstruction(masked)))
    assert described["hidden_tokens"] == 16
    assert described["leaks"] == []
    assert described["psnr_db"]["prediction"] == masked.reconstruction.prediction.psnr_db


def test_sentences_name_what_was_done(explorer, clip_path):
    request = ClipRequest(clip_path)
    whole = export.explain_rollout(explorer.attend(request))
    assert "all layers (heads fused by mean)" in whole and "not proof of cause" in whole
    part = RolloutSettings("max", 0.25, first_layer=2, query=(0, 0, 1))
    told = export.explain_rollout(explorer.attend(request, part))
    assert "layers 2 to the last (heads fused by max, the lowest 25% discarded)" in told
    assert "the token at time 0, row 0, column 1" in told
    told = export.explain_reconstruction(explorer.reconstruct(request, MaskRequest(seed=4)))
    assert "75% of the tokens were hidden (tube mask, seed 4)" in told
    assert "leak" not in told


def test_a_leak_is_marked_wherever_it_is_shown(tmp_path, recogniser_folder, clip_path):
    from tiny import save_tiny

    from videomae_demo.model.videomae import VideoMAEForPreTraining

    folder = save_tiny(VideoMAEForPreTraining, tmp_path / "norm", norm_pix_loss=True)
    view = Explorer(str(recogniser_folder), str(folder), device="cpu").reconstruct(
        ClipRequest(clip_path)
    )
    assert "true mean and contrast" in export.explain_reconstruction(view)
    assert export.describe_reconstruction(view)["leaks"] == ["prediction", "true-patch-mean"]
    titles = [track.title for track in export.reconstruction_tracks(view)]
    assert titles[2].endswith("(leak)") and titles[3] == "raw prediction (normalised)"
    assert sum("leak" in title for title in titles) == 2
    export.save_reconstruction(view, tmp_path / "out")
    with np.load(tmp_path / "out" / "reconstruction.npz") as arrays:
        assert arrays["normalised"].shape == arrays["prediction"].shape
        assert np.isnan(arrays["token_error"]).sum() == (~arrays["mask"]).sum()


def test_movies_play_in_real_time(explorer, clip_path):
    clip = explorer.classify(ClipRequest(clip_path)).clip
    assert export.frame_rate(clip) == pytest.approx(7.5, rel=0.1)
    late = explorer.classify(ClipRequest(clip_path, start_s=1.95)).clip
    assert late.repeated and math.isfinite(export.frame_rate(late))


def test_the_original_is_left_alone(explorer, clip_path, tmp_path):
    before = clip_path.read_bytes(), clip_path.stat().st_mtime_ns
    export.save_rollout(explorer.attend(ClipRequest(clip_path)), tmp_path)
    assert (clip_path.read_bytes(), clip_path.stat().st_mtime_ns) == before
