"""What the models return: the output classes of transformers 4.37, field for field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from torch import Tensor


@dataclass(eq=False)
class ModelOutput(Mapping[str, Any]):
    """Base of the outputs: a dataclass that is also a mapping, and can be indexed like a tuple.

    Every field is an attribute; ``out["logits"]``, ``out[0]``, iteration (over names), ``**out``
    and ``len(out)`` leave out the fields that are None.
    """

    def __getitem__(self, key: str | int | slice) -> Any:
        return self._present()[key] if isinstance(key, str) else self.to_tuple()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._present())

    def __len__(self) -> int:
        return len(self._present())

    def to_tuple(self) -> tuple[Any, ...]:
        """Return the fields that are there, in order."""
        return tuple(self._present().values())

    def _present(self) -> dict[str, Any]:
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: value for name, value in values.items() if value is not None}


@dataclass(eq=False)
class BaseModelOutput(ModelOutput):
    """Output of the encoder.

    Attributes
    ----------
    last_hidden_state : Tensor
        (B, N or N_visible, D).
    hidden_states : tuple of Tensor, optional
        Layers + 1 tensors (B, N, D): the input of each layer, then the output of the last.
    attentions : tuple of Tensor, optional
        One (B, heads, N, N) per layer, after softmax.
    """

    last_hidden_state: Tensor
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None


@dataclass(eq=False)
class VideoMAEForPreTrainingOutput(ModelOutput):
    """Output of the masked autoencoder.

    Attributes
    ----------
    loss : Tensor
        Scalar: mean squared error over the hidden tokens.
    logits : Tensor
        (B, N_hidden, tubelet_size * patch_size**2 * C): the predicted pixels of the hidden tokens.
    hidden_states, attentions : tuple of Tensor, optional
        The encoder's; see `BaseModelOutput`.
    """

    loss: Tensor | None = None
    logits: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None


@dataclass(eq=False)
class ImageClassifierOutput(ModelOutput):
    """Output of the classifier.

    Attributes
    ----------
    loss : Tensor, optional
        Scalar, if labels were given.
    logits : Tensor
        (B, labels).
    hidden_states, attentions : tuple of Tensor, optional
        The encoder's; see `BaseModelOutput`.
    """

    loss: Tensor | None = None
    logits: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None
