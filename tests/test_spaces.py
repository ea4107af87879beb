"""What a Space needs: its front matter, its requirements, and ZeroGPU with a stand-in.

The stand-in for `spaces` forks workers, and pickles arguments and results, as ZeroGPU does.
"""

import json
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import gradio
import numpy as np
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from tiny import save_tiny

from videomae_demo import ClipRequest, Explorer, MaskRequest, RolloutSettings
from videomae_demo.checkpoints.catalog import find_entry
from videomae_demo.model.videomae import VideoMAEForVideoClassification
from videomae_demo.ui.examples import REAL_CLIPS

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
    assert [note["task"] for note in explored[1]] == ["run", "fuse", "predict_each"] * 2


def test_calls_are_short_and_weights_never_travel(explored, recogniser_folder):
    weights = (recogniser_folder / "model.safetensors").stat().st_size
    for note in explored[1]:
        assert 10 <= note["duration_s"] <= 15
        if note["task"] != "fuse":  # whose argument is what `run` handed back
            pixels = 4 * 3 * 32 * 32 * 4
            assert note["asked_bytes"] < pixels + 4096 < pixels + weights


def ask_every_lens(folder, device, *asked) -> dict:
    """Ask in another process, whose passes run in forked workers; return the answers by name."""
    subprocess.run(
        [sys.executable, STAND_INS / "every_lens_on_zero_gpu.py", *asked, device],
        env=os.environ
        | {
            "SPACES_ZERO_GPU": "true",
            "STAND_IN_NOTES": str(folder / "notes"),
            "PYTHONPATH": f"{ROOT}{os.pathsep}{STAND_INS}",
            "OMP_NUM_THREADS": "1",
        },
        check=True,
        timeout=300,
    )
    return pickle.loads(Path(asked[1]).read_bytes())


def test_the_process_that_forks_never_touches_cuda(
    tmp_path, clip_path, recogniser_folder, reconstructor_folder, other_folder
):
    """Else CUDA could not begin in a worker: every lens is asked, on the device "auto"."""
    asked = (clip_path, tmp_path / "answers", recogniser_folder, reconstructor_folder, other_folder)
    answers = ask_every_lens(tmp_path, "auto", *asked)
    assert answers["device"] == "cuda"
    here = Explorer(str(recogniser_folder), str(reconstructor_folder), device="cpu")
    request = ClipRequest(clip_path)
    expected = here.classify(request).classification.logits
    np.testing.assert_allclose(answers["labels"], expected, rtol=1e-4)
    np.testing.assert_allclose(answers["live"], expected, rtol=1e-4)
    scores = here.explain(request).relevance.scores
    np.testing.assert_allclose(answers["relevance"], scores, rtol=1e-3, atol=1e-5)


# ---- front matter and requirements ---------------------------------------------------------------

COLOURS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}


@pytest.fixture(scope="module")
def front_matter() -> dict:
    return yaml.safe_load((ROOT / "README.md").read_text(encoding="utf-8").split("---\n")[1])


@pytest.fixture(scope="module")
def requirements() -> list[Requirement]:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def test_the_front_matter_says_all_that_a_space_asks_for(front_matter):
    assert front_matter["sdk"] == "gradio"
    assert front_matter["title"] and len(front_matter["emoji"].rstrip("\ufe0f")) == 1
    assert {front_matter["colorFrom"], front_matter["colorTo"]} <= COLOURS
    assert (ROOT / front_matter["app_file"]).is_file()
    assert 0 < len(front_matter["short_description"]) <= 60
    assert front_matter["license"] == "apache-2.0"
    assert all(isinstance(tag, str) for tag in front_matter["tags"])


KEYS = """title emoji colorFrom colorTo sdk sdk_version python_version app_file app_build_command
app_port base_path fullWidth header short_description models datasets tags thumbnail pinned license
hf_oauth disable_embedding startup_duration_timeout custom_headers suggested_hardware
preload_from_hub"""
# What a Space understands, as of August 2026.
HARDWARE = """cpu-basic cpu-upgrade t4-small t4-medium l4x1 l4x4 a10g-small a10g-large a10g-largex2
a10g-largex4 a100-large"""


def test_a_space_understands_each_key(front_matter):
    assert front_matter.keys() <= set(KEYS.split())
    assert front_matter["suggested_hardware"] in HARDWARE.split()
    assert re.fullmatch(r"\d+[mh]", front_matter["startup_duration_timeout"])


def test_a_space_has_what_it_opens_with_before_it_starts(front_matter):
    names = ("base-finetuned-kinetics", "base")
    repos = [find_entry(name).repo for name in names]
    assert front_matter["models"] == repos
    assert find_entry(names[0]).partner == names[1]
    files = "config.json,preprocessor_config.json,model.safetensors"
    assert front_matter["preload_from_hub"] == [f"{repo} {files}" for repo in repos]
    assert front_matter["datasets"] == [clip.repo for clip in REAL_CLIPS]


def test_the_image_for_docker_has_all_that_the_page_needs():
    copied = re.findall(r"^COPY (\S+) ", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    assert copied == ["requirements.txt", "app.py", "videomae_demo", "assets"]
    assert all((ROOT / name).exists() for name in copied)


def test_a_space_runs_the_gradio_that_was_tested(front_matter, requirements):
    (required,) = [one for one in requirements if one.name == "gradio"]
    assert front_matter["sdk_version"] == gradio.__version__
    assert front_matter["sdk_version"] in required.specifier


def test_zero_gpu_gets_a_torch_that_it_has(front_matter, requirements):
    """It runs Python 3.12 with torch up to 2.11."""
    assert front_matter["python_version"] == "3.12"
    allowed = SpecifierSet()
    for one in requirements:
        if one.name == "torch" and one.marker.evaluate({"python_version": "3.12"}):
            allowed &= one.specifier
    assert "2.11.0" in allowed and "2.12.0" not in allowed


def test_no_file_needs_large_file_storage():
    sizes = [path.stat().st_size for path in (ROOT / "assets").rglob("*") if path.is_file()]
    assert sizes and max(sizes) < 10 * 2**20
