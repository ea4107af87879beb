"""Attention: its three forms compute the same, and the streamed one holds one block at a time.

In float64, where forms that are the same differ by much less than any that are not.
"""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from model_cases import fill, worst
from tiny import blocks_of
from torch import Tensor

from videomae_demo.config import VideoMAEConfig
from videomae_demo.errors import CheckpointError
from videomae_demo.model import layers
from videomae_demo.model.layers import Block, SelfAttention, probability_blocks, read_out

WIDTH, HEADS, TOKENS = 12, 3, 10


class Recorder:
    """Keeps copies of the blocks it is shown."""

    def __init__(self) -> None:
        self.rows: list[slice] = []
        self.blocks: list[Tensor] = []

    def __call__(self, rows: slice, block: Tensor) -> None:
        self.rows.append(rows)
        self.blocks.append(block.clone())

    @property
    def joined(self) -> Tensor:
        return torch.cat(self.blocks, dim=2)


def tokens(batch: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(batch, TOKENS, WIDTH, generator=generator, dtype=torch.float64)


def attention(bias: bool = True, dropout: float = 0.0) -> SelfAttention:
    module = SelfAttention(WIDTH, HEADS, bias, dropout).double().eval()
    fill(module)
    return module


def block(**changes: object) -> Block:
    module = Block(VideoMAEConfig(**changes), WIDTH, HEADS, 20).double().eval()
    fill(module)
    return module


@pytest.fixture(params=[1, 3, TOKENS], ids=lambda rows: f"{rows} rows a block")
def rows_a_block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    rows: int = request.param
    monkeypatch.setattr(layers, "working_sizes", blocks_of(rows * 2 * HEADS * TOKENS * 4))
    return rows


@torch.no_grad()
@pytest.mark.parametrize("bias", [True, False])
def test_attention_is_what_the_formula_says(bias: bool) -> None:
    module, x = attention(bias), tokens()
    context, probabilities = module(x, with_probabilities=True)
    size = WIDTH // HEADS
    for head in range(HEADS):
        part = slice(head * size, (head + 1) * size)
        q = x @ module.query.weight[part].T + (module.q_bias[part] if bias else 0)
        k = x @ module.key.weight[part].T
        v = x @ module.value.weight[part].T + (module.v_bias[part] if bias else 0)
        scores = torch.exp(q @ k.mT / math.sqrt(size))
        wanted = scores / scores.sum(-1, keepdim=True)
        torch.testing.assert_close(probabilities[:, head], wanted)
        torch.testing.assert_close(context[..., part], wanted @ v)
    assert (module.q_bias is not None) == (module.v_bias is not None) == bias


@torch.no_grad()
def test_plain_streamed_and_eager_compute_the_same(rows_a_block: int) -> None:
    module, x, recorder = attention(), tokens(), Recorder()
    plain, nothing = module(x)
    eager, probabilities = module(x, with_probabilities=True)
    streamed, none = module(x, observe=recorder)
    assert nothing is none is None
    assert worst(plain, eager) < 1e-12
    assert worst(streamed, eager) < 1e-12
    assert worst(recorder.joined, probabilities) < 1e-12
    torch.testing.assert_close(probabilities.sum(-1), torch.ones(2, HEADS, TOKENS).double())


@torch.no_grad()
def test_blocks_are_no_larger_than_allowed_and_cover_each_row_once(rows_a_block: int) -> None:
    recorder = Recorder()
    attention()(tokens(), observe=recorder)
    assert [b.shape[2] for b in recorder.blocks] == [r.stop - r.start for r in recorder.rows]
    assert max(b.shape[2] for b in recorder.blocks) == rows_a_block
    assert len(recorder.blocks) == -(-TOKENS // rows_a_block)
    assert [i for r in recorder.rows for i in range(r.start, r.stop)] == list(range(TOKENS))


def test_a_block_is_never_less_than_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "working_sizes", blocks_of(1))
    q = torch.zeros(1, HEADS, TOKENS, 4)
    assert [rows for rows, _ in probability_blocks(q, q)] == [slice(i, i + 1) for i in range(10)]


@torch.no_grad()
def test_the_streamed_form_holds_one_block_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every tensor that any operation makes is counted, not only those the observer sees."""
    count, rows = 64, 8
    monkeypatch.setattr(layers, "working_sizes", blocks_of(rows * HEADS * count * 4))
    module = attention()
    x = torch.randn(1, count, WIDTH, dtype=torch.float64)
    sizes: list[int] = []

    class Meter(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            result = func(*args, **(kwargs or {}))
            made = result if isinstance(result, list | tuple) else [result]
            sizes.extend(item.numel() for item in made if isinstance(item, Tensor))
            return result

    with Meter():
        module(x, observe=lambda rows, block: None)
    streamed = max(sizes)
    sizes.clear()
    with Meter():
        module(x, with_probabilities=True)
    assert max(sizes) == HEADS * count * count
    assert streamed == HEADS * rows * count  # the largest thing made is one block


@torch.no_grad()
def test_an_observer_may_overwrite_its_block() -> None:
    module, x = attention(), tokens()
    wanted, _ = module(x)
    found, _ = module(x, observe=lambda rows, block: block.zero_())
    assert worst(found, wanted) < 1e-12


def test_what_an_observer_sees_is_no_part_of_the_graph() -> None:
    seen: list[bool] = []
    attention()(tokens(), observe=lambda rows, block: seen.append(block.requires_grad))
    assert seen == [False]


def test_gradients_are_the_same_in_all_three_forms(rows_a_block: int) -> None:
    module, gradients = attention(), []
    for arguments in ({}, {"with_probabilities": True}, {"observe": Recorder()}):
        module.zero_grad()
        context, _ = module(tokens(), **arguments)
        context.square().sum().backward()
        gradients.append([p.grad.clone() for p in module.parameters()])
    plain, eager, streamed = gradients
    for first, second, third in zip(plain, eager, streamed, strict=True):
        assert worst(first, second) < 1e-12
        assert worst(third, second) < 1e-12


@torch.no_grad()
def test_a_masked_head_contributes_nothing_and_a_half_masked_one_half() -> None:
    module, x = attention(), tokens()
    whole, probabilities = module(x, with_probabilities=True)
    mask = torch.tensor([0.0, 0.5, 1.0])[None, :, None, None]
    part, masked = module(x, head_mask=mask, with_probabilities=True)
    torch.testing.assert_close(masked, probabilities * mask)
    torch.testing.assert_close(part, whole * mask.flatten().repeat_interleave(WIDTH // HEADS))


def test_dropout_of_probabilities_is_for_training_alone() -> None:
    module, x = attention(dropout=0.5), tokens()
    _, kept = module(x, with_probabilities=True)
    module.train()
    torch.manual_seed(0)
    _, dropped = module(x, with_probabilities=True)
    gone = dropped == 0
    assert 0.3 < gone.float().mean() < 0.7
    torch.testing.assert_close(dropped[~gone], kept[~gone] * 2)
    plain, _ = module(x)
    assert worst(plain, module.eval()(x)[0]) > 0.1


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(CheckpointError, match="width of 12 can't be shared among 5 attention"):
        SelfAttention(12, 5, True, 0.0)


@torch.no_grad()
def test_a_block_adds_attention_then_the_perceptron() -> None:
    module, x = block(), tokens()
    found, none = module(x)
    assert none is None
    size = (WIDTH,)
    norm = F.layer_norm(
        x, size, module.layernorm_before.weight, module.layernorm_before.bias, eps=1e-12
    )
    context, _ = module.attention.attention(norm)
    inner = x + context @ module.attention.output.dense.weight.T
    inner = inner + module.attention.output.dense.bias
    norm = F.layer_norm(
        inner, size, module.layernorm_after.weight, module.layernorm_after.bias, eps=1e-12
    )
    wide = norm @ module.intermediate.dense.weight.T + module.intermediate.dense.bias
    wide = wide * 0.5 * (1 + torch.erf(wide / math.sqrt(2)))  # the exact GELU
    wanted = inner + wide @ module.output.dense.weight.T + module.output.dense.bias
    assert worst(found, wanted) < 1e-12


@torch.no_grad()
def test_observing_a_block_again_shows_what_its_forward_computed(rows_a_block: int) -> None:
    module, x, recorder = block(), tokens(), Recorder()
    _, probabilities = module(x, with_probabilities=True)
    module.observe_attention(x, recorder)
    assert worst(recorder.joined, probabilities) < 1e-12


def test_hidden_dropout_acts_after_both_halves() -> None:
    module, x = block(hidden_dropout_prob=1.0).train(), tokens()
    found, _ = module(x)
    assert torch.equal(found, x)


# ---- as on a GPU: beside the fused kernel, and under autocast ------------------------------------


@torch.no_grad()
def test_beside_the_fused_kernel_an_observer_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module, x, recorder = attention(), tokens(), Recorder()
    plain, _ = module(x)
    _, probabilities = module(x, with_probabilities=True)
    sizes = blocks_of(3 * 2 * HEADS * TOKENS * 4, fused_beside=True)
    monkeypatch.setattr(layers, "working_sizes", sizes)
    observed, _ = module(x, observe=recorder)
    assert torch.equal(observed, plain)
    assert worst(recorder.joined, probabilities) < 1e-12
    assert len(recorder.blocks) == 4


@torch.no_grad()
def test_heads_that_are_all_on_change_nothing() -> None:
    module, x = attention(), tokens()
    on = torch.ones(1, HEADS, 1, 1)
    assert torch.equal(module(x, on)[0], module(x)[0])
    on[:, 1] = 0.5
    halved, _ = module(x, on)
    eager, probabilities = module(x, on, with_probabilities=True)
    assert worst(halved, eager) < 1e-12
    torch.testing.assert_close(probabilities.sum(-1)[:, 1], torch.full((2, TOKENS), 0.5).double())


@torch.no_grad()
@pytest.mark.parametrize("way", ["streamed", "eager"])
def test_probabilities_are_exact_under_autocast(way: str) -> None:
    """Scores of 20 and more: rounded to bfloat16, their probabilities would be off by percents."""
    module, x, recorder = attention().float(), 12 * tokens().float(), Recorder()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        q, k = module.queries_and_keys(x)
        if way == "streamed":
            module(x, observe=recorder)
            found = recorder.joined
        else:
            _, found = module(x, with_probabilities=True)
    assert q.dtype == torch.bfloat16 and found.dtype == torch.float32
    scores = q.double() * q.shape[-1] ** -0.5 @ k.double().mT
    assert scores.abs().max() > 20
    torch.testing.assert_close(found.double(), scores.softmax(-1), rtol=1e-4, atol=1e-7)


@torch.no_grad()
def test_what_is_read_out_is_exact_under_autocast() -> None:
    layer, x = torch.nn.Linear(WIDTH, 4), tokens().float()
    wanted = layer(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert layer(x).dtype == torch.bfloat16
        assert torch.equal(read_out(layer, x), wanted)
        assert read_out(torch.nn.Identity(), x) is x
        assert read_out(layer.double(), x).dtype == torch.float64
