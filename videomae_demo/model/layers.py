"""The transformer block: attention in three forms, a two-layer perceptron, and the two joined.

The three forms compute the same thing:

- plain: torch's fused kernel, when nobody asks for probabilities;
- streamed: row blocks of probabilities are handed to an observer and then forgotten; on a GPU the
  fused kernel runs beside it, so that what is observed is the same to the last digit;
- eager: all of (B, heads, N, N) at once, for ``output_attentions``.

Under autocast, scores and probabilities are float32 in all three: rounded to bfloat16, a score of
10 is off by up to 0.03, and its probability by 3 %.

Submodules carry the names of the published state dicts, so that a state dict needs no translation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from videomae_demo.config import VideoMAEConfig
from videomae_demo.device import working_sizes
from videomae_demo.errors import CheckpointError

RowObserver: TypeAlias = Callable[[slice, Tensor], None]
"""Called with a block's rows and their probabilities (B, heads, rows, N), valid during the call."""


class SelfAttention(nn.Module):
    """Projections and scaled dot products; queries and values have a bias, keys have none.

    Raises
    ------
    CheckpointError
        When the heads do not divide the width.
    """

    q_bias: nn.Parameter | None
    v_bias: nn.Parameter | None

    def __init__(self, width: int, heads: int, bias: bool, dropout: float) -> None:
        super().__init__()
        if width % heads:
            raise CheckpointError(
                f"A width of {width} can't be shared among {heads} attention heads; the "
                "configuration's hidden_size must be a multiple of its num_attention_heads, and "
                "decoder_hidden_size of decoder_num_attention_heads."
            )
        self.heads = heads
        self.dropout = dropout
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width, bias=False)
        self.q_bias = nn.Parameter(torch.zeros(width)) if bias else None
        self.v_bias = nn.Parameter(torch.zeros(width)) if bias else None

    def split_heads(self, x: Tensor) -> Tensor:
        """Take (B, N, D) apart by head: (B, heads, N, D / heads)."""
        split: Tensor = x.unflatten(-1, (self.heads, -1))
        return split.transpose(1, 2)

    def queries_and_keys(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Project (B, N, D) to queries and keys, (B, heads, N, D / heads) each."""
        return self.split_heads(F.linear(x, self.query.weight, self.q_bias)), self.split_heads(
            self.key(x)
        )

    def values(self, x: Tensor, bias: Tensor | None) -> Tensor:
        """Project (B, N, D) to values, (B, heads, N, D / heads), with a bias (D,) or none."""
        return self.split_heads(F.linear(x, self.value.weight, bias))

    def forward(
        self,
        x: Tensor,
        head_mask: Tensor | None = None,
        with_probabilities: bool = False,
        observe: RowObserver | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Attend.

        Parameters
        ----------
        x : Tensor
            (B, N, D).
        head_mask : Tensor, optional
            Multiplied with the probabilities: (1, heads, 1, 1). So a head's context is that many
            times itself.
        with_probabilities : bool
            Return the probabilities, after dropout and head mask as in transformers.
        observe : callable, optional
            Sees the probabilities in blocks of rows; then the two arguments above are ignored.

        Returns
        -------
        Tensor, Tensor or None
            The context (B, N, D) and, if wanted, the probabilities (B, heads, N, N).
        """
        q, k = self.queries_and_keys(x)
        v = self.values(x, self.v_bias)
        dropout = self.dropout if self.training else 0.0
        probabilities = None
        if observe is not None:
            context = self._observed(q, k, v, observe)
        elif with_probabilities:
            probabilities = _softmax(*_exact(q * q.shape[-1] ** -0.5, k.transpose(-1, -2)))
            if dropout:
                probabilities = F.dropout(probabilities, dropout)
            if head_mask is not None:
                probabilities = probabilities * head_mask.to(probabilities.dtype)
            context = probabilities.to(v.dtype) @ v
        else:
            context = F.scaled_dot_product_attention(q, k, v, dropout_p=dropout)
            if head_mask is not None:
                context = context * head_mask.to(context.dtype)
        return context.transpose(1, 2).flatten(-2), probabilities if with_probabilities else None

    def _observed(self, q: Tensor, k: Tensor, v: Tensor, observe: RowObserver) -> Tensor:
        """Return the context, (B, heads, N, D / heads), and show the probabilities."""
        if working_sizes(q.device).fused_beside:
            for rows, block in probability_blocks(q, k):
                observe(rows, block.detach())
            return F.scaled_dot_product_attention(q, k, v)
        v = v.contiguous()  # otherwise every block's product would copy it
        context = torch.empty_like(v)
        for rows, block in probability_blocks(q, k):
            context[:, :, rows] = block.to(v.dtype) @ v
            observe(rows, block.detach())
        return context


def _exact(q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
    """Return both in float32 under autocast, else as they are."""
    return (q.float(), k.float()) if torch.is_autocast_enabled(q.device.type) else (q, k)


def _softmax(q: Tensor, k: Tensor) -> Tensor:
    """Return the probabilities of scaled q (..., n, d) and k (..., d, N), in their precision."""
    with torch.autocast(q.device.type, enabled=False):
        return torch.softmax(q @ k, dim=-1)


def probability_blocks(q: Tensor, k: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Yield attention probabilities in blocks of rows, of `WorkingSizes.block_bytes` or one row.

    Parameters
    ----------
    q, k : Tensor
        (B, heads, N, d).

    Yields
    ------
    slice, Tensor
        The rows of a block, and their probabilities (B, heads, rows, N).
    """
    batch, heads, count, depth = q.shape
    step = max(1, working_sizes(q.device).block_bytes // (batch * heads * count * 4))
    q, k = _exact(q, k)
    q, k = q * depth**-0.5, k.contiguous().transpose(-1, -2)
    for start in range(0, count, step):
        rows = slice(start, min(start + step, count))
        yield rows, _softmax(q[:, :, rows], k)


def read_out(layer: nn.Module, x: Tensor) -> Tensor:
    """Apply a model's last layer in the precision of its weights, under autocast as well.

    Its outputs are what people read: in bfloat16, logits above 8 would have steps of 0.06, and
    pixels above 0.5 steps of 0.004.
    """
    weight = getattr(layer, "weight", None)
    with torch.autocast(x.device.type, enabled=False):
        return layer(x if weight is None else x.to(weight.dtype))  # type: ignore[no-any-return]  # nn.Module.__call__ is untyped


class Attention(nn.Module):
    """Self-attention and the projection of its output."""

    def __init__(
        self, width: int, heads: int, bias: bool, attention_dropout: float, dropout: float
    ) -> None:
        super().__init__()
        self.attention = SelfAttention(width, heads, bias, attention_dropout)
        self.output = Dense(width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        x: Tensor,
        head_mask: Tensor | None = None,
        with_probabilities: bool = False,
        observe: RowObserver | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """See `SelfAttention.forward`."""
        context, probabilities = self.attention(x, head_mask, with_probabilities, observe)
        return self.dropout(self.output(context)), probabilities


class Dense(nn.Module):
    """A linear layer one level down, where the published state dicts keep it."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.dense = nn.Linear(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Project (..., inputs) to (..., outputs)."""
        return self.dense(x)  # type: ignore[no-any-return]  # nn.Module.__call__ is untyped


class Block(nn.Module):
    """A pre-norm transformer block: ``x += attention(norm(x)); x += mlp(norm(x))``, exact GELU."""

    def __init__(
        self, config: VideoMAEConfig, width: int, heads: int, intermediate_size: int
    ) -> None:
        super().__init__()
        self.attention = Attention(
            width,
            heads,
            config.qkv_bias,
            config.attention_probs_dropout_prob,
            config.hidden_dropout_prob,
        )
        self.intermediate = Dense(width, intermediate_size)
        self.output = Dense(intermediate_size, width)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.layernorm_before = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.layernorm_after = nn.LayerNorm(width, eps=config.layer_norm_eps)

    def forward(
        self,
        x: Tensor,
        head_mask: Tensor | None = None,
        with_probabilities: bool = False,
        observe: RowObserver | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Map (B, N, D) to (B, N, D); also the probabilities (B, heads, N, N), if wanted."""
        attended, probabilities = self.attention(
            self.layernorm_before(x), head_mask, with_probabilities, observe
        )
        return self.add_perceptron(x + attended), probabilities

    def add_attention(self, x: Tensor) -> Tensor:
        """Do the first half of the block alone: ``x + attention(norm(x))``, (B, N, D)."""
        attended, _ = self.attention(self.layernorm_before(x))
        return x + attended  # type: ignore[no-any-return]  # nn.Module.__call__ is untyped

    def add_perceptron(self, x: Tensor) -> Tensor:
        """Do the second half of the block alone: ``x + mlp(norm(x))``, (B, N, D)."""
        inner = F.gelu(self.intermediate(self.layernorm_after(x)))
        return x + self.dropout(self.output(inner))  # type: ignore[no-any-return]  # as above

    def observe_attention(self, x: Tensor, observe: RowObserver) -> None:
        """Show `observe` the attention that this block computes from its input (B, N, D)."""
        q, k = self.attention.attention.queries_and_keys(self.layernorm_before(x))
        for rows, probabilities in probability_blocks(q, k):
            observe(rows, probabilities)
