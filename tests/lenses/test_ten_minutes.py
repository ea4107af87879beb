"""The bundled weights on ten minutes of known motions, one after the other."""

import numpy as np
import pytest

from videomae_demo import ClipRequest, Explorer, TimelineRequest
from videomae_demo.training.synthetic import FRAME_INTERVAL_S, HELD_OUT, LABELS, render
from videomae_demo.video.encode import write_mp4

pytestmark = pytest.mark.figures

SCENE_S, SCENES, IN_A_ROW = 2.0, 300, 10
HOP_S = 1.0  # half a window, as usual


@pytest.fixture(scope="module")
def told() -> list[str]:
    """The label of each scene; neighbouring stretches differ."""
    rng = np.random.default_rng(7)
    told, last = [], None
    for _ in range(SCENES // IN_A_ROW):
        last = rng.choice([label for label in LABELS if label != last])
        told += [str(last)] * IN_A_ROW
    return told


@pytest.fixture(scope="module")
def clip(told, tmp_path_factory):
    frames = []
    for first in range(0, SCENES, IN_A_ROW):
        numbers = range(first, first + IN_A_ROW)
        scenes = render(
            [HELD_OUT + number for number in numbers],
            size_px=64,
            labels=[LABELS.index(told[number]) for number in numbers],
        )
        pixels = scenes.frames.mul(255).round().byte().permute(0, 1, 3, 4, 2)
        frames.append(pixels.flatten(0, 1).numpy())
    path = tmp_path_factory.mktemp("joined") / "ten minutes.mp4"
    write_mp4(path, np.concatenate(frames), 1 / FRAME_INTERVAL_S)
    return path


def test_labels_change_where_the_motions_do(told, clip):
    *_, view = Explorer(device="cpu").timeline_of(ClipRequest(clip), TimelineRequest(hop_s=HOP_S))
    assert len(view.starts_s) == 599
    spans = view.spans()
    borders = [(place * SCENE_S, told[place]) for place in range(0, SCENES, IN_A_ROW)]
    for border, label in borders:
        assert min(abs(begin - border) for begin, _, _ in spans) <= HOP_S, border
        # A window across two scenes sees a cut, which is no motion: the label may come after it.
        away = [abs(begin - border) for begin, _, named in spans if named == label]
        assert min(away, default=np.inf) <= 2 * HOP_S, border
    right_s = sum(
        max(0.0, min(end, (place + 1) * SCENE_S) - max(begin, place * SCENE_S))
        for begin, end, named in spans
        for place in range(SCENES)
        if told[place] == named
    )
    assert right_s / (SCENES * SCENE_S) > 0.95
