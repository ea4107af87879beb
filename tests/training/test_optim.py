import pytest
import torch
from tiny import tiny_config
from torch import nn

from videomae_demo.model.videomae import VideoMAEForPreTraining
from videomae_demo.training.optim import (
    Muon,
    adamw_groups,
    build_optimisers,
    descend,
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


def test_one_step_of_muon_by_hand():
    """Nesterov's momentum, made orthogonal, in proportion to the shape; and the weight decay."""
    first, second = torch.randn(2, 8, 2, generator=torch.Generator().manual_seed(0))
    for shape, stretch in (((8, 2), 2.0), ((2, 8), 1.0)):
        weight = nn.Parameter(torch.full(shape, 0.5))
        optimiser = Muon([weight], lr=0.1, momentum=0.75, weight_decay=0.3)
        for gradient, ahead in (
            (first, first),  # whatever its length
            (second, 0.25 * second + 0.75 * (0.25 * second + 0.75 * 0.25 * first)),
        ):
            before = weight.detach().clone()
            weight.grad = gradient.reshape(shape).clone()
            optimiser.step()
            (update,) = orthogonalise(ahead.reshape(1, *shape), 5)
            expected = before * (1 - 0.1 * 0.3) - 0.1 * stretch * update
            torch.testing.assert_close(weight.detach(), expected)


def test_each_kind_of_optimiser_has_its_weights_and_its_rate():
    model = VideoMAEForPreTraining(tiny_config())
    count = sum(1 for _ in model.parameters())
    (alone,) = build_optimisers(model, "adamw", 0.02, 1e-3, 0.05)
    assert isinstance(alone, torch.optim.AdamW)
    assert sum(len(group["params"]) for group in alone.param_groups) == count
    adamw, muon = build_optimisers(model, "muon", 0.02, 1e-3, 0.05)
    assert [group["lr"] for group in adamw.param_groups] == [1e-3, 1e-3]
    assert [group["weight_decay"] for group in adamw.param_groups] == [0.05, 0.0]
    (group,) = muon.param_groups
    assert group["lr"] == 0.02 and len(group["params"]) == 4 * 6
    assert sum(len(group["params"]) for group in adamw.param_groups) == count - 4 * 6


def test_rates_are_set_anew_and_do_not_pile_up():
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.4)
    for factor in (0.5, 1.0, 0.25):
        set_rates([optimiser], factor)
        assert optimiser.param_groups[0]["lr"] == pytest.approx(0.4 * factor)


def test_a_step_down_is_no_longer_than_1():
    model = nn.Linear(2, 1, bias=False)
    with torch.no_grad():
        model.weight.zero_()
    optimiser = torch.optim.SGD(model.parameters(), lr=1.0)
    descend(model, (model.weight * torch.tensor([[30.0, 40.0]])).sum(), [optimiser])
    torch.testing.assert_close(model.weight.detach(), torch.tensor([[-0.6, -0.8]]))
    assert model.weight.grad is None


@pytest.mark.parametrize(
    ("step", "linear", "cosine"),
    [(0, 0.1, 0.1), (4, 0.5, 0.5), (9, 1, 1), (10, 1, 1), (40, 2 / 3, 0.75), (70, 1 / 3, 0.25)],
)
def test_the_rate_by_hand(step, linear, cosine):
    assert warmup_then(step, 100, 10, "linear") == pytest.approx(linear)
    assert warmup_then(step, 100, 10, "cosine") == pytest.approx(cosine)


def test_the_rate_rises_and_falls():
    for shape in ("cosine", "linear"):
        factors = [warmup_then(step, 100, 10, shape) for step in range(100)]
        assert factors[0] == pytest.approx(0.1)
        assert max(factors) == 1.0 == factors[10] or factors[9] == 1.0
        assert factors[-1] < 0.02
        assert factors[55] == pytest.approx(0.5)
