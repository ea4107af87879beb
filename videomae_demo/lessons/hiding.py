"""What is hidden: guessing a patch, tubes beside tokens anywhere, the loss, and what is predicted.

Works out the steps about masks from reconstructions of the clip, and puts their numbers into words.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from videomae_demo.analysis.filling import LEAKING
from videomae_demo.analysis.reconstruction import NORMALISED_RANGE, Picture, psnr_db
from videomae_demo.config import VideoMAEConfig
from videomae_demo.errors import RequestError
from videomae_demo.lenses.answer import share
from videomae_demo.lenses.pictures import PICTURE_TITLES, decibels, in_decibel
from videomae_demo.lenses.reconstruct import ReconstructionView
from videomae_demo.lenses.sweep import told_loss
from videomae_demo.model.patches import (
    normalise_tokens,
    patchify,
    token_statistics,
    unpatchify,
)

Place = tuple[int, int, int]
"""A token: time, row, column."""

CANDIDATES = 4
TOO_ALIKE_DB = (17.0, 20.0, 24.0)
"""A patch this near to the truth, or nearer, is no fair choice beside it; the first is tried first,
the others in clips with little to see."""
BUSY_SHARE = 0.15
"""Among so many of the hidden tokens, the busiest ones, a patch to guess is drawn."""


@dataclass(frozen=True, slots=True)
class Guess:
    """A patch to guess.

    Attributes
    ----------
    place : Place
        The hidden token.
    candidates : tuple of Place
        Whose pixels are offered; one of them is `place`.
    psnr_db : tuple of float
        How near each candidate is to the truth, over the token; infinite for the truth.
    model_db : float
        How near the model came there.
    """

    place: Place
    candidates: tuple[Place, ...]
    psnr_db: tuple[float, ...]
    model_db: float

    @property
    def truth(self) -> int:
        """Which candidate is right."""
        return self.candidates.index(self.place)


def make_guess(view: ReconstructionView, seed: int) -> Guess:
    """Draw a hidden token that has something to show, and three others of the same clip.

    Raises
    ------
    RequestError
        When the clip has no patches that differ enough.
    """
    result, random = view.reconstruction, np.random.default_rng(seed)
    tokens = _cut(result.target, result.mask.shape).numpy()[0]  # (N, values)
    hidden = np.flatnonzero(result.mask)
    busy = tokens[hidden].std(axis=1)
    first = hidden[np.argsort(-busy, kind="stable")][: max(1, int(BUSY_SHARE * len(hidden)))]
    order = random.permutation(first)
    for too_alike_db, truth in ((limit, one) for limit in TOO_ALIKE_DB for one in order):
        near = _near_db(tokens, tokens[truth])
        others = np.flatnonzero(near < too_alike_db)
        # The likeliest ones make a guess worth making.
        others = others[np.argsort(-near[others], kind="stable")][: 8 * CANDIDATES]
        chosen: list[int] = []
        for other in random.permutation(others):
            if all(_near_db(tokens[[other]], tokens[one])[0] < too_alike_db for one in chosen):
                chosen.append(int(other))
        if len(chosen) < CANDIDATES - 1:
            continue
        drawn = random.permutation([int(truth), *chosen[: CANDIDATES - 1]])
        places = [_place(int(index), result.mask.shape) for index in drawn]
        place = _place(int(truth), result.mask.shape)
        return Guess(
            place,
            tuple(places),
            tuple(float(near[index]) for index in drawn),
            psnr_db(float(result.token_error[place])),
        )
    raise RequestError(
        f"No {CANDIDATES} patches of this clip differ enough to be told apart; choose a clip in "
        "which more can be seen."
    )


def _near_db(tokens: NDArray[np.float32], truth: NDArray[np.float32]) -> NDArray[np.float64]:
    error = np.square(tokens.astype(np.float64) - truth).mean(axis=1)
    with np.errstate(divide="ignore"):
        near: NDArray[np.float64] = -10 * np.log10(error)
    return near


def _cut(frames: NDArray[np.float32], grid: tuple[int, ...]) -> Tensor:
    """Cut (T, H, W, 3) frames into tokens, (1, N, values)."""
    clip = torch.from_numpy(frames).permute(0, 3, 1, 2)[None]
    return patchify(clip, len(frames) // grid[0], frames.shape[1] // grid[1])


def _place(index: int, grid: tuple[int, ...]) -> Place:
    time, row, column = np.unravel_index(index, grid)
    return int(time), int(row), int(column)


@dataclass(frozen=True, slots=True, eq=False)
class Tubes:
    """The same share hidden in tubes, and anywhere."""

    tube: ReconstructionView
    anywhere: ReconstructionView

    def copied(self) -> Picture | None:
        """Return what copying makes of the mask that hides anywhere; None if nothing can be."""
        pictures = self.anywhere.reconstruction.baselines
        return next((one for one in pictures if one.name == "copied-in-time"), None)

    def sentences(self) -> list[str]:
        """Say what copying gives behind either mask, and what the model does."""
        anywhere, tube = self.anywhere.reconstruction, self.tube.reconstruction
        copied = self.copied()
        hidden, lost = int(anywhere.mask.sum()), anywhere.never_visible
        if copied is None:
            first = "Hidden anywhere: no hidden place is visible at another moment here."
        else:
            gain = round(copied.psnr_db, 1) - round(anywhere.prediction.psnr_db, 1)
            model = decibels(anywhere.prediction, "dB")
            if math.isnan(gain) or gain == 0:
                compared = f"as near as the model ({model})"
            else:
                nearer = "nearer than" if gain > 0 else "not as near as"
                compared = f"{nearer} the model ({model})"
            first = (
                f"Hidden anywhere: {share((hidden - lost) / hidden)} of the hidden tokens are "
                f"visible at another moment, and copying them gives {decibels(copied, 'dB')}, "
                f"{compared}."
            )
        second = (
            f"Hidden in tubes: {share(1 - tube.never_visible / int(tube.mask.sum()))} can be "
            f"copied. The best filling, {PICTURE_TITLES[tube.best_filling.name]}, gives "
            f"{decibels(tube.best_filling, 'dB')}, and the model {decibels(tube.prediction, 'dB')}."
        )
        return [first, second]


@dataclass(frozen=True, slots=True, eq=False)
class Graded:
    """How a reconstruction is graded."""

    view: ReconstructionView

    @property
    def hardest(self) -> Place:
        """The hidden token with the largest error."""
        error = self.view.reconstruction.token_error
        return _place(int(np.nanargmax(error)), error.shape)

    def sentences(self) -> list[str]:
        """Say the loss, over how many tokens, and where the model is furthest off."""
        result = self.view.reconstruction
        hidden = int(result.mask.sum())
        error = np.sqrt(result.token_error)
        time, row, column = self.hardest
        at_s = float(self.view.clip.timestamps_s[time * self.view.checkpoint.tubelet_size])
        space = " of normalised pixels" if result.normalised is not None else ""
        return [
            f"Loss{space}: {told_loss(result.loss)}, the mean over {hidden} hidden tokens. The "
            f"{result.mask.size - hidden} visible ones count for nothing.",
            f"Furthest off at {at_s:.2f} s, row {row}, column {column}: an error of "
            f"{100 * float(error[self.hardest]):.0f}% of the range from black to white, where half "
            f"of the tokens have {100 * float(np.nanmedian(error)):.0f}% or less.",
        ]


@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """What a decoder of normalised pixels is asked to predict, and what leaks to show it.

    Attributes
    ----------
    view : ReconstructionView
    pattern : ndarray
        (T, H, W, 3) float32 in 0..1: every token less its mean, divided by its contrast, mid-grey
        at its mean.
    leak : Picture
        The leak alone: each hidden token's true mean.
    """

    view: ReconstructionView
    pattern: NDArray[np.float32]
    leak: Picture

    def sentences(self) -> list[str]:
        """Say what these weights predict, and how near the leak alone comes."""
        result = self.view.reconstruction
        best = result.best_filling
        leaks = result.prediction.leaks
        own = (
            "These weights predict normalised pixels, so their picture is shown with the leak"
            if leaks
            else "These weights predict plain pixels, so their picture leaks nothing"
        )
        gain = round(self.leak.psnr_db, 1) - round(best.psnr_db, 1)
        word = "more" if gain > 0 else "less"
        compared = f"{abs(gain):.1f} dB {word} than" if gain else "as much as"
        return [
            f"{own}: {decibels(result.prediction, 'dB')}.",
            f"The leak alone, the true mean of every hidden token, gives "
            f"{decibels(self.leak, 'dB')}, {compared} the best honest filling "
            f"({PICTURE_TITLES[best.name]}, {in_decibel(best.psnr_db, 'dB')}).",
        ]


def make_targets(view: ReconstructionView, config: VideoMAEConfig) -> Targets:
    """Work out the pattern of every token of a clip, and the mean of the hidden ones."""
    result = view.reconstruction
    tokens = _cut(result.target, result.mask.shape)
    statistics = token_statistics(tokens, config.num_channels)
    patterns = 0.5 + normalise_tokens(tokens, statistics) / (2 * NORMALISED_RANGE)
    hidden = torch.from_numpy(result.mask.reshape(-1))
    means = statistics.mean.expand(-1, -1, config.token_values // config.num_channels, -1)
    leaked = torch.where(hidden[None, :, None], means.flatten(-2), tokens)
    near = psnr_db(float((leaked - tokens)[0, hidden].square().mean()))

    def frames(values: Tensor) -> NDArray[np.float32]:
        whole = unpatchify(values, config.grid, config.tubelet_size, config.patch_size)[0]
        return whole.clamp(0, 1).permute(0, 2, 3, 1).contiguous().numpy()

    return Targets(view, frames(patterns), Picture(LEAKING, frames(leaked), near, leaks=True))
