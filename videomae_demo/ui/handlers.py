"""What happens when a visitor does something: generators that yield a `Page` per stage.

Owns the order of the work. Knows no component: `outputs` maps a `Page` to those and turns an
`ExplorerError` into a toast. Each step is a question to the Explorer, which remembers the pass that
all rollouts share; a handler that is closed between two stages leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from videomae_demo.analysis.settings import RolloutSettings
from videomae_demo.checkpoints.catalog import find_entry
from videomae_demo.errors import ExplorerError, RequestError
from videomae_demo.ui import controls, present, text, values
from videomae_demo.ui.examples import Example
from videomae_demo.ui.page import UNCHANGED, Page, Pages
from videomae_demo.ui.panel import panel
from videomae_demo.ui.preview.preview import make_preview
from videomae_demo.ui.session import Session
from videomae_demo.ui.snippet import view_in_python
from videomae_demo.ui.weights import ExplorerPool, describe_download
from videomae_demo.views import ClipRequest, LabelsView, MaskRequest

if TYPE_CHECKING:  # torch takes seconds to import, and building the page needs none of it
    from videomae_demo.explorer import Explorer

STAGES = 5


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
                weights=present.weights_panel(explorer),
                status=[],
            )
            return
        yield from self.pick(session, 0)

    def pick(
        self,
        session: Session,
        index: Any,
        sampling: str = controls.AS_TRAINED,
        interval_s: Any = None,
        start_s: Any = None,
    ) -> Pages:
        """Explore an example; the sampling as in `explore`."""
        number = values.whole(index, "example's number")
        if number >= len(self.examples):
            raise RequestError(f"There is no example {number}; there are {len(self.examples)}.")
        rule = controls.to_rule(sampling, interval_s)
        request = ClipRequest(self.examples[number].path, controls.to_start(start_s), rule)
        yield from self._explore(_with_clip(session, request), new_model=not session.player)

    def explore(
        self, session: Session, path: str | None, sampling: str, interval_s: float, start_s: Any
    ) -> Pages:
        """Explore the clip in the upload field; `start_s` None or "" takes the middle."""
        if not path:
            raise RequestError(text.NO_CLIP)
        rule = controls.to_rule(sampling, interval_s)
        original = self._original(session, Path(path))
        request = ClipRequest(original, controls.to_start(start_s), rule)
        yield from self._explore(_with_clip(session, request), new_model=not session.player)

    def preview(self, session: Session, path: str | None) -> Pages:
        """Let the browser play the explored clip in a form that it can; the clip stays as it is."""
        if path and session.clip is not None and _same_bytes(Path(session.clip.path), Path(path)):
            file = self._save(make_preview(Path(path)), "preview.mp4")
            yield Page(replace(session, preview=Path(file)), video=file)

    def fetch(self, weights: str) -> Pages:
        """Download what these weights lack on this machine; whoever closes this breaks it off."""
        self.pool.offer(weights)
        yield from self._fetch(weights)

    def _fetch(self, weights: str) -> Pages:
        absent = self.pool.absent(weights)
        if not absent:
            return
        with self.pool.download(absent) as download:
            for progress in download:
                said = describe_download(progress, absent)
                done = panel.progress(said, progress.done_bytes, progress.total_bytes or 1)
                yield Page(status=[done])

    def load(self, session: Session, weights: str) -> Pages:
        """Change the checkpoints, and explore the clip again."""
        offer = self.pool.offer(weights)
        yield Page(status=[panel.progress(f"Loading {offer.title}", 0, STAGES)])
        explorer = self.pool.get(weights)
        _ = explorer.recogniser
        mask = MaskRequest("tube" if session.mask.kind == "painted" else session.mask.kind)
        settings = replace(session.settings, first_layer=1, last_layer=None, query=None)
        mask = replace(mask, seed=session.mask.seed)
        session = replace(session, weights=weights, settings=settings, mask=mask, label=None)
        if session.clip is None:
            yield Page(session, status=[], weights=present.weights_panel(explorer))
            return
        yield from self._explore(session, new_model=True)

    def choose(self, session: Session, token: Any) -> Pages:
        """Start the rollout from a token, or from what the head reads; no pass of the model."""
        settings = replace(session.settings, query=values.token(token))
        yield from self._attend(replace(session, settings=settings))

    def set_rollout(
        self, session: Session, fusion: Any, discard: float, first_layer: int, last_layer: int
    ) -> Pages:
        """Change how attention is rolled out; no pass of the model."""
        count = _layer_count(self.pool.get(session.weights))
        last = values.whole(last_layer, "last layer")
        settings = RolloutSettings(
            fusion,
            values.number(discard, "discarded fraction"),
            values.whole(first_layer, "first layer"),
            None if last >= count else last,
            session.settings.query,
        )
        try:
            settings.layers(count)
        except RequestError:
            yield Page(session, layers=count)  # the controls go back to what is shown
            raise
        yield from self._attend(replace(session, settings=settings))

    def set_mask(self, session: Session, kind: str, ratio: float, seed: Any) -> Pages:
        """Draw another mask and reconstruct."""
        if kind == "painted":
            if session.mask.kind != "painted":
                yield Page(mask=session.mask)  # the controls go back to what is shown
                raise RequestError(
                    "No mask is painted yet: press 'Paint the mask' below the pictures and drag "
                    "over the tokens."
                )
            return
        mask = controls.to_mask(kind, ratio, seed)
        yield from self._reconstruct(replace(session, mask=mask))

    def redraw_mask(self, session: Session, kind: str, ratio: Any, seed: Any) -> Pages:
        """Draw a mask of another share or seed; in the place of a painted one, in tubes."""
        if kind == "painted":
            kind = "tube"
            yield Page(mask_kind=kind)
        yield from self.set_mask(session, kind, ratio, seed)

    def paint(self, session: Session, mask: Any) -> Pages:
        """Reconstruct behind a painted mask, given in base64 as one byte per token."""
        tokens = self.pool.get(session.weights).reconstructor.card.grid.tokens
        painted = controls.to_painted_mask(mask, tokens)
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

    def _explore(self, session: Session, *, new_model: bool) -> Pages:
        """Go through all views, one stage after the other."""
        yield from self._fetch(session.weights)
        yield Page(status=_stage("Loading the weights", 0))
        explorer = self.pool.get(session.weights)
        card = explorer.recogniser.card
        yield Page(weights=present.weights_panel(explorer), status=_stage("Reading the clip", 1))
        try:
            seen = explorer.see(_clip(session))
        except ExplorerError as error:
            if session.player:
                yield Page(clip=[panel.note(text.STILL_SHOWN.format(error=error))])
            raise
        player = present.show_clip(seen, card, self._save)
        session = replace(session, player=player)
        yield Page(
            session,
            player=player,
            clip=present.clip_panel(seen, card, player["tracks"]["clip"]),
            labels=[],
            attention=[],
            reconstruction=[],
            label=None,
            layers=_layer_count(explorer) if new_model else UNCHANGED,
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
        # What a visitor set is not set again, since they may have gone on by now.
        decided_here = view.mask if session.mask.ratio is None else UNCHANGED
        session = self._shown(replace(session, mask=view.mask), player)
        yield Page(
            session,
            player=player,
            reconstruction=present.reconstruction_panel(view),
            mask=decided_here,
            code=self._code(session),
        )

    def _original(self, session: Session, path: Path) -> Path:
        """Return the clip that the upload field stands for: a preview or a copy is not it."""
        if session.clip and session.preview and _same_bytes(session.preview, path):
            return Path(session.clip.path)
        same = (e.path for e in self.examples if e.path.name == path.name)
        return next((example for example in same if _same_bytes(example, path)), path)

    def _shown(self, session: Session, player: dict[str, Any]) -> Session:
        tracks: Mapping[str, Any] = player["tracks"]
        if not all(Path(track["file"]).is_file() for track in tracks.values()):
            raise RequestError(text.cleared(self._hours_kept))
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


def _with_clip(session: Session, clip: ClipRequest) -> Session:
    """Another clip: the token chosen in the last one and its true label mean nothing in it."""
    settings = replace(session.settings, query=None)
    return replace(session, clip=clip, settings=settings, label=None)


def _layer_count(explorer: Explorer) -> int:
    return explorer.recogniser.model.config.num_hidden_layers


def _stage(name: str, done: int) -> list[panel.Block]:
    return [panel.progress(f"{name} ...", done, STAGES)]


def _same_bytes(one: Path, other: Path) -> bool:
    try:
        return one.stat().st_size == other.stat().st_size and one.read_bytes() == other.read_bytes()
    except OSError:
        return False
