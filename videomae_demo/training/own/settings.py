"""What a fine-tuning on one's own clips is asked. Needs no torch: the help reads the defaults."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from videomae_demo import given
from videomae_demo.errors import RequestError, shown

RATE_TIMES_WIDTH = 0.16
"""The wider a model is, the smaller its learning rate is by default: 1e-3 at a width of 160."""
HEAD_RATE = 3e-3
"""Of a head alone, on features that were brought to one scale."""
WARMUP = 0.1
"""Share of the steps in which the rate rises."""
MOST_BATCH = 4096
WANTED_STEPS, WANTED_STEPS_OF_HEAD = 120, 300
LEAST_EPOCHS, MOST_EPOCHS = 10, 100


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnSettings:
    """How to fine-tune; the defaults are for a few dozen clips per label.

    Attributes
    ----------
    freeze : bool
        Train the head alone, on features of the encoder that are computed once.
    epochs : int
        How often each clip is shown; see `epoch_count` for the default.
    steps : int, optional
        How many steps, instead of `epochs`.
    batch : int
        Clips per step.
    rate : float, optional
        The head's learning rate; default: `RATE_TIMES_WIDTH` over the model's width, or
        `HEAD_RATE` with `freeze`.
    layer_decay : float
        Each layer's rate is this many times that of the layer above, 0 to 1.
    weight_decay : float
    smoothing : float
        Share of the probability that the target spreads over all labels.
    dropped : float
        Share of the patches that a step leaves out, which saves time and is a light variation of
        the clip; none in the last fifth of the steps, nor where the head reads one token.
    mirror : bool
        Show half of the clips mirrored. Only for labels that know no left and right: a mirror
        makes "moving right" of "moving left".
    held_out : float
        Share of each label's clips that is never trained on, 0 to 0.9; ignored where these clips
        have a folder of their own.
    seed : int
        Of the head, the split and the order and variation of clips.

    Raises
    ------
    RequestError
        When a value is of another kind, or out of range.
    """

    freeze: bool = False
    epochs: int | None = None
    steps: int | None = None
    batch: int = 16
    rate: float | None = None
    layer_decay: float = 0.75
    weight_decay: float = 0.05
    smoothing: float = 0.1
    dropped: float = 0.3
    mirror: bool = False
    held_out: float = 0.2
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("freeze", "mirror"):
            if not isinstance(getattr(self, name), bool):
                raise RequestError(f"{name} is {shown(getattr(self, name))}; give True or False.")
        for name, title in (("epochs", "number of epochs"), ("steps", "number of steps")):
            if getattr(self, name) is not None:
                given.whole(getattr(self, name), title, 1)
        if self.epochs is not None and self.steps is not None:
            raise RequestError(
                f"{self.epochs} epochs and {self.steps} steps were asked for; give one of the two."
            )
        given.whole(self.seed, "seed")
        if given.whole(self.batch, "batch", 1) > MOST_BATCH:
            raise RequestError(f"The batch is {self.batch}; at most {MOST_BATCH} clips fit a step.")
        if self.rate is not None:
            _check("learning rate", self.rate, 1e-8, 10.0)
        _check("layer decay", self.layer_decay, 0.01, 1.0)
        _check("weight decay", self.weight_decay, 0.0, 1.0)
        _check("label smoothing", self.smoothing, 0.0, 0.9)
        _check("share of patches that are dropped", self.dropped, 0.0, 0.9)
        _check("share that is held out", self.held_out, 0.0, 0.9)

    def top_rate(self, width: int) -> float:
        """Return the head's learning rate in a model of this width."""
        if self.rate is not None:
            return self.rate
        return HEAD_RATE if self.freeze else RATE_TIMES_WIDTH / width

    def to_json(self) -> dict[str, Any]:
        """Return the settings by name."""
        return asdict(self)


def _check(title: str, value: Any, least: float, most: float) -> None:
    if not least <= given.number(value, title) <= most:
        raise RequestError(f"The {title} is {value:g}; it must lie between {least:g} and {most:g}.")


@dataclass(frozen=True, slots=True)
class Plan:
    """How many clips a step shows, and how many steps there are.

    Attributes
    ----------
    clips : int
        That are trained on.
    batch : int
    steps : int
    epoch : int
        Steps in which each clip is shown once; held-out clips are looked at after each epoch.
    """

    clips: int
    batch: int
    steps: int
    epoch: int

    @classmethod
    def of(cls, settings: OwnSettings, clips: int) -> Plan:
        """Return the plan for so many clips."""
        batch = min(settings.batch, clips)
        epoch = math.ceil(clips / batch)
        steps = settings.steps or epoch * (settings.epochs or epoch_count(epoch, settings.freeze))
        return cls(clips, batch, steps, epoch)

    @property
    def warmup(self) -> int:
        """How many steps the rate rises."""
        return max(1, round(WARMUP * self.steps))

    def ends_epoch(self, done: int) -> bool:
        """Tell whether held-out clips are looked at after so many steps."""
        return done == self.steps or (done > 0 and done % self.epoch == 0)


def epoch_count(epoch: int, freeze: bool) -> int:
    """Return how many epochs there are by default, for epochs of so many steps.

    Small data needs more of them: steps are what a model learns by. A head alone learns fast, and
    its steps cost nothing.
    """
    wanted = WANTED_STEPS_OF_HEAD if freeze else WANTED_STEPS
    return min(MOST_EPOCHS, max(LEAST_EPOCHS, math.ceil(wanted / epoch)))
