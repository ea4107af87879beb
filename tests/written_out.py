"""VideoMAE written out in a few lines of double precision, from its weights alone.

Attention is dense, one (heads, N, N) a layer, and can be differentiated; with `constants`, what
LibraGrad holds constant is detached here too. Nothing is shared with the project's own network.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass
class WrittenOut:
    """One clip's pass; `bias` gives each bias, so that a test can ask for its gradient."""

    weights: dict[str, Tensor]
    config: object
    constants: bool = False
    off: frozenset = frozenset()  # heads that hand nothing over: (layer, head), from 0
    attention: list[Tensor] = field(default_factory=list)
    values: list[Tensor] = field(default_factory=list)
    biases: list[Tensor] = field(default_factory=list)

    @classmethod
    def of(cls, model, constants=False, off=frozenset()):
        state = {name: value.detach().double() for name, value in model.state_dict().items()}
        return cls(state, model.config, constants, off)

    def hold(self, x):
        return x.detach() if self.constants else x

    def bias(self, name):
        value = self.weights.get(name)
        if value is None:
            return 0.0
        self.biases.append(value.clone().requires_grad_())
        return self.biases[-1]

    def linear(self, x, name):
        return x @ self.weights[name + ".weight"].T + self.bias(name + ".bias")

    def norm(self, x, name, eps):
        mean = x.mean(-1, keepdim=True)
        deviation = self.hold(((x - mean) ** 2).mean(-1, keepdim=True) + eps).sqrt()
        return (x - mean) / deviation * self.weights[name + ".weight"] + self.bias(name + ".bias")

    def block(self, x, name, heads):
        eps, count = self.config.layer_norm_eps, len(x)
        normed = self.norm(x, f"{name}.layernorm_before", eps)
        inside = f"{name}.attention.attention"
        q = normed @ self.weights[f"{inside}.query.weight"].T + self.weights[f"{inside}.q_bias"]
        k = normed @ self.weights[f"{inside}.key.weight"].T
        v = normed @ self.weights[f"{inside}.value.weight"].T + self.bias(f"{inside}.v_bias")
        q, k, v = (part.reshape(count, heads, -1).transpose(0, 1) for part in (q, k, v))
        scores = torch.einsum("hid,hjd->hij", q, k) / q.shape[-1] ** 0.5
        attention = self.hold(torch.exp(scores) / torch.exp(scores).sum(-1, keepdim=True))
        if not attention.requires_grad:
            attention.requires_grad_()
        on = torch.ones(heads, 1, 1, dtype=torch.float64)
        for layer, head in self.off:
            if layer == len(self.attention):
                on[head] = 0
        self.attention.append(attention)
        self.values.append(v)
        context = (on * attention @ v).transpose(0, 1).reshape(count, -1)
        x = x + self.linear(context, f"{name}.attention.output.dense")
        inner = self.linear(
            self.norm(x, f"{name}.layernorm_after", eps), f"{name}.intermediate.dense"
        )
        gate = self.hold(torch.distributions.Normal(0.0, 1.0).cdf(inner))
        return x + self.linear(inner * gate, f"{name}.output.dense")

    def embed(self, clip):
        """Tokens of a clip (T, C, H, W) at patch + position embedding, (N, D)."""
        config, grid = self.config, self.config.grid
        step, side = config.tubelet_size, config.patch_size
        kernel = self.weights["videomae.embeddings.patch_embeddings.projection.weight"]
        shift = self.weights["videomae.embeddings.patch_embeddings.projection.bias"]
        tokens, width = [], config.hidden_size
        for t in range(grid.time):
            for y in range(grid.height):
                for x in range(grid.width):
                    part = clip[
                        t * step : (t + 1) * step,
                        :,
                        y * side : (y + 1) * side,
                        x * side : (x + 1) * side,
                    ]
                    place = torch.tensor(
                        [
                            len(tokens) / 10000 ** (2 * (column // 2) / width)
                            for column in range(width)
                        ],
                        dtype=torch.float64,
                    )
                    place[0::2], place[1::2] = place[0::2].sin(), place[1::2].cos()
                    patch = part.double().transpose(0, 1)[None] * kernel
                    tokens.append(patch.sum((1, 2, 3, 4)) + shift + place)
        return torch.stack(tokens)

    def encode(self, x):
        for layer in range(self.config.num_hidden_layers):
            x = self.block(x, f"videomae.encoder.layer.{layer}", self.config.num_attention_heads)
        return x

    def read(self, x):
        """Logits of the last states, (labels,)."""
        if self.config.use_mean_pooling:
            pooled = self.norm(x.mean(0), "fc_norm", 1e-5)
        else:
            pooled = self.norm(x, "videomae.layernorm", self.config.layer_norm_eps)[0]
        return self.linear(pooled, "classifier")

    def decode(self, x, hidden):
        """Pixels of the hidden tokens (N,) bool, from the last states of the visible ones."""
        from videomae_demo.model.patches import sincos_positions

        places = sincos_positions(len(hidden), self.config.decoder_hidden_size)[0].double()
        if not self.config.use_mean_pooling:
            x = self.norm(x, "videomae.layernorm", self.config.layer_norm_eps)
        x = self.linear(x, "encoder_to_decoder") + places[~hidden]
        x = torch.cat([x, self.weights["mask_token"][0] + places[hidden]])
        for layer in range(self.config.decoder_num_hidden_layers):
            heads = self.config.decoder_num_attention_heads
            x = self.block(x, f"decoder.decoder_layers.{layer}", heads)
        return self.linear(self.norm(x[-int(hidden.sum()) :], "decoder.norm", 1e-5), "decoder.head")


def start_of(model, count):
    """The row that the classifier reads, (N,)."""
    pooled = torch.full((count,), 1 / count, dtype=torch.float64)
    return pooled if model.config.use_mean_pooling else torch.eye(count, dtype=torch.float64)[0]


def read_and_worth(model, clip, hidden, weights, start=None, off=frozenset()):
    """What each head reads from a row, and what each token's value is worth through it.

    Both are (layers, heads, N), dense: `clip` is (1, T, C, H, W), `hidden` (N,) bool, `weights` of
    the labels, `start` (N,) the row, by default the one that the classifier reads.
    """
    out = WrittenOut.of(model, constants=True, off=off)
    states = out.encode(out.embed(clip[0])[~hidden]).detach().requires_grad_()
    (slope,) = torch.autograd.grad(out.read(states) @ weights, states)
    direction = slope.sum(0)
    heads = model.config.num_attention_heads
    depth = model.config.hidden_size // heads
    start = start_of(model, len(states)) if start is None else start
    reads, worth = [], []
    for layer, (attention, v) in enumerate(zip(out.attention, out.values, strict=True)):
        weight = out.weights[f"videomae.encoder.layer.{layer}.attention.output.dense.weight"]
        for head in range(heads):
            on = 0.0 if (layer, head) in off else 1.0
            columns = weight[:, head * depth : (head + 1) * depth]
            reads.append(on * (start @ attention[head]))
            worth.append(v[head] @ columns.T @ direction)
    shape = (model.config.num_hidden_layers, heads)
    return (
        torch.stack(reads).unflatten(0, shape).detach(),
        torch.stack(worth).unflatten(0, shape).detach(),
    )
