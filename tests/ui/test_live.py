"""The page Live: labels of what is seen now, of a camera or of a film in its place."""

import contextlib
import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import Tabs, free_port, launch, serve, wait_until
from fake_camera import motion, write_film, write_y4m
from playwright.sync_api import expect
from test_access import GRADIOS_OWN

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """``app.py`` itself, with the bundled weights."""
    yield from serve(["app.py"], free_port(), tmp_path_factory.mktemp("live") / "log")


@pytest.fixture(scope="module")
def spin(tmp_path_factory):
    """Whenever it begins anew, it spins on: so whatever window is seen, it spins."""
    return motion("spinning clockwise", tmp_path_factory.mktemp("spin"))


@pytest.fixture(scope="module")
def film(tmp_path_factory, spin):
    return write_film(tmp_path_factory.mktemp("film") / "spin.mp4", spin)


@pytest.fixture(scope="module")
def camera_browser(chromium, playwright, tmp_path_factory, spin):
    """Chromium, with the film as its camera."""
    film = write_y4m(tmp_path_factory.mktemp("camera") / "spin.y4m", spin)
    browser = launch(playwright, chromium, f"--use-file-for-fake-video-capture={film}")
    yield browser
    browser.close()


class Guest:
    """Somebody who opens the page Live."""

    def __init__(self, page, address: str) -> None:
        self.page = page
        self.sent: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.sent.append(f"{request.method} {request.url}"))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(f"{address}/live")
        expect(self.find("model")).to_contain_text("Bundled", timeout=120_000)

    def find(self, name: str):
        return self.page.locator(f"#live .live-{name}")

    def answers(self) -> int:
        return int(self.page.locator("#live .live").get_attribute("data-answered") or 0)

    def posts(self, do: str = "") -> list[str]:
        return [sent for sent in self.sent if sent.startswith("POST") and f"do={do}" in sent]

    def play(self, film) -> None:
        with self.page.expect_file_chooser() as chooser:
            self.find("file").click()
        chooser.value.set_files(film)


@pytest.fixture(scope="module")
def tabs(camera_browser):
    with contextlib.closing(Tabs(camera_browser)) as tabs:
        yield tabs


@pytest.fixture
def guest(lend_tab, address):
    def guest(**options) -> Guest:
        return Guest(lend_tab(**{"viewport": {"width": 1280, "height": 720}} | options), address)

    return guest


def test_a_camera_is_named_and_nothing_is_sent_before_start(guest):
    visitor = guest()
    visitor.page.wait_for_timeout(500)
    assert not visitor.posts("look")
    visitor.find("mirror").uncheck()
    visitor.find("start").click()
    expect(visitor.find("mirror")).to_be_checked()  # as one knows oneself
    expect(visitor.find("headline")).to_contain_text("spinning counterclockwise", timeout=120_000)
    visitor.find("mirror").uncheck()
    expect(visitor.find("headline")).to_contain_text("spinning clockwise", timeout=120_000)
    expect(visitor.find("mirrored")).to_contain_text("Not mirrored")
    expect(visitor.find("speed")).to_contain_text(
        re.compile(r"^\d+\.\d answers a second, \d+ ms each \(\d+ ms the model's\)")
    )
    stopped = visitor.page.evaluate(
        """() => {
            const [track] = document.querySelector("#live video").srcObject.getTracks();
            document.querySelector("#live .live-stop").click();
            return track.readyState;
        }"""
    )
    assert stopped == "ended"
    expect(visitor.find("headline")).to_be_empty()
    wait_until(lambda: visitor.page.evaluate("true") and visitor.posts("leave"))
    sent = len(visitor.posts("look"))
    visitor.page.wait_for_timeout(500)
    assert len(visitor.posts("look")) == sent
    assert not visitor.complaints


def test_one_question_at_a_time_and_of_the_newest_frames(guest, film):
    """While an answer is waited for, frames are taken, and nothing is asked."""
    visitor = guest()
    held = []
    visitor.page.route(re.compile("do=look"), lambda route: held.append(route))
    visitor.play(film)
    wait_until(lambda: bool(visitor.page.wait_for_timeout(50)) or bool(held))
    visitor.page.wait_for_timeout(1000)
    assert len(held) == 1
    first = held[0].request.post_data_buffer
    held[0].continue_()
    wait_until(lambda: bool(visitor.page.wait_for_timeout(50)) or len(held) == 2)
    assert first[:2] == b"\xff\xd8"
    assert len(first) < 100_000
    assert held[1].request.post_data_buffer != first
    assert visitor.answers() == 1


def test_a_frozen_moment_opens_in_explore(guest, film):
    visitor = guest()
    visitor.play(film)
    expect(visitor.find("headline")).to_contain_text("spinning", timeout=120_000)
    assert not visitor.find("mirror").is_checked()
    page = visitor.page
    # In one step, since the next answer may say something else.
    named = page.wait_for_function(
        """() => {
            const said = document.querySelector("#live .live-headline").textContent;
            return said.match(/spinning \\w+/)?.[0];
        }"""
    ).json_value()
    visitor.find("freeze").click()
    expect(page.locator("#bar .bar-clip")).to_have_text(
        re.compile(r"^live \d\d-\d\d-\d\d\.mp4$"), timeout=120_000
    )
    expect(page.locator("#labels")).to_contain_text(named)
    expect(page.locator("#bar .bar-facts")).to_contain_text("16 frames, from 0.00 to 1.88 s")
    expect(page).not_to_have_url(re.compile("frozen"))
    assert not visitor.complaints


def test_an_address_opens_no_file_of_the_machine(guest, address):
    visitor = guest()
    for path in ("/etc/hostname", "app.py"):
        visitor.page.goto(f"{address}/?frozen={path}")
        expect(visitor.page.locator("#bar .bar-clip")).to_have_text("bouncing.mp4")


def test_a_reconstruction_is_shown_by_choice(guest, film):
    visitor = guest()
    visitor.play(film)
    expect(visitor.find("pictures")).to_be_hidden()
    visitor.find("rebuild").check()
    expect(visitor.find("told")).to_contain_text("75% hidden", timeout=120_000)
    expect(visitor.find("rebuilt")).to_have_js_property("naturalWidth", 64)
    visitor.find("rebuild").uncheck()
    expect(visitor.find("pictures")).to_be_hidden()


def test_the_overlay_can_be_taken_away(guest, film):
    visitor = guest()
    visitor.play(film)
    expect(visitor.find("headline")).to_contain_text("spinning", timeout=120_000)
    expect(visitor.find("legend")).to_be_visible()
    visitor.find("overlay").select_option("")
    expect(visitor.find("legend")).to_be_hidden()


def test_out_of_sight_the_camera_is_switched_off(guest):
    visitor = guest()
    visitor.find("start").click()
    expect(visitor.find("stop")).to_be_visible()
    visitor.page.evaluate(
        """() => {
            Object.defineProperty(document, "hidden", { value: true });
            document.dispatchEvent(new Event("visibilitychange"));
        }"""
    )
    expect(visitor.find("trouble")).to_contain_text("out of sight")
    expect(visitor.find("start")).to_be_visible()
    assert visitor.page.evaluate("document.querySelector('#live video').srcObject") is None


def test_trouble_is_a_sentence(guest, tmp_path):
    visitor = guest()
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no film")
    visitor.play(broken)
    expect(visitor.find("trouble")).to_contain_text("can't play broken.mp4")
    visitor.page.evaluate(
        """() => {
            navigator.mediaDevices.getUserMedia =
                async () => { throw new DOMException("", "NotAllowedError"); };
        }"""
    )
    visitor.find("start").click()
    expect(visitor.find("trouble")).to_contain_text("may not use the camera")
    expect(visitor.find("start")).to_be_enabled()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_everything_can_be_read_and_nothing_scrolls_sideways(guest, film, width, scheme):
    visitor = guest(viewport={"width": width, "height": 844}, color_scheme=scheme)
    visitor.play(film)
    visitor.find("rebuild").check()
    expect(visitor.find("told")).to_contain_text("hidden", timeout=120_000)
    assert visitor.page.evaluate("document.documentElement.scrollWidth") <= width
    found = Axe().run(visitor.page).response["violations"]
    nodes = {(one["id"], "".join(node["target"])) for one in found for node in one["nodes"]}
    assert nodes <= GRADIOS_OWN
    smallest = visitor.page.evaluate(
        """() => Math.min(...[...document.querySelectorAll("#live *")]
            .filter((one) => one.offsetWidth > 1 && one.textContent.trim())
            .map((one) => parseFloat(getComputedStyle(one).fontSize)))"""
    )
    assert smallest >= 13


def test_the_keyboard_does_it_all(guest):
    visitor = guest()
    visitor.find("start").focus()
    visitor.page.keyboard.press("Enter")
    expect(visitor.find("stop")).to_be_focused()
    visitor.page.keyboard.press("Enter")
    expect(visitor.find("start")).to_be_focused()


def test_the_pages_name_each_other(guest, address):
    visitor = guest()
    pages = visitor.page.get_by_role("navigation", name="Pages")
    pages.get_by_role("link", name="Explore").click()
    expect(visitor.page.locator("#bar .bar-clip")).to_have_text("bouncing.mp4", timeout=120_000)
    assert visitor.page.url.startswith(f"{address}/?") or visitor.page.url == f"{address}/"
    visitor.page.get_by_role("navigation", name="Pages").get_by_role("link", name="Live").click()
    expect(visitor.find("start")).to_be_visible()
    expect(visitor.page).to_have_title(re.compile("^Live - "))
