"""Opens the page for the browser tests: serve_page.py PORT WEIGHTS RECONSTRUCTOR EXAMPLES GATE.

While the file GATE exists, attention is waited for: a test decides how long that stage lasts. What
is reconstructed is noted in the file GATE.asked, a line each.
"""

import os
import sys
import time
from pathlib import Path

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

from videomae_demo.explorer import Explorer
from videomae_demo.ui.app import build_page, launch_options
from videomae_demo.ui.examples import find_examples
from videomae_demo.ui.weights import ExplorerPool

port, weights, reconstructor, examples, gate = sys.argv[1:]


class GatedExplorer(Explorer):
    def attend(self, *arguments):
        while Path(gate).exists():
            time.sleep(0.02)
        return super().attend(*arguments)

    def reconstruct(self, *arguments):
        with Path(f"{gate}.asked").open("a") as asked:
            asked.write(f"{arguments}\n")
        return super().reconstruct(*arguments)


pool = ExplorerPool(weights, reconstructor, make=GatedExplorer)
page = build_page(pool, find_examples(Path(examples)))
page.launch(server_port=int(port), **launch_options())
