"""Test the page with many visitors at once, a long run and attacks: ``python -m benchmarks.soak``.

Starts ``app.py`` with the bundled weights. First 50 clients ask at once. Then 1,000 requests come
one after the other, of every kind: questions to the endpoints, visits of the page itself, clients
that leave in the middle, uploads that are broken off or refused, files that are no clips, and clips
made to take memory. Each answer is compared with what the Explorer computes here. The memory of the
server is printed every 100 requests; it is level if it stays within 5 % over the last half. Last,
memory bombs are explored while a second visitor asks for a known answer: each answer must come
within 2 s, and the server must stay within 300 MB of its idle memory.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from gradio_client.utils import QueueError

from benchmarks.bombs import picture_stream_bomb, sample_table_bomb
from benchmarks.machine import describe_machine
from benchmarks.startup import ROOT, answers, free_port
from videomae_demo import ClipRequest, Explorer, MaskRequest
from videomae_demo.video.encode import write_mp4

CLIENTS = 50
REPORTS = 10
LEVEL = 1.05
CACHE_MB = 64  # small, so that it is soon full and in use
UPLOAD_MB = 8
PATIENCE_S = 300.0
CLICK_S = 2.0
GROWTH_MB = 300.0
FILE = {"_type": "gradio.FileData"}


def main() -> None:
    """Print the figures and the verdicts; end with 1 if one of them is bad."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=1000, help="how many in a row (1000)")
    requests = parser.parse_args().requests
    print(describe_machine("gradio", "torch"), flush=True)
    with tempfile.TemporaryDirectory() as folder, serve() as (address, process):
        clips = make_clips(Path(folder), CLIENTS)
        explorer = Explorer("bundled")
        expected = [describe_all(explorer, clip) for clip in clips]
        bad = crowd(address, clips, expected)
        with Mixture(address, Path(folder), clips, expected) as mixture:
            bad += march(mixture, process, requests)
            bad += besiege(mixture, process)
    raise SystemExit(1 if bad else 0)


@contextmanager
def serve() -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run ``app.py`` until the work is done."""
    port = free_port()
    address = f"http://127.0.0.1:{port}/"
    with tempfile.TemporaryDirectory() as uploads:
        environment = os.environ | {
            "GRADIO_SERVER_PORT": str(port),
            "GRADIO_TEMP_DIR": uploads,
            "HF_HUB_OFFLINE": "1",
            "VIDEOMAE_MAX_CACHE_MB": str(CACHE_MB),
            "VIDEOMAE_MAX_UPLOAD_MB": str(UPLOAD_MB),
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
    labels = explorer.classify(clip).to_json(3)
    rollout = explorer.attend(clip).to_json()
    rebuilt = explorer.reconstruct(clip, MaskRequest("tube", 0.5)).to_json()
    return [labels["entropy"], rollout["over_time"], rebuilt["loss"]]


def ask(client: Client, path: Path, which: int) -> Any:
    """Ask one endpoint; return the part that `describe_all` holds."""
    clip = handle_file(path)
    if which == 0:
        return client.predict(clip=clip, top_k=3, api_name="/classify")["entropy"]
    if which == 1:
        return client.predict(clip=clip, api_name="/attend")["over_time"]
    return client.predict(clip=clip, kind="tube", ratio=0.5, api_name="/reconstruct")["loss"]


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


class Mixture:
    """Requests of every kind to one page; each method does one and tells whether it ended well."""

    def __init__(
        self, address: str, folder: Path, clips: list[Path], expected: list[list[Any]]
    ) -> None:
        self.address = address
        self.clips, self.expected = clips, expected
        self.client = Client(address, verbose=False, analytics_enabled=False)
        self.http = httpx.Client(base_url=address, timeout=PATIENCE_S)
        self.wires = self.http.get("config").json()["dependencies"]
        self.bombs = [
            sample_table_bomb(folder / "table.mp4", tracks=4),
            picture_stream_bomb(folder / "pictures.mov", streams=40),
        ]
        self.no_clip = folder / "text.mp4"
        self.no_clip.write_text("no clip at all\n" * 100)
        self.cut = folder / "cut.mp4"
        self.cut.write_bytes(clips[0].read_bytes()[:2000])
        self.large = folder / "large.mp4"
        self.large.write_bytes(bytes((UPLOAD_MB + 2) * 2**20))

    def __enter__(self) -> Mixture:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.http.close()

    def question(self, number: int) -> bool:
        """Ask one of the endpoints about a clip."""
        clip, which = number % len(self.clips), number % 3
        found = ask(self.client, self.clips[clip], which)
        return bool(np.allclose(found, self.expected[clip][which], rtol=1e-3))

    def visit(self, number: int) -> bool:
        """Open the page, as a new visitor's browser does, and wait until it is finished."""
        return '"success":true' in self.event("load", f"visitor{number}")

    def leave(self, number: int) -> bool:
        """Open the page and close it before it is finished."""
        session = f"hasty{number}"
        with self.http.stream("GET", f"gradio_api/heartbeat/{session}"):
            self.join("load", session)
        return True

    def break_off(self, number: int) -> bool:
        """Begin an upload and hang up in the middle of it."""
        place = urlsplit(self.address)
        assert place.hostname and place.port
        head = (
            f"POST /gradio_api/upload HTTP/1.1\r\nHost: {place.netloc}\r\n"
            "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 4000000\r\n\r\n"
            f'--b\r\nContent-Disposition: form-data; name="files"; filename="{number}.mp4"\r\n\r\n'
        )
        with socket.create_connection((place.hostname, place.port), PATIENCE_S) as line:
            line.sendall(head.encode() + bytes(2_000_000))
        return True

    def too_large(self, number: int) -> bool:
        """Upload a file beyond the limit."""
        with self.large.open("rb") as file:
            return self.refused({"files": (f"{number}.mp4", file)})

    def nameless(self, number: int) -> bool:
        """Upload a large part that is not marked as a file."""
        del number
        with self.large.open("rb") as file:
            return self.refused({"files": (None, file)})

    def no_video(self, number: int) -> bool:
        """Ask about a file that is not a clip, or only a part of one."""
        return self.turned_down((self.no_clip, self.cut)[number % 2])

    def bomb(self, number: int) -> bool:
        """Ask about a clip made to take memory."""
        return self.turned_down(self.bombs[number % 2])

    def refused(self, files: dict[str, Any]) -> bool:
        """Upload what must be refused; the server may hang up on a client that goes on sending."""
        try:
            return self.http.post("gradio_api/upload", files=files).status_code == 413
        except httpx.TransportError:
            return True

    def turned_down(self, path: Path) -> bool:
        """Ask about a clip that must be refused with a sentence."""
        try:
            self.client.predict(clip=handle_file(path), api_name="/classify")
        except AppError as error:
            return path.name in str(error)
        return False

    def event(self, name: str, session: str) -> str:
        """Set off an event of the page and return the line that ends it."""
        self.join(name, session)
        address = "gradio_api/queue/data"
        with self.http.stream("GET", address, params={"session_hash": session}) as told:
            for line in told.iter_lines():
                if "process_completed" in line:
                    return line
        return ""

    def join(self, name: str, session: str) -> None:
        """Set off the first event of that name, as an untouched page does."""
        wire = next(
            wire
            for wire in self.wires
            if wire["backend_fn"] and name in [event for _, event in wire["targets"]]
        )
        asked = {
            "data": [None] * len(wire["inputs"]),
            "fn_index": wire["id"],
            "session_hash": session,
        }
        self.http.post("gradio_api/queue/join", json=asked).raise_for_status()


KINDS: tuple[tuple[Callable[[Mixture, int], bool], int], ...] = (
    (Mixture.question, 10),
    (Mixture.visit, 4),
    (Mixture.leave, 1),
    (Mixture.break_off, 1),
    (Mixture.too_large, 1),
    (Mixture.nameless, 1),
    (Mixture.no_video, 1),
    (Mixture.bomb, 1),
)
"""What a mixture is made of, and how many of each are among twenty requests."""


def march(mixture: Mixture, process: subprocess.Popen[bytes], requests: int) -> int:
    """Send one request after the other; return how many went wrong, plus 1 if memory grew."""
    generator = np.random.default_rng(1)
    kinds = [kind for kind, share in KINDS for _ in range(share)]
    wrong, measures = 0, []
    every = max(1, requests // REPORTS)
    for number in range(requests):
        kind = kinds[int(generator.integers(len(kinds)))]
        if not kind(mixture, number):
            wrong += 1
            print(f"request {number}, {kind.__name__}: WRONG", flush=True)
        if (number + 1) % every == 0:
            measures.append(resident_mb(process.pid))
            children = sum(map(resident_mb, children_of(process.pid)))
            print(
                f"after {number + 1} requests: {measures[-1]:.0f} MB, "
                f"its children {children:.0f} MB",
                flush=True,
            )
    last = measures[len(measures) // 2 :]
    level = max(last) <= LEVEL * min(last)
    print(
        f"{requests} mixed requests in a row: {wrong} wrong; memory in the last half "
        f"{min(last):.0f} to {max(last):.0f} MB: {'level' if level else 'NOT LEVEL'}",
        flush=True,
    )
    return wrong + (not level)


def besiege(mixture: Mixture, process: subprocess.Popen[bytes]) -> int:
    """Explore bombs while a visitor asks for a known answer; return how many limits were broken."""
    idle = resident_mb(process.pid)
    known = mixture.clips[0]
    ask(mixture.client, known, 1)
    ended = threading.Event()
    peaks = [idle]
    outcomes: list[bool] = []

    def attack() -> None:
        try:
            outcomes.extend(mixture.bomb(number) for number in range(6))
        finally:
            ended.set()

    def watch() -> None:
        while not ended.wait(0.05):
            peaks.append(resident_mb(process.pid))

    threads = [threading.Thread(target=run) for run in (attack, watch)]
    for thread in threads:
        thread.start()
    clicks_s = []
    other = Client(mixture.address, verbose=False, analytics_enabled=False)
    while not ended.is_set():
        began = time.monotonic()
        ask(other, known, 1)
        clicks_s.append(time.monotonic() - began)
    other.close()
    for thread in threads:
        thread.join()
    slowest, grown = max(clicks_s), max(peaks) - idle
    print(
        f"bombs: {outcomes.count(True)} of {len(outcomes)} refused; meanwhile {len(clicks_s)} "
        f"clicks of a second visitor, the slowest {slowest:.2f} s; the server's memory rose by "
        f"{grown:.0f} MB",
        flush=True,
    )
    return outcomes.count(False) + (slowest > CLICK_S) + (grown > GROWTH_MB)


def children_of(process: int) -> list[int]:
    """Return the processes that a process has started; Linux only."""
    tasks = Path(f"/proc/{process}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def resident_mb(process: int) -> float:
    """Return how much memory a process holds; 0 if it is gone. Linux only."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    except (FileNotFoundError, ProcessLookupError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    main()
