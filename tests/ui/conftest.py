"""A page that runs in a process of its own, and a browser to open it with."""

import contextlib
import functools
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from forked import ForkedPage
from playwright.sync_api import BrowserContext, Page, sync_playwright
from playwright.sync_api import Error as PlaywrightError
from tiny import save_tiny
from visitor import PATIENCE_MS, Visitor

from videomae_demo.model.videomae import VideoMAEForVideoClassification
from videomae_demo.video.encode import write_mp4

ROOT = Path(__file__).resolve().parents[2]
START_LIMIT_S = 180
# For this process, and the pages that begin from it.
os.environ |= {"HF_HUB_OFFLINE": "1", "GRADIO_ANALYTICS_ENABLED": "False"}
FOREIGN = {
    0: "<img src=x onerror=\"document.title = 'taken over'\">",
    1: "${document.title = 'taken over'}",
    2: "{{constructor}} & <b>bold</b>",
}


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def serve(command: list[str], port: int, log: Path, **variables: str) -> Iterator[str]:
    """Run a page until the test is over; yield its address once it answers."""
    address = f"http://127.0.0.1:{port}"
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "GRADIO_SERVER_PORT": str(port),
        **variables,
    }
    process = begin(command, environment, log)
    try:
        wait_for(address, process, log)
        yield address
    finally:
        process.terminate()
        process.wait()


def begin(command: list[str], environment: dict[str, str], log: Path):
    """Begin a script, in a fork where it can be: what it imports need not be read anew."""
    if sys.platform == "linux":
        return ForkedPage(command, ROOT, environment, log)
    with log.open("w") as output:
        return subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, env=environment, stdout=output, stderr=output
        )


def wait_for(address: str, process, log: Path) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline:
        assert process.poll() is None, f"The page ended before it began:\n{log.read_text()}"
        try:
            urllib.request.urlopen(address, timeout=5).close()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"The page does not answer after {START_LIMIT_S} s:\n{log.read_text()}")


@pytest.fixture(scope="session")
def chromium() -> str:
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        sentence = "The browser tests need Chromium: apt-get install -y chromium"
        assert "CI" not in os.environ, sentence  # CI may not skip
        pytest.skip(sentence)
    return found


CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",  # an imitated graphics card is slower than none
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]


@pytest.fixture(scope="session")
def playwright():
    """What starts browsers; a process can have one of it alone."""
    with sync_playwright() as playwright:
        yield playwright


def launch(playwright, chromium: str, *options: str):
    """Open a browser all of whose pages are patient."""
    browser = playwright.chromium.launch(
        executable_path=chromium, args=[*CHROMIUM_OPTIONS, *options]
    )

    def patient(make: Callable) -> Callable:
        def make_one(**settings):
            made = make(**settings)
            made.set_default_timeout(PATIENCE_MS)
            return made

        return make_one

    browser.new_context, browser.new_page = map(patient, (browser.new_context, browser.new_page))
    return browser


@pytest.fixture(scope="session")
def browser(chromium, playwright):
    browser = launch(playwright, chromium)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def examples_folder(tmp_path_factory, clip_path, clip_frames) -> Path:
    folder = tmp_path_factory.mktemp("examples")
    shutil.copy(clip_path, folder / "a-moving_square.mp4")
    write_mp4(folder / "b ${1}<b>bold.mp4", 255 - clip_frames[::-1], 24)
    (folder / "broken.mp4").write_bytes(b"no clip")
    (folder / "notes.txt").write_text("no clip either")
    return folder


@pytest.fixture(scope="session")
def gate(tmp_path_factory) -> Path:
    """While this file exists, nothing goes on after the labels; see `serve_page.py`."""
    return tmp_path_factory.mktemp("gate") / "gate"


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 180
    while not condition():
        assert time.monotonic() < deadline, "What the test waits for never came."
        time.sleep(0.02)


@pytest.fixture
def hold(gate) -> Iterator[Callable[[str], Path]]:
    """Hold something up, see `serve_page.py`; it goes on when the file that comes back is gone."""
    held = []

    def hold(name: str) -> Path:
        path = gate.with_name(name)
        path.touch()
        held.append(path)
        return path

    yield hold
    for path in held:
        path.unlink(missing_ok=True)


@pytest.fixture
def asked(gate) -> Callable[[], list[str]]:
    """What was to be reconstructed so far, as lines."""
    path = gate.with_name("gate.asked")
    return lambda: path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def begun(gate) -> Callable[[], int]:
    """How many layers of models have begun so far."""
    path = gate.with_name("layers")
    return lambda: len(path.read_text().splitlines()) if path.exists() else 0


def page_command(port: int, *arguments: object) -> list[str]:
    script = Path(__file__).with_name("serve_page.py")
    return [str(argument) for argument in (script, port, *arguments)]


@pytest.fixture(scope="session")
def page_address(tmp_path_factory, recogniser_folder, reconstructor_folder, examples_folder, gate):
    port = free_port()
    command = page_command(
        port, recogniser_folder, reconstructor_folder, examples_folder, gate.parent
    )
    yield from serve(command, port, tmp_path_factory.mktemp("server") / "log")


@pytest.fixture
def foreign_address(tmp_path, reconstructor_folder, examples_folder):
    """A page whose labels come from somebody who means no good."""
    weights = save_tiny(VideoMAEForVideoClassification, tmp_path / "weights", id2label=FOREIGN)
    port = free_port()
    command = page_command(port, weights, reconstructor_folder, examples_folder)
    yield from serve(command, port, tmp_path / "log")


@pytest.fixture
def own_address(tmp_path):
    """``app.py`` itself, as it is started by hand."""
    yield from serve(["app.py"], free_port(), tmp_path / "log")


class Tabs:
    """Lends tabs of a browser; what was done in one before does not show.

    A tab that showed the page before has compiled gradio's scripts: the page opens in half the
    time. Those with the same options share a context, which has fetched the scripts.
    """

    def __init__(self, browser) -> None:
        self._browser = browser
        self._contexts: dict[str, BrowserContext] = {}
        self._idle: dict[BrowserContext, list[Page]] = {}
        self._heard: dict[Page, list[tuple[str, Callable]]] = {}

    def context(self, **options) -> BrowserContext:
        settings = {
            "viewport": {"width": 1280, "height": 900},
            "reduced_motion": "reduce",
            "locale": "en-GB",
            "color_scheme": "light",
        } | options
        key = json.dumps(settings, sort_keys=True)
        if key not in self._contexts:
            self._contexts[key] = self._browser.new_context(**settings)
        return self._contexts[key]

    def lend(self, **options) -> Page:
        context = self.context(**options)
        idle = self._idle.setdefault(context, [])
        if idle:
            page = idle.pop()
            page.bring_to_front()  # else a browser does next to nothing for it
        else:
            page = context.new_page()
            page.on = functools.partial(self._listen, page, page.on)
        self._heard[page] = []
        return page

    def take_back(self, page: Page) -> None:
        heard = self._heard.pop(page)
        if page.is_closed():
            return
        for event, listener in heard:
            page.remove_listener(event, listener)
        try:
            page.unroute_all(behavior="ignoreErrors")
            page.evaluate("sessionStorage.clear()")
            page.mouse.move(0, 0)
            page.goto("about:blank")
        except PlaywrightError:  # whatever a test left of it
            page.close()
        else:
            self._idle[page.context].append(page)

    def close(self) -> None:
        for context in self._contexts.values():
            context.close()

    def _listen(self, page: Page, on: Callable, event: str, listener: Callable) -> None:
        self._heard[page].append((event, listener))
        on(event, listener)


@pytest.fixture(scope="session")
def tabs(browser) -> Iterator[Tabs]:
    with contextlib.closing(Tabs(browser)) as tabs:
        yield tabs


@pytest.fixture
def lend_tab(tabs) -> Iterator[Callable[..., Page]]:
    """Lend a tab for the time of a test, in a context with these options."""
    lent = []

    def lend_tab(**options) -> Page:
        lent.append(tabs.lend(**options))
        return lent[-1]

    yield lend_tab
    for page in lent:
        tabs.take_back(page)


@pytest.fixture
def open_page(lend_tab, page_address):
    """Open the page in a tab of its own; what a page keeps, it keeps on the server alone."""
    return lambda address=page_address, **options: Visitor(lend_tab(**options), address)
