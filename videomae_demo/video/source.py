"""Opens a file, whatever it is, for one pass over its packets or frames.

Owns the way from a path to an open file, and who reads it: FFmpeg, or Pillow for the one format
that FFmpeg can't. The content decides, never the name. The file is opened for reading only.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import BinaryIO

from videomae_demo.errors import VideoError
from videomae_demo.video.budget import Budget
from videomae_demo.video.container import Container
from videomae_demo.video.webp import AnimatedWebp, is_animated_webp

Source = Container | AnimatedWebp
"""Gives its `header`, then `packet_times()`, `frames()` or `frames_from()` a keyframe."""


@contextmanager
def open_source(path: Path, budget: Budget, *, stored_pixels: bool = False) -> Iterator[Source]:
    """Open the file for one pass.

    Parameters
    ----------
    path : Path
    budget : Budget
        What this pass and those after it may cost.
    stored_pixels : bool
        True to leave out the pixel aspect that the file states.

    Raises
    ------
    VideoError
        If the file is missing, empty, incomplete, a picture, text, sound alone, or unknown, or goes
        beyond a limit.
    """
    with _open_file(path) as file:
        budget.start_pass()
        head = file.read(512)
        file.seek(0)
        if not head:
            raise VideoError(f"{path.name} is empty (0 bytes): copy or download it again.")
        with closing(_choose_reader(file, head, budget, stored_pixels)) as source:
            yield source


def _choose_reader(file: BinaryIO, head: bytes, budget: Budget, stored_pixels: bool) -> Source:
    if is_animated_webp(head):
        return AnimatedWebp(file, head, budget)
    return Container(file, head, budget, stored_pixels)


def _open_file(path: Path) -> BinaryIO:
    try:
        if path.is_dir():
            raise VideoError(f"{path.name} is a folder: give the path of a video file.")
        if path.exists() and not path.is_file():  # opening a pipe would wait for a writer
            raise VideoError(f"{path.name} is a device or a pipe: give the path of a video file.")
        return path.open("rb")
    except FileNotFoundError:
        raise VideoError(f"{path.name} does not exist: check the path.") from None
    except OSError as error:
        raise VideoError(f"{path.name} can't be opened ({error.strerror}).") from error
