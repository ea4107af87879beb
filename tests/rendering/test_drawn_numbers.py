"""Numbers as they are drawn: where they stand, how they are rounded, what they stand for."""

import numpy as np
import pytest

from videomae_demo.rendering import text
from videomae_demo.rendering.colour import Scale, colourise
from videomae_demo.rendering.filmstrip import filmstrip
from videomae_demo.rendering.frames import Track
from videomae_demo.rendering.legend import legend
from videomae_demo.rendering.plots import Curve, label_bars, loss_curves, time_curve
from videomae_demo.rendering.side_by_side import side_by_side


@pytest.fixture
def written(monkeypatch):
    """What is written, as (words, left edge)."""
    words = []
    real = text.write

    def write(canvas, line, left, *rest):
        words.append((line, left))
        real(canvas, line, left, *rest)

    monkeypatch.setattr(text, "write", write)
    return words


@pytest.mark.parametrize(
    ("probability", "told"),
    [
        (1.0, "100.0 %"),
        (0.8764, "87.6 %"),
        (0.0051, "0.5 %"),
        (0.0006, "0.1 %"),
        (0.0004, "< 0.1 %"),
        (0.0, "0.0 %"),
    ],
)
def test_a_probability_is_told_to_a_tenth_of_a_per_cent(probability, told):
    (axes,) = label_bars(["a"], [probability]).axes
    assert [words.get_text() for words in axes.texts] == [told]


def test_each_probability_stands_at_its_own_bar():
    (axes,) = label_bars(["a", "b", "c"], [0.7, 0.2, 0.1]).axes
    bars = axes.containers[1]
    for bar, words, told in zip(bars, axes.texts, ("70.0 %", "20.0 %", "10.0 %"), strict=True):
        assert words.get_text() == told
        assert words.xy[1] == pytest.approx(bar.get_y() + bar.get_height() / 2)


def test_the_area_below_a_curve_ends_at_the_curve():
    (axes,) = time_curve([0.0, 1.0, 2.0], [0.5, 3.0, 0.25]).axes
    corners = axes.collections[0].get_paths()[0].vertices
    for time, value in ((0.0, 0.5), (1.0, 3.0), (2.0, 0.25)):
        heights = corners[corners[:, 0] == time, 1]
        assert (heights.min(), heights.max()) == (0, value)


def test_the_name_of_the_line_stands_at_the_line_and_inside_the_plot():
    (axes,) = time_curve([0.0, 1.0], [0.1, 0.2], reference=2.0, reference_name="even").axes
    (words,) = axes.texts
    assert words.get_text() == "even" and words.xy[1] == 2
    assert axes.get_ylim()[1] > 2


def test_training_curves_name_what_they_show():
    (axes,) = loss_curves([Curve("a", [0, 1], [1.0, 2.0])], value_name="accuracy").axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("step", "accuracy")


def test_every_line_of_a_filmstrip_has_its_own_times(written):
    frames = np.zeros((5, 32, 32, 3), np.uint8)
    filmstrip([Track("", frames)], [0.0, 0.25, 0.5, 0.756, 1.0], columns=2)
    assert [words for words, _ in written] == ["0.00 s", "0.25 s", "0.50 s", "0.76 s", "1.00 s"]


@pytest.mark.parametrize("above", [True, False])
def test_pictures_with_a_legend_tell_whether_values_lie_above(written, above):
    track = Track("", np.zeros((1, 64, 64, 3), np.uint8))
    scale = Scale(6, unit="x uniform")
    filmstrip([track], [0.0], scale=scale, values_above=above)
    side_by_side([track], height_px=64, scale=scale, values_above=above)
    ends = [words for words, _ in written if words.startswith("6x")]
    assert ends == ["6x uniform or more" if above else "6x uniform"] * 2


def test_a_scale_that_does_not_begin_at_0_has_its_colours_and_numbers_in_place(written):
    scale = Scale(30, 10)
    picture = legend(400, scale, text_px=14)
    row = next(y for y in range(len(picture)) if (picture[y, 0] == colourise(10, scale)).all())
    lefts = dict(written)
    assert set(lefts) == {"10", "15", "20", "25", "30"}
    middles = {int(words): left + text.width_px(words, 14) / 2 for words, left in written}
    # Half-way along the bar stands 20, in the colour of 20.
    assert middles[20] - middles[15] == pytest.approx(middles[25] - middles[20], abs=2)
    for value in (15, 20, 25):
        shown = picture[row, round(middles[value])].astype(int)
        expected = colourise(value, scale).astype(int)
        assert np.abs(shown - expected).max() <= 6
