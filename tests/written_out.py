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
    attention: list[Tensor] = field(default_factory=list)
    values: list[Tensor] = field(default_factory=list)
    biases: list[Tensor] = field(default_factory=list)

    @classmethod
    def of(cls, model, constants=False):
        state = {name: value.detach().double() for name, value in model.state_dict().items()}
        return cls(state, model.config, constants)

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
        self.attention.append(attention)
        self.values.append(v)
        context = (attention @ v).transpose(0, 1).reshape(count, -1)
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
