"""What the page shows has an address; what is opened moves nothing; all of it fits a projector."""

import re
import time
import urllib.request

import numpy as np
import pytest
from conftest import wait_until
from playwright.sync_api import expect

from videomae_demo import ClipRequest, Explorer
from videomae_demo.shipped import ASSETS

pytestmark = pytest.mark.slow

PROJECTOR = {"viewport": {"width": 1280, "height": 720}}
SMALLEST_TEXT = """() => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const small = [];
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim();
    const parent = walker.currentNode.parentElement;
    if (!text || !parent.checkVisibility() || parent.closest("footer")) continue;
    if (parseFloat(getComputedStyle(parent).fontSize) < 13) small.push(text);
  }
  return small;
}"""
BUSY = """{
  const wait = window.setTimeout;
  let waiting = [];
  const go = () => {
    const now = waiting;
    waiting = [];
    for (const one of now) one();
  };
  window.setTimeout = (task, delay, ...given) => {
    if (delay) return wait(task, delay, ...given);
    if (!waiting.length) wait(go, 500);
    return waiting.push(() => task(...given));
  };
}"""
"""As a busy browser, handle at once all that has come meanwhile."""
WATCH_SHIFTS = """() => {
  window.shifts = [];
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      window.shifts.push([entry.value, ...entry.sources.map((source) => {
        const node = source.node instanceof Element ? source.node : source.node?.parentElement;
        return node ? `${node.tagName}#${node.id}.${node.className}` : "";
      })]);
    }
  }).observe({ type: "layout-shift", buffered: false });
}"""


def query_of(visitor) -> dict[str, str]:
    return visitor.page.evaluate("Object.fromEntries(new URLSearchParams(location.search))")


def expect_query(visitor, **wanted: str) -> None:
    visitor.page.wait_for_function(
        """wanted => {
            const found = Object.fromEntries(new URLSearchParams(location.search));
            const same = ([name, value]) => found[name] === value;
            return Object.entries(wanted).every(same);
        }""",
        arg=wanted,
    )


def test_a_view_is_found_again_by_its_address(open_page):
    visitor = open_page()
    expect_query(visitor, example="a-moving_square")
    visitor.pick(1)
    expect(visitor.page.locator("#seen")).to_contain_text("bold.mp4")
    visitor.wait_until_explored()
    visitor.go_to("Reconstruct")
    visitor.page.locator("#mask-kind").get_by_label("random").check()
    expect(visitor.page.locator("#reconstruction")).to_contain_text("random mask, seed 0")
    visitor.go_to("Attend")
    visitor.stage().click(position={"x": 10, "y": 10})
    visitor.page.locator("#first-layer input[type=range]").focus()
    visitor.page.keyboard.press("ArrowRight")
    attention = visitor.page.locator("#attention")
    expect(attention).to_contain_text("through layers 2 to the last")
    expect_query(visitor, lens="attend", token="0,0,0", layers="2-", mask="random", ratio="0.75")
    assert query_of(visitor)["example"] == "b ${1}<b>bold"
    said = attention.inner_text()
    other = open_page(visitor.page.url)
    expect(other.page.locator("#seen")).to_contain_text("bold.mp4")
    expect(other.page.locator("#attention")).to_contain_text("the token at time 0, row 0, column 0")
    assert other.page.locator("#attention").inner_text() == said
    expect(other.page.get_by_role("tab", name="Attend")).to_have_attribute("aria-selected", "true")
    expect(other.page.get_by_label("number input for From layer")).to_have_value("2")
    assert other.pixels() == visitor.pixels()
    expect(other.page).to_have_title(re.compile("bold: Attend - VideoMAE Explorer"))
    other.go_to("Reconstruct")
    expect(other.page.locator("#reconstruction")).to_contain_text("random mask, seed 0")
    assert visitor.complaints == other.complaints == []


def test_a_clip_of_ones_own_has_no_address_and_share_says_so(open_page, clip_path):
    visitor = open_page()
    visitor.page.get_by_role("button", name="Share").click()
    said = visitor.page.locator("#bar .bar-said")
    expect(said).to_contain_text(re.compile("Link copied|Copy this link: http"))
    # It covers nothing that can be clicked, and goes with the next click.
    row = visitor.page.locator("#bar .bar-clip-row").bounding_box()
    assert said.bounding_box()["y"] >= row["y"] + row["height"]
    visitor.clear()
    expect(said).to_be_empty()
    visitor.page.locator("#clip input[type=file]").set_input_files(clip_path)
    expect(visitor.page.locator("#seen")).to_contain_text("square.mp4")
    expect(visitor.page.locator("#clip-sheet")).not_to_be_visible()  # it was for this
    visitor.wait_until_explored()
    visitor.page.wait_for_function("location.search === ''")
    visitor.page.get_by_role("button", name="Share").click()
    expect(said).to_contain_text("A clip of your own can't be linked")


def test_an_address_of_nonsense_opens_the_page_all_the_same(open_page, page_address):
    nonsense = "?example=<b>&weights=/etc&lens=rest&token=a,b&layers=9-1&mask=x&start=soon&ratio=9"
    visitor = open_page(page_address + "/" + nonsense)
    expect(visitor.page.locator("#seen")).to_contain_text("a-moving_square.mp4")
    for lens in ("Attend", "Reconstruct"):
        visitor.go_to(lens)
    assert visitor.complaints == []


def test_sheets_open_over_the_page_and_give_the_focus_back(open_page):
    visitor = open_page()
    clips, weights = (visitor.page.locator(f"#bar .bar-{name}") for name in ("change", "weights"))
    clips.click()
    expect(visitor.page.locator("#examples")).to_be_visible()
    weights.click()
    expect(visitor.page.locator("#examples")).not_to_be_visible()
    expect(visitor.page.locator("#weights")).to_be_visible()
    visitor.page.keyboard.press("Escape")
    expect(visitor.page.locator("#weights")).not_to_be_visible()
    expect(weights).to_be_focused()
    clips.click()
    visitor.stage().click(position={"x": 10, "y": 300})
    expect(visitor.page.locator("#examples")).not_to_be_visible()


def test_nothing_that_is_opened_moves_anything(open_page):
    visitor = open_page(**PROJECTOR)
    for lens in ("Attend", "Reconstruct", "Recognise"):
        visitor.go_to(lens)  # answers are here by now
    visitor.page.evaluate(WATCH_SHIFTS)
    places = []
    for lens in ("Attend", "Reconstruct", "Recognise"):
        visitor.go_to(lens)
        visitor.open_clips()
        visitor.page.keyboard.press("Escape")
        visitor.open_weights()
        visitor.page.keyboard.press("Escape")
        places.append(
            [
                visitor.page.locator(f"#player .vp-{part}").bounding_box()
                for part in ("body", "transport", "strip")
            ]
        )
    assert places[0] == places[1] == places[2]
    shifts = visitor.page.evaluate("window.shifts")
    moved = [shift for shift in shifts if any("vp" in node or "bar" in node for node in shift[1:])]
    assert moved == []


def test_all_that_counts_fits_a_projector(open_page):
    visitor = open_page(**PROJECTOR)
    charts = {
        "Recognise": "#labels .panel-bars",
        "Attend": "#first-layer",
        "Reconstruct": "#preset-90",
    }
    for lens, part in charts.items():
        visitor.go_to(lens)
        parts = [part, *(f"#player .vp-{name}" for name in ("strip", "transport", "whole"))]
        for selector in parts:
            box = visitor.page.locator(selector).bounding_box()
            assert box["y"] + box["height"] <= 720, (lens, selector)
        assert visitor.page.evaluate(SMALLEST_TEXT) == []
    # What trying all shares costs, on a slow machine, takes no second line.
    preset = visitor.page.locator("#preset-90")
    before = preset.bounding_box()
    every = visitor.page.locator("#every-share")
    every.evaluate("button => { button.dataset.cost = 'about 100 s'; }")
    assert every.bounding_box()["height"] == before["height"]
    assert preset.bounding_box()["y"] == before["y"]
    assert visitor.page.evaluate("scrollY") == 0


@pytest.mark.parametrize("by", ["mouse", "keys"])
def test_the_window_is_moved_over_the_whole_clip(open_page, by):
    """The clip has 48 frames at 24 per second, the model takes 4 in 0.42 s."""
    visitor = open_page()
    frames = visitor.page.locator("#seen .panel-facts dd").nth(2)
    expect(frames).to_have_text("4, from 0.79 s to 1.21 s")
    handle = visitor.page.get_by_role("slider", name="Start of the window")
    if by == "keys":
        handle.focus()
        visitor.page.keyboard.press("Home")
    else:
        handle.scroll_into_view_if_needed()
        box = handle.bounding_box()
        middle = box["y"] + box["height"] / 2
        visitor.page.mouse.move(box["x"] + box["width"] / 2, middle)
        visitor.page.mouse.down()
        visitor.page.mouse.move(0, middle, steps=5)
        visitor.page.mouse.up()
    expect(frames).to_have_text("4, from 0.00 s to 0.42 s")
    visitor.open_clips()
    visitor.page.get_by_role("button", name="Sampling").click()
    expect(visitor.page.locator("#start :is(textarea, input)").first).to_have_value("0")
    expect_query(visitor, start="0")
    visitor.wait_until_explored()
    expect(handle).to_have_attribute("aria-valuetext", "from 0.00 s to 0.42 s")
    assert visitor.complaints == []


def test_the_frames_can_be_seen_as_the_model_gets_them(open_page, recogniser_folder, clip_path):
    visitor = open_page()
    explorer = Explorer(str(recogniser_folder), device="cpu")
    given = explorer.as_given(ClipRequest(clip_path))
    assert given.shape == (4, 32, 32, 3)
    before = visitor.picture()
    visitor.page.get_by_label("as the model sees it").check()

    def is_as_given() -> bool:
        shown = visitor.picture()
        factor = shown.shape[0] // 32
        return np.array_equal(shown[::factor, ::factor], given[0])

    wait_until(is_as_given)  # its picture has to come
    visitor.page.get_by_label("as the model sees it").uncheck()
    wait_until(lambda: np.array_equal(visitor.picture(), before))


def test_the_skip_link_leads_to_the_player(open_page):
    visitor = open_page()
    visitor.page.keyboard.press("Tab")
    skip = visitor.page.get_by_role("link", name="Skip to the player")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()


def test_what_a_click_costs_stands_on_its_button(open_page, hold, begun):
    visitor = open_page()
    visitor.go_to("Reconstruct")
    another, told = visitor.page.locator("#another"), visitor.page.locator("#reconstruction")
    seed = visitor.page.get_by_label("Seed")
    seed.fill("4709")  # masks that nobody has had; this one's pass is quick
    seed.press("Enter")
    expect(told).to_contain_text("seed 4709")
    expect(another).to_have_accessible_name("Another mask")
    visitor.wait_until_explored()
    closed, before = hold("closed"), begun()
    seed.fill("4711")
    seed.press("Enter")
    wait_until(lambda: begun() > before)
    time.sleep(1.1)  # a pass that is noticed
    closed.unlink()
    expect(another).to_have_accessible_name(re.compile(r"^Another mask ?about \d+(\.\d)? s$"))
    visitor.wait_until_explored()
    another.click()
    expect(another).to_have_accessible_name("Another mask")
    expect(told).to_contain_text("seed 4712")
    visitor.wait_until_explored()
    visitor.pick(1)
    visitor.wait_until_explored()
    expect(visitor.page.locator("#another[data-cost], #explore[data-cost]")).to_have_count(0)


def test_another_mask_stays_though_the_field_that_was_left_comes_late(open_page):
    visitor = open_page()
    visitor.go_to("Reconstruct")
    told = visitor.page.locator("#reconstruction")
    seed = visitor.page.get_by_label("Seed")
    seed.fill("5711")
    seed.press("Enter")
    expect(told).to_contain_text("seed 5711")
    late = []

    def hold_the_field_up(route) -> None:
        if 5711 in route.request.post_data_json["data"]:
            late.append(route)
        else:
            route.continue_()

    visitor.page.route("**/queue/join*", hold_the_field_up)
    visitor.page.locator("#another").click()  # the field is left, and says once more what it has
    expect(told).to_contain_text("seed 5712")
    (route,) = late
    with visitor.page.expect_response(lambda answer: answer.request == route.request):
        route.continue_()
    visitor.pick(1)  # its turn comes after the field's
    expect(visitor.page.locator("#seen")).to_contain_text("bold.mp4")
    visitor.wait_until_explored()
    expect(told).to_contain_text("seed 5712")
    assert visitor.complaints == []


def test_a_share_chosen_before_the_first_answer_stays(open_page, hold, asked):
    visitor = open_page()
    before = len(asked())
    held = hold("unrebuilt")
    visitor.open_tab("Reconstruct")
    wait_until(lambda: len(asked()) > before)
    visitor.page.locator("#preset-90").click()
    held.unlink()
    expect(visitor.page.locator("#reconstruction .panel-lead")).to_contain_text("28 of 32")
    visitor.wait_until_explored()
    share = visitor.page.get_by_label("number input for Share to hide")
    expect(share).to_have_value("0.9")


def test_arrows_move_between_the_lenses_tabs(open_page):
    visitor = open_page()
    tabs = {name: visitor.page.get_by_role("tab", name=name) for name in ("Recognise", "Attend")}
    tabs["Recognise"].focus()
    visitor.page.keyboard.press("ArrowRight")
    expect(tabs["Attend"]).to_be_focused()
    visitor.page.keyboard.press("Enter")
    expect(visitor.page.locator("#player .vp[data-lens=attend]")).to_be_visible()
    expect(visitor.page.locator("#attention")).to_contain_text("uniform")
    visitor.page.keyboard.press("ArrowLeft")
    expect(tabs["Recognise"]).to_be_focused()


def test_the_page_has_an_icon_of_its_own(page_address):
    with urllib.request.urlopen(f"{page_address}/favicon.ico") as answer:
        assert answer.headers["Content-Type"].startswith("image/svg+xml")
        assert answer.read() == (ASSETS / "icon.svg").read_bytes()


def test_a_busy_browser_loses_nothing_that_comes_in_quick_succession(open_page, tabs):
    # A context of its own: what an init script does, it does in every tab.
    own = {"extra_http_headers": {"x-busy": "1"}}
    tabs.context(**own).add_init_script(BUSY)
    visitor = open_page(**own)
    visitor.go_to("Attend")
    for layer, number in ("first-layer", "1"), ("last-layer", "3"):
        expect(visitor.page.locator(f"#{layer} input[type=number]")).to_have_value(number)
