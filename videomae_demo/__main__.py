"""``python -m videomae_demo``: see `cli`."""

import sys

from videomae_demo.cli import main

if __name__ == "__main__":
    sys.exit(main())
