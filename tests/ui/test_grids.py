"""Two pictures side by side whose token grids differ: each is drawn, and pointed at, on its own."""

import base64
import io
import json
import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from videomae_demo.rendering.colour import Scale
from videomae_demo.ui.token_player.value import Pane, Shown, Track, View, scores_on

PX = 64
TIMES = tuple(0.25 * at for at in range(4))


def grey() -> bytes:
    written = io.BytesIO()
    Image.fromarray(np.full((PX, 4 * PX, 3), 120, np.uint8)).save(written, "PNG")
    return written.getvalue()


def pane(title: str, grid: tuple[int, int, int], token: tuple[int, int, int]) -> Pane:
    """One token has all of the score."""
    scores = np.zeros(grid)
    scores[token] = 1.0
    drawn = scores_on(scores, Scale(1.0, title="score"))
    track = Track(title, title, f"/{title}.png", 4, 1, PX, PX)
    sharp = {**{name: getattr(drawn, name) for name in drawn.__slots__}, "smooth": False}
    return Pane((track,), TIMES, grid, 4 // grid[0], title=title, scores=type(drawn)(**sharp))


@pytest.fixture
def page(tabs, page_address):
    panes = (pane("fine", (2, 4, 4), (0, 1, 2)), pane("coarse", (4, 2, 2), (0, 1, 0)))
    shown = Shown(lenses={"only": View("Two grids", panes)}).to_json()
    told = {"shown": shown, "panels": {"only": []}, "address": {}}
    page = tabs.context(viewport={"width": 1280, "height": 720}).new_page()
    page.route(re.compile("do=work"), lambda route: route.fulfill(body=json.dumps(told)))
    page.route(
        re.compile(r"file=/(fine|coarse)\.png"),
        lambda route: route.fulfill(body=grey(), content_type="image/png"),
    )
    page.goto(f"{page_address}/learn?step=target")
    expect(page.locator("#learn .vp-stage[data-drawn]")).to_have_count(2)
    yield page
    page.close()


def lit(page, number: int) -> np.ndarray:
    """Which eighths of a picture are bright, (8, 8) bool."""
    canvas = page.locator("#learn .vp-stage canvas").nth(number)
    data = canvas.evaluate("(canvas) => canvas.toDataURL().split(',')[1]")
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))
    side = len(picture) // 8
    bright = picture.astype(int)[side // 2 :: side, side // 2 :: side].sum(axis=2) > 400
    assert bright.shape == (8, 8)
    return bright


def region(rows: slice, columns: slice) -> np.ndarray:
    expected = np.zeros((8, 8), bool)
    expected[rows, columns] = True
    return expected


def test_each_picture_is_drawn_on_its_own_grid(page):
    assert (lit(page, 0) == region(slice(2, 4), slice(4, 6))).all()
    assert (lit(page, 1) == region(slice(4, 8), slice(0, 4))).all()
    # A token of the first lasts two frames, one of the second a single frame.
    page.locator("#learn .vp-forward").click()
    expect(page.locator("#learn .vp-count")).to_contain_text("frame 2/4")
    assert lit(page, 0).any() and not lit(page, 1).any()
    page.locator("#learn .vp-forward").click()
    expect(page.locator("#learn .vp-count")).to_contain_text("frame 3/4")
    assert not lit(page, 0).any()


def test_what_is_pointed_at_is_told_of_both(page):
    stage = page.locator("#learn .vp-stage").first
    box = stage.bounding_box()
    stage.hover(position={"x": box["width"] * 5 / 8, "y": box["height"] * 3 / 8})
    readout = page.locator("#learn .vp-readout")
    # The first one's token of that place has the score, the second one's has none.
    expect(readout).to_contain_text(re.compile(r"row 1, column 2.*1.*0"))
    stage.hover(position={"x": box["width"] * 1 / 8, "y": box["height"] * 7 / 8})
    expect(readout).to_contain_text(re.compile(r"row 3, column 0.*0.*1"))
