"""Which frames of a clip are asked for, and what a model saw of it. Frames are read only once.

Owns what is remembered of files and how frames are shown to people. The caller says which frames
are taken, and for which checkpoint. Runs no model.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from videomae_demo.engine.cache import ByteCache
from videomae_demo.errors import RequestError, shown
from videomae_demo.given import number
from videomae_demo.limits import Limits
from videomae_demo.shipped import EXAMPLES_FOLDER
from videomae_demo.video.changes import ClipChange
from videomae_demo.video.clip import SampledClip, sample_clip
from videomae_demo.video.reader import read_chosen, scan
from videomae_demo.video.sampling import SamplingRule
from videomae_demo.video.timeline import Timeline

if TYPE_CHECKING:  # torch takes seconds to import: code that only asks does not need it
    from torch import Tensor

    from videomae_demo.engine.roles import Recogniser, Reconstructor
    from videomae_demo.model.processor import CropBox, VideoMAEImageProcessor

TIMELINES_BYTES = 2**26
"""Memory for the times of files: those of an hour at 30 frames per second take a few megabytes."""
OVERVIEW_FRAMES, OVERVIEW_PX = 24, 96
DISPLAY_PX = (256, 448)
"""The shorter side of frames for display: the crop's own, but within these bounds."""


@dataclass(frozen=True, slots=True)
class ClipRequest:
    """Which clip, and which part of it.

    Attributes
    ----------
    path : Path or str
    start_s : float, optional
        Where the sampled window starts; default: it lies in the middle of the clip.
    sampling : SamplingRule, optional
        Default: the recogniser's; see `roles.usual_sampling`.
    stored_pixels : bool
        Take the frames' pixels as they are stored, though the file says that they are not square.
    change : ClipChange, optional
        What is done to the frames before a model gets them.

    Raises
    ------
    RequestError
        When a value is of another type, or the start is no finite number.
    """

    path: Path | str
    start_s: float | None = None
    sampling: SamplingRule | None = None
    stored_pixels: bool = False
    change: ClipChange | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.path, Path | str):
            raise RequestError(f"The clip is {shown(self.path)}; give the path of a file.")
        if "\0" in str(self.path):
            raise RequestError(f"The clip is {shown(str(self.path))}; no path has a NUL in it.")
        if self.start_s is not None:
            object.__setattr__(self, "start_s", number(self.start_s, "start in seconds"))
        if not isinstance(self.sampling, SamplingRule | None):
            raise RequestError(
                f"The sampling is {shown(self.sampling)}; give a SamplingRule, or None."
            )
        if not isinstance(self.stored_pixels, bool):
            raise RequestError(f"stored_pixels is {shown(self.stored_pixels)}; give True or False.")
        if not isinstance(self.change, ClipChange | None):
            raise RequestError(f"The change is {shown(self.change)}; give a ClipChange, or None.")


@dataclass(frozen=True, slots=True, eq=False)
class SeenClip:
    """What a model saw of a clip.

    Attributes
    ----------
    path : Path
    frames : ndarray
        (T, H, W, 3) uint8: the model's crop, at a size for display.
    indices : ndarray
        (T,) int64: the frames' numbers in the file.
    timestamps_s : ndarray
        (T,) float64: their times. A change of the clip moves frames to other times: these are the
        times, and `indices` tells which frame the model got there.
    repeated : int
        How many of them repeat the last frame, because the clip is short.
    crop : CropBox
        The part of the source frame that the model saw, in source pixels.
    source_size : (int, int)
        Height and width of the source frame in pixels.
    duration_s : float
        Of the whole clip.
    notes : tuple of str
        Sentences that a person must see: of the file, and of frames that repeat.
    remarks : tuple of str
        Sentences on why the checkpoint got these frames, if that needs explaining.
    """

    path: Path
    frames: NDArray[np.uint8]
    indices: NDArray[np.int64]
    timestamps_s: NDArray[np.float64]
    repeated: int
    crop: CropBox
    source_size: tuple[int, int]
    duration_s: float
    notes: tuple[str, ...]
    remarks: tuple[str, ...] = ()


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

    def as_given(self, processor: VideoMAEImageProcessor) -> NDArray[np.uint8]:
        """Return the frames as the model gets them, as pictures: (T, H, W, 3) uint8, RGB."""
        values = self.pixel_values[0].numpy().transpose(0, 2, 3, 1)
        if processor.do_normalize:
            values = values * processor.image_std + processor.image_mean
        if processor.do_rescale:
            values = values / processor.rescale_factor
        pictures: NDArray[np.uint8] = np.rint(values).clip(0, 255).astype(np.uint8)
        return pictures


@dataclass(frozen=True, slots=True, eq=False)
class Overview:
    """A whole clip, small: frames spread over all of it.

    Attributes
    ----------
    frames : (n, H, W, 3) uint8, RGB
    timestamps_s : (n,) float64
        Seconds from the beginning of the clip.
    """

    frames: NDArray[np.uint8]
    timestamps_s: NDArray[np.float64]

    @property
    def nbytes(self) -> int:
        """Memory taken, in bytes."""
        return self.frames.nbytes + self.timestamps_s.nbytes


class Clips:
    """Reads clips and keeps what may be asked for again; safe to share between threads.

    Frames are the same for all checkpoints that take the same number of them by the same rule, so
    one `Clips` may serve several engines.

    Parameters
    ----------
    limits : Limits
        What reading a clip may cost.
    cache : ByteCache
        Where frames are kept, beside whatever else is in it; made with `size_of`.
    for_display : bool
        Whether frames are also made for people; without, `SeenClip.frames` are empty, (T, 0, 0, 3).
    """

    def __init__(self, limits: Limits, cache: ByteCache[Any], *, for_display: bool = True) -> None:
        self._limits = limits
        self._cache = cache
        self._for_display = for_display
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
            Which frames to take; the request's own rule is ignored.
        role : Recogniser or Reconstructor
        remarks : tuple of str
            Sentences about this choice of frames; see `SeenClip`.

        Raises
        ------
        VideoError, RequestError
            When the clip can't be read, or the request does not fit it.
        """
        count = role.card.frame_count
        file = _file_of(request)
        frames = ("frames", file, rule, request.start_s, count)
        key = ("input", frames, role.card, request.change)

        def read() -> SampledClip:
            timeline = self.timeline(request)
            sampled = sample_clip(timeline, count, rule, request.start_s, limits=self._limits)
            self._timelines.put(file, sampled.timeline)  # seeking may have proved it wrong
            return sampled

        def make() -> PreparedClip:
            sampled: SampledClip = self._cache.get_or_make(frames, read)
            change, shown = request.change, self._for_display
            if change is None:
                seen = _seen(request.path, sampled, role.processor, remarks, shown)
                return PreparedClip(key, pixel_values_of(role.processor, sampled.frames), seen)
            given = change.apply(sampled.frames, role.card.tubelet_size)
            seen = _seen_changed(request, sampled, given, role, remarks, shown)
            if change.is_of_time:  # frames are processed one by one, so these are known
                whole = self.prepare(replace(request, change=None), rule, role, remarks)
                order = change.order(count, role.card.tubelet_size)
                return PreparedClip(key, whole.pixel_values[:, order], seen)
            return PreparedClip(key, pixel_values_of(role.processor, given), seen)

        own = (key, role.processor)  # each engine has its own: a folder may hold other files by now
        prepared: PreparedClip = self._cache.get_or_make(own, make)
        return prepared

    def overview(self, request: ClipRequest) -> Overview:
        """Read frames that are spread over the whole clip. Errors as in `prepare`."""

        def choose(timeline: Timeline) -> NDArray[np.int64]:
            count = min(OVERVIEW_FRAMES, timeline.count)
            return np.linspace(0, timeline.count - 1, count).round().astype(np.int64)

        def make() -> Overview:
            timeline, frames = read_chosen(
                self.timeline(request),
                choose,
                longest_side_px=OVERVIEW_PX,
                limits=self._limits,
            )
            return Overview(frames, timeline.timestamps_s[choose(timeline)])

        key = ("overview", _file_of(request))
        overview: Overview = self._cache.get_or_make(key, make)
        return overview

    def timeline(self, request: ClipRequest) -> Timeline:
        """Return the time line of a file: how many frames, and when. Errors as in `prepare`."""

        def find() -> Timeline:
            return scan(request.path, limits=self._limits, stored_pixels=request.stored_pixels)

        return self._timelines.get_or_make(_file_of(request), find)


def pixel_values_of(processor: VideoMAEImageProcessor, frames: NDArray[np.uint8]) -> Tensor:
    """Return what a model gets of (T, H, W, 3) frames, (1, T, 3, height, width) float32.

    The order of the axes is told, not guessed: a frame may be three pixels high.
    """
    values: Tensor = processor(
        frames, return_tensors="pt", input_data_format="channels_last"
    ).pixel_values
    return values


def size_of(value: Any) -> int:
    """Return the memory that something kept takes, in bytes."""
    held = value.frames if isinstance(value, SampledClip) else value
    nbytes: int = held.nbytes
    return nbytes


def is_example(path: Path | str) -> bool:
    """Tell whether a clip is one of those that come with the project, or a copy of one."""
    path = Path(path)
    try:
        size = path.stat().st_size
        alike = [one for one in EXAMPLES_FOLDER.iterdir() if one.stat().st_size == size]
        return any(one.read_bytes() == path.read_bytes() for one in alike)
    except OSError:
        return False


def _file_of(request: ClipRequest) -> Hashable:
    return _identity(request.path), request.stored_pixels


def _identity(path: Path | str) -> Hashable:
    """Return a key for one version of a file; a missing file has no version."""
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
    shown: bool,
) -> SeenClip:
    count, height, width, _ = sampled.frames.shape
    crop = processor.crop_box(height, width)
    return SeenClip(
        path=Path(path),
        frames=_cropped(sampled.frames, crop) if shown else np.zeros((count, 0, 0, 3), np.uint8),
        indices=sampled.indices,
        timestamps_s=sampled.timestamps_s,
        repeated=sampled.repeated,
        crop=crop,
        source_size=(height, width),
        duration_s=sampled.timeline.duration_s,
        notes=sampled.notes,
        remarks=remarks,
    )


def _seen_changed(
    request: ClipRequest,
    sampled: SampledClip,
    given: NDArray[np.uint8],
    role: Recogniser | Reconstructor,
    remarks: tuple[str, ...],
    shown: bool,
) -> SeenClip:
    """Say what is seen of a changed clip; the file's times, size and notes stay."""
    change = request.change
    assert change is not None
    _, height, width, _ = sampled.frames.shape
    left, top, _, _ = change.area(height, width)
    changed = replace(sampled, frames=given)
    seen = _seen(request.path, changed, role.processor, (*remarks, _said(change)), shown)
    crop = replace(seen.crop, left=seen.crop.left + left, top=seen.crop.top + top)
    order = change.order(len(sampled.indices), role.card.tubelet_size)
    return replace(seen, indices=sampled.indices[order], crop=crop, source_size=(height, width))


def _said(change: ClipChange) -> str:
    return f"The model does not get the clip as it is, but changed: {change.title}."


def _cropped(frames: NDArray[np.uint8], crop: CropBox) -> NDArray[np.uint8]:
    """Cut the crop out of (T, H, W, 3) frames, at a size for display; black beyond the edge."""
    smallest, largest = DISPLAY_PX
    side = min(crop.height, crop.width)
    scale = min(max(side, smallest), largest) / side
    size = (round(crop.width * scale), round(crop.height * scale))
    left, top = round(crop.left), round(crop.top)
    right = max(left + 1, round(crop.left + crop.width))
    bottom = max(top + 1, round(crop.top + crop.height))
    around = max(0, -left, -top, right - frames.shape[2], bottom - frames.shape[1])
    padded = np.pad(frames, ((0, 0), (around, around), (around, around), (0, 0)))
    cut = padded[:, top + around : bottom + around, left + around : right + around]
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.stack([cv2.resize(frame, size, interpolation=method) for frame in cut])
