"""``python -m videomae_demo``: see `cli.main`."""

import sys

from videomae_demo.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
