"""Which tokens are alike? Cosine to a chosen one, groups by colour, and the same of a blank clip.

Owns the words and files of this answer. Computes nothing; needs torch only to ask.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from videomae_demo.config import TokenGrid
from videomae_demo.engine.clips import ClipRequest, SeenClip
from videomae_demo.errors import RequestError, shown
from videomae_demo.given import whole
from videomae_demo.lenses.answer import (
    MOVIE_HEIGHT_PX,
    Answer,
    describe_clip,
    frame_rate,
    made_folder,
    share,
    write_npz,
)
from videomae_demo.rendering.colour import Scale
from videomae_demo.rendering.frames import Track, write_png
from videomae_demo.rendering.overlay import overlay

if TYPE_CHECKING:  # torch takes seconds to import: the page does not wait for it
    from videomae_demo.analysis.features import PrincipalColours
    from videomae_demo.engine.engine import Engine
    from videomae_demo.engine.roles import CheckpointCard, Recogniser, Reconstructor

Half = Literal["recogniser", "reconstructor"]
HALVES: tuple[Half, ...] = get_args(Half)
NEAREST = 3
"""How many tokens of each slice of time are followed."""
COSINE = "likeness to the chosen token"
WEAK = (
    "This is a weak tracker: on DAVIS 2017, tokens of a VideoMAE (ViT-S/16) followed in this way "
    "reach 39.3 (J&F), those of DINO 61.8."
)
ALL_VISIBLE = (
    "The reconstructor's encoder learnt with most tokens hidden; here it gets all of them at once."
)


@dataclass(frozen=True, slots=True)
class TokensRequest:
    """What is asked of a clip's tokens.

    Attributes
    ----------
    query : (int, int, int), optional
        The token to which all others are compared: time, row, column, counted from 0; default: the
        middle one.
    layer : int, optional
        After which layer, counted from 1; 0 stands for the embedded patches; default: the last.
    half : str
        Whose encoder: "recogniser" or "reconstructor".
    skip_near : bool
        Leave the tokens that touch the chosen one out.

    Raises
    ------
    RequestError
        When a value is of another type, or there is no such encoder.
    """

    query: tuple[int, int, int] | None = None
    layer: int | None = None
    half: Half = "recogniser"
    skip_near: bool = False

    def __post_init__(self) -> None:
        if self.query is not None:
            if not isinstance(self.query, tuple | list) or len(self.query) != 3:
                raise RequestError(
                    f"The token is {shown(self.query)}; give its time, row and column."
                )
            time, row, column = (whole(at, "token's place") for at in self.query)
            object.__setattr__(self, "query", (time, row, column))
        if self.layer is not None:
            object.__setattr__(self, "layer", whole(self.layer, "layer"))
        if self.half not in HALVES:
            raise RequestError(f"The encoder is {shown(self.half)}; give {' or '.join(HALVES)}.")
        if not isinstance(self.skip_near, bool):
            raise RequestError(f"skip_near is {shown(self.skip_near)}; give True or False.")


DEFAULT_TOKENS = TokensRequest()


def ask(engine: Engine, clip: ClipRequest, request: TokensRequest = DEFAULT_TOKENS) -> TokensView:
    """Compare the tokens of a clip.

    Raises
    ------
    VideoError, RequestError
        When the clip can't be read, or there is no such layer or token.
    CheckpointError
        When the checkpoint can't be loaded, or there is no reconstructor though it is asked for.
    """
    import torch

    from videomae_demo.analysis.features import (
        likeness,
        linear_cka,
        nearest_by_slice,
        neighbourhood,
        principal_colours,
    )
    from videomae_demo.engine.token_features import blank_features, token_features

    role: Recogniser | Reconstructor = getattr(engine, request.half)
    grid, layers = role.card.grid, role.model.config.num_hidden_layers
    layer = layers if request.layer is None else request.layer
    if layer > layers:
        raise RequestError(
            f"There is no layer {layer}; this encoder has {layers}, counted from 1, and 0 stands "
            "for the embedded patches."
        )
    query = _query(request.query, grid)
    prepared = engine.prepare(clip, role)
    codes = torch.from_numpy(token_features(engine, prepared, role, layer))
    blank = torch.from_numpy(blank_features(engine, role, layer))
    number = int(np.ravel_multi_index(query, grid.shape))
    cosines = likeness(codes, number).float().numpy().reshape(grid.shape)
    if request.skip_near:
        cosines = np.where(neighbourhood(grid, query), np.float32(np.nan), cosines)
    seen = prepared.clip
    if request.half == "reconstructor":
        seen = replace(seen, remarks=(ALL_VISIBLE, *seen.remarks))
    return TokensView(
        checkpoint=role.card,
        clip=seen,
        request=request,
        query=query,
        layer=layer,
        layers=layers,
        cosines=cosines,
        nearest=nearest_by_slice(cosines, NEAREST),
        groups=principal_colours(codes, grid),
        blank=principal_colours(blank, grid),
        like_blank=linear_cka(codes, blank),
    )


def _query(asked: tuple[int, int, int] | None, grid: TokenGrid) -> tuple[int, int, int]:
    if asked is None:
        return grid.time // 2, grid.height // 2, grid.width // 2
    if not all(0 <= at < size for at, size in zip(asked, grid.shape, strict=True)):
        raise RequestError(f"The token {asked} lies outside the grid {grid.shape}.")
    return asked


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TokensView(Answer):
    """Which tokens are alike.

    Attributes
    ----------
    request : TokensRequest
    query : (int, int, int)
        The token to which all are compared: time, row, column.
    layer, layers : int
        After which layer, and how many there are.
    cosines : ndarray
        (time, height, width) float32 in -1..1; NaN where left out.
    nearest : ndarray
        (time, height, width) bool: the `NEAREST` tokens of each slice of time.
    groups, blank : PrincipalColours
        Of this clip, and of a blank one.
    like_blank : float
        Linear CKA between the two, 0..1.
    """

    checkpoint: CheckpointCard
    clip: SeenClip
    request: TokensRequest
    query: tuple[int, int, int]
    layer: int
    layers: int
    cosines: NDArray[np.float32]
    nearest: NDArray[np.bool_]
    groups: PrincipalColours
    blank: PrincipalColours
    like_blank: float

    @property
    def scale(self) -> Scale:
        """The scale of cosines: always the whole of it."""
        return Scale.diverging(1.0, COSINE, "cosine")

    @property
    def followed(self) -> NDArray[np.float32]:
        """The cosines of the tokens that are followed; NaN elsewhere."""
        return np.where(self.nearest, self.cosines, np.float32(np.nan))

    @property
    def most_alike(self) -> tuple[int, int, int]:
        """The place of the token that is most like the chosen one, that one aside."""
        others = self.cosines.copy()
        others[self.query] = np.nan
        time, row, column = np.unravel_index(int(np.nanargmax(others)), others.shape)
        return int(time), int(row), int(column)

    @property
    def track(self) -> list[tuple[int, int]]:
        """The row and column of the most alike token of each slice of time."""
        flat = np.nan_to_num(self.cosines.reshape(len(self.cosines), -1), nan=-2).argmax(axis=1)
        width = self.cosines.shape[-1]
        return [(int(at) // width, int(at) % width) for at in flat]

    def to_json(self) -> dict[str, Any]:
        """Return all figures, ready for JSON."""
        place = self.most_alike
        return {
            "checkpoint": self.checkpoint.public_name,
            "encoder": self.request.half,
            "layer": self.layer,
            "layers": self.layers,
            "grid": list(self.cosines.shape),
            "query": list(self.query),
            "without_neighbours": self.request.skip_near,
            "most_alike": {"token": list(place), "cosine": float(self.cosines[place])},
            "mean_cosine": self._mean,
            "track": [list(at) for at in self.track],
            "explained": list(self.groups.explained),
            "explained_blank": list(self.blank.explained),
            "like_blank_cka": self.like_blank,
            "verdict": self.sentences(),
            **describe_clip(self.clip),
            "notes": self.notes,
        }

    @property
    def _mean(self) -> float:
        others = self.cosines.astype(np.float64)
        others[self.query] = np.nan
        return float(np.nanmean(others))

    # ---- words -----------------------------------------------------------------------------------

    def place(self, token: tuple[int, int, int]) -> str:
        """Say where a token is."""
        time, row, column = token
        seconds = self.clip.timestamps_s[time * self.checkpoint.tubelet_size]
        return f"{seconds:.2f} s, row {row}, column {column}"

    def where(self) -> str:
        """Say which tokens are compared: whose, and after which layer."""
        after = f"after layer {self.layer} of {self.layers}" if self.layer else "as embedded"
        return f"Tokens of the {self.request.half}, {after}"

    def sentences(self) -> list[str]:
        """Say what is alike, what three colours hold, and how much of it is position."""
        return [self.about_query(), self.about_groups(), self.about_blank(), self.about_track()]

    def about_query(self) -> str:
        """Say which token is most like the chosen one."""
        best = self.most_alike
        beyond = " that does not touch it" if self.request.skip_near else ""
        return (
            f"Most like the token at {self.place(self.query)} is the one{beyond} at "
            f"{self.place(best)}: cosine {self.cosines[best]:.2f}, where the mean of all is "
            f"{self._mean:.2f}."
        )

    def about_groups(self) -> str:
        """Say how much of what tells tokens apart the colours show."""
        parts = ", ".join(share(one) for one in self.groups.explained)
        return (
            f"Tokens of one colour are alike. The three colours hold "
            f"{share(sum(self.groups.explained))} of what tells tokens apart ({parts})."
        )

    def about_blank(self) -> str:
        """Say what position alone gives."""
        return (
            f"Of a blank clip, where position alone tells tokens apart, the three colours hold "
            f"{share(sum(self.blank.explained))}. How alike both patterns are (linear CKA): "
            f"{self.like_blank:.2f} of 1."
        )

    def about_track(self) -> str:
        """Say where the nearest token moves."""
        (first_row, first_column), (last_row, last_column) = self.track[0], self.track[-1]
        return (
            f"The nearest token of each moment goes from row {first_row}, column {first_column} "
            f"to row {last_row}, column {last_column}. {WEAK}"
        )

    # ---- files -----------------------------------------------------------------------------------

    def save(self, folder: Path | str) -> list[Path]:
        """Write ``tokens.npz``, ``tokens.mp4`` and ``tokens.png``; arrays as in `arrays`."""
        from videomae_demo.rendering.side_by_side import side_by_side
        from videomae_demo.video.encode import write_mp4

        folder = made_folder(folder)
        path = folder / "tokens.npz"
        write_npz(path, self.arrays())
        movie = side_by_side(
            self.tracks()[:4],
            height_px=MOVIE_HEIGHT_PX,
            scale=self.scale,
            footnote=f"{self.where()}. {self.about_query()}",
        )
        return [
            path,
            write_mp4(folder / "tokens.mp4", movie, frame_rate(self.clip)),
            write_png(folder / "tokens.png", self.picture()),
        ]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return ``cosines`` (time, height, width) and more.

        ``nearest`` (time, height, width) bool; ``colours`` and ``blank_colours`` (time, height,
        width, 3) float32 in 0..1.
        """
        return {
            "cosines": self.cosines,
            "nearest": self.nearest,
            "colours": self.groups.colours,
            "blank_colours": self.blank.colours,
        }

    def tracks(self) -> list[Track]:
        """Return the clip, the cosines over it, the tokens as colours, and those of a blank one."""
        frames = self.clip.frames
        return [
            Track("the clip, cropped as the model saw it", frames),
            Track(COSINE, overlay(frames, self.cosines, self.scale, smooth=False)),
            Track("tokens as colours", self.as_frames(self.groups)),
            Track("of a blank clip", self.as_frames(self.blank)),
            Track("the nearest", overlay(frames, self.followed, self.scale, smooth=False)),
        ]

    def as_frames(self, found: PrincipalColours) -> NDArray[np.uint8]:
        """Draw a colour per token, as large as the clip's frames: (T, H, W, 3) uint8."""
        _, height, width, _ = self.clip.frames.shape
        colours = np.rint(255 * found.colours).astype(np.uint8)
        return blocky(colours, height, width).repeat(self.checkpoint.tubelet_size, axis=0)

    def picture(self) -> NDArray[np.uint8]:
        """Draw all of it on one sheet."""
        from videomae_demo.rendering.filmstrip import filmstrip

        return filmstrip(
            self.tracks(),
            self.clip.timestamps_s.tolist(),
            heading=f"{self.where()}: {self.clip.path.name}",
            scale=self.scale,
            footnotes=[*self.sentences(), *self.notes],
            cell_px=128,
        )

    def __repr__(self) -> str:
        return f"TokensView({self.clip.path.name!r}: layer {self.layer}, query {self.query})"


def blocky(pictures: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Enlarge (n, h, w, 3) uint8 so that each pixel becomes a block."""
    rows = np.arange(height) * pictures.shape[1] // height
    columns = np.arange(width) * pictures.shape[2] // width
    return np.ascontiguousarray(pictures[:, rows][:, :, columns])
