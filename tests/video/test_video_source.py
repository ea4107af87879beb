from __future__ import annotations

import contextlib
import os
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition
from made_clips import (
    add_video,
    break_packets,
    count_up,
    keep_share,
    picture_frame,
    silence,
    write_clip,
)
from PIL import Image, features

from videomae_demo.errors import VideoError
from videomae_demo.limits import Limits
from videomae_demo.video.clip import sample_clip
from videomae_demo.video.decode import scan
from videomae_demo.video.sampling import SamplingRule


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"Dear diary, today I filmed nothing.\n" * 9, "is text, not a video"),
        (b"\n<!DOCTYPE html><html><body>Not found</body></html>", "is a web page, not a video"),
        (bytes(range(256)) * 8, "is not a video that can be read"),
        (b"RIFF\x10\x00\x00\x00WEBPVP8X\x0a", "is a still WEBP picture"),
    ],
)
def test_what_is_no_video_is_named(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    with pytest.raises(VideoError, match=f"clip.mp4 {sentence}"):
        scan(path)


def test_a_path_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match=r"gone\.mp4 does not exist"):
        scan(tmp_path / "gone.mp4")
    with pytest.raises(VideoError, match="is a folder"):
        scan(tmp_path)


def test_an_mp4_without_its_index_is_incomplete(tmp_path: Path) -> None:
    path = keep_share(write_clip(tmp_path / "half.mp4", count_up(30)), 0.5)
    assert b"moov" not in path.read_bytes()
    with pytest.raises(VideoError, match=r"half\.mp4 is incomplete"):
        scan(path)


def test_a_file_without_a_single_good_frame_is_broken(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "zeroed.mp4", count_up(5), container={"movflags": "faststart"})
    data = path.read_bytes()
    start = data.index(b"mdat") + 4
    path.write_bytes(data[:start] + b"\xff" * (len(data) - start))
    with pytest.raises(VideoError, match=r"No frame of zeroed\.mp4 can be decoded"):
        scan(path)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "WEBP", "AVIF"])
def test_a_picture_is_no_clip_whatever_its_name(tmp_path: Path, kind: str) -> None:
    if kind == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow writes no AVIF")
    path = tmp_path / "holiday.mp4"
    Image.fromarray(count_up(1)[0]).save(path, format=kind)
    with pytest.raises(VideoError, match=f"still {kind} picture"):
        scan(path)


def test_sound_alone_is_no_clip(tmp_path: Path) -> None:
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as output:
        output.mux(silence(output, seconds=0.3))
    with pytest.raises(VideoError, match=r"no video in it \(sound, no picture\)"):
        scan(path)


def test_a_cover_picture_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "song.mp3"
    cover = np.full((32, 32, 3), 99, np.uint8)
    with av.open(str(path), "w") as output:
        stream = add_video(output, cover.shape, "png", "rgb24", 1)
        stream.disposition = Disposition.attached_pic
        sound = silence(output, seconds=0.3, codec="libmp3lame")
        output.mux([*sound, *stream.encode(picture_frame(cover, stream)), *stream.encode()])
    with av.open(str(path)) as opened:
        assert len(opened.streams.video) == 1
    with pytest.raises(VideoError, match=r"no video in it \(sound, a cover picture\)"):
        scan(path)


@pytest.mark.parametrize(
    ("name", "script"),
    [
        ("list.mp4", "ffconcat version 1.0\nfile 'secret.ts'\n"),
        (
            "list.m3u8",
            "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:9\n#EXTINF:9.0,\n"
            "secret.ts\n#EXT-X-ENDLIST\n",
        ),
    ],
)
def test_a_playlist_reads_no_other_file(
    tmp_path: Path, name: str, script: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_clip(tmp_path / "secret.ts", count_up(10))
    Path(name).write_text(script)
    with av.open(name) as opened:
        assert len(list(opened.decode(video=0))) == 10  # left alone, FFmpeg follows it
    with pytest.raises(VideoError, match="is text"):
        scan(name)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(VideoError, match="is a device or a pipe"):
        scan(tmp_path / "pipe.mp4")


@pytest.mark.parametrize("state", ["whole", "damaged", "truncated", "text", "animation"])
@pytest.mark.parametrize("limits", [Limits(), Limits(decoded_frames=40), Limits(frame_pixels=9)])
def test_a_file_is_never_changed(tmp_path: Path, state: str, limits: Limits) -> None:
    path = tmp_path / "clip.mp4"
    if state == "text":
        path.write_text("no clip at all")
    elif state == "animation":
        images = [Image.fromarray(picture) for picture in count_up(3)]
        images[0].save(path, "WEBP", save_all=True, append_images=images[1:])
    else:
        write_clip(path, count_up(60), g="1")
    if state == "damaged":
        break_packets(path, [3, 45])
    if state == "truncated":
        keep_share(path, 0.5)
    os.utime(path, ns=(10**18, 10**18))
    before = path.read_bytes()
    with contextlib.suppress(VideoError):
        sample_clip(scan(path, limits=limits), 16, SamplingRule.uniform(), limits=limits)
    assert path.read_bytes() == before
    assert path.stat().st_mtime_ns == 10**18
    assert list(tmp_path.iterdir()) == [path]
