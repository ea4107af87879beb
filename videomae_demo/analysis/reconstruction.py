"""The decoder's prediction as pixels, beside baselines without a model, all measured alike.

A decoder trained with ``norm_pix_loss`` predicts pixels normalised per token. To show them as a
picture the hidden tokens' true mean and contrast must be put back, which **leaks** them: such
pictures are marked, and stand beside the true-patch-mean baseline, which shows the leak alone. A
decoder of plain pixels leaks nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from videomae_demo.analysis.colours import AS_THE_MODEL_HAS_THEM, TrueColours
from videomae_demo.analysis.filling import LEAKING, fillings
from videomae_demo.analysis.sweeping import PREDICTION, Measures
from videomae_demo.config import VideoMAEConfig
from videomae_demo.errors import RequestError
from videomae_demo.model.patches import (
    denormalise_tokens,
    normalise_differences,
    normalise_tokens,
    patchify,
    token_statistics,
    unpatchify,
)

NORMALISED_RANGE = 3.0
"""A raw normalised prediction is shown from -3 deviations (black) over 0 (grey) to 3 (white)."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A clip whose hidden tokens some method filled in; the visible ones are the original's.

    Attributes
    ----------
    name : str
        "prediction", or how the hidden tokens were filled without a model: "visible-mean",
        "distance-weighted", "nearest-visible", "copied-in-time" or "true-patch-mean".
    frames : ndarray
        (T, H, W, C) float32 in 0..1.
    psnr_db : float
        Peak signal-to-noise ratio over the hidden pixels, in decibel; higher is nearer to the
        original.
    leaks : bool
        True if it was made with statistics of the hidden pixels.
    """

    name: str
    frames: NDArray[np.float32]
    psnr_db: float
    leaks: bool


@dataclass(frozen=True, slots=True, eq=False)
class Reconstruction:
    """A masked clip, the prediction and the baselines.

    Attributes
    ----------
    mask : ndarray
        (time, height, width) bool, True = hidden.
    target : ndarray
        (T, H, W, C) float32 in 0..1: the original.
    prediction : Picture
    baselines : tuple of Picture
    normalised : ndarray or None
        (T, H, W, C) float32 in 0..1: the raw prediction of a ``norm_pix_loss`` decoder, mid-grey
        where a pixel is at its token's mean (`NORMALISED_RANGE` deviations up and down); None for a
        decoder of pixels.
    token_error : ndarray
        (time, height, width) float32: mean squared pixel error of the prediction; NaN where
        visible.
    loss : float
        Mean squared error in the space the decoder was trained in.
    """

    mask: NDArray[np.bool_]
    target: NDArray[np.float32]
    prediction: Picture
    baselines: tuple[Picture, ...]
    normalised: NDArray[np.float32] | None
    token_error: NDArray[np.float32]
    loss: float

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """The prediction and the baselines."""
        return self.prediction, *self.baselines

    @property
    def best_filling(self) -> Picture:
        """The filling that leaks nothing and is nearest to the original; the first of equals."""
        return max((p for p in self.baselines if not p.leaks), key=lambda p: p.psnr_db)

    @property
    def rival(self) -> Picture:
        """What the prediction is to be compared with.

        That is the best filling; for a prediction that leaks, the baseline that is the leak alone.
        """
        if not self.prediction.leaks:
            return self.best_filling
        return next(picture for picture in self.baselines if picture.leaks)

    @property
    def never_visible(self) -> int:
        """How many hidden tokens have no visible one at the same place at any other time."""
        return int((self.mask & self.mask.all(axis=0)).sum())


def reconstruct(
    predicted: Tensor,
    clip: Tensor,
    mask: NDArray[np.bool_],
    config: VideoMAEConfig,
    colours: TrueColours = AS_THE_MODEL_HAS_THEM,
) -> Reconstruction:
    """Put a decoder's output back into its clip and measure it.

    Parameters
    ----------
    predicted : Tensor
        (N_hidden, tubelet_size * patch_size**2 * C): the decoder's output for the hidden tokens, in
        order.
    clip : Tensor
        (T, C, H, W) the original, in the pixels that the model is asked to predict.
    mask : ndarray
        (time, height, width) bool, True = hidden.
    colours : TrueColours
        Turns those pixels into pixels in 0..1. The loss is measured before, all pictures after.

    Raises
    ------
    RequestError
        When the shapes do not belong together.
    """
    filled = fill(predicted, clip, mask, config, colours)
    tokens, hidden, leaks = filled.tokens, filled.hidden, filled.leaks

    def frames(values: Tensor) -> NDArray[np.float32]:
        whole = tokens.clone()
        whole[hidden] = values
        return frames_of(whole, config)

    prediction, *baselines = (
        Picture(name, frames(values), filled.psnr_db(name), leaks[name])
        for name, values in filled.values.items()
    )
    error = torch.full((config.grid.tokens,), math.nan)
    error[hidden] = (filled.values[PREDICTION] - tokens[hidden]).square().mean(dim=1)
    return Reconstruction(
        mask=mask,
        target=frames_of(tokens, config),
        prediction=prediction,
        baselines=tuple(baselines),
        normalised=None if filled.raw is None else frames(filled.raw),
        token_error=error.reshape(config.grid.shape).numpy(),
        loss=filled.losses[PREDICTION],
    )


def measure(
    predicted: Tensor,
    clip: Tensor,
    mask: NDArray[np.bool_],
    config: VideoMAEConfig,
    colours: TrueColours = AS_THE_MODEL_HAS_THEM,
) -> Measures:
    """Measure a decoder's output and the fillings, without their pictures; see `reconstruct`.

    A filling's loss is that of a decoder that would have predicted it, in the space in which this
    one was trained.
    """
    filled = fill(predicted, clip, mask, config, colours)
    return Measures(
        names=tuple(filled.values),
        psnr_db=tuple(filled.psnr_db(name) for name in filled.values),
        losses=tuple(filled.losses.values()),
        leaks=tuple(filled.leaks.values()),
    )


def psnr_db(error: float) -> float:
    """Return the PSNR of pixels in 0..1 with this mean squared error; infinite if there is none."""
    return math.inf if error == 0 else -10 * math.log10(error)


@dataclass(frozen=True, slots=True, eq=False)
class Filled:
    """What the hidden tokens are filled with, by the model and without it.

    Attributes
    ----------
    tokens : Tensor
        (N, P) the original, in 0..1.
    hidden : Tensor
        (N,) bool.
    values : dict of str to Tensor
        (N_hidden, P) in 0..1, by the pictures' names; the prediction first.
    losses : dict of str to float
        By the same names.
    raw : Tensor or None
        (N_hidden, P) in 0..1: the raw prediction of a ``norm_pix_loss`` decoder.
    """

    tokens: Tensor
    hidden: Tensor
    values: dict[str, Tensor]
    losses: dict[str, float]
    raw: Tensor | None

    def psnr_db(self, name: str) -> float:
        """Measure one of the fillings over the hidden pixels."""
        return psnr_db((self.values[name] - self.tokens[self.hidden]).square().mean().item())

    @property
    def leaks(self) -> dict[str, bool]:
        """Which of them were made with statistics of the hidden pixels."""
        return {
            name: name == LEAKING or (name == PREDICTION and self.raw is not None)
            for name in self.values
        }


def fill(
    predicted: Tensor,
    clip: Tensor,
    mask: NDArray[np.bool_],
    config: VideoMAEConfig,
    colours: TrueColours = AS_THE_MODEL_HAS_THEM,
) -> Filled:
    """Put a decoder's output and the fillings into the hidden tokens; see `reconstruct`."""
    grid = config.grid
    if mask.shape != grid.shape or len(predicted) != mask.sum():
        raise RequestError(
            f"A mask of shape {mask.shape} with {int(mask.sum())} hidden tokens does not fit the "
            f"grid {grid.shape} and {len(predicted)} predicted tokens."
        )
    predicted, clip = predicted.detach().float().cpu(), clip.detach().float().cpu()
    hidden = torch.from_numpy(mask.reshape(-1))
    tokens = patchify(clip[None], config.tubelet_size, config.patch_size)[0]  # (N, P)
    pixels, loss, raw, statistics = predicted, predicted - tokens[hidden], None, None
    if config.norm_pix_loss:
        statistics = token_statistics(tokens[None, hidden], config.num_channels)
        loss = predicted - normalise_tokens(tokens[None, hidden], statistics)[0]
        pixels = denormalise_tokens(predicted[None], statistics)[0]
        raw = 0.5 + predicted / (2 * NORMALISED_RANGE)
    tokens = colours.of(tokens)
    values = fillings(tokens, hidden, config)
    losses = {PREDICTION: float(loss.square().mean())}
    for name, value in values.items():
        error = colours.difference_back(value - tokens[hidden])
        if statistics is not None:
            error = normalise_differences(error[None], statistics)[0]
        losses[name] = float(error.square().mean())
    values = {PREDICTION: colours.of(pixels).clamp(0, 1), **values}
    return Filled(tokens, hidden, values, losses, raw)


def frames_of(tokens: Tensor, config: VideoMAEConfig) -> NDArray[np.float32]:
    """Return tokens, (N, P) in 0..1, as frames, (T, H, W, C)."""
    clip = unpatchify(tokens[None], config.grid, config.tubelet_size, config.patch_size)[0]
    frames: NDArray[np.float32] = clip.clamp(0, 1).permute(0, 2, 3, 1).contiguous().numpy()
    return frames
