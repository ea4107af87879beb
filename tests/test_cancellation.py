"""A wish to stop reaches the work at hand, and no other."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from videomae_demo.cancellation import (
    Cancelled,
    cancellable,
    check_cancelled,
    holding,
    wait_for,
)
from videomae_demo.errors import ExplorerError


def test_work_outside_of_a_scope_is_never_cancelled():
    check_cancelled()


def test_work_goes_on_until_it_is_not_wanted():
    wish = threading.Event()
    with cancellable(wish):
        check_cancelled()
        wish.set()
        with pytest.raises(Cancelled):
            check_cancelled()
    check_cancelled()


@pytest.mark.parametrize("which", ["outer", "inner"])
def test_either_wish_ends_a_scope_within_another(which):
    wishes = {"outer": threading.Event(), "inner": threading.Event()}
    with cancellable(wishes["outer"]):
        with cancellable(wishes["inner"]):
            check_cancelled()
            wishes[which].set()
            with pytest.raises(Cancelled):
                check_cancelled()
        if which == "inner":  # its wish ended with its scope
            check_cancelled()


def test_the_wish_of_one_thread_does_not_reach_another():
    wish = threading.Event()
    wish.set()
    with cancellable(wish), ThreadPoolExecutor(1) as other:
        other.submit(check_cancelled).result()


def test_a_cancellation_is_nothing_to_tell_a_person():
    assert not issubclass(Cancelled, ExplorerError)


def test_a_lock_that_is_free_is_held_and_given_back():
    lock = threading.Lock()
    with holding(lock):
        assert lock.locked()
    with pytest.raises(ZeroDivisionError), holding(lock):
        _ = 1 / 0
    assert not lock.locked()


@pytest.mark.parametrize("wait", ["lock", "event"])
def test_waiting_ends_when_the_work_is_not_wanted(wait):
    wish, lock = threading.Event(), threading.Lock()

    def work() -> None:
        with cancellable(wish):
            if wait == "event":
                wait_for(threading.Event())
            else:
                with holding(lock):
                    raise AssertionError("It got the lock.")

    with lock, ThreadPoolExecutor(1) as other:
        waiting = other.submit(work)
        wish.set()
        assert isinstance(waiting.exception(timeout=30), Cancelled)
    assert not lock.locked()


def test_an_event_is_waited_for():
    event = threading.Event()
    with ThreadPoolExecutor(1) as other:
        waiting = other.submit(wait_for, event)
        event.set()
        waiting.result(timeout=30)
