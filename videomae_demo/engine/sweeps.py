"""Many masks over one clip, as a stream: how near the reconstruction comes behind each of them.

Joins the reconstructor's passes with the question of `analysis.sweeping`. The measures of every
mask are kept, so that a sweep which is asked for again computes only what is new; they are small.
Predictions are not, so those of one seed alone are kept beside them.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterator
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from videomae_demo.analysis.colours import TrueColours
from videomae_demo.analysis.many_masks import ManyMasks, Together, masks_that_cover
from videomae_demo.analysis.reconstruction import measure
from videomae_demo.analysis.sweeping import SEEDS, Measures, Sweep, known_sweep, sweep_ratios
from videomae_demo.cancellation import check_cancelled
from videomae_demo.engine.clips import PreparedClip
from videomae_demo.engine.engine import Engine, prediction_key
from videomae_demo.engine.passes import masks_at_once, predict_each
from videomae_demo.masking import Mask


def sweep(engine: Engine, prepared: PreparedClip, kind: str, seed: int = 0) -> Iterator[Sweep]:
    """Measure the reconstruction behind masks of each share; yield what is known after each.

    Parameters
    ----------
    engine : Engine
    prepared : PreparedClip
        For the reconstructor.
    kind : str
        Of the masks; errors as in `analysis.sweeping.sweep_ratios`.
    seed : int
        Whose predictions are kept, too: those that are likely to be asked for next.
    """
    ask = partial(measure_each, engine, prepared, keeps=SEEDS.index(seed) if seed in SEEDS else -1)
    yield from sweep_ratios(kind, engine.reconstructor.card.grid, ask)


def what_is_known(engine: Engine, prepared: PreparedClip, kind: str) -> Sweep | None:
    """Return as much of a sweep as is kept, without running a model; None if no share is."""

    def look_up(masks: Mask) -> list[Measures | None]:
        return [engine.known(_key(prepared, mask)) for mask in masks]

    return known_sweep(kind, engine.reconstructor.card.grid, look_up)


def many_masks(
    engine: Engine, prepared: PreparedClip, kind: str, ratio: float, times: int, first_seed: int = 0
) -> Iterator[ManyMasks]:
    """Predict behind many masks of one kind and share; yield what they say together, as it grows.

    The masks are those of `analysis.many_masks.masks_that_cover`, which says what can't be asked.
    The last answer is kept; predictions that are known are not made again.
    """
    reconstructor = engine.reconstructor
    model, config = reconstructor.model, reconstructor.model.config
    masks = masks_that_cover(kind, config.grid, ratio, times, first_seed)
    key = ("many masks", prepared.key, np.packbits(masks).tobytes())
    if (kept := engine.known(key)) is not None:
        yield kept
        return
    original = model.to_pixels(prepared.pixel_values)[0]
    together = Together(original, config, TrueColours.behind(reconstructor.processor))
    at_once = masks_at_once(model, config.grid.tokens - int(masks.sum(axis=(1, 2, 3)).max()))
    pixel_values = prepared.pixel_values.numpy()
    while True:
        batch = _alike(masks, together.masks, at_once)
        check_cancelled()
        with engine.at_work():
            began = time.monotonic()
            rows = predict_each(reconstructor, pixel_values, batch.reshape(len(batch), -1))
        engine.seconds["sweep"] = (time.monotonic() - began) / len(batch)
        for row, mask in zip(rows, batch, strict=True):
            together.add(torch.from_numpy(row), mask)
        if together.masks == len(masks):
            break
        yield together.found(len(masks))
    yield engine.keep(key, partial(together.found, len(masks)))


def _alike(masks: Mask, first: int, most: int) -> Mask:
    """Return the masks from `first` on that hide as many tokens as it does, at most so many."""
    hidden = masks[first : first + most].sum(axis=(1, 2, 3))
    return masks[first : first + int((hidden == hidden[0]).cumprod().sum())]


def measure_each(
    engine: Engine, prepared: PreparedClip, hidden: Mask, keeps: int = -1
) -> list[Measures]:
    """Measure the reconstruction behind each mask; every answer is kept.

    Masks that are alike, and predictions that are known, run once; those that hide equally many
    tokens run together, as far as memory allows. The device is held for a batch at a time.

    Parameters
    ----------
    hidden : ndarray
        (n, time, height, width) bool, True = hidden.
    keeps : int
        Which mask's prediction is kept, too; -1 for none.
    """
    keys = [_key(prepared, mask) for mask in hidden]
    found: dict[Hashable, Measures] = {}
    waiting: dict[int, dict[Hashable, int]] = {}  # the masks' numbers, by how many tokens they hide
    for index, (key, mask) in enumerate(zip(keys, hidden, strict=True)):
        measures, predicted = engine.known(key), engine.known(prediction_key(prepared, mask))
        if measures is not None:
            found[key] = measures
        elif predicted is not None:
            found[key] = _keep(engine, prepared, mask, predicted)
        else:
            waiting.setdefault(int(mask.sum()), {}).setdefault(key, index)
    model, pixel_values = engine.reconstructor.model, prepared.pixel_values.numpy()
    for count, numbers in waiting.items():
        indices = list(numbers.values())
        together = masks_at_once(model, model.config.grid.tokens - count)
        for first in range(0, len(indices), together):
            check_cancelled()
            batch = indices[first : first + together]
            with engine.at_work():
                began = time.monotonic()
                masks = hidden[batch].reshape(len(batch), -1)
                rows = predict_each(engine.reconstructor, pixel_values, masks)
            for index, row in zip(batch, rows, strict=True):
                found[keys[index]] = _keep(engine, prepared, hidden[index], row)
                if keeps >= 0 and keys[index] == keys[keeps]:
                    # A copy, so that the batch's memory can go.
                    engine.keep(prediction_key(prepared, hidden[index]), row.copy)
            engine.seconds["sweep"] = (time.monotonic() - began) / len(batch)
    return [found[key] for key in keys]


def _keep(
    engine: Engine, prepared: PreparedClip, mask: Mask, predicted: NDArray[np.float32]
) -> Measures:
    reconstructor = engine.reconstructor

    def make() -> Measures:
        model = reconstructor.model
        original = model.to_pixels(prepared.pixel_values)[0]
        colours = TrueColours.behind(reconstructor.processor)
        return measure(torch.from_numpy(predicted), original, mask, model.config, colours)

    measures: Measures = engine.keep(_key(prepared, mask), make)
    return measures


def _key(prepared: PreparedClip, mask: Mask) -> Hashable:
    return "measures", prepared.key, np.packbits(mask).tobytes()
