"""The Explorer: one clip in, three views out. Typed requests in, frozen results out.

Owns the recogniser and the reconstructor, and the caches. One pass of the recogniser feeds the
labels and every rollout; a rollout control never runs the model again. Knows nothing of pages or
command lines.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Hashable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from videomae_demo.analysis.classification import classify
from videomae_demo.analysis.reconstruction import reconstruct
from videomae_demo.analysis.rollout import FusedAttention, rollout, start_from_head
from videomae_demo.analysis.settings import DEFAULT_ROLLOUT, HeadFusion, RolloutSettings
from videomae_demo.cache import ByteCache
from videomae_demo.checkpoints.catalog import BUNDLED_RECOGNISER
from videomae_demo.device import choose_device, one_at_a_time
from videomae_demo.errors import CheckpointError, RequestError
from videomae_demo.limits import DEFAULT_LIMITS, Limits
from videomae_demo.masking import make_mask, painted
from videomae_demo.model.config import TokenGrid
from videomae_demo.model.processor import CropBox, VideoMAEImageProcessor
from videomae_demo.passes import Recognition, fuse, predict, recognise
from videomae_demo.roles import (
    Recogniser,
    Reconstructor,
    find_reconstructor,
    load_recogniser,
    load_reconstructor,
)
from videomae_demo.video.clip import SampledClip, sample_clip
from videomae_demo.video.reader import scan
from videomae_demo.video.timeline import Timeline
from videomae_demo.views import (
    DEFAULT_MASK,
    ClipRequest,
    LabelsView,
    MaskRequest,
    ReconstructionView,
    RolloutView,
    SeenClip,
)

TIMELINES_BYTES = 2**26
"""Memory for the times of files: those of an hour at 30 frames per second take a few megabytes."""
DISPLAY_PX = (256, 448)
"""The shorter side of frames for display: the crop's own, but within these bounds."""
COARSE_GRID_PATCHES = 144
"""With fewer patches a slice, a mask of 90 % leaves too few to say anything; 75 % is then used."""


@dataclass(frozen=True, slots=True, eq=False)
class _Input:
    """A clip made ready for one checkpoint: (1, T, C, H, W), and what there is to show of it."""

    identity: Hashable  # of the file that was read
    pixel_values: Tensor
    clip: SeenClip

    @property
    def nbytes(self) -> int:
        return self.pixel_values.nbytes + self.clip.frames.nbytes


class Explorer:
    """Runs VideoMAE on clips; safe to share between threads.

    Weights are loaded when they are first needed. One model runs at a time on a device, whichever
    Explorer it belongs to. Inside `cancellation.cancellable`, work that is not wanted any more ends
    at the next layer.

    Parameters
    ----------
    weights : str
        The recogniser: a folder, a repo id of the hub, a name of the catalog, or a file of weights.
    reconstructor : str, optional
        Default: the one that belongs to `weights`; see `roles.find_reconstructor`.
    heads : int, optional
        Attention heads of the recogniser, for weights that do not tell them.
    reconstructor_heads : int, optional
        The same of the encoder of the reconstructor that is named; default: `heads` if it is the
        same checkpoint.
    device : str, optional
        "cuda", "mps" or "cpu"; default: the fastest there is.
    cache_bytes : int, optional
        How much may be kept for the next question about the same clip; default: as `limits` say.
    limits : Limits
        What reading a clip may cost.
    """

    def __init__(
        self,
        weights: str = BUNDLED_RECOGNISER,
        reconstructor: str | None = None,
        *,
        heads: int | None = None,
        reconstructor_heads: int | None = None,
        device: str | None = None,
        cache_bytes: int | None = None,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        if reconstructor_heads is not None and reconstructor is None:
            raise RequestError(
                f"The reconstructor's heads are said to be {reconstructor_heads}, and no "
                "reconstructor is named; name it too."
            )
        self.weights = weights
        self.device = choose_device(device)
        self._limits = limits
        self._reconstructor_name = reconstructor
        self._heads = heads
        self._reconstructor_heads = reconstructor_heads
        self._recogniser: Recogniser | None = None
        self._reconstructor: Reconstructor | None = None
        self._lock = threading.RLock()
        self._timelines: ByteCache[Timeline] = ByteCache(TIMELINES_BYTES, lambda t: t.nbytes)
        self._cache: ByteCache[_Input | Recognition | NDArray[np.float16]] = ByteCache(
            limits.cache_mb * 2**20 if cache_bytes is None else cache_bytes,
            lambda value: value.nbytes,
        )

    @property
    def recogniser(self) -> Recogniser:
        """The checkpoint for labels and attention, loaded on first use."""
        with self._lock:
            if self._recogniser is None:
                self._recogniser = load_recogniser(self.weights, self.device, self._heads)
            return self._recogniser

    @property
    def reconstructor(self) -> Reconstructor:
        """The checkpoint for what is behind a mask, loaded on first use."""
        with self._lock:
            if self._reconstructor is None:
                name, heads = self._reconstructor_name, self._reconstructor_heads
                if heads is None and name in (None, self.weights):
                    heads = self._heads
                self._reconstructor = (
                    find_reconstructor(self.weights, self.device, heads)
                    if name is None
                    else load_reconstructor(name, self.device, heads)
                )
            return self._reconstructor

    def see(self, request: ClipRequest) -> SeenClip:
        """Read the frames that the recogniser gets, without running it. Errors as in `classify`."""
        return self._prepare(request, self.recogniser).clip

    def classify(self, request: ClipRequest) -> LabelsView:
        """Name what is in the clip.

        Raises
        ------
        VideoError, RequestError
            When the clip can't be read, or the request does not fit it.
        CheckpointError
            When the checkpoint can't be loaded, knows no labels, or gives values that are not
            finite.
        """
        recogniser = self.recogniser
        if not recogniser.card.label_count:
            raise CheckpointError(
                f"The checkpoint {self.weights} was pretrained without labels, so it can't name "
                f"what it sees; choose a fine-tuned one, for instance {BUNDLED_RECOGNISER!r}."
            )
        prepared = self._prepare(request, recogniser)
        logits = self._recognise(request, prepared).logits
        result = classify(torch.from_numpy(logits), recogniser.model.config.id2label)
        return LabelsView(recogniser.card, prepared.clip, result)

    def attend(
        self, request: ClipRequest, settings: RolloutSettings = DEFAULT_ROLLOUT
    ) -> RolloutView:
        """Show where and when the recogniser looked. Errors as in `classify`, labels aside."""
        recogniser = self.recogniser
        prepared = self._prepare(request, recogniser)
        attention = FusedAttention.from_numpy(self._fused(request, prepared, settings.fusion))
        pooled = recogniser.model.config.use_mean_pooling or not recogniser.card.label_count
        head = start_from_head(recogniser.card.grid, pooled)
        result = rollout(attention, head, recogniser.card.grid, settings)
        return RolloutView(
            recogniser.card, prepared.clip, result, _describe_start(recogniser, settings)
        )

    def reconstruct(
        self, request: ClipRequest, mask: MaskRequest = DEFAULT_MASK
    ) -> ReconstructionView:
        """Hide a part of the clip and show what the reconstructor makes of the rest.

        Raises
        ------
        VideoError, RequestError
            When the clip can't be read, or the request does not fit it.
        CheckpointError
            When the checkpoint can't be loaded, or has no decoder.
        """
        reconstructor = self.reconstructor
        model, grid = reconstructor.model, reconstructor.card.grid
        hidden, used = _make_mask(mask, grid)
        prepared = self._prepare(request, reconstructor)
        with one_at_a_time(self.device):
            predicted = predict(reconstructor, prepared.pixel_values.numpy(), hidden.reshape(-1))
        original = model.to_pixels(prepared.pixel_values)[0]
        result = reconstruct(torch.from_numpy(predicted), original, hidden, model.config)
        return ReconstructionView(reconstructor.card, prepared.clip, used, result)

    def _prepare(self, request: ClipRequest, role: Recogniser | Reconstructor) -> _Input:
        identity = _identity(request.path)
        rule = request.sampling or role.card.sampling
        count = role.card.grid.time * role.card.tubelet_size

        def make() -> _Input:
            timeline = self._timelines.get_or_make(
                identity, lambda: scan(request.path, limits=self._limits)
            )
            sampled = sample_clip(timeline, count, rule, request.start_s, limits=self._limits)
            self._timelines.put(identity, sampled.timeline)  # seeking may have proved it wrong
            return _Input(
                identity,
                role.processor(sampled.frames, return_tensors="pt").pixel_values,
                _seen(request.path, sampled, role.processor),
            )

        key = (identity, rule, request.start_s, role.card)
        prepared = self._cache.get_or_make(key, make)
        assert isinstance(prepared, _Input)
        return prepared

    def _recognise(self, request: ClipRequest, prepared: _Input) -> Recognition:
        """Run the recogniser once, for all later questions."""

        def make() -> Recognition:
            return recognise(self.recogniser, prepared.pixel_values.numpy())

        with one_at_a_time(self.device):
            done = self._cache.get_or_make(("pass", _key(request, prepared)), make)
        assert isinstance(done, Recognition)
        return done

    def _fused(
        self, request: ClipRequest, prepared: _Input, fusion: HeadFusion
    ) -> NDArray[np.float16]:
        """Return the fused attention; fusions other than the mean come from the layers' inputs."""
        done = self._recognise(request, prepared)
        if fusion == "mean":
            return done.attention

        def make() -> NDArray[np.float16]:
            return fuse(self.recogniser, done.layer_inputs, fusion)

        with one_at_a_time(self.device):
            fused = self._cache.get_or_make((fusion, _key(request, prepared)), make)
        assert isinstance(fused, np.ndarray)
        return fused


def _key(request: ClipRequest, prepared: _Input) -> Hashable:
    """Name what was asked of the very file that was read, whatever has taken its place by now."""
    return prepared.identity, request.start_s, request.sampling


def default_ratio(grid: TokenGrid) -> float:
    """Return the share to hide if nobody says: 0.9 as in the paper, 0.75 on a coarse grid."""
    return 0.9 if grid.patches >= COARSE_GRID_PATCHES else 0.75


def _make_mask(mask: MaskRequest, grid: TokenGrid) -> tuple[NDArray[np.bool_], MaskRequest]:
    """Return the hidden tokens, (time, height, width), and the request with the share it hid."""
    if mask.kind != "painted":
        ratio = default_ratio(grid) if mask.ratio is None else mask.ratio
        return make_mask(mask.kind, grid, ratio, mask.seed), replace(mask, ratio=ratio)
    given = mask.painted or b""
    if len(given) != math.ceil(grid.tokens / 8):
        raise RequestError(
            f"The painted mask has {len(given)} bytes; one bit for each of {grid.tokens} tokens "
            f"makes {math.ceil(grid.tokens / 8)}."
        )
    bits = np.unpackbits(np.frombuffer(given, np.uint8), count=grid.tokens)
    hidden = painted(bits.astype(np.bool_).reshape(grid.shape), grid)
    return hidden, replace(mask, ratio=float(hidden.mean()))


def _identity(path: Path | str) -> Hashable:
    """Tell one version of a file from another; a file that is not there has none."""
    try:
        state = Path(path).stat()
    except OSError:
        return str(path), None, None
    return str(Path(path).resolve()), state.st_mtime_ns, state.st_size


def _describe_start(recogniser: Recogniser, settings: RolloutSettings) -> str:
    if settings.query is not None:
        time, row, column = settings.query
        return f"the token at time {time}, row {row}, column {column}"
    if not recogniser.card.label_count:
        return "the average of all tokens (this checkpoint has no trained classifier)"
    if recogniser.model.config.use_mean_pooling:
        return "the average of all tokens, which is what the classifier reads"
    return "token 0 (first patch of the first frames), which is what the classifier reads"


def _seen(path: Path | str, sampled: SampledClip, processor: VideoMAEImageProcessor) -> SeenClip:
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
