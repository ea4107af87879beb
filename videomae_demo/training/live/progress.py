"""What a training tells after each of its steps, and what it can be asked at any time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from videomae_demo.config import VideoMAEConfig
from videomae_demo.model.pretrained import PretrainedModel
from videomae_demo.training.live.settings import LiveSettings


@dataclass(frozen=True, slots=True)
class Preparing:
    """Clips are made before the first step: this share of them, 0..1, is there."""

    share: float


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """What the model makes of clips that it is never trained on.

    Attributes
    ----------
    loss : float
    score : float
        Pretraining: PSNR over the hidden pixels of all held-out clips, in decibel. Fine-tuning: the
        share of them that is named rightly.
    picture : ndarray or None
        Pretraining: the shown clip as it is reconstructed, (T, H, W, 3) uint8.
    probabilities : mapping of str to float
        Fine-tuning: of each label, for the shown clip.
    """

    loss: float
    score: float
    picture: NDArray[np.uint8] | None
    probabilities: Mapping[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """A step is done.

    Attributes
    ----------
    step : int
        How many are done; 0 for what is measured before the first.
    loss : float or None
        Of this step, None before the first.
    held_out : HeldOut or None
        None after most steps.
    """

    step: int
    loss: float | None
    held_out: HeldOut | None


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """What a training is about, known before its first step.

    Attributes
    ----------
    clip : ndarray
        The held-out clip that is shown, (T, H, W, 3) uint8.
    visible : ndarray or None
        What is visible of it, likewise; None where nothing is hidden.
    label : str
        What is to be seen in it.
    held_out : int
        How many clips are held out.
    rival : str
        What the training has to beat, in words.
    rival_loss : float or None
        Its loss on the held-out clips.
    rival_score : float
        Its PSNR, or the accuracy of whoever guesses.
    """

    clip: NDArray[np.uint8]
    visible: NDArray[np.uint8] | None
    label: str
    held_out: int
    rival: str
    rival_loss: float | None
    rival_score: float


class LiveRun(Protocol):
    """A training: its model may be looked at between any two of its steps."""

    @property
    def settings(self) -> LiveSettings:
        """What it was asked."""

    @property
    def config(self) -> VideoMAEConfig:
        """The model's."""

    @property
    def model(self) -> PretrainedModel:
        """The model that learns, in train mode."""

    @property
    def subject(self) -> Subject:
        """What it is about."""

    def steps(self) -> Iterator[Preparing | Step]:
        """Go through the training, once."""


def is_measured(step: int, steps: int, every: int) -> bool:
    """Tell whether the held-out clips are looked at after a step: often at first, and at the end.

    `every` is how often later on; until there, after a quarter of it and after a half.
    """
    early = step in (every // 4, every // 2)
    return early or step % every == 0 or step == steps
