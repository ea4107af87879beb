"""Seeking in a long file must give what decoding all of it gives: the same times, the same pixels.

The clips here are short, and the threshold is set so that they count as long.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from made_clips import break_packets, count_up, keep_share, numbers_of, write_clip

from videomae_demo.errors import VideoError
from videomae_demo.limits import Limits
from videomae_demo.video import decode
from videomae_demo.video.clip import sample_clip
from videomae_demo.video.decode import SeekingError, read_frames, scan
from videomae_demo.video.sampling import SamplingRule

COUNT = 100
CLOSED = {"g": "12", "bf": "3", "b_adapt": "0"}
OPEN = {**CLOSED, "x264-params": "open-gop=1:b-pyramid=normal"}
OPEN_HEVC = {"codec": "libx265", "x265-params": "keyint=12:open-gop=1:bframes=3:log-level=none"}
LEADING_HEVC = {
    "codec": "libx265",
    "x265-params": "keyint=12:min-keyint=12:open-gop=0:radl=2:bframes=3:b-adapt=0:log-level=none",
}
FRAGMENTED = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
STRUCTURES: dict[str, dict[str, Any]] = {
    "without_b_frames.mp4": {"g": "12", "bf": "0"},
    "b_frames.mp4": CLOSED,  # an edit list makes up for the delay of B-frames
    "b_frames.flv": CLOSED,
    "open_groups.mp4": OPEN,
    "open_groups.mkv": OPEN,
    "open_groups.ts": OPEN,
    "mpeg2.ts": {"codec": "mpeg2video", "g": "12", "bf": "2"},
    "mpeg2.mpg": {"codec": "mpeg2video", "g": "12", "bf": "2"},
    "mpeg4.avi": {"codec": "mpeg4", "g": "12"},
    "hevc_open_groups.mkv": OPEN_HEVC,
    "hevc_open_groups.ts": OPEN_HEVC,
    "hevc_leading_pictures.mkv": LEADING_HEVC,
    "hevc_leading_pictures.mp4": LEADING_HEVC,
    "vp9.webm": {"codec": "libvpx-vp9", "g": "24", "auto-alt-ref": "1", "lag-in-frames": "16"},
    "every_frame_a_keyframe.avi": {"codec": "mjpeg", "pixel_format": "yuvj420p"},
    "fragmented.mp4": {**CLOSED, "container": FRAGMENTED},
    "live.mkv": {**CLOSED, "container": {"live": "1"}},
    "one_keyframe.mp4": {"g": "1000", "bf": "2"},
    "variable_rate.mkv": {**CLOSED, "pts_ms": [index * 30 + index % 7 for index in range(COUNT)]},
}


@pytest.fixture(autouse=True)
def _every_clip_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "SHORT_FRAMES", 0)


def speckled(count: int = COUNT) -> list[np.ndarray]:
    """Numbered pictures with noise, so that no two frames decode to the same pixels."""
    noise = np.random.default_rng(0)
    dots = noise.random((count, 48, 64, 1)) < 0.1
    dots[:, 16:32] = False  # the numbers are read there
    return list(np.where(dots, noise.integers(0, 256, (count, 48, 64, 3)), count_up(count)))


def made(path: Path, **options: Any) -> Path:
    return write_clip(path, [picture.astype(np.uint8) for picture in speckled()], **options)


def hide_before(path: Path, frames: int) -> Path:
    """Let an mp4 of 30 frames per second begin later, by its edit list."""
    data = bytearray(path.read_bytes())
    start = data.index(b"elst") + 12  # version and flags, count; then duration in ms, media time
    duration_ms, media_time = struct.unpack_from(">Ii", data, start)
    hidden_ms = frames * 1000 // 30
    struct.pack_into(">Ii", data, start, duration_ms - hidden_ms, media_time + frames * 512)
    path.write_bytes(data)
    return path


def assert_same(path: Path, count: int) -> None:
    """Read each frame by itself, the later ones first, and hold it against the full decode."""
    truth, sought = scan(path, seek=False), scan(path)
    assert truth.index is None
    assert sought.index is not None
    assert truth.count == sought.count == count
    np.testing.assert_array_equal(truth.timestamps_s, sought.timestamps_s)
    assert truth.warnings == sought.warnings
    pixels = read_frames(truth, range(count))
    for number in reversed(range(count)):
        np.testing.assert_array_equal(read_frames(sought, [number])[0], pixels[number])
    scattered = [90 % count, 3, 47, 48, 49, 3, 11]
    np.testing.assert_array_equal(read_frames(sought, scattered), pixels[scattered])


@pytest.mark.parametrize("name", STRUCTURES)
def test_seeking_gives_what_decoding_everything_gives(tmp_path: Path, name: str) -> None:
    assert_same(made(tmp_path / name, **STRUCTURES[name]), COUNT)


@pytest.mark.parametrize("hidden", [5, 12, 15])
def test_an_edit_list_is_kept_to(tmp_path: Path, hidden: int) -> None:
    path = hide_before(made(tmp_path / "edited.mp4", **CLOSED), hidden)
    assert_same(path, COUNT - hidden)
    assert numbers_of(read_frames(scan(path), [0, 40])) == [hidden, hidden + 40]


def test_a_recording_that_starts_between_keyframes_is_sought_from_the_first(tmp_path: Path) -> None:
    path = made(tmp_path / "tail.ts", **OPEN)
    with av.open(str(path)) as container:
        positions = [packet.pos for packet in container.demux(video=0) if packet.size]
    data = path.read_bytes()
    path.write_bytes(data[: 188 * 3] + data[positions[5] or 0 :])
    assert_same(path, scan(path, seek=False).count)


def test_frames_before_the_first_keyframe_lead_to_decoding_everything(tmp_path: Path) -> None:
    """As in a recording that was cut at a keyframe, some of whose pictures are shown before it."""
    whole, tail = made(tmp_path / "whole.mkv", **LEADING_HEVC), tmp_path / "tail.mkv"
    with av.open(str(whole)) as source, av.open(str(tail), "w") as output:
        stream = output.add_stream_from_template(source.streams.video[0])
        keyframes = 0
        for packet in source.demux(video=0):
            keyframes += packet.is_keyframe
            if keyframes > 1 and packet.dts is not None:
                packet.stream = stream
                output.mux(packet)
    timeline = scan(tail)
    assert timeline.index is None
    assert numbers_of(read_frames(timeline, [0, 1])) == [10, 11]  # the keyframe shows the 12th


def test_a_truncated_file_is_sought_as_far_as_it_goes(tmp_path: Path) -> None:
    path = made(tmp_path / "cut.mp4", container={"movflags": "faststart"}, **CLOSED)
    with av.open(str(keep_share(path, 0.7))) as container:
        assert container.streams.video[0].frames == COUNT
    timeline = scan(path)
    assert timeline.index is not None
    assert 30 < timeline.count < 90
    assert any(f"({timeline.count} of {COUNT})" in warning for warning in timeline.warnings)
    wanted = [timeline.count // 2, 20]
    pixels = read_frames(scan(path, seek=False), wanted)
    np.testing.assert_array_equal(read_frames(timeline, wanted), pixels)


def test_only_what_is_needed_is_decoded(tmp_path: Path) -> None:
    path = made(tmp_path / "clip.mp4", g="12", bf="0")
    limits = Limits(decoded_frames=32)  # the trial at the start takes so many
    timeline = scan(path, limits=limits)
    window = range(80, 96)  # of two groups, the first from 72 on
    assert read_frames(timeline, window, limits=Limits(decoded_frames=24)).shape[0] == 16
    with pytest.raises(VideoError, match=r"24 frames or more of .* decoded_frames is 23"):
        read_frames(timeline, window, limits=Limits(decoded_frames=23))
    with pytest.raises(VideoError, match="decoded_frames is 32"):
        scan(path, limits=limits, seek=False)


def test_short_files_are_decoded_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = made(tmp_path / "clip.mp4")
    monkeypatch.setattr(decode, "SHORT_FRAMES", COUNT)
    assert scan(path).index is None
    monkeypatch.setattr(decode, "SHORT_FRAMES", COUNT - 1)
    assert scan(path).index is not None


def test_timestamps_that_are_not_there_lead_to_decoding_everything(tmp_path: Path) -> None:
    timeline = scan(made(tmp_path / "raw.h264"))
    assert timeline.index is None
    assert timeline.count == COUNT
    assert any("have no timestamp" in warning for warning in timeline.warnings)


def test_a_beginning_that_decodes_otherwise_leads_to_decoding_everything(tmp_path: Path) -> None:
    path = break_packets(made(tmp_path / "damaged.mp4", g="1"), [7])
    timeline = scan(path)
    assert timeline.index is None
    assert timeline.count == COUNT - 1


def assert_led_astray(path: Path, wanted: list[int]) -> None:
    """Reading says so; sampling takes the frames that decoding everything gives."""
    timeline = scan(path)
    assert timeline.index is not None
    with pytest.raises(SeekingError, match=r"other frames than its timestamps say, at \d"):
        read_frames(timeline, wanted)
    truth = scan(path, seek=False)
    rule = SamplingRule.stride(0.1)
    clip = sample_clip(timeline, 16, rule)
    expected = sample_clip(truth, 16, rule)
    assert clip.timeline.index is None
    np.testing.assert_array_equal(clip.indices, expected.indices)
    np.testing.assert_array_equal(clip.frames, expected.frames)
    assert clip.notes == expected.notes
    with pytest.raises(VideoError, match="decoded_frames is 99"):
        sample_clip(timeline, 16, rule, limits=Limits(decoded_frames=99))


def test_damage_where_frames_are_wanted_leads_to_decoding_everything(tmp_path: Path) -> None:
    path = break_packets(made(tmp_path / "damaged.mp4", g="1"), [60])
    timeline = scan(path)
    assert numbers_of(read_frames(timeline, [59, 61])) == [59, 61]
    clip = sample_clip(timeline, 16, SamplingRule.stride(1 / 30), start_s=1.8)
    assert numbers_of(clip.frames) == [*range(54, 60), 59, *range(61, 70)]  # 59 is nearest
    assert any("damaged packets: 1" in note for note in clip.notes)


def test_refreshing_without_keyframes_leads_to_decoding_everything(tmp_path: Path) -> None:
    options = {"g": "12", "bf": "0", "x264-params": "intra-refresh=1"}
    assert_led_astray(made(tmp_path / "refreshed.ts", **options), [50])


def test_keyframes_that_are_none_lead_to_decoding_everything(tmp_path: Path) -> None:
    path = made(tmp_path / "lying.mp4", codec="mpeg4", g="30", bf="0")
    data = path.read_bytes()
    assert data.count(b"stss") == 1
    path.write_bytes(data.replace(b"stss", b"free"))  # without its list of keyframes, all are some
    assert_led_astray(path, [50])


def test_two_recordings_in_one_file_are_not_mixed(tmp_path: Path) -> None:
    path = made(tmp_path / "twice.ts", **CLOSED)
    path.write_bytes(path.read_bytes() * 2)
    timeline = scan(path)
    assert timeline.index is None
    assert timeline.count == 2 * COUNT
    assert any("go back" in warning for warning in timeline.warnings)
