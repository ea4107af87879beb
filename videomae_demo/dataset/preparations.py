"""Are the pixels prepared as the weights learnt them? Other ways are tried on some of the clips.

Owns the ways, and which clips are taken. Each way costs a pass per clip.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from videomae_demo.analysis.paired import Paired
from videomae_demo.dataset.listing import Item
from videomae_demo.dataset.naming import Naming
from videomae_demo.engine.batches import run_batches
from videomae_demo.engine.clips import ClipRequest, pixel_values_of
from videomae_demo.engine.engine import Engine
from videomae_demo.engine.roles import usual_sampling
from videomae_demo.errors import CheckpointError, ExplorerError
from videomae_demo.model.processor import VideoMAEImageProcessor
from videomae_demo.model.videomae import IMAGENET_MEAN, IMAGENET_STD
from videomae_demo.video.clip import sample_clip

if TYPE_CHECKING:
    from videomae_demo.dataset.evaluate import Evaluation

FIRST_CLIPS, MOST_CLIPS = 16, 64
"""So many clips are tried first; and so many in all, where a way is ahead on these."""
AHEAD = 2
"""By so many clips."""
AT_ONCE = 8
"""Clips whose frames are held at the same time."""
OWN = "its own"

_BYTES = {"do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True}
WAYS: Mapping[str, Mapping[str, Any]] = {
    "ImageNet's mean and deviation": {
        **_BYTES,
        "image_mean": list(IMAGENET_MEAN),
        "image_std": list(IMAGENET_STD),
    },
    "mean and deviation 0.5": {**_BYTES, "image_mean": [0.5] * 3, "image_std": [0.5] * 3},
    "0 to 1, not normalised": {**_BYTES, "image_mean": [0.0] * 3, "image_std": [1.0] * 3},
    "0 to 255, not rescaled": {
        "do_rescale": False,
        "do_normalize": True,
        "image_mean": [0.0] * 3,
        "image_std": [1.0] * 3,
    },
}
"""What differs from the checkpoint's own processor."""
EXCHANGED = "red and blue exchanged"

Way = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""From frames, (T, H, W, 3), to a model's input, (1, T, C, H, W)."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What other ways of preparing the pixels did.

    Attributes
    ----------
    ways : mapping of str to Paired
        The checkpoint's own way (now) against each other one (then), on the clips it was tried on.
    passes : int
        How many passes that took.
    """

    ways: Mapping[str, Paired]
    passes: int

    @property
    def best(self) -> str | None:
        """The way with the largest gain; None if there was no clip to try."""
        tried = [way for way, compared in self.ways.items() if compared.of]
        return max(tried, key=lambda way: self.ways[way].gain, default=None)


def try_preparations(engine: Engine, evaluation: Evaluation) -> Tried:
    """Name some clips again, with their pixels prepared in other ways.

    The middle window of each clip is taken. Ways that give the same pixels as the checkpoint's own
    are left out, and so are clips that can't be read.

    Raises
    ------
    Cancelled
        When nobody waits any more.
    """
    ways = _ways(engine.recogniser.processor)
    chosen = spread_over_labels(evaluation.items, evaluation.naming, MOST_CLIPS)
    found = _name(engine, evaluation, chosen[:FIRST_CLIPS], ways)
    own = found[OWN]
    ahead = {
        way: ways[way]
        for way, right in found.items()
        if way == OWN or int(right.sum()) >= int(own.sum()) + AHEAD
    }
    passes = sum(len(right) for right in found.values())
    if len(ahead) > 1:
        more = _name(engine, evaluation, chosen[FIRST_CLIPS:], ahead)
        passes += sum(len(right) for right in more.values())
        found |= {way: np.concatenate([found[way], right]) for way, right in more.items()}
    own = found.pop(OWN)
    return Tried({way: _compare(own[: len(right)], right) for way, right in found.items()}, passes)


def spread_over_labels(items: Sequence[Item], naming: Naming, most: int) -> list[Item]:
    """Choose clips with a label that the checkpoint knows: one of each label, then another."""
    groups: dict[str, list[Item]] = {}
    for item in items:
        true = None if item.label is None else naming.means.get(item.label)
        if true is not None:
            groups.setdefault(true, []).append(item)
    if len(groups) > most:  # some of the labels, from the first to the last
        names = list(groups)
        kept = np.linspace(0, len(names) - 1, most).round().astype(int)
        groups = {names[at]: groups[names[at]] for at in kept}
    chosen: list[Item] = []
    for turn in range(max(map(len, groups.values()), default=0)):
        chosen += [group[turn] for group in groups.values() if turn < len(group)]
        if len(chosen) >= most:
            break
    return chosen[:most]


def _ways(own: VideoMAEImageProcessor) -> dict[str, Way]:
    """Return the checkpoint's own way, and the others that differ from it on a grey ramp."""

    def through(processor: VideoMAEImageProcessor, exchanged: bool = False) -> Way:
        def prepare(frames: NDArray[np.uint8]) -> NDArray[np.float32]:
            given = frames[..., ::-1] if exchanged else frames
            return pixel_values_of(processor, given).numpy()

        return prepare

    ways = {OWN: through(own)}
    told = own.to_dict()
    for name, changes in WAYS.items():
        ways[name] = through(VideoMAEImageProcessor.from_dict({**told, **changes}))
    ramp = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(3, axis=-1)
    usual = ways[OWN](ramp)
    different = {
        name: way
        for name, way in ways.items()
        if name == OWN or not np.allclose(way(ramp), usual, atol=1e-3)
    }
    return different | {EXCHANGED: through(own, exchanged=True)}


def _name(
    engine: Engine, evaluation: Evaluation, items: Sequence[Item], ways: Mapping[str, Way]
) -> dict[str, NDArray[np.bool_]]:
    """Tell for each way which of the clips are named rightly, (clips,) bool."""
    named = engine.recogniser.model.config.id2label
    index = {label: at for at, label in named.items()}
    right: dict[str, list[NDArray[np.bool_]]] = {way: [np.zeros(0, bool)] for way in ways}
    for group in _in_groups(_frames(engine, evaluation, items)):
        true = np.array([index[evaluation.naming.means[item.label or ""]] for item, _ in group])
        for way, prepare in ways.items():
            inputs = [prepare(frames) for _, frames in group]
            try:
                logits = np.concatenate(list(run_batches(engine, inputs, np.concatenate)))
                right[way].append(logits.argmax(axis=1) == true)
            except CheckpointError:  # beyond all numbers: so it names nothing
                right[way].append(np.zeros(len(group), bool))
    return {way: np.concatenate(each) for way, each in right.items()}


def _frames(
    engine: Engine, evaluation: Evaluation, items: Sequence[Item]
) -> Iterator[tuple[Item, NDArray[np.uint8]]]:
    """Read the middle window of each clip, (T, H, W, 3); what can't be read is left out."""
    rule = evaluation.judging.sampling or usual_sampling(engine.weights)
    count = engine.recogniser.card.frame_count
    for item in items:
        try:
            timeline = engine.timeline(ClipRequest(item.path))
            yield item, sample_clip(timeline, count, rule, limits=engine.limits).frames
        except ExplorerError:
            continue


def _in_groups(
    clips: Iterator[tuple[Item, NDArray[np.uint8]]],
) -> Iterator[list[tuple[Item, NDArray[np.uint8]]]]:
    group: list[tuple[Item, NDArray[np.uint8]]] = []
    for clip in clips:
        group.append(clip)
        if len(group) == AT_ONCE:
            yield group
            group = []
    if group:
        yield group


def _compare(own: NDArray[np.bool_], other: NDArray[np.bool_]) -> Paired:
    return Paired(
        len(own),
        int(own.sum()),
        int(other.sum()),
        int((own & ~other).sum()),
        int((other & ~own).sum()),
    )
