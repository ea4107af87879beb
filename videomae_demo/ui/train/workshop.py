"""The one training of a page: whose it is, whether it goes on, and what it told so far.

Owns the steps. They are taken one at a time, each under the device's lock and on one core, which
is hardly slower for so small a model and leaves the others to visitors; where somebody who explores
a clip waits, a step is followed by as long a rest. Everything but the step itself happens in the
server's event loop, so nothing is locked.
"""

from __future__ import annotations

import logging
import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import anyio
from anyio.to_thread import run_sync

from videomae_demo.errors import ExplorerError, RequestError
from videomae_demo.training.live.settings import (
    NOTHING_HERE,
    FinetuningSettings,
    LiveSettings,
)
from videomae_demo.ui import text
from videomae_demo.ui.train import words

if TYPE_CHECKING:
    from videomae_demo.model.videomae import VideoMAEForPreTraining
    from videomae_demo.training.live.progress import HeldOut, LiveRun, Preparing, Step

logger = logging.getLogger(__name__)

State = Literal["empty", "preparing", "playing", "paused", "done"]

LEAVES_AFTER_S = 8.0
"""A training whose owner sends nothing for so long is paused."""
FREE_AFTER_S = 60.0
"""After so long, it is anybody's."""
LONGEST_REST_S = 2.0
SPEED_STEPS = 20
"""The speed is that of the last steps, so many of them."""
ALL = -1
"""So many steps are wanted: all that there are."""


class TakenError(RequestError):
    """The training is somebody else's."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured on held-out clips after a step."""

    step: int
    loss: float
    score: float


@dataclass(slots=True, eq=False)
class Training:
    """A training and what it told.

    Attributes
    ----------
    number : int
        Counts the trainings of a page.
    settings : LiveSettings
    started : str
        What it started from, in words.
    run : LiveRun or None
        None until its first step is to be taken.
    made : float
        Share of the first clips that is made.
    losses : list of float
        Of each step.
    measured : list of Measured
    held_out : HeldOut or None
        The last one.
    seconds : float
        That its steps took, waiting for others aside.
    why : str
        Why it does not go on; empty if it may.
    is_done : bool
    """

    number: int
    settings: LiveSettings
    started: str
    pretrained: VideoMAEForPreTraining | None
    run: LiveRun | None = None
    made: float = 0.0
    losses: list[float] = field(default_factory=list)
    measured: list[Measured] = field(default_factory=list)
    held_out: HeldOut | None = None
    seconds: float = 0.0
    why: str = ""
    is_done: bool = False
    steps: Iterator[Preparing | Step] | None = None
    ends: deque[float] = field(default_factory=lambda: deque(maxlen=SPEED_STEPS + 1))

    @property
    def step(self) -> int:
        """How many steps are done."""
        return len(self.losses)

    @property
    def per_s(self) -> float | None:
        """How many steps a second it takes, rests and waiting included; None if not known yet."""
        if len(self.ends) < 2 or self.ends[-1] <= self.ends[0]:
            return None
        return (len(self.ends) - 1) / (self.ends[-1] - self.ends[0])


class Workshop:
    """The one training of a page.

    Parameters
    ----------
    minutes : int
        How long a training may take.
    clock : callable
        Returns the time in seconds.
    """

    def __init__(self, minutes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.minutes = minutes
        self.training: Training | None = None
        self.pretrained: VideoMAEForPreTraining | None = None
        """The last model that was pretrained here; a fine-tuning may start from it."""
        self.pretrained_steps = 0
        self._clock = clock
        self._owner = ""
        self._seen = 0.0
        self._wanted = 0
        self._crowded = False
        self._count = 0
        self._wake = anyio.Event()
        self.turn = anyio.Lock()
        """Whoever holds it knows that no step is being taken."""
        self._one = anyio.CapacityLimiter(1)

    # ---- whose it is -----------------------------------------------------------------------------

    def owner(self, visitor: str) -> Literal["you", "other", "nobody"]:
        """Say whose the training is; a visitor who owns it is seen to be there."""
        now = self._clock()
        if self._owner and now - self._seen >= FREE_AFTER_S:
            self._owner = ""
        if visitor and visitor == self._owner:
            self._seen = now
            return "you"
        return "other" if self._owner else "nobody"

    def take(self, visitor: str) -> None:
        """Make a visitor the owner.

        Raises
        ------
        TakenError
            When it is somebody else's.
        """
        if self.owner(visitor) == "other":
            raise TakenError(words.TAKEN)
        self._owner, self._seen = visitor, self._clock()

    def leave(self, visitor: str) -> None:
        """Pause the training of a visitor who has left; it stays theirs for a while."""
        if visitor == self._owner:
            self._seen = min(self._seen, self._clock() - LEAVES_AFTER_S)
            self._pause_if_nobody_looks()

    def _pause_if_nobody_looks(self) -> None:
        gone = self._clock() - self._seen >= LEAVES_AFTER_S
        if gone and self._wanted and self.training is not None:
            self._wanted = 0
            self.training.why = words.LEFT

    # ---- what is wanted --------------------------------------------------------------------------

    @property
    def state(self) -> State:
        """What the training does now."""
        training = self.training
        if training is None:
            return "empty"
        if training.is_done:
            return "done"
        if not self._wanted:
            return "paused"
        return "playing" if training.measured else "preparing"

    @property
    def has_pretrained(self) -> bool:
        """Whether a fine-tuning could start from what was pretrained here."""
        training = self.training
        is_pretraining = training is not None and training.settings.mode == "pretrain"
        learnt = training is not None and training.step > 0
        return self.pretrained is not None or (is_pretraining and learnt)

    def begin(self, visitor: str, settings: LiveSettings) -> None:
        """Put a new training in the place of the last one; nothing is learnt before `play`.

        Raises
        ------
        TakenError
            See `take`.
        RequestError
            When there is nothing to start from.
        """
        self.take(visitor)
        self._remember()
        fine = isinstance(settings, FinetuningSettings)
        pretrained = self.pretrained if fine else None
        if getattr(settings, "start", "") == "here" and pretrained is None:
            raise RequestError(NOTHING_HERE)
        self._count += 1
        self._wanted = 0
        started = words.tell_start(settings, self.pretrained_steps)
        self.training = Training(self._count, settings, started, pretrained)

    def play(self, visitor: str, steps: int = ALL) -> None:
        """Go on, for so many steps; errors as in `take`."""
        self.take(visitor)
        if self.training is None or self.training.is_done:
            return
        self.training.why = ""
        self.training.ends.clear()
        self._wanted = steps
        self._wake.set()

    def pause(self, visitor: str) -> None:
        """Stop after the step under way; errors as in `take`."""
        self.take(visitor)
        self._wanted = 0

    def _remember(self) -> None:
        """Keep what was pretrained, so that a fine-tuning can start from it."""
        from videomae_demo.model.videomae import VideoMAEForPreTraining

        training = self.training
        if training is None or training.run is None or not training.step:
            return
        if isinstance(training.run.model, VideoMAEForPreTraining):
            self.pretrained, self.pretrained_steps = training.run.model, training.step

    # ---- the steps -------------------------------------------------------------------------------

    async def work(self) -> None:
        """Take the steps that are wanted, for ever."""
        while True:
            self._pause_if_nobody_looks()
            if not self._wanted or self.training is None or self.training.is_done:
                self._wake = anyio.Event()
                await self._wake.wait()
                continue
            rest_s = await self._step(self.training)
            await anyio.sleep(rest_s)

    async def _step(self, training: Training) -> float:
        """Take a step; return how long to rest after it."""
        async with self.turn:
            try:
                told, took_s = await run_sync(self._advance, training, limiter=self._one)
            except ExplorerError as error:
                self._end(training, str(error))
                return 0.0
            except Exception as error:  # the catch-all at this edge
                logger.error("A training failed", exc_info=error)
                self._end(training, text.DEFECT)
                return 0.0
        self._note(training, told, took_s)
        return min(took_s, LONGEST_REST_S) if self._crowded else 0.0

    def _advance(self, training: Training) -> tuple[Preparing | Step | None, float]:
        """Take the next step, in a thread, and time it; there is None after the last."""
        from videomae_demo.device import choose_device, is_awaited, on_one_core, one_at_a_time
        from videomae_demo.training.live.beginning import begin

        device = choose_device()
        with one_at_a_time(device), on_one_core():
            began = time.monotonic()
            if training.steps is None:
                training.run = begin(training.settings, device, training.pretrained)
                training.steps = training.run.steps()
            told = next(training.steps, None)
            self._crowded = is_awaited(device)
            return told, time.monotonic() - began

    def _note(self, training: Training, told: Preparing | Step | None, took_s: float) -> None:
        from videomae_demo.training.live.progress import Preparing

        training.seconds += took_s
        if told is None:
            self._end(training, "")
            return
        if isinstance(told, Preparing):
            training.made = told.share
            return
        training.ends.append(self._clock())
        if told.loss is not None and not math.isfinite(told.loss):
            self._end(training, words.DIVERGED)
            return
        if told.loss is not None:
            training.losses.append(told.loss)
            if self._wanted > 0 and training is self.training:
                self._wanted -= 1
        if told.held_out is not None:
            held = told.held_out
            training.held_out = held
            training.measured.append(Measured(told.step, held.loss, held.score))
        if training.step >= training.settings.steps:
            self._end(training, "")
        elif training.seconds >= 60 * self.minutes:
            self._end(training, words.over(self.minutes))

    def _end(self, training: Training, why: str) -> None:
        training.is_done, training.why = True, why
        if training is self.training:
            self._wanted = 0
