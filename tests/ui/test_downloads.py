"""Weights that are not on this machine, as a visitor meets them: offered, fetched, broken off."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import free_port, page_command, serve, wait_until
from hub import PATIENCE_S, Hub
from playwright.sync_api import expect
from tiny import save_tiny
from visitor import PATIENCE_MS, Visitor

from videomae_demo.model.videomae import VideoMAEForPreTraining, VideoMAEForVideoClassification

pytestmark = pytest.mark.slow

RECOGNISER, RECONSTRUCTOR = "MCG-NJU/videomae-base-finetuned-kinetics", "MCG-NJU/videomae-base"
WEIGHTS = f"{RECOGNISER}/model.safetensors"
TITLE = "Base (1600 epochs), Kinetics-400"
MEBI = 2**20


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> dict[str, Path]:
    """A recogniser of 35 MB: the hub library reads 10 MiB at once, so there are steps to see."""
    folder = tmp_path_factory.mktemp("published")
    return {
        RECOGNISER: save_tiny(
            VideoMAEForVideoClassification, folder / "recogniser", intermediate_size=60_000
        ),
        RECONSTRUCTOR: save_tiny(
            VideoMAEForPreTraining, folder / "reconstructor", use_mean_pooling=False
        ),
    }


@pytest.fixture
def far_hub(tmp_path, published) -> Iterator[Hub]:
    with Hub(tmp_path) as hub:
        for repo, folder in published.items():
            hub.publish(repo, folder)
        yield hub


@pytest.fixture
def cache(tmp_path) -> Path:
    return tmp_path / "home" / "hub"


@pytest.fixture
def hands(tmp_path) -> Path:
    """What the page lays into our hands, see `serve_page.py`."""
    folder = tmp_path / "hands"
    folder.mkdir()
    return folder


@pytest.fixture
def address(
    tmp_path, far_hub, cache, recogniser_folder, reconstructor_folder, examples_folder, hands
):
    """A page whose hub is slow when the test says so."""
    port = free_port()
    command = page_command(port, recogniser_folder, reconstructor_folder, examples_folder, hands)
    hub = {"HF_ENDPOINT": far_hub.address, "HF_HOME": str(cache.parent), "HF_HUB_OFFLINE": "0"}
    yield from serve(command, port, tmp_path / "log", **hub)


@pytest.fixture
def open_page(browser, address):
    contexts = []

    def open_page(width: int = 1280) -> Visitor:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, reduced_motion="reduce", locale="en-GB"
        )
        contexts.append(context)
        return Visitor(context.new_page(), address)

    yield open_page
    for context in contexts:
        context.close()


def choose(visitor: Visitor) -> None:
    visitor.open_weights()
    visitor.page.locator("#weights input").click()
    visitor.page.get_by_role("option").filter(has_text=TITLE).click()
    expect(visitor.page.locator("#load")).to_be_visible()


def is_fetched(visitor: Visitor) -> None:
    weights_here = visitor.page.locator("#weights-here")
    expect(weights_here).to_contain_text(f"Recogniser: {TITLE}", timeout=PATIENCE_MS)
    visitor.wait_until_explored()


def is_as_before(visitor: Visitor) -> None:
    """The list names what is at work, and the page still works."""
    box = visitor.page.locator("#weights input")
    expect(box).to_have_value(re.compile("asked for"))
    expect(visitor.page.locator("#load")).not_to_be_visible()
    expect(visitor.page.locator("#status .panel-progress")).to_have_count(0)
    visitor.pick(1)
    expect(visitor.page.locator("#seen")).to_contain_text("b ${1}<b>bold.mp4")
    visitor.wait_until_explored()


def wait_until_empty(cache: Path) -> None:
    """Nothing unfinished lies in the cache, and no weights."""
    deadline = time.monotonic() + PATIENCE_S
    while list(cache.glob("**/*.incomplete")):
        assert time.monotonic() < deadline, "The download was not broken off."
        time.sleep(0.05)
    assert not list(cache.glob("**/model.safetensors"))


def test_what_is_not_here_is_offered_fetched_and_used(open_page, far_hub):
    held = far_hub.hold(WEIGHTS, 22 * MEBI)
    visitor = open_page()
    choose(visitor)
    expect(visitor.page.locator("#offer")).to_contain_text("Loading downloads 723 MB")
    expect(visitor.page.locator("#offer")).to_contain_text("CC BY-NC 4.0")
    visitor.page.locator("#load").click()
    status = visitor.page.locator("#status .panel-progress")
    expect(status).to_contain_text(f"Downloading {TITLE} (1 of 2): 21 of 35 MB, 59%")
    expect(status.locator("progress")).to_have_js_property("value", 20 * MEBI)
    open_page()  # another visitor is not kept waiting
    held.set()
    is_fetched(visitor)
    for anyone in (visitor, open_page()):
        anyone.open_weights()
        anyone.page.locator("#weights input").click()
        options = anyone.page.get_by_role("option")
        expect(options.nth(2)).to_contain_text(f"{TITLE} - on this machine")
        expect(options.nth(3)).to_contain_text("to download")


def test_cancel_breaks_the_download_off(open_page, far_hub, cache, hands):
    held = far_hub.hold(WEIGHTS, 22 * MEBI)
    visitor = open_page()
    choose(visitor)
    visitor.page.locator("#load").click()
    expect(visitor.page.locator("#status")).to_contain_text("21 of 35 MB")
    expect(visitor.page.locator("#load")).not_to_be_visible()
    visitor.page.locator("#cancel").click()
    toast = visitor.page.get_by_test_id("toast-body")
    expect(toast).to_contain_text("a download is broken off")
    is_as_before(visitor)
    wait_until((hands / "stopped").exists)
    held.set()
    wait_until_empty(cache)
    choose(visitor)
    visitor.page.locator("#load").click()
    is_fetched(visitor)


def test_a_hub_that_dies_is_one_sentence(open_page, far_hub, cache):
    far_hub.die_in(WEIGHTS, 22 * MEBI)
    visitor = open_page()
    choose(visitor)
    visitor.page.locator("#load").click()
    toast = visitor.page.get_by_test_id("toast-body")
    expect(toast).to_contain_text("did not deliver model.safetensors", timeout=PATIENCE_MS)
    expect(toast).to_contain_text("try again")
    is_as_before(visitor)
    wait_until_empty(cache)
    far_hub.revive()
    choose(visitor)
    visitor.page.locator("#load").click()
    is_fetched(visitor)
