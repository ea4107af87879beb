"""What a training is asked to do: checked numbers, and nothing of torch or of pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Self

from videomae_demo import given
from videomae_demo.config import VideoMAEConfig
from videomae_demo.errors import RequestError, shown

MASKS = ("tube", "random")
STARTS = ("here", "untrained", "bundled")
"""Where a fine-tuning takes its encoder from: the training just now, nowhere, the project."""
NOTHING_HERE = (
    "No encoder was trained on this page yet: pretrain one first, or start from an untrained or "
    "the bundled one."
)
RATIOS = (0.5, 0.95)
RATES = (0.001, 0.1)
STEPS = (10, 6000)
MOST_SEED = 9999


def tiny_config() -> VideoMAEConfig:
    """Return the architecture that is trained: small enough to be learnt while one watches."""
    return VideoMAEConfig(
        image_size=32,
        patch_size=8,
        hidden_size=96,
        num_hidden_layers=4,
        num_attention_heads=3,
        intermediate_size=384,
        decoder_hidden_size=64,
        decoder_num_hidden_layers=2,
        decoder_num_attention_heads=2,
        decoder_intermediate_size=256,
        use_mean_pooling=False,
        norm_pix_loss=False,
        layer_norm_eps=1e-6,
        id2label={},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSettings:
    """What both trainings are asked.

    Attributes
    ----------
    rate : float
        Of learning, in `RATES`: Muon's, for the matrices; the other weights take a twentieth of it.
    seed : int
        From 0 to `MOST_SEED`: of the first weights, the clips and the masks.
    steps : int
        How many there are, in `STEPS`; the rate falls to zero towards the last one.

    Raises
    ------
    RequestError
        When a value is of another kind, or out of range.
    """

    mode: ClassVar[str]

    rate: float = 0.02
    seed: int = 0
    steps: int = 1500

    def __post_init__(self) -> None:
        _check(self, "rate", given.number(self.rate, "learning rate"), *RATES)
        _check(self, "seed", given.whole(self.seed, "seed"), 0, MOST_SEED)
        _check(self, "steps", given.whole(self.steps, "number of steps"), *STEPS)

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> Self:
        """Return the settings that a page or a file tells; what it leaves out stays as it is.

        Raises
        ------
        RequestError
            Also when it tells something that is no setting.
        """
        names = [field.name for field in fields(cls)]
        for name in told:
            if name not in names:
                raise RequestError(
                    f"There is no setting {shown(name)}; there are {', '.join(names)}."
                )
        return cls(**told)

    def to_json(self) -> dict[str, Any]:
        """Return the settings by name, as `read` takes them."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class PretrainingSettings(LiveSettings):
    """What a pretraining is asked, beside what `LiveSettings` has.

    Attributes
    ----------
    mask : str
        One of `MASKS`.
    ratio : float
        Share of the patches, or of the tokens, that is hidden; in `RATIOS`.
    """

    mode: ClassVar[str] = "pretrain"

    mask: str = "random"
    ratio: float = 0.75

    def __post_init__(self) -> None:
        LiveSettings.__post_init__(self)
        _check_choice("mask", self.mask, MASKS)
        _check(self, "ratio", given.number(self.ratio, "mask ratio"), *RATIOS)


@dataclass(frozen=True, slots=True, kw_only=True)
class FinetuningSettings(LiveSettings):
    """What a fine-tuning is asked, beside what `LiveSettings` has.

    Attributes
    ----------
    start : str
        One of `STARTS`.
    """

    mode: ClassVar[str] = "finetune"

    start: str = "here"

    def __post_init__(self) -> None:
        LiveSettings.__post_init__(self)
        _check_choice("start", self.start, STARTS)


MODES: Mapping[str, type[LiveSettings]] = {
    kind.mode: kind for kind in (PretrainingSettings, FinetuningSettings)
}


def read_settings(mode: object, told: Mapping[str, Any]) -> LiveSettings:
    """Return the settings of a mode, "pretrain" or "finetune"; errors as in `LiveSettings.read`."""
    _check_choice("mode", mode, tuple(MODES))
    return MODES[str(mode)].read(told)


NAMES = {
    "rate": "learning rate",
    "seed": "seed",
    "steps": "number of steps",
    "ratio": "mask ratio",
}


def _check(settings: LiveSettings, name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise RequestError(
            f"The {NAMES[name]} is {value:g}; it must lie between {least:g} and {most:g}."
        )
    object.__setattr__(settings, name, value)  # a plain number, also if NumPy's was given


def _check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise RequestError(f"The {name} is {shown(value)}; choose {' or '.join(choices)}.")
