"""Signed values: their colours, their overlay and their legend."""

import cv2
import numpy as np
import pytest

from videomae_demo.errors import RequestError
from videomae_demo.rendering import text
from videomae_demo.rendering.colour import (
    COLOUR_MAPS,
    DIVERGING_MAPS,
    NO_VALUE,
    Scale,
    colour_table,
    colourise,
)
from videomae_demo.rendering.filmstrip import filmstrip
from videomae_demo.rendering.frames import Track
from videomae_demo.rendering.legend import legend
from videomae_demo.rendering.overlay import overlay
from videomae_demo.rendering.side_by_side import side_by_side

RELEVANCE = Scale.diverging(1.2, "relevance", "of the logit")

# How linear RGB looks to those without one kind of cones: Machado, Oliveira and Fernandes 2009,
# "A Physiologically-based Model for Simulation of Color Vision Deficiency", severity 1.0.
CONES_MISSING = {
    "none": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
}


def cielab(colours, missing="none"):
    """(n, 3) uint8 RGB as L* a* b*, seen without one kind of cones: a measure of its own."""
    rgb = colours.astype(np.float64) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(linear @ np.array(CONES_MISSING[missing]).T, 0, 1)
    rgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return cv2.cvtColor(rgb.astype(np.float32)[None], cv2.COLOR_RGB2LAB)[0].astype(np.float64)


def between(one, other):
    return np.linalg.norm(one - other, axis=-1)


@pytest.fixture
def written(monkeypatch):
    """What is written, as (words, left edge, top)."""
    words = []
    real = text.write

    def write(canvas, line, left, top, *rest):
        words.append((line, left, top))
        real(canvas, line, left, top, *rest)

    monkeypatch.setattr(text, "write", write)
    return words


# ---- colours -------------------------------------------------------------------------------------


def test_the_first_map_goes_from_blue_through_a_neutral_to_orange():
    assert DIVERGING_MAPS[0] == "blue-orange"
    low, zero, high = colourise([-1.2, 0, 1.2], RELEVANCE).astype(int)
    assert low[2] > low[1] > low[0] + 50
    assert high[0] > high[1] > high[2] + 50
    assert np.ptp(zero) == 0


def test_the_other_map_goes_from_purple_to_green():
    low, high = colourise([-1, 1], Scale.diverging(1, colour_map="purple-green")).astype(int)
    assert min(low[0], low[2]) > low[1] + 50
    assert high[1] > max(high[0], high[2]) + 50


@pytest.mark.parametrize("colour_map", DIVERGING_MAPS)
def test_values_stand_at_equal_distances_on_both_sides_of_zero(colour_map):
    scale = Scale.diverging(0.7, colour_map=colour_map)
    table = colour_table(colour_map)
    assert len(table) % 2
    values = np.linspace(-0.7, 0.7, len(table))
    assert (colourise(values, scale) == table).all()
    assert (colourise(0.0, scale) == table[len(table) // 2]).all()
    assert (colourise([-9, 9], scale) == table[[0, -1]]).all()
    assert scale.place([-0.7, -0.35, 0, 0.35, 0.7]) == pytest.approx([0, 0.25, 0.5, 0.75, 1])
    assert scale.strength([-9, -0.35, 0, 0.35, 0.7]) == pytest.approx([1, 0.5, 0, 0.5, 1])
    assert tuple(colourise(np.nan, scale)) == NO_VALUE


def test_on_a_sequential_scale_what_is_high_stands_out():
    values = [1, 2, 3, np.nan]
    scale = Scale(3, 1)
    assert scale.strength(values) == pytest.approx([0, 0.5, 1, np.nan], nan_ok=True)


@pytest.mark.parametrize("colour_map", DIVERGING_MAPS)
def test_the_maps_are_even_and_both_halves_are_alike(colour_map):
    lab = cielab(colour_table(colour_map))
    middle = len(lab) // 2
    halves = lab[middle::-1], lab[middle:]
    for half in halves:
        steps = between(half[::16][1:], half[::16][:-1])
        assert steps.max() < 1.35 * steps.min()
        assert (np.diff(half[::8, 0]) > 2).all()
    assert np.abs(halves[0][:, 0] - halves[1][:, 0]).max() < 5
    assert between(*halves)[-1] > 70


@pytest.mark.parametrize("colour_map", DIVERGING_MAPS)
@pytest.mark.parametrize("missing", CONES_MISSING)
def test_who_sees_fewer_colours_tells_the_signs_apart(colour_map, missing):
    """A difference of 2.3 in L* a* b* is just noticeable (Mahy and others 1994)."""
    lab = cielab(colour_table(colour_map), missing)
    apart = between(lab[::-1], lab)
    assert apart[0] > 45  # both ends
    assert apart[:96].min() > 5 * 2.3  # down to a quarter of the scale
    assert between(lab[0], lab[len(lab) // 2]) > 45
    assert between(lab[-1], lab[len(lab) // 2]) > 45


def test_drawing_leaves_a_diverging_map_alone():
    colourise(np.array([np.nan, 0.0]), RELEVANCE)[:] = 7
    with pytest.raises(ValueError, match="read-only"):
        colour_table("blue-orange")[0] = 7


@pytest.mark.parametrize("upper", [0.0, -1.0, np.nan, np.inf])
def test_a_diverging_scale_must_rise(upper):
    with pytest.raises(RequestError, match="must rise"):
        Scale.diverging(upper)


def test_a_diverging_scale_has_zero_in_its_middle():
    with pytest.raises(RequestError, match="zero in its middle; this one goes from -1 to 2"):
        Scale(2, -1, colour_map="blue-orange", is_diverging=True)


@pytest.mark.parametrize("colour_map", COLOUR_MAPS)
def test_a_sequential_map_is_refused_for_signed_values(colour_map):
    sentence = f"{colour_map}' is not made for signed values.*blue-orange, purple-green"
    with pytest.raises(RequestError, match=sentence):
        Scale.diverging(1, colour_map=colour_map)


@pytest.mark.parametrize("colour_map", DIVERGING_MAPS)
@pytest.mark.parametrize("lower", [0, -1])
def test_a_diverging_map_is_refused_without_a_diverging_scale(colour_map, lower):
    sentence = f"{colour_map}' is not made for values without a middle.*inferno, magma"
    with pytest.raises(RequestError, match=sentence):
        Scale(1, lower, colour_map=colour_map)


def test_an_unknown_map_is_named_beside_the_diverging_ones():
    with pytest.raises(RequestError, match=r"no colour map 'RdBu'.*are blue-orange, purple-green"):
        Scale.diverging(1, colour_map="RdBu")


# ---- the overlay ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("score", "p"), [(-1.2, 1), (-0.3, 0.25), (0, 0), (0.6, 0.5), (9, 1)])
def test_a_signed_pixel_follows_the_stated_rule(score, p):
    frames = np.empty((2, 1, 1, 3), dtype=np.uint8)
    frames[:] = (200, 100, 50)
    grey = 0.299 * 200 + 0.587 * 100 + 0.114 * 50
    backdrop = 0.5 * np.array([200, 100, 50]) + 0.5 * 0.6 * grey
    expected = (1 - 0.5 * p) * backdrop + 0.5 * p * colourise(score, RELEVANCE)
    pixel = overlay(frames, np.full((1, 1, 1), float(score)), RELEVANCE, opacity=0.5)[0, 0, 0]
    assert np.abs(pixel - expected).max() <= 0.51


def test_at_full_opacity_both_ends_are_pure_and_zero_and_no_score_show_the_backdrop():
    frames = np.random.default_rng(0).integers(0, 256, (1, 2, 8, 3), dtype=np.uint8)
    scores = np.array([[[-1.2, 0, np.nan, 1.2]]])
    drawn = overlay(frames, scores, RELEVANCE, opacity=1, smooth=False)[0]
    assert (drawn[:, :2] == colourise(-1.2, RELEVANCE)).all()
    assert (drawn[:, 6:] == colourise(1.2, RELEVANCE)).all()
    grey = 0.6 * (frames[0] @ [0.299, 0.587, 0.114])[..., None]
    assert np.abs(drawn[:, 2:6] - grey[:, 2:6]).max() <= 0.51


@pytest.mark.parametrize("shade", [0, 90, 180, 255])
def test_both_signs_are_seen_whatever_lies_beneath(shade):
    frames = np.full((1, 1, 3, 3), shade, dtype=np.uint8)
    drawn = overlay(frames, np.array([[[-1.2, 0, 1.2]]]), RELEVANCE, smooth=False)[0, 0]
    low, zero, high = cielab(drawn)
    assert min(between(low, zero), between(high, zero)) > 20
    assert between(low, high) > 45


# ---- the legend ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scale", "expected"),
    [
        (RELEVANCE, ["-1.2", "+1.2 of the logit", "0"]),
        (Scale.diverging(1), ["-1", "+1", "0"]),
        (Scale.diverging(0.0345, unit="dB"), ["-0.0345", "+0.0345 dB", "0"]),
        (Scale.diverging(1500), ["-1500", "+1500", "0"]),
        (Scale.diverging(2, unit="x uniform"), ["-2x", "+2x uniform", "0"]),
    ],
)
def test_a_diverging_legend_has_signs_at_its_ends_and_zero_between(written, scale, expected):
    legend(360, scale)
    assert [line for line, *_ in written if line != scale.title] == expected


def test_zero_is_marked_in_the_middle_of_the_bar(written):
    picture = legend(361, RELEVANCE)
    first, last = colourise([-1.2, 1.2], RELEVANCE)
    row = next(y for y in range(len(picture)) if (picture[y, 0] == first).all())
    width = int(np.flatnonzero((picture[row] == last).all(axis=-1))[-1]) + 1
    line = np.flatnonzero((picture[row, :width] == 255).all(axis=-1))
    assert len(line) == 1
    assert line[0] == pytest.approx((width - 1) / 2, abs=0.51)
    ((left, _),) = [(left, top) for words, left, top in written if words == "0"]
    assert left + text.width_px("0", 14) / 2 == pytest.approx(line[0], abs=1)
    others = np.delete(np.arange(width), line)
    expected = colourise(np.linspace(-1.2, 1.2, width), RELEVANCE)
    assert (picture[row, others] == expected[others]).all()


def test_values_beyond_are_told_below_both_ends(written):
    plain = legend(360, RELEVANCE)
    assert "and beyond" not in [line for line, *_ in written]
    written.clear()
    picture = legend(360, RELEVANCE, values_above=True)
    places = {line: (left, top) for line, left, top in written if line != "and beyond"}
    beyond = [(left, top) for line, left, top in written if line == "and beyond"]
    (first, top), (last, same) = beyond
    assert top == same > places["-1.2"][1]
    assert (first, last) == (places["-1.2"][0], places["+1.2 of the logit"][0])
    assert last + text.width_px("and beyond", 14) <= 360
    assert len(picture) == len(plain) + text.line_px(14)
    assert (picture[len(plain) :] < 150).any()


def test_words_beside_a_short_unit_stay_on_the_sheet(written):
    legend(260, Scale.diverging(1), values_above=True)
    assert max(left + text.width_px(line, 14) for line, left, _ in written) <= 260


def test_a_diverging_legend_without_room_is_refused():
    with pytest.raises(RequestError, match="no room"):
        legend(150, RELEVANCE)
    scale = Scale.diverging(1)
    assert legend(150, scale).shape[1] == 150
    with pytest.raises(RequestError, match="no room"):
        legend(150, scale, values_above=True)


def test_strips_and_movies_tell_of_signed_values(written):
    track = Track("", np.zeros((2, 64, 64, 3), np.uint8))
    for draw in (
        lambda: filmstrip([track], [0, 1], scale=RELEVANCE, values_above=True),
        lambda: side_by_side([track], height_px=64, scale=RELEVANCE, values_above=True),
    ):
        written.clear()
        draw()
        lines = [line for line, *_ in written]
        assert {"-1.2", "0", "+1.2 of the logit"} < set(lines)
        assert lines.count("and beyond") == 2
