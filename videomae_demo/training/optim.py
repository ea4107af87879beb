"""Optimisers and their schedule: AdamW, or Muon on the matrices with AdamW for the rest."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from videomae_demo.model.layers import Block
from videomae_demo.model.videomae import VideoMAEForVideoClassification

ADAM_BETAS = (0.9, 0.95)
"""As in masked autoencoding: He et al. 2022, Tong et al. 2022."""

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Coefficients of the quintic iteration of Jordan et al., "Muon" (2024)."""


class Muon(torch.optim.Optimizer):
    """Momentum whose update is made orthogonal: Jordan et al., "Muon" (2024).

    Newton and Schulz iterate in float32, since bfloat16 is very slow on processors that lack it;
    matrices of one shape are iterated together.

    Parameters
    ----------
    matrices : iterable of Parameter
        Two-dimensional weights of hidden layers.
    """

    def __init__(
        self,
        matrices: Iterable[nn.Parameter],
        lr: float = 0.02,
        momentum: float = 0.95,
        weight_decay: float = 0.01,
        iterations: int = 5,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "weight_decay": weight_decay,
            "iterations": iterations,
        }
        super().__init__(matrices, defaults)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # no closures here
        """Update every matrix that has a gradient."""
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[nn.Parameter]] = defaultdict(list)
            for matrix in group["params"]:
                if matrix.grad is not None:
                    by_shape[matrix.shape].append(matrix)
            for matrices in by_shape.values():
                updates = torch.stack([self._momentum(matrix, group) for matrix in matrices])
                updates = orthogonalise(updates, group["iterations"])
                rows, columns = updates.shape[-2:]
                step = group["lr"] * math.sqrt(max(1.0, rows / columns))
                for matrix, update in zip(matrices, updates, strict=True):
                    matrix.mul_(1 - group["lr"] * group["weight_decay"]).sub_(update, alpha=step)

    def _momentum(self, matrix: nn.Parameter, group: dict[str, float]) -> Tensor:
        gradient = matrix.grad
        assert gradient is not None
        state = self.state[matrix]
        if not state:
            state["buffer"] = torch.zeros_like(matrix)
        buffer: Tensor = state["buffer"].lerp_(gradient, 1 - group["momentum"])
        ahead: Tensor = gradient.lerp(buffer, group["momentum"])  # Nesterov
        return ahead


def orthogonalise(matrices: Tensor, iterations: int) -> Tensor:
    """Bring the singular values of (K, rows, columns) matrices near 1, in float32."""
    a, b, c = NEWTON_SCHULZ
    tall = matrices.shape[-2] > matrices.shape[-1]
    x: Tensor = matrices.float().mT if tall else matrices.float()
    x = x / (torch.linalg.matrix_norm(x, keepdim=True) + 1e-7)
    for _ in range(iterations):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if tall else x


def hidden_matrices(model: nn.Module) -> list[nn.Parameter]:
    """Return the weights of the linear layers inside the transformer blocks, which Muon is for."""
    return [
        parameter
        for block in model.modules()
        if isinstance(block, Block)
        for parameter in block.parameters()
        if parameter.ndim == 2
    ]


def adamw_groups(
    parameters: Iterable[nn.Parameter], lr: float, weight_decay: float
) -> list[dict[str, object]]:
    """Group parameters for AdamW: no weight decay for biases, norms and tokens."""
    decayed: list[nn.Parameter] = []
    plain: list[nn.Parameter] = []
    for parameter in parameters:
        (decayed if parameter.squeeze().ndim > 1 else plain).append(parameter)
    return [
        {"params": decayed, "lr": lr, "weight_decay": weight_decay},
        {"params": plain, "lr": lr, "weight_decay": 0.0},
    ]


def layerwise_groups(
    model: VideoMAEForVideoClassification, rate: float, layer_decay: float, weight_decay: float
) -> list[dict[str, object]]:
    """Group the weights by depth: the rate falls by `layer_decay` from the classifier downwards.

    As in the paper's fine-tuning, after Clark et al., "ELECTRA" (2020). Biases and norms have no
    weight decay.
    """
    depth = model.config.num_hidden_layers + 1
    groups: dict[tuple[int, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        layer = re.search(r"encoder\.layer\.(\d+)\.", name)
        level = int(layer[1]) + 1 if layer else (0 if "embeddings" in name else depth)
        groups.setdefault((level, parameter.ndim > 1), []).append(parameter)
    return [
        {
            "params": parameters,
            "lr": rate * layer_decay ** (depth - level),
            "weight_decay": weight_decay if decayed else 0.0,
        }
        for (level, decayed), parameters in groups.items()
    ]


def warmup_then(step: int, steps: int, warmup: int, shape: str) -> float:
    """Return the rate's factor: up linearly, then down to zero, "cosine" or "linear"."""
    if step < warmup:
        return (step + 1) / warmup
    done = (step - warmup) / max(1, steps - warmup)
    return 0.5 * (1 + math.cos(math.pi * done)) if shape == "cosine" else 1 - done


def build_optimisers(
    model: nn.Module, kind: str, muon_rate: float, adam_rate: float, weight_decay: float
) -> list[torch.optim.Optimizer]:
    """Give every weight its optimiser: "muon" (AdamW for all but hidden matrices) or "adamw"."""
    matrices = hidden_matrices(model) if kind == "muon" else []
    chosen = {id(matrix) for matrix in matrices}
    rest = [parameter for parameter in model.parameters() if id(parameter) not in chosen]
    adamw = torch.optim.AdamW(adamw_groups(rest, adam_rate, weight_decay), betas=ADAM_BETAS)
    return [adamw, Muon(matrices, lr=muon_rate)] if matrices else [adamw]


def set_rates(optimisers: Iterable[torch.optim.Optimizer], factor: float) -> None:
    """Set each group's learning rate to `factor` times the one it was made with."""
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = group.setdefault("full_rate", group["lr"]) * factor


def descend(model: nn.Module, loss: Tensor, optimisers: Iterable[torch.optim.Optimizer]) -> None:
    """Take one step down: gradients of `loss`, clipped to a norm of 1, then every optimiser."""
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for optimiser in optimisers:
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
