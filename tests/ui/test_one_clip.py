"""After Cancel, Clear and a refusal all parts of the page speak of one clip."""

import re

import pytest
from conftest import wait_until
from playwright.sync_api import expect

pytestmark = pytest.mark.slow

FIRST, SECOND = "a-moving_square.mp4", "b ${1}<b>bold.mp4"
FILES = {FIRST: r"a-moving_square\.mp4$", SECOND: r"bold\.mp4$"}


def field(visitor):
    return visitor.page.locator("#clip video")


def expect_all_of(visitor, name: str) -> None:
    expect(visitor.page.locator("#seen")).to_contain_text(name)
    expect(field(visitor)).to_have_attribute("src", re.compile(FILES[name]))
    expect(visitor.page.locator("#stale")).not_to_be_visible()
    expect(visitor.page.locator("#player")).to_have_css("opacity", "1")
    expect(visitor.page.locator("#working")).not_to_be_visible()


def cancel(visitor) -> None:
    visitor.page.get_by_role("button", name="Cancel").click()
    expect(visitor.page.get_by_test_id("toast-body")).to_contain_text("Stopped")


def test_while_a_clip_is_read_the_page_says_whose_it_is(open_page, hold):
    visitor = open_page()
    unread = hold("unread")
    visitor.pick(1)
    stale = visitor.page.locator("#stale")
    expect(stale).to_contain_text(f"{SECOND} is not read yet: this is still {FIRST}.")
    expect(visitor.page.locator("#player")).to_have_css("opacity", "0.4")
    unread.unlink()
    visitor.wait_until_explored()
    expect_all_of(visitor, SECOND)


def test_a_sheet_that_was_opened_meanwhile_stays_open_when_the_clip_comes(open_page, hold):
    visitor = open_page()
    unread = hold("unread")
    visitor.pick(1)
    sheet = visitor.page.locator("#clip-sheet")
    expect(sheet).not_to_be_visible()
    visitor.open_clips()
    unread.unlink()
    visitor.wait_until_explored()
    expect(visitor.page.locator("#bar")).to_contain_text(SECOND)
    expect(sheet).to_be_visible()


def test_a_clip_whose_reading_is_cancelled_leaves_the_field(open_page, hold):
    visitor = open_page()
    hold("unread")
    visitor.pick(1)
    expect(visitor.page.locator("#working")).to_contain_text("Reading the clip")
    expect(field(visitor)).to_have_attribute("src", re.compile("bold"))
    cancel(visitor)
    notice = visitor.page.locator("#notice")
    expect(notice).to_contain_text(f"The work was cancelled. The page still shows {FIRST}.")
    expect_all_of(visitor, FIRST)
    assert visitor.complaints == []


def test_parts_that_were_cancelled_say_so_and_explore_goes_on(open_page, hold):
    visitor = open_page()
    visitor.go_to("Attend")
    visitor.wait_until_explored()  # its end would hide what comes to work next
    gate = hold("gate")
    visitor.pick(1)
    expect(visitor.page.locator("#working")).to_contain_text("Following attention")
    cancel(visitor)
    gate.unlink()
    missing = "Not computed for this clip. The work was cancelled. Press Explore to go on."
    expect(visitor.page.locator("#attention")).to_contain_text(missing)
    expect_all_of(visitor, SECOND)
    visitor.press_explore()
    visitor.wait_until_explored()
    expect(visitor.page.locator("#attention")).to_contain_text("average of all tokens")


def test_a_lens_whose_opening_is_cancelled_says_so_and_opens_again(open_page, hold):
    visitor = open_page()
    unrebuilt = hold("unrebuilt")
    visitor.open_tab("Reconstruct")
    expect(visitor.page.locator("#working")).to_contain_text("Reconstructing what was hidden")
    # Meanwhile the frames alone are shown.
    expect(visitor.page.locator("#player .vp-stage[data-drawn^=clip]")).to_be_visible()
    cancel(visitor)
    unrebuilt.unlink()
    missing = "Not computed for this clip. The work was cancelled."
    expect(visitor.page.locator("#reconstruction")).to_contain_text(missing)
    visitor.go_to("Recognise")
    visitor.go_to("Reconstruct")
    expect(visitor.page.locator("#reconstruction")).to_contain_text("24 of 32")
    assert visitor.complaints == []


def test_cancel_ends_what_waits_in_the_browser_too(open_page, hold, asked):
    """Gradio begins a deferred event by itself; it is not done if Cancel came after it."""
    visitor = open_page()
    visitor.go_to("Reconstruct")
    visitor.wait_until_explored()  # its end would hide what comes to work next
    before = len(asked())
    unread = hold("unread")
    visitor.pick(1)
    expect(visitor.page.locator("#working")).to_contain_text("Reading the clip")
    visitor.pick(1)
    joined = joins(visitor)
    cancel(visitor)
    wait_until(lambda: joins(visitor) >= joined + 2)  # Cancel's own, and the deferred one's
    unread.unlink()
    visitor.page.locator("#another").click()  # this comes after it, in the same queue
    expect(visitor.page.locator("#reconstruction")).to_contain_text("seed 1")
    expect_all_of(visitor, FIRST)
    assert len(asked()) == before + 1


def test_of_the_ends_of_explorations_the_last_one_settles_the_field(open_page):
    """One that ends while the end before it is settled is not passed over."""
    config = open_page().page.evaluate("window.gradio_config")
    [clip] = [part["id"] for part in config["components"] if part["props"].get("elem_id") == "clip"]
    wires = {wire["id"]: wire for wire in config["dependencies"]}
    ends = [
        wire
        for wire in wires.values()
        if wire["outputs"] == [clip]
        and wires.get(wire["trigger_after"], {}).get("trigger_mode") == "always_last"
        and clip in wires[wire["trigger_after"]]["outputs"]
    ]
    assert len(ends) >= 2 * 8  # good and bad ends, of each way to begin
    assert {wire["trigger_mode"] for wire in ends} == {"always_last"}


def joins(visitor) -> int:
    visitor.page.evaluate("0")  # lets playwright take in what the page has sent
    return len([url for url in visitor.requests if "queue/join" in url])


def test_controls_go_back_to_what_is_shown(open_page, hold, asked):
    visitor = open_page()
    visitor.go_to("Reconstruct")
    visitor.wait_until_explored()  # its end would hide what comes to work next
    before = len(asked())
    closed = hold("closed")
    visitor.page.locator("#mask-kind").get_by_label(
        "cell"
    ).check()  # nobody else asks for it, so it has to be made
    wait_until(lambda: len(asked()) > before)
    cancel(visitor)
    closed.unlink()
    expect(visitor.page.locator("#mask-kind").get_by_label("tube")).to_be_checked()
    expect(visitor.page.locator("#working")).not_to_be_visible()
    expect(visitor.page.locator("#reconstruction")).to_contain_text("tube mask, seed 0")


def test_an_empty_field_says_so_and_explore_fills_it(open_page):
    visitor = open_page()
    visitor.clear()
    stale = visitor.page.locator("#stale")
    expect(stale).to_contain_text(f"The clip field is empty: this is still {FIRST}.")
    expect(visitor.page.locator("#player")).to_have_css("opacity", "0.4")
    visitor.press_explore()
    expect(stale).not_to_be_visible()
    visitor.wait_until_explored()
    expect_all_of(visitor, FIRST)
