"""Which device the models run on, in which precision, and who runs there now.

No other module knows about devices or ZeroGPU. ZeroGPU lends a GPU to one call at a time: a
decorated function runs there in a forked process that has the GPU.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

import torch

from videomae_demo.cancellation import holding
from videomae_demo.errors import RequestError


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


_HELD: dict[tuple[str, int], threading.Lock] = {}
"""All threads of a process share a device: so there is one lock per device and process."""
_DOORS: dict[tuple[str, int], threading.Lock] = {}
"""Who holds it is the next to hold the device."""
_WAITING: dict[tuple[str, int], set[object]] = {}
"""Who waits for each of them."""

Function = TypeVar("Function", bound=Callable[..., object])


def runs_elsewhere() -> bool:
    """Tell whether passes run in another process, which hands over arrays alone; see `on_gpu`."""
    return os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")


def on_gpu(duration_s: int) -> Callable[[Function], Function]:
    """Decorate a function that runs a model, so that ZeroGPU lends it a GPU.

    There it runs in a forked process: arguments and results are pickled, and what it remembers is
    lost. Everywhere else the function stays as it is, and the package `spaces` is not needed.

    Parameters
    ----------
    duration_s : int
        How long it may take; a visitor's quota is checked against it.
    """
    if not runs_elsewhere():
        return lambda function: function
    import spaces  # type: ignore[import-not-found]  # there is nothing to find elsewhere

    decorator: Callable[[Function], Function] = spaces.GPU(duration=duration_s)
    return decorator


def _available() -> list[str]:
    """Names of this machine's devices, the fastest first."""
    names = []
    if torch.cuda.is_available():
        names += ["cuda", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        names.append("mps")
    return [*names, "cpu"]
