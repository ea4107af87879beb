"""Tiny models and inputs that two releases can make alike, and what is compared of their outputs.

Imported by the tests and by ``golden/make_model_golden.py``, which runs in an environment without
this project; so it knows no model class, and of numbers only numpy's frozen `RandomState`.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

BATCH = 2
WHOLE = 128  # values; of a larger tensor only every so many are kept
GRADIENT = 12
# Of the largest value. In float32 a processor's kernels decide about the last digits of an output,
# and about more of them in a gradient, where large terms cancel; so gradients are compared in
# float64. There ImageNet's statistics keep the releases apart: transformers rounds them to float32.
TOLERANCE = 2e-5
TOLERANCE_FLOAT64 = 1e-7

SHAPE = {
    "image_size": (16, 24),
    "patch_size": 8,
    "num_channels": 3,
    "num_frames": 4,
    "tubelet_size": 2,
    "hidden_size": 12,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 20,
    "decoder_hidden_size": 8,
    "decoder_num_hidden_layers": 2,
    "decoder_num_attention_heads": 2,
    "decoder_intermediate_size": 12,
}


@dataclass(frozen=True)
class Case:
    """One model and one call of it.

    Attributes
    ----------
    model : str
        Name of the class.
    config : dict
        What differs from `SHAPE` and the defaults.
    hidden : int
        How many tokens are masked; 0 for no mask.
    head_mask : str
        "", "heads" or "layers": which of the two shapes.
    labels : str
        "", "single", "multi" or "regression".
    as_tuple : bool
        Call with ``return_dict=False``.
    """

    model: str
    config: dict[str, Any] = field(default_factory=dict)
    hidden: int = 0
    head_mask: str = ""
    labels: str = ""
    as_tuple: bool = False

    @property
    def fields(self) -> dict[str, Any]:
        """All fields of the configuration."""
        return SHAPE | self.config


ENCODER, DECODER = "VideoMAEModel", "VideoMAEForPreTraining"
CLASSIFIER = "VideoMAEForVideoClassification"
COARSE = {"patch_size": 16, "tubelet_size": 4, "num_frames": 8, "image_size": (48, 32)}
REGRESSION = {"num_labels": 3, "problem_type": "regression"}

CASES = {
    "encoder": Case(ENCODER),
    "encoder, masked, own norm": Case(ENCODER, {"use_mean_pooling": False}, hidden=5),
    "encoder, one channel, head mask": Case(
        ENCODER, {"num_channels": 1, **COARSE}, head_mask="heads", as_tuple=True
    ),
    "encoder, tubelets of 4": Case(ENCODER, {"tubelet_size": 4, "qkv_bias": False}, hidden=1),
    "pretraining": Case(DECODER, {"use_mean_pooling": False}, hidden=7),
    "pretraining, pixels": Case(DECODER, {"norm_pix_loss": False}, hidden=11),
    "pretraining, pixels, coarse": Case(
        DECODER, {"norm_pix_loss": False, **COARSE}, hidden=5, as_tuple=True
    ),
    "pretraining, one channel": Case(
        DECODER, {"num_channels": 1, "qkv_bias": False}, hidden=8, head_mask="layers"
    ),
    "pretraining, four channels, coarse": Case(
        DECODER, {"num_channels": 4, **COARSE}, hidden=3, head_mask="heads"
    ),
    "classifier": Case(CLASSIFIER, {"num_labels": 5}, labels="single"),
    "classifier, token 0": Case(
        CLASSIFIER, {"use_mean_pooling": False}, labels="single", as_tuple=True
    ),
    "classifier, no labels": Case(CLASSIFIER, {"image_size": 16, "qkv_bias": False}),
    "classifier, head mask": Case(
        CLASSIFIER, {"num_labels": 4}, labels="single", head_mask="heads"
    ),
    "classifier, multi-label": Case(
        CLASSIFIER, {"num_labels": 5, "num_channels": 4}, labels="multi", head_mask="layers"
    ),
    "classifier, regression": Case(
        CLASSIFIER, {"num_labels": 1, "num_channels": 1, **COARSE}, labels="regression"
    ),
    "classifier, many regressions": Case(CLASSIFIER, REGRESSION, labels="regression"),
    "classifier, original epsilon": Case(CLASSIFIER, {"layer_norm_eps": 1e-6, "num_frames": 8}),
}


# What differs in the models whose state dicts are recorded.
SAVED: tuple[dict[str, Any], ...] = ({}, {"use_mean_pooling": False, "qkv_bias": False})


def fill(model: torch.nn.Module) -> None:
    """Give every weight a value that depends on its name alone, large enough to matter."""
    with torch.no_grad():
        for name, weight in model.named_parameters():
            noise = np.random.RandomState(zlib.crc32(name.encode())).standard_normal(weight.shape)
            if "norm" in name and name.endswith("weight"):
                noise = 1 + 0.2 * noise
            elif weight.ndim > 1:
                noise = noise * 1.5 / np.sqrt(np.prod(weight.shape[1:]))
            else:
                noise = 0.4 * noise
            weight.copy_(torch.from_numpy(noise))


def make_pixels(fields: dict[str, Any], batch: int = BATCH) -> torch.Tensor:
    """Make clips, (B, T, C, H, W) float32."""
    size = fields["image_size"]
    height, width = (size, size) if isinstance(size, int) else size
    shape = (batch, fields["num_frames"], fields["num_channels"], height, width)
    return torch.from_numpy(np.random.RandomState(3).standard_normal(shape)).float()


def count_tokens(fields: dict[str, Any]) -> int:
    """Number of tokens of a clip."""
    size = fields["image_size"]
    height, width = (size, size) if isinstance(size, int) else size
    slices = fields["num_frames"] // fields["tubelet_size"]
    return slices * (height // fields["patch_size"]) * (width // fields["patch_size"])


def make_mask(tokens: int, hidden: int, batch: int = BATCH) -> torch.Tensor:
    """Make a mask, (B, N) bool, with other tokens hidden in each clip."""
    order = np.random.RandomState(5).rand(batch, tokens).argsort(1).argsort(1)
    return torch.from_numpy(order < hidden)


def make_inputs(case: Case, dtype: torch.dtype = torch.float32) -> dict[str, Any]:
    """Make the arguments of a case's call: the same numbers in any precision."""
    fields = case.fields
    inputs: dict[str, Any] = {"pixel_values": make_pixels(fields)}
    if case.hidden:
        inputs["bool_masked_pos"] = make_mask(count_tokens(fields), case.hidden)
    layers, heads = fields["num_hidden_layers"], fields["num_attention_heads"]
    if case.head_mask:
        mask = np.random.RandomState(9).rand(layers, heads)
        mask[0, 0], mask[-1, -1] = 0, 1
        inputs["head_mask"] = torch.from_numpy(mask).float()[
            0 if case.head_mask == "heads" else ...
        ]
    count = fields.get("num_labels", 2)
    noise = np.random.RandomState(11).standard_normal((BATCH, count))
    if case.labels == "single":
        inputs["labels"] = torch.tensor([count - 1, 0])
    elif case.labels == "multi":
        inputs["labels"] = torch.from_numpy(noise > 0).float()
    elif case.labels == "regression":
        labels = torch.from_numpy(noise).float()
        inputs["labels"] = labels[:, 0] if count == 1 else labels
    return {
        name: given.to(dtype) if given.is_floating_point() else given
        for name, given in inputs.items()
    }


def measure(model: torch.nn.Module, case: Case) -> dict[str, torch.Tensor]:
    """Run a case forwards and backwards in float64; return every tensor that comes out, by name."""
    fill(model)
    model.double().eval().zero_grad()
    output = model(
        **make_inputs(case, torch.float64),
        output_attentions=True,
        output_hidden_states=True,
        return_dict=not case.as_tuple,
    )
    items = enumerate(output) if case.as_tuple else output.items()
    found: dict[str, torch.Tensor] = {}
    for name, value in items:
        several = enumerate(value) if isinstance(value, tuple) else [("", value)]
        found |= {f"{name} {index}".strip(): tensor for index, tensor in several}
    goal = output[0] if output[0].ndim == 0 else output[0].square().mean()
    goal.backward()
    for name, weight in model.named_parameters():
        if weight.grad is not None:
            found[f"gradient of {name}"] = weight.grad
    return {name: tensor.detach() for name, tensor in found.items()}


@torch.no_grad()
def run(model: torch.nn.Module, fields: dict[str, Any] = SHAPE) -> torch.Tensor:
    """Return a model's main output, for the same input each time."""
    arguments = {"pixel_values": make_pixels(fields)}
    if type(model).__name__ == DECODER:
        arguments["bool_masked_pos"] = make_mask(count_tokens(fields), 5)
    output = model(**arguments)
    found: torch.Tensor = output["last_hidden_state" if "logits" not in output else "logits"]
    return found


def sample(name: str, tensor: torch.Tensor) -> torch.Tensor:
    """Keep all values of a small tensor, every so many of a large one."""
    limit = GRADIENT if name.startswith("gradient") else WHOLE
    values = tensor.reshape(-1)
    return values[:: max(1, len(values) // limit) | 1]


def worst(found: torch.Tensor, wanted: torch.Tensor) -> float:
    """Return the largest difference, as a part of the largest value wanted."""
    found, wanted = found.detach(), wanted.detach()
    largest = wanted.abs().max()
    return float((found - wanted).abs().max() / (largest if largest > 0 else 1))
