"""What both trainings do: fill the stock, then learn step by step, and measure now and then."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from torch import Tensor

from videomae_demo.training.live.progress import HeldOut, LiveRun, Preparing, Step, is_measured
from videomae_demo.training.live.stock import Stock
from videomae_demo.training.optim import build_optimisers, descend, set_rates, warmup_then

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
    for step in range(settings.steps):
        set_rates(optimisers, warmup_then(step, settings.steps, WARMUP, "linear"))
        loss = loss_of(stock, step)
        descend(model, loss, optimisers)
        done = step + 1
        told = loss.item()
        is_due = is_measured(done, settings.steps, measured_every) and math.isfinite(told)
        yield Step(done, told, measure() if is_due else None)
