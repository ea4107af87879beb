"""One visitor's wish to stop ends that visitor's work, and nobody else's."""

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from gradio.context import LocalContext

from videomae_demo.cancellation import Cancelled, cancellable, check_cancelled
from videomae_demo.ui.gradio_edge.visitors import MOST_CONDEMNED, Visitors, follow


def visitor(name: str | None):
    return SimpleNamespace(session_hash=name)


@pytest.fixture
def come():
    """Let a visitor be the present one, with an event."""
    tokens = []

    def come(name: str, event: str | None = None):
        tokens.append((LocalContext.request, LocalContext.request.set(visitor(name))))
        tokens.append((LocalContext.event_id, LocalContext.event_id.set(event)))

    yield come
    for variable, token in reversed(tokens):
        variable.reset(token)


def steps(ended: list[str]):
    try:
        for number in range(3):
            check_cancelled()
            yield number
    finally:
        ended.append("cleaned up")


def work(visitors: Visitors, steps, last_word=None):
    with visitors.working() as wish:
        yield from follow(steps, wish, last_word)


def test_work_that_nobody_stops_takes_all_its_steps(come):
    come("ann")
    ended = []
    assert list(work(Visitors(), steps(ended), lambda: "stopped")) == [0, 1, 2]
    assert ended == ["cleaned up"]


def test_work_that_is_stopped_ends_with_its_last_word(come):
    come("ann")
    for last_word, said in ((None, []), (lambda: "stopped", ["stopped"])):
        visitors, ended = Visitors(), []
        begun = work(visitors, steps(ended), last_word)
        assert next(begun) == 0
        visitors.stop(visitor("ben"))
        assert next(begun) == 1
        visitors.stop(visitor("ann"))
        assert list(begun) == said
        assert ended == ["cleaned up"]


def test_a_step_that_notices_the_stop_ends_with_the_last_word(come):
    come("ann")
    visitors = Visitors()

    def noticing():
        yield 0
        visitors.stop(visitor("ann"))
        check_cancelled()
        yield 1

    assert list(work(visitors, noticing(), lambda: "stopped")) == [0, "stopped"]


def test_of_what_waits_exactly_that_is_stopped_which_waited(come):
    """Whatever begins first: gradio's event tells, no count and no order."""
    come("ann", "later")
    visitors, ended = Visitors(), []
    visitors.stop(visitor("ann"), waiting=["one", "other"])
    assert list(work(visitors, steps([]))) == [0, 1, 2]
    for event in ("other", "one"):
        come("ann", event)
        assert list(work(visitors, steps(ended), lambda: "stopped")) == ["stopped"]
    assert ended == []
    come("ann")
    assert list(work(visitors, steps([]))) == [0, 1, 2]


def test_few_events_that_never_begin_are_remembered():
    visitors = Visitors()
    for number in range(3 * MOST_CONDEMNED):
        visitors.stop(visitor("ann"), waiting=[str(number)])
    assert len(visitors._condemned) == MOST_CONDEMNED


def test_a_step_that_ends_after_a_stop_is_not_shown(come):
    come("ann")
    visitors = Visitors()

    def stopped_within_a_step():
        yield 0
        visitors.leave(visitor("ann"))
        yield 1

    assert list(work(visitors, stopped_within_a_step())) == [0]


def test_what_is_begun_after_a_stop_is_not_stopped_by_it(come):
    come("ann")
    visitors = Visitors()
    visitors.stop(visitor("ann"))
    assert list(work(visitors, steps([]))) == [0, 1, 2]


def test_each_step_may_be_taken_by_another_thread(come):
    come("ann")
    begun = work(Visitors(), steps([]))
    for number in range(3):
        with ThreadPoolExecutor(1) as thread:
            assert thread.submit(next, begun).result() == number


def test_all_that_a_visitor_began_is_stopped(come):
    come("ann")
    visitors = Visitors()
    with visitors.working() as one, visitors.working() as other:
        visitors.stop(visitor("ann"))
        for wish in (one, other):
            with cancellable(wish), pytest.raises(Cancelled):
                check_cancelled()


def test_an_open_page_that_is_closed_cleans_up(come):
    come("ann")
    ended = []
    begun = work(Visitors(), steps(ended), lambda: "stopped")
    next(begun)
    begun.close()
    assert ended == ["cleaned up"]


def test_nobody_is_remembered_after_the_work():
    visitors = Visitors()
    list(work(visitors, steps([])))
    assert not visitors._wishes
