"""What every training run does: learn step by step, log, save, resume, tell how far it is.

A run is a generator: the code that takes its steps may show them, pause between two, or stop for
good. The next time, the run goes on from what was saved.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any, Protocol, TypeVar

import torch
from huggingface_hub.utils import tqdm  # type: ignore[attr-defined]  # public, says its manual
from torch import Tensor, nn

from videomae_demo.errors import RequestError
from videomae_demo.training.optim import descend, set_rates, warmup_then

logger = logging.getLogger(__name__)

LOG_NAME = "log.jsonl"
STATE_NAME = "state.pt"


class Run:
    """A training run in a folder: its log, and the state to resume from.

    Parameters
    ----------
    folder : Path
    settings : dict
        What the run was asked to do; a run is resumed only with the same settings.
    """

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self.folder = folder
        self.settings = settings
        folder.mkdir(parents=True, exist_ok=True)

    def resume(self, model: nn.Module, optimisers: list[torch.optim.Optimizer]) -> int:
        """Load the saved state, if there is one; return the step to go on with.

        Raises
        ------
        RequestError
            When the folder holds a run with other settings.
        """
        path = self.folder / STATE_NAME
        if not path.exists():
            (self.folder / LOG_NAME).unlink(missing_ok=True)
            return 0
        state = torch.load(path, weights_only=True, map_location="cpu")
        if state["settings"] != self.settings:
            raise RequestError(
                f"{self.folder} holds a run with other settings ({state['settings']}); "
                "choose another folder, or delete it."
            )
        model.load_state_dict(state["model"])
        for optimiser, saved in zip(optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        kept = [line for line in self.read_log() if line["step"] <= state["step"]]
        (self.folder / LOG_NAME).unlink(missing_ok=True)
        for line in kept:  # what was logged after the last save is done, and logged, again
            self.log(**line)
        logger.info("Resuming %s at step %d.", self.folder, state["step"])
        return int(state["step"])

    def save(self, step: int, model: nn.Module, optimisers: list[torch.optim.Optimizer]) -> None:
        """Write ``state.pt``; a run that is stopped while writing keeps the older one."""
        path = self.folder / STATE_NAME
        partial = path.with_suffix(".partial")
        state = {
            "settings": self.settings,
            "step": step,
            "model": model.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in optimisers],
        }
        torch.save(state, partial)
        partial.replace(path)

    def log(self, **values: float) -> None:
        """Append one line to the log."""
        with (self.folder / LOG_NAME).open("a", encoding="utf-8") as file:
            file.write(json.dumps(values) + "\n")

    def read_log(self) -> list[dict[str, float]]:
        """Return the log's lines; none before the first."""
        if not (self.folder / LOG_NAME).exists():
            return []
        text = (self.folder / LOG_NAME).read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()]


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a run is, and how often it logs and saves: numbers of steps."""

    steps: int
    warmup: int
    log_every: int
    save_every: int


@dataclass(frozen=True, slots=True)
class Progress:
    """One more step is done.

    Attributes
    ----------
    step, steps : int
        How many are done, and how many there will be.
    loss : float
        Of this step.
    logged : mapping
        What was written into the log after this step, by name; empty after most of them.
    unit : str
        What is counted.
    """

    step: int
    steps: int
    loss: float
    logged: Mapping[str, float] = field(default_factory=dict)
    unit: str = "step"


Measure = Callable[[int], tuple[Tensor, Mapping[str, float]]]
"""Takes a step's number; returns its loss, and other values whose mean goes into the log."""
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Step:
    """One step was taken.

    Attributes
    ----------
    done : int
        How many are done.
    loss : float
    others : mapping
        What was measured beside the loss, by name.
    factor : float
        By which the rates were multiplied.
    """

    done: int
    loss: float
    others: Mapping[str, float]
    factor: float


def take_steps(
    model: nn.Module,
    optimisers: list[torch.optim.Optimizer],
    measure: Measure,
    steps: int,
    warmup: int,
    begin: int = 0,
) -> Iterator[Step]:
    """Take one step after the other; rates warm up, then fall to zero at the last of all `steps`.

    Every training is this loop; whoever takes its steps may pause between two.
    """
    for step in range(begin, steps):
        factor = warmup_then(step, steps, warmup, "linear")
        set_rates(optimisers, factor)
        loss, others = measure(step)
        descend(model, loss, optimisers)
        yield Step(step + 1, loss.item(), others, factor)


def learn(
    run: Run,
    model: nn.Module,
    optimisers: list[torch.optim.Optimizer],
    pace: Pace,
    measure: Measure,
    on_save: Callable[[], None],
) -> Iterator[Progress]:
    """Learn step by step, from where the run was saved last; see `take_steps`.

    `on_save` is called each time after the state was saved, also after the last step.
    """
    told: dict[str, list[float]] = {}
    begin = run.resume(model, optimisers)
    for step in take_steps(model, optimisers, measure, pace.steps, pace.warmup, begin):
        for name, value in {"loss": step.loss, **step.others}.items():
            told.setdefault(name, []).append(value)
        done, logged = step.done, {}
        if done % pace.log_every == 0 or done == pace.steps:  # a short run has a curve, too
            logged = {name: fmean(values) for name, values in told.items()} | {"rate": step.factor}
            run.log(step=done, **logged)
            told.clear()
        if done % pace.save_every == 0 or done == pace.steps:
            run.save(done, model, optimisers)
            on_save()
        yield Progress(done, pace.steps, step.loss, logged)


class Told(Protocol):
    """What a run tells after each step, as far as a bar shows it; see `Progress`."""

    @property
    def step(self) -> int:
        """How many are done."""

    @property
    def steps(self) -> int:
        """How many there will be."""

    @property
    def logged(self) -> Mapping[str, float]:
        """What is shown beside the bar."""

    @property
    def unit(self) -> str:
        """What is counted; where it changes, another bar begins."""


def follow(steps: Generator[Told, None, Result]) -> Result:
    """Take all steps of a run with a progress bar: the time left, and what was logged last.

    Returns what the run returns.
    """
    bar: Any = None
    try:
        while True:
            progress = next(steps)
            if bar is None or bar.unit != progress.unit:
                if bar is not None:
                    bar.close()
                bar = _bar(progress)
            if progress.logged:
                shown = {name: f"{value:.3g}" for name, value in progress.logged.items()}
                bar.set_postfix(shown, refresh=False)
            bar.update(progress.step - bar.n)
    except StopIteration as end:
        result: Result = end.value
        return result
    finally:
        if bar is not None:
            bar.close()


def _bar(first: Told) -> Any:
    return tqdm(  # type: ignore[no-untyped-call]
        total=first.steps,
        initial=first.step - 1,
        unit=first.unit,
        smoothing=0,  # time left by the mean speed, which one slow step (a new pool) hardly changes
        mininterval=2,
        dynamic_ncols=True,
        disable=False,  # also where the output goes to a file
    )
