"""With what the page opens: Kinetics weights and real clips where they are here, else the best."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, free_port, serve
from hub import Hub
from playwright.sync_api import expect
from tiny import save_tiny

from videomae_demo.model.videomae import VideoMAEForPreTraining, VideoMAEForVideoClassification

pytestmark = pytest.mark.slow

RECOGNISER, RECONSTRUCTOR = "MCG-NJU/videomae-base-finetuned-kinetics", "MCG-NJU/videomae-base"
CLIPS = {
    "eating_spaghetti.mp4": "datasets/nielsr/video-demo",
    "archery.mp4": "datasets/nateraw/video-demo",
}
FILL = """
import sys
from videomae_demo.checkpoints.source import locate
from videomae_demo.pool import ExplorerPool
from videomae_demo.ui.examples import REAL_CLIPS
for name in sys.argv[1:]:
    locate(name)
for clip in REAL_CLIPS:
    assert clip.locate(local_files_only=False)
"""


@pytest.fixture(scope="module")
def whole_cache(tmp_path_factory, clip_path) -> Path:
    """A cache that the hub library filled: Kinetics weights of two sizes, and the real clips."""
    folder = tmp_path_factory.mktemp("published")
    labels = {number: f"label {number}" for number in range(400)}
    recogniser = save_tiny(VideoMAEForVideoClassification, folder / "recogniser", id2label=labels)
    reconstructor = save_tiny(VideoMAEForPreTraining, folder / "other", use_mean_pooling=False)
    cache = tmp_path_factory.mktemp("cache")
    with Hub(folder) as hub:
        for repo in (RECOGNISER, "MCG-NJU/videomae-small-finetuned-kinetics"):
            hub.publish(repo, recogniser)
        hub.publish(RECONSTRUCTOR, reconstructor)
        for name, repo in CLIPS.items():
            (folder / name).mkdir()
            shutil.copy(clip_path, folder / name / name)
            hub.publish(repo, folder / name)
        names = ["small-finetuned-kinetics", "base-finetuned-kinetics", "base"]
        subprocess.run(
            [sys.executable, "-c", FILL, *names],
            cwd=ROOT,
            env=os.environ
            | {"HF_ENDPOINT": hub.address, "HF_HOME": str(cache), "HF_HUB_OFFLINE": "0"},
            check=True,
        )
    return cache


@pytest.fixture
def open_with(open_page, tmp_path, whole_cache):
    """Open the page of a machine whose cache lacks some repositories; there is no network."""
    pages = []

    def open_with(*lacking: str, **variables: str):
        home = tmp_path / "home"
        shutil.copytree(whole_cache, home, symlinks=True)
        for repo in lacking:
            kind = "" if repo.startswith("datasets/") else "models/"
            shutil.rmtree(home / "hub" / f"{kind}{repo}".replace("/", "--"))
        page = serve(["app.py"], free_port(), tmp_path / "log", HF_HOME=str(home), **variables)
        pages.append(page)
        return open_page(next(page))

    yield open_with
    for page in pages:
        page.close()


def titles(visitor) -> list[str]:
    return visitor.page.locator("#examples button").all_text_contents()


def test_kinetics_weights_come_with_real_clips(open_with):
    visitor = open_with()
    expect(visitor.page.locator("#weights input")).to_have_value(
        "Base (1600 epochs), Kinetics-400 - on this machine"
    )
    assert titles(visitor) == ["eating spaghetti", "archery"]
    expect(visitor.page.locator("#seen")).to_contain_text("eating_spaghetti.mp4")
    expect(visitor.page.locator("#labels .panel-bars li")).to_have_count(5)
    visitor.pick(1)
    expect(visitor.page.locator("#seen")).to_contain_text("archery.mp4")
    visitor.wait_until_explored()
    visitor.go_to("Reconstruct")
    expect(visitor.page.locator("#banner")).not_to_be_visible()
    assert visitor.complaints == []


def test_a_recogniser_alone_is_enough_and_clips_that_lack_are_said(open_with):
    visitor = open_with(RECONSTRUCTOR, *CLIPS.values())
    expect(visitor.page.locator("#labels .panel-bars li")).to_have_count(5)
    expect(visitor.page.locator("#weights-here")).to_contain_text("fetched when a lens needs it")
    expect(visitor.page.locator("#examples-note")).to_contain_text("these are synthetic motions")
    assert "orbiting" in titles(visitor)
    visitor.go_to("Attend")
    visitor.open_tab("Reconstruct")
    missing = visitor.page.locator("#reconstruction")
    expect(missing).to_contain_text("Not computed for this clip. The hub's MCG-NJU/videomae-base")
    assert visitor.complaints == []


def test_weights_that_can_not_be_had_leave_the_page_with_the_best_there_is(open_with):
    visitor = open_with(VIDEOMAE_WEIGHTS="large-finetuned-kinetics")
    banner = visitor.page.locator("#banner")
    expect(banner).to_contain_text("The weights large-finetuned-kinetics can't be had now.")
    expect(banner).to_contain_text("keeps trying")
    expect(visitor.page.locator("#weights input")).to_have_value(
        "Base (1600 epochs), Kinetics-400 - on this machine"
    )
    assert titles(visitor) == ["eating spaghetti", "archery"]
    expect(visitor.page.locator("#seen")).to_contain_text("eating_spaghetti.mp4")
    assert visitor.complaints == []
