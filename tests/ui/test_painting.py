"""Painting a mask in the browser: no stroke is lost, whatever the server answers meanwhile."""

import re

import numpy as np
import pytest
from conftest import wait_until
from playwright.sync_api import expect

from videomae_demo import MaskRequest

pytestmark = pytest.mark.slow


def begin_to_paint(visitor):
    """Show the mask, with nothing hidden; each row of its pictures has 4 tokens, at 2 times."""
    visitor.go_to("Reconstruct")
    visitor.page.get_by_role("button", name="Paint the mask").click()
    tool(visitor, "None").click()
    visitor.stage(1).scroll_into_view_if_needed()


def tool(visitor, name: str):
    return visitor.page.locator("#player").get_by_role("button", name=name, exact=True)


def lead(visitor):
    return visitor.page.locator("#reconstruction .panel-lead")


def go(visitor, row: int, column: int) -> None:
    box = visitor.stage(1).bounding_box()
    x, y = box["x"] + (column + 0.5) * box["width"] / 4, box["y"] + (row + 0.5) * box["height"] / 4
    visitor.page.mouse.move(x, y, steps=4)


def stroke(visitor, row: int, columns: range) -> None:
    go(visitor, row, columns[0])
    visitor.page.mouse.down()
    go(visitor, row, columns[-1])
    visitor.page.mouse.up()


def rows_hidden(visitor) -> list[bool]:
    """Which rows of the picture of what is visible are grey."""
    picture = visitor.picture(1)
    middle = picture[picture.shape[0] // 8 :: picture.shape[0] // 4, picture.shape[1] // 8]
    return [abs(pixel.astype(int) - (188, 190, 194)).max() < 3 for pixel in middle]


def test_an_answer_that_comes_while_one_paints_erases_nothing(open_page, hold, asked):
    visitor = open_page()
    begin_to_paint(visitor)
    before = len(asked())
    closed = hold("closed")
    stroke(visitor, 0, range(4))
    wait_until(lambda: len(asked()) > before)
    stroke(visitor, 1, range(4))  # waits behind the first
    go(visitor, 2, 0)
    visitor.page.mouse.down()  # and one more is under way
    closed.unlink()
    expect(lead(visitor)).to_contain_text("16 of 32")
    assert rows_hidden(visitor) == [True, True, True, False]
    go(visitor, 2, 3)
    visitor.page.mouse.up()
    expect(lead(visitor)).to_contain_text("24 of 32")
    assert rows_hidden(visitor) == [True, True, True, False]
    hidden = np.zeros((2, 4, 4), np.bool_)
    hidden[:, :3] = True
    last = MaskRequest("painted", painted=np.packbits(hidden.reshape(-1)).tobytes())
    assert f"{last.painted!r}" in asked()[-1]
    assert visitor.complaints == []


def test_an_older_answer_changes_nothing_of_a_mask(open_page, hold, asked):
    """The first painting's answer comes when the second one has been painted, and sent."""
    visitor = open_page()
    begin_to_paint(visitor)
    before = len(asked())
    closed = hold("closed")
    stroke(visitor, 2, range(4))  # nobody else asks for it, so it has to be made
    wait_until(lambda: len(asked()) > before)
    stroke(visitor, 3, range(4))
    visitor.page.evaluate(
        """() => {
            window.grey = [];
            const canvas = document.querySelectorAll("#player .vp-stage canvas")[1];
            const look = () => {
                const at = [canvas.width >> 3, canvas.height - (canvas.height >> 3)];
                window.grey.push([...canvas.getContext("2d").getImageData(...at, 1, 1).data]);
                requestAnimationFrame(look);
            };
            look();
        }"""
    )
    unrebuilt = hold("unrebuilt")  # the first one is beyond that
    closed.unlink()
    expect(lead(visitor)).to_contain_text("8 of 32")  # its answer is here
    wait_until(lambda: len(asked()) > before + 1)
    assert rows_hidden(visitor) == [False, False, True, True]
    unrebuilt.unlink()
    expect(lead(visitor)).to_contain_text("16 of 32")
    seen = visitor.page.evaluate("new Set(window.grey.map(String)).size")
    assert seen == 1  # the last row was grey all the time
    assert rows_hidden(visitor) == [False, False, True, True]


def test_strokes_are_undone_and_done_again(open_page, asked):
    visitor = open_page()
    visitor.go_to("Reconstruct")
    visitor.page.get_by_role("button", name="Paint the mask").click()
    expect(tool(visitor, "Undo")).to_have_attribute("aria-disabled", "true")
    before, first = len(asked()), visitor.pixels(1)
    tool(visitor, "All").click()
    expect(visitor.readout()).to_contain_text("All 32 tokens are hidden: show at least one")
    tool(visitor, "None").click()
    expect(visitor.readout()).to_contain_text("No token is hidden: hide at least one")
    assert visitor.pixels(1) != first
    tool(visitor, "Undo").click()
    tool(visitor, "Undo").click()
    assert visitor.pixels(1) == first
    expect(lead(visitor)).to_contain_text("24 of 32")
    tool(visitor, "Invert").click()
    expect(lead(visitor)).to_contain_text("8 of 32")
    visitor.stage(1).focus()
    visitor.page.keyboard.press("Control+z")
    expect(lead(visitor)).to_contain_text("24 of 32")
    assert visitor.pixels(1) == first
    visitor.page.keyboard.press("Control+Shift+z")
    expect(lead(visitor)).to_contain_text("8 of 32")
    # A mask that no model can take was never sent, and another one takes its place.
    assert len(asked()) >= before + 3
    tool(visitor, "All").click()
    visitor.page.locator("#preset-75").click()
    expect(lead(visitor)).to_contain_text("24 of 32")
    assert visitor.pixels(1) == first
    expect(tool(visitor, "Undo")).to_have_attribute("aria-disabled", "true")
    expect(visitor.page.get_by_test_id("toast-body")).to_have_count(0)


def test_pictures_of_the_mask_before_say_so(open_page, hold, asked):
    visitor = open_page()
    begin_to_paint(visitor)
    before = len(asked())
    closed = hold("closed")
    stroke(visitor, 1, range(3))  # nobody else asks for it, so it has to be made
    wait_until(lambda: len(asked()) > before)
    caption = visitor.page.locator("#player figcaption").nth(2)
    expect(caption).to_contain_text(re.compile("^reconstruction .*: of the mask before$"))
    closed.unlink()
    expect(caption).not_to_contain_text("of the mask before")
