"""The page without a mouse, on a phone, in the dark, in stillness, and read aloud."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from videomae_demo.ui.lenses.registry import LENSES

pytestmark = pytest.mark.slow


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


GRADIOS_OWN = {
    ("image-redundant-alt", 'img[alt="logo"]'),
    ("image-redundant-alt", 'img[alt="Settings"]'),
}
"""The footer's pictures repeat the words beside them."""


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_nothing_scrolls_sideways_and_everything_can_be_read(open_page, width, scheme):
    visitor = open_page(viewport={"width": width, "height": 844}, color_scheme=scheme)
    for lens in ("Recognise", "Attend", "Reconstruct"):
        visitor.go_to(lens)
        expect(visitor.page.locator("#working")).not_to_be_visible()
        assert visitor.page.evaluate("document.documentElement.scrollWidth") <= width
        assert violations(visitor) <= GRADIOS_OWN
    visitor.page.get_by_role("button", name="Paint the mask").click()
    visitor.page.get_by_role("button", name="Larger").click()
    assert visitor.page.evaluate("document.documentElement.scrollWidth") <= width
    assert violations(visitor) <= GRADIOS_OWN


def violations(visitor) -> set[tuple[str, str]]:
    found = Axe().run(visitor.page).response["violations"]
    return {
        (violation["id"], "".join(node["target"]))
        for violation in found
        for node in violation["nodes"]
    }


def test_a_finger_chooses_a_token(open_page):
    visitor = open_page(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    visitor.go_to("Attend")
    visitor.stage().tap(position={"x": 12, "y": 12})
    expect(visitor.page.locator("#attention")).to_contain_text("row 0, column 0")


PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


def test_the_tabs_of_all_lenses_fit_a_phone(open_page):
    tabs = open_page(**PHONE).page.locator("#lenses [role=tab]")
    expect(tabs).to_have_count(len(LENSES))
    for tab in tabs.all():
        box = tab.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 390


def test_a_pinch_magnifies_all_pictures_and_paints_nothing(open_page):
    visitor = open_page(**PHONE)
    visitor.go_to("Reconstruct")
    lead = visitor.page.locator("#reconstruction .panel-lead")
    expect(lead).to_contain_text("24 of 32")
    visitor.page.get_by_role("button", name="Paint the mask").tap()
    stage = visitor.stage(1)
    stage.scroll_into_view_if_needed()
    box = stage.bounding_box()
    before = [visitor.pixels(index) for index in range(4)]
    touch = visitor.page.context.new_cdp_session(visitor.page)

    def fingers(kind: str, *apart: float) -> None:
        """Two fingers around the middle of the picture, `apart` shares of its width from it."""
        points = [
            {"x": box["x"] + (0.5 + side) * box["width"], "y": box["y"] + box["height"] / 2}
            for side in apart
        ]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    fingers("touchStart", -0.1)
    fingers("touchStart", -0.1, 0.1)
    for share in (0.15, 0.2):
        fingers("touchMove", -share, share)
    fingers("touchEnd")
    expect(visitor.page.locator("#player .vp-zoom")).to_have_text("2x")
    widths = [
        visitor.stage(index).evaluate(
            "stage => stage.firstElementChild.getBoundingClientRect().width / stage.clientWidth"
        )
        for index in range(4)
    ]
    assert widths == pytest.approx([2] * 4, abs=0.05)
    assert [visitor.pixels(index) for index in range(4)] == before
    expect(lead).to_contain_text("24 of 32")


def test_a_magnified_token_is_the_one_that_is_chosen(open_page):
    visitor = open_page(**PHONE)
    visitor.go_to("Attend")
    visitor.page.get_by_role("button", name="Larger").tap()
    visitor.page.get_by_role("button", name="Larger").tap()
    expect(visitor.page.locator("#player .vp-zoom")).to_have_text("4x")
    visitor.stage().tap(position={"x": 12, "y": 12})  # what is seen begins at 3/8 of the picture
    expect(visitor.page.locator("#attention")).to_contain_text("row 1, column 1")
    expect(visitor.page.locator("#player .vp-chosen")).to_be_visible()


def test_the_keyboard_magnifies_and_what_is_seen_follows_it(open_page):
    visitor = open_page()
    visitor.go_to("Attend")
    visitor.stage().focus()
    for key in ("+", "+", "ArrowLeft", "ArrowLeft", "ArrowUp", "ArrowUp"):
        visitor.page.keyboard.press(key)
    expect(visitor.readout()).to_contain_text("row 0, column 0")
    apart = visitor.stage().evaluate(
        """(stage) => {
            const cursor = stage.querySelector(".vp-cursor").getBoundingClientRect();
            const seen = stage.getBoundingClientRect();
            return ["x", "y", "width"].map((side) => cursor[side] - seen[side]);
        }"""
    )
    assert apart == pytest.approx([0] * 3, abs=1)  # a 4 x 4 grid, seen 4 times
    visitor.page.keyboard.press("-")
    expect(visitor.page.locator("#player .vp-zoom")).to_have_text("2x")


def test_the_main_path_needs_no_mouse(open_page):
    visitor = open_page()
    keys = visitor.page.keyboard
    tab_to(visitor, "#bar .bar-change")
    keys.press("Enter")
    tab_to(visitor, "#examples button:nth-child(2)")
    keys.press("Enter")
    expect(visitor.page.locator("#bar .bar-change")).to_be_focused()
    expect(visitor.page.locator("#seen")).to_contain_text("b ${1}<b>bold.mp4")
    visitor.wait_until_explored()
    tab_to(visitor, "#tab-attend-button")
    keys.press("Enter")
    expect(visitor.page.locator("#player .vp[data-lens=attend]")).to_be_visible()
    tab_to(visitor, "#player .vp-stage", back=True)
    keys.press("Enter")
    expect(visitor.page.locator("#attention")).to_contain_text("the token at time 0, row 2")
    tab_to(visitor, "#tab-reconstruct-button")
    keys.press("Enter")
    expect(visitor.page.locator("#player .vp[data-lens=reconstruct]")).to_be_visible()
    tab_to(visitor, "#preset-90")
    keys.press("Enter")
    expect(visitor.page.locator("#reconstruction .panel-lead")).to_contain_text("28 of 32")
    tab_to(visitor, "#player .vp-paint", back=True)
    keys.press("Enter")
    tab_to(visitor, "#player .vp-stage", back=True)
    keys.press("Enter")
    expect(visitor.page.locator("#reconstruction")).to_contain_text("painted by hand")


def tab_to(visitor, selector: str, *, back: bool = False) -> None:
    """Press Tab until the focus is there; wherever it rests on the way, it can be seen."""
    for _ in range(80):
        visitor.page.keyboard.press("Shift+Tab" if back else "Tab")
        resting = visitor.page.evaluate(
            """(selector) => {
                const at = document.activeElement;
                const look = getComputedStyle(at);
                const ringed = look.outlineStyle === "solid" && parseFloat(look.outlineWidth) > 2;
                return { there: at.matches(selector), ringed, what: at.outerHTML.slice(0, 120) };
            }""",
            selector,
        )
        assert resting["ringed"] or resting["what"].startswith("<body"), resting["what"]
        if resting["there"]:
            return
    raise AssertionError(f"80 times Tab do not lead to {selector}.")
