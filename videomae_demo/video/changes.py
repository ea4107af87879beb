"""What can be done to the frames of a clip before a model gets them: another order, other pixels.

A change keeps the number of frames, and comes before a checkpoint's own preparation, so that any
question can be asked of the changed clip, and people see what the model was given.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from videomae_demo.errors import RequestError, shown
from videomae_demo.given import whole

KINDS = {
    "backwards": "played backwards",
    "shuffled": "with its moments shuffled",
    "frozen": "with one frame throughout",
    "mirrored": "mirrored",
    "grey": "without colour",
    "left": "cut at its left or upper end",
    "right": "cut at its right or lower end",
    "crop": "cut to a square",
}
"""The kinds, in words that can follow a clip's name."""
NUMBERED = {"shuffled": "seed", "frozen": "frame", "crop": "place in percent"}
"""Kinds that take a number, and what it is."""


@dataclass(frozen=True, slots=True)
class ClipChange:
    """One change of a clip.

    Attributes
    ----------
    kind : str
        backwards: the last frame first.

        shuffled: whole slices of time (the frames of one token stay together, in order) at other
        times, drawn by the seed `number`; never all of them where they were, if there are two.

        frozen: the frame `number` throughout, counted from 0; the middle one by default.

        mirrored: left and right exchanged.

        grey: red, green and blue replaced by the luma of ITU-R BT.601.

        left, right: of a frame that is no square, the square at that end alone; the upper and the
        lower one, if it is upright.

        crop: such a square at the place `number`, in percent of the way from the one end (0) to the
        other (100); the middle by default.
    number : int, optional
        Which seed (default 0), or which frame.

    Raises
    ------
    RequestError
        When there is no such kind, or the number does not fit it.
    """

    kind: str
    number: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise RequestError(
                f"The change is {shown(self.kind)}; give {', '.join(KINDS)}, or shuffled:SEED, "
                "frozen:FRAME, crop:PERCENT."
            )
        if self.number is not None:
            if self.kind not in NUMBERED:
                raise RequestError(
                    f"The change {self.kind} takes no number, yet {shown(self.number)} was given: "
                    "leave it out."
                )
            number = whole(self.number, f"{NUMBERED[self.kind]} of the change {self.kind}")
            object.__setattr__(self, "number", number)
            if self.kind == "crop" and number > 100:
                raise RequestError(
                    f"The place of the change crop is {number}; give 0 to 100 percent of the way "
                    "from one end to the other."
                )
        elif self.kind == "shuffled":
            object.__setattr__(self, "number", 0)
        elif self.kind == "crop":
            object.__setattr__(self, "number", 50)

    @classmethod
    def parse(cls, text: str) -> ClipChange:
        """Read a change as `str` writes it, for instance ``backwards`` or ``shuffled:3``."""
        kind, colon, number = text.strip().partition(":")
        if not colon:
            return cls(kind)
        if kind in NUMBERED and not (number.isascii() and number.isdecimal() and len(number) < 19):
            raise RequestError(
                f"The change is {shown(text)}; the {NUMBERED[kind]} must be a whole number from 0, "
                f"for instance {kind}:3."
            )
        return cls(kind, int(number) if number.isdecimal() else number)  # type: ignore[arg-type]

    def __str__(self) -> str:
        return self.kind if self.number is None else f"{self.kind}:{self.number}"

    @property
    def title(self) -> str:
        """The change in words, for instance "played backwards"."""
        if self.number is None:
            return "with its middle frame throughout" if self.kind == "frozen" else KINDS[self.kind]
        if self.kind == "frozen":
            return f"with its {ordinal(self.number + 1)} frame throughout"
        if self.kind == "crop":
            return f"{KINDS['crop']} at {self.number}% of its longer side"
        return f"{KINDS[self.kind]} (seed {self.number})"

    @property
    def is_of_time(self) -> bool:
        """Whether it takes frames as they are, at other times; see `order`."""
        return self.kind in ("backwards", "shuffled", "frozen")

    def order(self, count: int, tubelet: int) -> NDArray[np.int64]:
        """Return which of `count` frames stands at each place, `tubelet` of them in a token.

        Raises
        ------
        RequestError
            When there is no such frame.
        """
        places = np.arange(count, dtype=np.int64)
        if self.kind == "backwards":
            return places[::-1].copy()
        if self.kind == "shuffled":
            slices = places[: count - count % tubelet].reshape(-1, tubelet)
            moved = slices[_shuffled(len(slices), self.number or 0)].reshape(-1)
            return np.concatenate([moved, places[len(moved) :]])
        if self.kind == "frozen":
            frame = count // 2 if self.number is None else self.number
            if frame >= count:
                raise RequestError(
                    f"The change freezes the frame {frame}, and the model gets {count}, counted "
                    f"from 0; give 0 to {count - 1}."
                )
            return np.full(count, frame, dtype=np.int64)
        return places

    def area(self, height: int, width: int) -> tuple[int, int, int, int]:
        """Return the left, top, right and bottom edge of what is left of a frame, in pixels."""
        percent = {"left": 0, "right": 100, "crop": self.number}.get(self.kind)
        if percent is not None:
            side = min(height, width)
            across, down = (int((size - side) * percent / 100) for size in (width, height))
            return across, down, across + side, down + side
        return 0, 0, width, height

    def apply(self, frames: NDArray[np.uint8], tubelet: int) -> NDArray[np.uint8]:
        """Return the changed frames, (T, H, W, 3) uint8 RGB; errors as in `order`."""
        left, top, right, bottom = self.area(*frames.shape[1:3])
        changed = frames[self.order(len(frames), tubelet), top:bottom, left:right]
        if self.kind == "mirrored":
            changed = changed[:, :, ::-1]
        if self.kind == "grey":
            grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in changed]
            changed = np.stack(grey)[..., None].repeat(3, axis=-1)
        return np.ascontiguousarray(changed)


def ordinal(number: int) -> str:
    """Write a number from 1 as one of a row: 1st, 2nd, 3rd, 4th, 11th, 21st."""
    endings = {1: "st", 2: "nd", 3: "rd"}
    is_teen = 10 <= number % 100 <= 20
    return f"{number}{'th' if is_teen else endings.get(number % 10, 'th')}"


def _shuffled(count: int, seed: int) -> NDArray[np.int64]:
    """Draw an order that is not the usual one, if there is another."""
    draws = np.random.default_rng(seed)
    order = draws.permutation(count)
    while count > 1 and (order == np.arange(count)).all():
        order = draws.permutation(count)
    return order
