"""Models that come from a checkpoint and go back into one."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from videomae_demo.checkpoints.load import (
    LoadReport,
    assign,
    fit,
    read_tensors,
    save_tensors,
    to_native,
)
from videomae_demo.checkpoints.source import CheckpointFiles, locate
from videomae_demo.model.config import VideoMAEConfig

logger = logging.getLogger(__name__)


class PretrainedModel(nn.Module):
    """Base of the VideoMAE models.

    Attributes
    ----------
    config : VideoMAEConfig
    load_report : LoadReport or None
        Which weights the checkpoint did not have (freshly initialised) and which of its weights
        were not needed; None for a model that was not loaded.
    """

    may_be_fresh: ClassVar[tuple[str, ...]] = ()
    """Prefixes of weights that a checkpoint may lack; they are then initialised and reported."""
    may_be_unused: ClassVar[tuple[str, ...]] = ()
    """Prefixes of weights that a checkpoint may hold though this model has no place for them."""

    def __init__(self, config: VideoMAEConfig) -> None:
        super().__init__()
        self.config = config
        self.load_report: LoadReport | None = None

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return next(self.parameters()).device

    def initialise(self, module: nn.Module) -> None:
        """Fill one module: normal weights, zero biases, LayerNorms at identity."""
        if isinstance(module, nn.Linear | nn.Conv3d):
            nn.init.normal_(module.weight, std=self.config.initializer_range)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.LayerNorm):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)

    @classmethod
    def from_pretrained(
        cls,
        name_or_path: str | Path,
        *,
        config: VideoMAEConfig | None = None,
        revision: str | None = None,
        cache_dir: str | Path | None = None,
        local_files_only: bool = False,
        **overrides: Any,
    ) -> Self:
        """Load a checkpoint: a folder, a repo id of the hub, or a name of the catalog.

        Parameters
        ----------
        config : VideoMAEConfig, optional
            Used instead of the checkpoint's own.
        overrides
            Fields of the configuration to change, or ``num_labels``.

        Returns
        -------
        The model in float32 on the CPU, in eval mode.

        Raises
        ------
        CheckpointError
            When it can't be found or read, or its weights do not fit the configuration.
        """
        files = locate(
            str(name_or_path),
            revision=revision,
            cache_dir=cache_dir,
            local_files_only=local_files_only,
        )
        return cls.from_files(files, config=config, **overrides)

    @classmethod
    def from_files(
        cls, files: CheckpointFiles, *, config: VideoMAEConfig | None = None, **overrides: Any
    ) -> Self:
        """Load a checkpoint whose files are at hand; see `from_pretrained`."""
        if config is None:
            corrections = dict(files.entry.corrections) if files.entry else {}
            config = VideoMAEConfig.from_json_file(files.config, **corrections | overrides)
        with torch.device("meta"):
            model = cls(config)
        expected = {name: tensor.shape for name, tensor in model.state_dict().items()}
        tensors = to_native(read_tensors(files.weights), expected)
        model.load_report = fit(
            tensors,
            expected,
            may_be_fresh=cls.may_be_fresh,
            may_be_unused=cls.may_be_unused,
            name=files.name,
        )
        assign(model, tensors)
        model._initialise_fresh(model.load_report.fresh)
        return model.eval()

    def _initialise_fresh(self, names: tuple[str, ...]) -> None:
        owners = dict.fromkeys(name.rpartition(".")[0] for name in names)
        for name in names:
            owner, _, leaf = name.rpartition(".")
            parameter = self.get_parameter(name)
            filled = nn.Parameter(torch.zeros(parameter.shape))
            setattr(self.get_submodule(owner), leaf, filled)
        for owner in owners:
            self.initialise(self.get_submodule(owner))
        if names:
            logger.warning(
                "%s has weights that the checkpoint lacks, freshly initialised: %s. Train them.",
                type(self).__name__,
                ", ".join(names),
            )

    def save_pretrained(self, folder: str | Path, *, dtype: torch.dtype | None = None) -> Path:
        """Write ``config.json`` and ``model.safetensors`` into `folder`, in the hub's layout.

        Parameters
        ----------
        dtype : torch.dtype, optional
            Store in this precision, for instance ``torch.float16``; default: as the weights are.

        Returns
        -------
        The folder.
        """
        self.config.extra["architectures"] = [type(self).__name__]
        self.config.save_pretrained(folder)
        state: dict[str, Tensor] = self.state_dict()
        save_tensors(folder, state, dtype=dtype)
        return Path(folder)
