"""From the pixels that a decoder is asked to predict to those of the clip.

Pretraining undoes the normalisation of its input with ImageNet's mean and deviation, whatever the
processor normalised with; so does transformers. If the processor has other statistics, the model's
pixels are the clip's times a factor, plus a number, per channel. This module undoes that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from torch import Tensor

from videomae_demo.model.processor import VideoMAEImageProcessor
from videomae_demo.model.videomae import IMAGENET_MEAN, IMAGENET_STD

_BYTE_MAX = 255


@dataclass(frozen=True, slots=True)
class TrueColours:
    """The clip's pixels in 0..1 are the model's times `factor` plus `offset`, one per channel."""

    factor: tuple[float, ...]
    offset: tuple[float, ...]

    @classmethod
    def behind(cls, processor: VideoMAEImageProcessor) -> Self:
        """Work out factor and offset for this processor and frames of bytes in three channels."""
        model_mean, model_std = np.array(IMAGENET_MEAN), np.array(IMAGENET_STD)
        mean, std, white = np.zeros(3), np.ones(3), float(_BYTE_MAX)
        if processor.do_normalize:
            mean, std = mean + processor.image_mean, std * processor.image_std
        if processor.do_rescale:
            white *= processor.rescale_factor  # what 255 becomes before it is normalised
        factor = std / model_std
        offset = mean - model_mean * factor
        return cls(tuple((factor / white).tolist()), tuple((offset / white).tolist()))

    def of(self, tokens: Tensor) -> Tensor:
        """Change (..., pixels * C) tokens, as `model.patches` orders them."""
        pixels = tokens.unflatten(-1, (-1, len(self.factor)))
        changed: Tensor = pixels * tokens.new_tensor(self.factor) + tokens.new_tensor(self.offset)
        return changed.flatten(-2)

    def difference_back(self, differences: Tensor) -> Tensor:
        """Change differences between tokens of the clip's pixels into those of the model's."""
        pixels = differences.unflatten(-1, (-1, len(self.factor)))
        changed: Tensor = pixels / differences.new_tensor(self.factor)
        return changed.flatten(-2)


AS_THE_MODEL_HAS_THEM = TrueColours((1.0,), (0.0,))
"""For a processor with ImageNet's statistics, as every published one."""
