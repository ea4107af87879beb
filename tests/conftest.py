"""What several rooms test with: tiny checkpoints in folders, a hub that has them, a short clip."""

import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

if "PYTEST_XDIST_WORKER" in os.environ:  # it has one core
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import av
import numpy as np
import pytest
from hub import Hub, constants_for
from huggingface_hub import constants
from tiny import save_tiny

from videomae_demo.model.videomae import VideoMAEForPreTraining, VideoMAEForVideoClassification
from videomae_demo.video.encode import write_mp4


@pytest.fixture(scope="session")
def recogniser_folder(tmp_path_factory) -> Path:
    return save_tiny(VideoMAEForVideoClassification, tmp_path_factory.mktemp("recogniser"))


@pytest.fixture(scope="session")
def other_recogniser(tmp_path_factory) -> Path:
    """Another checkpoint of the same shape, whose weights are drawn from another seed."""
    folder = tmp_path_factory.mktemp("other")
    return save_tiny(VideoMAEForVideoClassification, folder, seed=1)


@pytest.fixture(scope="session")
def reconstructor_folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("reconstructor")
    return save_tiny(VideoMAEForPreTraining, folder, use_mean_pooling=False, norm_pix_loss=False)


@pytest.fixture(scope="session")
def clip_frames() -> np.ndarray:
    """48 frames of 64x96 px: a bright square goes from left to right over a ramp."""
    ramp = np.linspace(20, 120, 96, dtype=np.float64)
    frames = np.tile(ramp[None, None, :, None], (48, 64, 1, 3)).astype(np.uint8)
    for index, frame in enumerate(frames):
        frame[20:44, 8 + index : 32 + index] = (230, 180, 40)
    return frames


@pytest.fixture(scope="session")
def clip_path(tmp_path_factory, clip_frames) -> Path:
    return write_mp4(tmp_path_factory.mktemp("clips") / "square.mp4", clip_frames, 24)


@pytest.fixture(scope="session")
def squeezed_path(tmp_path_factory, clip_path) -> Path:
    """The clip with pixels that are twice as wide as high."""
    target = tmp_path_factory.mktemp("squeezed") / "squeezed.mp4"
    with av.open(str(clip_path)) as source, av.open(str(target), "w") as output:
        stream = output.add_stream("mpeg4", rate=24)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(2, 1)
        for frame in source.decode(video=0):
            output.mux(stream.encode(frame.reformat(format="yuv420p")))
        output.mux(stream.encode())
    return target


@pytest.fixture
def hub(tmp_path, monkeypatch) -> Iterator[Hub]:
    """A hub of the test's own, which this process takes for the real one, and an empty cache."""
    with Hub(tmp_path) as hub:
        for name, value in constants_for(hub.address, tmp_path / "cache").items():
            monkeypatch.setattr(constants, name, value)
        monkeypatch.setenv("HF_XET_CACHE", str(tmp_path / "xet-cache"))
        yield hub
