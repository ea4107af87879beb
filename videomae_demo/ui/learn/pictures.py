"""What the steps of the lesson share: their settings, their panes, and how words become panels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from videomae_demo.config import TokenGrid
from videomae_demo.errors import RequestError, shown
from videomae_demo.given import number
from videomae_demo.lenses.masks import MaskRequest, default_ratio
from videomae_demo.lenses.pictures import decibels
from videomae_demo.lenses.reconstruct import ReconstructionView
from videomae_demo.masking import MASK_KINDS
from videomae_demo.rendering.frames import to_uint8
from videomae_demo.ui.controls import plain_number, whole
from videomae_demo.ui.lenses.lens import make_pane
from videomae_demo.ui.panel import panel
from videomae_demo.ui.token_player.sprites import SaveBytes, sprite
from videomae_demo.ui.token_player.value import Mask, Pane, Shown, View, encode_mask

if TYPE_CHECKING:  # torch takes seconds to import: the page does not wait for it
    from videomae_demo.analysis.classification import Classification
    from videomae_demo.engine.clips import ClipRequest
    from videomae_demo.explorer import Explorer
    from videomae_demo.lessons.hiding import Place

Told = dict[str, Any]
Given = Mapping[str, str]
LABELS = 5


class Pictures:
    """Makes the panes of the steps, of one clip with one pair of checkpoints.

    Parameters
    ----------
    explorer : Explorer
    clip : ClipRequest
    save : callable
        See `sprites.SaveBytes`.
    """

    def __init__(self, explorer: Explorer, clip: ClipRequest, save: SaveBytes) -> None:
        self.explorer = explorer
        self.clip = clip
        self.save = save

    def mask_of(self, given: Given) -> MaskRequest:
        """Return the mask that an address asks for."""
        kind = given.get("mask", "tube")
        if kind not in MASK_KINDS:
            raise RequestError(f"The mask is {shown(kind)}; give {', '.join(MASK_KINDS)}.")
        usual = default_ratio(self.explorer.reconstructor.card.grid)
        ratio = number(plain_number(given["ratio"]), "ratio") if "ratio" in given else usual
        return MaskRequest(kind, ratio, whole(plain_number(given.get("seed", "0")), "seed"))

    def rebuilt(self, given: Given) -> ReconstructionView:
        """Reconstruct the clip behind the mask that an address asks for."""
        return self.explorer.reconstruct(self.clip, self.mask_of(given))

    def given_frames(self) -> NDArray[np.uint8]:
        """Return the frames as the recogniser gets them."""
        return self.explorer.as_given(self.clip)

    def pane(
        self,
        view: ReconstructionView,
        name: str,
        title: str,
        frames: NDArray[np.uint8],
        *,
        grid: TokenGrid | None = None,
        **more: Any,
    ) -> Pane:
        """Return a pane with a picture of its own."""
        card = view.checkpoint
        track = sprite(name, title, frames, self.save)
        pane = make_pane(view.clip, card, track, title=title, **more)
        if grid is None or grid == card.grid:
            return pane
        return replace(pane, grid=grid.shape)

    def seen(self, view: ReconstructionView, title: str = "what it sees") -> Pane:
        """Show what is visible."""
        result = view.reconstruction
        mask = Mask(encode_mask(result.mask))
        return self.pane(view, "target", title, to_uint8(result.target), mask=mask)

    def predicted(self, view: ReconstructionView) -> Pane:
        """Show the model's picture."""
        picture = view.reconstruction.prediction
        leak = ", with its leak" if picture.leaks else ""
        title = f"its picture, {decibels(picture, 'dB')}{leak}"
        return self.pane(view, "prediction", title, to_uint8(picture.frames))

    def original(self, view: ReconstructionView) -> Pane:
        """Show the truth."""
        return self.pane(view, "target", "the truth", to_uint8(view.reconstruction.target))

    def pictures(
        self,
        views: Mapping[str, list[Pane]],
        *,
        chooses: set[str] | frozenset[str] = frozenset(),
        chosen: Place | None = None,
    ) -> Told:
        """Return the views of a step, one per choice; "" stands for the only one."""
        made = {
            name or "only": View(title=panes[0].title, panes=tuple(panes), chooses=name in chooses)
            for name, panes in views.items()
            if panes
        }
        return {"shown": Shown(lenses=made, chosen=chosen).to_json()}


def token_of(given: Given, grid: TokenGrid) -> Place:
    """Return the token that an address names; default: the middle of the first moment."""
    if "token" not in given:
        return 0, grid.height // 2, grid.width // 2
    parts = [whole(plain_number(part), "token's place") for part in given["token"].split(",")]
    if len(parts) != len(grid.shape) or any(
        at >= size for at, size in zip(parts, grid.shape, strict=True)
    ):
        raise RequestError(
            f"The token is {shown(given['token'])}; give time, row and column, below "
            f"{', '.join(map(str, grid.shape))}."
        )
    time, row, column = parts
    return time, row, column


def enlarged(
    colours: NDArray[np.uint8], frames: tuple[int, ...], tubelet: int
) -> NDArray[np.uint8]:
    """Draw a colour per token, (time, height, width, 3), as frames of this shape."""
    _, rows, columns, _ = colours.shape
    down = np.arange(frames[1]) * rows // frames[1]
    across = np.arange(frames[2]) * columns // frames[2]
    return colours.repeat(tubelet, axis=0)[:, down][:, :, across]


def bars_of(found: Classification) -> panel.Block:
    """Draw the best labels as bars."""
    top = found.top(min(LABELS, len(found.labels)))
    return panel.bars([(one.label, one.probability) for one in top], top[0].label)


def with_panels(told: Told) -> Told:
    """Put what is said and its bars into a panel for each choice; "only" is for all of them."""
    said, bars = told.pop("said", []), told.pop("bars", {})
    by_choice = said if isinstance(said, dict) else {"only": said}
    told["panels"] = {
        name: [
            *([bars[name]] if name in bars else []),
            *map(panel.sentence, sentences),
        ]
        for name, sentences in by_choice.items()
    }
    return told


def mask_address(view: ReconstructionView) -> dict[str, str]:
    """Return the query by which Explore shows this mask."""
    mask = view.mask
    return {
        "lens": "reconstruct",
        "mask": mask.kind,
        "ratio": f"{mask.ratio:g}",
        "seed": str(mask.seed),
    }


def finite(value: float) -> float | None:
    """Return a number that JSON can hold; None for infinity."""
    return value if math.isfinite(value) else None
