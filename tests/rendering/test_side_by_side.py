import numpy as np
import pytest

from videomae_demo.errors import RequestError
from videomae_demo.rendering import text
from videomae_demo.rendering.colour import Scale
from videomae_demo.rendering.frames import Track
from videomae_demo.rendering.side_by_side import side_by_side

RED, BLUE = (200, 0, 0), (0, 0, 200)


def flat(colour, count=3, height=32, width=32):
    frames = np.zeros((count, height, width, 3), dtype=np.uint8)
    frames[:] = colour
    frames[..., 1] = np.arange(count)[:, None, None]
    return frames


def box_of(page, colour, index):
    here = (page == (colour[0], index, colour[2])).all(axis=-1)
    rows, columns = np.flatnonzero(here.any(axis=1)), np.flatnonzero(here.any(axis=0))
    return rows[0], rows[-1] + 1, columns[0], columns[-1] + 1


def test_each_moment_shows_that_moment_of_every_track():
    pages = side_by_side([Track("original", flat(RED)), Track("rollout", flat(BLUE))], height_px=96)
    assert pages.shape[0] == 3
    for index, page in enumerate(pages):
        red, blue = box_of(page, RED, index), box_of(page, BLUE, index)
        assert red[:2] == blue[:2]
        assert red[1] - red[0] == red[3] - red[2] == blue[3] - blue[2] == 96
        assert red[3] < blue[2]


def test_only_the_frames_change_from_moment_to_moment():
    pages = side_by_side([Track("original", flat(RED))], height_px=96, footnote="A note.")
    top, bottom, left, right = box_of(pages[0], RED, 0)
    rest = pages.copy()
    rest[:, top:bottom, left:right] = 0
    assert (rest == rest[:1]).all()
    assert (pages[:, :top] < 100).any()
    assert (pages[:, bottom:] < 150).any()


def test_tracks_keep_their_proportions():
    tracks = [Track("", flat(RED, 1, 20, 40)), Track("", flat(BLUE, 1, 40, 20))]
    (page,) = side_by_side(tracks, height_px=100)
    boxes = [box_of(page, colour, 0) for colour in (RED, BLUE)]
    assert [box[3] - box[2] for box in boxes] == [200, 50]


@pytest.mark.parametrize("height", range(64, 72))
@pytest.mark.parametrize("footnote", ["", "A note that is long enough for two lines of text here."])
def test_sizes_are_even_for_the_encoder(height, footnote):
    tracks = [Track("one", flat(RED, 1, 30, 41)), Track("two", flat(BLUE, 1))]
    pages = side_by_side(tracks, height_px=height, scale=Scale(2.5), footnote=footnote)
    assert not any(size % 2 for size in pages.shape[1:3])


def test_a_title_wider_than_its_track_pushes_the_next_one_away():
    tracks = [Track("reconstruction", flat(RED, 1, 64, 8)), Track("next", flat(BLUE, 1))]
    (page,) = side_by_side(tracks, height_px=64)
    top, _, left, right = box_of(page, RED, 0)
    assert right - left == 8
    next_left = box_of(page, BLUE, 0)[2]
    assert next_left >= left + text.width_px("reconstruction", 14) + 14
    inked = (page[:top] < 200).any(axis=(0, 2))
    assert not inked[next_left - 10 : next_left].any()
    assert inked[next_left:].any()


def test_a_legend_is_drawn_below():
    tracks = [Track("", flat(RED))]
    plain = side_by_side(tracks, height_px=256)
    legended = side_by_side(tracks, height_px=256, scale=Scale(6, colour_map="viridis"))
    assert legended.shape[1] > plain.shape[1] + 20
    below = legended[0, box_of(legended[0], RED, 0)[1] :]
    for end in ((68, 1, 84), (253, 231, 37)):  # viridis from first to last
        assert (below == end).all(axis=-1).any()


def test_side_by_side_says_what_is_wrong():
    with pytest.raises(RequestError, match="at least one"):
        side_by_side([], height_px=100)
    with pytest.raises(RequestError, match="64 px or more"):
        side_by_side([Track("", flat(RED))], height_px=20)
    with pytest.raises(RequestError, match=r"\[3, 2\]"):
        side_by_side([Track("", flat(RED)), Track("", flat(RED, 2))], height_px=100)
