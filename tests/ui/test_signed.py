"""Signed values in the player, alone on a page: colours, legend, sentences and curve."""

import base64
import io
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from videomae_demo.rendering.colour import COLOUR_MAPS, DIVERGING_MAPS, Scale, colour_table
from videomae_demo.rendering.overlay import overlay
from videomae_demo.ui.gradio_edge.sealed import seal
from videomae_demo.ui.token_player.player import LENS, token_player
from videomae_demo.ui.token_player.sprites import sprite
from videomae_demo.ui.token_player.value import (
    Curve,
    Pane,
    Scores,
    Shown,
    View,
    encode_scores,
    signed_scores,
)

pytestmark = pytest.mark.slow

ADDRESS = "http://player.test/"
GRID = (2, 3, 4)
TIMES_S = (0.0, 0.25, 0.5, 0.75)
FRAMES = np.random.default_rng(0).integers(0, 256, (4, 48, 64, 3), dtype=np.uint8)
RELEVANCE = Scale.diverging(1.2, "relevance", "of the logit")
VALUES = np.linspace(-1.44, 1.2, 24).reshape(GRID)
BEGIN = """([html, css, script, value]) => {
  const element = document.createElement("div");
  element.innerHTML = `<style>${css}</style>${html}`;
  document.body.append(element);
  element.style.setProperty("--color-accent", "rgb(200, 0, 0)");
  element.style.color = "rgb(0, 0, 0)";
  new Function("element", "props", "watch", script)(element, { value }, () => {});
}"""
CURVE = """canvas => {
  const { width, height } = canvas;
  return [height, width, [...canvas.getContext("2d").getImageData(0, 0, width, height).data]];
}"""


def scores_of(scale: Scale = RELEVANCE, values: np.ndarray = VALUES) -> Scores:
    return signed_scores(values, scale)


def unsigned() -> Scores:
    data = encode_scores(np.abs(VALUES))
    return Scores("attention", "x uniform", data, 0.0, 1.2, (0.0, 1.2), smooth=True)


@pytest.fixture
def show(browser):
    """Show lenses, by name, in a player alone on a page."""
    files = {}
    page = browser.new_page(viewport={"width": 1000, "height": 800}, reduced_motion="reduce")
    complaints = []
    page.on("pageerror", lambda error: complaints.append(str(error)))

    def answer(route):
        content = files.get(route.request.url.partition("file=")[2])
        if content is None:
            route.fulfill(body="<!DOCTYPE html><body>", content_type="text/html")
        else:
            route.fulfill(body=content, content_type="image/png")

    def save(content, name):
        files[name] = content
        return name

    def show(curve=None, **lenses):
        track = sprite("clip", "clip", FRAMES, save)
        views = {
            name: View(
                title=name,
                panes=tuple(Pane((track,), TIMES_S, GRID, 2, scores=one) for one in panes),
                curve=curve,
            )
            for name, panes in lenses.items()
        }
        first = next(iter(views))
        player = token_player("player", first)
        page.route(ADDRESS + "**", answer)
        page.goto(ADDRESS)
        value = seal(Shown(lenses=views).to_json())
        parts = [player.html_template, player.css_template, player.js_on_load, value]
        page.evaluate(BEGIN, parts)
        expect(page.locator(f".vp-stage[data-drawn='{first}:0']").first).to_be_visible()
        return page

    yield show
    page.close()
    assert complaints == []


def picture(page, index=0) -> np.ndarray:
    """The pixels of one picture, as many as the sprite's, (H, W, 3) int."""
    canvas = page.locator(".vp-stage canvas").nth(index)
    content = base64.b64decode(canvas.evaluate("it => it.toDataURL()").partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)


def enlarged(frames: np.ndarray, factor: int) -> np.ndarray:
    return frames.repeat(factor, axis=1).repeat(factor, axis=2)


def texts(page, selector: str) -> list[str]:
    return page.locator(selector).all_text_contents()


# ---- pictures ------------------------------------------------------------------------------------


@pytest.mark.parametrize("colour_map", DIVERGING_MAPS)
def test_the_player_draws_the_overlay_of_the_files(show, colour_map):
    scale = Scale.diverging(1.2, colour_map=colour_map)
    page = show(why=[scores_of(scale)])
    big = enlarged(FRAMES, picture(page).shape[0] // FRAMES.shape[1])
    for frame, smooth, opacity in [(0, True, 0.8), (1, False, 1), (2, True, 1), (3, False, 0.8)]:
        page.get_by_label("smooth").set_checked(smooth)
        page.get_by_label("Overlay opacity").fill(str(opacity))
        expected = overlay(big, VALUES, scale, opacity=opacity, smooth=smooth)[frame]
        assert np.abs(expected - big[frame].astype(int)).max() > 100
        # Rounding may choose the neighbouring entry of the colour map.
        assert np.abs(picture(page) - expected).max() <= 3, frame
        page.get_by_role("button", name="One frame on").click()


def test_no_value_and_zero_show_the_backdrop(show):
    values = np.zeros(GRID)
    values[:, 0] = np.nan
    values[:, 2] = -1.2
    page = show(why=[signed_scores(values, RELEVANCE, smooth=False)])
    expect(page.get_by_label("smooth")).not_to_be_visible()
    big = enlarged(FRAMES, picture(page).shape[0] // FRAMES.shape[1])
    expected = overlay(big, values, RELEVANCE, smooth=False)[0]
    assert np.abs(picture(page) - expected).max() <= 1


def test_unsigned_scores_are_drawn_as_before(show):
    page = show(attend=[unsigned()])
    big = enlarged(FRAMES, picture(page).shape[0] // FRAMES.shape[1])
    expected = overlay(big, np.abs(VALUES), Scale(1.2))[0]
    assert np.abs(picture(page) - expected).max() <= 4
    assert texts(page, ".vp-ticks span") == ["0x", "1.2x"]
    assert page.locator(".vp-signed").count() == 0


# ---- the choice of colours -----------------------------------------------------------------------


def test_signed_scores_offer_the_diverging_maps_and_others_the_sequential(show):
    page = show(why=[scores_of()], attend=[unsigned()])
    chooser, offered = page.get_by_label("colours"), ".vp-map option"
    assert texts(page, offered) == list(DIVERGING_MAPS)
    before = picture(page)
    chooser.select_option("purple-green")
    assert (picture(page) != before).any()

    def go_to(lens):
        page.evaluate(f"window.dispatchEvent(new CustomEvent('{LENS}', {{ detail: '{lens}' }}))")

    go_to("attend")
    assert texts(page, offered) == list(COLOUR_MAPS)
    expect(chooser).to_have_value("inferno")
    chooser.select_option("viridis")
    go_to("why")
    expect(chooser).to_have_value("purple-green")
    go_to("attend")
    expect(chooser).to_have_value("viridis")


def test_two_kinds_beside_each_other_keep_to_their_own_maps(show):
    page = show(both=[unsigned(), scores_of()])
    assert texts(page, ".vp-map option") == [*COLOUR_MAPS, *DIVERGING_MAPS]
    before = [picture(page, index) for index in range(2)]
    page.get_by_label("colours").select_option("purple-green")
    page.get_by_label("colours").select_option("viridis")
    big = enlarged(FRAMES, before[0].shape[0] // FRAMES.shape[1])
    for index, (values, scale) in enumerate(
        [
            (np.abs(VALUES), Scale(1.2, colour_map="viridis")),
            (VALUES, Scale.diverging(1.2, colour_map="purple-green")),
        ]
    ):
        expected = overlay(big, values, scale)[0]
        assert np.abs(picture(page, index) - expected).max() <= 4
        assert np.abs(before[index] - expected).max() > 30


def test_the_scales_own_map_is_the_first_that_is_offered():
    scale = Scale.diverging(1, colour_map="purple-green")
    assert scores_of(scale).colours == ("purple-green", "blue-orange")
    with pytest.raises(AssertionError):
        scores_of(Scale(1))


# ---- numbers -------------------------------------------------------------------------------------


def test_the_legend_has_signs_and_marks_zero(show):
    page = show(why=[scores_of(values=VALUES / 2)])
    assert texts(page, ".vp-legend-title") == ["relevance, of the logit"]
    assert texts(page, ".vp-ticks span") == ["-1.2", "0", "+1.2"]
    bar = page.locator(".vp-legend-bar")
    box, zero = bar.bounding_box(), page.locator(".vp-ticks span").nth(1).bounding_box()
    middle = box["x"] + box["width"] / 2
    assert zero["x"] + zero["width"] / 2 == pytest.approx(middle, abs=0.6)
    drawn = np.array(bar.evaluate(CURVE)[2]).reshape(-1, 4)[:, :3]
    assert (drawn == colour_table("blue-orange")).all()
    shot = np.asarray(Image.open(io.BytesIO(bar.screenshot())).convert("RGB"))
    line = np.flatnonzero((shot[7] > 200).all(axis=-1))
    assert 1 <= len(line) <= 3
    assert line.mean() + 0.5 == pytest.approx(shot.shape[1] / 2, abs=1)


def test_the_legend_tells_what_lies_beyond_its_ends(show):
    page = show(why=[scores_of()])
    assert texts(page, ".vp-ticks span") == ["-1.2\nand beyond", "0", "+1.2\nand beyond"]
    boxes = [span.bounding_box() for span in page.locator(".vp-ticks span").all()]
    for one, other in pairwise(boxes):
        assert one["x"] + one["width"] < other["x"]
    legend = page.locator(".vp-legend").bounding_box()
    assert boxes[2]["y"] + boxes[2]["height"] <= legend["y"] + legend["height"] + 1


@pytest.mark.parametrize(
    ("value", "upper", "told"),
    [
        (0.42, 1.2, "+0.42 of the logit"),
        (-0.42, 1.2, "-0.42 of the logit"),
        (0.001, 1.2, "0 of the logit"),
        (-0.00042, 0.0123, "-0.0004 of the logit"),
        (-12.34, 150, "-12 of the logit"),
        (3, 2, "+3.00 of the logit"),
    ],
)
def test_a_token_is_told_with_sign_and_unit(show, value, upper, told):
    values = np.zeros(GRID)
    values[0, 1, 2] = value
    page = show(why=[scores_of(Scale.diverging(upper, unit="of the logit"), values)])
    box = page.locator(".vp-stage").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.5)
    expect(page.locator(".vp-readout")).to_have_text(f"0.00 s, row 1, column 2: {told}")


# ---- the curve -----------------------------------------------------------------------------------


def drawn_curve(page) -> tuple[np.ndarray, np.ndarray]:
    """Rows with red in each of two bars, and the share of each row that is black."""
    height, width, data = page.locator(".vp-curve").evaluate(CURVE)
    pixels = np.array(data).reshape(height, width, 4)
    red = (pixels[..., 0] > 150) & (pixels[..., 3] > 60)
    black = (pixels[..., :3].max(axis=-1) < 40) & (pixels[..., 3] > 100)
    bars = np.stack([red[:, width // 4], red[:, 3 * width // 4]])
    return bars, black.mean(axis=1)


def test_a_bar_below_zero_hangs_from_a_line(show):
    page = show(Curve("Relevance", (0.5, -0.25), 0.0, "of the logit"), why=[scores_of()])
    bars, black = drawn_curve(page)
    height = len(black)
    zero = height * 0.5 / 0.75  # of 1.1 * (0.5 + 0.25)
    (line,) = np.flatnonzero(black > 0.9)[[0]]
    assert (black > 0.2).sum() <= 2  # no dashed line
    assert line + 0.5 == pytest.approx(zero, abs=1)
    up, down = (np.flatnonzero(bar) for bar in bars)
    assert up.min() == pytest.approx(zero - height * 0.5 / 0.825, abs=1)
    assert up.max() == pytest.approx(zero, abs=1.5)
    assert down.min() == pytest.approx(zero, abs=1.5)
    assert down.max() + 1 == pytest.approx(zero + height * 0.25 / 0.825, abs=1)
    expect(page.locator(".vp-peak")).to_have_text("Go to its peak: 0.00 s, +0.500 of the logit")


def test_the_peak_is_the_largest_value_and_not_the_farthest_from_zero(show):
    page = show(Curve("Relevance", (-2.0, -0.5), -1.0, "of the logit"), why=[scores_of()])
    peak = page.locator(".vp-peak")
    expect(peak).to_have_text("Go to its peak: 0.50 s, -0.50 of the logit")
    peak.click()
    expect(page.locator(".vp-count")).to_contain_text("frame 3/4")
    _, black = drawn_curve(page)
    # Zero at the top, and the dashed line halfway to -2, where the bars leave it to be seen.
    assert black[0] > 0.9
    dashed = np.flatnonzero((black > 0.2) & (black < 0.9))
    assert np.abs(dashed + 0.5 - len(black) / 2.2).max() <= 1.5


def test_a_curve_from_zero_up_is_drawn_as_before(show):
    page = show(Curve("Attention", (0.5, 1.5), 1.0, "x"), attend=[unsigned()])
    bars, black = drawn_curve(page)
    height = len(black)
    for bar, value in zip(bars, (0.5, 1.5), strict=True):
        rows = np.flatnonzero(bar)
        assert rows.max() == height - 1
        assert rows.min() == pytest.approx(height * (1 - value / 1.65), abs=1)
    dashed = np.flatnonzero(black > 0.2)
    assert np.abs(dashed + 0.5 - height * (1 - 1 / 1.65)).max() <= 1.5
    assert black.max() < 0.9
    expect(page.locator(".vp-peak")).to_have_text("Go to its peak: 0.50 s, 1.50x")
