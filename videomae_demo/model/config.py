"""The shape of a VideoMAE: the fields of the hub's ``config.json``, and the token grid they imply.

Owns every number that belongs to one checkpoint. Knows nothing of tensors or files' whereabouts.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from videomae_demo.errors import CheckpointError

CONFIG_NAME = "config.json"


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


@dataclass
class VideoMAEConfig:
    """Configuration with the names, defaults and meaning of transformers 4.37.

    Mutable, as the class it stands in for. Keys of a ``config.json`` that a VideoMAE does not have
    are kept in `extra` and written back by `save_pretrained`.

    Parameters
    ----------
    image_size : int or (int, int)
        Height and width of the model's frames in pixels.
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
        The classifier's labels; their number is `num_labels`.
    problem_type : str, optional
        "regression", "single_label_classification" or "multi_label_classification".

    Raises
    ------
    CheckpointError
        When sizes do not divide one another, or an option is none that a VideoMAE has.
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
    id2label: dict[int, str] = field(default_factory=lambda: {0: "LABEL_0", 1: "LABEL_1"})
    problem_type: str | None = None
    output_attentions: bool = False
    output_hidden_states: bool = False
    use_return_dict: bool = True
    extra: dict[str, Any] = field(default_factory=dict, repr=False)

    model_type: ClassVar[str] = "videomae"

    def __post_init__(self) -> None:
        if not isinstance(self.image_size, int):
            height, width = self.image_size
            self.image_size = (int(height), int(width))
        self.id2label = {int(index): str(name) for index, name in self.id2label.items()}
        self._check()

    def _check(self) -> None:
        height, width = self.frame_size
        if min(height, width, self.patch_size, self.num_frames, self.tubelet_size) < 1:
            raise CheckpointError(
                f"The configuration has a size below 1: image_size {self.image_size}, patch_size "
                f"{self.patch_size}, num_frames {self.num_frames}, tubelet_size "
                f"{self.tubelet_size}."
            )
        for name, size, step_name, step in (
            ("image_size", height, "patch_size", self.patch_size),
            ("image_size", width, "patch_size", self.patch_size),
            ("num_frames", self.num_frames, "tubelet_size", self.tubelet_size),
            ("hidden_size", self.hidden_size, "num_attention_heads", self.num_attention_heads),
            (
                "decoder_hidden_size",
                self.decoder_hidden_size,
                "decoder_num_attention_heads",
                self.decoder_num_attention_heads,
            ),
        ):
            if size % step:
                raise CheckpointError(
                    f"The configuration's {name} {size} is not a multiple of its "
                    f"{step_name} {step}."
                )
        if self.hidden_act != "gelu":
            raise CheckpointError(
                f"The configuration asks for the activation {self.hidden_act!r}; only 'gelu' is "
                "known, which every published VideoMAE uses."
            )
        if sorted(self.id2label) != list(range(len(self.id2label))):
            raise CheckpointError(
                f"The configuration's id2label must count 0 to {len(self.id2label) - 1} "
                "without gaps."
            )

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
    def num_labels(self) -> int:
        """Number of the classifier's labels."""
        return len(self.id2label)

    @num_labels.setter
    def num_labels(self, count: int) -> None:
        if count != len(self.id2label):
            self.id2label = {index: f"LABEL_{index}" for index in range(count)}

    @property
    def label2id(self) -> dict[str, int]:
        """The index of each label."""
        return {name: index for index, name in self.id2label.items()}

    def to_dict(self) -> dict[str, Any]:
        """Return all that ``config.json`` holds, ready for `json.dump`."""
        values = dataclasses.asdict(self)
        extra = values.pop("extra")
        return_dict = values.pop("use_return_dict")
        content: dict[str, Any] = extra | {
            "model_type": self.model_type,
            **values,
            "id2label": {str(index): name for index, name in self.id2label.items()},
            "label2id": self.label2id,
            "return_dict": return_dict,
        }
        return content

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], **overrides: Any) -> VideoMAEConfig:
        """Build from what ``config.json`` holds; `overrides` are fields, or `num_labels`.

        Raises
        ------
        CheckpointError
            When it is the configuration of another kind of model, or a field can't be used.
        """
        kind = values.get("model_type", cls.model_type)
        if kind != cls.model_type:
            raise CheckpointError(
                f"The configuration is of a {kind!r} model; only 'videomae' can be loaded."
            )
        known = {f.name for f in dataclasses.fields(cls)} - {"extra"}
        renamed = {"qv_bias": "qkv_bias", "return_dict": "use_return_dict"}
        merged = {renamed.get(name, name): value for name, value in {**values, **overrides}.items()}
        label_count = merged.pop("num_labels", None)
        derived = {"label2id", "model_type"}
        fields = {name: value for name, value in merged.items() if name in known}
        extra = {name: v for name, v in merged.items() if name not in known | derived}
        try:
            config = cls(**fields, extra=extra)
        except (TypeError, AttributeError) as error:
            raise CheckpointError(
                f"The configuration has a field of the wrong kind: {error}."
            ) from error
        if label_count is not None:
            config.num_labels = int(label_count)
        return config

    @classmethod
    def from_json_file(cls, path: str | Path, **overrides: Any) -> VideoMAEConfig:
        """Read a ``config.json``; see `from_dict`."""
        try:
            values = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise CheckpointError(f"The configuration {path} can't be read: {error}.") from error
        if not isinstance(values, dict):
            raise CheckpointError(f"The configuration {path} does not hold a JSON object.")
        return cls.from_dict(values, **overrides)

    def save_pretrained(self, folder: str | Path) -> Path:
        """Write ``config.json`` into `folder` (made if absent) and return its path."""
        path = Path(folder) / CONFIG_NAME
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.to_dict(), indent=2) + "\n", encoding="utf-8")
        return path
