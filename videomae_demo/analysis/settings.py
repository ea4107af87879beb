"""How attention is rolled out: what a person may choose. Computes nothing, and needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from videomae_demo.errors import RequestError

HeadFusion: TypeAlias = Literal["mean", "max", "min"]
HEAD_FUSIONS: tuple[HeadFusion, ...] = get_args(HeadFusion)


@dataclass(frozen=True, slots=True)
class RolloutSettings:
    """How to roll attention out.

    Attributes
    ----------
    fusion : str
        How the heads of a layer become one map: "mean", "max" or "min".
    discard : float
        Fraction in 0..1 (1 excluded) of each fused map that is set to zero, the lowest values
        first. Values equal to the first one kept are kept, so that a uniform map is not torn.
    first_layer, last_layer : int
        Which layers are chained, counted from 1; `last_layer` None: up to the model's last.
    query : (int, int, int), optional
        Token (time, row, column) from which the rollout starts; None: what the head reads.
    """

    fusion: HeadFusion = "mean"
    discard: float = 0.0
    first_layer: int = 1
    last_layer: int | None = None
    query: tuple[int, int, int] | None = None

    def __post_init__(self) -> None:
        if self.fusion not in HEAD_FUSIONS:
            raise RequestError(
                f"The head fusion {self.fusion!r} is unknown; choose {', '.join(HEAD_FUSIONS)}."
            )
        if not 0 <= self.discard < 1:
            raise RequestError(
                f"The discarded fraction is {self.discard}; choose from 0 up to, not including, 1."
            )

    def layers(self, count: int) -> range:
        """Return the layers to chain, counted from 0, of a model with `count` layers.

        Raises
        ------
        RequestError
            When the model does not have them.
        """
        last = count if self.last_layer is None else self.last_layer
        if not 1 <= self.first_layer <= last <= count:
            raise RequestError(
                f"Layers {self.first_layer} to {last} can't be chained: this model has layers 1 to "
                f"{count}, and the first must not come after the last."
            )
        return range(self.first_layer - 1, last)


DEFAULT_ROLLOUT = RolloutSettings()
