from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import av
import pytest
from made_clips import count_up, write_clip

from videomae_demo.limits import Limits
from videomae_demo.video.budget import Budget
from videomae_demo.video.container import Container, _packets
from videomae_demo.video.index import Keyframe


@pytest.mark.parametrize("time", [1 - 2**63, -7, 10**6, 2**63 - 1])
def test_a_keyframe_that_is_not_there_gives_no_frames(tmp_path: Path, time: int) -> None:
    path = write_clip(tmp_path / "clip.mp4", count_up(10))
    with path.open("rb") as file:
        container = Container(file, b"", Budget(Limits(), path.name))
        assert list(container.frames_from(Keyframe(time, time, is_hidden=False))) == []
        container.close()


class Stub:
    """A container whose reading fails now and then; a number stands for a packet of that size."""

    def __init__(self, *script: int | Exception) -> None:
        self.script = list(script)

    def demux(self, stream: object) -> Iterator[object]:
        while self.script:
            step = self.script.pop(0)
            if isinstance(step, Exception):
                raise step
            yield SimpleNamespace(size=step)


def sizes_read(*script: int | Exception) -> list[int | None]:
    packets = _packets(Stub(*script), None, lambda: None)  # type: ignore[arg-type]
    return [packet and packet.size for packet in packets]


def test_reading_goes_on_after_a_failure() -> None:
    broken = av.error.InvalidDataError(1, "broken")
    assert sizes_read(5, broken, broken, 6, IndexError(), 7, 0) == [5, None, 6, None, 7]


def test_reading_ends_when_nothing_but_failures_come() -> None:
    endless = [av.error.InvalidDataError(1, "broken")] * 1000
    assert sizes_read(5, *endless) == [5, None]


def test_a_defect_of_ours_is_not_taken_for_damage() -> None:
    with pytest.raises(TypeError):
        sizes_read(5, TypeError())
