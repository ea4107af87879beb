"""Feed the reader of videos thousands of damaged files, and check that it does one of two things.

Either it gives frames, or it raises VideoError. Anything else is a finding: another exception or a
warning, a crash of a library, a hang, memory without bound, a file that was changed. Small clips in
many formats are encoded, files that claim too much are written, and each case damages one of them
at random; a case can be repeated from its seed and its number, and `--keep` stores its file. The
watched process itself decodes, not one of the child processes that limit decoding elsewhere.

    python -m benchmarks.fuzz --files 5000 --seed 1

The cases run in a process of their own, so that a crash ends only that process. Prints a row of a
Markdown table; the exit code is 1 if there are findings.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import multiprocessing
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from multiprocessing.connection import Connection
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.video.stream import VideoStream
from PIL import Image

from benchmarks import bombs
from benchmarks.machine import describe_machine
from videomae_demo.errors import VideoError
from videomae_demo.limits import Limits
from videomae_demo.video.decode import SeekingError, read_frames, scan
from videomae_demo.video.sampling import SamplingRule, choose_frames
from videomae_demo.video.timeline import Timeline

FRAMES = 48
LIMITS = (
    Limits(frame_pixels=2**20, decoded_frames=1000, decoding_s=10),
    # Fewer frames than a clip has: so the clip counts as a long one, and the reader seeks in it.
    Limits(frame_pixels=2**20, decoded_frames=40, decoding_s=10),
)
RULES = (SamplingRule.stride(4 / 30), SamplingRule.uniform(), SamplingRule.every(4))
HANGS_S = 60
"""A case that takes longer hangs: it may need six passes over a file, each of 10 s at most."""
GROWTH_MB = 400
"""How much more memory a case may take than any before it."""
MEMORY_MB = 4096
"""Address space of the process; it can't get more memory than that."""

_B_FRAMES = {"g": "12", "bf": "2", "preset": "ultrafast"}
_FRAGMENTED = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
_INTERESTING = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to encode a clip: container, codec, its options and those of the container."""

    container: str
    codec: str
    options: dict[str, str]
    muxing: dict[str, str]
    pixel_format: str = "yuv420p"


RECIPES = (
    Recipe("mp4", "libx264", _B_FRAMES, {}),
    Recipe("mp4", "libx264", _B_FRAMES, {"movflags": "faststart"}),
    Recipe("mp4", "libx264", _B_FRAMES, _FRAGMENTED),
    Recipe("mov", "prores_ks", {}, {}, "yuv422p10le"),
    Recipe("matroska", "libx264", _B_FRAMES, {}),
    Recipe("matroska", "ffv1", {}, {}),
    Recipe("webm", "libvpx-vp9", {"g": "12", "cpu-used": "8"}, {}),
    Recipe("avi", "mpeg4", {"g": "12"}, {}),
    Recipe("avi", "mjpeg", {}, {}, "yuvj420p"),
    Recipe("mpegts", "libx264", _B_FRAMES, {}),
    Recipe("mpeg", "mpeg2video", {"g": "12", "bf": "2"}, {}),
    Recipe("flv", "flv", {"g": "12"}, {}),
    Recipe("h264", "libx264", _B_FRAMES, {}),
)
ANIMATIONS = ("GIF", "WEBP", "PNG")
STILLS = ("PNG", "JPEG")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a case: "started", "read", "refused" or a "finding", with a text about it.

    At the end of the process, "peak" tells the memory it took, in MB.
    """

    number: int
    kind: str
    text: str = ""


def make_clips() -> list[bytes]:
    """Make the files to damage: a moving square in noise, pictures, files that claim too much."""
    noise = np.random.default_rng(0)
    pictures = noise.integers(60, 120, (FRAMES, 48, 64, 3), dtype=np.uint8)
    for number, picture in enumerate(pictures):
        picture[16:32, number % 48 :][:, :16] = (240, 40, 90)
    images = [Image.fromarray(picture) for picture in pictures]
    clips = [_encode(recipe, pictures) for recipe in RECIPES]
    for kind in ANIMATIONS:
        file = io.BytesIO()
        images[0].save(file, kind, save_all=True, append_images=images[1:], duration=40)
        clips.append(file.getvalue())
    for kind in STILLS:
        file = io.BytesIO()
        images[0].save(file, kind)
        clips.append(file.getvalue())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bomb"
        clips += [
            bombs.sample_table_bomb(path, 2).read_bytes(),
            bombs.edit_list_bomb(path, 100).read_bytes(),
            bombs.sound_chunk_bomb(path, 3).read_bytes(),
            bombs.fragment_bomb(path).read_bytes(),
            bombs.packed_index_bomb(path).read_bytes(),
        ]
    return clips


def _encode(recipe: Recipe, pictures: npt.NDArray[np.uint8]) -> bytes:
    with (
        tempfile.NamedTemporaryFile() as file,
        av.open(file.name, "w", format=recipe.container, options=recipe.muxing) as output,
    ):
        stream = output.add_stream(recipe.codec, rate=30, options=dict(recipe.options))
        assert isinstance(stream, VideoStream)
        stream.height, stream.width = pictures.shape[1:3]
        stream.pix_fmt = recipe.pixel_format
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 30)
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
        output.close()
        return Path(file.name).read_bytes()


def damage(clips: Sequence[bytes], seed: int, number: int) -> bytes:
    """Return the file of one case: one of the clips, damaged in one to four ways."""
    random = np.random.default_rng([seed, number])
    data = bytearray(clips[number % len(clips)])
    for _ in range(int(random.integers(1, 5))):
        if not data:
            break
        place = _place(random, len(data))
        match random.integers(0, 10):
            case 0 | 1 | 2:
                for _ in range(int(random.integers(1, 30))):
                    data[_place(random, len(data))] = random.integers(0, 256)
            case 3 | 4:
                data[place] ^= 1 << int(random.integers(0, 8))
            case 5 | 6:
                size = int(random.choice((1, 2, 4, 8)))
                value = int(random.choice(_INTERESTING)) % 256**size
                data[place : place + size] = value.to_bytes(
                    size, "big" if random.integers(0, 2) else "little"
                )
            case 7:
                del data[place : place + int(random.integers(1, 200))]
            case 8:
                other = clips[int(random.integers(0, len(clips)))]
                start = _place(random, len(other))
                data[place:place] = other[start : start + int(random.integers(1, 400))]
            case _:
                del data[int(random.integers(len(data) // 4, len(data))) :]
    return bytes(data)


def _place(random: np.random.Generator, length: int) -> int:
    """Choose a byte: two times in three near an end, where the headers are."""
    near = int(random.integers(0, min(length, 2048)))
    return (near, length - 1 - near, int(random.integers(0, length)))[int(random.integers(0, 3))]


def read(path: Path, limits: Limits, rule: SamplingRule) -> str:
    """Read a file as the Explorer does; return the sentence of the refusal, or ""."""
    before = path.read_bytes(), path.stat().st_mtime_ns
    try:
        try:
            frames = _sample(scan(path, limits=limits), rule, limits)
        except SeekingError:
            frames = _sample(scan(path, limits=limits, seek=False), rule, limits)
        assert len(frames) == 16
        refusal = ""
    except VideoError as error:
        refusal = str(error)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before, "the file was changed"
    return refusal


def _sample(timeline: Timeline, rule: SamplingRule, limits: Limits) -> npt.NDArray[np.uint8]:
    choice = choose_frames(timeline.timestamps_s, timeline.frame_interval_s, 16, rule)
    return read_frames(timeline, choice.indices, limits=limits)


def run_cases(
    clips: Sequence[bytes], seed: int, numbers: range, keep: Path | None, outcomes: Connection
) -> None:
    """Run cases in this process, and send what became of each."""
    warnings.simplefilter("error")
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MB * 2**20, MEMORY_MB * 2**20))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "case.mp4"
        for number in numbers:
            path.write_bytes(damage(clips, seed, number))
            if keep:
                shutil.copy(path, keep / f"{seed}-{number}")
            outcomes.send(Outcome(number, "started"))
            signal.alarm(HANGS_S)  # ends this process, whatever library it hangs in
            before = _peak_mb()
            try:
                variant = number // len(clips)
                refusal = read(path, LIMITS[variant % 2], RULES[variant // 2 % 3])
                outcome = Outcome(number, "refused" if refusal else "read", refusal)
            except Exception:  # noqa: BLE001 - every other exception is a finding
                outcome = Outcome(number, "finding", traceback.format_exc())
            signal.alarm(0)
            if number > numbers[0] and _peak_mb() > before + GROWTH_MB:
                outcome = Outcome(number, "finding", f"memory {before:.0f} -> {_peak_mb():.0f} MB")
            outcomes.send(outcome)
    outcomes.send(Outcome(numbers.stop, "peak", f"{_peak_mb():.0f}"))


def fuzz(files: int, seed: int, keep: Path | None = None) -> list[Outcome]:
    """Run the cases 0 to `files` - 1 of a seed; return what became of each."""
    spawning = multiprocessing.get_context("spawn")
    clips = make_clips()
    done: list[Outcome] = []
    first = 0
    while first < files:
        receiver, sender = spawning.Pipe(duplex=False)
        process = spawning.Process(
            target=run_cases, args=(clips, seed, range(first, files), keep, sender)
        )
        process.start()
        sender.close()
        last = Outcome(first, "started")
        with contextlib.suppress(EOFError):  # the process has ended, by itself or not
            while True:
                last = receiver.recv()
                if last.kind != "started":
                    done.append(last)
        process.join()
        if process.exitcode:
            done.append(Outcome(last.number, "finding", f"exit code {process.exitcode}"))
        first = last.number + 1
    return done


def _peak_mb() -> float:
    if sys.platform == "linux":  # where getrusage counts what the parent process took, too
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return int(status.partition("VmHWM:")[2].split()[0]) / 2**10
    else:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> int:
    """Run the cases and report."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder for the damaged files")
    asked = parser.parse_args()
    if asked.keep:
        asked.keep.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    outcomes = fuzz(asked.files, asked.seed, asked.keep)
    seconds = time.monotonic() - started
    found = Counter(outcome.kind for outcome in outcomes)
    for outcome in outcomes:
        if outcome.kind == "finding":
            print(f"case {outcome.number} of seed {asked.seed}: {outcome.text}", file=sys.stderr)
    peaks_mb = (int(outcome.text) for outcome in outcomes if outcome.kind == "peak")
    peak_mb = max(peaks_mb, default=0)
    print(describe_machine("av", "pillow", "numpy"))
    print("| seed | files | read | refused | findings | seconds | peak memory, MB |")
    print("|---|---|---|---|---|---|---|")
    print(
        f"| {asked.seed} | {asked.files} | {found['read']} | {found['refused']} "
        f"| {found['finding']} | {seconds:.0f} | {peak_mb} |"
    )
    return 1 if found["finding"] else 0


if __name__ == "__main__":
    sys.exit(main())
