"""What was learnt is taken away: into Explore, or as a zip."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from videomae_demo.checkpoints.catalog import BUNDLED_RECONSTRUCTOR
from videomae_demo.pool import ExplorerPool, MadeHere, Offer
from videomae_demo.ui.train import words

if TYPE_CHECKING:
    from videomae_demo.training.live.progress import HeldOut, LiveRun
    from videomae_demo.ui.train.workshop import Training

NAME = "trained-here"
LICENCE = "Apache-2.0"


@dataclass(frozen=True, slots=True, eq=False)
class Taken:
    """A training between two of its steps."""

    training: Training
    run: LiveRun
    held: HeldOut

    @property
    def moment(self) -> tuple[int, int]:
        """Which training, and after which step."""
        return self.training.number, self.training.step

    def card(self) -> str:
        """Write the card of what was learnt."""
        from videomae_demo.training.live.saving import write_card

        training = self.training
        facts = words.card_facts(
            self.run.subject, self.held, training.settings, training.step, training.started
        )
        size = sum(weight.numel() for weight in self.run.model.parameters())
        return write_card(
            "VideoMAE, trained here", [*facts, words.tell_model(self.run.config, size)]
        )


class Taking:
    """Writes checkpoints for as long as the page lives.

    Parameters
    ----------
    pool : ExplorerPool
    folder : Path
        Where they are written.
    keep : callable
        Is told each file, which must not be deleted while it is offered.
    """

    def __init__(self, pool: ExplorerPool, folder: Path, keep: Callable[[str], object]) -> None:
        self._pool = pool
        self._folder = folder
        self._keep = keep
        self._count = 0
        self._last: tuple[tuple[int, int], str] | None = None

    def pack(self, taken: Taken, name: str) -> bytes:
        """Return what was learnt as a zip of one folder."""
        from videomae_demo.training.live.saving import pack, save

        with tempfile.TemporaryDirectory() as folder:
            return pack(save(taken.run.model, Path(folder), taken.card()), name)

    def open(self, taken: Taken) -> str:
        """Offer what was learnt in Explore; return its name."""
        from videomae_demo.training.live.saving import save

        if self._last is not None and self._last[0] == taken.moment:
            return self._last[1]
        self._count += 1
        name = NAME if self._count == 1 else f"{NAME}-{self._count}"
        folder = save(taken.run.model, self._folder / f"{self._count}" / name, taken.card())
        reconstructor = self._save_reconstructor(taken, folder.parent)
        for path in folder.parent.rglob("*"):
            self._keep(str(path))
        offer = Offer(
            name=name,
            title=words.title(taken.run.subject, taken.held, taken.training.step),
            is_here=True,
            download_mb=None,
            licence=LICENCE,
            remark=words.verdict(taken.run.subject, taken.held),
        )
        for dropped in self._pool.add(MadeHere(offer, str(folder), reconstructor)):
            shutil.rmtree(Path(dropped.weights).parent, ignore_errors=True)
        self._last = taken.moment, name
        return name

    def _save_reconstructor(self, taken: Taken, folder: Path) -> str | None:
        """Write the decoder that a fine-tuned encoder began with; None if it has its own."""
        from videomae_demo.model.videomae import VideoMAEForPreTraining
        from videomae_demo.training.live.saving import save

        if isinstance(taken.run.model, VideoMAEForPreTraining):
            return None
        if getattr(taken.training.settings, "start", "") != "here":
            return BUNDLED_RECONSTRUCTOR
        pretrained = taken.training.pretrained
        assert pretrained is not None
        return str(save(pretrained, folder / "pretrained-here", taken.training.started))
