"""Views of a clip: several windows, and several square crops of each, whose answers are averaged.

Knows nothing of models.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from videomae_demo.errors import RequestError, shown
from videomae_demo.given import whole
from videomae_demo.video.changes import ClipChange

MOST = 100
"""So many views may be asked for at once."""


@dataclass(frozen=True, slots=True)
class Views:
    """How many windows, and how many crops of each.

    The published figures are of 5 x 3 views on Kinetics-400, and of 2 x 3 on Something-Something
    V2.

    Raises
    ------
    RequestError
        When a number is not from 1, or there are more than `MOST` views.
    """

    windows: int = 5
    crops: int = 3

    def __post_init__(self) -> None:
        for name in ("windows", "crops"):
            if whole(getattr(self, name), f"number of {name}") < 1:
                raise RequestError(f"The views have 0 {name}; give a whole number from 1.")
        if self.windows * self.crops > MOST:
            raise RequestError(f"{self} makes more than {MOST} views; give fewer.")

    @classmethod
    def parse(cls, text: str) -> Views:
        """Read views as they are written: windows x crops, for instance ``5x3``."""
        parts = text.strip().lower().split("x")
        if len(parts) != 2 or not all(re.fullmatch("[0-9]{1,8}", part) for part in parts):
            raise RequestError(
                f"The views are {shown(text)}; give windows x crops, for instance 5x3."
            )
        return cls(*map(int, parts))

    def __str__(self) -> str:
        return f"{self.windows}x{self.crops}"

    def crop_changes(self) -> list[ClipChange | None]:
        """Return the crops, from one end of the longer side to the other; one is the middle.

        They lie as those of the original code: evenly between both ends.
        """
        if self.crops == 1:
            return [None]
        return [
            ClipChange("crop", round(100 * crop / (self.crops - 1))) for crop in range(self.crops)
        ]
