"""Load a folder that this project saved, with transformers 4.37.2, and write what it computes.

Runs in that release's own environment (see ``make_model_golden.py``), by the tests if they are told
where it is::

    PYTHON_WITH_4_37=venv437/bin/python python -m pytest tests/model/test_saved_for_4_37.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import transformers

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from model_cases import run


def main(model: str, folder: str) -> None:
    """Write the main output beside the weights, as ``output.npy``; fail if any key is left over."""
    assert transformers.__version__ == "4.37.2"
    loaded, report = getattr(transformers, model).from_pretrained(folder, output_loading_info=True)
    assert not any(report.values()), report
    output = run(loaded.eval(), loaded.config.to_dict())
    np.save(Path(folder) / "output.npy", output.numpy())


if __name__ == "__main__":
    main(*sys.argv[1:])
