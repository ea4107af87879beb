"""Where the files are that come with the code: weights, example clips, names of labels."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
ASSETS = next(
    folder for folder in (_PACKAGE / "assets", _PACKAGE.parent / "assets") if folder.is_dir()
)
"""Inside the package if it is installed; beside the package in the project's own folder."""
