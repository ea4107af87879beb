"""What each token did for a label: relevance scores, by any of the methods of `methods`.

Owns what a method is given and returns, and the check that the scores add up. A score is signed
where its method is; those of a logit's gradient are in units of the logit.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from videomae_demo.analysis.methods import DEFAULT_METHOD, Target, find_method
from videomae_demo.model.tracing import Trace
from videomae_demo.model.videomae import VideoMAEForVideoClassification


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """What a method is asked.

    Attributes
    ----------
    model : VideoMAEForVideoClassification
        In eval mode; its weights need no gradient, and get none.
    pixel_values : Tensor
        (1, T, C, H, W) float, normalised: one clip.
    weights : Tensor
        (labels,): the target is the sum of the logits, each times its weight.
    hidden : Tensor or None
        (1, N) bool, True = the token takes no part.
    trace : Trace or None
        A pass over the same tokens, with constants, that lasts; for a method that can use it.
    """

    model: VideoMAEForVideoClassification
    pixel_values: Tensor
    weights: Tensor
    hidden: Tensor | None = None
    trace: Trace | None = None

    @property
    def visible(self) -> Tensor:
        """Which tokens take part: (N,) bool."""
        if self.hidden is None:
            tokens = self.model.config.grid.tokens
            return torch.ones(tokens, dtype=torch.bool, device=self.pixel_values.device)
        return ~self.hidden[0]


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """What a method returns.

    Attributes
    ----------
    scores : Tensor
        (N_visible,): one score for each token that took part, in order.
    logits : Tensor or None
        (labels,), if the method ran the model.
    biases : float or None
        What the biases carry of the target, for a method whose scores then add up to it.
    """

    scores: Tensor
    logits: Tensor | None = None
    biases: float | None = None


class Method(Protocol):
    """One way to score the tokens of a clip."""

    def __call__(self, question: Question, /) -> Scored:
        """Score the tokens that take part."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Relevance:
    """What each token of one clip did for a target.

    Attributes
    ----------
    method : str
        A name in `METHODS`.
    target : Target
    scores : ndarray
        (time, height, width) float32; 0 for a token that took no part.
    logits : ndarray or None
        (labels,) float32; None if no model was run.
    biases : float or None
        What the biases carry of the target; None if the method's scores do not add up to it.
    """

    method: str
    target: Target
    scores: NDArray[np.float32]
    logits: NDArray[np.float32] | None
    biases: float | None

    @property
    def value(self) -> float | None:
        """The target itself, a logit or a margin; None if no model was run."""
        return None if self.logits is None else float(self.target.value(self.logits))

    @property
    def carried(self) -> float:
        """What the tokens carry together: the sum of the scores."""
        return float(self.scores.sum(dtype=np.float64))

    @property
    def missing(self) -> float | None:
        """What tokens and biases together lack of the target: 0 but for rounding; else None."""
        if self.biases is None or self.value is None:
            return None
        return self.value - self.carried - self.biases

    @property
    def negative_share(self) -> float:
        """Share of the relevance, counted without its sign, that lies below zero: 0 to 1."""
        whole = float(np.abs(self.scores).sum(dtype=np.float64))
        below = float(np.abs(np.minimum(self.scores, 0)).sum(dtype=np.float64))
        return below / whole if whole else 0.0

    @property
    def nbytes(self) -> int:
        """Memory taken, in bytes."""
        return self.scores.nbytes + (0 if self.logits is None else self.logits.nbytes)


def explain(
    model: VideoMAEForVideoClassification,
    pixel_values: Tensor,
    target: Target,
    method: str = DEFAULT_METHOD,
    hidden: Tensor | None = None,
    trace: Trace | None = None,
) -> Relevance:
    """Score the tokens of one clip for a target.

    Parameters
    ----------
    model : VideoMAEForVideoClassification
        In eval mode.
    pixel_values : Tensor
        (1, T, C, H, W) float, normalised.
    target : Target
    method : str
        A name in `METHODS`.
    hidden : Tensor, optional
        (1, N) bool, True = the token takes no part.
    trace : Trace, optional
        What `gradients.trace` gave for the same clip and tokens: then a method that can use it only
        pulls back.

    Raises
    ------
    RequestError
        When there is no such method or label, or a shape does not fit.
    Cancelled
        Between two layers, when nobody waits any more.
    """
    home, function = find_method(method).place
    compute: Method = getattr(import_module(f"videomae_demo.analysis.{home}"), function)
    weights = torch.from_numpy(target.weights(model.config.num_labels))
    question = Question(model, pixel_values, weights.to(pixel_values), hidden, trace)
    scored = compute(question)
    scores = torch.zeros(model.config.grid.tokens, device=scored.scores.device)
    scores[question.visible.to(scores.device)] = scored.scores.detach().float()
    return Relevance(
        method,
        target,
        scores.reshape(model.config.grid.shape).cpu().numpy(),
        None if scored.logits is None else scored.logits.detach().float().cpu().numpy(),
        scored.biases,
    )
