"""What crowds and long service do to the page: ``python -m benchmarks.soak``.

Starts ``app.py`` with the bundled weights, lets 50 clients ask at once, then sends 300 requests one
after the other, each a clip and a question of its own. Every answer is compared with what the
Explorer computes here. Prints the server's memory every 50 requests; it is flat if the last
measure is at most 5 % above the one after the first 50, when all caches are full.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from gradio_client import Client, handle_file
from gradio_client.utils import QueueError

from benchmarks.machine import describe_machine
from benchmarks.startup import ROOT, answers, free_port
from videomae_demo import ClipRequest, Explorer, MaskRequest, describe
from videomae_demo.video.encode import write_mp4

CLIENTS = 50
REPORT_EVERY = 50
TOLERATED_GROWTH = 1.05
CACHE_MB = 64  # small, so that it is full, and at work, from early on


def main() -> None:
    """Print the figures and the verdict; end with 1 if an answer was wrong or memory grew."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=300, help="how many in a row (300)")
    requests = parser.parse_args().requests
    print(describe_machine("gradio", "torch"), flush=True)
    with tempfile.TemporaryDirectory() as folder, serve() as (address, process):
        clips = make_clips(Path(folder), CLIENTS)
        explorer = Explorer("bundled")
        expected = [describe_all(explorer, clip) for clip in clips]
        wrong = crowd(address, clips, expected)
        wrong += march(address, process, requests, clips, expected)
    raise SystemExit(1 if wrong else 0)


@contextmanager
def serve() -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run ``app.py`` until the work is done."""
    port = free_port()
    address = f"http://127.0.0.1:{port}/"
    environment = os.environ | {
        "GRADIO_SERVER_PORT": str(port),
        "HF_HUB_OFFLINE": "1",
        "VIDEOMAE_MAX_CACHE_MB": str(CACHE_MB),
    }
    command = [sys.executable, "app.py", "--weights", "bundled"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    try:
        while not answers(address):
            if process.poll() is not None:
                raise SystemExit("The page ended before it began.")
            time.sleep(0.1)
        yield address, process
    finally:
        process.terminate()
        process.wait()


def make_clips(folder: Path, count: int) -> list[Path]:
    """Write clips of moving noise, no two alike."""
    generator = np.random.default_rng(0)
    clips = []
    for number in range(count):
        noise = generator.integers(0, 255, (32, 12, 12, 3), dtype=np.uint8)
        frames = np.kron(noise, np.ones((1, 12, 12, 1), np.uint8))
        clips.append(write_mp4(folder / f"clip-{number}.mp4", frames, 16))
    return clips


def describe_all(explorer: Explorer, path: Path) -> list[Any]:
    """Return what each endpoint should answer, in the parts that tell clips apart."""
    clip = ClipRequest(path)
    labels = describe.describe_labels(explorer.classify(clip), 3)
    rollout = describe.describe_rollout(explorer.attend(clip))
    rebuilt = describe.describe_reconstruction(explorer.reconstruct(clip, MaskRequest("tube", 0.5)))
    return [labels["entropy"], rollout["over_time"], rebuilt["loss"]]


def ask(client: Client, path: Path, which: int) -> Any:
    """Ask one endpoint; return the part that `describe_all` holds."""
    clip = handle_file(path)
    if which == 0:
        return client.predict(clip, "", 3, "", api_name="/classify")["entropy"]
    if which == 1:
        answer = client.predict(clip, "", "mean", 0, 1, 0, None, api_name="/attend")
        return answer["over_time"]
    return client.predict(clip, "", "tube", 0.5, 0, api_name="/reconstruct")["loss"]


def crowd(address: str, clips: list[Path], expected: list[list[Any]]) -> int:
    """Let all clients ask at once; return how many answers were wrong."""

    def visit(number: int) -> str:
        client = Client(address, verbose=False, analytics_enabled=False)
        which = number % 3
        try:
            found = ask(client, clips[number], which)
        except QueueError:
            return "busy"
        finally:
            client.close()
        return "right" if np.allclose(found, expected[number][which], rtol=1e-3) else "wrong"

    began = time.monotonic()
    with ThreadPoolExecutor(CLIENTS) as visitors:
        outcomes = list(visitors.map(visit, range(CLIENTS)))
    counted = ", ".join(f"{outcomes.count(kind)} {kind}" for kind in ("right", "busy", "wrong"))
    print(f"{CLIENTS} clients at once: {counted}, {time.monotonic() - began:.1f} s", flush=True)
    return outcomes.count("wrong")


def march(
    address: str,
    process: subprocess.Popen[bytes],
    requests: int,
    clips: list[Path],
    expected: list[list[Any]],
) -> int:
    """Send one request after the other; return how many answers were wrong, plus 1 for growth."""
    client = Client(address, verbose=False, analytics_enabled=False)
    wrong, measures = 0, []
    for number in range(requests):
        clip, which = number % len(clips), number % 3
        found = ask(client, clips[clip], which)
        wrong += not np.allclose(found, expected[clip][which], rtol=1e-3)
        if (number + 1) % REPORT_EVERY == 0:
            measures.append(resident_mb(process.pid))
            print(f"after {number + 1} requests: {measures[-1]:.0f} MB", flush=True)
    client.close()
    grew = len(measures) > 1 and measures[-1] > TOLERATED_GROWTH * measures[0]
    print(f"{requests} requests in a row: {wrong} wrong, memory {'GREW' if grew else 'flat'}")
    return wrong + grew


def resident_mb(process: int) -> float:
    """Return how much memory a process holds; Linux only."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    main()
