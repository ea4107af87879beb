"""What each attention head reads, and what it hands to the classifier directly.

The last states are a sum: embedded tokens, and what each head and each perceptron adds. A
mean-pooled head reads the mean of that sum, so with the deviation of its LayerNorm held fixed a
logit is a sum too. What token j gives to it through one head is (the attention that the pooled row
pays to j) times (the value of j, projected, along the direction of the logit). Effects that pass
through later layers are not counted, nor are the biases of the projections.

All of it follows from what goes into each layer: a pass that is known need not run again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from videomae_demo.analysis.methods import Target
from videomae_demo.analysis.relevance import Question, Scored
from videomae_demo.analysis.rollout import start_from_head, start_from_token
from videomae_demo.analysis.settings import Head
from videomae_demo.cancellation import check_cancelled
from videomae_demo.config import TokenGrid
from videomae_demo.errors import RequestError
from videomae_demo.model.layers import Block, probability_blocks
from videomae_demo.model.tracing import trace_head
from videomae_demo.model.videomae import VideoMAEForVideoClassification


@dataclass(frozen=True, slots=True, eq=False)
class HeadEffects:
    """What every head of every layer reads, and its direct effect on a target.

    Attributes
    ----------
    target : Target
    reads : ndarray
        (layers, heads, time, height, width) float32: the attention of the row that the classifier
        reads (the mean of all rows, or the first token's row), or of the row of the `query`; sums
        to 1 for each head that is on.
    effects : ndarray
        The same shape, in units of the logit, signed: always from what the classifier reads.
    logits : ndarray
        (labels,) float32.
    query : (int, int, int), optional
        The token (time, row, column) whose row `reads` holds.
    off : tuple of Head
        The heads that were switched off, in order.
    """

    target: Target
    reads: NDArray[np.float32]
    effects: NDArray[np.float32]
    logits: NDArray[np.float32]
    query: tuple[int, int, int] | None = None
    off: tuple[Head, ...] = ()

    @property
    def totals(self) -> NDArray[np.float64]:
        """Each head's direct effect: (layers, heads), in units of the logit."""
        totals: NDArray[np.float64] = self.effects.sum(axis=(2, 3, 4), dtype=np.float64)
        return totals

    @property
    def ranking(self) -> tuple[Head, ...]:
        """All heads: the greatest effect first, whatever its sign."""
        totals = np.abs(self.totals)
        order = np.argsort(-totals, axis=None, kind="stable")
        layers, heads = np.unravel_index(order, totals.shape)
        places = zip(layers.tolist(), heads.tolist(), strict=True)
        return tuple(Head(layer + 1, number + 1) for layer, number in places)

    @property
    def reads_times_uniform(self) -> NDArray[np.float32]:
        """`reads` in units of an even share: 1.0 is that of a head that reads all tokens alike."""
        times: NDArray[np.float32] = self.reads * np.float32(self.reads[0, 0].size)
        return times

    @property
    def nbytes(self) -> int:
        """Memory taken, in bytes."""
        return self.reads.nbytes + self.effects.nbytes + self.logits.nbytes


def direct_effect(question: Question) -> Scored:
    """Sum the direct effects of all heads of all layers, token by token."""
    with torch.no_grad():
        output = question.model(
            question.pixel_values,
            output_hidden_states=True,
            bool_masked_pos=question.hidden,
            before_layer=check_cancelled,
            return_dict=True,
        )
    model, states = question.model, output.hidden_states
    line = TokenGrid(1, 1, states[0].shape[1])
    start = start_from_head(line, model.config.use_mean_pooling)[None]
    reads, toward, _ = _measure(model, states, question.weights, start.to(states[0]))
    return Scored((reads[0] * toward).sum((0, 1)), output.logits[0])


def explain_heads(
    model: VideoMAEForVideoClassification,
    states: Sequence[Tensor],
    target: Target,
    query: tuple[int, int, int] | None = None,
    off: Collection[Head] = (),
) -> HeadEffects:
    """Measure what every head reads and does, from the states of a pass over one clip.

    Parameters
    ----------
    model : VideoMAEForVideoClassification
        In eval mode.
    states : sequence of Tensor
        (1, N, D) each: before each layer, and after the last one.
    target : Target
    query : (int, int, int), optional
        The token whose row is read; default: what the classifier reads.
    off : collection of Head
        The heads that were switched off in that pass; they read and do nothing.

    Raises
    ------
    RequestError
        When there is no such label, token or head.
    Cancelled
        Between two layers, when nobody waits any more.
    """
    config = model.config
    weights = torch.from_numpy(target.weights(config.num_labels)).to(states[0])
    starts = [start_from_head(config.grid, config.use_mean_pooling)]
    if query is not None:
        starts.append(start_from_token(config.grid, query))
    on = torch.from_numpy(heads_on(off, config.num_hidden_layers, config.num_attention_heads))
    reads, toward, logits = _measure(model, states, weights, torch.stack(starts).to(states[0]))
    reads = reads * on.to(reads)[..., None]

    def placed(values: Tensor) -> NDArray[np.float32]:
        scores: NDArray[np.float32] = values.unflatten(-1, config.grid.shape).cpu().numpy()
        return scores

    return HeadEffects(
        target,
        placed(reads[-1]),
        placed(reads[0] * toward),
        logits.cpu().numpy(),
        query,
        tuple(sorted(off)),
    )


def heads_on(off: Collection[Head], layers: int, heads: int) -> NDArray[np.float32]:
    """Return the head mask of transformers, (layers, heads): 1 = on, 0 = switched off.

    Raises
    ------
    RequestError
        When there is no such head.
    """
    on = np.ones((layers, heads), dtype=np.float32)
    for head in off:
        if head.layer > layers or head.number > heads:
            raise RequestError(
                f"There is no {head}; this checkpoint has {layers} layers of {heads} heads each, "
                "counted from 1."
            )
        on[head.layer - 1, head.number - 1] = 0
    return on


@torch.no_grad()
def _measure(
    model: VideoMAEForVideoClassification, states: Sequence[Tensor], weights: Tensor, starts: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return what the heads read, and what each token they read is worth.

    Parameters
    ----------
    states : sequence of Tensor
        (1, N, D) each.
    weights : Tensor
        (labels,): the target is the sum of the logits, each times its weight.
    starts : Tensor
        (S, N): the rows that are read, as weights of the tokens' rows.

    Returns
    -------
    reads : Tensor
        (S, layers, heads, N) float32.
    toward : Tensor
        (layers, heads, N) float32: the value of a token, projected, along the target's direction.
    logits : Tensor
        (labels,) float32.
    """
    head = trace_head(model, states[-1])
    (pulled,) = head.tape.pull_back(weights[None])
    direction = pulled.gradient.sum(1)  # (1, D): of the vector that the classifier reads
    reads, toward = [], []
    for block, state in zip(model.videomae.encoder.layer, states, strict=False):
        check_cancelled()
        assert isinstance(block, Block)
        attention = block.attention.attention
        normed = block.layernorm_before(state)
        read = starts.new_zeros(len(starts), attention.heads, state.shape[1])
        for rows, probabilities in probability_blocks(*attention.queries_and_keys(normed)):
            read += torch.einsum("sr,hrn->shn", starts[:, rows], probabilities[0])
        v = attention.values(normed, attention.v_bias)  # (1, heads, N, d)
        along = attention.split_heads((direction @ block.attention.output.dense.weight)[:, None])
        reads.append(read)
        toward.append((v * along).sum(-1)[0])
    return torch.stack(reads, 1), torch.stack(toward), head.output[0]
