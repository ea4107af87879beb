"""What all answers have in common: a checkpoint, what it saw of the clip, and how they are shown.

Owns the words and files that do not depend on the question. Computes nothing.
"""

from __future__ import annotations

import base64
import html
import json
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from videomae_demo.errors import RequestError
from videomae_demo.rendering.frames import to_png

if TYPE_CHECKING:
    from videomae_demo.engine.clips import SeenClip
    from videomae_demo.engine.roles import CheckpointCard

MOVIE_HEIGHT_PX = 320


class Answer(ABC):
    """An answer to one question about a clip; a frozen dataclass that pickles.

    Attributes
    ----------
    checkpoint : CheckpointCard
        Which weights answered.
    clip : SeenClip
        What they saw.
    """

    __slots__ = ()
    checkpoint: CheckpointCard
    clip: SeenClip

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Return the answer in plain values, as the command line's ``--json`` prints it."""

    @abstractmethod
    def sentences(self) -> list[str]:
        """Return the answer in words, each made from the numbers of `to_json`."""

    @abstractmethod
    def save(self, folder: Path | str) -> list[Path]:
        """Write the answer's files into a folder, which is made if need be; return their paths.

        Raises
        ------
        RequestError
            When the folder can't be made.
        """

    @abstractmethod
    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the answer's numbers by name, as its NPZ file has them."""

    @abstractmethod
    def picture(self) -> NDArray[np.uint8]:
        """Draw the answer as one picture, (H, W, 3) uint8."""

    @property
    def notes(self) -> list[str]:
        """The sentences that a person must see: of the checkpoint, its frames, and the clip."""
        return [*self.checkpoint.notes, *self.clip.remarks, *self.clip.notes]

    def show(self) -> None:
        """Show the picture: in a notebook with the sentences, else in the system's viewer."""
        if "IPython" in sys.modules:
            from IPython.display import display

            display(self)
        else:
            from PIL import Image

            Image.fromarray(self.picture()).show()

    def _repr_html_(self) -> str:
        """Show the answer in a notebook."""
        picture = base64.b64encode(to_png(self.picture())).decode("ascii")
        said = "".join(f"<p>{html.escape(said)}</p>" for said in [*self.sentences(), *self.notes])
        return f'<img style="max-width:100%" src="data:image/png;base64,{picture}">{said}'


def describe_clip(clip: SeenClip) -> dict[str, Any]:
    """Return what was seen of a clip, ready for JSON."""
    height, width = clip.source_size
    crop = clip.crop
    return {
        "clip": clip.path.name,
        "duration_s": round(clip.duration_s, 6),
        "source": {"height": height, "width": width},
        "crop": {
            "left": crop.left,
            "top": crop.top,
            "width": crop.width,
            "height": crop.height,
        },
        "frames": {
            "indices": clip.indices.tolist(),
            "timestamps_s": [round(t, 6) for t in clip.timestamps_s.tolist()],
            "repeated": clip.repeated,
        },
    }


def share(value: float) -> str:
    """Write a share in 0..1 as a percentage with one decimal, or with none if that decimal is 0."""
    return f"{value:.1%}".replace(".0%", "%")


def frame_rate(clip: SeenClip) -> float:
    """Return the rate at which the sampled frames play in real time, in frames per second."""
    span_s = float(clip.timestamps_s[-1 - clip.repeated] - clip.timestamps_s[0])
    steps = len(clip.timestamps_s) - 1 - clip.repeated
    return steps / span_s if span_s > 0 else 8.0


def made_folder(folder: Path | str) -> Path:
    """Make a folder unless it is there; return its path.

    Raises
    ------
    RequestError
        When it can't be made.
    """
    path = Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RequestError(
            f"{path} can't be made a folder for files: {error.strerror}; give another one."
        ) from error
    return path


def write_npz(file: Path | BinaryIO, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays by their names."""
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]  # a name is no option of numpy's


def write_json(path: Path, content: dict[str, Any]) -> Path:
    """Write JSON as the command line prints it; return the path."""
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return path
