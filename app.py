"""Open the page: ``python app.py``, or ``python app.py --weights base-finetuned-kinetics``."""

import argparse
import os

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # gradio reads it when it is imported

from videomae_demo.ui.app import build_page, launch_options
from videomae_demo.ui.weights import ExplorerPool

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", default=os.environ.get("VIDEOMAE_WEIGHTS"))
    parser.add_argument("--reconstructor", default=os.environ.get("VIDEOMAE_RECONSTRUCTOR"))
    chosen = parser.parse_args()
    build_page(ExplorerPool(chosen.weights, chosen.reconstructor)).launch(**launch_options())
