"""What runs on the device: one function per pass, from numpy to numpy.

A `Record` says what a pass keeps. On ZeroGPU each pass runs in a forked worker process: arguments
and results are pickled, and what a worker keeps is lost. So a pass stores nothing, and returns all
that is worth keeping. A checkpoint is sent as its name; see `roles`. Between two layers a pass
checks whether anybody still waits for it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from videomae_demo.analysis.heads import heads_on
from videomae_demo.analysis.rollout import AttentionRecorder
from videomae_demo.analysis.settings import Head, HeadFusion
from videomae_demo.cancellation import check_cancelled
from videomae_demo.config import VideoMAEConfig
from videomae_demo.device import inference_precision, on_gpu, working_sizes
from videomae_demo.engine.roles import Recogniser, Reconstructor
from videomae_demo.errors import CheckpointError, RequestError
from videomae_demo.model.pretrained import PretrainedModel

LONGEST_PASS_S = 15
"""What a visitor's quota on ZeroGPU is checked against: time to start a worker, and to run."""


@dataclass(frozen=True, slots=True)
class Record:
    """What a pass of the recogniser keeps, beside the logits.

    Attributes
    ----------
    attention : str, optional
        "mean", "max" or "min": the attention of each layer, its heads fused in this way.
    states : bool
        The tokens before each layer, and after the last one.
    features_of : int, optional
        The tokens after this layer alone, counted from 1; 0 stands for the embedded patches.
    gradients_of : int, optional
        The index of a label: the gradient of its logit with respect to all states.

    Raises
    ------
    RequestError
        When attention and gradients are asked for together: autograd would hold all of it.
    """

    attention: HeadFusion | None = None
    states: bool = False
    features_of: int | None = None
    gradients_of: int | None = None

    def __post_init__(self) -> None:
        if self.attention is not None and self.gradients_of is not None:
            raise RequestError("One pass records attention or gradients; ask for two passes.")


LOGITS = Record()


@dataclass(frozen=True, slots=True, eq=False)
class Recorded:
    """What a pass of the recogniser kept for a batch of clips; None for what was not asked for.

    N is the number of tokens that took part.

    Attributes
    ----------
    logits : ndarray
        (B, labels) float32.
    attention : ndarray, optional
        (B, layers, N, N) float16, as `FusedAttention` holds it.
    states, gradients : ndarray, optional
        (B, layers + 1, N, D) float32: before each layer, and after the last one.
    features : ndarray, optional
        (B, N, D) float32.
    """

    logits: NDArray[np.float32]
    attention: NDArray[np.float16] | None = None
    states: NDArray[np.float32] | None = None
    features: NDArray[np.float32] | None = None
    gradients: NDArray[np.float32] | None = None


@on_gpu(LONGEST_PASS_S)
def run(
    recogniser: Recogniser,
    pixel_values: NDArray[np.float32],
    record: Record = LOGITS,
    left_out: NDArray[np.bool_] | None = None,
    heads_off: Collection[Head] = (),
) -> Recorded:
    """Run the recogniser on a batch of clips.

    Parameters
    ----------
    recogniser : Recogniser
    pixel_values : ndarray
        (B, T, C, H, W) float32, normalised.
    record : Record
        What to keep.
    left_out : ndarray, optional
        (B, N) bool, True = the token is not given to the encoder; the same number in each clip. For
        a batch of one clip it may have more rows: the clip is run once for each of them.
    heads_off : collection of Head
        Heads that are switched off: they hand nothing over. Attention can't be recorded then.

    Raises
    ------
    RequestError
        When there is no such layer, label or head.
    CheckpointError
        When the logits (in `predict`, the pixels) are not finite.
    Cancelled
        Between two layers, when nobody waits any more.
    """
    model = recogniser.model
    _check_record(record, model.config)
    recorder = None if record.attention is None else AttentionRecorder(record.attention)
    with_gradients = record.gradients_of is not None
    clips = torch.from_numpy(pixel_values).to(model.device)
    hidden = None if left_out is None else torch.from_numpy(left_out).to(model.device)
    if hidden is not None and len(clips) == 1:
        clips = clips.expand(len(hidden), -1, -1, -1, -1)
    head_mask = _head_mask(heads_off, model.config).to(model.device) if heads_off else None
    grad_mode = torch.enable_grad() if with_gradients else torch.inference_mode()
    with grad_mode, inference_precision(model.device):
        output = model(
            clips.detach().requires_grad_() if with_gradients else clips,  # the weights are frozen
            output_hidden_states=record.states or record.features_of is not None or with_gradients,
            bool_masked_pos=hidden,
            head_mask=head_mask,
            observer=recorder,
            before_layer=check_cancelled,
        )
        states, gradients = output.hidden_states, None
        if with_gradients:
            check_cancelled()
            gradients = torch.autograd.grad(output.logits[:, record.gradients_of].sum(), states)
    return Recorded(
        logits=check_finite(_to_host(output.logits), "recogniser"),
        attention=None if recorder is None else _attention(recorder, len(clips)),
        states=_stacked(states) if record.states else None,
        features=None if record.features_of is None else _to_host(states[record.features_of]),
        gradients=None if gradients is None else _stacked(gradients),
    )


def _check_record(record: Record, config: VideoMAEConfig) -> None:
    layers, labels = config.num_hidden_layers, config.num_labels
    if record.features_of is not None and not 0 <= record.features_of <= layers:
        raise RequestError(
            f"There is no layer {record.features_of}; this checkpoint has {layers}, counted from 1."
        )
    if record.gradients_of is not None and not 0 <= record.gradients_of < labels:
        raise RequestError(
            f"There is no label {record.gradients_of}; this checkpoint has {labels}, counted from "
            "0."
        )


def _head_mask(off: Collection[Head], config: VideoMAEConfig) -> Tensor:
    layers, heads = config.num_hidden_layers, config.num_attention_heads
    return torch.from_numpy(heads_on(off, layers, heads))


def _attention(recorder: AttentionRecorder, clips: int) -> NDArray[np.float16]:
    whole = [recorder.clip(index).to_numpy() for index in range(clips)]
    return whole[0][None] if clips == 1 else np.stack(whole)  # one clip's is large, and not copied


def _stacked(states: Sequence[Tensor]) -> NDArray[np.float32]:
    """Stack what there is of each layer, (B, N, D), to (B, layers + 1, N, D)."""
    batch, *sizes = states[0].shape
    held = np.empty((batch, len(states), *sizes), np.float32)
    for place, state in zip(torch.from_numpy(held).unbind(1), states, strict=True):
        place.copy_(state.detach())  # from a device straight to where it stays
    return held


@dataclass(frozen=True, slots=True, eq=False)
class Recognition:
    """One pass of the recogniser on one clip: all that the labels and any rollout need.

    Attributes
    ----------
    logits : ndarray
        (labels,) float32.
    attention : ndarray
        (layers, N, N) float16: the heads' mean, as `FusedAttention` holds it.
    states : ndarray
        (layers + 1, N, D) float32: what goes into each layer, from which other fusions can be
        computed, and what comes out of the last one.
    """

    logits: NDArray[np.float32]
    attention: NDArray[np.float16]
    states: NDArray[np.float32]

    @property
    def layer_inputs(self) -> NDArray[np.float32]:
        """What goes into each layer, (layers, N, D)."""
        return self.states[:-1]

    @property
    def nbytes(self) -> int:
        """Memory taken, in bytes."""
        return self.logits.nbytes + self.attention.nbytes + self.states.nbytes


RECOGNITION = Record(attention="mean", states=True)


def recognise(recogniser: Recogniser, pixel_values: NDArray[np.float32]) -> Recognition:
    """Run the recogniser on one clip, (1, T, C, H, W), and keep a `Recognition`; see `run`."""
    left = run(recogniser, pixel_values, RECOGNITION)
    assert left.attention is not None and left.states is not None
    return Recognition(left.logits[0], left.attention[0], left.states[0])


@on_gpu(LONGEST_PASS_S)
def fuse(
    recogniser: Recogniser, layer_inputs: NDArray[np.float32], fusion: HeadFusion
) -> NDArray[np.float16]:
    """Fuse the heads in another way than the mean, from the layers' inputs; see `Recognition`."""
    recorder = AttentionRecorder(fusion)
    device = recogniser.model.device
    with torch.inference_mode(), inference_precision(device):
        for layer, state in enumerate(torch.from_numpy(layer_inputs)):
            check_cancelled()
            recogniser.model.videomae.observe_layer(layer, state[None].to(device), recorder)
    return recorder.clip().to_numpy()


@on_gpu(LONGEST_PASS_S)
def follow_head(
    recogniser: Recogniser, layer_inputs: NDArray[np.float32], head: Head
) -> NDArray[np.float16]:
    """Return the attention of one head, (N, N) as `FusedAttention` holds it; see `Recognition`.

    Raises
    ------
    RequestError
        When there is no such head.
    """
    model = recogniser.model
    _head_mask((head,), model.config)  # refuses a head that is not there
    recorder = AttentionRecorder("mean")
    only = slice(head.number - 1, head.number)

    def observe(layer: int, rows: slice, probabilities: Tensor, /) -> None:
        recorder(layer, rows, probabilities[:, only])

    with torch.inference_mode(), inference_precision(model.device):
        state = torch.from_numpy(layer_inputs[head.layer - 1])[None].to(model.device)
        model.videomae.observe_layer(head.layer - 1, state, observe)
    attention: NDArray[np.float16] = recorder.clip().to_numpy()[0]
    return attention


@on_gpu(LONGEST_PASS_S)
def encode(
    role: Recogniser | Reconstructor, pixel_values: NDArray[np.float32], layer: int
) -> NDArray[np.float32]:
    """Return the encoder's tokens of one clip, (1, T, C, H, W), after a layer: (N, D) float32.

    Layers are counted from 1; 0 stands for the embedded patches. Nothing is hidden.
    """
    encoder = role.model.videomae
    clips = torch.from_numpy(pixel_values).to(role.model.device)
    with torch.inference_mode(), inference_precision(role.model.device):
        output = encoder(clips, output_hidden_states=True, before_layer=check_cancelled)
    return check_finite(_to_host(output.hidden_states[layer])[0], "encoder")


def predict(
    reconstructor: Reconstructor, pixel_values: NDArray[np.float32], hidden: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Predict the hidden tokens, (N,) bool, of one clip: (N_hidden, values of a token)."""
    predicted: NDArray[np.float32] = predict_each(reconstructor, pixel_values, hidden[None])[0]
    return predicted


@on_gpu(LONGEST_PASS_S)
def predict_each(
    reconstructor: Reconstructor, pixel_values: NDArray[np.float32], hidden: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Predict the tokens of one clip, (1, T, C, H, W), behind several masks.

    Parameters
    ----------
    hidden : ndarray
        (n, N) bool, True = hidden; the same number in each.

    Returns
    -------
    ndarray
        (n, N_hidden, values of a token) float32.
    """
    model = reconstructor.model
    clips = torch.from_numpy(pixel_values).to(model.device)
    with torch.inference_mode(), inference_precision(model.device):
        output = model(
            clips.expand(len(hidden), -1, -1, -1, -1),
            torch.from_numpy(hidden).to(model.device),
            before_layer=check_cancelled,
        )
    return check_finite(_to_host(output.logits), "reconstructor")


def clips_at_once(model: PretrainedModel, tokens: int) -> int:
    """Return how many clips of so many visible tokens may run together: 1 or more.

    That depends on where the weights are; see `device.working_sizes`.
    """
    config = model.config
    values = 2 * config.intermediate_size + 6 * config.hidden_size  # of a block, at its widest
    return max(1, working_sizes(model.device).together_bytes // (4 * tokens * values))


def masks_at_once(model: PretrainedModel, visible: int) -> int:
    """Return behind how many masks that leave so many tokens visible a clip may be predicted.

    The decoder takes all tokens, whatever is hidden.
    """
    config = model.config
    of_decoder = 2 * config.decoder_intermediate_size + 6 * config.decoder_hidden_size
    together = working_sizes(model.device).together_bytes // (4 * config.grid.tokens * of_decoder)
    return max(1, min(together, clips_at_once(model, visible)))


def check_finite(values: NDArray[np.float32], role: str) -> NDArray[np.float32]:
    """Return the values of a model, or raise a CheckpointError if one is not finite."""
    wrong = values.size - int(np.isfinite(values).sum())
    if wrong:
        raise CheckpointError(
            f"The {role} gives {wrong} of {values.size} values that are not finite: its weights "
            "may be damaged; get them again, or choose others."
        )
    return values


def _to_host(values: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = values.detach().float().cpu().numpy()
    return array
