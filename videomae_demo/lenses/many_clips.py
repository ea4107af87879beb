"""What does the model see in each of many clips? Asked in batches, without recording attention."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from videomae_demo.engine.clips import ClipRequest
from videomae_demo.errors import ExplorerError
from videomae_demo.lenses.recognise import LabelsView, label_names, name_clip

if TYPE_CHECKING:
    from videomae_demo.engine.engine import Engine


def ask_many(
    engine: Engine, clips: Iterable[ClipRequest]
) -> Iterator[tuple[ClipRequest, LabelsView | ExplorerError]]:
    """Name what is in each clip; yield each request and its answer, in their order.

    It differs from `recognise.ask` in this: clips run together as far as memory allows, the next
    ones are read meanwhile, and nothing is recorded: whoever then asks about the attention of one
    of them pays for a pass. Probabilities agree with those of `recognise.ask` to about 1e-6.

    Parameters
    ----------
    clips : iterable of ClipRequest
        However many, for instance a generator: a few dozen are held in memory at once at the most.

    Yields
    ------
    (ClipRequest, LabelsView or ExplorerError)
        The error, if the clip can't be read or the request does not fit it; the others go on.

    Raises
    ------
    CheckpointError
        When the checkpoint can't be loaded, knows no labels, or gives values that are not finite.
    """
    from videomae_demo.engine.many import chunk_size, recognise_chunks

    names = label_names(engine)
    for found in recognise_chunks(engine, clips, chunk=chunk_size(engine)):
        for planned, logits in found:
            if planned.error is not None:
                yield planned.request, planned.error
            else:
                yield planned.request, name_clip(engine, planned.clips[0], logits[0], names)
