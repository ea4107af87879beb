"""One visitor's wish to stop ends that visitor's work, and nobody else's."""

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from gradio.context import LocalContext

from videomae_demo.cancellation import Cancelled, cancellable, check_cancelled
from videomae_demo.ui.visitors import Visitors


def visitor(name: str | None):
    return SimpleNamespace(session_hash=name)


@pytest.fixture
def come():
    """Let a visitor be the present one."""
    tokens = []
    yield lambda name: tokens.append(LocalContext.request.set(visitor(name)))
    for token in reversed(tokens):
        LocalContext.request.reset(token)


def steps(ended: list[str]):
    try:
        for number in range(3):
            check_cancelled()
            yield number
    finally:
        ended.append("cleaned up")


def test_work_that_nobody_stops_takes_all_its_steps(come):
    come("ann")
    ended = []
    assert list(Visitors().follow(steps(ended))) == [0, 1, 2]
    assert ended == ["cleaned up"]


def test_work_that_is_stopped_ends_without_a_word(come):
    come("ann")
    visitors, ended = Visitors(), []
    work = visitors.follow(steps(ended))
    assert next(work) == 0
    visitors.stop(visitor("ben"))
    assert next(work) == 1
    visitors.stop(visitor("ann"))
    assert list(work) == []
    assert ended == ["cleaned up"]


def test_work_that_had_not_begun_when_it_was_stopped_does_nothing(come):
    come("ann")
    visitors, ended = Visitors(), []
    visitors.stop(visitor("ann"), waiting=2)
    assert list(visitors.follow(steps(ended))) == []
    assert list(visitors.follow(steps(ended))) == []
    assert ended == []
    assert list(visitors.follow(steps(ended))) == [0, 1, 2]


def test_a_step_that_ends_after_a_stop_is_not_shown(come):
    come("ann")
    visitors = Visitors()

    def stopped_within_a_step():
        yield 0
        visitors.stop(visitor("ann"))
        yield 1

    assert list(visitors.follow(stopped_within_a_step())) == [0]


def test_what_is_begun_after_a_stop_is_not_stopped_by_it(come):
    come("ann")
    visitors = Visitors()
    visitors.stop(visitor("ann"))
    assert list(visitors.follow(steps([]))) == [0, 1, 2]


def test_each_step_may_be_taken_by_another_thread(come):
    come("ann")
    visitors = Visitors()
    work = visitors.follow(steps([]))
    for number in range(3):
        with ThreadPoolExecutor(1) as thread:
            assert thread.submit(next, work).result() == number


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
    work = Visitors().follow(steps(ended))
    next(work)
    work.close()
    assert ended == ["cleaned up"]


def test_nobody_is_remembered_after_the_work():
    visitors = Visitors()
    list(visitors.follow(steps([])))
    assert not visitors._wishes
