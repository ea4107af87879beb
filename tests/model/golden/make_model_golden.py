"""Record what the models of transformers 4.37.2 compute, and a checkpoint as it writes one.

That release does not install beside the project's own requirements, so it runs in an environment of
its own::

    python -m venv venv437
    venv437/bin/pip install "transformers==4.37.2" "numpy<2" torch pillow
    PYTHONPATH=tests/model venv437/bin/python tests/model/golden/make_model_golden.py

It writes, beside this file, ``models.npz`` (for each case of ``model_cases.py`` the shapes of all
outputs and gradients, and their values or a sample of them, computed in float64),
``state_dicts.json`` (names and shapes of the weights of all three models) and the folder
``written_by_4_37``. The tests make the same models and inputs by the same formulas.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
import transformers
from model_cases import (
    CASES,
    CLASSIFIER,
    DECODER,
    ENCODER,
    SAVED,
    SHAPE,
    Case,
    fill,
    make_pixels,
    measure,
    sample,
)

HERE = Path(__file__).parent
LABELS = {0: "eating spaghetti", 1: "deadlifting", 2: "Pushing [something] off of [something]"}


def make_model(case: Case) -> torch.nn.Module:
    """Build the model of a case."""
    config = transformers.VideoMAEConfig(**case.fields)
    return getattr(transformers, case.model)(config)


def record(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Return the facts and the values of a case."""
    found = measure(make_model(case), case)
    shapes = {name: list(tensor.shape) for name, tensor in found.items()}
    values = torch.cat([sample(name, tensor) for name, tensor in found.items()])
    return np.array(json.dumps(shapes)), values.numpy()


def record_state_dicts() -> None:
    """Write the names and shapes of all models' weights."""
    recorded: dict[str, dict[str, list[int]]] = {}
    for model in (ENCODER, DECODER, CLASSIFIER):
        for options in SAVED:
            state = make_model(Case(model, options)).state_dict()
            shapes = {name: list(weight.shape) for name, weight in state.items()}
            recorded[f"{model} {json.dumps(options)}"] = shapes
    (HERE / "state_dicts.json").write_text(json.dumps(recorded, indent=0) + "\n")


def main() -> None:
    """Write everything."""
    assert transformers.__version__ == "4.37.2"
    recorded: dict[str, np.ndarray] = {}
    for name, case in CASES.items():
        recorded[f"{name}|shapes"], recorded[f"{name}|values"] = record(case)
    fields = {"hidden_size": 6, "num_hidden_layers": 1, "intermediate_size": 8, "id2label": LABELS}
    fields["label2id"] = {name: index for index, name in LABELS.items()}
    model = make_model(Case(CLASSIFIER, fields)).eval()
    fill(model)
    with torch.no_grad():
        recorded["written_by_4_37"] = model(make_pixels(SHAPE)).logits.numpy()
    model.save_pretrained(HERE / "written_by_4_37")
    np.savez_compressed(HERE / "models.npz", **recorded)
    record_state_dicts()


if __name__ == "__main__":
    main()
