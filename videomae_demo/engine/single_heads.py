"""What single heads read and do, and what becomes of a clip without them.

Joins the engine's passes with `analysis.heads`. With all heads on, everything comes from the states
that the engine keeps of its one pass; with some switched off, one more pass is run and kept.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from videomae_demo.analysis.heads import HeadEffects
from videomae_demo.analysis.methods import Target
from videomae_demo.analysis.settings import Head
from videomae_demo.engine.clips import PreparedClip
from videomae_demo.engine.engine import Engine
from videomae_demo.engine.explaining import explain_heads
from videomae_demo.engine.passes import Record, follow_head, run

STATES = Record(states=True)


def head_effects(
    engine: Engine,
    prepared: PreparedClip,
    target: Target,
    query: tuple[int, int, int] | None = None,
    off: Collection[Head] = (),
) -> HeadEffects:
    """Measure what every head reads, and does for a target.

    Parameters
    ----------
    query : (int, int, int), optional
        The token (time, row, column) whose row is read; default: what the classifier reads.
    off : collection of Head
        The heads that are switched off.

    Raises
    ------
    RequestError
        When there is no such label, token or head.
    CheckpointError
        When the recogniser knows no labels, or gives values that are not finite.
    """
    switched_off = tuple(sorted(set(off)))

    def make() -> HeadEffects:
        states = _states(engine, prepared, switched_off)
        with engine.at_work():
            return explain_heads(engine.recogniser, states, target, query, switched_off)

    engine.check_labels(target)
    key = ("heads", prepared.key, target, query, switched_off)
    found: HeadEffects = engine.keep(key, make)
    return found


def attention_of(engine: Engine, prepared: PreparedClip, head: Head) -> NDArray[np.float16]:
    """Return the attention of one head, (N, N) as `FusedAttention` holds it.

    Errors as in `passes.follow_head`.
    """

    def make() -> NDArray[np.float16]:
        layer_inputs = engine.recognise(prepared).layer_inputs
        with engine.at_work():
            return follow_head(engine.recogniser, layer_inputs, head)

    found: NDArray[np.float16] = engine.keep(("head", prepared.key, head), make)
    return found


def _states(engine: Engine, prepared: PreparedClip, off: tuple[Head, ...]) -> NDArray[np.float32]:
    if not off:
        return engine.recognise(prepared).states

    def make() -> NDArray[np.float32]:
        pixel_values = prepared.pixel_values.numpy()
        with engine.at_work():
            states = run(engine.recogniser, pixel_values, STATES, heads_off=off).states
        assert states is not None
        of_clip: NDArray[np.float32] = states[0]
        return of_clip

    found: NDArray[np.float32] = engine.keep(("states without heads", prepared.key, off), make)
    return found
