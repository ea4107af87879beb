from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import av
import pytest

from videomae_demo.video.container import _packets


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
    packets = _packets(Stub(*script), None)  # type: ignore[arg-type]
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
