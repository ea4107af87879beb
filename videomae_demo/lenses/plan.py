"""What a question costs that takes many passes, before it is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from videomae_demo.engine.engine import Engine, Pass


@dataclass(frozen=True, slots=True)
class Plan:
    """How many passes there are to be.

    Attributes
    ----------
    count : int
        All of them.
    left : int
        Those whose answers are not known yet.
    takes_s : float or None
        How long those may take on this machine, in seconds; None before anything was measured.
    """

    count: int
    left: int
    takes_s: float | None


def plan_of(engine: Engine, count: int, known: int, measured: tuple[Pass, ...]) -> Plan:
    """Return the plan of so many passes; the first kind in `measured` that was tells how long."""
    each_s = next((engine.seconds[kind] for kind in measured if kind in engine.seconds), None)
    left = count - known
    return Plan(count, left, None if each_s is None else left * each_s)
