"""Which ways there are to say what each token did for a label: names, sources, costs, meanings.

Owns the words and the one registry; the computing is in the modules that the registry names. Needs
no torch, so that a page or a command line can offer the methods at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from videomae_demo.errors import RequestError, shown
from videomae_demo.given import whole


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be explained: the logit of a label, or its margin over another label.

    Attributes
    ----------
    label : int
        The label's index, from 0.
    against : int, optional
        The other label's index; then the target is the logit of `label` less that of `against`.

    Raises
    ------
    RequestError
        When an index is no whole number from 0, or both are the same.
    """

    label: int
    against: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "label", whole(self.label, "label's index"))
        if self.against is not None:
            object.__setattr__(self, "against", whole(self.against, "other label's index"))
        if self.label == self.against:
            raise RequestError(
                f"The label {self.label} has no margin over itself; name two different labels."
            )

    def weights(self, labels: int) -> NDArray[np.float32]:
        """Return the target as weights of the logits, (labels,): 1, -1, and 0 elsewhere.

        Raises
        ------
        RequestError
            When the checkpoint does not have such a label.
        """
        weights = np.zeros(labels, dtype=np.float32)
        for index, sign in ((self.label, 1), (self.against, -1)):
            if index is None:
                continue
            if index >= labels:
                raise RequestError(
                    f"There is no label {index}; this checkpoint has {labels}, counted from 0."
                )
            weights[index] = sign
        return weights

    def value(self, logits: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the logit or the margin, (...), from logits (..., labels). Errors as `weights`."""
        exact: NDArray[np.float64] = logits.astype(np.float64)
        return exact @ self.weights(logits.shape[-1]).astype(np.float64)


@dataclass(frozen=True, slots=True)
class MethodCard:
    """One way to score the tokens of a clip, in words.

    Attributes
    ----------
    name : str
        By which it is asked for.
    title : str
    source : str
        Where it was published.
    cost : str
        In passes of the recogniser.
    meaning : str
        What a score says, in a sentence.
    signed : bool
        Whether scores below zero speak against the target.
    uses_model : bool
        False for references, which are the same whatever the weights are.
    place : (str, str)
        The module of `videomae_demo.analysis` and the function in it that computes the scores.
    """

    name: str
    title: str
    source: str
    cost: str
    meaning: str
    signed: bool
    uses_model: bool
    place: tuple[str, str]


DEFAULT_METHOD = "libragrad"

_CARDS = (
    MethodCard(
        "libragrad",
        "LibraGrad x input",
        "Mehri et al., CVPR 2025 (arXiv 2411.16760); Ali et al., ICML 2022 (arXiv 2202.07304)",
        "one pass forwards and one backwards",
        "How much of the logit comes from each token, with attention, deviations and gates held "
        "fixed; with what the biases carry, the scores add up to the logit.",
        True,
        True,
        ("gradients", "libragrad"),
    ),
    MethodCard(
        "chefer",
        "Attention x gradient, chained",
        "Chefer et al., ICCV 2021 (arXiv 2103.15679)",
        "one pass forwards and one backwards, attention computed twice",
        "How much each token reaches the head through attention that raises the target; it knows "
        "nothing against it.",
        False,
        True,
        ("chains", "chefer"),
    ),
    MethodCard(
        "gradient-rollout",
        "Gradient rollout",
        "Abnar and Zuidema 2020 (arXiv 2005.00928), each map weighted by its gradient",
        "one pass forwards and one backwards, attention computed twice",
        "A rollout along the attention that raises the target: a distribution over the tokens.",
        False,
        True,
        ("chains", "gradient_rollout"),
    ),
    MethodCard(
        "direct-effect",
        "Direct effect of the heads",
        "Elhage et al., A Mathematical Framework for Transformer Circuits, 2021",
        "one pass forwards",
        "What the heads of all layers read from each token and hand to the classifier directly, "
        "in units of the logit; later layers are skipped.",
        True,
        True,
        ("heads", "direct_effect"),
    ),
    MethodCard(
        "gradient-x-input",
        "Gradient x input",
        "Shrikumar et al. 2016 (arXiv 1605.01713)",
        "one pass forwards and one backwards",
        "How the target would change if a token were scaled a little; noisy in deep models.",
        True,
        True,
        ("gradients", "gradient_x_input"),
    ),
    MethodCard(
        "integrated-gradients",
        "Integrated gradients",
        "Sundararajan et al., ICML 2017 (arXiv 1703.01365)",
        "16 passes forwards and 16 backwards",
        "The change of the target on the way from a clip of one colour to this clip, divided among "
        "the tokens.",
        True,
        True,
        ("gradients", "integrated_gradients"),
    ),
    MethodCard(
        "rollout",
        "Attention rollout",
        "Abnar and Zuidema, ACL 2020 (arXiv 2005.00928)",
        "one pass forwards",
        "Where attention could carry information from, for any label alike: a distribution over "
        "the tokens.",
        False,
        True,
        ("chains", "attention_rollout"),
    ),
    MethodCard(
        "frame-difference",
        "Frame difference",
        "no model",
        "no pass",
        "How much the pixels of a token change from frame to frame, for any model and label alike.",
        False,
        False,
        ("references", "frame_difference"),
    ),
    MethodCard(
        "centre",
        "Centre of the frame",
        "no model",
        "no pass",
        "How near a token is to the middle of the frame, whatever the clip shows.",
        False,
        False,
        ("references", "centre"),
    ),
    MethodCard(
        "random",
        "Random",
        "no model",
        "no pass",
        "Numbers drawn by chance, the same each time: what a map is worth that knows nothing.",
        False,
        False,
        ("references", "random"),
    ),
)

METHODS: Mapping[str, MethodCard] = MappingProxyType({card.name: card for card in _CARDS})
"""All methods by name: those of the model first, the default at the head, then the references."""

REFERENCES = ("rollout", "frame-difference", "centre")
"""The maps that stand beside any other one, and random ones."""


def find_method(name: str) -> MethodCard:
    """Look a method up by its name.

    Raises
    ------
    RequestError
        When there is none of that name; the message names those that there are.
    """
    if not isinstance(name, str) or name not in METHODS:
        raise RequestError(
            f"There is no method {shown(name)}; the known ones are {', '.join(METHODS)}."
        )
    return METHODS[name]
