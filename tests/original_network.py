"""The networks of the original code, as small as they can be said, to compare outputs with.

Written from the papers and the published state dicts: one joint projection for queries, keys and
values, clips as (B, C, T, H, W), an epsilon of 1e-6 in every norm. The names of the weights are the
original ones; that is what the layouts translate.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

EPS = 1e-6


def positions(count: int, width: int) -> Tensor:
    """Return the fixed table (count, width): sines in the even columns, cosines in the odd."""
    table = torch.zeros(count, width, dtype=torch.float64)
    for place in range(count):
        for column in range(width):
            angle = place / 10000 ** (2 * (column // 2) / width)
            table[place, column] = math.cos(angle) if column % 2 else math.sin(angle)
    return table.float()


class OriginalAttention(nn.Module):
    def __init__(self, width: int, heads: int, bias: bool) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.q_bias = nn.Parameter(torch.zeros(width)) if bias else None
        self.v_bias = nn.Parameter(torch.zeros(width)) if bias else None
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        joint = self.qkv(x)
        if self.q_bias is not None:
            joint = joint + torch.cat([self.q_bias, torch.zeros_like(self.q_bias), self.v_bias])
        q, k, v = joint.unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        attention = (q @ k.mT / math.sqrt(q.shape[-1])).softmax(-1)
        return self.proj((attention @ v).transpose(1, 2).flatten(2))


class OriginalMlp(nn.Module):
    def __init__(self, width: int, inside: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, inside), nn.Linear(inside, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class OriginalBlock(nn.Module):
    def __init__(self, width: int, heads: int, inside: int, bias: bool) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width, EPS), nn.LayerNorm(width, EPS)
        self.attn = OriginalAttention(width, heads, bias)
        self.mlp = OriginalMlp(width, inside)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class PatchEmbed(nn.Module):
    def __init__(self, width: int, tubelet: int, patch: int) -> None:
        super().__init__()
        step = (tubelet, patch, patch)
        self.proj = nn.Conv3d(3, width, step, stride=step)

    def forward(self, clip: Tensor) -> Tensor:
        return self.proj(clip).flatten(2).mT


class OriginalEncoder(nn.Module):
    """The encoder; `labels` None for that of pretraining, 0 for features, else a classifier."""

    def __init__(
        self,
        width: int = 24,
        depth: int = 2,
        heads: int = 3,
        inside: int = 40,
        patch: int = 8,
        tubelet: int = 2,
        bias: bool = True,
        labels: int | None = None,
        pooled: bool = True,
    ) -> None:
        super().__init__()
        self.patch_embed = PatchEmbed(width, tubelet, patch)
        self.blocks = nn.ModuleList(OriginalBlock(width, heads, inside, bias) for _ in range(depth))
        self.norm = None
        self.fc_norm = None
        if labels is None or not pooled:
            self.norm = nn.LayerNorm(width, EPS)
        else:
            self.fc_norm = nn.LayerNorm(width, EPS)
        self.head = nn.Linear(width, labels) if labels else None

    def tokens(self, clip: Tensor, hidden: Tensor | None = None) -> Tensor:
        x = self.patch_embed(clip)
        x = x + positions(x.shape[1], x.shape[2])
        if hidden is not None:
            x = x[~hidden].unflatten(0, (len(clip), -1))
        for block in self.blocks:
            x = block(x)
        return x if self.norm is None else self.norm(x)

    def forward(self, clip: Tensor) -> Tensor:
        x = self.tokens(clip)
        x = x[:, 0] if self.fc_norm is None else self.fc_norm(x.mean(1))
        return x if self.head is None else self.head(x)


class OriginalDecoder(nn.Module):
    def __init__(self, width: int, depth: int, heads: int, inside: int, values: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(OriginalBlock(width, heads, inside, True) for _ in range(depth))
        self.norm = nn.LayerNorm(width, EPS)
        self.head = nn.Linear(width, values)

    def forward(self, x: Tensor, count: int) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x[:, -count:]))


class OriginalPretraining(nn.Module):
    """Encoder and decoder; `decoded` is the part of the hidden tokens that V2 decodes."""

    def __init__(self, width: int = 24, decoder_width: int = 16, patch: int = 8) -> None:
        super().__init__()
        self.encoder = OriginalEncoder(width, patch=patch)
        self.decoder = OriginalDecoder(decoder_width, 3, 2, 28, 3 * 2 * patch**2)
        self.encoder_to_decoder = nn.Linear(width, decoder_width, bias=False)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, decoder_width))

    def forward(self, clip: Tensor, hidden: Tensor, decoded: Tensor | None = None) -> Tensor:
        decoded = hidden if decoded is None else decoded
        visible = self.encoder_to_decoder(self.encoder.tokens(clip, hidden))
        batch, width = len(clip), visible.shape[-1]
        table = positions(hidden.shape[1], width).expand(batch, -1, -1)
        seen = table[~hidden].reshape(batch, -1, width)
        asked = table[decoded].reshape(batch, -1, width)
        return self.decoder(torch.cat([visible + seen, self.mask_token + asked], 1), asked.shape[1])
