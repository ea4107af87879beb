import matplotlib
import numpy as np
import pytest

from videomae_demo.errors import RequestError
from videomae_demo.rendering.colour import COLOUR_MAPS, NO_VALUE, Scale, colourise

LUMA = np.array([0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("colour_map", COLOUR_MAPS)
def test_colours_are_matplotlibs_map_of_that_name(colour_map):
    values = np.linspace(0, 1, 256)
    published = matplotlib.colormaps[colour_map](np.arange(256))[:, :3] * 255
    drawn = colourise(values, Scale(1, colour_map=colour_map))
    assert drawn.dtype == np.uint8
    assert np.abs(drawn - published).max() <= 1


@pytest.mark.parametrize("colour_map", COLOUR_MAPS)
def test_more_is_brighter(colour_map):
    drawn = colourise(np.linspace(2, 5, 64), Scale(5, 2, colour_map=colour_map))
    assert (np.diff(drawn @ LUMA) > 0).all()


def test_values_beyond_the_scale_take_its_end_colours():
    scale = Scale(6, 1)
    low, lower, upper, high = colourise([-np.inf, 1, 6, np.inf], scale)
    assert (low == lower).all()
    assert (high == upper).all()
    assert (lower != upper).all()


def test_no_value_is_grey():
    drawn = colourise(np.array([[0.0, np.nan], [1.0, 0.5]]), Scale(1))
    assert drawn.shape == (2, 2, 3)
    assert tuple(drawn[0, 1]) == NO_VALUE
    assert tuple(drawn[1, 1]) != NO_VALUE


def test_drawing_leaves_the_colour_map_alone():
    first = colourise(np.array([np.nan, 0.0]), Scale(1))
    first[:] = 7
    assert tuple(colourise(0.0, Scale(1))) == (0, 0, 4)  # inferno's published first colour


def test_place_runs_from_0_to_1():
    assert Scale(6, 2).place([1, 2, 3, 6, 9]).tolist() == [0, 0, 0.25, 1, 1]


@pytest.mark.parametrize("ends", [(1, 1), (0, 1), (np.nan, 0), (np.inf, 0)])
def test_a_scale_must_rise(ends):
    with pytest.raises(RequestError, match="must rise"):
        Scale(*ends)


def test_an_unknown_colour_map_is_named_beside_the_known():
    with pytest.raises(RequestError, match=r"'jet'.*inferno, magma, viridis, cividis"):
        Scale(1, colour_map="jet")
