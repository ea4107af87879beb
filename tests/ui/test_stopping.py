"""A page that is to stop answers what is under way, takes nothing new, and ends in time."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import ROOT, begin, free_port, page_command, wait_for
from test_serving import FILE, LAST, USUAL_FRAMES, HeldPage, upload, wait_until, wire_of

from videomae_demo.ui.gradio_edge.stopping import GRACE_S, LAST_WORDS_S, STOPPED, STOPPING

PATIENCE_S = 120
SLACK_S = 10
"""A busy machine takes its time to end a process."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no SIGTERM"),
]


@dataclass
class StoppablePage(HeldPage):
    process: Any
    folder: Path

    def __init__(self, address: str, folder: Path, process: Any) -> None:
        super().__init__(address, folder)
        self.process = process
        self.folder = folder

    def files(self) -> list[Path]:
        return list((self.folder / "cache").glob("videomae-explorer-*"))


@pytest.fixture
def page(tmp_path, recogniser_folder, reconstructor_folder, examples_folder):
    port = free_port()
    command = page_command(port, recogniser_folder, reconstructor_folder, examples_folder, tmp_path)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "GRADIO_TEMP_DIR": str(tmp_path / "cache")}
    log = tmp_path / "log"
    process = begin(command, environment, log)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(address, process, log)
        yield StoppablePage(address, tmp_path, process)
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def http(page) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=page.address, timeout=PATIENCE_S) as client:
        yield client


def ask(http: httpx.Client, clip: Path, session: str) -> httpx.Response:
    asked = {"session_hash": session, "fn_index": wire_of(http, "classify")}
    asked["data"] = [{"path": upload(http, clip), "meta": FILE}, "", 3, ""]
    asked["data"] += [*LAST["classify"], *USUAL_FRAMES]
    return http.post("/gradio_api/queue/join", json=asked)


def listen(http: httpx.Client, session: str) -> str:
    return http.get("/gradio_api/queue/data", params={"session_hash": session}).text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_page_ends_at_once_and_leaves_nothing(page, http, number):
    with http.stream("GET", "/gradio_api/heartbeat/open"):  # as each open page keeps one
        assert page.files()
        began = time.monotonic()
        page.process.send_signal(number)
        assert page.process.wait(SLACK_S) == 0
    assert time.monotonic() - began < GRACE_S
    assert page.files() == []


def test_work_under_way_is_answered_and_nothing_new_is_taken(page, http, clip_path):
    page.close()
    asked = {"path": upload(http, clip_path), "meta": FILE}
    with ThreadPoolExecutor(1) as others:
        assert ask(http, clip_path, "first").status_code == 200
        answer = others.submit(listen, http, "first")
        wait_until(lambda: page.layers() == 1)
        page.process.terminate()
        wait_until(lambda: ask_again(http, asked).status_code == 503)
        assert ask_again(http, asked).json() == {"detail": STOPPING}
        by_page = ask_again(http, asked, **{"x-gradio-user": "app"})
        assert (by_page.status_code, by_page.json()) == (400, {"detail": STOPPING})
        uploaded = http.post("/gradio_api/upload", files={"files": ("a", b"b")})
        assert (uploaded.status_code, uploaded.text) == (503, STOPPING)
        for route in ("train?do=begin", "live", "dataset?do=begin", "learn"):
            refused = http.post(f"/gradio_api/{route}", json={})
            assert (refused.status_code, refused.json()) == (503, {"detail": STOPPING})
        page.open()
        assert '"success":true' in answer.result(PATIENCE_S)
    assert page.process.wait(SLACK_S) == 0


def ask_again(http: httpx.Client, clip: dict, **headers: str) -> httpx.Response:
    body = {"data": [clip, "", 3, "", *LAST["classify"], *USUAL_FRAMES]}
    return http.post("/gradio_api/call/classify", json=body, headers=headers)


def test_work_that_never_ends_is_given_up_with_a_sentence(page, http, clip_path):
    page.close()
    with ThreadPoolExecutor(2) as others:
        for session in ("works", "waits"):
            assert ask(http, clip_path, session).status_code == 200
        answers = [others.submit(listen, http, session) for session in ("works", "waits")]
        wait_until(lambda: page.layers() == 1)
        began = time.monotonic()
        page.process.terminate()
        assert page.process.wait(GRACE_S + LAST_WORDS_S + SLACK_S) == 0
        assert time.monotonic() - began > GRACE_S / 2
        for answer in answers:
            assert STOPPED in answer.result(PATIENCE_S)
    assert page.files() == []


def test_whoever_asks_twice_waits_no_longer(page, http, clip_path):
    page.close()
    asked = {"path": upload(http, clip_path), "meta": FILE}
    assert ask(http, clip_path, "works").status_code == 200
    wait_until(lambda: page.layers() == 1)
    page.process.terminate()
    wait_until(lambda: ask_again(http, asked).status_code == 503)
    page.process.terminate()
    assert page.process.wait(SLACK_S) == 128 + signal.SIGTERM
