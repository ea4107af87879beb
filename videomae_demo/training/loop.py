"""What every training run does beside learning: log, save, resume, say how long it will take."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.utils import tqdm  # type: ignore[attr-defined]  # public, says its manual
from torch import nn

from videomae_demo.errors import RequestError

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
        self._bar: Any = None
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
        if self._bar is not None:
            shown = {name: f"{value:.3g}" for name, value in values.items() if name != "step"}
            self._bar.set_postfix(shown, refresh=False)

    def read_log(self) -> list[dict[str, float]]:
        """Return the log's lines; none before the first."""
        if not (self.folder / LOG_NAME).exists():
            return []
        text = (self.folder / LOG_NAME).read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()]

    def steps(self, first: int, last: int) -> Iterator[int]:
        """Count from `first` to `last` beside a bar with the time left and what was logged last."""
        self._bar = tqdm(  # type: ignore[no-untyped-call]
            total=last,
            initial=first,
            unit="step",
            smoothing=0,  # the time left follows from the mean: rendering a pool is no slow step
            mininterval=2,
            dynamic_ncols=True,
            disable=False,  # also where the output goes to a file
        )
        with self._bar:
            for step in range(first, last):
                yield step
                self._bar.update()
