"""What each attention head reads, and what it hands to the classifier directly.

The last states are a sum: embedded tokens, and what each head and each perceptron adds. A
mean-pooled head reads the mean of that sum, so with the deviation of its LayerNorm held fixed a
logit is a sum too. What token j gives to it through one head is (the attention that the pooled row
pays to j) times (the value of j, projected, along the direction of the logit). Effects that pass
through later layers are not counted, nor are the biases of the projections.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from videomae_demo.analysis.methods import Target
from videomae_demo.analysis.relevance import Question, Scored
from videomae_demo.analysis.rollout import start_from_head
from videomae_demo.cancellation import check_cancelled
from videomae_demo.config import TokenGrid
from videomae_demo.model.layers import Block
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
        reads (the mean of all rows, or the first token's row); sums to 1 for each head.
    effects : ndarray
        The same shape, in units of the logit, signed.
    logits : ndarray
        (labels,) float32.
    """

    target: Target
    reads: NDArray[np.float32]
    effects: NDArray[np.float32]
    logits: NDArray[np.float32]

    @property
    def totals(self) -> NDArray[np.float64]:
        """Each head's direct effect: (layers, heads), in units of the logit."""
        totals: NDArray[np.float64] = self.effects.sum(axis=(2, 3, 4), dtype=np.float64)
        return totals

    @property
    def ranking(self) -> tuple[tuple[int, int], ...]:
        """(layer, head), both from 0: the greatest effect first, whatever its sign."""
        totals = np.abs(self.totals)
        order = np.argsort(-totals, axis=None, kind="stable")
        layers, heads = np.unravel_index(order, totals.shape)
        return tuple(zip(layers.tolist(), heads.tolist(), strict=True))

    @property
    def nbytes(self) -> int:
        """Memory taken, in bytes."""
        return self.reads.nbytes + self.effects.nbytes + self.logits.nbytes


def direct_effect(question: Question) -> Scored:
    """Sum the direct effects of all heads of all layers, token by token."""
    _, effects, logits = _effects(question)
    return Scored(effects.sum((0, 1)), logits)


def explain_heads(
    model: VideoMAEForVideoClassification,
    pixel_values: Tensor,
    target: Target,
    hidden: Tensor | None = None,
) -> HeadEffects:
    """Measure what every head reads and does. Arguments and errors as in `relevance.explain`."""
    config = model.config
    weights = torch.from_numpy(target.weights(config.num_labels)).to(pixel_values)
    question = Question(model, pixel_values, weights, hidden)
    reads, effects, logits = _effects(question)

    def placed(values: Tensor) -> NDArray[np.float32]:
        everywhere = torch.zeros(*values.shape[:2], config.grid.tokens, device=values.device)
        everywhere[:, :, question.visible] = values.float()
        scores: NDArray[np.float32] = everywhere.unflatten(-1, config.grid.shape).cpu().numpy()
        return scores

    return HeadEffects(target, placed(reads), placed(effects), logits.float().cpu().numpy())


@torch.no_grad()
def _effects(question: Question) -> tuple[Tensor, Tensor, Tensor]:
    """Return what the heads read and do, (layers, heads, N_visible) each, and the logits."""
    model, config = question.model, question.model.config
    line = TokenGrid(1, 1, int(question.visible.sum()))
    start = start_from_head(line, config.use_mean_pooling).to(question.pixel_values)
    reads = start.new_zeros(config.num_hidden_layers, config.num_attention_heads, line.tokens)

    def observe(layer: int, rows: slice, probabilities: Tensor, /) -> None:
        reads[layer] += torch.einsum("r,hrn->hn", start[rows], probabilities[0].to(start.dtype))

    output = model(
        question.pixel_values,
        output_hidden_states=True,
        bool_masked_pos=question.hidden,
        observer=observe,
        before_layer=check_cancelled,
        return_dict=True,
    )
    head = trace_head(model, output.hidden_states[-1])
    (pulled,) = head.tape.pull_back(question.weights[None])
    direction = pulled.gradient.sum(1)  # (1, D): of the vector that the classifier reads
    effects = []
    for block, state in zip(model.videomae.encoder.layer, output.hidden_states, strict=False):
        assert isinstance(block, Block)
        attention = block.attention.attention
        v = attention.values(block.layernorm_before(state), attention.v_bias)  # (1, h, N, d)
        towards = attention.split_heads((direction @ block.attention.output.dense.weight)[:, None])
        effects.append((v * towards).sum(-1)[0])
    return reads, reads * torch.stack(effects), output.logits[0]
