"""What both trainings do: fill the stock, then learn step by step, and measure now and then."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from torch import Tensor

from videomae_demo.training.live.progress import HeldOut, LiveRun, Preparing, Step, is_measured
from videomae_demo.training.live.stock import Stock
from videomae_demo.training.loop import take_steps
from videomae_demo.training.optim import build_optimisers

WARMUP = 20
WEIGHT_DECAY = 0.05
ADAM_SHARE = 1 / 20
"""Adam's rate for the weights that are no hidden matrices, as a share of Muon's."""


def learn(
    run: LiveRun,
    stock: Stock,
    loss_of: Callable[[Stock, int], Tensor],
    measure: Callable[[], HeldOut],
    measured_every: int,
) -> Iterator[Preparing | Step]:
    """Go through a training, once; the rate warms up, then falls to zero.

    `loss_of` takes the stock and a step's number, from 0, and `measure` looks at held-out clips.
    """
    settings, model = run.settings, run.model
    yield from (Preparing(share) for share in stock.fill())
    optimisers = build_optimisers(
        model, "muon", settings.rate, settings.rate * ADAM_SHARE, WEIGHT_DECAY
    )
    yield Step(0, None, measure())

    def loss_alone(step: int) -> tuple[Tensor, dict[str, float]]:
        return loss_of(stock, step), {}

    for step in take_steps(model, optimisers, loss_alone, settings.steps, WARMUP):
        is_due = is_measured(step.done, settings.steps, measured_every) and math.isfinite(step.loss)
        yield Step(step.done, step.loss, measure() if is_due else None)
