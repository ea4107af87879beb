"""Open the page: ``python app.py``, or ``python app.py --weights base-finetuned-kinetics``."""

import argparse

from videomae_demo.errors import ExplorerError
from videomae_demo.ui.serve import add_options, serve


def main() -> None:
    """Serve the page until it is stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_options(parser)
    chosen = parser.parse_args()
    try:
        serve(chosen.weights, chosen.reconstructor, mcp=chosen.mcp, mcp_folders=chosen.mcp_folder)
    except ExplorerError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
