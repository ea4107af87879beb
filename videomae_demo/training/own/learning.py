"""The steps of a fine-tuning: what is measured on held-out clips, and which weights are kept."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Generator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from videomae_demo.training.loop import Pace, Progress, Run, learn
from videomae_demo.training.own.learner import Learner
from videomae_demo.training.own.material import Material
from videomae_demo.training.own.settings import OwnSettings, Plan
from videomae_demo.training.pictures import draw_curves

SAVED = 10
"""So many times a run saves the state that it can be resumed from, at the end of an epoch."""
LOSS, ACCURACY = "held-out loss", "held-out accuracy"


@dataclass(frozen=True, slots=True, eq=False)
class Learnt:
    """What a training kept.

    Attributes
    ----------
    module : nn.Module
        The learner's weights after `step` steps.
    step : int
    loss, accuracy : float or None
        Of the held-out clips then; None if there are none.
    """

    module: nn.Module
    step: int
    loss: float | None
    accuracy: float | None


class _Pupil(nn.Module):
    """What learns, and the best of it so far: a state that is saved, and resumed, as one."""

    loss: Tensor
    accuracy: Tensor
    step: Tensor

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module
        self.best = copy.deepcopy(module).cpu().requires_grad_(False)
        self.register_buffer("loss", torch.tensor(torch.inf, dtype=torch.float64))
        self.register_buffer("accuracy", torch.tensor(0.0, dtype=torch.float64))
        self.register_buffer("step", torch.tensor(0))

    def keep(self, step: int, loss: float, accuracy: float) -> None:
        self.best.load_state_dict(self.module.state_dict())
        self.loss.fill_(loss)
        self.accuracy.fill_(accuracy)
        self.step.fill_(step)


def learning(
    learner: Learner, material: Material, settings: OwnSettings, plan: Plan, run: Run
) -> Generator[Progress, None, Learnt]:
    """Learn step by step; return, at the end, the weights of the best epoch.

    The best is the one with the lowest loss on the held-out clips; without any, it is the last.
    """
    pupil = _Pupil(learner.module)
    labels = torch.tensor([clip.label for clip in material.held_out])
    examined = 0

    def examine(step: int) -> dict[str, float]:
        nonlocal examined
        if not len(labels) or step == examined or not plan.ends_epoch(step):
            return {}
        examined = step
        logits = learner.held_out()
        loss = F.cross_entropy(logits, labels).item()
        accuracy = (logits.argmax(1) == labels).float().mean().item()
        if loss < pupil.loss.item():
            pupil.keep(step, loss, accuracy)
        told = {LOSS: loss, ACCURACY: accuracy}
        if not any(line["step"] == step and LOSS in line for line in run.read_log()):
            run.log(step=step, **told)
        return told

    def measure(step: int) -> tuple[Tensor, dict[str, float]]:
        examine(step)  # a resumed run was saved before it
        logits, truth = learner.logits(step)
        loss = F.cross_entropy(logits, truth, label_smoothing=settings.smoothing)
        return loss, {"accuracy": (logits.argmax(1) == truth).float().mean().item()}

    def draw() -> None:
        logged = {name for line in run.read_log() for name in line}
        draw_curves(run, *(name for name in ("loss", "accuracy", LOSS, ACCURACY) if name in logged))

    save_every = plan.epoch * max(1, plan.steps // (SAVED * plan.epoch))
    pace = Pace(plan.steps, plan.warmup, min(plan.epoch, plan.steps), save_every)
    for progress in learn(run, pupil, [learner.optimiser()], pace, measure, draw):
        told = examine(progress.step)
        yield dataclasses.replace(progress, logged={**progress.logged, **told})
    examine(plan.steps)  # where the run was whole before it began
    if not len(labels):
        return Learnt(learner.module, plan.steps, None, None)
    return Learnt(pupil.best, int(pupil.step), pupil.loss.item(), pupil.accuracy.item())
