"""What the models say of frames that come from no file, as from a camera: nothing of it is kept.

Each moment is another one, so caches would fill with what nobody asks for again. On a CPU one core
has to do: moments come again and again, and whoever explores a clip meanwhile has the others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from videomae_demo.analysis.rollout import FusedAttention, Rollout, rollout, start_from_head
from videomae_demo.analysis.settings import DEFAULT_ROLLOUT
from videomae_demo.device import is_awaited, on_one_core, one_at_a_time
from videomae_demo.engine.clips import pixel_values_of
from videomae_demo.engine.engine import Engine
from videomae_demo.engine.passes import Record, predict, run
from videomae_demo.engine.roles import Recogniser, Reconstructor
from videomae_demo.errors import RequestError
from videomae_demo.masking import Mask

LOOKED = Record(attention="mean")


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """What the recogniser makes of a moment.

    Attributes
    ----------
    logits : ndarray
        (labels,) float32.
    rollout : Rollout
    awaited : bool
        Whether somebody else waited for the device meanwhile.
    """

    logits: NDArray[np.float32]
    rollout: Rollout
    awaited: bool


@dataclass(frozen=True, slots=True, eq=False)
class Imagined:
    """What the reconstructor makes of a moment.

    Attributes
    ----------
    predicted : ndarray
        (N_hidden, values of a token) float32.
    pixels : Tensor
        (T, C, H, W): the pixels that it is asked to predict.
    """

    predicted: NDArray[np.float32]
    pixels: Tensor


def look(engine: Engine, frames: NDArray[np.uint8]) -> Looked:
    """Name a moment, and roll the attention out.

    Parameters
    ----------
    engine : Engine
    frames : ndarray
        (T, H, W, 3) uint8, RGB: as many as the recogniser takes.

    Raises
    ------
    RequestError
        When they are of another number, shape or type.
    CheckpointError
        When the checkpoint can't be loaded, or gives values that are not finite.
    Cancelled
        When nobody waits any more.
    """
    recogniser = engine.recogniser
    pixel_values = _prepare(recogniser, frames)
    with one_at_a_time(engine.device), on_one_core():
        recorded = run(recogniser, pixel_values.numpy(), LOOKED)
        awaited = is_awaited(engine.device)
    assert recorded.attention is not None
    grid, config = recogniser.card.grid, recogniser.model.config
    head = start_from_head(grid, config.use_mean_pooling or not recogniser.card.label_count)
    attention = FusedAttention.from_numpy(recorded.attention[0])
    rolled = rollout(attention, head, grid, DEFAULT_ROLLOUT)
    return Looked(recorded.logits[0], rolled, awaited)


def imagine(engine: Engine, frames: NDArray[np.uint8], hidden: Mask) -> Imagined:
    """Predict the hidden tokens of a moment, (time, height, width) bool; the rest as in `look`."""
    reconstructor = engine.reconstructor
    pixel_values = _prepare(reconstructor, frames)
    with one_at_a_time(engine.device), on_one_core():
        predicted = predict(reconstructor, pixel_values.numpy(), hidden.reshape(-1))
    return Imagined(predicted, reconstructor.model.to_pixels(pixel_values)[0])


def _prepare(role: Recogniser | Reconstructor, frames: NDArray[np.uint8]) -> Tensor:
    """Return (1, T, C, H, W) float32, normalised."""
    count = role.card.frame_count
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[0] != count:
        raise RequestError(
            f"The frames are {frames.dtype} of shape {frames.shape}; give {count} of them as "
            "(T, H, W, 3) uint8."
        )
    return pixel_values_of(role.processor, frames)
