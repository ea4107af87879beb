"""What a checkpoint holds, whatever layout it was written in: weights and configuration.

Owns the choice among the layouts, by the names in the files; a new layout is one more file beside
`original_layout`, and one more line here. Knows no model class.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from videomae_demo.checkpoints import original_layout, videomae_v2_layout
from videomae_demo.checkpoints.original_layout import Architecture
from videomae_demo.checkpoints.read import read_tensors
from videomae_demo.checkpoints.source import CheckpointFiles
from videomae_demo.config import CONFIG_NAME, read_config
from videomae_demo.errors import CheckpointError


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """The content of a checkpoint, in the names of transformers.

    Attributes
    ----------
    tensors : mapping of str to tensor
        On the CPU, in the file's precision; where possible views of the mapped file.
    architecture : Architecture
    """

    tensors: Mapping[str, torch.Tensor]
    architecture: Architecture


def read_checkpoint(files: CheckpointFiles) -> Checkpoint:
    """Read a checkpoint's weights and configuration.

    Raises
    ------
    CheckpointError
        When a file can't be read, or its content is of no known layout.
    """
    values = None if files.config is None else read_config(files.config)
    tensors = read_tensors(files.weights)
    if original_layout.matches(tensors):
        native = original_layout.to_native(videomae_v2_layout.to_original(tensors))
        return Checkpoint(native, _describe(native, values))
    if values is None:
        raise CheckpointError(
            f"The weights {files.name} come without a configuration, and only those in the layout "
            f"of the original code do without one; give the folder that holds the file together "
            f"with its {CONFIG_NAME}."
        )
    return Checkpoint(tensors, Architecture(values, {}))


def _describe(native: Mapping[str, torch.Tensor], values: Mapping[str, Any] | None) -> Architecture:
    if values is None:
        return original_layout.describe(native)
    if videomae_v2_layout.matches(values):
        return videomae_v2_layout.describe(native, values)
    return Architecture(values, {})
