"""Which device the models run on, in which precision, how much at once, and who runs there now.

No other module knows about devices or ZeroGPU. ZeroGPU lends a GPU to one call at a time: a
decorated function runs there in a forked process that has the GPU. The process that forks must
never begin to use CUDA itself, or none of its forks can: so it asks nothing of ``torch.cuda``, and
keeps the weights in the host's memory; see `home_of`.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import torch

from videomae_demo.cancellation import holding
from videomae_demo.errors import DeviceError, RequestError


def choose_device(name: str | None = None) -> torch.device:
    """Pick the device to run on.

    Parameters
    ----------
    name : str, optional
        "cpu", "cuda", "cuda:1", "mps"; None or "auto" takes the fastest there is.

    Returns
    -------
    torch.device

    Raises
    ------
    RequestError
        When `name` is no device of this machine; the message names those that are.
    """
    available = _available()
    if name is None or name == "auto":
        return torch.device(available[0])
    if name not in available:
        raise RequestError(
            f"The device {name!r} is not available; choose auto, {', '.join(available)}."
        )
    return torch.device(name)


def inference_precision(device: torch.device) -> contextlib.AbstractContextManager[object]:
    """Return the context to run a model in: bfloat16 where a GPU has it, float32 elsewhere."""
    if device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.autocast("cuda", dtype=torch.bfloat16)
    return contextlib.nullcontext()


@dataclass(frozen=True, slots=True)
class WorkingSizes:
    """How much a pass holds at once on a device.

    Attributes
    ----------
    together_bytes : int
        Activations of one batch, at their widest. Larger ones are no faster, and can't be stopped
        soon.
    block_bytes : int
        Attention that an observer sees at once. On a processor it is to stay in the cache; a GPU
        wants a whole layer, since each block costs it the start of several kernels.
    fused_beside : bool
        Whether an observed pass leaves its result to torch's fused kernel, and makes the
        probabilities for the observer alone. That computes attention twice; the other way reads
        each block once more, which costs a GPU more than the kernel does.
    """

    together_bytes: int = 2**26
    block_bytes: int = 2**23
    fused_beside: bool = False


MOST_ON_CUDA = WorkingSizes(together_bytes=2**31, block_bytes=2**28, fused_beside=True)
"""On paper, and still to be measured by ``benchmarks.on_a_gpu``: about 30 clips of base, and one
layer's attention of any published model."""
SHARES_ON_CUDA = 32, 128
"""But no more than one such part of the card's memory for a batch, and for a block."""


def working_sizes(device: torch.device) -> WorkingSizes:
    """Return how much a pass may hold at once on a device; MPS, not measured yet, as a CPU."""
    if device.type != "cuda":
        return WorkingSizes()
    memory, most = _memory_bytes(device.index), MOST_ON_CUDA
    of_batch, of_block = SHARES_ON_CUDA
    return WorkingSizes(
        min(most.together_bytes, memory // of_batch),
        min(most.block_bytes, memory // of_block),
        most.fused_beside,
    )


@functools.lru_cache
def _memory_bytes(index: int | None) -> int:
    return int(torch.cuda.get_device_properties(index).total_memory)


@contextlib.contextmanager
def one_at_a_time(device: torch.device) -> Iterator[None]:
    """Wait until no other thread of this process runs a model on `device`, then hold it.

    Who takes it again and again lets another one in each time.

    Raises
    ------
    Cancelled
        When the work is not wanted any more before its turn has come.
    """
    key = device.type, device.index or 0
    here = object()
    waiting = _WAITING.setdefault(key, set())
    waiting.add(here)
    try:
        with contextlib.ExitStack() as held:
            # Who waits stands in the door, and whoever comes back after them waits behind it.
            with holding(_DOORS.setdefault(key, threading.Lock())):
                held.enter_context(holding(_HELD.setdefault(key, threading.Lock())))
            waiting.discard(here)
            yield
    finally:
        waiting.discard(here)


def is_awaited(device: torch.device) -> bool:
    """Tell whether a thread waits for its turn on `device`."""
    return bool(_WAITING.get((device.type, device.index or 0)))


@contextlib.contextmanager
def on_one_core() -> Iterator[None]:
    """Let torch use one core alone, inside of `one_at_a_time`.

    Small models are hardly slower then, and the other cores are left to others; where those are
    busy, threads that wait for one another would take many times as long.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


Function = TypeVar("Function", bound=Callable[..., object])


def within_memory(function: Function) -> Function:
    """Decorate work on a device, so that too little memory there is told in one sentence.

    What the failed work held is given back before that, so that the next one finds it free.

    Raises
    ------
    DeviceError
        When the device's memory does not suffice.
    """

    @functools.wraps(function)
    def careful(*arguments: Any, **named: Any) -> object:
        try:
            return function(*arguments, **named)
        except torch.OutOfMemoryError as error:
            asked = re.search(r"[Tt]ried to allocate ([\d.]+ \w+)", str(error))
        # Only here the failed work's frames are gone, and with them the tensors that they held.
        if torch.cuda.is_initialized():
            torch.cuda.empty_cache()
        more = f" ({asked[1]} more were asked for)" if asked else ""
        raise DeviceError(
            f"The graphics card has too little memory left for this{more}; end other programs that "
            "use it, choose smaller weights, or run on the processor (device cpu)."
        )

    return cast(Function, careful)


_HELD: dict[tuple[str, int], threading.Lock] = {}
"""All threads of a process share a device: so there is one lock per device and process."""
_DOORS: dict[tuple[str, int], threading.Lock] = {}
"""Who holds it is the next to hold the device."""
_WAITING: dict[tuple[str, int], set[object]] = {}
"""Who waits for each of them."""


def runs_elsewhere() -> bool:
    """Tell whether passes run in another process, which hands over arrays alone; see `on_gpu`."""
    return os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")


def home_of(device: torch.device) -> torch.device:
    """Return where this process keeps weights that run on `device`: there, or in the host's memory.

    The latter where passes run elsewhere: the process that runs them moves the weights.
    """
    return torch.device("cpu") if runs_elsewhere() else device


def on_gpu(duration_s: int) -> Callable[[Function], Function]:
    """Decorate a function that runs a model, so that ZeroGPU lends it a GPU.

    There it runs in a forked process: arguments and results are pickled, and what it remembers is
    lost. Everywhere else it runs here, and the package `spaces` is not needed. See `within_memory`
    for what is raised.

    Parameters
    ----------
    duration_s : int
        How long it may take; a visitor's quota is checked against it.
    """
    if not runs_elsewhere():
        return within_memory
    import spaces  # type: ignore[import-not-found]  # there is nothing to find elsewhere

    lent: Callable[[Function], Function] = spaces.GPU(duration=duration_s)
    return lambda function: lent(within_memory(function))


def _available() -> list[str]:
    """Names of this machine's devices, the fastest first.

    Where passes run elsewhere, CUDA is not asked: it is there, and to ask it can be to begin.
    """
    if runs_elsewhere():
        return ["cuda", "cpu"]
    names = []
    if torch.cuda.is_available():
        names += ["cuda", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        names.append("mps")
    return [*names, "cpu"]
