"""A wish to stop reaches the work at hand, and no other."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from videomae_demo.cancellation import Cancelled, cancellable, check_cancelled
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


def test_the_wish_of_one_thread_does_not_reach_another():
    wish = threading.Event()
    wish.set()
    with cancellable(wish), ThreadPoolExecutor(1) as other:
        other.submit(check_cancelled).result()


def test_a_cancellation_is_nothing_to_tell_a_person():
    assert not issubclass(Cancelled, ExplorerError)
