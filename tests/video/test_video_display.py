from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from made_clips import (
    ANTICLOCKWISE,
    ANTITRANSPOSE,
    CLOCKWISE,
    HALF_TURN,
    IDENTITY,
    MIRROR,
    TRANSPOSE,
    UPSIDE_DOWN,
    count_up,
    numbered,
    numbers_of,
    quarters,
    turn,
    write_clip,
)

from videomae_demo.video.decode import read_frames, scan
from videomae_demo.video.display import Size


def first_frame(path: Path, **options: int) -> np.ndarray:
    return read_frames(scan(path), [0], **options)[0]


def assert_close(got: np.ndarray, expected: np.ndarray, tolerance: int = 6) -> None:
    """Compare away from the edges inside the picture, where chroma is blurred."""
    assert got.shape == expected.shape
    flat = np.ones(expected.shape[:2], bool)
    for axis in (0, 1):
        edge = np.any(np.diff(expected.astype(int), axis=axis) != 0, axis=2)
        for index in np.unique(np.nonzero(edge)[axis]):
            lines = slice(max(0, index - 3), index + 5)
            flat[(lines, slice(None)) if axis == 0 else (slice(None), lines)] = False
    assert flat.mean() > 0.5
    difference = np.abs(got.astype(int) - expected.astype(int))[flat]
    assert difference.max() <= tolerance


@pytest.mark.parametrize(
    ("matrix", "angle", "expected"),
    [
        (IDENTITY, 0, lambda x: x),
        (CLOCKWISE, -90, lambda x: np.rot90(x, -1)),
        (ANTICLOCKWISE, 90, lambda x: np.rot90(x, 1)),
        (HALF_TURN, -180, lambda x: np.rot90(x, 2)),
        (MIRROR, -180, np.fliplr),  # by its angle alone it could not be told from a half turn
        (UPSIDE_DOWN, 0, np.flipud),
        (TRANSPOSE, -90, lambda x: x.transpose(1, 0, 2)),
        (ANTITRANSPOSE, 90, lambda x: np.rot90(x, 2).transpose(1, 0, 2)),
    ],
)
def test_the_display_matrix_turns_the_pixels(
    tmp_path: Path, matrix: tuple[int, int, int, int], angle: int, expected: object
) -> None:
    path = turn(write_clip(tmp_path / "turned.mp4", [quarters()] * 3), matrix)
    with av.open(str(path)) as opened:
        frame = next(opened.decode(video=0))
        assert frame.rotation == angle
        assert (frame.height, frame.width) == (48, 64)
    wanted = expected(quarters())  # type: ignore[operator]
    timeline = scan(path)
    assert (timeline.height, timeline.width) == wanted.shape[:2]
    assert_close(read_frames(timeline, [2])[0], wanted)


@pytest.mark.parametrize(
    ("aspect", "height", "width"),
    [(Fraction(3, 2), 48, 96), (Fraction(1, 2), 96, 64), (Fraction(64, 45), 48, 91)],
)
def test_pixels_that_are_not_square_are_stretched(
    tmp_path: Path, aspect: Fraction, height: int, width: int
) -> None:
    path = write_clip(tmp_path / "wide.mp4", [quarters()], context={"sample_aspect_ratio": aspect})
    assert_close(first_frame(path), quarters(height, width))


def test_a_stretched_clip_is_stretched_before_it_is_turned(tmp_path: Path) -> None:
    aspect = {"sample_aspect_ratio": Fraction(3, 2)}
    path = turn(write_clip(tmp_path / "phone.mp4", [quarters()], context=aspect), CLOCKWISE)
    assert_close(first_frame(path), np.rot90(quarters(48, 96), -1))


@pytest.mark.parametrize("aspect", ["640:639", "704:705", "100:101", "101:100", "1:1"])
def test_an_aspect_that_rounding_left_is_none(tmp_path: Path, aspect: str) -> None:
    ratio = Fraction(*map(int, aspect.split(":")))
    path = write_clip(
        tmp_path / "clip.mp4", count_up(2, 240, 320), context={"sample_aspect_ratio": ratio}
    )
    timeline = scan(path)
    assert (timeline.height, timeline.width, timeline.warnings) == (240, 320, ())


@pytest.mark.parametrize(
    ("aspect", "shown"),
    [(Fraction(64, 45), "91x48"), (Fraction(1, 2), "64x96"), (Fraction(51, 50), "65x48")],
)
def test_an_aspect_is_noted_and_can_be_left_out(
    tmp_path: Path, aspect: Fraction, shown: str
) -> None:
    path = write_clip(tmp_path / "dv.mp4", [quarters()], context={"sample_aspect_ratio": aspect})
    ratio = f"{aspect.numerator}:{aspect.denominator}"
    timeline = scan(path)
    assert timeline.warnings == (
        f"The file states pixels of {ratio} (width to height): "
        f"its frames of 64x48 are stretched to {shown}.",
    )
    assert f"{timeline.width}x{timeline.height}" == shown
    assert not timeline.stored_pixels
    as_stored = scan(path, stored_pixels=True)
    assert as_stored.warnings == (
        f"The file states pixels of {ratio} (width to height); as asked, the frames are shown as "
        "they are stored, 64x48.",
    )
    assert (as_stored.height, as_stored.width, as_stored.stored_pixels) == (48, 64, True)
    assert_close(read_frames(as_stored, [0])[0], quarters())


def test_the_sizes_noted_are_those_before_turning(tmp_path: Path) -> None:
    aspect = {"sample_aspect_ratio": Fraction(3, 2)}
    path = turn(write_clip(tmp_path / "phone.mp4", [quarters()], context=aspect), CLOCKWISE)
    timeline = scan(path)
    assert "frames of 64x48 are stretched to 96x48" in timeline.warnings[0]
    assert (timeline.height, timeline.width) == (96, 48)


@pytest.mark.parametrize(
    ("aspect", "is_noted"),
    [
        ((1, 17), True),
        ((40, 1), True),
        ((1, 16), False),
        ((1, 2**31), False),  # FFmpeg itself drops the rest
        ((2**32 - 1, 1), False),
        ((0, 0), False),
        ((2**31, 2**31), False),
    ],
)
def test_an_aspect_that_no_picture_has_is_left_out(
    tmp_path: Path, aspect: tuple[int, int], is_noted: bool
) -> None:
    path = write_clip(
        tmp_path / "clip.mov",
        [quarters()],
        codec="qtrle",  # which has no place for an aspect of its own
        pixel_format="rgb24",
        context={"sample_aspect_ratio": Fraction(3, 2)},
    )
    data = path.read_bytes()
    start = data.index(b"pasp") + 4
    path.write_bytes(data[:start] + struct.pack(">2I", *aspect) + data[start + 8 :])
    timeline = scan(path)
    assert (timeline.height, timeline.width) == ((768, 64) if aspect == (1, 16) else (48, 64))
    assert is_noted == any("which no picture has" in warning for warning in timeline.warnings)


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format"),
    [
        ("deep.mkv", "libx264", "yuv420p10le"),
        ("full.mp4", "libx264", "yuv444p"),
        ("deep.mov", "prores_ks", "yuv422p10le"),
        ("rgb.mkv", "libx264rgb", "rgb24"),
        ("raw.avi", "rawvideo", "bgr24"),
        ("jpeg.avi", "mjpeg", "yuvj420p"),
        ("old.mpg", "mpeg1video", "yuv420p"),
    ],
)
def test_every_pixel_format_shows_the_same_colours(
    tmp_path: Path, name: str, codec: str, pixel_format: str
) -> None:
    path = write_clip(
        tmp_path / name, [quarters()] * 2, codec=codec, pixel_format=pixel_format, qmax="2"
    )
    assert_close(first_frame(path), quarters(), tolerance=10)


@pytest.mark.parametrize("pixel_format", ["gray", "gray10le", "gray16le"])
def test_grey_is_grey(tmp_path: Path, pixel_format: str) -> None:
    picture = np.full((48, 64, 3), 77, np.uint8)
    path = write_clip(tmp_path / "g.mkv", [picture], codec="ffv1", pixel_format=pixel_format)
    assert_close(first_frame(path), picture, tolerance=2)


@pytest.mark.parametrize("matrix", [1, 5, 9])
def test_the_colour_matrix_of_the_file_is_used(tmp_path: Path, matrix: int) -> None:
    path = write_clip(tmp_path / "tagged.mp4", [quarters()], context={"colorspace": matrix})
    with av.open(str(path)) as opened:
        assert next(opened.decode(video=0)).colorspace == matrix
    assert_close(first_frame(path), quarters())


def test_a_colour_matrix_that_swscale_does_not_know_is_no_hindrance(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "odd.mp4", [numbered(5)], context={"colorspace": 8})
    with av.open(str(path)) as opened:
        assert next(opened.decode(video=0)).colorspace == 8
    assert numbers_of(first_frame(path)[None]) == [5]


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format"),
    [
        ("png.mov", "png", "rgba"),
        ("prores.mov", "prores_ks", "yuva444p10le"),
        ("ffv1.mkv", "ffv1", "yuva420p"),
    ],
)
def test_transparent_pixels_lie_on_black(
    tmp_path: Path, name: str, codec: str, pixel_format: str
) -> None:
    picture = np.full((48, 64, 4), 200, np.uint8)
    picture[:, :32, 3] = 0
    picture[:24, :32, 3] = 128
    picture[:, 32:, 3] = 255
    path = write_clip(tmp_path / name, [picture] * 2, codec=codec, pixel_format=pixel_format)
    shown = first_frame(path).astype(int)
    assert shown[12, 10] == pytest.approx([100] * 3, abs=4)
    assert shown[36, 10] == pytest.approx([0] * 3, abs=4)
    assert shown[24, 50] == pytest.approx([200] * 3, abs=4)


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (241, 321), (3, 320), (320, 3)])
def test_sizes_are_never_guessed(tmp_path: Path, size: tuple[int, int]) -> None:
    picture = np.empty((*size, 3), np.uint8)
    picture[:] = (250, 120, 10)
    path = write_clip(tmp_path / "odd.mov", [picture] * 2, codec="png", pixel_format="rgb24")
    np.testing.assert_array_equal(first_frame(path), picture)


def test_interlaced_video_is_accepted(tmp_path: Path) -> None:
    path = write_clip(
        tmp_path / "tv.mpg", [quarters()] * 3, codec="mpeg2video", flags="+ildct+ilme", qmax="2"
    )
    with av.open(str(path)) as opened:
        assert next(opened.decode(video=0)).interlaced_frame
    assert_close(first_frame(path), quarters(), tolerance=10)


@pytest.mark.parametrize(("height", "width"), [(2160, 3840), (4320, 7680)])
def test_large_frames_are_shrunk_while_they_are_converted(
    tmp_path: Path, height: int, width: int
) -> None:
    pictures = [numbered(number, height, width) for number in (3, 100)]
    path = write_clip(tmp_path / "large.avi", pictures, codec="mjpeg", pixel_format="yuvj420p")
    timeline = scan(path)
    assert (timeline.height, timeline.width) == (height, width)
    frames = read_frames(timeline, [1, 0])
    assert frames.shape == (2, 1080, 1920, 3)
    assert numbers_of(frames) == [100, 3]


def test_shrinking_averages_and_keeps_the_aspect(tmp_path: Path) -> None:
    stripes = np.zeros((64, 96, 3), np.uint8)
    stripes[:, ::2] = 200
    path = write_clip(tmp_path / "s.mov", [stripes], codec="png", pixel_format="rgb24")
    small = first_frame(path, longest_side_px=48)
    assert small.shape == (32, 48, 3)
    assert np.abs(small.astype(int) - 100).max() <= 3
    assert first_frame(path, longest_side_px=96).shape == (64, 96, 3)
    assert first_frame(path, longest_side_px=500).shape == (64, 96, 3)


def test_no_side_shrinks_to_nothing() -> None:
    assert Size(height=2, width=5000).within(100) == Size(height=1, width=100)
