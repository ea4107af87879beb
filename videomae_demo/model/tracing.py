"""Passes whose gradients are pulled back one step at a time, and what counts as constant there.

A `Tape` runs a model as a chain of steps (half a block each) and keeps a small graph for each. So
the way back can stop between two steps, can look at what arrives there, and gives each step's
memory back as it goes. Nothing is hooked, and no weight gets a gradient.

With `Constants`, attention weights, the deviation of each LayerNorm and the gate of each GELU are
constants on the way back (Ali et al. 2022, arXiv 2202.07304; LibraGrad, CVPR 2025, arXiv
2411.16760). Then the output is linear in the tokens and the biases, so token times gradient, summed
with bias times gradient, gives the output again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from videomae_demo.errors import RequestError
from videomae_demo.model.inputs import check_pixel_values, count_marked
from videomae_demo.model.layers import Block, probability_blocks
from videomae_demo.model.patches import select_tokens
from videomae_demo.model.videomae import (
    BeforeLayer,
    VideoMAEForPreTraining,
    VideoMAEForVideoClassification,
    VideoMAEModel,
)


@dataclass(frozen=True, slots=True, eq=False)
class Pulled:
    """What arrives at one step on the way back.

    Attributes
    ----------
    attention_of : Block or None
        The block whose attention this step adds to its input; None for any other step.
    entered : Tensor
        What went into the step.
    gradient_after, gradient : Tensor
        With respect to what came out of the step, and to what went in.
    biases : float
        Bias times gradient, summed over the biases of this step; 0.0 unless `Constants` ran it.
    """

    attention_of: Block | None
    entered: Tensor
    gradient_after: Tensor
    gradient: Tensor
    biases: float


@dataclass(frozen=True, slots=True, eq=False)
class _Step:
    attention_of: Block | None
    entered: Tensor
    left: Tensor
    biases: tuple[Tensor, ...]


class Tape:
    """The steps of one pass, to be pulled back once, or as often as one likes.

    Parameters
    ----------
    before_step : callable, optional
        Called before each step, forwards and on the way back; what it raises ends the pass.
    lasts : bool
        Whether it can be pulled back again; then nothing of it is freed on the way back.
    """

    def __init__(self, before_step: BeforeLayer | None = None, lasts: bool = False) -> None:
        self._before_step = before_step or (lambda: None)
        self._lasts = lasts
        self._steps: list[_Step] = []
        self._biases: list[Tensor] = []
        self._held: dict[int, int] = {}  # bytes by the place of each storage that a graph holds

    @property
    def nbytes(self) -> int:
        """Memory that its graphs hold beside the model's weights, in bytes; 0 if it is not to last.

        Memory that a graph shares with another one counts once.
        """
        return sum(self._held.values())

    def run(
        self, step: Callable[[Tensor], Tensor], x: Tensor, attention_of: Block | None = None
    ) -> Tensor:
        """Run one step on `x`, and return what comes out."""
        self._before_step()
        entered = x.detach().requires_grad_()
        counting = saved_tensors_hooks(self._count, lambda saved: saved)
        with torch.enable_grad(), counting if self._lasts else nullcontext():
            left = step(entered)
        self._steps.append(_Step(attention_of, entered, left, tuple(self._biases)))
        self._biases.clear()
        return left.detach()

    def _count(self, saved: Tensor) -> Tensor:
        if not isinstance(saved, nn.Parameter):
            storage = saved.untyped_storage()
            self._held[storage.data_ptr()] = storage.nbytes()
        return saved

    def bias(self, parameter: Tensor | None) -> Tensor | None:
        """Return a copy of a bias that gets a gradient in the step at hand."""
        if parameter is None:
            return None
        self._biases.append(parameter.detach().requires_grad_())
        return self._biases[-1]

    def pull_back(self, gradient: Tensor) -> Iterator[Pulled]:
        """Yield the steps from the last to the first, each with its gradients.

        Parameters
        ----------
        gradient : Tensor
            With respect to what came out of the last step, in its shape.
        """
        for index in reversed(range(len(self._steps))):
            self._before_step()
            step = self._steps[index] if self._lasts else self._steps.pop()
            first, *others = torch.autograd.grad(
                step.left,
                (step.entered, *step.biases),
                gradient.to(step.left.dtype),
                retain_graph=self._lasts,
            )
            carried = _times(step.biases, others)
            yield Pulled(step.attention_of, step.entered.detach(), gradient, first, carried)
            gradient = first


def _times(biases: Sequence[Tensor], gradients: Sequence[Tensor]) -> float:
    """Sum bias times gradient in float64, in the host's memory: not every device has float64."""
    if not biases:
        return 0.0
    rows = [torch.cat([one.detach().flatten() for one in all_]) for all_ in (biases, gradients)]
    bias, gradient = torch.stack(rows).cpu().double()
    return float(bias @ gradient)


class Arithmetic(Protocol):
    """How the parts of a model are computed in a traced pass."""

    def add_attention(self, block: Block, x: Tensor) -> Tensor:
        """Do the first half of a block, (B, N, D)."""
        ...

    def add_perceptron(self, block: Block, x: Tensor) -> Tensor:
        """Do the second half of a block, (B, N, D)."""
        ...

    def norm(self, norm: nn.LayerNorm, x: Tensor) -> Tensor:
        """Normalise (..., D)."""
        ...

    def linear(self, layer: nn.Module, x: Tensor) -> Tensor:
        """Apply a linear layer, or what stands in its place."""
        ...


class Live:
    """Each part as the model itself computes it: gradients are the true ones."""

    def add_attention(self, block: Block, x: Tensor) -> Tensor:
        """See `Arithmetic`."""
        return block.add_attention(x)

    def add_perceptron(self, block: Block, x: Tensor) -> Tensor:
        """See `Arithmetic`."""
        return block.add_perceptron(x)

    def norm(self, norm: nn.LayerNorm, x: Tensor) -> Tensor:
        """See `Arithmetic`."""
        return norm(x)  # type: ignore[no-any-return]  # nn.Module.__call__ is untyped

    def linear(self, layer: nn.Module, x: Tensor) -> Tensor:
        """See `Arithmetic`."""
        return layer(x)  # type: ignore[no-any-return]  # as above


class _HeldAttention(torch.autograd.Function):
    """Attention whose probabilities are constant: only the values get a gradient.

    The kernel's own way back would compute the gradients of queries and keys too, which takes more
    than twice as long. Here the probabilities are made again in blocks of rows; nothing of the size
    (heads, N, N) is held.
    """

    @staticmethod
    def forward(context: Any, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        context.save_for_backward(q, k)
        return F.scaled_dot_product_attention(q, k, v)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[None, None, Tensor]:
        q, k = context.saved_tensors
        after = gradients[0].contiguous()  # (B, heads, N, d)
        before = torch.zeros_like(after)
        for rows, probabilities in probability_blocks(q, k):
            before.flatten(0, 1).baddbmm_(
                probabilities.flatten(0, 1).transpose(1, 2), after[:, :, rows].flatten(0, 1)
            )
        return None, None, before


class Constants:
    """The same values, with attention, deviations and gates constant on the way back.

    The models are in eval mode, so dropout is left out.

    Parameters
    ----------
    tape : Tape
        Takes note of the biases.
    """

    def __init__(self, tape: Tape) -> None:
        self._tape = tape

    def norm(self, norm: nn.LayerNorm, x: Tensor) -> Tensor:
        """See `Arithmetic`; the mean is subtracted, and gets its gradient."""
        centred = x - x.mean(-1, keepdim=True)
        variance = centred.detach().square().mean(-1, keepdim=True)
        scaled = centred * (variance + norm.eps).rsqrt() * norm.weight.detach()
        bias = self._tape.bias(norm.bias)
        return scaled if bias is None else scaled + bias

    def linear(self, layer: nn.Module, x: Tensor) -> Tensor:
        """See `Arithmetic`."""
        if not isinstance(layer, nn.Linear):
            return layer(x)  # type: ignore[no-any-return]  # nn.Module.__call__ is untyped
        return F.linear(x, layer.weight.detach(), self._tape.bias(layer.bias))

    def add_attention(self, block: Block, x: Tensor) -> Tensor:
        """See `Arithmetic`; the queries and keys get no gradient."""
        attention = block.attention.attention
        normed = self.norm(block.layernorm_before, x)
        with torch.no_grad():
            q, k = attention.queries_and_keys(normed)
        v = attention.values(normed, self._tape.bias(attention.v_bias))
        context: Tensor = _HeldAttention.apply(q, k, v)  # type: ignore[no-untyped-call]  # torch's
        context = context.transpose(1, 2).flatten(-2)
        return x + self.linear(block.attention.output.dense, context)

    def add_perceptron(self, block: Block, x: Tensor) -> Tensor:
        """See `Arithmetic`; gelu(z) is z times a gate, the share of a normal law below z."""
        inner = self.linear(block.intermediate.dense, self.norm(block.layernorm_after, x))
        gate = (inner.detach() * math.sqrt(0.5)).erf_().add_(1).mul_(0.5)
        return x + self.linear(block.output.dense, inner * gate)


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """A pass that can be pulled back.

    Attributes
    ----------
    tape : Tape
        Its first step takes `tokens`, and its last one gives `output`.
    tokens : Tensor
        (B, N, D) at patch + position embedding: those that took part.
    output : Tensor
        The logits (B, labels), or the predicted pixels (B, N_decoded, values of a token).
    """

    tape: Tape
    tokens: Tensor
    output: Tensor

    @property
    def nbytes(self) -> int:
        """Memory that it holds beside the model's weights, in bytes; see `Tape.nbytes`."""
        return self.tape.nbytes


def embed(model: VideoMAEModel, pixel_values: Tensor, hidden: Tensor | None = None) -> Tensor:
    """Return the tokens at patch + position embedding, (B, N or N_visible, D).

    Parameters
    ----------
    model : VideoMAEModel
        The encoder.
    pixel_values : Tensor
        (B, T, C, H, W) float, normalised.
    hidden : Tensor, optional
        (B, N) bool, True = the token takes no part; the same number in each clip.

    Raises
    ------
    RequestError
        When a shape or type does not fit, or no token is left.
    """
    weight = model.embeddings.patch_embeddings.projection.weight
    check_pixel_values(pixel_values, model.config, weight.dtype)
    if hidden is not None:
        marked = count_marked(hidden, len(pixel_values), model.config, "The mask")
        if marked == model.config.grid.tokens:
            raise RequestError("The mask hides every token; leave at least one visible.")
    with torch.no_grad():
        return model.embeddings(pixel_values, hidden)  # type: ignore[no-any-return]  # untyped


def trace_classifier(
    model: VideoMAEForVideoClassification,
    tokens: Tensor,
    *,
    constants: bool,
    before_step: BeforeLayer | None = None,
    lasts: bool = False,
) -> Trace:
    """Classify embedded tokens (B, N, D) in a way that can be pulled back.

    Parameters
    ----------
    constants : bool
        Whether attention, deviations and gates are constant on the way back; see `Constants`.
    before_step, lasts
        See `Tape`.
    """
    tape = Tape(before_step, lasts)
    arithmetic: Arithmetic = Constants(tape) if constants else Live()
    encoded = _run_blocks(tape, arithmetic, model.videomae.encoder.layer, tokens)
    return Trace(tape, tokens, _run_head(tape, arithmetic, model, encoded))


def trace_head(model: VideoMAEForVideoClassification, encoded: Tensor) -> Trace:
    """Run the head alone, with constants, on what the last block gave, (B, N, D)."""
    tape = Tape()
    return Trace(tape, encoded, _run_head(tape, Constants(tape), model, encoded))


def _run_head(
    tape: Tape, arithmetic: Arithmetic, model: VideoMAEForVideoClassification, encoded: Tensor
) -> Tensor:
    def head(x: Tensor) -> Tensor:
        if model.fc_norm is not None:
            pooled = arithmetic.norm(model.fc_norm, x.mean(1))
        else:
            assert model.videomae.layernorm is not None
            pooled = arithmetic.norm(model.videomae.layernorm, x[:, 0])
        return arithmetic.linear(model.classifier, pooled)

    return tape.run(head, encoded)


def trace_reconstructor(
    model: VideoMAEForPreTraining,
    tokens: Tensor,
    hidden: Tensor,
    decoded: Tensor,
    *,
    constants: bool,
    before_step: BeforeLayer | None = None,
) -> Trace:
    """Predict tokens from the visible ones (B, N_visible, D) in a way that can be pulled back.

    Parameters
    ----------
    hidden, decoded : Tensor
        (B, N) bool: which tokens were not given to the encoder, and which of these the decoder
        predicts; the same numbers in each clip.
    constants, before_step
        As in `trace_classifier`.
    """
    tape = Tape(before_step)
    arithmetic: Arithmetic = Constants(tape) if constants else Live()
    encoded = _run_blocks(tape, arithmetic, model.videomae.encoder.layer, tokens)
    positions = model.position_embeddings.expand(len(tokens), -1, -1)
    asked = select_tokens(positions, decoded)
    norm = model.videomae.layernorm

    def bridge(x: Tensor) -> Tensor:
        x = x if norm is None else arithmetic.norm(norm, x)
        seen = arithmetic.linear(model.encoder_to_decoder, x) + select_tokens(positions, ~hidden)
        return torch.cat([seen, model.mask_token.detach() + asked], dim=1)

    def head(x: Tensor) -> Tensor:
        last = arithmetic.norm(model.decoder.norm, x[:, -asked.shape[1] :])
        return arithmetic.linear(model.decoder.head, last)

    decoding = _run_blocks(
        tape, arithmetic, model.decoder.decoder_layers, tape.run(bridge, encoded)
    )
    return Trace(tape, tokens, tape.run(head, decoding))


def _run_blocks(tape: Tape, arithmetic: Arithmetic, blocks: nn.ModuleList, x: Tensor) -> Tensor:
    for block in blocks:
        assert isinstance(block, Block)
        x = tape.run(partial(arithmetic.add_attention, block), x, block)
        x = tape.run(partial(arithmetic.add_perceptron, block), x)
    return x
