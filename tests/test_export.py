import math
from dataclasses import replace

import numpy as np
import pytest

from videomae_demo import describe, export
from videomae_demo.explorer import Explorer
from videomae_demo.views import ClipRequest


@pytest.fixture(scope="module")
def explorer(recogniser_folder, reconstructor_folder):
    return Explorer(str(recogniser_folder), str(reconstructor_folder), device="cpu")


def test_a_leak_is_marked_wherever_it_is_shown(tmp_path, recogniser_folder, clip_path):
    from tiny import save_tiny

    from videomae_demo.model.videomae import VideoMAEForPreTraining

    folder = save_tiny(VideoMAEForPreTraining, tmp_path / "norm", norm_pix_loss=True)
    view = Explorer(str(recogniser_folder), str(folder), device="cpu").reconstruct(
        ClipRequest(clip_path)
    )
    assert "true mean and contrast" in describe.explain_reconstruction(view)
    assert describe.describe_reconstruction(view)["leaks"] == ["prediction", "true-patch-mean"]
    titles = [track.title for track in export.reconstruction_tracks(view)]
    assert "true patch mean, which is its leak alone" in describe.explain_reconstruction(view)
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


def test_what_is_exact_is_titled_so(explorer, clip_path):
    view = explorer.reconstruct(ClipRequest(clip_path))
    result = view.reconstruction
    exact = replace(result, baselines=(replace(result.baselines[0], psnr_db=math.inf),))
    titles = [t.title for t in export.reconstruction_tracks(replace(view, reconstruction=exact))]
    assert titles[2] == f"reconstruction {result.prediction.psnr_db:.1f}\u00a0dB"
    assert titles[3] == "visible mean exact"
