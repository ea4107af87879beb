"""Where the files are that come with the code: weights, example clips, names of labels."""

from __future__ import annotations

from pathlib import Path

from videomae_demo.errors import RequestError, shown

_PACKAGE = Path(__file__).resolve().parent
ASSETS = next(
    folder for folder in (_PACKAGE / "assets", _PACKAGE.parent / "assets") if folder.is_dir()
)
"""Inside the package if it is installed; beside the package in the project's own folder."""
EXAMPLES_FOLDER = ASSETS / "clips"


def example_clip(name: str) -> Path:
    """Return the path of an example clip that comes with the code: ``example_clip("orbiting")``.

    Raises
    ------
    RequestError
        When there is no such example; it names those that there are.
    """
    known = sorted(path.stem for path in EXAMPLES_FOLDER.glob("*.mp4"))
    if name not in known:
        raise RequestError(f"There is no example {shown(name)}; there are {', '.join(known)}.")
    return EXAMPLES_FOLDER / f"{name}.mp4"
