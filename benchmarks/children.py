"""What it costs to read a clip in a child process: ``python -m benchmarks.children`` (Linux).

The same 16 frames of the same clip are found and read in this process, and in a child that is
already at work, as on a page; medians over all rounds, taken in turns.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.machine import describe_machine
from videomae_demo.video import decode, reader
from videomae_demo.video.encode import write_mp4
from videomae_demo.video.sampling import SamplingRule, choose_frames
from videomae_demo.video.timeline import Timeline

SIZES = ((256, 340), (720, 1280), (1080, 1920))
FRAMES, FPS, SAMPLED = 75, 25, 16
ROUNDS = 15
RULE = SamplingRule.stride(4 / 30)

Read = Callable[[Path], npt.NDArray[np.uint8]]


def main() -> None:
    """Print a row of a Markdown table for each size."""
    print(describe_machine("av"), flush=True)
    print("| frames of | here, ms | in a child, ms | the child costs, ms |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for height, width in SIZES:
            path = write_clip(Path(folder) / f"{height}.mp4", height, width)
            here, there = compare(path)
            print(
                f"| {width}x{height} | {1000 * here:.0f} | {1000 * there:.0f} | "
                f"{1000 * (there - here):.0f} |",
                flush=True,
            )


def write_clip(path: Path, height: int, width: int) -> Path:
    """Write three seconds of a pattern that moves."""
    ramp = np.add.outer(np.arange(height), np.arange(width + FRAMES)).astype(np.uint8)
    frames = np.stack([ramp[:, number : number + width] for number in range(FRAMES)])
    return write_mp4(path, np.repeat(frames[..., None], 3, axis=-1), FPS)


def compare(path: Path) -> tuple[float, float]:
    """Return the median seconds of reading here, and in a child."""

    def here(path: Path) -> npt.NDArray[np.uint8]:
        timeline = decode.scan(path)
        return decode.read_frames(timeline, choose(timeline))

    def there(path: Path) -> npt.NDArray[np.uint8]:
        timeline = reader.scan(path)
        return reader.read_frames(timeline, choose(timeline))

    np.testing.assert_array_equal(here(path), there(path))  # the child is at work from here on
    seconds: dict[Read, list[float]] = {here: [], there: []}
    for _ in range(ROUNDS):
        for read, taken in seconds.items():
            began = time.perf_counter()
            read(path)
            taken.append(time.perf_counter() - began)
    return statistics.median(seconds[here]), statistics.median(seconds[there])


def choose(timeline: Timeline) -> npt.NDArray[np.int64]:
    """Return the numbers of the frames of a window in the middle."""
    return choose_frames(timeline.timestamps_s, timeline.frame_interval_s, SAMPLED, RULE).indices


if __name__ == "__main__":
    main()
