"""Which device the models run on, and in which precision. Nothing else knows of either."""

from __future__ import annotations

import contextlib

import torch

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


def _available() -> list[str]:
    """Names of this machine's devices, the fastest first."""
    names = []
    if torch.cuda.is_available():
        names += ["cuda", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        names.append("mps")
    return [*names, "cpu"]
