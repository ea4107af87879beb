from __future__ import annotations

import contextlib
import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from made_clips import (
    add_video,
    break_packets,
    count_up,
    keep_share,
    numbered,
    numbers_of,
    picture_frame,
    silence,
    write_clip,
)
from PIL import Image, features

from videomae_demo.errors import RequestError, VideoError
from videomae_demo.limits import Limits
from videomae_demo.video.decode import read_frames, scan


def read_all(path: Path) -> list[int]:
    timeline = scan(path)
    return numbers_of(read_frames(timeline, range(timeline.count)))


def test_a_plain_clip_is_counted_and_timed(tmp_path: Path) -> None:
    timeline = scan(write_clip(tmp_path / "plain.mp4", count_up(40)))
    assert timeline.count == 40
    np.testing.assert_allclose(timeline.timestamps_s, np.arange(40) / 30, atol=1e-6)
    assert timeline.frame_interval_s == pytest.approx(1 / 30)
    assert timeline.duration_s == pytest.approx(40 / 30)
    assert (timeline.height, timeline.width) == (48, 64)
    assert timeline.warnings == ()


def test_frames_come_in_the_order_asked_for_and_may_repeat(tmp_path: Path) -> None:
    timeline = scan(write_clip(tmp_path / "plain.mp4", count_up(40), bf="3", b_adapt="0"))
    frames = read_frames(timeline, [5, 0, 39, 5, 17])
    assert frames.shape == (5, 48, 64, 3)
    assert frames.dtype == np.uint8
    assert numbers_of(frames) == [5, 0, 39, 5, 17]


def test_reading_stops_after_the_last_wanted_frame(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "cut.mkv", count_up(40), g="1")
    timeline = scan(path)
    keep_share(path, 0.5)
    assert numbers_of(read_frames(timeline, [3])) == [3]
    with pytest.raises(VideoError, match="changed after it was scanned: frame 39 of 40"):
        read_frames(timeline, [39])


@pytest.mark.parametrize("indices", [[], [-1], [0, 10]])
def test_frames_that_are_not_there_are_refused(tmp_path: Path, indices: list[int]) -> None:
    timeline = scan(write_clip(tmp_path / "short.mp4", count_up(10)))
    with pytest.raises(RequestError, match="frames 0 to 9"):
        read_frames(timeline, indices)


def test_variable_frame_rate_keeps_its_times(tmp_path: Path) -> None:
    pts_ms = [0, 40, 50, 150, 151, 400, 480, 1000]
    timeline = scan(write_clip(tmp_path / "vfr.mp4", count_up(8), pts_ms=pts_ms))
    np.testing.assert_allclose(timeline.timestamps_s * 1000, pts_ms, atol=0.1)
    assert timeline.frame_interval_s == pytest.approx(0.08, abs=1e-4)  # 10 40 1 100 249 80 520
    assert timeline.warnings == ()


def test_times_start_at_zero_wherever_the_file_starts(tmp_path: Path) -> None:
    pts_ms = [5000 + 40 * index for index in range(10)]
    timeline = scan(write_clip(tmp_path / "late.mkv", count_up(10), pts_ms=pts_ms, fps=25))
    np.testing.assert_allclose(timeline.timestamps_s, np.arange(10) * 0.04, atol=1e-6)
    assert timeline.warnings == ()


@pytest.mark.parametrize(
    ("name", "container"),
    [
        ("live.mkv", {"live": "1"}),
        ("fragmented.mp4", {"movflags": "frag_keyframe+empty_moov+default_base_moof"}),
    ],
)
def test_a_header_without_a_count_is_no_hindrance(
    tmp_path: Path, name: str, container: dict[str, str]
) -> None:
    path = write_clip(tmp_path / name, count_up(40), container=container, g="10")
    with av.open(str(path)) as opened:
        assert opened.streams.video[0].frames == 0
    timeline = scan(path)
    assert timeline.count == 40
    assert timeline.duration_s == pytest.approx(40 / 30, abs=2e-3)
    assert timeline.warnings == ()


def test_frames_without_timestamps_are_timed_by_counting(tmp_path: Path) -> None:
    timeline = scan(write_clip(tmp_path / "raw.h264", count_up(20), fps=15))
    np.testing.assert_allclose(timeline.timestamps_s, np.arange(20) / 15)
    (warning,) = timeline.warnings
    assert "20 of 20 frames have no timestamp" in warning
    assert "15 frames per second" in warning


def test_frames_before_time_zero_are_frames(tmp_path: Path) -> None:
    pts_ms = [-200 + 40 * index for index in range(10)]
    keep_negative = {"avoid_negative_ts": "disabled"}
    path = tmp_path / "early.mkv"
    write_clip(path, count_up(10), pts_ms=pts_ms, fps=25, container=keep_negative)
    timeline = scan(path)
    np.testing.assert_allclose(timeline.timestamps_s, np.arange(10) * 0.04)
    assert any("5 of 10 frames have no timestamp" in warning for warning in timeline.warnings)
    assert read_all(path) == list(range(10))


def test_timestamps_that_go_back_never_reorder_frames(tmp_path: Path) -> None:
    # An AVI keeps no timestamps but the order of its packets, and B-frames are packed out of order.
    path = write_clip(tmp_path / "b.avi", count_up(30), bf="2", b_adapt="0", g="12")
    timeline = scan(path)
    assert read_all(path) == list(range(30))
    np.testing.assert_allclose(timeline.timestamps_s, np.arange(30) / 30)
    assert any("go back" in warning for warning in timeline.warnings)


def test_an_edit_list_hides_frames_without_a_warning(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "edited.mp4", count_up(30), bf="0")
    data = bytearray(path.read_bytes())
    start = data.index(b"elst") + 12  # version and flags, count; then duration in ms, media time
    (media_time,) = struct.unpack_from(">i", data, start + 4)
    struct.pack_into(">Ii", data, start, 500, media_time + 15 * 512)
    path.write_bytes(data)
    with av.open(str(path)) as opened:
        assert opened.streams.video[0].frames == 30
    assert scan(path).warnings == ()
    assert read_all(path) == list(range(15, 30))


def test_a_stream_that_starts_between_keyframes_gives_what_decodes(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "tail.ts", count_up(40), g="10", bf="0")
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        assert packets[5].pos is not None
        cut = packets[5].pos
    path.write_bytes(path.read_bytes()[: 188 * 3] + path.read_bytes()[cut:])
    assert read_all(path) == list(range(10, 40))


def test_every_frame_gets_the_size_of_the_first(tmp_path: Path) -> None:
    first = write_clip(tmp_path / "a.ts", count_up(10))
    second = write_clip(
        tmp_path / "b.ts",
        [numbered(number, 96, 80) for number in range(10, 20)],
        pts_ms=[1000 + 33 * index for index in range(10)],
    )
    both = tmp_path / "both.ts"
    both.write_bytes(first.read_bytes() + second.read_bytes())
    timeline = scan(both)
    assert (timeline.height, timeline.width, timeline.count) == (48, 64, 20)
    assert read_frames(timeline, [19]).shape == (1, 48, 64, 3)
    assert read_all(both) == list(range(20))
    assert any("64x48, 80x96" in warning for warning in timeline.warnings)


def test_damaged_packets_are_skipped_and_counted(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "damaged.mp4", count_up(30), g="1")
    # 28 of 30: a decoder with a thread for each frame would give up the last one, too.
    break_packets(path, [5, 6, 28])
    left = [number for number in range(30) if number not in (5, 6, 28)]
    assert read_all(path) == left
    (warning,) = scan(path).warnings
    assert "damaged packets: 3; frames left: 27" in warning


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("name", "codec"), [("flipped.mkv", "libx264"), ("flipped.avi", "mpeg4")])
def test_flipped_bytes_give_the_frames_that_one_thread_gives(
    tmp_path: Path, name: str, codec: str, seed: int
) -> None:
    noise = np.random.default_rng(seed)
    pictures = noise.integers(0, 256, (30, 48, 64, 3), dtype=np.uint8) // 2 + 60
    path = write_clip(tmp_path / name, pictures, codec=codec)
    data = bytearray(path.read_bytes())
    for place in noise.integers(2000, len(data) - 2000, 3 + 15 * seed):
        data[place] = noise.integers(0, 256)
    path.write_bytes(data)
    timeline = scan(path)
    assert timeline.count == count_with_one_thread(path)
    assert len(read_frames(timeline, range(timeline.count))) == timeline.count
    again = scan(path)
    np.testing.assert_array_equal(timeline.timestamps_s, again.timestamps_s)
    assert timeline.warnings == again.warnings


def count_with_one_thread(path: Path) -> int:
    count = 0
    with av.open(str(path)) as container:
        decoder = container.streams.video[0].codec_context
        decoder.thread_count = 1
        for packet in [*(p for p in container.demux(video=0) if p.size), None]:
            with contextlib.suppress(av.FFmpegError):
                count += len(decoder.decode(packet))
    return count


def test_a_truncated_mp4_says_how_much_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "cut.mp4"
    write_clip(path, count_up(60), container={"movflags": "faststart"}, g="1")
    timeline = scan(keep_share(path, 0.6))
    assert 15 < timeline.count < 50
    shortfall = f"fewer frames than the header says ({timeline.count} of 60)"
    assert any(shortfall in warning for warning in timeline.warnings)
    assert read_all(path) == list(range(timeline.count))


def test_a_truncated_mkv_says_where_it_ends(tmp_path: Path) -> None:
    timeline = scan(keep_share(write_clip(tmp_path / "cut.mkv", count_up(60), g="1"), 0.6))
    assert 15 < timeline.count < 50
    ends = f"ends at {timeline.duration_s:.2f} s of 2.00 s"
    assert any(ends in warning for warning in timeline.warnings)


@pytest.mark.parametrize("name", ["sound.mkv", "untagged.mkv", "sound.mp4"])
def test_longer_sound_is_no_sign_of_truncation(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with av.open(str(path), "w") as output:
        stream = add_video(output, (48, 64), "mpeg4", "yuv420p", 30)
        sound = silence(output, seconds=3)
        for picture in count_up(15):
            output.mux(stream.encode(picture_frame(picture, stream)))
        output.mux([*stream.encode(), *sound])
    if name == "untagged.mkv":  # other writers leave the duration of the single streams out
        path.write_bytes(path.read_bytes().replace(b"DURATION", b"OTHERTAG"))
    assert scan(path).warnings == ()
    assert scan(path).count == 15


@pytest.mark.parametrize("count", [1, 5, 15])
def test_very_short_clips_are_clips(tmp_path: Path, count: int) -> None:
    timeline = scan(write_clip(tmp_path / "short.mp4", count_up(count)))
    assert timeline.count == count
    assert timeline.duration_s == pytest.approx(count / 30)
    assert timeline.warnings == ()


def test_the_largest_of_two_streams_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "two.mkv"
    with av.open(str(path), "w") as output:
        small = add_video(output, (32, 32), "mpeg4", "yuv420p", 30)
        large = add_video(output, (48, 64), "mpeg4", "yuv420p", 30)
        for index in range(10):
            output.mux(small.encode(picture_frame(numbered(index + 50, 32, 32), small)))
            output.mux(large.encode(picture_frame(numbered(index), large)))
        output.mux(small.encode())
        output.mux(large.encode())
    assert scan(path).width == 64
    assert read_all(path) == list(range(10))


def test_a_title_picture_is_not_taken_for_the_video(tmp_path: Path) -> None:
    path = tmp_path / "poster.mp4"
    with av.open(str(path), "w") as output:
        poster = add_video(output, (96, 128), "mpeg4", "yuv420p", 30)
        video = add_video(output, (48, 64), "mpeg4", "yuv420p", 30)
        output.mux([*poster.encode(picture_frame(numbered(99, 96, 128), poster))])
        for picture in count_up(10):
            output.mux(video.encode(picture_frame(picture, video)))
        output.mux([*poster.encode(), *video.encode()])
    assert read_all(path) == list(range(10))


def test_the_name_of_a_file_means_nothing(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mkv", count_up(5)).rename(tmp_path / "notes.%03d.txt")
    assert read_all(path) == list(range(5))


def test_a_title_in_another_encoding_is_no_hindrance(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mkv", count_up(5))
    data = path.read_bytes()
    assert b"Lavf" in data
    path.write_bytes(data.replace(b"Lavf", b"L\xe9vf"))
    assert scan(path).count == 5


@pytest.mark.parametrize("kind", ["gif", "png", "webp", "avif"])
def test_animated_pictures_are_clips(tmp_path: Path, kind: str) -> None:
    if kind in ("webp", "avif") and not features.check(kind):
        pytest.skip(f"this Pillow writes no {kind}")
    path = tmp_path / f"animated.{kind}"
    images = [Image.fromarray(picture) for picture in count_up(6)]
    images[0].save(
        path,
        save_all=True,
        append_images=images[1:],
        duration=[100, 200, 100, 300, 100, 100],
        **({"lossless": True} if kind == "webp" else {}),
    )
    timeline = scan(path)
    np.testing.assert_allclose(timeline.timestamps_s, [0.0, 0.1, 0.3, 0.4, 0.7, 0.8], atol=1e-3)
    assert timeline.warnings == ()
    assert read_all(path) == list(range(6))


def test_a_truncated_webp_gives_what_decodes(tmp_path: Path) -> None:
    path = tmp_path / "cut.webp"
    noise = np.random.default_rng(0).integers(0, 256, (8, 48, 64, 3), dtype=np.uint8)
    images = [Image.fromarray(picture) for picture in noise]
    images[0].save(path, save_all=True, append_images=images[1:], duration=100, lossless=True)
    keep_share(path, 0.6)
    with pytest.raises(VideoError, match="animated WebP"):
        scan(path)


def test_the_canvas_of_a_webp_is_not_reserved_before_it_is_measured(tmp_path: Path) -> None:
    path = tmp_path / "vast.webp"
    images = [Image.fromarray(picture) for picture in count_up(3)]
    images[0].save(path, save_all=True, append_images=images[1:], duration=100)
    data = bytearray(path.read_bytes())
    assert data[12:16] == b"VP8X"
    data[24:30] = b"\xff\x3f\x00" * 2  # width and height, less one
    path.write_bytes(data)
    with pytest.raises(VideoError, match="16384x16384 = 268435456 pixels, the limit frame_pixels"):
        scan(path)


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        (Limits(clip_frames=19), "at least 20 frames[,;] the limit clip_frames is 19"),
        (Limits(clip_s=0.5), "is 0.7 s long, the limit clip_s is 0.5 s"),
        (Limits(decoded_frames=19), "20 frames or more of clip.* limit decoded_frames is 19"),
        (Limits(frame_pixels=3000), "64x48 = 3072 pixels, the limit frame_pixels is 3000"),
        (Limits(decoding_s=0), "the limit decoding_s of 0 s"),
    ],
)
@pytest.mark.parametrize("name", ["clip.mp4", "clip.h264"])
def test_limits_are_named_with_the_value_seen(
    tmp_path: Path, limits: Limits, sentence: str, name: str
) -> None:
    path = write_clip(tmp_path / name, count_up(20))
    with pytest.raises(VideoError, match=sentence):
        scan(path, limits=limits)


def test_limits_that_are_met_are_no_hindrance(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", count_up(20))
    limits = Limits(clip_frames=20, decoded_frames=20, frame_pixels=64 * 48)
    assert scan(path, limits=limits).count == 20


def test_size_is_checked_before_anything_is_decoded(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", count_up(20))
    with pytest.raises(VideoError, match="frame_pixels is 3000"):
        scan(path, limits=Limits(frame_pixels=3000, decoded_frames=0))


def test_reading_keeps_to_the_limits_too(tmp_path: Path) -> None:
    timeline = scan(write_clip(tmp_path / "clip.mp4", count_up(20)))
    assert read_frames(timeline, [5], limits=Limits(decoded_frames=6)).shape[0] == 1
    with pytest.raises(VideoError, match="decoded_frames is 5"):
        read_frames(timeline, [5], limits=Limits(decoded_frames=5))
    with pytest.raises(VideoError, match="frame_pixels is 3000"):
        read_frames(timeline, [5], limits=Limits(frame_pixels=3000))


def test_a_frame_that_grows_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    small = write_clip(tmp_path / "a.ts", count_up(5))
    large = write_clip(tmp_path / "b.ts", [numbered(1, 96, 128)] * 5)
    both = tmp_path / "both.ts"
    both.write_bytes(small.read_bytes() + large.read_bytes())
    with pytest.raises(VideoError, match="128x96 = 12288 pixels"):
        scan(both, limits=Limits(frame_pixels=8000))


def test_no_memory_is_reserved_for_a_frame_that_is_far_too_large(tmp_path: Path) -> None:
    small = write_clip(tmp_path / "a.ts", count_up(60))
    large = write_clip(tmp_path / "b.ts", [numbered(1, 96, 128)] * 5)
    both = tmp_path / "both.ts"
    both.write_bytes(small.read_bytes() + large.read_bytes())
    timeline = scan(both, limits=Limits(frame_pixels=4000))  # the decoder refuses twice as many
    assert timeline.count == 60
    assert any("parts of it can't be decoded" in warning for warning in timeline.warnings)


def test_pixel_aspect_counts_towards_the_limit(tmp_path: Path) -> None:
    wide = {"sample_aspect_ratio": Fraction(3, 1)}
    path = write_clip(tmp_path / "wide.mp4", count_up(3), context=wide)
    with pytest.raises(VideoError, match="192x48"):
        scan(path, limits=Limits(frame_pixels=64 * 48))


@pytest.mark.parametrize(("curve", "name"), [(16, "PQ"), (18, "HLG")])
def test_hdr_is_said_and_left_as_it_is(tmp_path: Path, curve: int, name: str) -> None:
    grey = np.full((48, 64, 3), 90, np.uint8)
    context = {"color_trc": curve, "color_primaries": 9, "colorspace": 9}
    path = write_clip(tmp_path / "hdr.mkv", [grey] * 3, pixel_format="yuv420p10le", context=context)
    timeline = scan(path)
    assert any(f"HDR ({name}) and shown without tone mapping" in text for text in timeline.warnings)
    np.testing.assert_allclose(read_frames(timeline, [1]), 90, atol=2)


@pytest.mark.parametrize(
    "tag",
    [
        "9" * 400 + ":00:00.0",
        "00:00:" + "9" * 5000,
        "00:00:nan",
        "-1:00:00",
        "1e9:00:00",
        "",
    ],
)
def test_a_duration_that_is_none_is_left_out(tmp_path: Path, tag: str) -> None:
    path = tmp_path / "clip.mkv"
    with av.open(str(path), "w") as output:
        stream = add_video(output, (48, 64, 3), "mpeg4", "yuv420p", 30)
        stream.metadata["DURATIOX"] = tag or " "
        for number, picture in enumerate(count_up(5)):
            frame = picture_frame(picture, stream)
            frame.pts, frame.time_base = number, Fraction(1, 30)
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    data = path.read_bytes().replace(b"DURATION", b"DURATIOY").replace(b"DURATIOX", b"DURATION")
    path.write_bytes(data)
    with av.open(str(path)) as opened:
        assert opened.streams.video[0].metadata["DURATION"] == (tag or " ")
    timeline = scan(path)
    assert (timeline.count, timeline.warnings) == (5, ())
