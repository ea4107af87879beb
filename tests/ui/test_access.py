"""The page without a mouse, on a phone, in the dark, in stillness, and read aloud."""

import json
import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect


def test_the_keyboard_does_all_that_the_mouse_does(open_page):
    visitor = open_page()
    visitor.go_to("Attend")
    count = visitor.page.locator("#player .vp-count")
    visitor.page.get_by_role("slider", name="Frame").focus()
    visitor.page.keyboard.press("ArrowRight")
    expect(count).to_contain_text("frame 2/4")
    visitor.page.keyboard.press("Space")
    expect(visitor.page.get_by_role("button", name="Pause", exact=True)).to_be_visible()
    visitor.page.keyboard.press("Space")
    expect(visitor.page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    visitor.page.get_by_role("slider", name="Frame").fill("0")
    visitor.stage().focus()
    visitor.page.keyboard.press("ArrowUp")
    expect(visitor.readout()).to_have_text(re.compile(r"s, row 1, column 2: \d+\.\dx uniform"))
    visitor.page.keyboard.press("Enter")
    expect(visitor.page.locator("#attention")).to_contain_text(
        "the token at time 0, row 1, column 2"
    )
    visitor.page.keyboard.press("Escape")
    expect(visitor.page.locator("#attention")).to_contain_text("average of all tokens")


def test_it_plays_by_itself_unless_motion_is_unwelcome(open_page):
    still = open_page()
    expect(still.page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    moving = open_page(reduced_motion="no-preference")
    expect(moving.page.get_by_role("button", name="Pause", exact=True)).to_be_visible()
    expect(moving.page.locator("#player .vp-count")).to_contain_text("frame 3/4")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_scrolls_sideways_and_everything_can_be_read(open_page, width, scheme):
    visitor = open_page(viewport={"width": width, "height": 844}, color_scheme=scheme)
    for lens in ("Recognise", "Attend", "Reconstruct"):
        visitor.go_to(lens)
        assert visitor.page.evaluate("document.documentElement.scrollWidth") <= width
        found = Axe().run(visitor.page).response["violations"]
        ours = {
            (violation["id"], node["html"][:120])
            for violation in found
            for node in violation["nodes"]
            if violation["impact"] in ("serious", "critical") and of_our_making(node)
        }
        assert ours == set()


def of_our_making(node: dict) -> bool:
    """Gradio's own components have contrasts and roles that are not ours to mend."""
    where = json.dumps(node["target"])
    return any(
        f"#{part}" in where or f".{part}" in where for part in ("player", "vp", "panel", "picker")
    )


def test_a_finger_chooses_a_token(open_page):
    visitor = open_page(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    visitor.go_to("Attend")
    visitor.stage().tap(position={"x": 12, "y": 12})
    expect(visitor.page.locator("#attention")).to_contain_text("row 0, column 0")
