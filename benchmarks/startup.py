"""How much later than an empty gradio app the page answers: ``python -m benchmarks.startup``.

Both are started anew in turn, each in a process of its own, and asked until the first answer. What
counts is the ratio of the medians; torch and the weights may still be loading after that.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from benchmarks.machine import describe_machine

ROOT = Path(__file__).resolve().parents[1]
EMPTY = """
import gradio
with gradio.Blocks(analytics_enabled=False) as page:
    gradio.Markdown("Nothing.")
page.launch(quiet=True, ssr_mode=False)
"""
GOAL = 1.3
PATIENCE_S = 300


def main() -> None:
    """Print each round, the medians and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="starts of each app (5)")
    rounds = parser.parse_args().rounds
    print(describe_machine("gradio", "torch"), flush=True)
    commands = {"empty": ["-c", EMPTY], "page": ["app.py"]}
    first_answer_s: dict[str, list[float]] = {name: [] for name in commands}
    for command in commands.values():  # one uncounted start fills the system's cache of files
        measure(command)
    for number in range(1, rounds + 1):
        for name, command in commands.items():
            first_answer_s[name].append(measure(command))
        shown = ", ".join(f"{name} {times[-1]:.2f} s" for name, times in first_answer_s.items())
        print(f"round {number}: {shown}", flush=True)
    empty_s, page_s = (statistics.median(first_answer_s[name]) for name in commands)
    ratio = page_s / empty_s
    verdict = "within" if ratio <= GOAL else "BEYOND"
    print(
        f"median: empty {empty_s:.2f} s, page {page_s:.2f} s, "
        f"ratio {ratio:.2f}, {verdict} the goal of {GOAL}"
    )


def measure(command: list[str]) -> float:
    """Start an app and return the seconds until it answers its first request with 200."""
    port = free_port()
    environment = os.environ | {
        "GRADIO_ANALYTICS_ENABLED": "False",
        "GRADIO_SERVER_PORT": str(port),
        "HF_HUB_OFFLINE": "1",
    }
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, *command], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
    )
    try:
        while not answers(f"http://127.0.0.1:{port}/"):
            if process.poll() is not None or time.monotonic() - began > PATIENCE_S:
                raise SystemExit(f"{command} does not answer.")
            time.sleep(0.01)
        return time.monotonic() - began
    finally:
        process.terminate()
        process.wait()


def answers(address: str) -> bool:
    """Tell whether a page is there."""
    try:
        with urllib.request.urlopen(address, timeout=PATIENCE_S) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, ConnectionError):
        return False


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


if __name__ == "__main__":
    main()
