"""How near a reconstruction comes for every share that may be hidden, and for several masks each.

Owns the shares, the seeds, and what is said of all of them together; how one mask is measured is a
function that it is given. Needs no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from videomae_demo.cancellation import check_cancelled
from videomae_demo.config import TokenGrid
from videomae_demo.errors import RequestError, shown
from videomae_demo.masking import Mask, make_mask

RATIOS = tuple(round(0.05 * step, 2) for step in range(10, 20))
"""Of the tokens, that are asked to be hidden: 50 % to 95 %."""
SEEDS = (0, 1, 2, 3, 4)
"""Of the masks that are drawn for each share."""
SWEPT_KINDS = ("tube", "random", "frame")
"""The kinds of mask that can hide any of these shares."""
PREDICTION = "prediction"
"""What the model's own picture is called."""
_STANDS_IN = {"copied-in-time": "distance-weighted"}
"""Where nothing at all can be copied in time, that filling is the other one, by definition."""


@dataclass(frozen=True, slots=True)
class Measures:
    """How near the prediction and the fillings come behind one mask.

    Attributes
    ----------
    names : tuple of str
        "prediction", and the fillings as `analysis.reconstruction.Picture` names them.
    psnr_db : tuple of float
        Over the hidden pixels, in decibel; infinite where nothing differs.
    losses : tuple of float
        Mean squared error over the hidden tokens, in the space the decoder was trained in.
    leaks : tuple of bool
        Whether it was made with statistics of the hidden pixels.
    """

    names: tuple[str, ...]
    psnr_db: tuple[float, ...]
    losses: tuple[float, ...]
    leaks: tuple[bool, ...]

    @property
    def nbytes(self) -> int:
        """Memory taken, in bytes, roughly."""
        return sum(64 * len(getattr(self, field.name)) for field in fields(self))

    def values(self, name: str) -> tuple[float, float]:
        """Return PSNR and loss of one picture, or of what it is where it was not made."""
        at = self.names.index(name if name in self.names else _STANDS_IN[name])
        return self.psnr_db[at], self.losses[at]


@dataclass(frozen=True, slots=True, eq=False)
class Sweep:
    """Measures for each share and seed, as far as they are known.

    Attributes
    ----------
    kind : str
        Of the masks.
    seeds : tuple of int
    ratios : tuple of float
        The shares that were asked for, rising.
    hidden : ndarray
        (ratios,) float64: the share of the tokens that was hidden; whole patches or moments may not
        add up to the share that was asked for.
    names : tuple of str
        Of the pictures; the prediction first.
    leaks : tuple of bool
        One per picture, as in `Measures`.
    psnr_db, losses : ndarray
        (pictures, ratios, seeds) float64, as in `Measures`.
    done : float
        How much of the work is done, 0 to 1.
    """

    kind: str
    seeds: tuple[int, ...]
    ratios: tuple[float, ...]
    hidden: NDArray[np.float64]
    names: tuple[str, ...]
    leaks: tuple[bool, ...]
    psnr_db: NDArray[np.float64]
    losses: NDArray[np.float64]
    done: float

    @property
    def mean_db(self) -> NDArray[np.float64]:
        """The mean PSNR over the seeds, (pictures, ratios); infinite if one of them is."""
        mean: NDArray[np.float64] = self.psnr_db.mean(axis=-1)
        return mean

    @property
    def mean_losses(self) -> NDArray[np.float64]:
        """The mean loss over the seeds, (pictures, ratios)."""
        mean: NDArray[np.float64] = self.losses.mean(axis=-1)
        return mean

    @property
    def best_fillings(self) -> NDArray[np.intp]:
        """For each ratio, which picture is the nearest filling that leaks nothing, on average."""
        leaking = np.array(self.leaks)
        leaking[0] = True  # the prediction is no filling
        best: NDArray[np.intp] = np.where(leaking[:, None], -np.inf, self.mean_db).argmax(axis=0)
        return best

    @property
    def rivals(self) -> NDArray[np.intp]:
        """For each ratio, which picture the prediction is to be compared with.

        That is the best filling; for a prediction that leaks, the filling that is the leak alone.
        """
        if not self.leaks[0]:
            return self.best_fillings
        return np.full(len(self.ratios), self.leaks.index(True, 1))

    def nearest(self, ratio: float) -> int:
        """Return which of the ratios is nearest to one."""
        return int(np.abs(np.array(self.ratios) - ratio).argmin())


MeasureEach = Callable[[Mask], Sequence[Measures]]
"""From masks, (n, time, height, width), to the measures behind each of them."""
LookUp = Callable[[Mask], Sequence[Measures | None]]
"""The same of what is known already; None for a mask that was not measured."""


def sweep_ratios(
    kind: str,
    grid: TokenGrid,
    measure_each: MeasureEach,
    *,
    ratios: Sequence[float] = RATIOS,
    seeds: Sequence[int] = SEEDS,
) -> Iterator[Sweep]:
    """Measure several masks of each share; yield what is known after each share.

    Parameters
    ----------
    kind : str
        One of `SWEPT_KINDS`.
    grid : TokenGrid
    measure_each : callable
        Is asked once for each share, about the masks of all seeds in order.

    Raises
    ------
    RequestError
        When the kind can't hide any share, or can't hide one of these on this grid.
    Cancelled
        Between two shares, when nobody waits any more.
    """
    check_kind(kind)
    rows: list[Sequence[Measures]] = []
    hidden = []
    for ratio in ratios:
        check_cancelled()
        masks = _draw(kind, grid, ratio, seeds)
        rows.append(measure_each(masks))
        hidden.append(float(masks.mean()))
        yield _join(kind, seeds, ratios[: len(rows)], hidden, rows, len(rows) / len(ratios))


def known_sweep(
    kind: str,
    grid: TokenGrid,
    look_up: LookUp,
    *,
    ratios: Sequence[float] = RATIOS,
    seeds: Sequence[int] = SEEDS,
) -> Sweep | None:
    """Return what is known of a sweep without measuring anything; None if no share is.

    Errors as in `sweep_ratios`.
    """
    check_kind(kind)
    rows, hidden, known = [], [], []
    for ratio in ratios:
        masks = _draw(kind, grid, ratio, seeds)
        found = [measures for measures in look_up(masks) if measures is not None]
        if len(found) == len(seeds):
            rows.append(found)
            hidden.append(float(masks.mean()))
            known.append(ratio)
    return _join(kind, seeds, known, hidden, rows, len(rows) / len(ratios)) if rows else None


def check_kind(kind: str) -> None:
    """Raise a RequestError if a kind of mask can't hide any share."""
    if kind not in SWEPT_KINDS:
        raise RequestError(
            f"Masks of the kind {shown(kind)} can't hide every share; choose "
            f"{', '.join(SWEPT_KINDS)}."
        )


def _draw(kind: str, grid: TokenGrid, ratio: float, seeds: Sequence[int]) -> Mask:
    return np.stack([make_mask(kind, grid, ratio, seed) for seed in seeds])


def _join(
    kind: str,
    seeds: Sequence[int],
    ratios: Sequence[float],
    hidden: Sequence[float],
    rows: Sequence[Sequence[Measures]],
    done: float,
) -> Sweep:
    # In the order of the mask that has most of them.
    fullest = max((measures for row in rows for measures in row), key=lambda m: len(m.names))
    names = fullest.names
    values = np.array([[[m.values(name) for m in row] for row in rows] for name in names])
    return Sweep(
        kind=kind,
        seeds=tuple(seeds),
        ratios=tuple(ratios),
        hidden=np.array(hidden),
        names=names,
        leaks=fullest.leaks,
        psnr_db=values[..., 0],
        losses=values[..., 1],
        done=done,
    )
