"""What earlier passes left behind of a row of questions that is asked from its beginning."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from itertools import takewhile
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from videomae_demo.engine.engine import Engine


def first_known(engine: Engine, keys: Iterable[Hashable]) -> NDArray[np.float32]:
    """Return the logits that are kept by the first keys, up to one that is not: (n, labels)."""
    found = (engine.known(key) for key in keys)
    rows = list(takewhile(lambda row: row is not None, found))
    return np.stack(rows) if rows else np.empty((0, engine.recogniser.card.label_count), np.float32)
