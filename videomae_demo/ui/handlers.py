"""What happens when a visitor does something: generators that yield a `Page` per stage.

Owns what they mean for what is shown; the stages of an exploration are those of `stages`. Knows no
component: `outputs` maps a `Page` to those and turns an `ExplorerError` into a toast. Each step is
a question to the Explorer, which remembers the pass that all rollouts share; a handler that is
closed between two stages leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from videomae_demo.analysis.settings import RolloutSettings
from videomae_demo.errors import ExplorerError, RequestError
from videomae_demo.given import number
from videomae_demo.lenses.reconstruct import MaskRequest
from videomae_demo.limits import DEFAULT_LIMITS, Limits
from videomae_demo.pool import ExplorerPool
from videomae_demo.ui import controls, present, text, values
from videomae_demo.ui.examples import Example
from videomae_demo.ui.page import Page, Pages, WeightsList
from videomae_demo.ui.panel import panel
from videomae_demo.ui.preview.preview import make_preview
from videomae_demo.ui.session import Session
from videomae_demo.ui.stages import Stages, clip_of, layer_count, stage

PARTS = {"recognise": "labels", "attend": "attention", "reconstruct": "reconstruction"}
"""The parts of a `Page` that show the lenses."""


class Handlers:
    """The handlers of one page.

    Parameters
    ----------
    pool : ExplorerPool
    examples : sequence of Example
    save : callable
        Puts bytes into the page's cache; see `present.SaveBytes`.
    limits : Limits
        What a preview may cost, and after how long files of the cache are deleted.
    """

    def __init__(
        self,
        pool: ExplorerPool,
        examples: Sequence[Example],
        save: present.SaveBytes,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        self.pool = pool
        self.examples = tuple(examples)
        self._save = save
        self._limits = limits
        self._stages = Stages(pool, save, limits)

    def open(self, session: Session) -> Pages:
        """Open the page finished: its first example is explored."""
        if not self.examples:
            explorer = self.pool.get(session.weights)
            yield Page(
                player={"empty": text.NO_CLIP},
                weights=present.weights_panel(explorer),
                status=[],
            )
            return
        yield from self.pick(session, 0)

    def pick(self, session: Session, index: Any, *sampling: Any) -> Pages:
        """Explore an example; the sampling as in `explore`."""
        number = values.whole(index, "example's number")
        if number >= len(self.examples):
            raise RequestError(f"There is no example {number}; there are {len(self.examples)}.")
        yield from self._explore_anew(session, self.examples[number].path, sampling)

    def explore(self, session: Session, path: Path | str | None, *sampling: Any) -> Pages:
        """Explore a clip; without a path, the present one once more.

        `sampling` is what the controls hold, in the order of `controls.Sampling`. An invalid field
        keeps its last valid value; what is wrong with it was said when it was filled in.
        """
        path = clip_of(session).path if path is None else path
        yield from self._explore_anew(session, self._original(Path(path)), sampling)

    def _explore_anew(self, session: Session, path: Path, given: Sequence[Any]) -> Pages:
        chosen, now = self._sampling(session, given)[0], session
        if session.clip is None or Path(session.clip.path) != path:
            # In another clip, a moment, a token and a true label mean something else.
            chosen = replace(chosen, start_s=None)
            now = replace(session, settings=replace(session.settings, query=None), label=None)
        yield from self._stages.explore(session, now, path, chosen)

    def resample(self, session: Session, changed: str, *sampling: Any) -> Pages:
        """Explore other frames of the present clip; `changed` is the field that a visitor set."""
        chosen, wrong = self._sampling(session, sampling)
        if changed in wrong:
            raise wrong[changed]
        if session.clip is None:
            yield Page(replace(session, sampling=chosen))
            return
        own = self.pool.get(session.weights).recogniser.card.sampling
        if chosen.request(session.clip.path, own) == session.clip:
            yield Page(replace(session, sampling=chosen))
            return
        # At other times, a token is another one; the label is that of the clip.
        now = replace(session, settings=replace(session.settings, query=None))
        yield from self._stages.explore(session, now, Path(session.clip.path), chosen)

    def _sampling(
        self, session: Session, given: Sequence[Any]
    ) -> tuple[controls.Sampling, dict[str, RequestError]]:
        named = dict(zip(controls.Sampling.__slots__, given, strict=False))
        return controls.read_sampling(session.sampling, named)

    def preview(self, session: Session, path: str | None) -> Pages:
        """Let the browser play the explored clip in a form that it can; the clip stays as it is."""
        if path and session.clip is not None and _same_bytes(Path(session.clip.path), Path(path)):
            yield Page(video=self._save(make_preview(Path(path), self._limits), "preview.mp4"))

    def fetch(self, weights: str) -> Pages:
        """Download what these weights lack on this machine; whoever closes this breaks it off."""
        self.pool.offer(weights)
        yield from self._stages.fetch(weights)

    def load(self, session: Session, weights: str) -> Pages:
        """Change the checkpoints, and explore the clip again."""
        try:
            yield from self._load(session, weights)
        except ExplorerError:
            yield Page(weights_list=self._stages.weights_list(session))
            raise

    def _load(self, session: Session, weights: str) -> Pages:
        offer = self.pool.offer(weights)
        yield Page(status=stage(f"Loading {offer.title}", 0))
        explorer = self.pool.get(weights)
        labels = set(explorer.recogniser.model.config.id2label.values())
        knows = bool(explorer.recogniser.card.label_count) and session.label in labels
        mask = MaskRequest("tube" if session.mask.kind == "painted" else session.mask.kind)
        settings = replace(session.settings, first_layer=1, last_layer=None, query=None)
        now = replace(
            session,
            weights=weights,
            settings=settings,
            mask=replace(mask, seed=session.mask.seed),
            label=session.label if knows else None,
        )
        if session.clip is None:
            yield Page(
                now,
                status=[],
                weights=present.weights_panel(explorer),
                weights_list=self._stages.weights_list(now),
            )
            return
        yield from self._stages.explore(session, now, Path(session.clip.path), session.sampling)

    def choose(self, session: Session, token: Any) -> Pages:
        """Start the rollout from a token, or from what the head reads; no pass of the model."""
        settings = replace(session.settings, query=values.token(token))
        yield from self._stages.attend(replace(session, settings=settings))

    def set_rollout(
        self, session: Session, fusion: Any, discard: float, first_layer: int, last_layer: int
    ) -> Pages:
        """Change how attention is rolled out; no pass of the model."""
        count = layer_count(self.pool.get(session.weights))
        last = values.whole(last_layer, controls.field_name("last_layer"))
        settings = RolloutSettings(
            fusion,
            number(discard, controls.field_name("discard")),
            values.whole(first_layer, controls.field_name("first_layer")),
            None if last >= count else last,
            session.settings.query,
        )
        try:
            settings.layers(count)
        except RequestError:
            yield Page(session, layers=count)  # the controls go back to what is shown
            raise
        yield from self._stages.attend(replace(session, settings=settings))

    def set_mask(self, session: Session, changed: str, kind: str, ratio: Any, seed: Any) -> Pages:
        """Draw another mask and reconstruct; `changed` is the control that a visitor set.

        That is "kind", "ratio", "seed" or "preset". Another control that holds nonsense keeps its
        last valid value. Another share or seed takes the place of a painted mask, in tubes.
        """
        if kind == "painted" and changed == "kind":
            if session.mask.kind != "painted":
                yield Page(mask=session.mask)  # the controls go back to what is shown
                raise RequestError(
                    "No mask is painted yet: press 'Paint the mask' below the pictures and drag "
                    "over the tokens."
                )
            return
        named = {"kind": kind, "ratio": ratio, "seed": seed}
        mask, wrong = controls.read_mask(session.mask, named)
        if changed in wrong:
            raise wrong[changed]
        if changed in ("ratio", "seed") and named[changed] == getattr(session.mask, changed):
            return  # the field was left as it is, and so is what was painted
        if kind == "painted":
            yield Page(mask_kind=mask.kind)
        yield from self._stages.reconstruct(replace(session, mask=mask, drawn=session.drawn + 1))

    def paint(self, session: Session, said: Any) -> Pages:
        """Reconstruct behind a painted mask.

        The page says ``{"drawn": int, "painting": int, "mask": str}``: which mask it was painted
        on, as `Session.drawn` counts them, its own number, and one byte per token in base64. If
        another mask was drawn in the meantime, that one stays.
        """
        if not isinstance(said, dict) or said.get("drawn") != session.drawn:
            return
        number = values.whole(said.get("painting"), "painting's number")
        tokens = self.pool.get(session.weights).reconstructor.card.grid.tokens
        painted = controls.to_painted_mask(said.get("mask"), tokens)
        yield from self._stages.reconstruct(replace(session, mask=painted, painting=number))

    def look_up(self, session: Session, label: str | None) -> Pages:
        """Show where one label stands."""
        session = replace(session, label=label or None)
        view = self._stages.explorer(session).classify(clip_of(session))
        yield Page(session, labels=self._stages.labels_panel(view, session))

    def files(self, session: Session, lens: str, folder: Path) -> Pages:
        """Write the files of one lens into `folder`."""
        explorer, clip = self._stages.explorer(session), clip_of(session)
        if lens == "recognise":
            labels = explorer.classify(clip)
            paths = labels.save(folder, present.TOP_K, session.label)
        elif lens == "attend":
            paths = explorer.attend(clip, session.settings).save(folder)
        else:
            view = explorer.reconstruct(clip, session.mask)
            paths = view.save(folder)
        yield Page(files={lens: [str(path) for path in paths]})

    def last_word(self, now: Session, why: str, before: Session | None = None) -> Page:
        """Return what the page says when work ended before it was done.

        After Cancel, all controls go back to what is shown, since nothing that was asked for will
        come. If the work was an exploration, `before` is the session that it began with; then parts
        that are missing say `why`, too.
        """
        cancelled = why == text.WAS_CANCELLED
        parts: dict[str, Any] = {"controls": now, "player": now.player} if cancelled else {}
        if before is not None:
            hint = f" {text.GO_ON}" if cancelled else ""
            note = [panel.note(text.NOT_COMPUTED.format(why=why) + hint)]
            parts |= {PARTS[lens]: note for lens in now.missing} | {"stale": ""}
            if now.clip is None:
                parts["player"] = {"empty": text.NO_CLIP_YET.format(why=why)}
            elif now is before:
                parts["notice"] = text.STILL_SHOWN.format(why=why, shown=now.clip_name)
                parts["sampling"] = now.sampling
        return Page(status=[], **parts)

    def weights_list(self, session: Session) -> WeightsList:
        """Return what can be loaded, as it is on this machine by now, and what is."""
        return self._stages.weights_list(session)

    def _original(self, path: Path) -> Path:
        """Return the example that a file is a copy of; else the file."""
        same = (e.path for e in self.examples if e.path.name == path.name)
        return next((example for example in same if _same_bytes(example, path)), path)


def _same_bytes(one: Path, other: Path) -> bool:
    try:
        return one.stat().st_size == other.stat().st_size and one.read_bytes() == other.read_bytes()
    except OSError:
        return False
