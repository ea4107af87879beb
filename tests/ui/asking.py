"""Asks the lenses as the page does, and reads what the page is told."""

from dataclasses import replace
from functools import partial

from videomae_demo.analysis.settings import RolloutSettings
from videomae_demo.lenses.masks import MaskRequest
from videomae_demo.pool import ExplorerPool
from videomae_demo.ui.examples import Example, Shelf
from videomae_demo.ui.handlers import Handlers
from videomae_demo.ui.lenses.registry import LENSES
from videomae_demo.ui.page import Unchanged
from videomae_demo.ui.session import Session

RECOGNISE, ATTEND, EXPLAIN, RECONSTRUCT, HEADS, WHAT_IF, TOKENS, COMPARE, TIMELINE = LENSES


class MadeShelf(Shelf):
    """A shelf of clips that need not be there."""

    def __init__(self, *examples: Example) -> None:
        super().__init__(examples, lambda content, name: name)

    def _picture(self, example: Example) -> str:
        return f"{example.name}.png"


def look_up(made: Handlers, session: Session, label):
    return made.change(session, RECOGNISE, RECOGNISE.look_up, label)


def set_rollout(made: Handlers, session: Session, *given):
    return made.change(session, ATTEND, ATTEND.set_rollout, *given)


def set_mask(made: Handlers, session: Session, changed: str, *given):
    return made.change(session, RECONSTRUCT, partial(RECONSTRUCT.set_mask, changed), *given)


def paint(made: Handlers, session: Session, said):
    return made.change(session, RECONSTRUCT, RECONSTRUCT.paint, said)


def label_of(session: Session) -> str | None:
    return RECOGNISE.question(session).label


def settings_of(session: Session) -> RolloutSettings:
    """How attention is rolled out, and from which token."""
    return ATTEND.settings(session)


def mask_of(session: Session) -> MaskRequest:
    return RECONSTRUCT.question(session).mask


def by_hand(session: Session) -> Session:
    """A session with a painted mask."""
    question = RECONSTRUCT.question(session)
    painted = MaskRequest("painted", 0.5, painted=b"\xf0\x0f\x00")
    return session.asking("reconstruct", replace(question, mask=painted))


def made_handlers(folder, explorer) -> Handlers:
    """Handlers of a page with two clips, whose one Explorer is given; files go into a folder."""

    def save(content: bytes, name: str) -> str:
        path = folder / f"{len(list(folder.iterdir()))}-{name}"
        path.write_bytes(content)
        return str(path)

    pool = ExplorerPool("tested", make=lambda weights, reconstructor: explorer)
    pool.absent = lambda name, halves=(): ()
    examples = (Example(folder / "first.mp4", "first"), Example(folder / "b.mp4", "second"))
    return Handlers(pool, LENSES, MadeShelf(*examples), save)


def last(pages, name: str):
    """The last value that a part of the page was given."""
    given = [value for page in pages if not isinstance(value := getattr(page, name), Unchanged)]
    return given[-1]


def panel_of(pages, lens: str) -> list[dict]:
    """What the panel of a lens was told last."""
    return [page.panels[lens] for page in pages if lens in page.panels][-1]


def controls_of(pages, lens: str) -> dict:
    """What the controls of a lens were set to, the last value of each."""
    held = {}
    for page in pages:
        held |= page.controls.get(lens, {})
    return held


def explored(made: Handlers, lens: str = "recognise") -> Session:
    """A session whose first clip was shown to all lenses; one of them is open."""
    session = last(list(made.open(Session("tested"))), "session")
    for name in (*made.lenses, lens):
        session = last(list(made.open_lens(session, name)), "session")
    return session
