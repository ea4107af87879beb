"""How soon and how often Live is right: ``python -m benchmarks.live``.

First, motions that begin: each scene stands still for as long as the model looks back, and then
moves. At several times after the start, the last frames are named as the page would, from JPEG
sprites. Then ``app.py`` is started and asked as the page Live does, by one visitor and by as many
as there is room for, and somebody who explores a clip meanwhile is timed.
"""

from __future__ import annotations

import argparse
import io
import secrets
import statistics
import tempfile
import threading
import time
from pathlib import Path

import httpx
import numpy as np
import torch
from gradio_client import Client, handle_file
from numpy.typing import NDArray
from PIL import Image

from benchmarks.machine import describe_machine
from benchmarks.soak import serve
from videomae_demo import Explorer
from videomae_demo.lenses import moment
from videomae_demo.limits import DEFAULT_LIMITS
from videomae_demo.training.photographs import Photographs, read_photographs
from videomae_demo.training.synthetic import CLIP_FRAMES, FRAME_INTERVAL_S, HELD_OUT, LABELS, render
from videomae_demo.ui.live.sprite import Sheet, read_sprite
from videomae_demo.ui.token_player.sprites import SPRITE_COLUMNS
from videomae_demo.video.encode import write_mp4

AFTER_S = (0.75, 1.0, 1.25, 1.5)
QUALITY = 95
SIZE_PX = 64


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--motions", type=int, default=50, help="how many begin (50)")
    parser.add_argument("--textures", type=Path, help="a folder of pictures to cut scenes from")
    parser.add_argument("--seconds", type=float, default=15, help="of asking the page (15)")
    given = parser.parse_args()
    print(describe_machine("torch"), flush=True)
    pictures = None if given.textures is None else read_photographs(given.textures)
    if given.motions:
        tell_beginnings(given.motions, pictures)
    if given.seconds:
        tell_speed(given.seconds)


def tell_beginnings(motions: int, pictures: Photographs | None) -> None:
    """Print at which share of motions the label is right, so long after their start."""
    explorer = Explorer()
    moving = [label for label in range(len(LABELS)) if LABELS[label] != "staying still"]
    right: dict[float, list[bool]] = {after_s: [] for after_s in AFTER_S}
    for number in range(motions):
        label = moving[number % len(moving)]
        frames = beginning(label, HELD_OUT + number, pictures)
        for after_s in AFTER_S:
            last = CLIP_FRAMES + round(after_s / FRAME_INTERVAL_S)
            seen = as_sent(frames[last - CLIP_FRAMES + 1 : last + 1])
            best = moment.ask(explorer, seen).classification.top(1)[0]
            right[after_s].append(best.label == LABELS[label])
    for after_s, named in right.items():
        print(f"{after_s:.2f} s after its start, right: {np.mean(named):.0%} of {motions} motions")
    ever = np.any(list(right.values()), axis=0).mean()
    print(f"at any of these times: {ever:.0%}", flush=True)


def beginning(label: int, seed: int, pictures: Photographs | None) -> NDArray[np.uint8]:
    """Return frames, a model's interval apart: as many still ones as it sees, then the motion."""
    moving_s = [FRAME_INTERVAL_S * index for index in range(CLIP_FRAMES)]
    times_s = [0.0] * CLIP_FRAMES + moving_s
    clips = render([seed], size_px=SIZE_PX, times_s=times_s, labels=[label], pictures=pictures)
    frames: torch.Tensor = clips.frames[0].mul(255).round().byte().permute(0, 2, 3, 1)
    pixels: NDArray[np.uint8] = frames.contiguous().numpy()
    return pixels


def as_sent(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return frames as they arrive."""
    return read_sprite(sprite(frames), Sheet(len(frames), *frames.shape[1:3]))


def sprite(frames: NDArray[np.uint8]) -> bytes:
    """Return frames as the page sends them."""
    rows = [frames[at : at + SPRITE_COLUMNS] for at in range(0, len(frames), SPRITE_COLUMNS)]
    sheet = np.concatenate([np.concatenate(list(row), axis=1) for row in rows])
    written = io.BytesIO()
    Image.fromarray(sheet).save(written, "JPEG", quality=QUALITY)
    return written.getvalue()


def tell_speed(seconds: float) -> None:
    """Print how many answers a second live visitors get, and what that costs others."""
    body = sprite(beginning(0, HELD_OUT, None)[-CLIP_FRAMES:])
    with serve() as (address, _), tempfile.TemporaryDirectory() as folder:
        client = Client(address, verbose=False)
        explore(client, Path(folder))
        for visitors in (0, 1, DEFAULT_LIMITS.live_visitors):
            ends_at = time.monotonic() + seconds
            answers: list[float] = []
            asking = [
                threading.Thread(target=ask_on, args=(address, body, ends_at, answers))
                for _ in range(visitors)
            ]
            for thread in asking:
                thread.start()
            explored = []
            if visitors != 1:
                while time.monotonic() < ends_at:
                    explored.append(explore(client, Path(folder)))
            for thread in asking:
                thread.join()
            if answers:
                rate = len(answers) / seconds / visitors
                took_s = statistics.median(answers)
                print(f"{visitors} live: {rate:.1f} answers a second each, {1000 * took_s:.0f} ms")
            if explored:
                print(f"{visitors} live: a clip is explored in {statistics.median(explored):.2f} s")


def ask_on(address: str, body: bytes, ends_at: float, answers: list[float]) -> None:
    """Ask as the page does: one question after the other, each about at least one new frame."""
    route = f"{address}gradio_api/live?visitor={secrets.token_hex(16)}"
    with httpx.Client(timeout=60) as http:
        while (began := time.monotonic()) < ends_at:
            http.post(f"{route}&do=look", content=body).raise_for_status()
            took_s = time.monotonic() - began
            answers.append(took_s)
            time.sleep(max(0.0, FRAME_INTERVAL_S - took_s))
        http.post(f"{route}&do=leave")


def explore(client: Client, folder: Path) -> float:
    """Return how long a clip takes that nobody has seen yet."""
    frames = beginning(0, HELD_OUT + secrets.randbelow(10**6), None)
    path = write_mp4(folder / f"{secrets.token_hex(4)}.mp4", frames, 1 / FRAME_INTERVAL_S)
    began = time.monotonic()
    client.predict(handle_file(path), api_name="/classify")
    return time.monotonic() - began


if __name__ == "__main__":
    main()
