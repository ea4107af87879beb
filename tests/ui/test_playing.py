"""What goes on by itself, and what keys, phones and refusals do to it."""

import re

import pytest
from playwright.sync_api import expect

from videomae_demo.ui.panel.panel import make_panel

pytestmark = pytest.mark.slow

DRAW_SHARES = """([script, shares]) => {
  const element = document.createElement("div");
  element.innerHTML = '<div class="panel"></div>';
  const rows = shares.map((share) => ({ name: "", share }));
  const props = { value: JSON.stringify([{ kind: "bars", rows }]) };
  new Function("element", "props", "watch", script)(element, props, () => {});
  return [...element.querySelectorAll(".panel-value")].map((node) => node.textContent);
}"""


@pytest.mark.parametrize(("lens", "held"), [("Attend", "gate"), ("Reconstruct", "unrebuilt")])
def test_playing_goes_on_when_a_new_clip_comes(open_page, hold, lens, held):
    visitor = open_page(reduced_motion="no-preference")
    visitor.go_to(lens)
    expect(visitor.page.get_by_role("button", name="Pause", exact=True)).to_be_visible()
    unanswered = hold(held)
    visitor.pick(1)
    # The new clip is there, and nothing of it for this lens.
    expect(visitor.page.locator("#player .vp")).to_have_attribute("data-ready", "clip")
    visitor.page.evaluate("() => new Promise(requestAnimationFrame)")
    unanswered.unlink()
    visitor.wait_until_explored()
    label = visitor.page.locator("#player .vp-count")
    expect(label).not_to_have_text(label.inner_text())
    expect(visitor.page.get_by_role("button", name="Pause", exact=True)).to_be_visible()
    assert visitor.complaints == []


def test_keys_are_at_peace_with_a_lens_that_is_not_there_yet(open_page, gate):
    visitor = open_page()
    visitor.go_to("Attend")
    visitor.stage().focus()
    gate.touch()
    try:
        visitor.page.locator("#examples button").nth(1).evaluate("button => button.click()")
        # No Enter yet: it would ask for a rollout of the clip before, which may be answered first.
        for key in ("ArrowRight", "+", " ", "Escape"):
            visitor.page.keyboard.press(key)
        expect(visitor.page.locator("#player .vp")).to_have_attribute("data-ready", "clip")
        for key in ("ArrowRight", "Enter", "+", " ", "Escape"):
            visitor.page.keyboard.press(key)
    finally:
        gate.unlink()
    visitor.wait_until_explored()
    expect(visitor.stage()).to_be_focused()
    assert visitor.complaints == []


def test_a_refusal_leaves_nothing_at_work(open_page):
    visitor = open_page()
    visitor.go_to("Reconstruct")
    visitor.page.locator("#mask-kind").get_by_label("painted").click()  # soon it is put back
    expect(visitor.page.get_by_test_id("toast-body")).to_be_visible()
    # Else the bar would be hidden for another reason.
    expect(visitor.page.locator("#status [data-testid=status-tracker] .error")).to_have_count(1)
    expect(visitor.page.locator("#working")).not_to_be_visible()


@pytest.fixture
def drawn(browser):
    """What stands beside the bars of these shares."""
    page = browser.new_page()
    script = make_panel("bars").js_on_load
    yield lambda shares: page.evaluate(DRAW_SHARES, [script, shares])
    page.close()


def test_no_share_below_one_reads_as_all(drawn):
    shown = drawn([1, 0.99999, 0.9995, 0.9994, 0.995, 0.99, 0.9899, 0.5, 0.099, 0.0004, 0])
    assert shown == [
        "100%", "> 99.9%", "> 99.9%", "99.9%", "99.5%", "99.0%", "99%", "50%", "9.9%", "< 0.1%",
        "0.0%",
    ]  # fmt: skip


def test_shares_read_as_in_the_sentences_beside_them(drawn):
    tied = [0.125, 0.375, 0.625, 0.875, 0.0625, 0.03125]
    assert drawn(tied) == [f"{share:.0%}" for share in tied[:4]] + ["6.2%", "3.1%"]


def test_on_a_phone_the_tabs_stick_and_a_picked_example_shows_the_player(open_page):
    visitor = open_page(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    tabs = visitor.page.locator("#lenses > .tab-wrapper")
    visitor.page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    assert visitor.page.evaluate("scrollY") > 0
    assert tabs.bounding_box()["y"] == pytest.approx(0, abs=1)
    visitor.page.evaluate("window.scrollTo(0, 0)")
    visitor.page.get_by_role("button", name="Change clip").tap()
    example = visitor.page.locator("#examples button").nth(1)
    example.scroll_into_view_if_needed()
    example.tap()
    expect(example).not_to_be_visible()
    expect(visitor.page.locator("#player")).to_be_in_viewport()
    visitor.wait_until_explored()
    expect(visitor.stage()).to_be_in_viewport(ratio=0.9)
    bottom = tabs.bounding_box()["y"] + tabs.bounding_box()["height"]
    assert visitor.page.locator("#player").bounding_box()["y"] >= bottom - 1


def test_recognise_says_what_a_chosen_token_is_for(open_page):
    visitor = open_page()
    expect(visitor.readout()).to_contain_text("Attend starts from it")
    visitor.stage().click(position={"x": 10, "y": 10})
    visitor.page.mouse.move(0, 0)
    expect(visitor.readout()).to_contain_text(re.compile("Chosen: .*Attend starts from it"))


def test_the_curves_right_edge_is_its_last_moment(open_page):
    visitor = open_page()
    visitor.go_to("Attend")
    curve = visitor.page.locator("#player .vp-curve")
    edge = "box => box.getBoundingClientRect().right"
    curve.evaluate(
        f"""curve => curve.dispatchEvent(
            new PointerEvent("pointerdown", {{ clientX: ({edge})(curve) }})
        )"""
    )
    label = visitor.page.locator("#player .vp-count")
    expect(label).not_to_have_text(re.compile("frame 1/"))


def test_a_slider_moved_by_keys_counts(open_page):
    visitor = open_page()
    visitor.go_to("Attend")
    expect(visitor.page.locator("#attention")).to_contain_text("through all layers")
    visitor.wait_until_explored()
    visitor.page.locator("#first-layer input[type=range]").focus()
    visitor.page.keyboard.press("ArrowRight")
    expect(visitor.page.locator("#attention")).to_contain_text("through layers 2 to the last")
