"""A gallery: each map in its place, in the colours of one scale, with its caption."""

import numpy as np
import pytest

from videomae_demo.errors import RequestError
from videomae_demo.rendering import text
from videomae_demo.rendering.colour import Scale, colourise
from videomae_demo.rendering.gallery import GAP_PX, MARGIN_PX, TEXT_PX, gallery, tiles

SCALE = Scale(6.0, title="what a head reads", unit="x uniform")
MAPS = np.arange(2 * 3 * 2 * 4, dtype=float).reshape(2, 3, 2, 4) % 7


def test_tiles_lie_side_by_side_a_pixel_for_each_value():
    laid = tiles(MAPS, SCALE)
    assert laid.shape == (4, 12, 3)
    for line in range(2):
        for column in range(3):
            tile = laid[2 * line : 2 * line + 2, 4 * column : 4 * column + 4]
            np.testing.assert_array_equal(tile, colourise(MAPS[line, column], SCALE))


def test_each_map_has_its_place_on_the_sheet():
    captions = [["a", "b", "c"], ["d", "e", "f"]]
    sheet = gallery(MAPS, captions, ["one", "two"], heading="", scale=SCALE)
    gutter = MARGIN_PX + max(text.width_px(name, TEXT_PX) for name in ("one", "two")) + TEXT_PX
    for line in range(2):
        for column in range(3):
            top = MARGIN_PX + line * (36 + text.line_px(TEXT_PX) + GAP_PX)
            left = gutter + column * (72 + GAP_PX)
            tile = sheet[top : top + 36, left : left + 72]  # 18 times as large
            expected = colourise(MAPS[line, column], SCALE).repeat(18, 0).repeat(18, 1)
            np.testing.assert_array_equal(tile, expected)
            below = sheet[top + 36 : top + 36 + text.line_px(TEXT_PX), left : left + 10]
            assert (below < 200).any()


def test_legend_heading_and_notes_make_the_sheet_taller():
    captions = [["+0.10"] * 3] * 2
    plain = gallery(MAPS, captions, ["1", "2"], heading="", scale=SCALE)
    noted = gallery(MAPS, captions, ["1", "2"], heading="Heads", scale=SCALE, footnotes=["A note."])
    assert len(noted) > len(plain) and noted.shape[1] == plain.shape[1]
    beyond = gallery(MAPS, captions, ["1", "2"], heading="", scale=SCALE, values_above=True)
    assert beyond.shape != plain.shape or (beyond != plain).any()


def test_captions_and_titles_must_fit_the_maps():
    with pytest.raises(RequestError, match="2 x 3 maps need a title per line and a caption each"):
        gallery(MAPS, [["a"] * 3] * 2, ["1"], heading="", scale=SCALE)
    with pytest.raises(RequestError, match="2 x 3 maps"):
        gallery(MAPS, [["a"] * 3, ["a"] * 2], ["1", "2"], heading="", scale=SCALE)
