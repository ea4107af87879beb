"""What happens when a visitor does something: generators that yield a `Page` per stage.

Owns the order of the work. Knows no component: `app` maps a `Page` to outputs and turns an
`ExplorerError` into a toast. Each step is a question to the Explorer, which remembers the pass that
all rollouts share; a handler that is closed between two stages leaves nothing behind.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from videomae_demo.analysis.settings import RolloutSettings
from videomae_demo.checkpoints.catalog import find_entry
from videomae_demo.errors import ExplorerError, RequestError
from videomae_demo.ui import present, text, values
from videomae_demo.ui.examples import Example
from videomae_demo.ui.panel import panel
from videomae_demo.ui.session import Session
from videomae_demo.ui.snippet import view_in_python
from videomae_demo.ui.weights import ExplorerPool
from videomae_demo.video.sampling import SamplingRule
from videomae_demo.views import ClipRequest, LabelsView, MaskRequest

if TYPE_CHECKING:  # torch takes seconds to import, and building the page needs none of it
    from videomae_demo.explorer import Explorer
    from videomae_demo.roles import CheckpointCard

AS_TRAINED, EVERY, UNIFORM = "as trained", "every so many seconds", "spread over the whole clip"
SAMPLINGS = (AS_TRAINED, EVERY, UNIFORM)
STAGES = 5


class Unchanged:
    """Stands for a part of the page that stays as it is."""


UNCHANGED = Unchanged()


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """What changes on the page; the fields are in the order of the outputs.

    Attributes
    ----------
    session : Session
    player : dict
        The token player's value.
    status, weights, clip, labels, attention, reconstruction : list of panel blocks
    code : str
        The view in Python.
    video : str
        Path of the clip in the upload field.
    label_names : sequence of str
        What can be looked up.
    layers : int
        How many layers the recogniser has.
    mask : MaskRequest
        What the mask's controls show.
    files : list of str
        Files to take away.
    """

    session: Session | Unchanged = UNCHANGED
    player: dict[str, Any] | Unchanged = UNCHANGED
    status: list[panel.Block] | Unchanged = UNCHANGED
    weights: list[panel.Block] | Unchanged = UNCHANGED
    clip: list[panel.Block] | Unchanged = UNCHANGED
    labels: list[panel.Block] | Unchanged = UNCHANGED
    attention: list[panel.Block] | Unchanged = UNCHANGED
    reconstruction: list[panel.Block] | Unchanged = UNCHANGED
    code: str | Unchanged = UNCHANGED
    video: str | Unchanged = UNCHANGED
    label_names: Sequence[str] | Unchanged = UNCHANGED
    layers: int | Unchanged = UNCHANGED
    mask: MaskRequest | Unchanged = UNCHANGED
    files: list[str] | Unchanged = UNCHANGED

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the names of the fields, in order."""
        return tuple(field.name for field in fields(cls))


Pages = Generator[Page, None, None]


class Handlers:
    """The handlers of one page.

    Parameters
    ----------
    pool : ExplorerPool
    examples : sequence of Example
    save : callable
        Puts bytes into the page's cache; see `present.SaveBytes`.
    hours_kept : int
        After how long files of the cache are deleted.
    """

    def __init__(
        self,
        pool: ExplorerPool,
        examples: Sequence[Example],
        save: present.SaveBytes,
        hours_kept: int,
    ) -> None:
        self.pool = pool
        self.examples = tuple(examples)
        self._save = save
        self._hours_kept = hours_kept

    def open(self) -> Pages:
        """Open the page finished: its first example is explored."""
        session = Session(self.pool.default)
        if not self.examples:
            explorer = self.pool.get(session.weights)
            yield Page(
                session,
                player={"empty": text.NO_CLIP},
                weights=_weights_panel(explorer),
                status=[],
            )
            return
        yield from self.pick(session, 0)

    def pick(self, session: Session, index: int) -> Pages:
        """Explore an example."""
        if not 0 <= index < len(self.examples):
            raise RequestError(f"There is no example {index}; there are {len(self.examples)}.")
        path = self.examples[index].path
        session = replace(session, clip=ClipRequest(path))
        yield Page(video=str(path))
        yield from self._explore(_without_query(session))

    def explore(
        self, session: Session, path: str | None, sampling: str, interval_s: float, start_s: Any
    ) -> Pages:
        """Explore the clip in the upload field; `start_s` None or "" takes the middle."""
        if not path:
            raise RequestError(text.NO_CLIP)
        request = ClipRequest(Path(path), _start(start_s), _rule(sampling, interval_s))
        example = next((e for e in self.examples if e.path.name == Path(path).name), None)
        if example is not None and _same_bytes(example.path, Path(path)):
            request = replace(request, path=example.path)
        yield from self._explore(_without_query(replace(session, clip=request)))

    def load(self, session: Session, weights: str) -> Pages:
        """Change the checkpoints, downloading what is not here, and explore the clip again."""
        offer = self.pool.offer(weights)
        yield Page(status=[panel.progress(f"Loading {offer.title}", 0, STAGES)])
        explorer = self.pool.get(weights)
        _ = explorer.recogniser
        mask = MaskRequest("tube" if session.mask.kind == "painted" else session.mask.kind)
        settings = replace(session.settings, first_layer=1, last_layer=None, query=None)
        session = Session(weights, session.clip, settings, replace(mask, seed=session.mask.seed))
        if session.clip is None:
            yield Page(session, status=[], weights=_weights_panel(explorer))
            return
        yield from self._explore(session)

    def choose(self, session: Session, token: Any) -> Pages:
        """Start the rollout from a token, or from what the head reads; no pass of the model."""
        query = values.token(token)
        yield from self._attend(replace(session, settings=replace(session.settings, query=query)))

    def set_rollout(
        self, session: Session, fusion: Any, discard: float, first_layer: int, last_layer: int
    ) -> Pages:
        """Change how attention is rolled out; no pass of the model."""
        explorer = self.pool.get(session.weights)
        last = values.whole(last_layer, "last layer")
        settings = RolloutSettings(
            fusion,
            values.number(discard, "discarded fraction"),
            values.whole(first_layer, "first layer"),
            None if last >= _layer_count(explorer) else last,
            session.settings.query,
        )
        yield from self._attend(replace(session, settings=settings))

    def set_mask(self, session: Session, kind: str, ratio: float, seed: Any) -> Pages:
        """Draw another mask and reconstruct."""
        if kind == "painted":
            if session.mask.kind != "painted":
                raise RequestError(
                    "No mask is painted yet: press 'Paint the mask' below the pictures and drag "
                    "over the tokens."
                )
            return
        share, drawn = values.number(ratio, "share to hide"), values.whole(seed, "mask seed")
        mask = MaskRequest(kind, share, drawn)
        yield from self._reconstruct(replace(session, mask=mask))

    def paint(self, session: Session, mask: str) -> Pages:
        """Reconstruct behind a painted mask, given in base64 as one byte per token."""
        try:
            marks = np.frombuffer(base64.b64decode(mask, validate=True), np.uint8)
        except (binascii.Error, TypeError, ValueError) as error:
            raise RequestError("The painted mask can't be read; paint it again.") from error
        tokens = self.pool.get(session.weights).reconstructor.card.grid.tokens
        if len(marks) != tokens:
            raise RequestError(
                f"The painted mask has {len(marks)} tokens, the clip {tokens}; paint it again."
            )
        painted = MaskRequest("painted", painted=np.packbits(marks > 0).tobytes())
        yield from self._reconstruct(replace(session, mask=painted))

    def look_up(self, session: Session, label: str | None) -> Pages:
        """Show where one label stands."""
        session = replace(session, label=label or None)
        view = self._explorer(session).classify(_clip(session))
        yield Page(session, labels=self._labels_panel(view, session))

    def files(self, session: Session, lens: str, folder: Path) -> Pages:
        """Write the files of one lens into `folder`."""
        from videomae_demo import export  # matplotlib, only when files are asked for

        explorer, clip = self._explorer(session), _clip(session)
        yield Page(status=[panel.progress("Writing the files", 1, 2)])
        if lens == "recognise":
            labels = explorer.classify(clip)
            paths = export.save_labels(labels, folder, present.TOP_K, session.label)
        elif lens == "attend":
            paths = export.save_rollout(explorer.attend(clip, session.settings), folder)
        else:
            view = explorer.reconstruct(clip, session.mask)
            paths = export.save_reconstruction(view, folder)
        yield Page(status=[], files=[str(path) for path in paths])

    def _explore(self, session: Session) -> Pages:
        """Go through all views, one stage after the other."""
        yield Page(status=_stage("Loading the weights", 0))
        explorer = self.pool.get(session.weights)
        card = explorer.recogniser.card
        yield Page(weights=_weights_panel(explorer), status=_stage("Reading the clip", 1))
        seen = explorer.see(_clip(session))
        player = present.show_clip(seen, card, self._save)
        session = replace(session, player=player)
        yield Page(
            session,
            player=player,
            clip=present.clip_panel(seen, card, player["tracks"]["clip"]),
            labels=[],
            attention=[],
            reconstruction=[],
            layers=_layer_count(explorer),
            status=_stage("Recognising", 2),
        )
        yield self._classified(explorer, session)
        yield Page(status=_stage("Following attention", 3))
        for page in self._attend(session):
            yield page
            if isinstance(page.session, Session):
                session = page.session
        yield Page(status=_stage("Reconstructing what was hidden", 4))
        try:
            yield from self._reconstruct(session)
        except ExplorerError as error:
            yield Page(reconstruction=[panel.note(str(error))])
            raise
        yield Page(status=[])

    def _classified(self, explorer: Explorer, session: Session) -> Page:
        if not explorer.recogniser.card.label_count:
            return Page(labels=[panel.note(text.NO_LABELS)], label_names=())
        view = explorer.classify(_clip(session))
        names = sorted(view.classification.labels)
        return Page(labels=self._labels_panel(view, session), label_names=names)

    def _attend(self, session: Session) -> Pages:
        view = self._explorer(session).attend(_clip(session), session.settings)
        session = self._shown(session, present.show_rollout(session.player, view))
        yield Page(
            session,
            player=session.player,
            attention=present.rollout_panel(view),
            code=self._code(session),
        )

    def _reconstruct(self, session: Session) -> Pages:
        explorer = self._explorer(session)
        view = explorer.reconstruct(_clip(session), session.mask)
        card = explorer.recogniser.card
        player = present.show_reconstruction(session.player, view, card, self._save)
        session = self._shown(replace(session, mask=view.mask), player)
        yield Page(
            session,
            player=player,
            reconstruction=present.reconstruction_panel(view),
            mask=view.mask,
            code=self._code(session),
        )

    def _shown(self, session: Session, player: dict[str, Any]) -> Session:
        tracks: Mapping[str, Any] = player["tracks"]
        if not all(Path(track["file"]["path"]).is_file() for track in tracks.values()):
            raise RequestError(text.CLEARED.format(hours=self._hours_kept))
        return replace(session, player=player)

    def _explorer(self, session: Session) -> Explorer:
        if session.clip is None or not session.player:
            raise RequestError(text.NO_CLIP)
        return self.pool.get(session.weights)

    def _code(self, session: Session) -> str:
        return view_in_python(session, self.pool.reconstructor_of(session.weights))

    def _labels_panel(self, view: LabelsView, session: Session) -> list[panel.Block]:
        entry = find_entry(session.weights)
        is_example = any(example.path == view.clip.path for example in self.examples)
        remark = None
        if entry is not None and entry.bundled and not is_example:
            names = ", ".join(view.classification.labels)
            remark = (
                f"The bundled weights know only these {len(view.classification.labels)} synthetic "
                f"motions: {names}. For what people do, load Kinetics weights above."
            )
        return present.labels_panel(view, session.label, remark)


def _clip(session: Session) -> ClipRequest:
    if session.clip is None:
        raise RequestError(text.NO_CLIP)
    return session.clip


def _without_query(session: Session) -> Session:
    """Another clip: a token chosen in the last one means nothing in it."""
    return replace(session, settings=replace(session.settings, query=None))


def _layer_count(explorer: Explorer) -> int:
    return explorer.recogniser.model.config.num_hidden_layers


def _stage(name: str, done: int) -> list[panel.Block]:
    return [panel.progress(f"{name} ...", done, STAGES)]


def _weights_panel(explorer: Explorer) -> list[panel.Block]:
    card = explorer.recogniser.card
    recogniser = _introduce(card)
    try:
        reconstructor = _introduce(explorer.reconstructor.card)
    except ExplorerError as error:
        reconstructor = f"none ({error})"
    halves = f"Recogniser: {recogniser}. Reconstructor: {reconstructor}. On {explorer.device}."
    entry = find_entry(card.name)
    remark = entry.partner_note if entry is not None else None
    return [panel.small(halves), *([panel.note(remark)] if remark else [])]


def _introduce(card: CheckpointCard) -> str:
    title = Path(card.title).name if Path(card.title).is_absolute() else card.title
    return f"{title}, licence {card.licence}"


def _rule(sampling: str, interval_s: float) -> SamplingRule | None:
    if sampling == AS_TRAINED:
        return None
    if sampling == UNIFORM:
        return SamplingRule.uniform()
    if sampling == EVERY:
        return SamplingRule.stride(values.number(interval_s, "seconds between frames"))
    raise RequestError(f"The sampling is {sampling!r}; choose {', '.join(SAMPLINGS)}.")


def _start(given: Any) -> float | None:
    if given in (None, ""):
        return None
    try:
        return float(given)
    except (TypeError, ValueError) as error:
        raise RequestError(f"The start is {given!r}; give seconds, or nothing.") from error


def _same_bytes(one: Path, other: Path) -> bool:
    try:
        return one.stat().st_size == other.stat().st_size and one.read_bytes() == other.read_bytes()
    except OSError:
        return False
