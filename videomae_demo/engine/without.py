"""Labels of one clip with tokens left out: which masks are answered, and which run together.

Owns the batching and what is kept of it; how a batch is run is a function that it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from videomae_demo.config import TokenGrid
from videomae_demo.engine.cache import ByteCache
from videomae_demo.engine.passes import clips_at_once
from videomae_demo.errors import RequestError
from videomae_demo.masking import Mask, painted
from videomae_demo.model.pretrained import PretrainedModel


def labels_without_each(
    model: PretrainedModel,
    hidden: Mask,
    run: Callable[[Mask], NDArray[np.float32]],
    cache: ByteCache[Any],
    key: Hashable,
) -> NDArray[np.float32]:
    """Return the logits without the tokens of each mask, (n, labels), each from the cache if kept.

    Parameters
    ----------
    model : PretrainedModel
    hidden : ndarray
        (n, time, height, width) bool, True = left out.
    run : callable
        Answers (m, N) masks that hide equally many tokens, with (m, labels) float32.
    cache : ByteCache
        Keeps the answer to each mask that hides anything.
    key : Hashable
        Names the clip and the checkpoint.

    Raises
    ------
    RequestError
        When there is no mask, or one does not fit the grid or hides every token.
    """
    if not len(hidden):
        raise RequestError("No mask is given, so there is nothing to answer.")
    keys: list[Hashable] = []
    found: dict[int, NDArray[np.float32]] = {}
    missing: dict[int, list[int]] = {}  # the masks' numbers, by how many tokens they hide
    for index, mask in enumerate(hidden):
        count = hides(mask, model.config.grid)
        keys.append((key, np.packbits(mask).tobytes()))
        kept = cache.get(keys[index])
        if kept is None:
            missing.setdefault(count, []).append(index)
        else:
            found[index] = kept
    for count, indices in missing.items():
        together = clips_at_once(model, model.config.grid.tokens - count)
        for first in range(0, len(indices), together):
            batch = indices[first : first + together]
            for index, row in zip(batch, run(hidden[batch].reshape(len(batch), -1)), strict=True):
                found[index] = row.copy()  # alone: the batch's memory can go
                if count:
                    cache.put(keys[index], found[index])
    return np.stack([found[index] for index in range(len(hidden))])


def hides(mask: Mask, grid: TokenGrid) -> int:
    """Check a mask, and count the tokens that it hides; unlike a painted one, it may hide none.

    Raises
    ------
    RequestError
        When it does not fit the grid, is not bool, or hides every token.
    """
    if mask.shape == grid.shape and mask.dtype == np.bool_ and not mask.any():
        return 0
    return int(painted(mask, grid).sum())
