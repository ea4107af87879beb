"""Read named tensors from files that nobody vouches for; nothing in a file is ever executed.

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
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeGuard

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from videomae_demo.errors import CheckpointError

STATE_DICT_KEYS = ("model", "module")
"""Under which key of a training checkpoint its weights are: the training loop's, DeepSpeed's."""

_NAMES_SHOWN = 8
# What torch's restricted unpickler raises on a damaged file, found by damaging files at random.
_BROKEN_PICKLE = (
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
        checkpoint that holds them under one of the `STATE_DICT_KEYS`. What else such a checkpoint
        holds (states of an optimizer, the `argparse.Namespace` of the run) is passed over.

    Returns
    -------
    dict of str to tensor
        On the CPU, in the file's precision.

    Raises
    ------
    CheckpointError
        When a file can't be read, has no named tensors, holds objects of any other class, or
        repeats a name of another shard.
    """
    tensors: dict[str, torch.Tensor] = {}
    for path in paths:
        read = _read_safetensors if path.suffix == ".safetensors" else _read_pickle
        shard = read(path)
        repeated = tensors.keys() & shard.keys()
        if repeated:
            raise CheckpointError(
                f"The weights {path} repeat {listed(sorted(repeated))} of another file of the "
                "same checkpoint; download the checkpoint again."
            )
        tensors.update(shard)
    return tensors


def listed(names: Sequence[str]) -> str:
    """Write down the first few of many names, for a message."""
    shown = ", ".join(names[:_NAMES_SHOWN])
    more = len(names) - _NAMES_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    try:
        tensors: dict[str, torch.Tensor] = load_file(path)
    except (OSError, SafetensorError) as error:
        raise _unreadable(path, error) from error
    return tensors


def _read_pickle(path: Path) -> dict[str, torch.Tensor]:
    try:
        mapped = zipfile.is_zipfile(path)  # what torch.save wrote before 1.6 can't be mapped
        with _ALLOWING, torch.serialization.safe_globals([Namespace]):
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except pickle.UnpicklingError as error:
        foreign = _FOREIGN_CLASS.search(str(error))
        raise CheckpointError(
            f"The weights {path} hold more than tensors{f' ({foreign[1]})' if foreign else ''}, or "
            "are damaged; reading them could run code of a stranger, so they are refused. Use a "
            "model.safetensors of the same checkpoint, or have someone who trusts the file save "
            "its state dict alone."
        ) from error
    except (OSError, *_BROKEN_PICKLE) as error:
        raise _unreadable(path, error) from error
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


def _unreadable(path: Path, error: Exception) -> CheckpointError:
    reason = str(error).partition("\n")[0].rstrip(".") or type(error).__name__
    return CheckpointError(
        f"The weights {path} can't be read ({reason}); the file is damaged or incomplete, so fetch "
        "it again."
    )
