"""The bundled recogniser on held-out clips, as the probes see it: order is what it reads."""

import numpy as np
import pytest

from videomae_demo.engine.clips import ClipRequest
from videomae_demo.engine.probing import probe, probes_of
from videomae_demo.explorer import Explorer
from videomae_demo.lenses.what_if import WhatIfView
from videomae_demo.training.synthetic import HELD_OUT, LABELS, REVERSED, render
from videomae_demo.video.encode import write_mp4
from videomae_demo.video.sampling import SamplingRule

ASKED = ("backwards", "shuffled:0", "shuffled:1", "shuffled:2", "frozen:8")
CLIPS = 80

pytestmark = pytest.mark.figures


@pytest.fixture(scope="module")
def probed(tmp_path_factory) -> list[tuple[str, WhatIfView]]:
    """A clip of every label with a direction by turns, as files of 16 frames, and its probes."""
    folder = tmp_path_factory.mktemp("motions")
    explorer = Explorer(device="cpu")
    directed = [*REVERSED, *REVERSED.values()]
    views = []
    for number in range(CLIPS):
        label = directed[number % len(directed)]
        clips = render([HELD_OUT + 5000 + number], size_px=128, labels=[LABELS.index(label)])
        pixels = clips.frames[0].mul(255).round().byte().permute(0, 2, 3, 1).contiguous().numpy()
        path = write_mp4(folder / f"{number}.mp4", pixels, 8)
        clip = ClipRequest(path, sampling=SamplingRule.uniform())
        asked = [one for one in probes_of(explorer, clip)[0] if one.name in ASKED]
        *_, logits = probe(explorer, clip, asked)
        prepared = explorer.prepare(clip, explorer.recogniser)
        named = explorer.classify(clip).classification
        views.append(
            (
                label,
                WhatIfView(
                    checkpoint=explorer.recogniser.card,
                    clip=prepared.clip,
                    labels=named.labels,
                    label=named.find(label).index,
                    logits=explorer.recognise(prepared).logits,
                    probes=tuple(asked),
                    left_out=(),
                    found=logits,
                    shown="as it is",
                    changed=prepared.clip,
                ),
            )
        )
    return views


def test_a_motion_played_backwards_is_named_the_opposite(probed):
    right = [view for _, view in probed if view.whole.rank == 1]
    assert len(right) >= 0.95 * CLIPS
    turned = [view.read("backwards").best == view.opposite for view in right]
    assert np.mean(turned) >= 0.95
    signs = [view.whole.log_odds > 0 > view.read("backwards").log_odds for view in right]
    assert np.mean(signs) >= 0.95


def test_a_frozen_motion_is_no_motion(probed):
    """Its label falls to less than chance, for the recogniser knows what stays still."""
    frozen = [view.read("frozen:8") for _, view in probed]
    assert np.median([read.probability for read in frozen]) < 1 / len(LABELS)
    assert np.mean([LABELS[read.best] == "staying still" for read in frozen]) >= 0.9


def test_two_frames_in_a_token_are_enough_for_most_motions(probed):
    """With the moments shuffled, most labels stay, and so does the side of the log-odds."""
    reads = [(view, view.read(f"shuffled:{seed}")) for _, view in probed for seed in range(3)]
    assert np.mean([read.best == view.label for view, read in reads]) == pytest.approx(
        0.925, abs=0.04
    )
    assert np.mean([read.log_odds > 0 for _, read in reads]) >= 0.95
