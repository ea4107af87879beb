"""On ZeroGPU, with a stand-in for `spaces`: forked workers, pickled arguments and results."""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny import save_tiny

from videomae_demo import ClipRequest, Explorer, MaskRequest, RolloutSettings
from videomae_demo.model.videomae import VideoMAEForVideoClassification

STAND_INS = Path(__file__).with_name("stand_ins")
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def other_folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("other")
    return save_tiny(VideoMAEForVideoClassification, folder, use_mean_pooling=False)


@pytest.fixture(scope="module")
def explored(tmp_path_factory, clip_path, recogniser_folder, other_folder, reconstructor_folder):
    """Return the views of both checkpoints, and notes of the calls to the GPU."""
    folder = tmp_path_factory.mktemp("zero")
    result, notes = folder / "views", folder / "notes"
    pairs = [recogniser_folder, reconstructor_folder, other_folder, reconstructor_folder]
    subprocess.run(
        [sys.executable, str(STAND_INS / "explore_on_zero_gpu.py"), clip_path, result, *pairs],
        env=os.environ
        | {
            "SPACES_ZERO_GPU": "true",
            "STAND_IN_NOTES": str(notes),
            "PYTHONPATH": f"{ROOT}{os.pathsep}{STAND_INS}",
            "OMP_NUM_THREADS": "1",  # its threads do not survive a fork
        },
        check=True,
        timeout=300,
    )
    lines = notes.read_text().splitlines()
    return pickle.loads(result.read_bytes()), [json.loads(line) for line in lines]


@pytest.mark.parametrize("which", [0, 1])
def test_a_worker_answers_as_a_machine_of_ones_own(
    explored, which, clip_path, recogniser_folder, other_folder, reconstructor_folder
):
    """Also for weights that came after its worker was forked."""
    folder = (recogniser_folder, other_folder)[which]
    explorer = Explorer(str(folder), str(reconstructor_folder), device="cpu")
    request = ClipRequest(clip_path)
    labels, rollout, discarded, queried, rebuilt = explored[0][which * 5 : which * 5 + 5]
    np.testing.assert_allclose(
        labels.classification.probabilities,
        explorer.classify(request).classification.probabilities,
        rtol=1e-4,
    )
    for view, settings in (
        (rollout, RolloutSettings()),
        (discarded, RolloutSettings("max", discard=0.5)),
        (queried, RolloutSettings("max", query=(1, 2, 3))),
    ):
        expected = explorer.attend(request, settings).rollout.scores
        np.testing.assert_allclose(view.rollout.scores, expected, rtol=1e-3)
    expected = explorer.reconstruct(request, MaskRequest("random", 0.5, 3)).reconstruction
    assert rebuilt.reconstruction.loss == pytest.approx(expected.loss, rel=1e-4)


def test_what_one_pass_found_is_kept_by_the_process_that_stays(explored):
    assert [note["task"] for note in explored[1]] == ["recognise", "fuse", "predict"] * 2


def test_calls_are_short_and_weights_never_travel(explored, recogniser_folder):
    weights = (recogniser_folder / "model.safetensors").stat().st_size
    for note in explored[1]:
        assert 10 <= note["duration_s"] <= 15
        if note["task"] != "fuse":  # whose argument is what `recognise` handed back
            pixels = 4 * 3 * 32 * 32 * 4
            assert note["asked_bytes"] < pixels + 4096 < pixels + weights
