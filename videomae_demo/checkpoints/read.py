"""Read named tensors from untrusted files; nothing in a file is ever executed.

Owns the formats (safetensors, and what `torch.save` writes) and which part of a training
checkpoint holds the weights. Knows no names of weights.
"""

from __future__ import annotations

import pickle
import re
import struct
import threading
import zipfile
from argparse import Namespace
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from videomae_demo.checkpoints.screening import screen_pickle, screen_safetensors, unreadable
from videomae_demo.errors import CheckpointError, shown

STATE_DICT_KEYS = ("model", "module")
"""Under which key of a training checkpoint its weights are: the training loop's, DeepSpeed's."""

_NAMES_SHOWN = 8
_LONGEST_NAME = 200
# What torch and its restricted unpickler raise on damaged files, found by damaging some at random.
_BROKEN = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)
_FOREIGN_CLASS = re.compile(r"GLOBAL (\S+)")
# torch keeps its list of allowed classes for the whole process: one reader must not take it away
# from another.
_ALLOWING = threading.Lock()


def read_tensors(paths: Iterable[Path]) -> dict[str, torch.Tensor]:
    """Read all weights of a checkpoint, given as one file or as several shards.

    Where the format allows it the tensors are views of the mapped file, so that they take no memory
    until they are used; writing to one does not change the file.

    Parameters
    ----------
    paths : iterable of Path
        ``.safetensors`` files, or files written by `torch.save`: named tensors, or a training
        checkpoint that holds them under one of the `STATE_DICT_KEYS`. Anything else in such a
        checkpoint (states of an optimizer, the `argparse.Namespace` of the run) is ignored.

    Returns
    -------
    dict of str to tensor
        On the CPU, in the file's precision.

    Raises
    ------
    CheckpointError
        When a file can't be read, has no named tensors, holds objects of any other class, repeats
        a name of another shard, or claims more than it holds.
    """
    tensors: dict[str, torch.Tensor] = {}
    for path in paths:
        read = _read_safetensors if path.suffix == ".safetensors" else _read_pickle
        shard = read(path)
        _check_held(shard, path)
        repeated = tensors.keys() & shard.keys()
        if repeated:
            raise CheckpointError(
                f"The weights {path} repeat {listed(sorted(repeated))} of another file of the "
                "same checkpoint; download the checkpoint again."
            )
        tensors.update(shard)
    return tensors


def listed(names: Sequence[str]) -> str:
    """Write the first few of many names for a message; long and unprintable ones by `shown`."""
    first = ", ".join(
        name if len(name) <= _LONGEST_NAME and name.isprintable() else shown(name)
        for name in names[:_NAMES_SHOWN]
    )
    more = len(names) - _NAMES_SHOWN
    return f"{first} and {more} more" if more > 0 else first


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    screen_safetensors(path)
    try:
        tensors: dict[str, torch.Tensor] = load_file(path)
    except (OSError, MemoryError, SafetensorError, *_BROKEN) as error:
        raise unreadable(path, error) from error
    return tensors


def _read_pickle(path: Path) -> dict[str, torch.Tensor]:
    screen_pickle(path)
    try:
        mapped = zipfile.is_zipfile(path)  # what torch.save wrote before 1.6 can't be mapped
        with _ALLOWING, torch.serialization.safe_globals([Namespace]):
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except pickle.UnpicklingError as error:
        foreign = _FOREIGN_CLASS.search(str(error))
        named = f" ({foreign[1][:80]})" if foreign else ""
        raise CheckpointError(
            f"The weights {path} hold more than tensors{named}, or "
            "are damaged; reading them could run code of a stranger, so they are refused. Use a "
            "model.safetensors of the same checkpoint, or have someone who trusts the file save "
            "its state dict alone."
        ) from error
    except (OSError, MemoryError, *_BROKEN) as error:
        raise unreadable(path, error) from error
    return _state_dict(content, path)


def _state_dict(content: Any, path: Path) -> dict[str, torch.Tensor]:
    candidates = [content]
    if isinstance(content, dict):
        candidates += [content.get(key) for key in STATE_DICT_KEYS]
    for candidate in candidates:
        if _is_state_dict(candidate):
            return candidate
    raise CheckpointError(
        f"The weights {path} hold no dictionary of named tensors, neither as a whole nor under "
        f"{' or '.join(map(repr, STATE_DICT_KEYS))}; only checkpoints of a VideoMAE can be loaded."
    )


def _is_state_dict(content: Any) -> TypeGuard[dict[str, torch.Tensor]]:
    return isinstance(content, dict) and all(
        isinstance(name, str) and isinstance(tensor, torch.Tensor)
        for name, tensor in content.items()
    )


def _check_held(tensors: Mapping[str, torch.Tensor], path: Path) -> None:
    """Refuse tensors that are not in the file as they are: expanded, sparse or without values."""
    for name, tensor in tensors.items():
        plain = tensor.layout is torch.strided and not (tensor.is_quantized or tensor.is_nested)
        if not plain or tensor.device.type != "cpu":
            raise CheckpointError(
                f"The weights {path} hold {listed([name])}, which is no plain tensor; have it "
                "saved as one."
            )
    claimed, held = sum(tensor.nbytes for tensor in tensors.values()), path.stat().st_size
    if claimed > held:
        raise CheckpointError(
            f"The weights {path} claim tensors of {claimed} bytes in a file of {held}; check where "
            "the file came from."
        )
