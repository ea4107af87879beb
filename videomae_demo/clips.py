"""The frames that models get of a clip: read once, and made ready for each checkpoint.

Owns what is remembered of files and how frames are shown to people. Which frames are taken, and for
which checkpoint, is for the caller to say. Runs no model.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from videomae_demo.cache import ByteCache
from videomae_demo.limits import Limits
from videomae_demo.model.processor import CropBox, VideoMAEImageProcessor
from videomae_demo.roles import Recogniser, Reconstructor
from videomae_demo.video.clip import SampledClip, sample_clip
from videomae_demo.video.reader import scan
from videomae_demo.video.sampling import SamplingRule
from videomae_demo.video.timeline import Timeline
from videomae_demo.views import ClipRequest, SeenClip

EXAMPLES_FOLDER = Path(__file__).resolve().parents[1] / "assets" / "clips"
TIMELINES_BYTES = 2**26
"""Memory for the times of files: those of an hour at 30 frames per second take a few megabytes."""
DISPLAY_PX = (256, 448)
"""The shorter side of frames for display: the crop's own, but within these bounds."""


@dataclass(frozen=True, slots=True, eq=False)
class PreparedClip:
    """A clip made ready for one checkpoint.

    Attributes
    ----------
    key : Hashable
        Names the file that was read, the frames that were taken of it, and the checkpoint.
    pixel_values : Tensor
        (1, T, C, H, W) float32, normalised.
    clip : SeenClip
    """

    key: Hashable
    pixel_values: Tensor
    clip: SeenClip

    @property
    def nbytes(self) -> int:
        """Memory taken, in bytes."""
        return self.pixel_values.nbytes + self.clip.frames.nbytes


class Clips:
    """Reads clips and keeps what may be asked for again; safe to share between threads.

    Parameters
    ----------
    cache : ByteCache
        Where frames are kept, beside whatever else is in it.
    limits : Limits
        What reading a clip may cost.
    """

    def __init__(self, cache: ByteCache[Any], limits: Limits) -> None:
        self._cache = cache
        self._limits = limits
        self._timelines: ByteCache[Timeline] = ByteCache(TIMELINES_BYTES, lambda t: t.nbytes)

    def prepare(
        self,
        request: ClipRequest,
        rule: SamplingRule,
        role: Recogniser | Reconstructor,
        remarks: tuple[str, ...],
    ) -> PreparedClip:
        """Make a clip ready for a checkpoint.

        Parameters
        ----------
        request : ClipRequest
        rule : SamplingRule
            Which frames to take; the request's own is not looked at.
        role : Recogniser or Reconstructor
        remarks : tuple of str
            Sentences about this choice of frames; see `SeenClip`.

        Raises
        ------
        VideoError, RequestError
            When the clip can't be read, or the request does not fit it.
        """
        count = role.card.frame_count
        file = _identity(request.path), request.stored_pixels
        frames = ("frames", file, rule, request.start_s, count)
        key = ("input", frames, role.card)

        def read() -> SampledClip:
            timeline = self._timelines.get_or_make(file, lambda: self._scan(request))
            sampled = sample_clip(timeline, count, rule, request.start_s, limits=self._limits)
            self._timelines.put(file, sampled.timeline)  # seeking may have proved it wrong
            return sampled

        def make() -> PreparedClip:
            sampled: SampledClip = self._cache.get_or_make(frames, read)
            pixel_values = role.processor(sampled.frames, return_tensors="pt").pixel_values
            seen = _seen(request.path, sampled, role.processor, remarks)
            return PreparedClip(key, pixel_values, seen)

        prepared: PreparedClip = self._cache.get_or_make(key, make)
        return prepared

    def _scan(self, request: ClipRequest) -> Timeline:
        return scan(request.path, limits=self._limits, stored_pixels=request.stored_pixels)


def is_example(path: Path | str) -> bool:
    """Tell whether a clip is one of those that come with the project, or a copy of one."""
    path = Path(path)
    try:
        size = path.stat().st_size
        alike = [one for one in EXAMPLES_FOLDER.iterdir() if one.stat().st_size == size]
        return any(one.read_bytes() == path.read_bytes() for one in alike)
    except OSError:
        return False


def _identity(path: Path | str) -> Hashable:
    """Tell one version of a file from another; a file that is not there has none."""
    try:
        state = Path(path).stat()
    except OSError:
        return str(path), None, None
    return str(Path(path).resolve()), state.st_mtime_ns, state.st_size


def _seen(
    path: Path | str,
    sampled: SampledClip,
    processor: VideoMAEImageProcessor,
    remarks: tuple[str, ...],
) -> SeenClip:
    _, height, width, _ = sampled.frames.shape
    crop = processor.crop_box(height, width)
    return SeenClip(
        path=Path(path),
        frames=_cropped(sampled.frames, crop),
        indices=sampled.indices,
        timestamps_s=sampled.timestamps_s,
        repeated=sampled.repeated,
        crop=crop,
        source_size=(height, width),
        duration_s=sampled.timeline.duration_s,
        notes=sampled.notes,
        remarks=remarks,
    )


def _cropped(frames: NDArray[np.uint8], crop: CropBox) -> NDArray[np.uint8]:
    """Cut the crop out of (T, H, W, 3) frames, at a size for display; black beyond the edge."""
    smallest, largest = DISPLAY_PX
    side = min(crop.height, crop.width)
    scale = min(max(side, smallest), largest) / side
    size = (round(crop.width * scale), round(crop.height * scale))
    left, top = round(crop.left), round(crop.top)
    right, bottom = round(crop.left + crop.width), round(crop.top + crop.height)
    around = max(0, -left, -top, right - frames.shape[2], bottom - frames.shape[1])
    padded = np.pad(frames, ((0, 0), (around, around), (around, around), (0, 0)))
    cut = padded[:, top + around : bottom + around, left + around : right + around]
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.stack([cv2.resize(frame, size, interpolation=method) for frame in cut])
