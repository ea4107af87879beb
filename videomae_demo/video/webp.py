"""Animated WebP, which FFmpeg can't decode and Pillow can.

Owns telling such a file from others, and its frames. Knows nothing of time lines.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import BinaryIO

import av
import numpy as np
from PIL import Image

from videomae_demo.errors import VideoError
from videomae_demo.video.budget import Budget
from videomae_demo.video.display import PixelAspect, Size
from videomae_demo.video.header import Header
from videomae_demo.video.index import Keyframe, PacketTime


def is_animated_webp(head: bytes) -> bool:
    """Tell by the first 30 bytes of a file: a RIFF of WebP whose flags say animation."""
    return (
        len(head) >= 30 and head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X" and head[20] & 2 > 0
    )


class AnimatedWebp:
    """An open animated WebP.

    Parameters
    ----------
    file : binary file
        At its start.
    head : bytes
        Its first 30 bytes or more.
    budget : Budget

    Raises
    ------
    VideoError
        If it can't be read, or goes beyond a limit.
    """

    def __init__(self, file: BinaryIO, head: bytes, budget: Budget) -> None:
        # The canvas is reserved when the file is opened: so its size is checked before that.
        width, height = (1 + int.from_bytes(head[at : at + 3], "little") for at in (24, 27))
        budget.check_size(Size(height, width))
        self.budget = budget
        try:
            self._image = Image.open(file, formats=["WEBP"])
        except (OSError, Image.DecompressionBombError) as error:
            raise VideoError(
                f"{budget.name} is an animated WebP that can't be read ({error}): "
                "convert it to mp4."
            ) from error
        self.header = Header(
            time_base=Fraction(1, 1000),
            width=width,
            height=height,
            aspect=PixelAspect(),
            rate_fps=None,
            frames=getattr(self._image, "n_frames", 1),
            duration_s=None,
            duration_is_stated=False,
            picture="WebP",
        )

    def close(self) -> None:
        """Give back what Pillow holds."""
        self._image.close()

    def packet_times(self) -> Iterator[PacketTime | None]:
        """Yield the times of the packets: none, since Pillow does not give them."""
        return iter(())

    def frames_from(self, keyframe: Keyframe) -> Iterator[av.VideoFrame | None]:
        """Yield nothing: without packets there is no keyframe to be found."""
        return iter(())

    def frames(self) -> Iterator[av.VideoFrame | None]:
        """Yield the frames; None, and no more, where one can't be decoded."""
        start_ms = 0
        for index in range(self.header.frames):
            try:
                self._image.seek(index)
                pixels = np.asarray(self._image.convert("RGBA"))
            except (OSError, EOFError):
                yield None
                return  # each frame of a WebP is drawn over the one before
            self.budget.spend_frame(Size(*pixels.shape[:2]))
            frame = av.VideoFrame.from_ndarray(pixels, format="rgba")
            frame.pts = start_ms
            start_ms += int(self._image.info.get("duration", 0))
            yield frame
