import numpy as np
import pytest

from videomae_demo.errors import RequestError
from videomae_demo.rendering.colour import COLOUR_MAPS, Scale, colourise
from videomae_demo.rendering.overlay import HIDDEN_COLOUR, hide, overlay, spread


def hot(row, column, grid=(1, 5, 7)):
    scores = np.zeros(grid)
    scores[:, row, column] = 1
    return scores


def noise(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("smooth", [False, True])
@pytest.mark.parametrize("patch", [4, 5])
@pytest.mark.parametrize("cell", [(2, 3), (1, 4), (3, 2)])
def test_a_hot_cell_has_its_centre_of_mass_where_the_cell_has_its_centre(smooth, patch, cell):
    field = spread(hot(*cell), 1, 5 * patch, 7 * patch, smooth)[0]
    rows, columns = np.indices(field.shape) + 0.5
    centre = (rows * field).sum() / field.sum(), (columns * field).sum() / field.sum()
    assert centre == pytest.approx([(place + 0.5) * patch for place in cell], abs=1e-4)


def test_blocky_scores_fill_their_cells_exactly():
    scores = np.arange(12.0).reshape(2, 2, 3)
    field = spread(scores, 2, 4, 9, smooth=False)
    assert field.shape == (4, 4, 9)
    assert (field == np.kron(scores.repeat(2, axis=0), np.ones((1, 2, 3)))).all()


def test_blocky_pixels_take_the_cell_that_holds_their_centre():
    # Five pixels over two cells: the middle one's centre lies on the border and goes right.
    field = spread(np.array([[[1.0, 2.0]]]), 1, 1, 5, smooth=False)
    assert field.ravel().tolist() == [1, 1, 2, 2, 2]


def test_smooth_scores_pass_through_the_cells_centres():
    scores = np.random.default_rng(0).random((2, 4, 6))
    field = spread(scores, 1, 4 * 5, 6 * 5, smooth=True)
    assert field[:, 2::5, 2::5] == pytest.approx(scores, abs=1e-6)


def test_smooth_scores_stay_between_the_cells_around():
    field = spread(hot(2, 3), 1, 5 * 16, 7 * 16, smooth=True)[0]
    assert field.min() >= 0
    assert field.max() <= 1
    assert not field[: 16 + 8].any()  # above the centres of the row before the hot one
    assert np.unique(field).size > 50


def test_smooth_midway_is_the_mean_of_two_equal_neighbourhoods():
    # A step 0 0 1 1 is crossed at one half, by symmetry.
    step = np.array([[[0.0, 0.0, 1.0, 1.0]]])
    assert spread(step, 1, 1, 4 * 3 + 8, smooth=True)[0, 0, 9:11].mean() == pytest.approx(0.5)


@pytest.mark.parametrize("smooth", [False, True])
def test_a_slice_of_time_is_repeated_and_not_mixed(smooth):
    scores = np.array([1.0, 5.0]).reshape(2, 1, 1)
    field = spread(scores, 3, 2, 2, smooth)
    assert field[:, 0, 0].tolist() == pytest.approx([1, 1, 1, 5, 5, 5])


def test_no_score_stays_in_its_cell_and_is_blocky_only():
    scores = np.array([[[np.nan, 2.0]]])
    assert np.isnan(spread(scores, 1, 2, 4, smooth=False)).sum() == 4
    with pytest.raises(RequestError, match="blocky"):
        spread(scores, 1, 2, 4, smooth=True)


@pytest.mark.parametrize(
    ("scores", "sizes", "message"),
    [
        (np.zeros((2, 2)), (1, 4, 4), r"\(time, height, width\)"),
        (np.zeros((1, 2, 2), dtype=int), (1, 4, 4), "floats"),
        (np.full((1, 2, 2), np.inf), (1, 4, 4), "infinite"),
        (np.zeros((1, 2, 2)), (0, 4, 4), "1 or more"),
    ],
)
def test_spread_says_what_is_wrong(scores, sizes, message):
    with pytest.raises(RequestError, match=message):
        spread(scores, *sizes, smooth=False)


def test_no_opacity_leaves_the_frames_and_full_opacity_ends_in_the_pure_colour():
    frames = noise(4, 6, 8, 3)
    scores = np.ones((2, 3, 4))
    scale = Scale(1.0)
    assert (overlay(frames, scores, scale, opacity=0) == frames).all()
    full = overlay(frames, scores, scale, opacity=1)
    assert (full == colourise(1.0, scale)).all()


def test_a_pixel_follows_the_stated_rule():
    frames = np.empty((2, 1, 1, 3), dtype=np.uint8)
    frames[:] = (200, 100, 50)
    grey = 0.299 * 200 + 0.587 * 100 + 0.114 * 50
    scale = Scale(3.0, 1.0, colour_map="viridis")
    pixel = overlay(frames, np.full((1, 1, 1), 1.5), scale, opacity=0.5)[0, 0, 0]
    backdrop = 0.5 * np.array([200, 100, 50]) + 0.5 * 0.6 * grey
    expected = (1 - 0.5 * 0.25) * backdrop + 0.5 * 0.25 * colourise(1.5, scale)
    assert np.abs(pixel - expected).max() <= 0.51


def test_the_same_score_has_the_same_colour_in_every_frame():
    frames = np.repeat(noise(1, 4, 4, 3), 4, axis=0)
    quiet, loud = np.full((1, 2, 2), 0.5), np.full((1, 2, 2), 0.5)
    loud[0, 1, 1] = 6
    drawn = overlay(frames, np.concatenate([quiet, loud]), Scale(6), smooth=False)
    assert (drawn[0, :2] == drawn[2, :2]).all()
    assert (drawn[0, 2:, 2:] != drawn[2, 2:, 2:]).any()


@pytest.mark.parametrize("colour_map", COLOUR_MAPS)
@pytest.mark.parametrize("shade", [0, 90, 180, 255])
def test_the_highest_score_is_the_brightest_whatever_lies_beneath(shade, colour_map):
    frames = np.full((1, 1, 20, 3), shade, dtype=np.uint8)
    scores = np.linspace(0, 1, 20).reshape(1, 1, 20)
    scale = Scale(1, colour_map=colour_map)
    drawn = overlay(frames, scores, scale, smooth=False)[0, 0] @ [0.2126, 0.7152, 0.0722]
    assert drawn.argmax() == 19


def test_a_token_without_score_shows_the_lowest_scores_backdrop():
    frames = noise(1, 4, 4, 3)
    missing = overlay(frames, np.full((1, 2, 2), np.nan), Scale(1), smooth=False)
    assert (missing == overlay(frames, np.zeros((1, 2, 2)), Scale(1), smooth=False)).all()


@pytest.mark.parametrize(
    ("scores", "options", "message"),
    [
        (np.zeros((3, 2, 2)), {}, "4 frames can't be shared among 3"),
        (np.zeros((2, 2)), {}, r"not \(2, 2\)"),
        (np.zeros((2, 2, 2)), {"opacity": 1.5}, "1.5"),
    ],
)
def test_overlay_says_what_is_wrong(scores, options, message):
    with pytest.raises(RequestError, match=message):
        overlay(noise(4, 4, 4, 3), scores, Scale(1), **options)


def test_hidden_cells_are_flat_to_the_pixel_and_visible_ones_untouched():
    frames = noise(4, 6, 8, 3)
    mask = np.zeros((2, 3, 4), dtype=bool)
    mask[1, 2, 0] = True
    drawn = hide(frames, mask)
    assert (drawn[2:, 4:, :2] == HIDDEN_COLOUR).all()
    drawn[2:, 4:, :2] = frames[2:, 4:, :2]
    assert (drawn == frames).all()


def test_hide_takes_a_colour_and_leaves_its_input():
    frames = noise(2, 2, 2, 3)
    before = frames.copy()
    assert (hide(frames, np.ones((1, 1, 1), dtype=bool), (1, 2, 3)) == (1, 2, 3)).all()
    assert (frames == before).all()


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.ones((2, 3, 4)), "must be bool"),
        (np.ones((2, 4), dtype=bool), r"\(2, 4\)"),
        (np.ones((2, 4, 4), dtype=bool), "does not divide"),
        (np.ones((3, 3, 4), dtype=bool), "does not divide"),
    ],
)
def test_hide_says_what_is_wrong(mask, message):
    with pytest.raises(RequestError, match=message):
        hide(noise(4, 6, 8, 3), mask)
