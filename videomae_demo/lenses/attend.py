"""Where and when did the model look? The attention rollout of a clip.

Owns the words and files of this answer. Computes nothing; needs torch only to ask.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from videomae_demo.analysis.methods import Target
from videomae_demo.analysis.settings import DEFAULT_ROLLOUT, RolloutSettings
from videomae_demo.engine.clips import ClipRequest, SeenClip
from videomae_demo.lenses.answer import Answer, describe_clip, made_folder, write_npz
from videomae_demo.lenses.clip_map import ClipMap
from videomae_demo.lenses.trial import Trial
from videomae_demo.rendering.colour import Scale
from videomae_demo.rendering.frames import write_png

if TYPE_CHECKING:  # torch takes seconds to import: the page does not wait for it
    from videomae_demo.analysis.rollout import Rollout
    from videomae_demo.engine.engine import Engine
    from videomae_demo.engine.roles import CheckpointCard, Recogniser


def ask(
    engine: Engine, clip: ClipRequest, settings: RolloutSettings = DEFAULT_ROLLOUT
) -> RolloutView:
    """Show where and when the recogniser looked. Errors as in `recognise.ask`, labels aside."""
    import torch

    from videomae_demo.analysis.rollout import FusedAttention, rollout, start_from_head
    from videomae_demo.engine.single_heads import attention_of

    recogniser = engine.recogniser
    prepared = engine.prepare(clip, recogniser)
    attention = FusedAttention.from_numpy(engine.fused(prepared, settings.fusion))
    if settings.head is not None:
        settings.layers(len(attention))  # refuses a head that is not among them
        alone = torch.from_numpy(attention_of(engine, prepared, settings.head))
        attention = attention.with_layer(settings.head.layer - 1, alone)
    pooled = recogniser.model.config.use_mean_pooling or not recogniser.card.label_count
    head = start_from_head(recogniser.card.grid, pooled)
    result = rollout(attention, head, recogniser.card.grid, settings)
    return RolloutView(
        recogniser.card, prepared.clip, result, describe_start(recogniser, settings.query)
    )


def test(
    engine: Engine, clip: ClipRequest, settings: RolloutSettings = DEFAULT_ROLLOUT
) -> Iterator[Trial]:
    """Hide tokens in the order of the rollout, and see whether the most probable label stays.

    Each trial has grown; the last one is finished. Errors as in `recognise.ask`.
    """
    from videomae_demo.engine.trials import try_map
    from videomae_demo.lenses import recognise

    found = recognise.ask(engine, clip).classification
    scores = ask(engine, clip, settings).rollout.scores
    prepared = engine.prepare(clip, engine.recogniser)
    target = Target(found.top(1)[0].index)
    for tried in try_map(engine, prepared, target, "rollout", scores):
        yield Trial(tried, found.labels)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RolloutView(Answer):
    """Where and when the recogniser looked; `start` says in words where the rollout starts."""

    checkpoint: CheckpointCard
    clip: SeenClip
    rollout: Rollout
    start: str

    @property
    def peak(self) -> tuple[int, int, int]:
        """The token with the highest score: time, row, column."""
        scores = self.rollout.times_uniform
        time, row, column = np.unravel_index(int(scores.argmax()), scores.shape)
        return int(time), int(row), int(column)

    def to_json(self) -> dict[str, Any]:
        """Return where attention was highest, and how it spread over time, ready for JSON."""
        settings, scores = self.rollout.settings, self.rollout.times_uniform
        return {
            "checkpoint": self.checkpoint.public_name,
            "start": self.start,
            "settings": {
                "fusion": settings.fusion,
                "discard": settings.discard,
                "first_layer": settings.first_layer,
                "last_layer": settings.last_layer,
                "query": settings.query,
                "head": None if settings.head is None else settings.head.written,
            },
            "grid": list(scores.shape),
            "peak": {
                "token": list(self.peak),
                "times_uniform": float(scores.max()),
            },
            "over_time": self.rollout.over_time.tolist(),
            **describe_clip(self.clip),
            "notes": self.notes,
        }

    def sentences(self) -> list[str]:
        """Say what the picture is, and what it is not."""
        return [self.explanation()]

    def explanation(self) -> str:
        """Say what the rollout's picture is, and what it is not."""
        settings = self.rollout.settings
        last = settings.last_layer
        layers = f"layers {settings.first_layer} to {last}" if last else "all layers"
        if not last and settings.first_layer > 1:
            layers = f"layers {settings.first_layer} to the last"
        dropped = f", the lowest {settings.discard:.0%} discarded" if settings.discard else ""
        if settings.head is not None:
            dropped += f", and {settings.head} alone in its layer"
        return (
            f"Rollout follows attention through {layers} (heads fused by "
            f"{settings.fusion}{dropped}), starting from {self.start}. It shows where information "
            "could flow, not proof of cause."
        )

    def save(self, folder: Path | str) -> list[Path]:
        """Write ``rollout.npz``, ``heatmap.mp4``, ``filmstrip.png``, ``attention_over_time.png``.

        The array ``rollout`` is (time, height, width) float64 and sums to 1; ``timestamps_s`` are
        the frames' times.
        """
        from videomae_demo.rendering.plots import save_figure, time_curve

        folder = made_folder(folder)
        rollout, clip = self.rollout, self.clip
        arrays = folder / "rollout.npz"
        write_npz(arrays, self.arrays())
        times_s = clip.timestamps_s.reshape(len(rollout.over_time), -1).mean(axis=1)
        curve = time_curve(times_s.tolist(), rollout.over_time)
        return [
            arrays,
            self._map.write_movie(folder / "heatmap.mp4", self.explanation()),
            write_png(folder / "filmstrip.png", self.picture()),
            save_figure(curve, folder / "attention_over_time.png"),
        ]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return ``rollout``, ``timestamps_s`` and ``indices``; see `save`."""
        return {
            "rollout": self.rollout.scores,
            "timestamps_s": self.clip.timestamps_s,
            "indices": self.clip.indices,
        }

    def picture(self) -> NDArray[np.uint8]:
        """Draw the frames and the heatmap over them as a filmstrip."""
        heading = f"Where and when the model looked: {self.clip.path.name}"
        return self._map.filmstrip(heading, [self.explanation(), *self.notes])

    @property
    def scale(self) -> Scale:
        """The scale on which the rollout is drawn."""
        return Scale(upper=self.rollout.scale_end, title="attention rollout", unit="x uniform")

    @property
    def _map(self) -> ClipMap:
        return ClipMap(self.clip, "attention rollout", self.rollout.times_uniform, self.scale)

    def __repr__(self) -> str:
        time, row, column = self.peak
        return (
            f"RolloutView({self.clip.path.name!r}: {self.rollout.times_uniform.max():.1f}x uniform "
            f"at time {time}, row {row}, column {column})"
        )


def describe_start(recogniser: Recogniser, query: tuple[int, int, int] | None) -> str:
    """Say whose attention is shown: that of a token, or of what the classifier reads."""
    if query is not None:
        time, row, column = query
        return f"the token at time {time}, row {row}, column {column}"
    if not recogniser.card.label_count:
        return "the average of all tokens (this checkpoint has no trained classifier)"
    if recogniser.model.config.use_mean_pooling:
        return "the average of all tokens, which is what the classifier reads"
    return "token 0 (first patch of the first frames), which is what the classifier reads"
