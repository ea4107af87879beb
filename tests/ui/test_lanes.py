"""What is known waits for nobody else's model, and the events of one page follow one another."""

import pytest
from conftest import wait_until
from playwright.sync_api import expect

pytestmark = pytest.mark.slow


def test_what_is_cached_does_not_wait_for_another_visitors_pass(open_page, hold, asked):
    working, quick = open_page(), open_page()
    working.go_to("Reconstruct")
    before = len(asked())
    closed = hold("closed")
    working.page.locator("#another").click()
    wait_until(lambda: len(asked()) > before)
    quick.go_to("Attend")
    quick.stage().click(position={"x": 10, "y": 10})
    attention = quick.page.locator("#attention")
    expect(attention).to_contain_text("the token at time 0, row 0, column 0")
    quick.page.locator("#first-layer input[type=range]").focus()
    quick.page.keyboard.press("ArrowRight")
    expect(attention).to_contain_text("through layers 2 to the last")
    quick.go_to("Recognise")
    box = quick.page.get_by_role("combobox", name="What does the clip")
    box.click()
    quick.page.get_by_role("option", name="staying still").click()
    expect(quick.page.locator("#labels")).to_contain_text("staying still: ")
    quick.page.locator("#take-away-recognise").get_by_role("button", name="Take it away").click()
    quick.page.locator("#write-recognise").click()
    expect(quick.page.locator("#files-recognise")).to_contain_text("labels")
    assert len(asked()) == before + 1  # all that time, the other visitor's model was held
    closed.unlink()
    expect(working.page.locator("#reconstruction")).to_contain_text("seed 1")


def test_events_of_one_page_lose_nothing_of_each_other(open_page, hold, asked):
    visitor = open_page()
    visitor.page.locator("#python").get_by_role("button", name="This view in Python").click()
    visitor.go_to("Attend")
    visitor.go_to("Reconstruct")
    before = len(asked())
    closed = hold("closed")
    visitor.page.locator("#another").click()
    wait_until(lambda: len(asked()) > before)
    visitor.go_to("Attend")
    visitor.stage().click(position={"x": 10, "y": 10})  # while the other is at work
    closed.unlink()
    code = visitor.page.locator("#code")
    expect(code).to_contain_text("query=(0, 0, 0)")
    expect(code).to_contain_text("seed=1")
    expect(visitor.page.locator("#attention")).to_contain_text("the token at time 0, row 0")
    visitor.go_to("Reconstruct")
    expect(visitor.page.locator("#reconstruction")).to_contain_text("seed 1")
    assert visitor.complaints == []
