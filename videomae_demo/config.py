"""The shape of a VideoMAE: the fields of the hub's ``config.json``, and the token grid they imply.

Owns every number that belongs to one checkpoint. Knows nothing about tensors, nor about where files
are.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, overload
from unicodedata import category

from videomae_demo.errors import CheckpointError, RequestError, shown
from videomae_demo.json_file import read_json_object
from videomae_demo.sizes import (
    LOWEST_AND_MOST,
    check_cost,
    check_label_count,
    check_size,
    read_sides,
)

CONFIG_NAME = "config.json"

DEFAULT_LABELS = 2
LONGEST_LABEL = 1000
PROBLEM_TYPES = ("regression", "single_label_classification", "multi_label_classification")

_SHARES = (
    "hidden_dropout_prob",
    "attention_probs_dropout_prob",
    "initializer_range",
    "layer_norm_eps",
)
_SWITCHES = (
    "qkv_bias",
    "use_mean_pooling",
    "norm_pix_loss",
    "output_attentions",
    "output_hidden_states",
    "return_dict",
)
# Names that other releases give our fields.
_RENAMED = {"qv_bias": "qkv_bias", "use_return_dict": "return_dict"}


@dataclass(frozen=True, slots=True)
class TokenGrid:
    """How many tokens a clip has along each axis, in the order in which they are counted."""

    time: int
    height: int
    width: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """(time, height, width), to reshape by."""
        return self.time, self.height, self.width

    @property
    def patches(self) -> int:
        """Number of spatial cells in one slice of time."""
        return self.height * self.width

    @property
    def tokens(self) -> int:
        """Number of tokens in the whole clip."""
        return self.time * self.patches


def unnamed_labels(count: int) -> dict[int, str]:
    """Return `count` labels as transformers names them when nobody did: LABEL_0, LABEL_1, ...

    Raises
    ------
    CheckpointError
        When `count` is not a whole number from 0, or is more than a model may have.
    """
    check_label_count(count)
    return {index: f"LABEL_{index}" for index in range(count)}


class LabelCount:
    """The field `VideoMAEConfig.num_labels`, which is stored nowhere: it counts `id2label`.

    Assigning another number replaces the labels with unnamed ones. The constructor assigns None
    where no number was given, which changes nothing.
    """

    @overload
    def __get__(self, config: None, owner: type) -> None: ...
    @overload
    def __get__(self, config: VideoMAEConfig, owner: type) -> int: ...
    def __get__(self, config: VideoMAEConfig | None, owner: type) -> int | None:
        return None if config is None else len(config.id2label)

    def __set__(self, config: VideoMAEConfig, count: int | None) -> None:
        if count is None:
            return
        check_label_count(count)
        if count == len(config.id2label):
            return
        constructed = "extra" in vars(config)  # the last field that the constructor sets
        if not constructed and config.id2label != unnamed_labels(DEFAULT_LABELS):
            raise CheckpointError(
                f"The configuration names {len(config.id2label)} labels in id2label, but "
                f"num_labels says {count}; give one of the two."
            )
        config.id2label = unnamed_labels(count)


@dataclass
class VideoMAEConfig:
    """Configuration with the names, defaults and meaning of transformers 4.37.

    Mutable, as the class it stands in for. Keys of a ``config.json`` that a VideoMAE does not have
    are kept in `extra` and written back by `save_pretrained`.

    Parameters
    ----------
    image_size : int or (int, int)
        The model's frames in pixels: a square's side, or (height, width).
    patch_size, tubelet_size : int
        A token covers `tubelet_size` frames of `patch_size` x `patch_size` pixels.
    num_channels, num_frames : int
        Channels and frames of a clip.
    hidden_act : str
        Only "gelu", the exact (erf) form, which all published checkpoints use.
    use_mean_pooling : bool
        True: the classifier reads the mean of all tokens. False: it reads token 0, and the encoder
        ends in a LayerNorm of its own.
    norm_pix_loss : bool
        True: the decoder predicts pixels normalised per token and channel. False: plain pixels in
        0..1.
    id2label : dict of int to str
        The classifier's labels, counted from 0.
    num_labels : int, optional
        How many labels, where they have no names; otherwise it follows from `id2label`.
    problem_type : str, optional
        Which loss a classifier has: "regression", "single_label_classification" or
        "multi_label_classification"; default: what the number of labels and their type suggest.
    output_attentions, output_hidden_states, return_dict : bool
        What the models return unless a call says otherwise.
    extra : dict
        Keys of a ``config.json`` that belong to none of the above.

    Raises
    ------
    CheckpointError
        When a size is impossible, sizes do not divide one another, or a VideoMAE has no such
        option.
    """

    image_size: int | tuple[int, int] = 224
    patch_size: int = 16
    num_channels: int = 3
    num_frames: int = 16
    tubelet_size: int = 2
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    hidden_act: str = "gelu"
    hidden_dropout_prob: float = 0.0
    attention_probs_dropout_prob: float = 0.0
    initializer_range: float = 0.02
    layer_norm_eps: float = 1e-12
    qkv_bias: bool = True
    use_mean_pooling: bool = True
    decoder_num_attention_heads: int = 6
    decoder_hidden_size: int = 384
    decoder_num_hidden_layers: int = 4
    decoder_intermediate_size: int = 1536
    norm_pix_loss: bool = True
    id2label: dict[int, str] = field(default_factory=lambda: unnamed_labels(DEFAULT_LABELS))
    num_labels: LabelCount = LabelCount()  # a descriptor, which dataclasses know how to fill
    problem_type: str | None = None
    output_attentions: bool = False
    output_hidden_states: bool = False
    return_dict: bool = True
    extra: dict[str, Any] = field(default_factory=dict, repr=False)

    model_type: ClassVar[str] = "videomae"

    def __post_init__(self) -> None:
        self._check_sizes()
        self._check_options()

    def _check_sizes(self) -> None:
        height, width = read_sides("image_size", self.image_size)
        if not isinstance(self.image_size, int):
            self.image_size = (height, width)  # json has lists
        rows, columns = read_sides("patch_size", self.patch_size)
        if rows != columns:
            raise CheckpointError(
                f"The configuration's patch_size is {self.patch_size}; only square patches are "
                "known."
            )
        self.patch_size = rows
        for name in LOWEST_AND_MOST:
            check_size(name, getattr(self, name))
        for name, size, step_name, step in (
            ("image_size", height, "patch_size", self.patch_size),
            ("image_size", width, "patch_size", self.patch_size),
            ("num_frames", self.num_frames, "tubelet_size", self.tubelet_size),
        ):
            if size % step:
                raise CheckpointError(
                    f"The configuration's {name} {size} is not a multiple of its "
                    f"{step_name} {step}."
                )
        check_cost(
            self.grid.tokens,
            self.num_frames * self.num_channels * height * width,
            max(self.hidden_size, self.decoder_hidden_size),
        )

    def _check_options(self) -> None:
        for name in _SHARES:
            share = getattr(self, name)
            is_number = isinstance(share, int | float) and not isinstance(share, bool)
            if not is_number or not 0 <= share <= 1:
                raise CheckpointError(
                    f"The configuration's {name} is {shown(share)}; it must be a number from 0 to "
                    "1."
                )
        for name in _SWITCHES:
            if not isinstance(getattr(self, name), bool):
                raise CheckpointError(
                    f"The configuration's {name} is {shown(getattr(self, name))}; it must be true "
                    "or false."
                )
        if self.hidden_act != "gelu":
            raise CheckpointError(
                f"The configuration asks for the activation {shown(self.hidden_act)}; only 'gelu' "
                "is known, which every published VideoMAE uses."
            )
        if self.problem_type not in (None, *PROBLEM_TYPES):
            raise CheckpointError(
                f"The configuration's problem_type is {shown(self.problem_type)}; it must be one "
                f"of {', '.join(PROBLEM_TYPES)}."
            )
        self.id2label = _read_labels(self.id2label)

    @property
    def frame_size(self) -> tuple[int, int]:
        """Height and width of the model's frames in pixels."""
        if isinstance(self.image_size, int):
            return self.image_size, self.image_size
        return self.image_size

    @property
    def grid(self) -> TokenGrid:
        """The token grid of a whole clip."""
        height, width = self.frame_size
        return TokenGrid(
            self.num_frames // self.tubelet_size,
            height // self.patch_size,
            width // self.patch_size,
        )

    @property
    def token_values(self) -> int:
        """How many numbers one token covers: tubelet_size * patch_size**2 * num_channels."""
        return self.tubelet_size * self.patch_size**2 * self.num_channels

    @property
    def label2id(self) -> dict[str, int]:
        """The index of each label."""
        return {name: index for index, name in self.id2label.items()}

    @property
    def use_return_dict(self) -> bool:
        """The name under which transformers reads `return_dict`."""
        return self.return_dict

    def to_dict(self) -> dict[str, Any]:
        """Return all that ``config.json`` holds, ready for `json.dump`."""
        values = dataclasses.asdict(self)
        extra, _ = values.pop("extra"), values.pop("num_labels")
        labels = {
            "id2label": {str(index): name for index, name in self.id2label.items()},
            "label2id": self.label2id,
        }
        return {**extra, "model_type": self.model_type, **values, **labels}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], **overrides: Any) -> VideoMAEConfig:
        """Build from what ``config.json`` holds, with some fields changed.

        Parameters
        ----------
        values : mapping of str to value
            Keys that are no fields are kept in `extra`.
        overrides
            Fields. Another `num_labels` than that of the file drops the file's labels.

        Raises
        ------
        CheckpointError
            When it is the configuration of another kind of model, or a field can't be used.
        RequestError
            When `overrides` hold anything but fields.
        """
        kind = values.get("model_type", cls.model_type)
        if kind != cls.model_type:
            raise CheckpointError(
                f"The configuration is of a {shown(kind)} model; only 'videomae' can be loaded."
            )
        known = {f.name for f in dataclasses.fields(cls)} - {"extra"}
        given, changes = _with_own_names(values), _with_own_names(overrides)
        unknown = sorted(changes.keys() - known)
        if unknown:
            raise RequestError(
                f"A VideoMAE's configuration has no {', '.join(unknown)}; leave it out."
            )
        fields = {name: value for name, value in given.items() if name in known}
        extra = {name: value for name, value in given.items() if name not in known}
        if "id2label" in fields | changes:
            fields.pop("num_labels", None)  # the names decide, as in transformers
        label_count = None if "id2label" in changes else changes.pop("num_labels", None)
        try:
            config = cls(**fields | changes, extra=extra)
        except (TypeError, AttributeError) as error:
            raise CheckpointError(
                f"The configuration has a field of the wrong kind: {error}."
            ) from error
        config.num_labels = label_count
        return config

    @classmethod
    def from_json_file(cls, path: str | Path, **overrides: Any) -> VideoMAEConfig:
        """Read a ``config.json``; see `from_dict`."""
        return cls.from_dict(read_config(path), **overrides)

    def save_pretrained(self, folder: str | Path) -> Path:
        """Write ``config.json`` into `folder` (made if absent) and return its path."""
        path = Path(folder) / CONFIG_NAME
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.to_dict(), indent=2) + "\n", encoding="utf-8")
        return path


def read_config(path: str | Path) -> dict[str, Any]:
    """Read what a ``config.json`` holds, whatever model it is of.

    Raises
    ------
    CheckpointError
        When it can't be read, or holds no JSON object.
    """
    return read_json_object(Path(path), "The configuration")


def _with_own_names(values: Mapping[str, Any]) -> dict[str, Any]:
    """Name fields as we do, and leave out what follows from the others."""
    own = {_RENAMED.get(name, name): value for name, value in values.items()}
    if own.get("id2label") is None:
        own.pop("id2label", None)
    return {name: value for name, value in own.items() if name not in ("label2id", "model_type")}


def _read_labels(given: Mapping[Any, Any]) -> dict[int, str]:
    """Return the labels by their number; JSON has strings for keys."""
    check_label_count(len(given))
    for name in given.values():
        is_text = not isinstance(name, Mapping | list) and len(str(name)) <= LONGEST_LABEL
        if not is_text or any(category(one) == "Cc" for one in str(name)):
            raise CheckpointError(
                f"The configuration's id2label names a label {shown(name)}; a name is a text of at "
                f"most {LONGEST_LABEL} characters, none of which controls a terminal."
            )
    try:
        labels = {int(index): str(name) for index, name in given.items()}
    except ValueError as error:
        raise CheckpointError(
            f"The configuration's id2label must have numbers for keys ({error})."
        ) from error
    if sorted(labels) != list(range(len(given))):
        raise CheckpointError(
            f"The configuration's id2label must count 0 to {len(given) - 1} without gaps."
        )
    return labels
