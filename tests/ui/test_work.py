"""Work of one visit takes turns, keeps what it changed, and ends when it is stopped."""

import asyncio
import copy
import json
import threading
from dataclasses import replace
from types import SimpleNamespace

import gradio as gr
import pytest

from videomae_demo.cancellation import check_cancelled
from videomae_demo.errors import RequestError
from videomae_demo.ui import text
from videomae_demo.ui.gradio_edge.visitors import Visitors
from videomae_demo.ui.page import Page, Unchanged
from videomae_demo.ui.session import MOST_WAITING, Session, Visit
from videomae_demo.ui.work import Work, by_letter, in_threads, keeping_preview


class Handlers:
    """Says last words alone."""

    def last_word(self, now, why, before=None):
        return Page(status=[], notice=f"{why} {now.weights} {before is not None}")

    def weights_list(self, session):
        return f"as {session.weights}"

    def fetch(self, weights):
        yield Page(status=[weights])
        yield Page(status=[f"{weights} still"])


def plain(page: Page) -> dict:
    """Outputs by the names of the parts."""
    parts = {name: getattr(page, name) for name in Page.__slots__}
    return {name: value for name, value in parts.items() if not isinstance(value, Unchanged)}


@pytest.fixture
def visit() -> Visit:
    return Visit(Session("shown"))


@pytest.fixture
def work() -> Work:
    return Work(Handlers(), Visitors(), plain)


def run(coroutine):
    """Run in a thread of its own: the browser tests have a loop in the main one."""
    done = []
    thread = threading.Thread(target=lambda: done.append(asyncio.run(coroutine)))
    thread.start()
    thread.join(60)
    return done[0]


async def all_of(steps) -> list:
    return [step async for step in steps]


def set_seed(session: Session, seed: int):
    yield Page(status=[])
    yield Page(session.asking("seed", session.asked.get("seed", 0) + seed))


def set_label(session: Session, label: str):
    yield Page(session.asking("label", label))


def test_events_of_one_visit_lose_nothing_of_each_other(visit, work):
    started, goes_on = threading.Event(), threading.Event()

    def slow(session: Session):
        started.set()
        assert goes_on.wait(60)
        yield from set_seed(session, 1)

    async def both():
        one = asyncio.ensure_future(all_of(work.changing(slow, "a")(visit, "null")))
        await asyncio.to_thread(started.wait, 60)
        run_label = work.changing(set_label, "b", lane=work.quick)
        other = asyncio.ensure_future(all_of(run_label(visit, "null", "right")))
        await asyncio.sleep(0)
        goes_on.set()
        await asyncio.gather(one, other)

    run(both())
    assert visit.session.asked == {"seed": 1, "label": "right"}


def test_the_next_turn_begins_from_what_the_last_one_left(visit, work):
    async def several():
        one = work.changing(set_seed, "a")
        await asyncio.gather(*(all_of(one(visit, "null", 1)) for _ in range(5)))

    run(several())
    assert visit.session.asked["seed"] == 5


def test_a_closed_page_gives_its_turn_back(visit, work):
    closed = []

    def endless(session: Session):
        try:
            while True:
                yield Page(status=[])
        finally:
            closed.append(True)

    async def leave():
        steps = work.changing(endless, "a")(visit, "null")
        await anext(steps)
        await steps.aclose()
        return await all_of(work.changing(set_label, "b")(visit, "null", "right"))

    assert run(leave())
    assert closed and visit.session.asked["label"] == "right"


def test_work_that_was_asked_for_before_cancel_is_not_done(visit, work):
    visit.cancelled_at = 20.0
    asked = []

    def note(session: Session, what: str):
        asked.append(what)
        yield Page(session.asking("label", what))

    async def several():
        touched = '{"early": 10, "late": 30}'
        for source in ("early", "late", "never"):
            await all_of(work.changing(note, source)(visit, touched, source))
        letters = work.changing(by_letter(note))
        for letter in ('{"at": 20, "said": "then"}', '{"at": 20.5, "said": "after"}'):
            await all_of(letters(visit, "null", letter))

    run(several())
    assert asked == ["late", "never", "after"]


def notices(outputs) -> str:
    return " ".join(value for value in outputs.values() if isinstance(value, str))


def test_an_exploration_that_is_stopped_or_fails_ends_the_reading(visit, work):
    visit.chosen.shown = "a.mp4"

    def fail(session: Session):
        assert visit.chosen.reading and visit.chosen.asked == "b.mp4"
        yield Page(status=[])
        raise RequestError("No.")

    async def explore():
        said = []
        steps = work.changing(fail, "a", explores=lambda visit: "b.mp4")(visit, '{"a": 1}')
        with pytest.raises(gr.Error, match="No"):
            async for outputs in steps:
                said.append(notices(outputs))
        visit.cancelled_at = 1.0
        again = work.changing(fail, "a", explores=lambda visit: "b.mp4")(visit, '{"a": 1}')
        return said, [notices(outputs) async for outputs in again]

    failed, stopped = run(explore())
    assert "No. shown True" in failed[-1]
    assert len(stopped) == 1 and f"{text.WAS_CANCELLED} shown True" in stopped[0]
    assert (visit.chosen.shown, visit.chosen.reading) == ("a.mp4", False)


def test_what_is_not_shown_any_more_is_not_remembered(visit):
    """A step that ends after Cancel: the page does not show it."""
    visitors = Visitors()

    def stopped_within_a_step(session: Session):
        yield Page(session.asking("label", "shown"))
        visitors.stop(SimpleNamespace(session_hash=""))
        yield Page(session.asking("label", "late"))

    outputs = run(
        all_of(Work(Handlers(), visitors, plain).changing(stopped_within_a_step)(visit, ""))
    )
    assert len(outputs) == 2 and text.WAS_CANCELLED in notices(outputs[-1])
    assert visit.session.asked["label"] == "shown"


def test_a_download_that_was_stopped_is_no_success(visit):
    """What follows on a download, the loading of what it brought, is for those that ended well."""
    visitors = Visitors()
    work = Work(Handlers(), visitors, plain)
    assert [page["status"] for page in work.fetch(visit, "far")] == [["far"], ["far still"]]

    steps = work.fetch(visit, "far")
    assert next(steps)["status"] == ["far"]
    visitors.stop(SimpleNamespace(session_hash=""))
    assert next(steps) == plain(Page(status=[], weights_list="as shown"))
    with pytest.raises(gr.Error, match="cancelled") as ended:
        next(steps)
    assert not ended.value.visible, "Cancel has its own toast"


def test_a_clip_that_was_read_is_what_the_field_shows(visit, work):
    run(all_of(work.changing(set_label, "a", explores=lambda visit, _: "b.mp4")(visit, "", "x")))
    assert visit.chosen.shown == "b.mp4"


def test_too_much_at_once_is_refused_in_a_sentence(visit, work):
    async def crowd():
        async with visit.turn():
            one = work.changing(set_seed, "a")
            waiting = [
                asyncio.ensure_future(all_of(one(visit, "null", 1))) for _ in range(MOST_WAITING)
            ]
            while not visit.is_crowded:
                await asyncio.sleep(0)
            with pytest.raises(gr.Error, match="wait for them, or press Cancel"):
                await all_of(one(visit, "null", 1))
        await asyncio.gather(*waiting)

    run(crowd())
    assert visit.session.asked["seed"] == MOST_WAITING


def test_who_waits_for_a_turn_is_stopped_too(visit):
    visitors = Visitors()
    work = Work(Handlers(), visitors, plain)

    async def wait():
        async with visit.turn():
            waiting = asyncio.ensure_future(all_of(work.changing(set_seed, "a")(visit, "null", 1)))
            while not visitors._wishes:
                await asyncio.sleep(0)
            visitors.stop(SimpleNamespace(session_hash=""))
        return await waiting

    (only,) = run(wait())
    assert text.WAS_CANCELLED in notices(only)
    assert "seed" not in visit.session.asked


def set_to(session: Session, name: str, value: int):
    yield Page(session.asking(name, value))


def test_a_field_that_was_left_puts_nothing_back_that_was_chosen_since(visit, work):
    field, button = (work.changing(set_to, name, says=["kind", "seed"]) for name in ("f", "b"))
    other = work.changing(set_to, "o", says=["start"])
    press, wide = work.changing(set_to, "p"), work.changing(set_to, "w", says=["seed", "kind", 3])

    def ask(event, at: dict, name: str, value: int) -> list:
        return run(all_of(event(visit, json.dumps(at), name, value)))

    ask(button, {"f": 1.0, "b": 2.0}, "seed", 4712)
    (nothing,) = ask(field, {"f": 1.0}, "seed", 4711)  # it was on its way for longer
    assert nothing == plain(Page()) and visit.session.asked == {"seed": 4712}
    ask(other, {"o": 0.5}, "start", 3)  # nothing newer says what this does
    ask(press, {"p": 0.6}, "many", 1)
    ask(field, {}, "kind", 5)  # nobody knows when
    ask(field, {"f": 2.0}, "seed", 7)
    assert visit.session.asked == {"seed": 7, "start": 3, "many": 1, "kind": 5}
    ask(wide, {"w": 9.0}, "seed", 8)  # says all that the field does, and more
    ask(field, {"f": 8.0}, "seed", 6)
    assert visit.session.asked["seed"] == 8
    ask(field, {"f": 10.0}, "seed", 9)
    ask(wide, {"w": 9.5}, "third", 1)  # the field did not say all of this
    assert (visit.session.asked["seed"], visit.session.asked["third"]) == (9, 1)
    assert copy.deepcopy(visit).takes(0.1, frozenset(["seed"]))  # another page


def test_a_preview_is_what_the_field_shows_if_its_clip_still_is(visit):
    class Previewing(Handlers):
        def preview(self, session, path):
            if path == "late.mp4":
                visit.session = replace(visit.session, clip="another")
            yield Page(video="preview.mp4")

    preview = Work(Handlers(), Visitors(), plain).beside(keeping_preview(Previewing().preview))
    visit.chosen.shown = "a.mp4"
    assert any(
        "preview.mp4" in outputs.values() for outputs in run(all_of(preview(visit, "", "a.mp4")))
    )
    assert visit.chosen.shown == "preview.mp4"
    visit.chosen.shown = "b.mp4"
    late = run(all_of(preview(visit, "", "late.mp4")))
    assert not any("preview.mp4" in outputs.values() for outputs in late)
    assert visit.chosen.shown == "b.mp4"


def test_a_preview_ends_with_its_visitor(visit):
    visitors, read = Visitors(), []

    class Previewing(Handlers):
        def preview(self, session, path):
            visitors.leave(SimpleNamespace(session_hash=""))
            check_cancelled()  # as the reader of clips does
            read.append(path)
            yield Page(video="preview.mp4")

    preview = Work(Handlers(), visitors, plain).beside(keeping_preview(Previewing().preview))
    outputs = run(all_of(preview(visit, "", "a.mp4")))
    assert not read and not any("preview.mp4" in page.values() for page in outputs)


def test_work_beside_the_others_waits_for_no_turn(visit, work):
    def write(session: Session, visit: Visit):
        yield Page(files={"recognise": [session.weights]})

    async def both():
        async with visit.turn():
            return await all_of(work.beside(write, "a")(visit, "null"))

    assert run(both())
    visit.cancelled_at = 1.0
    (nothing,) = run(all_of(work.beside(write, "a")(visit, '{"a": 0.5}')))
    assert nothing == plain(Page())


def test_a_page_has_a_visit_of_its_own(visit):
    """Gradio copies the value of a state for each page."""
    other = copy.deepcopy(visit)
    other.session = other.session.asking("label", "right")
    other.chosen.shown = "a.mp4"
    assert not visit.session.asked and visit.chosen.shown is None
    assert other.session.weights == "shown"


def test_steps_are_taken_in_threads():
    def steps():
        for _ in range(3):
            yield threading.current_thread() is threading.main_thread()

    assert run(all_of(in_threads(steps(), None))) == [False] * 3
