"""What we save is what transformers 4.37.2 loads: no key missing, none left over, equal outputs."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from model_cases import (
    CLASSIFIER,
    DECODER,
    ENCODER,
    SAVED,
    SHAPE,
    TOLERANCE,
    fill,
    run,
    worst,
)
from original_network import OriginalEncoder, OriginalPretraining
from safetensors.torch import load_file

import videomae_demo
from videomae_demo.config import VideoMAEConfig
from videomae_demo.model.pretrained import PretrainedModel

GOLDEN = Path(__file__).parent / "golden"
PYTHON_WITH_4_37 = os.environ.get("PYTHON_WITH_4_37")
ORIGINAL = {"num_attention_heads": 3, "decoder_num_attention_heads": 2, "num_frames": 4}


def make(name: str, **options: Any) -> PretrainedModel:
    model: PretrainedModel = getattr(videomae_demo, name)(VideoMAEConfig(**SHAPE | options))
    fill(model)
    return model.eval()


def from_original(name: str, folder: Path) -> PretrainedModel:
    network = OriginalPretraining() if name == DECODER else OriginalEncoder(labels=5)
    fill(network)
    torch.save({"model": network.state_dict()}, folder / "original.pth")
    model: PretrainedModel = getattr(videomae_demo, name).from_pretrained(
        folder / "original.pth", image_size=32, **ORIGINAL
    )
    return model


@pytest.mark.parametrize("model", [ENCODER, DECODER, CLASSIFIER])
@pytest.mark.parametrize("options", SAVED)
def test_names_and_shapes_on_disk_are_those_of_4_37(
    model: str, options: dict[str, Any], tmp_path: Path
) -> None:
    make(model, **options).save_pretrained(tmp_path)
    saved = load_file(tmp_path / "model.safetensors")
    wanted = json.loads((GOLDEN / "state_dicts.json").read_text())[f"{model} {json.dumps(options)}"]
    assert {name: list(weight.shape) for name, weight in saved.items()} == wanted


@pytest.mark.skipif(not PYTHON_WITH_4_37, reason="PYTHON_WITH_4_37 names no interpreter")
@pytest.mark.parametrize("model", [ENCODER, DECODER, CLASSIFIER])
@pytest.mark.parametrize("source", [*SAVED, "original"])
def test_4_37_loads_it_and_computes_the_same(model: str, source: Any, tmp_path: Path) -> None:
    ours = from_original(model, tmp_path) if source == "original" else make(model, **source)
    ours.save_pretrained(tmp_path)
    script = GOLDEN / "load_with_4_37.py"
    subprocess.run([str(PYTHON_WITH_4_37), str(script), model, str(tmp_path)], check=True)
    wanted = torch.from_numpy(np.load(tmp_path / "output.npy"))
    assert worst(run(ours, ours.config.to_dict()), wanted) < TOLERANCE
