"""What runs on the device: one function per pass, from numpy to numpy.

On ZeroGPU each of them runs in a forked worker process: arguments and results are pickled, and what
a worker keeps is lost. So they hold nothing, and hand back all that is worth keeping. A checkpoint
travels as its name; see `roles`. Between two layers they ask whether anybody still waits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from videomae_demo.analysis.rollout import AttentionRecorder
from videomae_demo.analysis.settings import HeadFusion
from videomae_demo.cancellation import check_cancelled
from videomae_demo.device import inference_precision, on_gpu
from videomae_demo.errors import CheckpointError
from videomae_demo.roles import Recogniser, Reconstructor

LONGEST_PASS_S = 15
"""What a visitor's quota on ZeroGPU is checked against: time to start a worker, and to run."""


@dataclass(frozen=True, slots=True, eq=False)
class Recognition:
    """One pass of the recogniser: all that the labels and any rollout need.

    Attributes
    ----------
    logits : ndarray
        (labels,) float32.
    attention : ndarray
        (layers, N, N) float16: the heads' mean, as `FusedAttention` holds it.
    layer_inputs : ndarray
        (layers, N, D) float32, from which other fusions can be computed.
    """

    logits: NDArray[np.float32]
    attention: NDArray[np.float16]
    layer_inputs: NDArray[np.float32]

    @property
    def nbytes(self) -> int:
        """Memory taken, in bytes."""
        return self.logits.nbytes + self.attention.nbytes + self.layer_inputs.nbytes


@on_gpu(LONGEST_PASS_S)
def recognise(recogniser: Recogniser, pixel_values: NDArray[np.float32]) -> Recognition:
    """Run the recogniser on one clip, (1, T, C, H, W).

    Raises
    ------
    CheckpointError
        When its logits are not finite; so for the pixels of `predict`.
    """
    recorder = AttentionRecorder("mean")
    device = recogniser.model.device
    with torch.inference_mode(), inference_precision(device):
        output = recogniser.model(
            torch.from_numpy(pixel_values).to(device),
            output_hidden_states=True,
            observer=recorder,
            before_layer=check_cancelled,
        )
    logits = _finite(_to_host(output.logits[0]), "recogniser")
    layer_inputs = np.stack([_to_host(state[0]) for state in output.hidden_states[:-1]])
    return Recognition(logits, recorder.clip().to_numpy(), layer_inputs)


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
def predict(
    reconstructor: Reconstructor, pixel_values: NDArray[np.float32], hidden: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Predict the hidden tokens, (N,) bool, of one clip: (N_hidden, values of a token)."""
    model = reconstructor.model
    with torch.inference_mode(), inference_precision(model.device):
        output = model(
            torch.from_numpy(pixel_values).to(model.device),
            torch.from_numpy(hidden)[None].to(model.device),
            before_layer=check_cancelled,
        )
    return _finite(_to_host(output.logits[0]), "reconstructor")


def _finite(values: NDArray[np.float32], role: str) -> NDArray[np.float32]:
    """Return what a model gives, or raise a CheckpointError where that is no finite number."""
    wrong = values.size - int(np.isfinite(values).sum())
    if wrong:
        raise CheckpointError(
            f"The {role} gives {wrong} of {values.size} values that are not finite: its weights "
            "may be damaged; get them again, or choose others."
        )
    return values


def _to_host(values: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = values.float().cpu().numpy()
    return array
