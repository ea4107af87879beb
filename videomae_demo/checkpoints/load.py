"""Compare every name and shape of some weights with a model, and put them into any module.

Works on dictionaries of tensors. Knows no model class, no network and no key layout but the
encoder's prefix.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import nn

from videomae_demo.checkpoints.huggingface_layout import ENCODER_PREFIX
from videomae_demo.checkpoints.read import listed
from videomae_demo.checkpoints.source import WEIGHTS_NAME
from videomae_demo.errors import CheckpointError

_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


@dataclass(frozen=True, slots=True)
class Comparison:
    """How the names and shapes in a file differ from the model's.

    Parameters
    ----------
    missing : tuple of str
        In the model, but not in the file.
    unexpected : tuple of str
        In the file, but not in the model.
    mismatched : tuple of str
        In both, with another shape, or with values that are no floats; each a phrase that holds the
        name and what differs.
    """

    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    mismatched: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What was left over on either side, or left open, when weights were fitted to a model.

    Parameters
    ----------
    fresh : tuple of str
        Names in the model that the file lacks: the model must initialise them, and they are
        untrained.
    unused : tuple of str
        Names in the file that the model has no place for.
    notes : tuple of str
        What the file does not tell and had to be taken for granted: sentences to be shown.
    """

    fresh: tuple[str, ...]
    unused: tuple[str, ...]
    notes: tuple[str, ...] = ()


def compare(tensors: Mapping[str, torch.Tensor], expected: Mapping[str, torch.Size]) -> Comparison:
    """List every name, shape and type in which a file's `tensors` differ from those `expected`."""
    mismatched = (
        f"{name} (file {tuple(tensors[name].shape)}, model {tuple(shape)})"
        if tensors[name].shape != shape
        else f"{name} (file {tensors[name].dtype}, model floats)"
        for name, shape in expected.items()
        if name in tensors and (tensors[name].shape != shape or tensors[name].dtype not in _FLOATS)
    )
    return Comparison(
        missing=tuple(name for name in expected if name not in tensors),
        unexpected=tuple(name for name in tensors if name not in expected),
        mismatched=tuple(mismatched),
    )


def fit(
    tensors: Mapping[str, torch.Tensor],
    expected: Mapping[str, torch.Size],
    *,
    may_be_fresh: Sequence[str] = (),
    may_be_unused: Sequence[str] = (),
    name: str = "the checkpoint",
) -> LoadReport:
    """Check that `tensors` fill a model, except for what may be left over.

    Parameters
    ----------
    tensors : mapping of str to tensor
        The file's tensors under the model's names.
    expected : mapping of str to torch.Size
        The shapes in the model's state dict.
    may_be_fresh : sequence of str
        Beginnings of names, each naming a group that the file may lack, but only as a whole. The
        prefix of the encoder inside a head model is not counted as part of a name.
    may_be_unused : sequence of str
        Beginnings of names that the file may hold without a place in the model.
    name : str
        What to call the checkpoint in a message.

    Returns
    -------
    LoadReport

    Raises
    ------
    CheckpointError
        When anything else is missing or left over, or shapes differ; the message lists it.
    """
    found = compare(tensors, expected)
    absent = tuple(
        group
        for group in may_be_fresh
        if not any(_in_groups(key, (group,)) for key in expected if key in tensors)
    )
    fresh = tuple(key for key in found.missing if _in_groups(key, absent))
    unused = tuple(key for key in found.unexpected if _in_groups(key, may_be_unused))
    wrong = Comparison(
        missing=tuple(key for key in found.missing if key not in fresh),
        unexpected=tuple(key for key in found.unexpected if key not in unused),
        mismatched=found.mismatched,
    )
    if wrong.missing or wrong.unexpected or wrong.mismatched:
        raise CheckpointError(_describe(wrong, name))
    return LoadReport(fresh=fresh, unused=unused)


def assign(
    module: nn.Module,
    tensors: Mapping[str, torch.Tensor],
    *,
    dtype: torch.dtype = torch.float32,
) -> tuple[str, ...]:
    """Make `tensors` the weights of `module`, without a second copy of them.

    A module built under ``torch.device("meta")`` takes no memory before this. Weights whose
    precision is `dtype` already are used as they are, so a mapped file stays mapped;
    `requires_grad` is kept. Names that the module does not have are ignored: `fit` checks them.

    Parameters
    ----------
    module : nn.Module
        Its parameters are replaced, not filled: an optimizer made earlier would hold the old ones.
    tensors : mapping of str to tensor
        Under the names of the module's state dict, in its shapes.
    dtype : torch.dtype
        Precision in which the module holds its weights; integers are kept.

    Returns
    -------
    tuple of str
        Parameters and buffers that are still on the meta device, for the model to initialise: what
        the file lacked, and what is in no state dict.
    """
    own = module.state_dict().keys()
    weights = {
        name: tensor.to(dtype) if tensor.is_floating_point() else tensor
        for name, tensor in tensors.items()
        if name in own
    }
    module.load_state_dict(weights, strict=False, assign=True)
    everything = [*module.named_parameters(), *module.named_buffers()]
    return tuple(name for name, tensor in everything if tensor.is_meta)


def save_tensors(
    folder: str | Path, tensors: Mapping[str, torch.Tensor], *, dtype: torch.dtype | None = None
) -> Path:
    """Write ``model.safetensors`` into `folder`; no reader ever sees half a file.

    Parameters
    ----------
    folder : str or Path
        Made if absent.
    tensors : mapping of str to tensor
        From any device.
    dtype : torch.dtype, optional
        Precision in the file, e.g. `torch.float16`; that of each tensor if None.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    CheckpointError
        When the file can't be written.
    """
    target = Path(folder) / WEIGHTS_NAME
    partial = target.with_name(f".{WEIGHTS_NAME}.{os.getpid()}.partial")
    weights = {
        name: tensor.detach().to("cpu", dtype if tensor.is_floating_point() else None).contiguous()
        for name, tensor in tensors.items()
    }
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            partial.touch()
            mode = partial.stat().st_mode  # safetensors alone would shut out other users
            save_file(weights, partial, metadata={"format": "pt"})
            partial.chmod(mode)
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"The weights can't be written to {target}: {error}.") from error
    return target


def _in_groups(name: str, groups: Sequence[str]) -> bool:
    return name.removeprefix(ENCODER_PREFIX).startswith(tuple(groups))


def _describe(wrong: Comparison, name: str) -> str:
    parts = (
        ("missing in the file", wrong.missing),
        ("in the file but not in the model", wrong.unexpected),
        ("of another shape or type", wrong.mismatched),
    )
    found = "; ".join(f"{what}: {listed(names)}" for what, names in parts if names)
    return (
        f"The weights of {name} do not fit the model; {found}. "
        "Check that config.json belongs to these weights."
    )
