"""Two ways of naming the same clips: whether one is right more often, or was lucky."""

from __future__ import annotations

import math
from dataclasses import dataclass

MOST_EXACT = 2000
"""Of so many clips the probability is summed up; of more, the normal distribution will do."""


@dataclass(frozen=True, slots=True)
class Paired:
    """How two ways of naming the same clips compare.

    Attributes
    ----------
    of : int
        How many clips.
    now, then : int
        How many are right one way, and the other.
    only_now, only_then : int
        How many are right in that way alone.
    """

    of: int
    now: int
    then: int
    only_now: int
    only_then: int

    @property
    def gain(self) -> float:
        """How much larger the share right then is, -1..1; 0 of no clips."""
        return (self.then - self.now) / self.of if self.of else 0.0

    @property
    def chance(self) -> float:
        """How likely `only_then` would be so large if neither way was better: 0..1.

        The sign test, one-sided: McNemar, "Note on the sampling error of the difference between
        correlated proportions" (1947), in its exact form.
        """
        differ = self.only_now + self.only_then
        if differ > MOST_EXACT:
            far = (self.only_then - 0.5 - differ / 2) / math.sqrt(differ / 4)
            return math.erfc(far / math.sqrt(2)) / 2
        ways = sum(math.comb(differ, count) for count in range(self.only_then, differ + 1))
        return float(ways / 2**differ)

    def is_better(self, gain: float, tried: int = 1, chance: float = 0.001) -> bool:
        """Tell whether the other way is better by this share or more, and not by luck.

        `tried` is how many ways the other one was chosen from.
        """
        return self.gain >= gain and self.chance * tried < chance
