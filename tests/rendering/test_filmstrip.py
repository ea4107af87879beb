import numpy as np
import pytest

from videomae_demo.errors import RequestError
from videomae_demo.rendering import text
from videomae_demo.rendering.colour import Scale
from videomae_demo.rendering.filmstrip import filmstrip
from videomae_demo.rendering.frames import Track

RED, BLUE = (200, 0, 0), (0, 0, 200)


def coloured(colour, count=5, height=32, width=32):
    """Frame n is flat: the colour, with n in the green channel."""
    frames = np.zeros((count, height, width, 3), dtype=np.uint8)
    frames[:] = colour
    frames[..., 1] = np.arange(count)[:, None, None]
    return frames


def box_of(sheet, colour, index):
    """(top, bottom, left, right) of the one rectangle in which frame `index` was drawn."""
    here = (sheet == (colour[0], index, colour[2])).all(axis=-1)
    rows, columns = np.flatnonzero(here.any(axis=1)), np.flatnonzero(here.any(axis=0))
    box = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    assert here[box[0] : box[1], box[2] : box[3]].all()
    return box


@pytest.fixture
def sheet():
    tracks = [Track("original", coloured(RED)), Track("visible only", coloured(BLUE))]
    return filmstrip(tracks, np.arange(5) / 4, columns=3, cell_px=64)


def test_every_frame_is_there_at_the_asked_size(sheet):
    for colour in (RED, BLUE):
        for index in range(5):
            top, bottom, left, right = box_of(sheet, colour, index)
            assert (bottom - top, right - left) == (64, 64)


def test_tracks_share_columns_and_frames_share_lines(sheet):
    for index in range(5):
        red, blue = box_of(sheet, RED, index), box_of(sheet, BLUE, index)
        assert red[2:] == blue[2:]
        assert red[1] < blue[0]
    assert box_of(sheet, RED, 0)[:2] == box_of(sheet, RED, 2)[:2]
    assert box_of(sheet, RED, 0)[2] == box_of(sheet, RED, 3)[2]
    assert box_of(sheet, RED, 3)[0] > box_of(sheet, BLUE, 0)[1]


def test_titles_stand_left_of_each_strip_and_times_above_each_column(sheet):
    for colour in (RED, BLUE):
        for index in (0, 3):
            top, bottom, left, _ = box_of(sheet, colour, index)
            assert (sheet[top:bottom, : left - 7] < 100).any()
    for index in range(5):
        top, _, left, right = box_of(sheet, RED, index)
        assert (sheet[top - 24 : top, left:right] < 180).any()
    # Nothing stands over the column that the last line does not fill.
    top, _, left, right = box_of(sheet, RED, 2)
    below = box_of(sheet, RED, 3)[0]
    assert (sheet[below - 20 :, left:right] == 255).all()


def test_times_are_written_in_seconds(monkeypatch):
    lines = []
    real = text.write
    monkeypatch.setattr(
        text, "write", lambda canvas, line, *args: (lines.append(line), real(canvas, line, *args))
    )
    filmstrip([Track("", coloured(RED, 2))], [0.0, 0.5333])
    assert lines == ["0.00 s", "0.53 s"]


def test_the_margin_stays_white(sheet):
    for edge in (sheet[:20], sheet[-20:], sheet[:, :20], sheet[:, -20:]):
        assert (edge == 255).all()


def test_heading_legend_and_footnotes_add_their_height_and_are_inked():
    tracks = [Track("", coloured(RED))]
    times = np.arange(5)
    plain = filmstrip(tracks, times)
    headed = filmstrip(tracks, times, heading="A disc that moves")
    legended = filmstrip(tracks, times, scale=Scale(6, unit="x uniform"))
    noted = filmstrip(tracks, times, footnotes=["One sentence.", "Another. " * 40])
    top = box_of(headed, RED, 0)[0]
    assert len(headed) - len(plain) == top - box_of(plain, RED, 0)[0] > 20
    assert (headed[: top - 24] < 100).any()
    bottom = box_of(plain, RED, 0)[1]
    for below in (legended, noted):
        assert len(below) > len(plain) + 30
        assert (below[bottom:] < 130).any()
    assert len(noted) > len(filmstrip(tracks, times, footnotes=["One.", "Two."])) + 30


def test_small_frames_are_enlarged_a_whole_number_of_times():
    sheet = filmstrip([Track("", coloured(RED, 1, 64, 64))], [0.0])
    top, bottom, left, right = box_of(sheet, RED, 0)
    assert (bottom - top, right - left) == (128, 128)


def test_large_frames_keep_their_size_and_oblong_ones_their_shape():
    top, bottom, left, right = box_of(
        filmstrip([Track("", coloured(RED, 1, 120, 224))], [0.0]), RED, 0
    )
    assert (bottom - top, right - left) == (120, 224)


def test_times_of_narrow_columns_do_not_touch():
    sheet = filmstrip([Track("", coloured(RED, 3))], [10.25, 11.5, 12.75], cell_px=16)
    lefts = [box_of(sheet, RED, index)[2] for index in range(3)]
    assert min(np.diff(lefts)) > text.width_px("10.25 s", 14)


@pytest.mark.parametrize(
    ("tracks", "times", "options", "message"),
    [
        ([], [], {}, "at least one"),
        ([Track("", coloured(RED))], [0, 1], {}, r"\(2,\) don't fit 5 frames"),
        ([Track("", coloured(RED))], range(5), {"columns": 0}, "0 columns"),
        ([Track("", coloured(RED))], range(5), {"cell_px": 3}, "3 px"),
        (
            [Track("", coloured(RED)), Track("", coloured(RED, 5, 16, 16))],
            range(5),
            {},
            "one size",
        ),
    ],
)
def test_filmstrip_says_what_is_wrong(tracks, times, options, message):
    with pytest.raises(RequestError, match=message):
        filmstrip(tracks, times, **options)
