"""What a person asks of the Explorer, and what comes back: typed requests and frozen views.

Every view is numpy and plain values, small enough to pickle. Computes nothing, and so needs none of
the heavy libraries: a page can be built before they are loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from videomae_demo.errors import RequestError, shown
from videomae_demo.given import number, whole
from videomae_demo.video.sampling import SamplingRule

if TYPE_CHECKING:
    from videomae_demo.analysis.classification import Classification
    from videomae_demo.analysis.reconstruction import Reconstruction
    from videomae_demo.analysis.rollout import Rollout
    from videomae_demo.model.processor import CropBox
    from videomae_demo.roles import CheckpointCard


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

    Raises
    ------
    RequestError
        When a value is of another type, or the start is no finite number.
    """

    path: Path | str
    start_s: float | None = None
    sampling: SamplingRule | None = None
    stored_pixels: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.path, Path | str):
            raise RequestError(f"The clip is {shown(self.path)}; give the path of a file.")
        if self.start_s is not None:
            object.__setattr__(self, "start_s", number(self.start_s, "start in seconds"))
        if not isinstance(self.sampling, SamplingRule | None):
            raise RequestError(
                f"The sampling is {shown(self.sampling)}; give a SamplingRule, or None."
            )
        if not isinstance(self.stored_pixels, bool):
            raise RequestError(f"stored_pixels is {shown(self.stored_pixels)}; give True or False.")


@dataclass(frozen=True, slots=True)
class MaskRequest:
    """Which tokens to hide.

    Attributes
    ----------
    kind : str
        One of `masking.MASK_KINDS`, or "painted".
    ratio : float, optional
        Share to hide, in 0..1; default: `default_ratio` of the reconstructor's grid. A painted mask
        has the share that it has.
    seed : int
    painted : bytes, optional
        For the kind "painted": one bit per token, in order, 1 = hidden, as `numpy.packbits` of the
        mask gives it.

    Raises
    ------
    RequestError
        When a value is of another type, the ratio is no finite number, the seed no whole number
        from 0, or a mask is painted for another kind, or missing for this one.
    """

    kind: str = "tube"
    ratio: float | None = None
    seed: int = 0
    painted: bytes | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.kind, str):
            raise RequestError(f"The mask kind is {shown(self.kind)}; give its name.")
        if self.ratio is not None:
            object.__setattr__(self, "ratio", number(self.ratio, "mask ratio"))
        object.__setattr__(self, "seed", whole(self.seed, "mask seed"))
        if not isinstance(self.painted, bytes | None):
            raise RequestError(
                f"The painted mask is {shown(self.painted)}; give bytes, one bit per token."
            )
        if (self.painted is None) == (self.kind == "painted"):
            raise RequestError(
                "The mask kind is 'painted', and no mask was painted; give one."
                if self.painted is None
                else f"A mask was painted, and its kind is {self.kind!r}; give 'painted'."
            )


DEFAULT_MASK = MaskRequest()


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
        (T,) float64: their times.
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
        Sentences on why the checkpoint got these frames, where that needs one.
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
class LabelsView:
    """What the recogniser calls the clip.

    `is_foreign` is True where the recogniser knows synthetic motions alone, and the clip is none of
    the examples that it was made for.
    """

    checkpoint: CheckpointCard
    clip: SeenClip
    classification: Classification
    is_foreign: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class RolloutView:
    """Where and when the recogniser looked; `start` says in words where the rollout starts."""

    checkpoint: CheckpointCard
    clip: SeenClip
    rollout: Rollout
    start: str


@dataclass(frozen=True, slots=True, eq=False)
class ReconstructionView:
    """What the reconstructor imagines behind the mask; `mask.ratio` is the share asked for."""

    checkpoint: CheckpointCard
    clip: SeenClip
    mask: MaskRequest
    reconstruction: Reconstruction

    @property
    def hidden_share(self) -> float:
        """The share of the tokens that is hidden: whole patches may not make what was asked for."""
        return float(self.reconstruction.mask.mean())
