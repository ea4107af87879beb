from itertools import pairwise

import numpy as np
import pytest

from videomae_demo.errors import RequestError
from videomae_demo.rendering import legend as module
from videomae_demo.rendering import text
from videomae_demo.rendering.colour import Scale, colourise
from videomae_demo.rendering.legend import legend

ROLLOUT = Scale(6, title="attention rollout", unit="x uniform")


@pytest.fixture
def written(monkeypatch):
    """What is written, as (words, left edge), instead of guessing it from pixels."""
    words = []
    real = text.write

    def write(canvas, line, left, *args):
        words.append((line, left))
        real(canvas, line, left, *args)

    monkeypatch.setattr(text, "write", write)
    return words


def bar_of(picture, scale):
    """(row, width) of the colour bar: it starts and ends in the colours of the scale's ends."""
    first, last = colourise([scale.lower, scale.upper], scale)
    row = next(y for y in range(len(picture)) if (picture[y, 0] == first).all())
    return row, int(np.flatnonzero((picture[row] == last).all(axis=-1))[-1]) + 1


def test_the_bar_holds_the_scales_colours_in_equal_steps():
    picture = legend(360, ROLLOUT)
    assert picture.shape[1:] == (360, 3)
    row, width = bar_of(picture, ROLLOUT)
    assert width > 200
    assert (picture[row, :width] == colourise(np.linspace(0, 6, width), ROLLOUT)).all()


def test_numbers_carry_the_unit_and_stand_at_their_values(written):
    picture = legend(360, ROLLOUT)
    title, *numbers = written
    assert title == ("attention rollout", 0)
    assert [line for line, _ in numbers] == ["0", "6x uniform", "1x", "2x", "4x"]
    _, width = bar_of(picture, ROLLOUT)
    for line, left in numbers[2:]:
        middle = left + text.width_px(line, 14) / 2
        assert middle == pytest.approx(float(line[0]) / 6 * (width - 1), abs=1.5)


def test_the_last_number_tells_that_values_lie_above(written):
    legend(360, ROLLOUT, values_above=True)
    assert "6x uniform or more" in [line for line, _ in written]


@pytest.mark.parametrize(
    ("scale", "expected"),
    [
        (Scale(0.31, 0.05, unit="MSE"), {"0.05", "0.1", "0.2", "0.31 MSE"}),
        (Scale(1), {"0", "0.25", "0.5", "0.75", "1"}),
        (Scale(1500, 200, unit="ms"), {"200", "500", "1000", "1500 ms"}),
        (Scale(5.87, unit="x uniform"), {"0", "1x", "2x", "4x", "5.87x uniform"}),
        (Scale(0.004), {"0", "0.001", "0.002", "0.003", "0.004"}),
    ],
)
def test_numbers_between_the_ends_are_round(written, scale, expected):
    legend(360, scale)
    assert {line for line, _ in written} == expected


@pytest.mark.parametrize("upper", [0.07, 1, 2.2, 3, 4.9, 6, 9.99, 10, 37, 800])
@pytest.mark.parametrize("unit", ["", "x uniform", "dB"])
def test_three_to_five_numbers_that_do_not_touch(written, upper, unit):
    legend(360, Scale(upper, unit=unit), values_above=True)
    assert 3 <= len(written) <= 5
    boxes = sorted((left, left + text.width_px(line, 14)) for line, left in written)
    assert boxes[0][0] >= 0
    assert boxes[-1][1] <= 360
    assert all(one[1] + 7 <= two[0] for one, two in pairwise(boxes))


def test_title_and_numbers_are_inked_and_not_cut():
    picture = legend(360, ROLLOUT, text_px=18)
    row, _ = bar_of(picture, ROLLOUT)
    title, below = picture[:row], picture[row + 20 :]
    for area in (title, below):
        assert (area < 150).any()
    assert (picture[-1] == 255).all()
    assert (picture[0] == 255).all()


def test_a_legend_that_can_not_be_read_is_refused():
    with pytest.raises(RequestError, match="no room"):
        legend(60, ROLLOUT)
    with pytest.raises(RequestError, match=f"{module.SMALLEST_TEXT_PX} px or more"):
        legend(300, ROLLOUT, text_px=5)
