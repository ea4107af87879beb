"""Many small passes over one clip, as streams: curves of a map, and groups of tokens left out.

Joins the engine's answers with the questions of `analysis`: every answer is kept by the engine, so
that a stream which is asked for again, or for another map, computes only what is new.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from videomae_demo.analysis.dropping import GROUPINGS, LeftOut, leave_out_each
from videomae_demo.analysis.faithfulness import Faithfulness, try_out
from videomae_demo.analysis.methods import DEFAULT_METHOD, REFERENCES, Target
from videomae_demo.engine.clips import PreparedClip
from videomae_demo.engine.engine import Engine
from videomae_demo.errors import RequestError, shown


def try_map(
    engine: Engine,
    prepared: PreparedClip,
    target: Target,
    method: str = DEFAULT_METHOD,
    scores: NDArray[np.floating] | None = None,
) -> Iterator[Faithfulness]:
    """Hide tokens by a method's map, by the references and by chance; yield growing curves.

    The first curve is that of `method`, then come those of `REFERENCES`. A map of another kind is
    given as `scores`, (time, height, width), and `method` is its name alone. Errors as in
    `Engine.relevance`.
    """
    names = dict.fromkeys((method, *REFERENCES))  # in order, and none twice
    maps = {
        name: scores
        if scores is not None and name == method
        else engine.relevance(prepared, target, name).scores
        for name in names
    }
    yield from try_out(maps, target, partial(engine.labels_without_each, prepared))


def leave_out(
    engine: Engine, prepared: PreparedClip, target: Target, grouping: str = "slices"
) -> Iterator[LeftOut]:
    """Leave out one group of tokens after the other; yield what is known after every few.

    Parameters
    ----------
    grouping : str
        "slices", "tubes" or "blocks"; see `analysis.dropping.GROUPINGS`.

    Raises
    ------
    RequestError
        When there is no such grouping or label, or one group is the whole clip.
    """
    if grouping not in GROUPINGS:
        raise RequestError(
            f"Tokens can't be grouped by {shown(grouping)}; choose {', '.join(GROUPINGS)}."
        )
    target.weights(engine.recogniser.card.label_count)
    groups = GROUPINGS[grouping](engine.recogniser.card.grid)
    yield from leave_out_each(groups, target, partial(engine.labels_without_each, prepared))
