"""What would other weights say? Two checkpoints on one clip, paired.

Owns the question and the answer; `paired` has the words and maps of each kind of it.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from videomae_demo.engine.clips import ClipRequest, SeenClip
from videomae_demo.errors import RequestError, shown
from videomae_demo.lenses import paired
from videomae_demo.lenses.answer import (
    MOVIE_HEIGHT_PX,
    Answer,
    describe_clip,
    frame_rate,
    made_folder,
    write_json,
    write_npz,
)
from videomae_demo.lenses.asking_both import ask_both
from videomae_demo.lenses.explain import check_label
from videomae_demo.lenses.masks import DEFAULT_MASK, MaskRequest
from videomae_demo.lenses.paired import KINDS, Pairing, finite
from videomae_demo.lenses.what_if import DEFAULT_WHAT_IF
from videomae_demo.rendering.colour import Scale
from videomae_demo.rendering.frames import Track, resize, write_png
from videomae_demo.rendering.overlay import overlay

if TYPE_CHECKING:  # torch takes seconds to import: the page does not wait for it
    from videomae_demo.engine.engine import Engine
    from videomae_demo.engine.roles import CheckpointCard

OTHER_FRAMES = (
    "The two checkpoints take another number of frames ({first} and {second}), so they do not see "
    "the same ones."
)
OTHER_GRID = (
    "Their token grids differ ({first} and {second}), so there is no map of the difference."
)


@dataclass(frozen=True, slots=True)
class CompareRequest:
    """What of two checkpoints is compared.

    Attributes
    ----------
    what : str
        One of `paired.KINDS`.
    label : str, optional
        For relevance and what-if: the label that is followed, by its name; default: the first
        checkpoint's most probable one. Where the second does not know it, its own best one.
    mask : MaskRequest
        For the reconstruction: the same for both where they have the same tokens.
    shown : str
        For what-if: the change that is played.

    Raises
    ------
    RequestError
        When there is no such kind.
    """

    what: str = KINDS[0]
    label: str | None = None
    mask: MaskRequest = DEFAULT_MASK
    shown: str = DEFAULT_WHAT_IF.shown

    def __post_init__(self) -> None:
        if self.what not in KINDS:
            raise RequestError(f"What is compared is {shown(self.what)}; give {', '.join(KINDS)}.")
        check_label("label", self.label)


DEFAULT_COMPARISON = CompareRequest()


def ask(
    first: Engine,
    second: Engine,
    clip: ClipRequest,
    request: CompareRequest = DEFAULT_COMPARISON,
) -> Iterator[CompareView]:
    """Ask two checkpoints the same of one clip; yield the answer, which grows for what-if alone.

    The second one gets the frames that the first one gets, where it takes as many.

    Raises
    ------
    VideoError, RequestError, CheckpointError
        As either of the lenses that are compared.
    """
    from videomae_demo.engine.roles import usual_sampling

    rule = clip.sampling or usual_sampling(first.weights)
    same = replace(clip, sampling=rule)
    for one, other in ask_both(first, second, same, request):
        yield CompareView(one.checkpoint, one.clip, other.checkpoint, request, one, other)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CompareView(Answer):
    """Two checkpoints on one clip: A and B.

    Attributes
    ----------
    checkpoint, other : CheckpointCard
        Of A and of B.
    clip : SeenClip
        What A saw.
    request : CompareRequest
    first, second : Answer
        What each of them says, as its lens has it.
    """

    checkpoint: CheckpointCard
    clip: SeenClip
    other: CheckpointCard
    request: CompareRequest
    first: Answer
    second: Answer

    @property
    def pairing(self) -> Pairing:
        """The two answers, paired."""
        return paired.pair(self.request.what, self.first, self.second)

    @property
    def is_same(self) -> bool:
        """Whether A and B are the same weights, as two may have one decoder in common."""
        return self.checkpoint.name == self.other.name

    @property
    def same_frames(self) -> bool:
        """Whether both saw the same frames."""
        return bool(np.array_equal(self.first.clip.indices, self.second.clip.indices))

    @property
    def notes(self) -> list[str]:
        """What a person must know of both, of A, and of B."""
        own = []
        one, other = self.first.clip, self.second.clip
        if not self.same_frames:
            counts = {"first": len(one.indices), "second": len(other.indices)}
            own.append(OTHER_FRAMES.format(**counts))
        if self.pairing.maps is not None and self.pairing.difference is None:
            grids = {"first": self.checkpoint.grid.shape, "second": self.other.grid.shape}
            own.append(OTHER_GRID.format(**grids))
        ones, others = self.first.notes, self.second.notes
        both = [note for note in ones if note in others]
        return [
            *own,
            *both,
            *(f"A: {note}" for note in ones if note not in both),
            *(f"B: {note}" for note in others if note not in both),
        ]

    def sentences(self) -> list[str]:
        """Say who A and B are, and where they agree."""
        return [self.who(), *self.pairing.said]

    def who(self) -> str:
        """Say which checkpoints A and B are."""
        if self.is_same:
            return f"A and B are the same weights here: {self.checkpoint.title}."
        return f"A: {self.checkpoint.title}. B: {self.other.title}."

    def to_json(self) -> dict[str, Any]:
        """Return both answers, and what is made of them together, ready for JSON."""
        pairing = self.pairing
        return {
            "what": self.request.what,
            "same_frames": self.same_frames,
            "same_grid": self.checkpoint.grid == self.other.grid,
            "unit": pairing.unit,
            "rows": [
                {
                    "name": row.name,
                    "a": finite(row.first),
                    "b": finite(row.second),
                    "difference": row.difference,
                }
                for row in pairing.rows
            ],
            "agreement": pairing.agreement,
            "verdict": self.sentences(),
            "a": self.first.to_json(),
            "b": self.second.to_json(),
            **describe_clip(self.clip),
            "notes": self.notes,
        }

    def save(self, folder: Path | str) -> list[Path]:
        """Write ``compare.json``, ``.csv``, ``.npz``, ``.png`` and ``.mp4``; and the difference.

        The table has a row per pair: ``name``, ``a``, ``b``, ``difference``; what one does not have
        is empty. ``difference.png`` comes where both have the same tokens.
        """
        from videomae_demo.rendering.side_by_side import side_by_side
        from videomae_demo.video.encode import write_mp4

        folder = made_folder(folder)
        pairing = self.pairing
        table, arrays = folder / "compare.csv", folder / "compare.npz"
        with table.open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(["name", "a", "b", "difference"])
            rows.writerows(
                [row.name, row.first, row.second, row.difference] for row in pairing.rows
            )
        write_npz(arrays, self.arrays())
        movie = side_by_side(
            self.tracks(),
            height_px=MOVIE_HEIGHT_PX,
            scale=pairing.scale,
            values_above=pairing.is_beyond_scale,
            footnote=" ".join(self.sentences()),
        )
        paths = [
            write_json(folder / "compare.json", self.to_json()),
            table,
            arrays,
            write_png(folder / "compare.png", self.picture()),
            write_mp4(folder / "compare.mp4", movie, frame_rate(self.clip)),
        ]
        if pairing.difference is not None:
            paths.append(write_png(folder / "difference.png", self._difference_sheet()))
        return paths

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return ``names``, ``a`` and ``b`` (rows,), and the maps of both and their difference."""
        pairing = self.pairing
        arrays: dict[str, NDArray[Any]] = {
            "names": np.array([row.name for row in pairing.rows], dtype=str),
            "a": np.array([row.first for row in pairing.rows], dtype=np.float64),
            "b": np.array([row.second for row in pairing.rows], dtype=np.float64),
        }
        if pairing.maps is not None:
            arrays |= {"a_map": pairing.maps[0], "b_map": pairing.maps[1]}
        if pairing.difference is not None:
            arrays["difference"] = pairing.difference
        return arrays

    def tracks(self) -> list[Track]:
        """Return what A and B give, as frames of the same size."""
        pairing, frames = self.pairing, self.clip.frames
        height, width = frames.shape[1:3]
        shown = []
        for name, answer, at in (("A", self.first, 0), ("B", self.second, 1)):
            if pairing.maps is not None and pairing.scale is not None:
                drawn = overlay(answer.clip.frames, pairing.maps[at], pairing.scale, smooth=False)
            else:
                drawn = paired.frames_of(self.request.what, answer)
            shown.append(Track(name, resize(drawn, height, width)))
        lengths = [len(track.frames) for track in shown]
        if lengths[0] != lengths[1]:  # of the other, the nearest moment
            places = np.arange(lengths[0]) * lengths[1] // lengths[0]
            shown[1] = Track("B", shown[1].frames[places])
        return [Track(paired.CLIP, frames), *shown]

    def picture(self) -> NDArray[np.uint8]:
        """Draw the clip, and what A and B give."""
        pairing = self.pairing
        return self._sheet(self.tracks(), pairing.scale, pairing.is_beyond_scale)

    def _difference_sheet(self) -> NDArray[np.uint8]:
        pairing = self.pairing
        assert pairing.difference is not None and pairing.difference_scale is not None
        drawn = overlay(
            self.clip.frames, pairing.difference, pairing.difference_scale, smooth=False
        )
        tracks = [Track(paired.CLIP, self.clip.frames), Track("B less A", drawn)]
        scale = pairing.difference_scale
        return self._sheet(tracks, scale, bool(np.nanmax(np.abs(pairing.difference)) > scale.upper))

    def _sheet(
        self, tracks: list[Track], scale: Scale | None, above: bool = False
    ) -> NDArray[np.uint8]:
        from videomae_demo.rendering.filmstrip import filmstrip

        what = self.request.what.replace("_", " ")
        return filmstrip(
            tracks,
            self.clip.timestamps_s.tolist(),
            heading=f"Two checkpoints, {what}: {self.clip.path.name}",
            scale=scale,
            values_above=above,
            footnotes=[*self.sentences(), *self.notes],
            cell_px=128,
        )

    def __repr__(self) -> str:
        names = f"{self.checkpoint.public_name} and {self.other.public_name}"
        return f"CompareView({self.clip.path.name!r}: {self.request.what} of {names})"
