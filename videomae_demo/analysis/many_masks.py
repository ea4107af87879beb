"""What many masks of one kind say of a clip together: the mean prediction, and maps of each token.

A token that is hard to predict from whatever is visible has a large error; one whose prediction
depends on what is visible, a large spread. *Surprise* is the error less that of the
distance-weighted filling: what the model finds harder than a mere blend of what is near. It is no
detector of anomalies: autoencoders rebuild those well, too (arXiv 2303.05112).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from videomae_demo.analysis.colours import AS_THE_MODEL_HAS_THEM, TrueColours
from videomae_demo.analysis.filling import DISTANCE_WEIGHTED
from videomae_demo.analysis.reconstruction import fill, frames_of
from videomae_demo.analysis.sweeping import PREDICTION
from videomae_demo.config import TokenGrid, VideoMAEConfig
from videomae_demo.errors import RequestError
from videomae_demo.masking import MASK_KINDS, Mask, make_mask

MOST_MASKS = 128


@dataclass(frozen=True, slots=True, eq=False)
class ManyMasks:
    """What many masks say together; of a token that no mask has hidden yet, NaN.

    Attributes
    ----------
    masks, planned : int
        How many are tried, and how many are to be.
    times : ndarray
        (time, height, width) int64: how often each token was hidden.
    mean : ndarray
        (T, H, W, C) float32 in 0..1: the mean of each token's predictions; black where there is
        none yet.
    spread, error, filling_error : ndarray
        (time, height, width) float32, RMS of pixels in 0..1: how far predictions lie from their
        mean; how far they lie from the original; and how far the distance-weighted filling does.
    leaks : bool
        Whether the predictions were made with statistics of the hidden pixels.
    """

    masks: int
    planned: int
    times: NDArray[np.int64]
    mean: NDArray[np.float32]
    spread: NDArray[np.float32]
    error: NDArray[np.float32]
    filling_error: NDArray[np.float32]
    leaks: bool

    @property
    def done(self) -> float:
        """How many of the masks are tried, 0..1."""
        return self.masks / self.planned

    @property
    def surprise(self) -> NDArray[np.float32]:
        """The error less the filling's, (time, height, width) float32: above 0, the model loses."""
        surprise: NDArray[np.float32] = self.error - self.filling_error
        return surprise

    @property
    def nbytes(self) -> int:
        """Memory taken, in bytes."""
        maps = (self.times, self.mean, self.spread, self.error, self.filling_error)
        return sum(values.nbytes for values in maps)


def masks_that_cover(
    kind: str, grid: TokenGrid, ratio: float, times: int, first_seed: int = 0
) -> Mask:
    """Draw masks from one seed after another until each token is hidden `times` times.

    Returns
    -------
    (n, time, height, width) bool

    Raises
    ------
    RequestError
        When masks of this kind aren't drawn from seeds, or `MOST_MASKS` of them don't suffice.
    """
    if kind not in MASK_KINDS:
        raise RequestError(
            f"Of the kind {kind!r} there is one mask for each share, so many can't be drawn; "
            f"choose {', '.join(MASK_KINDS)}."
        )
    masks: list[Mask] = []
    count = np.zeros(grid.shape, np.int64)
    while count.min() < times:
        if len(masks) == MOST_MASKS:
            raise RequestError(
                f"After {MOST_MASKS} masks of {ratio:.0%}, a token was hidden {count.min()} times "
                f"and not {times}: hide a larger share."
            )
        masks.append(make_mask(kind, grid, ratio, first_seed + len(masks)))
        count += masks[-1]
    return np.stack(masks)


class Together:
    """Adds up what is predicted behind one mask after another.

    Parameters
    ----------
    clip : Tensor
        (T, C, H, W) the original, in the pixels that the model is asked to predict.
    config : VideoMAEConfig
    colours : TrueColours
        As in `reconstruction.reconstruct`.
    """

    def __init__(
        self,
        clip: Tensor,
        config: VideoMAEConfig,
        colours: TrueColours = AS_THE_MODEL_HAS_THEM,
    ) -> None:
        self._clip, self._config, self._colours = clip, config, colours
        tokens = config.grid.tokens
        # In double precision, so that the variance is not what rounding leaves of it.
        self._sum = torch.zeros(tokens, config.token_values, dtype=torch.float64)
        self._squares = torch.zeros_like(self._sum)
        self._error = torch.zeros(tokens, dtype=torch.float64)
        self._filling = torch.zeros(tokens, dtype=torch.float64)
        self._times = torch.zeros(tokens, dtype=torch.int64)
        self.masks = 0
        """How many were added."""
        self._leaks = False

    def add(self, predicted: Tensor, mask: Mask) -> None:
        """Add a decoder's output, (N_hidden, values of a token), behind a mask."""
        filled = fill(predicted, self._clip, mask, self._config, self._colours)
        hidden, true = filled.hidden, filled.tokens[filled.hidden]
        values = filled.values[PREDICTION].double()
        self._sum[hidden] += values
        self._squares[hidden] += values.square()
        self._error[hidden] += (values - true).square().mean(dim=1)
        self._filling[hidden] += (
            (filled.values[DISTANCE_WEIGHTED] - true).double().square().mean(dim=1)
        )
        self._times[hidden] += 1
        self.masks += 1
        self._leaks = filled.leaks[PREDICTION]

    def found(self, planned: int) -> ManyMasks:
        """Return what is known by now; `planned` masks are to be added in all."""
        shape = self._config.grid.shape
        times = self._times.double()

        def rms(squares: Tensor) -> NDArray[np.float32]:
            rooted: NDArray[np.float32] = squares.clamp(min=0).sqrt().float().reshape(shape).numpy()
            return rooted

        mean = self._sum / times[:, None]
        variance = self._squares / times[:, None] - mean.square()
        return ManyMasks(
            masks=self.masks,
            planned=planned,
            times=self._times.reshape(shape).numpy().copy(),
            mean=frames_of(mean.nan_to_num(0).float(), self._config),
            spread=rms(variance.mean(dim=1)),
            error=rms(self._error / times),
            filling_error=rms(self._filling / times),
            leaks=self._leaks,
        )
