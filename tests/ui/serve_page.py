"""Opens the page for the browser tests: serve_page.py PORT WEIGHTS RECONSTRUCTOR EXAMPLES."""

import os
import sys
from pathlib import Path

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

from videomae_demo.ui.app import build_page, launch_options
from videomae_demo.ui.examples import find_examples
from videomae_demo.ui.weights import ExplorerPool

port, weights, reconstructor, examples = sys.argv[1:]
page = build_page(ExplorerPool(weights, reconstructor), find_examples(Path(examples)))
page.launch(server_port=int(port), **launch_options())
