"""What is seen now? Labels, rollout and, by choice, a reconstruction of a camera's last frames.

Owns the words of this answer. It is about no file, so it is no lens of a clip: it has no files of
its own, and is not in the registry. Computes nothing; needs torch only to ask.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from videomae_demo.checkpoints.catalog import BUNDLED_RECOGNISER
from videomae_demo.config import TokenGrid
from videomae_demo.errors import CheckpointError
from videomae_demo.lenses.pictures import PICTURE_TITLES, decibels
from videomae_demo.lenses.recognise import LIKELY, SURE, probability
from videomae_demo.masking import Mask, make_mask
from videomae_demo.rendering.frames import to_uint8
from videomae_demo.rendering.overlay import hide

if TYPE_CHECKING:  # torch takes seconds to import: the page does not wait for it
    from videomae_demo.analysis.classification import Classification
    from videomae_demo.analysis.reconstruction import Reconstruction
    from videomae_demo.analysis.rollout import Rollout
    from videomae_demo.engine.engine import Engine

HIDDEN = 0.75
"""The share that is hidden where a reconstruction is asked for."""
SCALE_END = 16.0
"""Where the rollout's scale ends, in units of an even share: always there, so that the colours of
one moment can be compared with those of the next."""


@dataclass(frozen=True, slots=True, eq=False)
class MomentView:
    """What the models say of the last frames.

    `reconstruction` is None where none was asked for; `awaited` tells whether somebody else waited
    for the device meanwhile.
    """

    classification: Classification
    rollout: Rollout
    reconstruction: Reconstruction | None = None
    awaited: bool = False

    def headline(self) -> str:
        """Name the best label, and say how sure the recogniser is."""
        best = self.classification.top(1)[0]
        named = f"{best.label} {probability(best.probability)}"
        if best.probability >= SURE:
            return named
        return f"{'Perhaps' if best.probability >= LIKELY else 'Unsure:'} {named}"

    def compared(self) -> str:
        """Say how near the reconstruction comes, and how near the best filling; empty without."""
        if self.reconstruction is None:
            return ""
        predicted, rival = self.reconstruction.prediction, self.reconstruction.rival
        title = PICTURE_TITLES[rival.name]
        return (
            f"{self.reconstruction.mask.mean():.0%} hidden, the same places throughout: "
            f"reconstruction {decibels(predicted)}, {title} {decibels(rival)} dB "
            "(higher is nearer)."
        )

    def newest(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]] | None:
        """Return the newest frame as it is visible, and as it is reconstructed: (H, W, 3) each."""
        if self.reconstruction is None:
            return None
        frames = to_uint8(self.reconstruction.target)
        visible = hide(frames, self.reconstruction.mask)
        return visible[-1], to_uint8(self.reconstruction.prediction.frames[-1:])[0]


def ask(engine: Engine, frames: NDArray[np.uint8], *, reconstruct: bool = False) -> MomentView:
    """Say what is seen in the last frames, (T, H, W, 3) uint8; errors as in `engine.live.look`.

    Raises
    ------
    CheckpointError
        When the checkpoint knows no labels.
    """
    import torch

    from videomae_demo.analysis.classification import classify
    from videomae_demo.engine.live import look

    recogniser = engine.recogniser
    if not recogniser.card.label_count:
        raise CheckpointError(
            f"The checkpoint {engine.weights} was pretrained without labels, so it can't name "
            f"what it sees; choose a fine-tuned one, for instance {BUNDLED_RECOGNISER!r}."
        )
    looked = look(engine, frames)
    labels = classify(torch.from_numpy(looked.logits), recogniser.model.config.id2label)
    rebuilt = _reconstructed(engine, frames) if reconstruct else None
    return MomentView(labels, looked.rollout, rebuilt, looked.awaited)


def _reconstructed(engine: Engine, frames: NDArray[np.uint8]) -> Reconstruction:
    import torch

    from videomae_demo.analysis.colours import TrueColours
    from videomae_demo.analysis.reconstruction import reconstruct
    from videomae_demo.engine.live import imagine

    role = engine.reconstructor
    hidden = mask_of(role.card.grid)
    imagined = imagine(engine, frames, hidden)
    colours = TrueColours.behind(role.processor)
    predicted = torch.from_numpy(imagined.predicted)
    return reconstruct(predicted, imagined.pixels, hidden, role.model.config, colours)


def mask_of(grid: TokenGrid) -> Mask:
    """Return the mask behind which a moment is reconstructed: always the same tubes."""
    return make_mask("tube", grid, HIDDEN, 0)
