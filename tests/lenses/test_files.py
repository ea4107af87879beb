import math
from dataclasses import replace

import numpy as np
import pytest

from videomae_demo.engine.clips import ClipRequest
from videomae_demo.explorer import Explorer
from videomae_demo.lenses.answer import frame_rate


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
    assert "true mean and contrast" in view.explanation()
    assert view.to_json()["leaks"] == ["prediction", "true-patch-mean"]
    titles = [track.title for track in view.tracks()]
    assert "true patch mean, which is its leak alone" in view.explanation()
    assert titles[2].endswith("(leak)") and titles[3] == "raw prediction (normalised)"
    assert sum("leak" in title for title in titles) == 2
    view.save(tmp_path / "out")
    with np.load(tmp_path / "out" / "reconstruction.npz") as arrays:
        assert arrays["normalised"].shape == arrays["prediction"].shape
        assert np.isnan(arrays["token_error"]).sum() == (~arrays["mask"]).sum()


def test_movies_play_in_real_time(explorer, clip_path):
    clip = explorer.classify(ClipRequest(clip_path)).clip
    assert frame_rate(clip) == pytest.approx(7.5, rel=0.1)
    late = explorer.classify(ClipRequest(clip_path, start_s=1.95)).clip
    assert late.repeated and math.isfinite(frame_rate(late))


def test_the_original_is_left_alone(explorer, clip_path, tmp_path):
    before = clip_path.read_bytes(), clip_path.stat().st_mtime_ns
    explorer.attend(ClipRequest(clip_path)).save(tmp_path)
    assert (clip_path.read_bytes(), clip_path.stat().st_mtime_ns) == before


def test_what_is_exact_is_titled_so(explorer, clip_path):
    view = explorer.reconstruct(ClipRequest(clip_path))
    result = view.reconstruction
    exact = replace(result, baselines=(replace(result.baselines[0], psnr_db=math.inf),))
    titles = [t.title for t in replace(view, reconstruction=exact).tracks()]
    assert titles[2] == f"reconstruction {result.prediction.psnr_db:.1f}\u00a0dB"
    assert titles[3] == "visible mean exact"
