from __future__ import annotations

import gc
import sys
import threading
import types
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from videomae_demo import device
from videomae_demo.device import (
    MOST_ON_CUDA,
    WorkingSizes,
    choose_device,
    home_of,
    inference_precision,
    is_awaited,
    on_gpu,
    one_at_a_time,
    within_memory,
    working_sizes,
)
from videomae_demo.errors import DeviceError, RequestError


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
def test_off_zero_gpu_a_function_runs_here(
    monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    monkeypatch.delenv("SPACES_ZERO_GPU", raising=False)
    if value is not None:
        monkeypatch.setenv("SPACES_ZERO_GPU", value)
    assert on_gpu(10)(threading.get_ident)() == threading.get_ident()
    assert home_of(torch.device("cuda")) == torch.device("cuda")


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


# ---- where passes run elsewhere ------------------------------------------------------------------


@pytest.fixture
def lent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the durations for which a GPU was asked for; whoever asks torch.cuda fails."""
    durations: list[int] = []

    def gpu(duration: int):
        def decorate(function):
            durations.append(duration)
            return function

        return decorate

    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    stand_in = types.ModuleType("spaces")
    stand_in.GPU = gpu  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "spaces", stand_in)
    for name in ("is_available", "device_count", "get_device_properties", "init"):
        monkeypatch.setattr(torch.cuda, name, lambda *_: pytest.fail("CUDA was touched"))
    return durations


def test_where_passes_run_elsewhere_cuda_is_not_touched(lent: list[int]) -> None:
    assert choose_device() == torch.device("cuda")
    assert choose_device("cpu") == home_of(torch.device("cuda")) == torch.device("cpu")
    with pytest.raises(RequestError, match="'mps' is not available; choose auto, cuda, cpu"):
        choose_device("mps")


def test_a_borrowed_gpu_tells_of_its_memory_too(lent: list[int]) -> None:
    def fail() -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    borrowed = on_gpu(15)(fail)
    assert lent == [15]
    with pytest.raises(DeviceError):
        borrowed()


# ---- memory --------------------------------------------------------------------------------------


def test_too_little_memory_is_told_after_what_was_held_is_given_back(
    machine: pytest.MonkeyPatch,
) -> None:
    held: list[weakref.ref[torch.Tensor]] = []
    given_back: list[bool] = []

    @within_memory
    def work(fails: bool) -> str:
        large = torch.zeros(1000)
        held.append(weakref.ref(large))
        if fails:
            raise torch.OutOfMemoryError(
                "CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has a total capacity of 8"
            )
        return f"{len(large)} values"

    machine.setattr(torch.cuda, "is_initialized", lambda: True)
    machine.setattr(torch.cuda, "empty_cache", lambda: given_back.append(held[0]() is None))
    gc.disable()  # the frames go by themselves, not by chance
    try:
        with pytest.raises(DeviceError, match=r"too little .*\(2.50 GiB more .*end other") as told:
            work(True)
    finally:
        gc.enable()
    assert given_back == [True]
    assert told.value.__context__ is None and told.value.__cause__ is None
    assert work(False) == "1000 values" and work.__name__ == "work"


def test_where_cuda_never_began_nothing_is_given_back(machine: pytest.MonkeyPatch) -> None:
    machine.setattr(torch.cuda, "empty_cache", lambda: pytest.fail("CUDA was touched"))

    def fail() -> None:
        raise torch.OutOfMemoryError("out of memory")

    with pytest.raises(DeviceError, match="left for this; end other"):
        within_memory(fail)()


@pytest.mark.parametrize(
    ("gigabytes", "together", "block"),
    [(8, 2**28, 2**26), (140, MOST_ON_CUDA.together_bytes, MOST_ON_CUDA.block_bytes)],
)
def test_a_gpu_takes_more_at_once_as_far_as_its_memory_goes(
    machine: pytest.MonkeyPatch, gigabytes: int, together: int, block: int
) -> None:
    of_card = types.SimpleNamespace(total_memory=gigabytes * 2**30)
    machine.setattr(torch.cuda, "get_device_properties", lambda _index: of_card)
    device._memory_bytes.cache_clear()
    try:
        sizes = working_sizes(torch.device("cuda", 0))
    finally:
        device._memory_bytes.cache_clear()
    assert sizes == WorkingSizes(together, block, fused_beside=True)


@pytest.mark.parametrize("name", ["cpu", "mps"])
def test_a_processor_keeps_blocks_in_its_cache(name: str) -> None:
    assert working_sizes(torch.device(name)) == WorkingSizes(2**26, 2**23, fused_beside=False)
