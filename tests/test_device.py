from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from videomae_demo.device import (
    choose_device,
    inference_precision,
    is_awaited,
    on_gpu,
    one_at_a_time,
)
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


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [("cpu", "cpu", False), ("cuda", "cuda:0", False), ("cuda:0", "cuda:1", True)],
)
def test_a_device_is_held_by_one_thread_at_a_time(one: str, other: str, together: bool) -> None:
    came_in = threading.Event()

    def come_in() -> None:
        with one_at_a_time(torch.device(other)):
            came_in.set()

    with ThreadPoolExecutor(1) as thread:
        with one_at_a_time(torch.device(one)):
            visitor = thread.submit(come_in)
            assert came_in.wait(5 if together else 0.1) is together
        visitor.result(timeout=5)


def test_a_device_is_given_back_after_a_failure() -> None:
    with pytest.raises(ZeroDivisionError), one_at_a_time(torch.device("cpu")):
        _ = 1 / 0
    with ThreadPoolExecutor(1) as thread, one_at_a_time(torch.device("cpu")):
        assert thread.submit(int, "1").result(timeout=5) == 1


@pytest.mark.parametrize("value", [None, "", "false", "0"])
def test_off_zero_gpu_a_function_stays_as_it_is(
    monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    monkeypatch.delenv("SPACES_ZERO_GPU", raising=False)
    if value is not None:
        monkeypatch.setenv("SPACES_ZERO_GPU", value)
    assert on_gpu(10)(choose_device) is choose_device


def test_who_takes_a_device_again_and_again_lets_others_in() -> None:
    device, begun, ends, turns = torch.device("cpu"), threading.Event(), threading.Event(), []

    def take_again() -> None:
        while not ends.is_set():
            with one_at_a_time(device):
                begun.set()
                while not turns and not is_awaited(device):
                    pass  # the first turn lasts until the other waits
                turns.append("again")

    with ThreadPoolExecutor(1) as thread:
        going_on = thread.submit(take_again)
        try:
            assert begun.wait(5)
            with one_at_a_time(device):
                # Whoever waits comes next, or after one turn more if it had not reached the door.
                assert len(turns) <= 2
        finally:
            ends.set()
            going_on.result()
