"""The page Train: a training is started, watched, changed, opened and saved in a browser."""

import re
import zipfile

import pytest
from conftest import wait_until
from playwright.sync_api import expect
from test_access import GRADIOS_OWN, violations

pytestmark = pytest.mark.slow

SLOW = 120_000
OWNER, OTHER = "a" * 32, "b" * 32


class Guest:
    """Somebody who opens the page Train; the tests are one visitor, unless they say otherwise."""

    def __init__(self, page, address: str, query: str = "", visitor: str = OWNER) -> None:
        self.page = page
        self.address = address
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.add_init_script(f"sessionStorage.setItem('videomae-train-visitor', '{visitor}')")
        page.goto(f"{address}/train{query}")
        expect(self.find("device")).to_have_text(re.compile("on "), timeout=SLOW)
        page.wait_for_function("document.querySelector('.train').dataset.state", timeout=SLOW)

    def find(self, name: str):
        return self.page.locator(f"#train .train-{name}")

    def field(self, name: str):
        return self.page.locator(f"#train [name={name}]:visible").first

    def start(self) -> None:
        # A page shows the training that was here before, until another one begins.
        self.find("at").evaluate("node => { node.textContent = ''; }")
        self.find("main").click()
        expect(self.find("at")).to_have_text(re.compile(r"step \d"), timeout=SLOW)

    def route(self, doing: str) -> str:
        return f"{self.address}/gradio_api/train?do={doing}&visitor={OWNER}"

    def query(self) -> str:
        return self.page.evaluate("location.search")


@pytest.fixture
def guest(tabs, page_address):
    pages = []

    def guest(query: str = "", visitor: str = OWNER, **options) -> Guest:
        page = tabs.context(**options).new_page()
        pages.append(page)
        return Guest(page, page_address, query, visitor)

    yield guest
    for page in pages:
        page.close()


def test_a_training_is_watched_from_start_to_end_then_saved_and_opened(guest, tmp_path):
    visitor = guest("?steps=10&seed=3&mask=tube&ratio=0.8")
    assert visitor.field("ratio").input_value() == "0.8"
    assert visitor.field("seed").input_value() == "3"
    expect(visitor.find("main")).to_have_text("Start")
    visitor.start()
    expect(visitor.find("pace")).to_have_text("Step 10 of 10", timeout=SLOW)
    expect(visitor.find("why")).to_contain_text("Ended: all steps are done")
    expect(visitor.find("main")).to_be_disabled()
    expect(visitor.find("verdict")).to_contain_text("dB on 16 held-out clips")
    expect(visitor.find("at")).to_have_text(", step 10")
    lines = """() => [...document.querySelectorAll("#train .train-loss polyline")]
        .map((line) => (line.getAttribute("points") || "").split(" ").length)"""
    wait_until(lambda: visitor.page.evaluate(lines) == [10, 4])
    told = visitor.page.request.get(visitor.route("state")).json()
    assert [row[0] for row in told["measured"]] == [0, 2, 5, 10]
    loss, score = told["measured"][-1][1:]
    expect(visitor.find("loss-name")).to_contain_text(f"held-out {float(f'{loss:.3g}'):g}")
    expect(visitor.find("score-name")).to_contain_text(f"{score:.1f}")
    sums = visitor.page.evaluate(
        """() => ["clip", "visible", "picture"].map((name) => {
            const canvas = document.querySelector(`#train .train-${name}`);
            const { width, height } = canvas;
            const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
            return data.reduce((sum, value) => sum + value, 0);
        })"""
    )
    assert len(set(sums)) == 3 and min(sums) > 0
    with visitor.page.expect_download() as download:
        visitor.find("save").click()
    assert download.value.suggested_filename == "videomae-trained-here.zip"
    path = tmp_path / "saved.zip"
    download.value.save_as(path)
    names = zipfile.ZipFile(path).namelist()
    assert "videomae-trained-here/model.safetensors" in names
    visitor.find("open").click()
    expect(visitor.page.locator("#bar .bar-name")).to_contain_text("trained-here", timeout=SLOW)
    assert "weights=trained-here" in visitor.query()
    assert not visitor.complaints


def test_changed_settings_are_in_the_address_and_begin_anew(guest):
    visitor = guest("?steps=6000")
    visitor.start()
    expect(visitor.find("main")).to_have_text("Pause")
    visitor.field("mask").select_option("tube")
    assert visitor.query() == "?mask=tube&steps=6000"
    expect(visitor.find("why")).to_contain_text("Start begins a new training")
    expect(visitor.find("main")).to_have_text("Start")
    expect(visitor.page.locator("#train .train")).to_have_attribute("data-state", "paused")
    visitor.field("mask").select_option("random")
    assert visitor.query() == "?steps=6000"
    expect(visitor.find("main")).to_have_text("Play")
    # The zip comes after the step that was under way, and then no other one begins.
    visitor.page.request.get(visitor.route("zip"))
    before = visitor.page.request.get(visitor.route("state")).json()["step"]
    visitor.find("one").focus()
    visitor.page.keyboard.press("Enter")
    expect(visitor.find("pace")).to_contain_text(f"Step {before + 1} of 6000", timeout=SLOW)
    expect(visitor.find("said")).to_have_text("Paused.")
    visitor.field("seed").fill("77777")
    visitor.field("seed").blur()
    visitor.find("main").click()
    expect(visitor.find("trouble")).to_have_text(
        "The seed is 77777; it must lie between 0 and 9999."
    )


def test_somebody_else_watches_and_may_not_touch(guest):
    visitor = guest("?steps=6000&seed=5")
    visitor.start()
    other = guest(visitor=OTHER)
    expect(other.find("why")).to_contain_text("Somebody else is training here")
    expect(other.find("at")).to_have_text(re.compile(r"step \d"), timeout=SLOW)
    expect(other.field("seed")).to_have_value("5")
    for name in ("main", "one", "open", "save"):
        expect(other.find(name)).to_be_disabled()
    expect(other.field("mask")).to_be_disabled()
    visitor.page.close()  # a beacon says so
    expect(other.page.locator("#train .train")).to_have_attribute(
        "data-state", "paused", timeout=SLOW
    )


def test_finetuning_shows_bars_and_chance(guest):
    visitor = guest("?mode=finetune&start=untrained&steps=10")
    expect(visitor.field("start")).to_be_visible()
    visitor.start()
    expect(visitor.find("pace")).to_have_text("Step 10 of 10", timeout=SLOW)
    expect(visitor.find("labels").locator("li")).to_have_count(4)
    expect(visitor.find("score").locator("text", has_text="chance, 1 of 4")).to_be_visible()
    expect(visitor.find("verdict")).to_contain_text("where chance is 25%")
    expect(visitor.page.locator("#train .train")).to_have_attribute("data-at", "10", timeout=SLOW)
    named = re.search(r"rightly: (\d+%)", visitor.find("verdict").inner_text())[1]
    expect(visitor.find("score-name")).to_contain_text(named)
    expect(visitor.find("visible")).to_be_hidden()


@pytest.mark.parametrize(("size", "scheme"), [((390, 844), "dark"), ((1280, 720), "light")])
def test_everything_can_be_read_and_nothing_scrolls_sideways(guest, size, scheme):
    width, height = size
    viewport = {"width": width, "height": height}
    # The other one's training may have ended: this one has settings of its own.
    visitor = guest(f"?steps=10&seed={width}", viewport=viewport, color_scheme=scheme)
    visitor.start()
    page = visitor.page
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if width == 1280:
        bottom = page.locator("#train .train-columns").evaluate(
            "e => e.getBoundingClientRect().bottom"
        )
        assert bottom <= height
    smallest = page.evaluate(
        """() => Math.min(...[...document.querySelectorAll("#train *")]
            .filter((node) => node.checkVisibility() && !node.children.length)
            .filter((node) => node.textContent.trim())
            .map((node) => parseFloat(getComputedStyle(node).fontSize)))"""
    )
    assert smallest >= 13
    assert violations(visitor) <= GRADIOS_OWN


def test_the_clip_stands_still_where_motion_is_unwelcome(guest):
    still = guest("?steps=10").find("still")
    expect(still).to_have_attribute("aria-pressed", "true")
    moving = guest("?steps=10", reduced_motion="no-preference").find("still")
    expect(moving).to_have_attribute("aria-pressed", "false")
    moving.click()
    expect(moving).to_have_attribute("aria-pressed", "true")


def test_the_other_pages_lead_here(guest, open_page):
    visitor = guest()
    links = visitor.page.locator("#train .bar-page")
    names = ["Explore", "Live", "Learn", "Train", "Data set"]
    assert [link.inner_text() for link in links.all()] == names
    explore = open_page()
    explore.page.locator("#bar .bar-page", has_text="Train").click()
    expect(explore.page.locator("#train .train-main")).to_be_visible(timeout=SLOW)
