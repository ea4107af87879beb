"""The engine: two checkpoints, the frames they get, and the results of their passes.

Owns the recogniser and the reconstructor, and the caches: one pass of the recogniser feeds the
labels and every rollout, and a result that is kept needs no device. The questions are in `lenses`.
"""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from videomae_demo.analysis.gradients import LossMethod, LossRelevance
from videomae_demo.analysis.methods import DEFAULT_METHOD, Target, find_method
from videomae_demo.analysis.relevance import Relevance
from videomae_demo.analysis.settings import HeadFusion
from videomae_demo.cancellation import holding
from videomae_demo.checkpoints.catalog import BUNDLED_RECOGNISER
from videomae_demo.device import choose_device, one_at_a_time, runs_elsewhere
from videomae_demo.engine.cache import ByteCache
from videomae_demo.engine.clips import ClipRequest, Clips, Overview, PreparedClip, SeenClip, size_of
from videomae_demo.engine.explaining import (
    explain,
    explain_loss,
    roll_out,
    score_without_model,
    trace,
)
from videomae_demo.engine.others import OneOther, Others
from videomae_demo.engine.passes import Recognition, fuse, predict, recognise
from videomae_demo.engine.passes import run as run_pass
from videomae_demo.engine.roles import (
    Recogniser,
    Reconstructor,
    find_reconstructor,
    frame_count,
    load_recogniser,
    load_reconstructor,
    usual_sampling,
)
from videomae_demo.engine.without import hides, labels_without_each
from videomae_demo.errors import CheckpointError, DeviceError, RequestError
from videomae_demo.limits import DEFAULT_LIMITS, Limits
from videomae_demo.masking import Mask
from videomae_demo.video.sampling import SamplingRule, choice_of_frames
from videomae_demo.video.timeline import Timeline

TRACED = "libragrad"
"""The method that pulls a pass back; if that is kept, another label costs no forward pass."""
TRACE = "trace"
"""The first part of such a pass's key."""
TRACE_SHARE = 0.6
"""Of the cache, at the most: with the default limit, base at 16 frames of 224 px fits (602 MB)."""

Pass = Literal["recognise", "explain", "predict", "sweep", "probe", "scan", "encode"]
"""What is timed; of a sweep, one mask of many; of probes and views, one pass of many; of a scan,
one window of many, with the reading."""


class Engine:
    """Runs VideoMAE on clips for whoever asks; safe to share between threads.

    Weights are loaded when they are first needed. One model runs at a time on a device, whichever
    engine it belongs to. Inside `cancellation.cancellable`, work that is not wanted any more ends
    at the next layer.

    Parameters
    ----------
    weights : str
        The recogniser: a folder, a repo id of the hub, a name of the catalog, or a file of weights.
    reconstructor : str, optional
        Default: the one that belongs to `weights`; see `engine.roles`.
    heads : int, optional
        Attention heads of the recogniser, for weights that do not tell them.
    reconstructor_heads : int, optional
        The same for the encoder of the named `reconstructor`; default: `heads` if it is the same
        checkpoint.
    device : str, optional
        "cuda", "mps" or "cpu"; default: the fastest there is.
    cache_bytes : int, optional
        How much may be kept for the next question about the same clip; default: as `limits` say.
    limits : Limits
        What reading a clip may cost.
    clips : Clips, optional
        Reads the clips; engines that share one read the same frames once. Default: one of its own,
        which keeps frames in the same bytes.
    others : Others, optional
        Where engines of other weights come from; default: one at a time is made.
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
        clips: Clips | None = None,
        others: Others | None = None,
    ) -> None:
        if reconstructor_heads is not None and reconstructor is None:
            raise RequestError(
                f"The reconstructor's heads are said to be {reconstructor_heads}, and no "
                "reconstructor is named; name it too."
            )
        self.weights = weights
        self.device = choose_device(device)
        self._reconstructor_name = reconstructor
        self._heads = heads
        self._reconstructor_heads = reconstructor_heads
        self._recogniser: Recogniser | None = None
        self._reconstructor: Reconstructor | None = None
        self._loading_recogniser, self._loading_reconstructor = threading.Lock(), threading.Lock()
        self._may_keep_bytes = limits.cache_mb * 2**20 if cache_bytes is None else cache_bytes
        self._cache: ByteCache[Any] = ByteCache(self._may_keep_bytes, size_of)
        self._clips = Clips(limits, self._cache) if clips is None else clips
        self.limits = limits
        self._others = OneOther(self._make_other) if others is None else others
        self.seconds: dict[Pass, float] = {}
        """How long the last pass of each kind took on this machine, waiting for others aside."""

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
        """The checkpoint that predicts what is behind a mask, loaded on first use."""
        if self._reconstructor is None:
            with holding(self._loading_reconstructor):
                if self._reconstructor is None:
                    self._reconstructor = self._load_reconstructor()
        return self._reconstructor

    def beside(self, weights: str, with_decoder: bool = False) -> Self:
        """Return the engine of other weights, on the same device and with the same clips.

        Without a source of such engines, the last one that was made is kept, and each of the two
        keeps half of what one may keep.

        Parameters
        ----------
        weights : str
            As for a new engine; its own weights stand for this engine itself.
        with_decoder : bool
            Whether its reconstructor will be asked, too.

        Raises
        ------
        RequestError
            When the source of engines does not have it.
        """
        if weights == self.weights:
            return self
        found: Self = self._others.beside(weights, with_decoder)
        return found

    def _make_other(self, weights: str) -> Self:
        half = self._may_keep_bytes // 2
        self._cache.shrink(half)
        return type(self)(
            weights,
            device=str(self.device),
            cache_bytes=half,
            limits=self.limits,
            clips=self._clips,
        )

    def for_many(self) -> Self:
        """Return this engine for clips that are seen once: the same recogniser, a cache of its own.

        That is half as large, and no frames are made for display.
        """
        engine = copy.copy(self)
        engine._recogniser = self.recogniser
        engine._cache = ByteCache(self._may_keep_bytes // 2, size_of)
        engine._clips = Clips(self.limits, engine._cache, for_display=False)
        return engine

    def other_weights(self) -> list[tuple[str, str]]:
        """Return a line and the name of all weights that can be had beside these."""
        return self._others.choices()

    def _load_reconstructor(self) -> Reconstructor:
        name, heads = self._reconstructor_name, self._reconstructor_heads
        if heads is None and name in (None, self.weights):
            heads = self._heads
        if name is None:
            return find_reconstructor(self.weights, self.device, heads)
        return load_reconstructor(name, self.device, heads)

    def see(self, request: ClipRequest) -> SeenClip:
        """Read the frames that the recogniser gets, without running it. Errors as in `prepare`."""
        return self.prepare(request, self.recogniser).clip

    def overview(self, request: ClipRequest) -> Overview:
        """Read frames spread over the whole clip, small. Errors as in `prepare`."""
        return self._clips.overview(request)

    def timeline(self, request: ClipRequest) -> Timeline:
        """Return the time line of a clip's file. Errors as in `prepare`."""
        return self._clips.timeline(request)

    def as_given(self, request: ClipRequest) -> NDArray[np.uint8]:
        """Return the frames as the recogniser gets them, (T, H, W, 3). Errors as in `prepare`."""
        return self.prepare(request, self.recogniser).as_given(self.recogniser.processor)

    def prepare(self, request: ClipRequest, role: Recogniser | Reconstructor) -> PreparedClip:
        """Read the frames for a checkpoint, by the request's rule or else the recogniser's.

        Raises
        ------
        VideoError, RequestError
            When the clip can't be read, or the request does not fit it.
        """
        usual = usual_sampling(self.weights)
        rule = request.sampling or usual
        remarks = _choice_remark(rule, rule == usual, role)
        if isinstance(role, Reconstructor):
            remarks += self._count_remark(role)
        return self._clips.prepare(request, rule, role, remarks)

    def _count_remark(self, reconstructor: Reconstructor) -> tuple[str, ...]:
        """Return a remark if the two checkpoints can't see the same frames."""
        own = reconstructor.card.frame_count
        recogniser = self._recogniser
        others = recogniser.card.frame_count if recogniser else frame_count(self.weights)
        if others in (None, own):
            return ()
        return (
            f"The recogniser sees {others} frames of the clip, and the reconstructor {own}: they "
            "are not the same ones.",
        )

    def recognise(self, prepared: PreparedClip) -> Recognition:
        """Run the recogniser once, for all later questions."""

        def make() -> Recognition:
            with self.at_work("recognise"):
                return recognise(self.recogniser, prepared.pixel_values.numpy())

        done: Recognition = self.keep(("pass", prepared.key), make)
        return done

    def fused(self, prepared: PreparedClip, fusion: HeadFusion) -> NDArray[np.float16]:
        """Return the fused attention; fusions other than the mean come from the layers' inputs."""

        def make() -> NDArray[np.float16]:
            layer_inputs = self.recognise(prepared).layer_inputs
            with self.at_work():
                return fuse(self.recogniser, layer_inputs, fusion)

        if fusion == "mean":
            return self.recognise(prepared).attention
        fused: NDArray[np.float16] = self.keep((fusion, prepared.key), make)
        return fused

    def predict(self, prepared: PreparedClip, hidden: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Run the reconstructor behind a mask, (time, height, width); see `passes.predict`."""

        def make() -> NDArray[np.float32]:
            with self.at_work("predict"):
                pixel_values = prepared.pixel_values.numpy()
                return predict(self.reconstructor, pixel_values, hidden.reshape(-1))

        predicted: NDArray[np.float32] = self.keep(prediction_key(prepared, hidden), make)
        return predicted

    def relevance(
        self,
        prepared: PreparedClip,
        target: Target,
        method: str = DEFAULT_METHOD,
        hidden: Mask | None = None,
    ) -> Relevance:
        """Say what each token did for a target, by a method of `analysis.methods.METHODS`.

        A rollout comes from the pass that `recognise` keeps, and a reference needs no device.

        Parameters
        ----------
        hidden : ndarray, optional
            (time, height, width) bool, True = the token is not given to the encoder.

        Raises
        ------
        RequestError
            When there is no such method or label, or the mask does not fit the grid.
        CheckpointError
            When the recogniser knows no labels, or gives values that are not finite.
        """

        def make() -> Relevance:
            pixel_values = prepared.pixel_values.numpy()
            if method == "rollout" and left_out is None:
                return roll_out(self.recogniser, self.recognise(prepared), target)
            if not find_method(method).uses_model:
                return score_without_model(self.recogniser, pixel_values, target, method, left_out)
            with self.at_work("explain"):
                passed = None
                if method == TRACED and left_out is None and not runs_elsewhere():
                    key = (TRACE, prepared.key)
                    passed = self.keep(
                        key, lambda: trace(self.recogniser, pixel_values), share=TRACE_SHARE
                    )
                return explain(self.recogniser, pixel_values, target, method, left_out, passed)

        find_method(method)
        self.check_labels(target)
        grid, left_out = self.recogniser.card.grid, None
        if hidden is not None and hides(hidden, grid):
            left_out = hidden.reshape(1, -1)
        kept_from = None if left_out is None else np.packbits(left_out).tobytes()
        key = ("relevance", prepared.key, target, method, kept_from)
        found: Relevance = self.keep(key, make)
        return found

    def loss_relevance(
        self, prepared: PreparedClip, hidden: Mask, asked: Mask, method: LossMethod = "libragrad"
    ) -> LossRelevance:
        """Say what the reconstructor needed to predict some of the hidden tokens.

        `prepared` is for the reconstructor; both masks are (time, height, width) bool, and errors
        as in `analysis.gradients.explain_loss`.
        """

        def make() -> LossRelevance:
            with self.at_work():
                pixel_values = prepared.pixel_values.numpy()
                return explain_loss(self.reconstructor, pixel_values, hidden, asked, method)

        masks = tuple((mask.shape, mask.dtype, mask.tobytes()) for mask in (hidden, asked))
        key = ("loss relevance", prepared.key, masks, method)
        found: LossRelevance = self.keep(key, make)
        return found

    def labels_without(self, prepared: PreparedClip, hidden: Mask) -> NDArray[np.float32]:
        """Return the recogniser's logits, (labels,), without the tokens that a mask hides.

        Errors as in `labels_without_each`.
        """
        logits: NDArray[np.float32] = self.labels_without_each(prepared, hidden[None])[0]
        return logits

    def labels_without_each(self, prepared: PreparedClip, hidden: Mask) -> NDArray[np.float32]:
        """Return the recogniser's logits without the tokens of each mask.

        Masks that hide equally many tokens run together. Each answer is kept, so that curves of
        one clip share what they have in common; nothing hidden is the pass that `recognise` keeps.

        Parameters
        ----------
        hidden : ndarray
            (n, time, height, width) bool, True = the token is not given to the encoder.

        Returns
        -------
        ndarray
            (n, labels) float32.

        Raises
        ------
        RequestError
            When a mask does not fit the grid, or hides every token.
        CheckpointError
            As in `relevance`.
        """
        self.check_labels()
        recogniser, pixel_values = self.recogniser, prepared.pixel_values.numpy()

        def run(masks: Mask) -> NDArray[np.float32]:
            if not masks.any():
                return self.recognise(prepared).logits[None].repeat(len(masks), axis=0)
            with self.at_work():
                return run_pass(recogniser, pixel_values, left_out=masks).logits

        key = ("labels without", prepared.key)
        return labels_without_each(recogniser.model, hidden, run, self._cache, key)

    def check_labels(self, target: Target | None = None) -> None:
        """Refuse a recogniser without labels, and a target that it does not know.

        Raises
        ------
        CheckpointError, RequestError
        """
        count = self.recogniser.card.label_count
        if not count:
            raise CheckpointError(
                f"The checkpoint {self.weights} was pretrained without labels, so it has no "
                f"labels to explain; choose a fine-tuned one, for instance {BUNDLED_RECOGNISER!r}."
            )
        if target is not None:
            target.weights(count)

    def keep(self, key: Hashable, make: Callable[[], Any], *, share: float = 1.0) -> Any:
        """Return what is kept by a key, or make it; see `ByteCache.get_or_make`."""
        return self._cache.get_or_make(key, make, share)

    def known(self, key: Hashable) -> Any:
        """Return what is kept by a key; None if nothing is."""
        return self._cache.get(key)

    @contextmanager
    def at_work(self, kind: Pass | None = None) -> Iterator[None]:
        """Hold the device while a model runs; a pass of a `kind` is timed, see `seconds`.

        If its memory does not suffice, what the engine keeps there for later questions goes.
        """
        with one_at_a_time(self.device):
            began = time.monotonic()
            try:
                yield
            except DeviceError:
                self._cache.forget(_is_on_device)
                raise
            if kind is not None:
                self.seconds[kind] = time.monotonic() - began


def prediction_key(prepared: PreparedClip, hidden: Mask) -> Hashable:
    """Name what is predicted behind a mask, (time, height, width), in the engine's cache."""
    return "prediction", prepared.key, np.packbits(hidden).tobytes()


def _is_on_device(key: Hashable) -> bool:
    """Tell whether what is kept by a key is in the device's memory, not in the host's."""
    return isinstance(key, tuple) and key[0] == TRACE


def _choice_remark(
    rule: SamplingRule, is_usual: bool, role: Recogniser | Reconstructor
) -> tuple[str, ...]:
    """Return a remark if a checkpoint gets other frames than it was trained on."""
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
