"""Open the page: ``python app.py``, or ``python app.py --weights base-finetuned-kinetics``."""

import argparse
import os

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # gradio reads it when it is imported

from videomae_demo.errors import ExplorerError
from videomae_demo.limits import Limits
from videomae_demo.ui.app import build_page, launch_options
from videomae_demo.ui.edge import Edge
from videomae_demo.ui.exposure import is_public
from videomae_demo.ui.weights import ExplorerPool


def main() -> None:
    """Serve the page until it is stopped; torch and the weights load behind its first view."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", default=os.environ.get("VIDEOMAE_WEIGHTS"))
    parser.add_argument("--reconstructor", default=os.environ.get("VIDEOMAE_RECONSTRUCTOR"))
    chosen = parser.parse_args()
    try:
        public = is_public(os.environ)
        limits = Limits.from_environment(os.environ, public=public)
        pool = ExplorerPool(chosen.weights, chosen.reconstructor, limits=limits, public=public)
        if "SPACES_ZERO_GPU" in os.environ:  # there, models are placed before anything is served
            pool.warm_up()
        edge = Edge(limits)
        edge.stopping.listen()
        page = build_page(pool, edge=edge)
        page.launch(prevent_thread_lock=True, **launch_options(edge))
        edge.serve_until_stopped(page, pool.warm_up)
    except ExplorerError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
