"""Relevance from gradients: token times gradient, at patch + position embedding, summed over width.

Three methods: with attention, deviations and gates held constant (`libragrad`, the default of the
house), with nothing held constant, and averaged on the way from a clip of one colour. Also what a
decoder needed: the same for a reconstruction's loss, which has no label.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from videomae_demo.analysis.relevance import Question, Scored
from videomae_demo.cancellation import check_cancelled
from videomae_demo.errors import RequestError, shown
from videomae_demo.model.patches import select_tokens
from videomae_demo.model.tracing import Trace, embed, trace_classifier, trace_reconstructor
from videomae_demo.model.videomae import VideoMAEForPreTraining, VideoMAEForVideoClassification

STEPS = 16
"""Of `integrated_gradients`."""

LossMethod: TypeAlias = Literal["libragrad", "gradient-x-input"]
LOSS_METHODS: tuple[LossMethod, ...] = get_args(LossMethod)


def libragrad(question: Question) -> Scored:
    """Token times gradient with constants; see `videomae_demo.model.tracing`.

    The target's value is the sum of the scores and of what the biases carry (the bias terms of
    FullGrad, Srinivas and Fleuret 2019, arXiv 1905.00780).
    """
    passed = question.trace or trace(question.model, question.pixel_values, question.hidden)
    gradient, biases = _pull(passed, question.weights[None])
    return Scored(_times(passed.tokens, gradient), passed.output[0], biases)


def trace(
    model: VideoMAEForVideoClassification,
    pixel_values: Tensor,
    hidden: Tensor | None = None,
    *,
    lasts: bool = False,
) -> Trace:
    """Run a pass that `libragrad` pulls back; one that `lasts`, for any number of labels.

    The arguments are those of `relevance.explain`.
    """
    tokens = embed(model.videomae, pixel_values, hidden)
    return trace_classifier(model, tokens, constants=True, before_step=check_cancelled, lasts=lasts)


def gradient_x_input(question: Question) -> Scored:
    """Token times gradient, nothing held constant."""
    tokens = embed(question.model.videomae, question.pixel_values, question.hidden)
    trace = trace_classifier(question.model, tokens, constants=False, before_step=check_cancelled)
    gradient, _ = _pull(trace, question.weights[None])
    return Scored(_times(tokens, gradient), trace.output[0])


def integrated_gradients(question: Question, steps: int = STEPS) -> Scored:
    """Average the gradient on the way from a clip of one colour, times the way.

    That clip has the colour that normalises to 0, the mean of the pictures the model was trained
    on; its tokens differ by their position alone. Gradients are taken in the middle of each of
    `steps` equal parts, so the scores add up to about the difference of the two targets.
    """
    model, clip = question.model, question.pixel_values
    tokens = embed(model.videomae, clip, question.hidden)
    blank = embed(model.videomae, torch.zeros_like(clip), question.hidden)
    summed = torch.zeros_like(tokens)
    for step in range(steps):
        between = torch.lerp(blank, tokens, (step + 0.5) / steps)
        trace = trace_classifier(model, between, constants=False, before_step=check_cancelled)
        summed += _pull(trace, question.weights[None])[0]
    with torch.no_grad():
        output = model(
            clip, bool_masked_pos=question.hidden, before_layer=check_cancelled, return_dict=True
        )
    return Scored(_times(tokens - blank, summed / steps), output.logits[0])


@dataclass(frozen=True, slots=True, eq=False)
class LossRelevance:
    """What a decoder needed of the visible tokens to predict some of the hidden ones.

    Attributes
    ----------
    method : str
        One of `LOSS_METHODS`.
    scores : ndarray
        (time, height, width) float32: token times gradient of the loss with its sign turned round;
        above 0 where a little more of the token would lower the loss. 0 for hidden tokens.
    hidden, asked : ndarray
        (time, height, width) bool: what the encoder did not get, and which of these the loss is of.
    loss : float
        Mean squared error over the tokens asked for, in the space the decoder was trained in.
    """

    method: LossMethod
    scores: NDArray[np.float32]
    hidden: NDArray[np.bool_]
    asked: NDArray[np.bool_]
    loss: float

    @property
    def nbytes(self) -> int:
        """Memory taken, in bytes."""
        return self.scores.nbytes + self.hidden.nbytes + self.asked.nbytes


def explain_loss(
    model: VideoMAEForPreTraining,
    pixel_values: Tensor,
    hidden: NDArray[np.bool_],
    asked: NDArray[np.bool_],
    method: LossMethod = "libragrad",
) -> LossRelevance:
    """Score the visible tokens by what they do for the loss at chosen hidden ones.

    The loss is not linear in the tokens, so the scores do not add up to it: each is the change
    to be expected from a small change of its token. All hidden tokens are decoded, as the
    prediction that is shown; only the loss is restricted.

    Parameters
    ----------
    model : VideoMAEForPreTraining
        In eval mode.
    pixel_values : Tensor
        (1, T, C, H, W) float, normalised.
    hidden, asked : ndarray
        (time, height, width) bool; `asked` marks at least one token, and hidden ones only.

    Raises
    ------
    RequestError
        When the method is unknown, a mask does not fit the grid, or `asked` marks nothing or a
        visible token.
    Cancelled
        Between two layers, when nobody waits any more.
    """
    if method not in LOSS_METHODS:
        raise RequestError(
            f"A loss is not explained by {shown(method)}; choose {' or '.join(LOSS_METHODS)}."
        )
    _check_asked(hidden, asked, model.config.grid.shape)
    mask = torch.from_numpy(hidden.reshape(1, -1)).to(pixel_values.device)
    wanted = torch.from_numpy(asked.reshape(1, -1)).to(pixel_values.device)
    tokens = embed(model.videomae, pixel_values, mask)
    trace = trace_reconstructor(
        model,
        tokens,
        mask,
        mask,
        constants=method == "libragrad",
        before_step=check_cancelled,
    )
    counted = wanted[mask].reshape(1, -1, 1)  # (1, N_hidden, 1): which predictions are in the loss
    error = (trace.output - select_tokens(model.targets(pixel_values), mask)) * counted
    values = float(asked.sum()) * error.shape[-1]
    gradient, _ = _pull(trace, -2 * error / values)
    scores = torch.zeros(model.config.grid.tokens, device=tokens.device)
    scores[~mask[0]] = _times(tokens, gradient).float()
    return LossRelevance(
        method,
        scores.reshape(model.config.grid.shape).cpu().numpy(),
        hidden,
        asked,
        float(error.cpu().double().square().sum() / values),
    )


def _check_asked(
    hidden: NDArray[np.bool_], asked: NDArray[np.bool_], shape: tuple[int, int, int]
) -> None:
    for name, mask in (("hidden", hidden), ("asked-for", asked)):
        if mask.shape != shape or mask.dtype != np.bool_:
            raise RequestError(
                f"The mask of {name} tokens is {mask.dtype} of the shape {mask.shape}; it must be "
                f"bool in the shape of the token grid (time, height, width), {shape}."
            )
    if not asked.any():
        raise RequestError("No token is asked for; choose at least one of the hidden ones.")
    if (asked & ~hidden).any():
        raise RequestError(
            f"{int((asked & ~hidden).sum())} of the tokens asked for are visible; a loss is "
            "measured at hidden tokens only."
        )


def _pull(trace: Trace, gradient: Tensor) -> tuple[Tensor, float]:
    """Pull a gradient back to the tokens; also return what the biases carry."""
    biases = 0.0
    for pulled in trace.tape.pull_back(gradient):
        gradient = pulled.gradient
        biases += pulled.biases
    return gradient, biases


def _times(tokens: Tensor, gradient: Tensor) -> Tensor:
    """Sum token times gradient over the width: (1, N, D) each, to (N,)."""
    return (tokens * gradient)[0].sum(-1)
