"""The controls of sampling, and of the layers: each change is followed at once."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.slow


def open_sampling(visitor) -> None:
    visitor.open_clips()
    visitor.page.get_by_role("button", name="Sampling").click()


def frames(visitor):
    return visitor.page.locator("#seen .panel-facts dd").nth(2)


def fill(visitor, elem_id: str, value: str) -> None:
    box = visitor.page.locator(f"#{elem_id} :is(input, textarea)").first
    box.fill(value)
    box.press("Enter")


def test_other_frames_are_explored_at_once(open_page):
    """The clip has 48 frames at 24 per second, the model takes 4."""
    visitor = open_page()
    open_sampling(visitor)
    visitor.page.locator("#sampling").get_by_label("every so many frames").check()
    expect(frames(visitor)).to_have_text("4, from 0.71 s to 1.21 s")
    fill(visitor, "step", "2")
    expect(frames(visitor)).to_have_text("4, from 0.83 s to 1.08 s")
    fill(visitor, "start", "0.5")
    expect(frames(visitor)).to_have_text("4, from 0.50 s to 0.75 s")
    visitor.page.locator("#sampling").get_by_label("spread over the whole clip").check()
    expect(frames(visitor)).to_have_text("4, from 0.25 s to 1.75 s")
    visitor.wait_until_explored()
    assert visitor.complaints == []


def test_an_invalid_field_is_named_and_nothing_waits_for_it(open_page):
    visitor = open_page()
    open_sampling(visitor)
    visitor.page.locator("#sampling").get_by_label("every so many seconds").check()
    shown = "4, from 0.79 s to 1.17 s"
    expect(frames(visitor)).to_have_text(shown)
    fill(visitor, "interval", "-1")
    toast = visitor.page.get_by_test_id("toast-body")
    expect(toast).to_contain_text("The field 'Seconds between frames' is -1")
    expect(visitor.page.locator("#interval input")).to_have_value("0.125")
    expect(visitor.page.locator("#working")).not_to_be_visible()
    visitor.page.locator("#interval input").fill("")
    visitor.pick(1)
    expect(visitor.page.locator("#seen")).to_contain_text("bold.mp4")
    expect(frames(visitor)).to_have_text(shown)


def test_layers_that_cross_push_each_other(open_page):
    visitor = open_page()
    visitor.go_to("Attend")
    attention = visitor.page.locator("#attention")
    expect(attention).to_contain_text("through all layers")
    visitor.page.locator("#last-layer input[type=range]").focus()
    for last in (2, 1):
        visitor.page.keyboard.press("ArrowLeft")
        expect(attention).to_contain_text(f"layers 1 to {last}")
    visitor.page.locator("#first-layer input[type=range]").focus()
    for first in (2, 3):
        visitor.page.keyboard.press("ArrowRight")
        expect(attention).to_contain_text(f"layers {first} to")
    expect(visitor.page.get_by_label("number input for To layer")).to_have_value("3")
    expect(attention).to_contain_text(re.compile("layers 3 to (3|the last)"))
    expect(visitor.page.get_by_test_id("toast-body")).to_have_count(0)
