import pytest
import torch
from tiny import tiny_config
from torch import nn

from videomae_demo.model.videomae import VideoMAEForPreTraining
from videomae_demo.training.optim import (
    Muon,
    adamw_groups,
    hidden_matrices,
    orthogonalise,
    set_rates,
    warmup_then,
)


@pytest.mark.parametrize("shape", [(2, 12, 12), (1, 8, 20), (3, 20, 8)])
def test_singular_values_come_near_one(shape):
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalise(matrices, 5))
    assert values.min() > 0.5 and values.max() < 1.3
    # The directions stay: what was turned is the same matrix with its singular values levelled.
    u, _, vh = torch.linalg.svd(matrices, full_matrices=False)
    away = orthogonalise(matrices, 5) - u @ vh
    assert away.norm() / (u @ vh).norm() < 0.4


def test_muon_fits_a_linear_map():
    torch.manual_seed(0)
    layer, inputs, target = nn.Linear(6, 4, bias=False), torch.randn(64, 6), torch.randn(4, 6)
    optimiser = Muon([layer.weight], lr=0.2, weight_decay=0.0)
    losses = []
    for step in range(120):
        set_rates([optimiser], 1 - step / 120)
        loss = (layer(inputs) - inputs @ target.T).square().mean()
        losses.append(loss.item())
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    assert losses[-1] < 0.02 * losses[0]
    assert optimiser.param_groups[0]["lr"] == pytest.approx(0.2 / 120)


def test_muon_gets_the_blocks_and_adamw_the_rest():
    model = VideoMAEForPreTraining(tiny_config())
    matrices = hidden_matrices(model)
    # 3 encoder blocks and 1 decoder block, 6 matrices each.
    assert len(matrices) == 4 * 6
    assert all(matrix.ndim == 2 for matrix in matrices)
    chosen = {id(matrix) for matrix in matrices}
    rest = [parameter for parameter in model.parameters() if id(parameter) not in chosen]
    decayed, plain = (group["params"] for group in adamw_groups(rest, 1e-3, 0.1))
    assert len(decayed) + len(plain) == len(rest)
    assert any(parameter is model.mask_token for parameter in plain)
    assert any(parameter is model.decoder.head.weight for parameter in decayed)


def test_the_rate_rises_and_falls():
    for shape in ("cosine", "linear"):
        factors = [warmup_then(step, 100, 10, shape) for step in range(100)]
        assert factors[0] == pytest.approx(0.1)
        assert max(factors) == 1.0 == factors[10] or factors[9] == 1.0
        assert factors[-1] < 0.02
        assert factors[55] == pytest.approx(0.5)
