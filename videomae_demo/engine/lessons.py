"""The passes that a lesson needs beside those of the lenses: looks inside, and what parts cost.

Each is kept like any other pass, so that a class can go back and forth.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from videomae_demo.analysis.rollout import AttentionRecorder
from videomae_demo.cancellation import check_cancelled
from videomae_demo.device import inference_precision, on_gpu
from videomae_demo.engine.clips import PreparedClip
from videomae_demo.engine.engine import Engine
from videomae_demo.engine.passes import LONGEST_PASS_S, check_finite
from videomae_demo.engine.roles import Recogniser, Reconstructor
from videomae_demo.masking import Mask
from videomae_demo.model.videomae import VideoMAEForPreTraining, VideoMAEModel

MEASURED_S, MOST_ROUNDS = 1.0, 9
"""Parts are timed again and again for about so long, or so often; the middle one counts."""


@dataclass(frozen=True, slots=True)
class Cost:
    """How long the parts of a pass take, in seconds, and over how many tokens.

    Attributes
    ----------
    visible, tokens : int
        How many tokens are visible, and how many there are.
    encoder_s, all_s : float
        The encoder on the visible tokens, and on all.
    decoder_s : float
        The decoder, which gets all.
    """

    visible: int
    tokens: int
    encoder_s: float
    all_s: float
    decoder_s: float

    @property
    def nbytes(self) -> int:
        """Memory taken, in bytes, roughly."""
        return 64


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """What one encoder makes of a clip.

    Attributes
    ----------
    features : ndarray
        (N, D) float32: the tokens after its last layer.
    attention : ndarray
        (layers, N, N) float16, as `FusedAttention` holds it.
    predicted : ndarray or None
        (N_hidden, values of a token) float32, with a decoder behind it; None where none fits.
    """

    features: NDArray[np.float32]
    attention: NDArray[np.float16]
    predicted: NDArray[np.float32] | None

    @property
    def nbytes(self) -> int:
        """Memory taken, in bytes."""
        last = 0 if self.predicted is None else self.predicted.nbytes
        return self.features.nbytes + self.attention.nbytes + last


def decoded_in_layers(engine: Engine, prepared: PreparedClip, hidden: Mask) -> NDArray[np.float32]:
    """Return what the decoder would show after each layer: (layers + 1, N_hidden, values).

    The first is before any layer, the last one the prediction itself.

    Parameters
    ----------
    prepared : PreparedClip
        For the reconstructor.
    hidden : ndarray
        (time, height, width) bool, True = hidden.
    """

    def make() -> NDArray[np.float32]:
        with engine.at_work():
            pixel_values = prepared.pixel_values.numpy()
            return _decode_in_layers(engine.reconstructor, pixel_values, hidden.reshape(-1))

    key = ("decoded in layers", prepared.key, np.packbits(hidden).tobytes())
    pictures: NDArray[np.float32] = engine.keep(key, make)
    return pictures


@on_gpu(LONGEST_PASS_S)
def _decode_in_layers(
    reconstructor: Reconstructor, pixel_values: NDArray[np.float32], hidden: NDArray[np.bool_]
) -> NDArray[np.float32]:
    model = reconstructor.model
    clip = torch.from_numpy(pixel_values).to(model.device)
    mask = torch.from_numpy(hidden)[None].to(model.device)
    count = int(hidden.sum())
    with torch.inference_mode(), inference_precision(model.device):
        encoded = model.videomae(clip, mask, before_layer=check_cancelled).last_hidden_state
        tokens = model.join(encoded, mask, mask)
        pictures = [model.decoder.read(tokens, count)]
        for block in model.decoder.decoder_layers:
            check_cancelled()
            tokens, _ = block(tokens)
            pictures.append(model.decoder.read(tokens, count))
    whole = torch.cat(pictures).float().cpu().numpy()
    return check_finite(whole, "reconstructor")


def cost_of(engine: Engine, prepared: PreparedClip, hidden: Mask) -> Cost:
    """Measure what encoder and decoder cost behind a mask; arguments as `decoded_in_layers`."""

    def make() -> Cost:
        with engine.at_work():
            pixel_values = prepared.pixel_values.numpy()
            return _measure(engine.reconstructor, pixel_values, hidden.reshape(-1))

    cost: Cost = engine.keep(("cost", prepared.key, int(hidden.sum())), make)
    return cost


@on_gpu(LONGEST_PASS_S)
def _measure(
    reconstructor: Reconstructor, pixel_values: NDArray[np.float32], hidden: NDArray[np.bool_]
) -> Cost:
    model = reconstructor.model
    clip = torch.from_numpy(pixel_values).to(model.device)
    mask = torch.from_numpy(hidden)[None].to(model.device)
    count = int(hidden.sum())

    def timed(work: Callable[[], Tensor]) -> float:
        began = time.perf_counter()
        work()
        if model.device.type == "cuda":
            torch.cuda.synchronize(model.device)
        return time.perf_counter() - began

    with torch.inference_mode(), inference_precision(model.device):
        embedded = model.videomae.embeddings(clip)
        seen = model.videomae.embeddings(clip, mask)
        tokens = model.join(model.videomae.encoder(seen).last_hidden_state, mask, mask)
        parts: tuple[Callable[[], Tensor], ...] = (
            lambda: model.videomae.encoder(seen).last_hidden_state,
            lambda: model.videomae.encoder(embedded).last_hidden_state,
            lambda: model.decoder(tokens, count),
        )
        rounds: list[list[float]] = []
        began = time.perf_counter()
        # By turns, so that whatever else the machine does strikes all of them alike.
        while len(rounds) < MOST_ROUNDS and (
            not rounds or time.perf_counter() - began < MEASURED_S
        ):
            check_cancelled()
            rounds.append([timed(part) for part in parts])
    middle = [median(times) for times in zip(*rounds, strict=True)]
    return Cost(len(hidden) - count, len(hidden), *middle)


def encode_three(
    engine: Engine, for_recogniser: PreparedClip, for_reconstructor: PreparedClip, hidden: Mask
) -> tuple[Encoded, Encoded, Encoded]:
    """See a clip with an untrained encoder, a pretrained and a fine-tuned one.

    The untrained one has the reconstructor's architecture, and weights drawn from seed 0, its
    decoder's too. The fine-tuned one stands under the pretrained decoder, if it fits there.
    """

    def make() -> _Three:
        with engine.at_work():
            return _Three(
                _encode_three(
                    engine.recogniser,
                    engine.reconstructor,
                    for_recogniser.pixel_values.numpy(),
                    for_reconstructor.pixel_values.numpy(),
                    hidden.reshape(-1),
                )
            )

    key = ("three", for_recogniser.key, for_reconstructor.key, np.packbits(hidden).tobytes())
    three: _Three = engine.keep(key, make)
    return three.encoded


@dataclass(frozen=True, slots=True, eq=False)
class _Three:
    encoded: tuple[Encoded, Encoded, Encoded]

    @property
    def nbytes(self) -> int:
        return sum(one.nbytes for one in self.encoded)


@on_gpu(LONGEST_PASS_S)
def _encode_three(
    recogniser: Recogniser,
    reconstructor: Reconstructor,
    for_recogniser: NDArray[np.float32],
    for_reconstructor: NDArray[np.float32],
    hidden: NDArray[np.bool_],
) -> tuple[Encoded, Encoded, Encoded]:
    pretrained = reconstructor.model
    device = pretrained.device
    clip = torch.from_numpy(for_reconstructor).to(device)
    other = torch.from_numpy(for_recogniser).to(device)
    mask = torch.from_numpy(hidden)[None].to(device)
    with torch.random.fork_rng(devices=[]), torch.inference_mode(), inference_precision(device):
        torch.manual_seed(0)
        untrained = VideoMAEForPreTraining(pretrained.config).to(device).eval()
        return (
            _see(untrained.videomae, clip, untrained, clip, mask),
            _see(pretrained.videomae, clip, pretrained, clip, mask),
            _see(recogniser.model.videomae, other, grafted(recogniser, reconstructor), clip, mask),
        )


def _see(
    encoder: VideoMAEModel,
    clip: Tensor,
    whole: VideoMAEForPreTraining | None,
    masked_clip: Tensor,
    mask: Tensor,
) -> Encoded:
    recorder = AttentionRecorder()
    seen = encoder(clip, observer=recorder, before_layer=check_cancelled).last_hidden_state
    predicted = None
    if whole is not None:
        output = whole(masked_clip, mask, before_layer=check_cancelled)
        predicted = output.logits[0].float().cpu().numpy()
    return Encoded(seen[0].float().cpu().numpy(), recorder.clip().to_numpy(), predicted)


def grafted(recogniser: Recogniser, reconstructor: Reconstructor) -> VideoMAEForPreTraining | None:
    """Return the pretrained model with the fine-tuned encoder's layers; None if they do not fit.

    The norm between encoder and decoder stays the pretrained one where the classifier has none.
    """
    model = reconstructor.model
    theirs = recogniser.model.videomae.state_dict()
    own = model.videomae.state_dict()
    shapes = {name: value.shape for name, value in theirs.items()}
    if recogniser.card.grid != reconstructor.card.grid or any(
        own[name].shape != shapes.get(name, own[name].shape) for name in own
    ):
        return None
    if not set(shapes) <= set(own):
        return None
    changed = copy.deepcopy(model)
    changed.videomae.load_state_dict({**own, **theirs})
    return changed
