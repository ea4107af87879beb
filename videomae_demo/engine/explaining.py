"""What runs on the device to explain: one function per question, from numpy to numpy.

As in `passes`, nothing is stored, all that is worth keeping is returned, and the work ends between
two layers when nobody waits any more. It is done in float32 on every device: in bfloat16 the scores
would not add up.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import torch
from numpy.typing import NDArray

from videomae_demo.analysis import gradients, heads, relevance
from videomae_demo.analysis.gradients import LossMethod, LossRelevance
from videomae_demo.analysis.heads import HeadEffects
from videomae_demo.analysis.methods import DEFAULT_METHOD, Target
from videomae_demo.analysis.relevance import Relevance
from videomae_demo.analysis.rollout import FusedAttention, rollout, start_from_head
from videomae_demo.analysis.settings import DEFAULT_ROLLOUT, Head
from videomae_demo.device import on_gpu, within_memory
from videomae_demo.engine.passes import LONGEST_PASS_S, Recognition, check_finite
from videomae_demo.engine.roles import Recogniser, Reconstructor
from videomae_demo.model.tracing import Trace


@on_gpu(LONGEST_PASS_S)
def explain(
    recogniser: Recogniser,
    pixel_values: NDArray[np.float32],
    target: Target,
    method: str = DEFAULT_METHOD,
    left_out: NDArray[np.bool_] | None = None,
    passed: Trace | None = None,
) -> Relevance:
    """Say what each token of one clip did for a target; see `analysis.relevance.explain`.

    Parameters
    ----------
    recogniser : Recogniser
    pixel_values : ndarray
        (1, T, C, H, W) float32, normalised.
    target : Target
    method : str
        A name in `analysis.methods.METHODS`.
    left_out : ndarray, optional
        (1, N) bool, True = the token is not given to the encoder.
    passed : Trace, optional
        What `trace` gave for the same clip and tokens.

    Raises
    ------
    RequestError
        When there is no such method or label.
    CheckpointError
        When a score or a logit is not finite.
    Cancelled
        Between two layers, forwards or on the way back, when nobody waits any more.
    """
    device = recogniser.model.device
    found = relevance.explain(
        recogniser.model,
        torch.from_numpy(pixel_values).to(device),
        target,
        method,
        None if left_out is None else torch.from_numpy(left_out).to(device),
        passed,
    )
    if found.logits is not None:
        check_finite(found.logits, "recogniser")
    check_finite(found.scores, "recogniser")
    return found


@within_memory
def trace(recogniser: Recogniser, pixel_values: NDArray[np.float32]) -> Trace:
    """Run a pass that can be pulled back for any label, in this process; see `gradients.trace`."""
    clip = torch.from_numpy(pixel_values).to(recogniser.model.device)
    return gradients.trace(recogniser.model, clip, lasts=True)


def score_without_model(
    recogniser: Recogniser,
    pixel_values: NDArray[np.float32],
    target: Target,
    method: str,
    left_out: NDArray[np.bool_] | None = None,
) -> Relevance:
    """Score the tokens of one clip by a reference, which needs no device and no turn on one."""
    hidden = None if left_out is None else torch.from_numpy(left_out)
    return relevance.explain(
        recogniser.model, torch.from_numpy(pixel_values), target, method, hidden
    )


@on_gpu(LONGEST_PASS_S)
def explain_heads(
    recogniser: Recogniser,
    states: NDArray[np.float32],
    target: Target,
    query: tuple[int, int, int] | None = None,
    off: Collection[Head] = (),
) -> HeadEffects:
    """Measure what every head reads of one clip, and does for a target.

    `states` are (layers + 1, N, D) float32, as a pass records them; the other arguments, and errors
    as in `analysis.heads.explain_heads` and in `explain`.
    """
    kept = torch.from_numpy(states)[:, None].to(recogniser.model.device)
    found = heads.explain_heads(recogniser.model, kept.unbind(), target, query, off)
    check_finite(found.logits, "recogniser")
    return found


@on_gpu(LONGEST_PASS_S)
def explain_loss(
    reconstructor: Reconstructor,
    pixel_values: NDArray[np.float32],
    hidden: NDArray[np.bool_],
    asked: NDArray[np.bool_],
    method: LossMethod = "libragrad",
) -> LossRelevance:
    """Say what the decoder needed to predict some of the hidden tokens of one clip.

    Both masks are (time, height, width) bool; arguments and errors as in
    `analysis.gradients.explain_loss`, and as in `explain`.
    """
    clip = torch.from_numpy(pixel_values).to(reconstructor.model.device)
    found = gradients.explain_loss(reconstructor.model, clip, hidden, asked, method)
    check_finite(found.scores, "reconstructor")
    return found


def roll_out(recogniser: Recogniser, done: Recognition, target: Target) -> Relevance:
    """Give the rollout of a pass the form of a relevance; it is the same for every target."""
    config = recogniser.model.config
    start = start_from_head(config.grid, config.use_mean_pooling)
    attention = FusedAttention.from_numpy(done.attention)
    scores = rollout(attention, start, config.grid, DEFAULT_ROLLOUT).scores.astype(np.float32)
    return Relevance("rollout", target, scores, done.logits, None)
