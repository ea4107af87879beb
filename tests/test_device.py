from __future__ import annotations

import pytest
import torch

from videomae_demo.device import choose_device, inference_precision
from videomae_demo.errors import RequestError


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Start from a machine that has a processor and nothing else."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    return monkeypatch


def give_gpus(machine: pytest.MonkeyPatch, count: int) -> None:
    machine.setattr(torch.cuda, "is_available", lambda: True)
    machine.setattr(torch.cuda, "device_count", lambda: count)


@pytest.mark.parametrize("name", [None, "auto"])
def test_the_fastest_device_is_taken(machine: pytest.MonkeyPatch, name: str | None) -> None:
    assert choose_device(name) == torch.device("cpu")
    machine.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_device(name) == torch.device("mps")
    give_gpus(machine, 1)
    assert choose_device(name) == torch.device("cuda")


def test_a_device_can_be_named(machine: pytest.MonkeyPatch) -> None:
    give_gpus(machine, 2)
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device("cuda:1") == torch.device("cuda", 1)


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "mps", "gpu", "", "CPU"])
def test_a_device_that_is_not_there_is_refused(machine: pytest.MonkeyPatch, name: str) -> None:
    with pytest.raises(RequestError, match=f"device '{name}' is not available; choose auto, cpu"):
        choose_device(name)


def test_the_refusal_names_what_there_is(machine: pytest.MonkeyPatch) -> None:
    give_gpus(machine, 2)
    with pytest.raises(RequestError, match="choose auto, cuda, cuda:0, cuda:1, cpu"):
        choose_device("cuda:2")


def test_precision_is_full_but_on_gpus_that_compute_in_bfloat16(
    machine: pytest.MonkeyPatch,
) -> None:
    with inference_precision(torch.device("cpu")):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32
    gpu = torch.device("cuda")
    machine.setattr(torch.cuda, "is_bf16_supported", lambda **_: False)
    assert not isinstance(inference_precision(gpu), torch.autocast)
    give_gpus(machine, 1)
    machine.setattr(torch.cuda, "is_bf16_supported", lambda **_: True)
    context = inference_precision(gpu)
    assert isinstance(context, torch.autocast)
    assert context.fast_dtype == torch.bfloat16
