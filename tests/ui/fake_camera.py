"""A film that Chromium plays as its camera, and the same as a file."""

from pathlib import Path

import av
import numpy as np
from photo_like import write_photo_like

from videomae_demo.training.photographs import read_photographs
from videomae_demo.training.synthetic import CLIP_SPAN_S, HELD_OUT, LABELS, render
from videomae_demo.video.encode import write_mp4

FPS = 24
SIZE_PX = 240


def motion(label: str, folder: Path, seed: int = 5) -> np.ndarray:
    """(T, H, W, 3) uint8: a motion of parts of pictures, once through."""
    pictures = read_photographs(write_photo_like(folder / "pictures", 8))
    times_s = [index / FPS for index in range(round(CLIP_SPAN_S * FPS) + 1)]
    number = LABELS.index(label)
    clips = render(
        [HELD_OUT + seed], size_px=SIZE_PX, times_s=times_s, labels=[number], pictures=pictures
    )
    return clips.frames[0].mul(255).round().byte().permute(0, 2, 3, 1).contiguous().numpy()


def write_y4m(path: Path, frames: np.ndarray) -> Path:
    with av.open(str(path), "w", format="yuv4mpegpipe") as container:
        stream = container.add_stream("wrapped_avframe", rate=FPS)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for pixels in frames:
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuv420p")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_film(path: Path, frames: np.ndarray) -> Path:
    return write_mp4(path, frames, FPS)
