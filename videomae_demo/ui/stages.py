"""The stages of an exploration: each asks the Explorer, and says what the page shows.

Owns the order of the stages, and the session that each leaves. Knows nothing of what visitors do.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from videomae_demo.engine.clips import ClipRequest
from videomae_demo.errors import RequestError
from videomae_demo.lenses.recognise import LabelsView
from videomae_demo.limits import Limits
from videomae_demo.pool import ExplorerPool, describe_download
from videomae_demo.ui import controls, present, text
from videomae_demo.ui.page import UNCHANGED, Page, Pages, WeightsList
from videomae_demo.ui.panel import panel
from videomae_demo.ui.session import Session
from videomae_demo.ui.snippet import view_in_python
from videomae_demo.ui.token_player.player import LENSES

if TYPE_CHECKING:  # torch takes seconds to import, and building the page needs none of it
    from videomae_demo.explorer import Explorer

STAGES = 5


class Stages:
    """The stages, with the Explorers of a pool; `save` and `limits` as in `Handlers`."""

    def __init__(self, pool: ExplorerPool, save: present.SaveBytes, limits: Limits) -> None:
        self._pool = pool
        self._save = save
        self._limits = limits

    def explore(
        self, before: Session, now: Session, path: Path, sampling: controls.Sampling
    ) -> Pages:
        """Go through all views of a clip, one stage after the other.

        `before` is what the page shows. Until the frames are there, it does; from then on all of
        the page is of this clip, and `now`.
        """
        is_other = before.clip is None or Path(before.clip.path) != path
        yield Page(stale=_why_stale(before, now, path), notice="")
        yield from self.fetch(now.weights)
        yield Page(status=stage("Loading the weights", 0))
        explorer = self._pool.get(now.weights)
        card = explorer.recogniser.card
        yield Page(status=stage("Reading the clip", 1))
        request = sampling.request(path, card.sampling)
        seen = explorer.see(request)
        player, layers = present.show_clip(seen, card, self._save), layer_count(explorer)
        session = replace(
            now,
            clip=request,
            sampling=sampling,
            drawn=before.drawn + 1,
            layers=layers,
            missing=LENSES,
            player=player,
        )
        loads = not before.player or before.weights != now.weights
        yield Page(
            session,
            player=player,
            weights=present.weights_panel(explorer) if loads else UNCHANGED,
            weights_list=self.weights_list(session) if loads else UNCHANGED,
            clip=present.clip_panel(seen, card, player["tracks"]["clip"]),
            labels=[],
            attention=[],
            reconstruction=[],
            stale="",
            label=None if session.label is None else UNCHANGED,
            layers=layers if loads else UNCHANGED,
            start="" if is_other else UNCHANGED,
            status=stage("Recognising", 2),
        )
        session = yield from self.classify(session)
        yield Page(status=stage("Following attention", 3))
        session = yield from self.attend(session)
        yield Page(status=stage("Reconstructing what was hidden", 4))
        yield from self.reconstruct(session)
        yield Page(status=[])

    def classify(self, session: Session) -> Generator[Page, None, Session]:
        """Show the labels; return the session with them, as all stages here do."""
        explorer, session = self.explorer(session), _computed(session, "recognise")
        if not explorer.recogniser.card.label_count:
            yield Page(session, labels=[panel.note(text.NO_LABELS)], label_names=())
            return session
        view = explorer.classify(clip_of(session))
        names = sorted(view.classification.labels)
        yield Page(session, labels=self.labels_panel(view, session), label_names=names)
        return session

    def attend(self, session: Session) -> Generator[Page, None, Session]:
        """Show the rollout."""
        view = self.explorer(session).attend(clip_of(session), session.settings)
        session = self._shown(session, "attend", present.show_rollout(session.player, view))
        yield Page(
            session,
            player=session.player,
            attention=present.rollout_panel(view),
            code=self._code(session),
        )
        return session

    def reconstruct(self, session: Session) -> Generator[Page, None, Session]:
        """Show what the reconstructor makes of the mask."""
        explorer = self.explorer(session)
        view = explorer.reconstruct(clip_of(session), session.mask)
        card = explorer.recogniser.card
        player = present.show_reconstruction(session.player, view, card, self._save)
        # The page's script keeps what is painted on a mask against answers that are older.
        numbers = {"drawn": session.drawn, "painting": session.painting}
        player["mask"] = player["mask"] | numbers
        # What a visitor set is not set again, since they may have gone on by now.
        decided_here = view.mask if session.mask.ratio is None else UNCHANGED
        session = self._shown(replace(session, mask=view.mask), "reconstruct", player)
        yield Page(
            session,
            player=player,
            reconstruction=present.reconstruction_panel(view),
            mask=decided_here,
            code=self._code(session),
        )
        return session

    def weights_list(self, session: Session) -> WeightsList:
        """Return what can be loaded, as it is on this machine by now, and what is."""
        return WeightsList(self._pool.choices(), session.weights)

    def fetch(self, weights: str) -> Pages:
        """Download what these weights lack on this machine."""
        absent = self._pool.absent(weights)
        if not absent:
            return
        with self._pool.download(absent) as download:
            for progress in download:
                said = describe_download(progress, absent)
                done = panel.progress(said, progress.done_bytes, progress.total_bytes or 1)
                yield Page(status=[done])

    def _shown(self, session: Session, lens: str, player: dict[str, Any]) -> Session:
        tracks: Mapping[str, Any] = player["tracks"]
        if not all(Path(track["file"]).is_file() for track in tracks.values()):
            raise RequestError(text.cleared(self._limits.kept_hours))
        return _computed(replace(session, player=player), lens)

    def explorer(self, session: Session) -> Explorer:
        """Return the Explorer of what is shown, or raise a RequestError: nothing is."""
        if session.clip is None or not session.player:
            raise RequestError(text.NO_CLIP)
        return self._pool.get(session.weights)

    def _code(self, session: Session) -> str:
        return view_in_python(session, self._pool.reconstructor_of(session.weights))

    def labels_panel(self, view: LabelsView, session: Session) -> list[panel.Block]:
        """Show the labels, and the one that is looked up."""
        remark = None
        if view.is_foreign:
            names = ", ".join(view.classification.labels)
            remark = (
                f"The bundled weights know only these {len(view.classification.labels)} synthetic "
                f"motions: {names}. For what people do, load Kinetics weights above."
            )
        return present.labels_panel(view, session.label, remark)


def clip_of(session: Session) -> ClipRequest:
    """Return the clip that is shown, or raise a RequestError: there is none."""
    if session.clip is None:
        raise RequestError(text.NO_CLIP)
    return session.clip


def _computed(session: Session, lens: str) -> Session:
    return replace(session, missing=tuple(name for name in session.missing if name != lens))


def _why_stale(before: Session, now: Session, path: Path) -> str:
    """Say why what is shown is not yet what was asked for; empty if it is, or nothing is shown."""
    shown = before.clip_name
    if before.clip is None:
        return ""
    if Path(before.clip.path) != path:
        return text.NOT_READ_YET.format(asked=path.name, shown=shown)
    if before.weights != now.weights:
        return text.OTHER_WEIGHTS.format(shown=shown)
    return text.OTHER_FRAMES.format(shown=shown)


def layer_count(explorer: Explorer) -> int:
    """Return how many layers the recogniser has."""
    return explorer.recogniser.model.config.num_hidden_layers


def stage(name: str, done: int) -> list[panel.Block]:
    """Say on the progress card how far an exploration is."""
    return [panel.progress(f"{name} ...", done, STAGES)]
