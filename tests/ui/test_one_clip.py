"""After Cancel, Clear and a refusal all parts of the page speak of one clip."""

import re

from conftest import wait_until
from playwright.sync_api import expect

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
    visitor.page.locator("#examples button").nth(1).click()
    stale = visitor.page.locator("#stale")
    expect(stale).to_contain_text(f"{SECOND} is not read yet: this is still {FIRST}.")
    expect(visitor.page.locator("#player")).to_have_css("opacity", "0.4")
    unread.unlink()
    visitor.wait_until_explored()
    expect_all_of(visitor, SECOND)


def test_a_clip_whose_reading_is_cancelled_leaves_the_field(open_page, hold):
    visitor = open_page()
    hold("unread")
    visitor.page.locator("#examples button").nth(1).click()
    expect(visitor.page.locator("#working")).to_contain_text("Reading the clip")
    expect(field(visitor)).to_have_attribute("src", re.compile("bold"))
    cancel(visitor)
    notice = visitor.page.locator("#notice")
    expect(notice).to_contain_text(f"The work was cancelled. The page still shows {FIRST}.")
    expect_all_of(visitor, FIRST)
    assert visitor.complaints == []


def test_parts_that_were_cancelled_say_so_and_explore_goes_on(open_page, hold):
    visitor = open_page()
    gate = hold("gate")
    visitor.page.locator("#examples button").nth(1).click()
    expect(visitor.page.locator("#working")).to_contain_text("Following attention")
    cancel(visitor)
    gate.unlink()
    visitor.page.get_by_role("tab", name="Attend").click()
    missing = "Not computed for this clip. The work was cancelled. Press Explore to go on."
    expect(visitor.page.locator("#attention")).to_contain_text(missing)
    visitor.page.get_by_role("tab", name="Reconstruct").click()
    expect(visitor.page.locator("#reconstruction")).to_contain_text(missing)
    expect_all_of(visitor, SECOND)
    visitor.page.get_by_role("button", name="Explore", exact=True).click()
    visitor.wait_until_explored()
    expect(visitor.page.locator("#reconstruction")).to_contain_text("24 of 32")


def test_cancel_ends_what_waits_in_the_browser_too(open_page, hold, asked):
    """Gradio begins a deferred event by itself; it is not done if Cancel came after it."""
    visitor = open_page()
    before = len(asked())
    unread = hold("unread")
    visitor.page.locator("#examples button").nth(1).click()
    expect(visitor.page.locator("#working")).to_contain_text("Reading the clip")
    visitor.page.locator("#examples button").nth(1).click()
    joined = [url for url in visitor.requests if "queue/join" in url]
    cancel(visitor)
    wait_until(lambda: joins(visitor) >= len(joined) + 2)  # Cancel's own, and the deferred one's
    unread.unlink()
    visitor.go_to("Reconstruct")
    visitor.page.locator("#another").click()  # this comes after it, in the same queue
    expect(visitor.page.locator("#reconstruction")).to_contain_text("seed 1")
    expect_all_of(visitor, FIRST)
    assert len(asked()) == before + 1


def joins(visitor) -> int:
    visitor.page.evaluate("0")  # lets playwright take in what the page has sent
    return len([url for url in visitor.requests if "queue/join" in url])


def test_controls_go_back_to_what_is_shown(open_page, hold, asked):
    visitor = open_page()
    visitor.go_to("Reconstruct")
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
    visitor.page.get_by_role("button", name="Clear").click()
    stale = visitor.page.locator("#stale")
    expect(stale).to_contain_text(f"The clip field is empty: this is still {FIRST}.")
    expect(visitor.page.locator("#player")).to_have_css("opacity", "0.4")
    visitor.page.get_by_role("button", name="Explore", exact=True).click()
    expect(stale).not_to_be_visible()
    visitor.wait_until_explored()
    expect_all_of(visitor, FIRST)
