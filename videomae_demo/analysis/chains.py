"""Relevance from attention, chained through the layers: with gradients (two ways) and without.

All chains start from what the head reads, as a row vector r over the tokens, and go from the last
layer to the first. With E = the mean over heads of max(A * dA, 0), where dA is the target's
gradient with respect to the attention A of a layer:

- `chefer`: ``r <- r + r E`` (Chefer et al., ICCV 2021, equations 5 and 6, for self-attention);
- `gradient_rollout`: ``r <- r (normalised(E) + I) / 2``, each row of E scaled to sum to 1.

A layer's E is made in blocks of rows while the gradient is pulled back through that layer: nothing
of the size (heads, N, N) is ever held.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from videomae_demo.analysis.relevance import Question, Scored
from videomae_demo.analysis.rollout import AttentionRecorder, rollout, start_from_head
from videomae_demo.analysis.settings import DEFAULT_ROLLOUT
from videomae_demo.cancellation import check_cancelled
from videomae_demo.config import TokenGrid
from videomae_demo.model.layers import Block, probability_blocks
from videomae_demo.model.tracing import embed, trace_classifier


def chefer(question: Question) -> Scored:
    """Chain positive attention times gradient, added to what is there.

    The start itself, which says nothing of the clip, is not counted: scores are the final r less
    the first.
    """
    walk = _walk_back(question)
    added = torch.zeros_like(walk.start)  # apart from the start, beside which it is very small
    for blocks in walk.layers:
        reached = walk.start + added
        for rows, positive in blocks:
            added = added + reached[rows] @ positive
    return Scored(added, walk.logits)


def gradient_rollout(question: Question) -> Scored:
    """Chain positive attention times gradient as a rollout does: the scores sum to 1.

    A row of E that is 0 throughout passes nothing on, so its token keeps all it has.
    """
    walk = _walk_back(question)
    reached = walk.start
    for blocks in walk.layers:
        below = torch.zeros_like(reached)
        for rows, positive in blocks:
            totals = positive.sum(1)
            passed = torch.where(totals > 0, reached[rows] / 2, 0)
            below += (passed / torch.where(totals > 0, totals, 1)) @ positive
            below[rows] += reached[rows] - passed
        reached = below
    return Scored(reached, walk.logits)


def attention_rollout(question: Question) -> Scored:
    """Roll attention out, heads fused by their mean; see `videomae_demo.analysis.rollout`."""
    recorder = AttentionRecorder()
    with torch.no_grad():
        output = question.model(
            question.pixel_values,
            bool_masked_pos=question.hidden,
            observer=recorder,
            before_layer=check_cancelled,
            return_dict=True,
        )
    line = TokenGrid(1, 1, int(question.visible.sum()))
    start = start_from_head(line, question.model.config.use_mean_pooling)
    scores = rollout(recorder.clip(), start, line, DEFAULT_ROLLOUT).scores
    placed = torch.from_numpy(scores.reshape(-1)).float().to(question.pixel_values.device)
    return Scored(placed, output.logits[0])


@dataclass(frozen=True, slots=True, eq=False)
class _Walk:
    """The way back through the layers.

    Attributes
    ----------
    start : Tensor
        (N_visible,): what the head reads.
    logits : Tensor
        (labels,).
    layers : iterator
        From the last layer to the first: the layer's E in blocks; see `positive_blocks`.
    """

    start: Tensor
    logits: Tensor
    layers: Iterator[Iterator[tuple[slice, Tensor]]]


def _walk_back(question: Question) -> _Walk:
    model = question.model
    tokens = embed(model.videomae, question.pixel_values, question.hidden)
    trace = trace_classifier(model, tokens, constants=False, before_step=check_cancelled)
    line = TokenGrid(1, 1, tokens.shape[1])
    start = start_from_head(line, model.config.use_mean_pooling).to(tokens)
    layers = (
        positive_blocks(pulled.attention_of, pulled.entered, pulled.gradient_after)
        for pulled in trace.tape.pull_back(question.weights[None])
        if pulled.attention_of is not None
    )
    return _Walk(start, trace.output[0], layers)


@torch.no_grad()
def positive_blocks(
    block: Block, entered: Tensor, gradient_after: Tensor
) -> Iterator[tuple[slice, Tensor]]:
    """Yield E = the mean over heads of max(A * dA, 0) of one block, in blocks of rows.

    Parameters
    ----------
    block : Block
    entered : Tensor
        (1, N, D): what went into the block.
    gradient_after : Tensor
        (1, N, D): the gradient after the block's attention was added.

    Yields
    ------
    slice, Tensor
        The rows, and E's rows (rows, N). The context is A v, so dA is the context's gradient
        times v transposed; the context's gradient is that after the output's projection, times its
        weight.
    """
    attention = block.attention.attention
    normed = block.layernorm_before(entered)
    q, k = attention.queries_and_keys(normed)
    v = attention.values(normed, attention.v_bias).transpose(-1, -2)
    context = attention.split_heads(gradient_after @ block.attention.output.dense.weight)
    for rows, probabilities in probability_blocks(q, k):
        weighted = probabilities * (context[:, :, rows] @ v)  # (1, heads, rows, N)
        yield rows, weighted.clamp_(min=0).mean(1)[0]
