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
from videomae_demo.config import TokenGrid, VideoMAEConfig
from videomae_demo.errors import RequestError
from videomae_demo.model.patches import (
    denormalise_tokens,
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
    grid = config.grid
    if mask.shape != grid.shape or len(predicted) != mask.sum():
        raise RequestError(
            f"A mask of shape {mask.shape} with {int(mask.sum())} hidden tokens does not fit the "
            f"grid {grid.shape} and {len(predicted)} predicted tokens."
        )
    predicted, clip = predicted.detach().float().cpu(), clip.detach().float().cpu()
    hidden = torch.from_numpy(mask.reshape(-1))
    tokens = patchify(clip[None], config.tubelet_size, config.patch_size)[0]  # (N, P)
    pixels, loss, raw = predicted, predicted - tokens[hidden], None
    if config.norm_pix_loss:
        statistics = token_statistics(tokens[None, hidden], config.num_channels)
        loss = predicted - normalise_tokens(tokens[None, hidden], statistics)[0]
        pixels = denormalise_tokens(predicted[None], statistics)[0]
        raw = 0.5 + predicted / (2 * NORMALISED_RANGE)
    tokens, pixels = colours.of(tokens), colours.of(pixels)
    filled = _filled(tokens, hidden, pixels.clamp(0, 1))
    error = torch.full((grid.tokens,), math.nan)
    error[hidden] = (filled - tokens)[hidden].square().mean(dim=1)
    return Reconstruction(
        mask=mask,
        target=_frames(tokens, config),
        prediction=_picture("prediction", filled, tokens, hidden, config, config.norm_pix_loss),
        baselines=_baselines(tokens, hidden, config),
        normalised=None if raw is None else _frames(_filled(tokens, hidden, raw), config),
        token_error=error.reshape(grid.shape).numpy(),
        loss=float(loss.square().mean()),
    )


def _baselines(tokens: Tensor, hidden: Tensor, config: VideoMAEConfig) -> tuple[Picture, ...]:
    """Fill the hidden tokens without a model; true-patch-mean only where the decoder leaks too."""
    by_pixel = tokens.unflatten(-1, (-1, config.num_channels))
    colours = by_pixel.double().mean(dim=1).float()  # (N, C), exact where a patch has one colour
    pixels_per_token = config.token_values // config.num_channels
    near = _Neighbours.of(config.grid, hidden)
    fills = {
        "visible-mean": colours[~hidden].mean(0).expand(int(hidden.sum()), -1),
        "distance-weighted": near.weights @ colours[~hidden],
    }
    painted = {name: fill.repeat(1, pixels_per_token) for name, fill in fills.items()}
    painted["nearest-visible"] = tokens[~hidden][near.nearest]
    if near.is_copied.any():
        copied = near.is_copied[:, None]
        painted["copied-in-time"] = torch.where(
            copied, tokens[~hidden][near.same_place], painted["distance-weighted"]
        )
    if config.norm_pix_loss:
        painted["true-patch-mean"] = colours[hidden].repeat(1, pixels_per_token)
    return tuple(
        _picture(
            name, _filled(tokens, hidden, values), tokens, hidden, config, name.startswith("true")
        )
        for name, values in painted.items()
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Neighbours:
    """Which visible tokens each hidden one is filled from.

    In space, a hidden token is filled from its own slice of time. If all of that slice is hidden,
    it is filled from the nearest slice that has something visible, or from both if two are equally
    near.

    Attributes
    ----------
    nearest : Tensor
        (N_hidden,) the visible token at the nearest place; at equal distances, the earliest slice,
        then the first in order.
    weights : Tensor
        (N_hidden, N_visible) shares that sum to 1 and fall with the square of the distance in
        patches. If the same place is visible, it has the whole weight.
    same_place : Tensor
        (N_hidden,) the visible token at the same place at the nearest time, the earlier of two.
    is_copied : Tensor
        (N_hidden,) bool: False where the same place is never visible, and `same_place` means
        nothing.
    """

    nearest: Tensor
    weights: Tensor
    same_place: Tensor
    is_copied: Tensor

    @classmethod
    def of(cls, grid: TokenGrid, hidden: Tensor) -> _Neighbours:
        """Find them; whole numbers throughout, since floats would round small distances away."""
        axes = torch.meshgrid(*(torch.arange(size) for size in grid.shape), indexing="ij")
        places = torch.stack(axes, dim=-1).reshape(-1, 3)  # (N, 3)
        between = (places[hidden][:, None] - places[~hidden][None]).abs()
        after, apart = between[..., 0], between[..., 1:].square().sum(dim=-1)
        is_near = after == after.amin(dim=1, keepdim=True)
        apart_when_near = torch.where(is_near, apart, grid.patches**2)
        is_same = apart == 0
        never = grid.time
        waits = torch.where(is_same, after, never)
        return cls(
            nearest=apart_when_near.argmin(dim=1),
            weights=_shares(apart, is_near),
            same_place=waits.argmin(dim=1),
            is_copied=is_same.any(dim=1),
        )


def _shares(apart: Tensor, is_near: Tensor) -> Tensor:
    """Weigh by ``1 / distance**2``; a place at distance 0 leaves nothing to the others."""
    is_here = is_near & (apart == 0)
    by_distance = torch.where(is_near, 1 / apart.clamp(min=1).double(), 0.0)
    weights = torch.where(is_here.any(dim=1, keepdim=True), is_here.double(), by_distance)
    return (weights / weights.sum(dim=1, keepdim=True)).float()


def _filled(tokens: Tensor, hidden: Tensor, values: Tensor) -> Tensor:
    filled = tokens.clone()
    filled[hidden] = values
    return filled


def _frames(tokens: Tensor, config: VideoMAEConfig) -> NDArray[np.float32]:
    clip = unpatchify(tokens[None], config.grid, config.tubelet_size, config.patch_size)[0]
    frames: NDArray[np.float32] = clip.clamp(0, 1).permute(0, 2, 3, 1).contiguous().numpy()
    return frames


def _picture(
    name: str, filled: Tensor, tokens: Tensor, hidden: Tensor, config: VideoMAEConfig, leaks: bool
) -> Picture:
    error = (filled - tokens)[hidden].square().mean().item()
    psnr_db = math.inf if error == 0 else -10 * math.log10(error)
    return Picture(name, _frames(filled, config), psnr_db, leaks)
