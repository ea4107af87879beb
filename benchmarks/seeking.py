"""How fast 16 frames come out of an hour of 1080p: ``python -m benchmarks.seeking``.

Makes the file in a temporary folder, from one group of pictures that is encoded once and repeated.
Times, in one run on one machine: opening it; reading a window from its middle; reading frames
spread over all of it; and decoding a short piece, as the Explorer does where it can't seek. The
ratio says how many times longer decoding the whole hour twice would take.
"""

from __future__ import annotations

import argparse
import tempfile
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.stream import VideoStream

from benchmarks.machine import best_times, describe_machine
from videomae_demo.video.clip import sample_clip
from videomae_demo.video.reader import scan
from videomae_demo.video.sampling import SamplingRule

FPS = 30
HEIGHT, WIDTH = 1080, 1920
GROUP = 250
"""Frames from one keyframe to the next, the default of x264."""

OPENING = "open"
WINDOW = "open, and 16 frames from the middle"
SPREAD = "open, and 16 frames spread over it"
DECODING = "decode a piece whole, and 16 frames from its middle"


def make_file(path: Path, seconds: float) -> Path:
    """Write a clip of h264 with B-frames: a texture that moves."""
    noise = np.random.default_rng(0).integers(0, 256, (HEIGHT // 20, WIDTH // 20, 3), np.uint8)
    texture = noise.repeat(20, axis=0).repeat(20, axis=1)
    with av.open(str(path), "w") as output:
        options = {"preset": "ultrafast", "crf": "30", "g": str(GROUP), "bf": "2"}
        stream = output.add_stream("libx264", rate=FPS, options=options)
        assert isinstance(stream, VideoStream)
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "yuv420p"
        packets = []
        for number in range(GROUP):
            picture = np.ascontiguousarray(np.roll(texture, 4 * number, axis=1))
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            packets += stream.encode(frame)
        packets += stream.encode()
        # Muxing rescales a packet's times in place, so each copy starts from these.
        group = [(bytes(p), p.pts, p.dts, p.is_keyframe) for p in packets]
        for start in range(0, round(seconds * FPS), GROUP):
            for data, pts, dts, is_keyframe in group:
                packet = av.Packet(data)
                packet.stream, packet.time_base = stream, Fraction(1, FPS)
                packet.pts, packet.dts = start + (pts or 0), start + (dts or 0)
                packet.is_keyframe = is_keyframe
                output.mux(packet)
    return path


def sample(path: Path, rule: SamplingRule, seek: bool = True) -> None:
    """Open a clip and read 16 frames."""
    clip = sample_clip(scan(path, seek=seek), 16, rule)
    assert len(np.unique(clip.indices)) == 16
    assert (clip.timeline.index is not None) == seek, "the comparison would be of other things"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--piece", type=float, default=25.0, help="seconds of the short piece")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        hour = make_file(Path(folder) / "long.mp4", 60 * asked.minutes)
        piece = make_file(Path(folder) / "short.mp4", asked.piece)
        megabytes = hour.stat().st_size / 2**20
        window, spread = SamplingRule.stride(4 / 30), SamplingRule.uniform()
        count = scan(hour).count
        piece_s = scan(piece, seek=False).duration_s
        best = best_times(
            {
                OPENING: lambda: scan(hour),
                WINDOW: lambda: sample(hour, window),
                SPREAD: lambda: sample(hour, spread),
                DECODING: lambda: sample(piece, window, seek=False),
            },
            asked.rounds,
        )
    decoding_s = best[DECODING] * (60 * asked.minutes / piece_s)
    print(describe_machine("av", "numpy"))
    print(
        f"{WIDTH}x{HEIGHT} h264 in mp4, {asked.minutes:g} minutes, {count} frames, "
        f"{megabytes:.0f} MB, a keyframe every {GROUP}; the piece: {piece_s:.1f} s."
    )
    print("| what | seconds | decoding the whole clip takes longer by |")
    print("|---|---|---|")
    for name in (OPENING, WINDOW, SPREAD):
        print(f"| {name} | {best[name]:.2f} | {decoding_s / best[name]:.0f}x |")
    print(f"| {DECODING} | {best[DECODING]:.2f} | |")


if __name__ == "__main__":
    main()
