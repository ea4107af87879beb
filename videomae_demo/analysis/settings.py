"""Attention heads by name, and how attention is rolled out: what a person may choose.

Computes nothing, and needs no torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from videomae_demo.errors import RequestError, shown
from videomae_demo.given import number, whole

HeadFusion: TypeAlias = Literal["mean", "max", "min"]
HEAD_FUSIONS: tuple[HeadFusion, ...] = get_args(HeadFusion)


@dataclass(frozen=True, slots=True, order=True)
class Head:
    """One attention head: its layer and its number in it, both counted from 1.

    Raises
    ------
    RequestError
        When one is no whole number from 1.
    """

    layer: int
    number: int

    def __post_init__(self) -> None:
        for name, title in (("layer", "head's layer"), ("number", "head's number")):
            object.__setattr__(self, name, whole(getattr(self, name), title, least=1))

    @classmethod
    def parse(cls, text: str) -> Head:
        """Read what `written` gives.

        Raises
        ------
        RequestError
            When it is written in another way.
        """
        layer, dot, number = text.strip().partition(".")
        if not (dot and layer.isdecimal() and number.isdecimal()):
            raise RequestError(
                f"The head is {shown(text)}; write its layer and its number, for instance 5.2."
            )
        return cls(int(layer), int(number))

    @property
    def written(self) -> str:
        """Layer and number in short: "5.2"."""
        return f"{self.layer}.{self.number}"

    @property
    def title(self) -> str:
        """Its name at the head of a sentence."""
        return f"Layer {self.layer}, head {self.number}"

    def __str__(self) -> str:
        return f"layer {self.layer}, head {self.number}"


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
        Token (time, row, column) from which the rollout starts; None: what the head reads. Any
        sequence of three whole numbers is taken, and becomes a tuple.
    head : Head, optional
        This head alone stands for its layer; the other layers are fused.

    Raises
    ------
    RequestError
        When a value is of another type, or out of range.
    """

    fusion: HeadFusion = "mean"
    discard: float = 0.0
    first_layer: int = 1
    last_layer: int | None = None
    query: tuple[int, int, int] | None = None
    head: Head | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.fusion, str) or self.fusion not in HEAD_FUSIONS:
            raise RequestError(
                f"The head fusion {shown(self.fusion)} is unknown; choose "
                f"{', '.join(HEAD_FUSIONS)}."
            )
        discard = number(self.discard, "discarded fraction")
        if not 0 <= discard < 1:
            raise RequestError(
                f"The discarded fraction is {discard}; choose from 0 up to, not including, 1."
            )
        object.__setattr__(self, "discard", discard)
        object.__setattr__(self, "first_layer", whole(self.first_layer, "first layer"))
        if self.last_layer is not None:
            object.__setattr__(self, "last_layer", whole(self.last_layer, "last layer"))
        if self.query is not None:
            object.__setattr__(self, "query", as_token(self.query))
        if not isinstance(self.head, Head | None):
            raise RequestError(f"The head is {shown(self.head)}; give a Head(layer, number).")

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
        if self.head is not None and not self.first_layer <= self.head.layer <= last:
            raise RequestError(
                f"Layers {self.first_layer} to {last} are chained, and {self.head} is not among "
                "them; choose a head of these layers."
            )
        return range(self.first_layer - 1, last)


def as_token(given: Any) -> tuple[int, int, int]:
    """Return a token's place. It is a tuple, since a list would index an array in another way."""
    if not isinstance(given, Sequence | np.ndarray) or len(given) != 3:
        raise RequestError(f"The token is {shown(given)}; give its time, row and column.")
    time, row, column = given
    return whole(time, "token's time"), whole(row, "token's row"), whole(column, "token's column")


DEFAULT_ROLLOUT = RolloutSettings()
