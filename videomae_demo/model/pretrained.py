"""Models that come from a checkpoint and go back into one."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from videomae_demo.checkpoints.huggingface_layout import ENCODER_PREFIX, to_native
from videomae_demo.checkpoints.layouts import read_checkpoint
from videomae_demo.checkpoints.load import LoadReport, assign, fit, save_tensors
from videomae_demo.checkpoints.original_layout import Architecture
from videomae_demo.checkpoints.read import listed
from videomae_demo.checkpoints.shapes import decoder_sizes, encoder_sizes, has_decoder
from videomae_demo.checkpoints.source import CheckpointFiles, locate
from videomae_demo.config import CONFIG_NAME, VideoMAEConfig
from videomae_demo.errors import CheckpointError, RequestError

logger = logging.getLogger(__name__)


class PretrainedModel(nn.Module):
    """Base of the VideoMAE models.

    Attributes
    ----------
    config : VideoMAEConfig
    load_report : LoadReport or None
        Which weights the checkpoint did not have (freshly initialised), which of its weights were
        not needed, and what it did not tell; None for a model that was not loaded.
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
        """Fill one module as transformers does: normal weights, zero biases, identity norms.

        Weights that a module holds itself (the biases of queries and values, the mask token) stay
        at the zeros they begin with. On the meta device, where loading builds a model, there are no
        values to fill.
        """
        if any(weight.is_meta for weight in module.parameters(recurse=False)):
            return
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
        """Load a checkpoint.

        Parameters
        ----------
        name_or_path : str or Path
            A folder, a repo id of the hub, a name of the catalog, or a file of weights in the
            layout of the original code (a ``.pth``). Such a file has no configuration: sizes are
            read from the shapes of its weights, and what shapes do not tell is taken as in the
            published ones; `load_report.notes` says what that was.
        config : VideoMAEConfig, optional
            Used instead of the checkpoint's own.
        revision, cache_dir, local_files_only
            See `videomae_demo.checkpoints.source.locate`.
        overrides
            Fields of the checkpoint's configuration to change; of a file without one, fields that
            it does not tell, for instance ``num_attention_heads=6``.

        Returns
        -------
        The model in float32 on the CPU, in eval mode.

        Raises
        ------
        CheckpointError
            When it can't be found or read, does not tell how many heads it has, or its weights do
            not fit the configuration.
        RequestError
            When an override is no field of a configuration, or comes together with a `config`.
        """
        files = locate(
            str(name_or_path),
            revision=revision,
            cache_dir=cache_dir,
            local_files_only=local_files_only,
        )
        model = cls.from_files(files, config=config, **overrides)
        assert model.load_report is not None
        if fresh := model.load_report.fresh:
            logger.warning(
                "%s has %d weights that the checkpoint lacks, freshly initialised: %s. Train them.",
                cls.__name__,
                len(fresh),
                listed(fresh),
            )
        return model

    @classmethod
    def from_files(
        cls, files: CheckpointFiles, *, config: VideoMAEConfig | None = None, **overrides: Any
    ) -> Self:
        """Load a checkpoint whose files are at hand; see `from_pretrained`.

        What the checkpoint lacks is only in `load_report`; the caller must say it.
        """
        if config is not None and overrides:
            raise RequestError(
                f"A configuration was given, and changes to one ({', '.join(overrides)}); make the "
                "changes in the configuration."
            )
        checkpoint = read_checkpoint(files)
        notes: tuple[str, ...] = ()
        if config is None:
            changes = (dict(files.entry.corrections) if files.entry else {}) | overrides
            notes = cls._take_for_granted(checkpoint.architecture, changes, files.name)
            notes += _contradictions(checkpoint.architecture, overrides)
            config = VideoMAEConfig.from_dict(checkpoint.architecture.fields, **changes)
        cls._check_sizes(config, checkpoint.tensors, files.name)
        with torch.device("meta"):
            model = cls(config)
        expected = {name: tensor.shape for name, tensor in model.state_dict().items()}
        tensors = to_native(checkpoint.tensors, expected)
        report = fit(
            tensors,
            expected,
            may_be_fresh=cls.may_be_fresh,
            may_be_unused=cls.may_be_unused,
            name=files.name,
        )
        model.load_report = dataclasses.replace(report, notes=notes)
        assign(model, tensors)
        model._initialise_fresh(report.fresh)
        return model.eval()

    @classmethod
    def _take_for_granted(
        cls, architecture: Architecture, changes: Mapping[str, Any], name: str
    ) -> tuple[str, ...]:
        """Say what is taken for granted about a model; raise an error where nothing can be."""
        unused = ("decoder_", "norm_pix_loss") if "decoder." in cls.may_be_unused else ()
        taken: list[str] = []
        for field, words in architecture.untold.items():
            if field in changes or field.startswith(unused):
                continue
            if words is None:
                raise CheckpointError(
                    f"The weights {name} do not tell {field}: heads leave no trace in the shapes "
                    f"of weights, and no published VideoMAE is of this size. Give {field}=... to "
                    "from_pretrained; on the command line, --heads is for the encoder of "
                    "--weights, and --reconstructor-heads for the encoder of --reconstructor."
                )
            taken.append(words)
        if not taken:
            return ()
        note = f"The file does not tell all of its model; taken for granted: {', '.join(taken)}."
        logger.info("%s: %s", name, note)
        return (note,)

    @classmethod
    def _check_sizes(cls, config: VideoMAEConfig, tensors: Mapping[str, Tensor], name: str) -> None:
        """Refuse a configuration of other sizes than the weights', before anything is built."""
        native = to_native(tensors, (ENCODER_PREFIX,))
        sizes = encoder_sizes(native)
        if "decoder." in cls.may_be_fresh and has_decoder(native):
            sizes |= decoder_sizes(native)
        elif "decoder." in cls.may_be_fresh:
            _check_fresh_decoder(config, name)
        wrong = [
            f"{field} {getattr(config, field)} ({size} in the weights)"
            for field, size in sizes.items()
            if getattr(config, field) != size
        ]
        if wrong:
            raise CheckpointError(
                f"The configuration of {name} does not fit its weights: {', '.join(wrong)}; check "
                f"that {CONFIG_NAME} belongs to them."
            )

    def _initialise_fresh(self, names: tuple[str, ...]) -> None:
        owners: dict[nn.Module, None] = {}  # a set that keeps the order
        for name in names:
            path, _, leaf = name.rpartition(".")
            owner = self.get_submodule(path)
            setattr(owner, leaf, nn.Parameter(torch.zeros(self.get_parameter(name).shape)))
            owners[owner] = None
        for owner in owners:
            self.initialise(owner)

    def save_pretrained(self, folder: str | Path, *, dtype: torch.dtype | None = None) -> Path:
        """Write ``config.json`` and ``model.safetensors`` into `folder`, in the hub's layout.

        Parameters
        ----------
        folder : str or Path
            Made if absent.
        dtype : torch.dtype, optional
            Store in this precision, for instance ``torch.float16``; default: as the weights are.

        Returns
        -------
        The folder.
        """
        state: dict[str, Tensor] = self.state_dict()
        stored = next(iter(state.values())).dtype if dtype is None else dtype
        facts = {
            "architectures": [type(self).__name__],
            "torch_dtype": str(stored).removeprefix("torch."),
        }
        # "dtype" is what transformers 5 writes for "torch_dtype"; both read the latter.
        extra = {name: value for name, value in self.config.extra.items() if name != "dtype"}
        dataclasses.replace(self.config, extra=extra | facts).save_pretrained(folder)
        save_tensors(folder, state, dtype=dtype)
        return Path(folder)


def _check_fresh_decoder(config: VideoMAEConfig, name: str) -> None:
    """Refuse a decoder larger than its encoder if no weights limit its size."""
    for field in ("hidden_size", "num_hidden_layers", "intermediate_size"):
        size = getattr(config, f"decoder_{field}")
        most = max(getattr(config, field), getattr(VideoMAEConfig, field))
        if size > most:
            raise CheckpointError(
                f"The weights {name} have no decoder, and the configuration wants one with a "
                f"{field} of {size}; at most {most} is made anew."
            )


def _contradictions(architecture: Architecture, overrides: Mapping[str, Any]) -> tuple[str, ...]:
    """Say if a given head count replaces the checkpoint's own: nothing else would show it."""
    return tuple(
        f"The checkpoint says that {field} is {architecture.fields[field]}; it is taken to be "
        f"{given}, as asked for."
        for field, given in overrides.items()
        if field.endswith("num_attention_heads")
        and field not in architecture.untold
        and architecture.fields.get(field, given) != given
    )
