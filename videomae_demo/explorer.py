"""The Explorer: one clip in, three views out. Typed requests in, frozen results out.

Owns the recogniser and the reconstructor, and the caches. One pass of the recogniser feeds the
labels and every rollout; a rollout control never runs the model again. Knows nothing of pages or
command lines.
"""

from __future__ import annotations

import math
import threading
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from videomae_demo.analysis.classification import classify
from videomae_demo.analysis.colours import TrueColours
from videomae_demo.analysis.reconstruction import reconstruct
from videomae_demo.analysis.rollout import FusedAttention, rollout, start_from_head
from videomae_demo.analysis.settings import DEFAULT_ROLLOUT, HeadFusion, RolloutSettings
from videomae_demo.cache import ByteCache
from videomae_demo.cancellation import holding
from videomae_demo.checkpoints.catalog import BUNDLED_RECOGNISER
from videomae_demo.clips import Clips, PreparedClip, is_example
from videomae_demo.describe import choice_of_frames
from videomae_demo.device import choose_device, one_at_a_time
from videomae_demo.errors import CheckpointError, RequestError
from videomae_demo.limits import DEFAULT_LIMITS, Limits
from videomae_demo.masking import make_mask, painted
from videomae_demo.model.config import TokenGrid
from videomae_demo.passes import Recognition, fuse, predict, recognise
from videomae_demo.roles import (
    Recogniser,
    Reconstructor,
    find_reconstructor,
    frame_count,
    load_recogniser,
    load_reconstructor,
    usual_sampling,
)
from videomae_demo.video.clip import SampledClip
from videomae_demo.video.sampling import SamplingRule
from videomae_demo.views import (
    DEFAULT_MASK,
    ClipRequest,
    LabelsView,
    MaskRequest,
    ReconstructionView,
    RolloutView,
    SeenClip,
)

COARSE_GRID_PATCHES = 144
"""With fewer patches a slice, a mask of 90 % leaves too few to say anything; 75 % is then used."""


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
        self._loading_recogniser, self._loading_reconstructor = threading.Lock(), threading.Lock()
        self._cache: ByteCache[Any] = ByteCache(
            limits.cache_mb * 2**20 if cache_bytes is None else cache_bytes, _size_of
        )
        self._clips = Clips(self._cache, limits)

    @property
    def recogniser(self) -> Recogniser:
        """The checkpoint for labels and attention, loaded on first use."""
        if self._recogniser is None:
            with holding(self._loading_recogniser):
                if self._recogniser is None:
                    self._recogniser = load_recogniser(self.weights, self.device, self._heads)
        return self._recogniser

    @property
    def reconstructor(self) -> Reconstructor:
        """The checkpoint for what is behind a mask, loaded on first use."""
        if self._reconstructor is None:
            with holding(self._loading_reconstructor):
                if self._reconstructor is None:
                    self._reconstructor = self._load_reconstructor()
        return self._reconstructor

    def _load_reconstructor(self) -> Reconstructor:
        name, heads = self._reconstructor_name, self._reconstructor_heads
        if heads is None and name in (None, self.weights):
            heads = self._heads
        if name is None:
            return find_reconstructor(self.weights, self.device, heads)
        return load_reconstructor(name, self.device, heads)

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
        logits = self._recognise(prepared).logits
        result = classify(torch.from_numpy(logits), recogniser.model.config.id2label)
        is_foreign = recogniser.card.is_bundled and not is_example(request.path)
        return LabelsView(recogniser.card, prepared.clip, result, is_foreign)

    def attend(
        self, request: ClipRequest, settings: RolloutSettings = DEFAULT_ROLLOUT
    ) -> RolloutView:
        """Show where and when the recogniser looked. Errors as in `classify`, labels aside."""
        recogniser = self.recogniser
        prepared = self._prepare(request, recogniser)
        attention = FusedAttention.from_numpy(self._fused(prepared, settings.fusion))
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
        predicted = self._predict(reconstructor, prepared, hidden)
        original = model.to_pixels(prepared.pixel_values)[0]
        colours = TrueColours.behind(reconstructor.processor)
        result = reconstruct(torch.from_numpy(predicted), original, hidden, model.config, colours)
        return ReconstructionView(reconstructor.card, prepared.clip, used, result)

    def _prepare(self, request: ClipRequest, role: Recogniser | Reconstructor) -> PreparedClip:
        """Read the frames for a checkpoint: those of the recogniser's rule, unless told."""
        usual = usual_sampling(self.weights)
        rule = request.sampling or usual
        remarks = _choice_remark(rule, rule == usual, role)
        if isinstance(role, Reconstructor):
            remarks += self._count_remark(role)
        return self._clips.prepare(request, rule, role, remarks)

    def _count_remark(self, reconstructor: Reconstructor) -> tuple[str, ...]:
        """Say it where the two checkpoints can't see the same frames."""
        own = reconstructor.card.frame_count
        recogniser = self._recogniser
        others = recogniser.card.frame_count if recogniser else frame_count(self.weights)
        if others in (None, own):
            return ()
        return (
            f"The recogniser sees {others} frames of the clip, and the reconstructor {own}: they "
            "are not the same ones.",
        )

    def _recognise(self, prepared: PreparedClip) -> Recognition:
        """Run the recogniser once, for all later questions."""

        def make() -> Recognition:
            with one_at_a_time(self.device):
                return recognise(self.recogniser, prepared.pixel_values.numpy())

        done: Recognition = self._cache.get_or_make(("pass", prepared.key), make)
        return done

    def _fused(self, prepared: PreparedClip, fusion: HeadFusion) -> NDArray[np.float16]:
        """Return the fused attention; fusions other than the mean come from the layers' inputs."""

        def make() -> NDArray[np.float16]:
            layer_inputs = self._recognise(prepared).layer_inputs
            with one_at_a_time(self.device):
                return fuse(self.recogniser, layer_inputs, fusion)

        if fusion == "mean":
            return self._recognise(prepared).attention
        fused: NDArray[np.float16] = self._cache.get_or_make((fusion, prepared.key), make)
        return fused

    def _predict(
        self, reconstructor: Reconstructor, prepared: PreparedClip, hidden: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """Run the reconstructor behind a mask."""

        def make() -> NDArray[np.float32]:
            with one_at_a_time(self.device):
                return predict(reconstructor, prepared.pixel_values.numpy(), hidden.reshape(-1))

        key = ("prediction", prepared.key, np.packbits(hidden).tobytes())
        predicted: NDArray[np.float32] = self._cache.get_or_make(key, make)
        return predicted


def _choice_remark(
    rule: SamplingRule, is_usual: bool, role: Recogniser | Reconstructor
) -> tuple[str, ...]:
    """Say it where a checkpoint gets other frames than it was trained on."""
    card = role.card
    if not card.sampling_is_known or rule == card.sampling:
        return ()
    given = choice_of_frames(rule, card.frame_count)
    trained = choice_of_frames(card.sampling, card.frame_count)
    if is_usual:
        return (
            f"The reconstructor gets the recogniser's frames ({given}); it was trained on others "
            f"({trained}).",
        )
    return (
        f"The frames were chosen as asked for ({given}); this checkpoint was trained on others "
        f"({trained}).",
    )


def _size_of(value: Any) -> int:
    """Return the memory that something kept takes, in bytes."""
    held = value.frames if isinstance(value, SampledClip) else value
    nbytes: int = held.nbytes
    return nbytes


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


def _describe_start(recogniser: Recogniser, settings: RolloutSettings) -> str:
    if settings.query is not None:
        time, row, column = settings.query
        return f"the token at time {time}, row {row}, column {column}"
    if not recogniser.card.label_count:
        return "the average of all tokens (this checkpoint has no trained classifier)"
    if recogniser.model.config.use_mean_pooling:
        return "the average of all tokens, which is what the classifier reads"
    return "token 0 (first patch of the first frames), which is what the classifier reads"
