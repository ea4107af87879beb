"""The codes of a clip's tokens after a layer of either checkpoint, and those of a blank clip.

A blank clip has the mean colour throughout, so all that tells its tokens apart is their position.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from videomae_demo.engine.clips import PreparedClip
from videomae_demo.engine.engine import Engine
from videomae_demo.engine.passes import encode
from videomae_demo.engine.roles import Recogniser, Reconstructor


def token_features(
    engine: Engine, prepared: PreparedClip, role: Recogniser | Reconstructor, layer: int
) -> NDArray[np.float32]:
    """Return the tokens after a layer, (N, D) float32; 0 stands for the embedded patches.

    Those of the recogniser come from the pass that `Engine.recognise` keeps.
    """
    if role is engine.recogniser:
        states: NDArray[np.float32] = engine.recognise(prepared).states[layer]
        return states

    def make() -> NDArray[np.float32]:
        with engine.at_work("encode"):
            return encode(role, prepared.pixel_values.numpy(), layer)

    features: NDArray[np.float32] = engine.keep(("features", prepared.key, layer), make)
    return features


def blank_features(
    engine: Engine, role: Recogniser | Reconstructor, layer: int
) -> NDArray[np.float32]:
    """Return the tokens of a blank clip after a layer, (N, D) float32."""
    config = role.model.config

    def make() -> NDArray[np.float32]:
        size = (1, config.num_frames, config.num_channels, *config.frame_size)
        with engine.at_work("encode"):
            return encode(role, np.zeros(size, np.float32), layer)

    # By the processor, for each engine has its own: a folder may hold other files by now.
    key = ("blank features", role.card, role.processor, layer)
    features: NDArray[np.float32] = engine.keep(key, make)
    return features
