import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from videomae_demo.cancellation import Cancelled, cancellable
from videomae_demo.engine.cache import ByteCache


def sized(limit: int) -> ByteCache[bytes]:
    return ByteCache(limit, len)


def test_a_kept_value_is_not_made_again():
    cache, made = sized(100), []

    def make() -> bytes:
        made.append(1)
        return b"x" * 10

    assert cache.get_or_make("a", make) is cache.get_or_make("a", make)
    assert len(made) == 1
    assert cache.nbytes == 10


def test_what_was_not_used_for_longest_goes_first():
    cache = sized(25)
    for key in "ab":
        cache.get_or_make(key, lambda: b"x" * 10)
    cache.get_or_make("a", lambda: b"never made")
    cache.get_or_make("c", lambda: b"x" * 10)
    assert cache.nbytes == 20
    made = []
    for key in "acb":
        cache.get_or_make(key, lambda key=key: made.append(key) or b"x" * 5)
    assert made == ["b"]


def test_a_value_larger_than_the_limit_is_handed_out_but_not_kept():
    cache = sized(5)
    assert cache.get_or_make("a", lambda: b"x" * 6) == b"x" * 6
    assert cache.nbytes == 0


def test_a_value_can_take_the_place_of_another():
    cache = ByteCache(10, len)
    cache.put("a", "1234")
    cache.put("a", "123456")
    cache.put("b", "12")
    assert cache.nbytes == 8
    assert cache.get_or_make("a", lambda: "") == "123456"
    cache.put("a", "larger than all")
    assert cache.nbytes == 2
    assert cache.get_or_make("a", lambda: "new") == "new"


def test_a_failure_leaves_nothing_behind():
    cache = sized(10)
    for _ in range(2):
        try:
            cache.get_or_make("a", lambda: 1 // 0)
        except ZeroDivisionError:
            continue
        raise AssertionError("the failure was swallowed")
    assert cache.get_or_make("a", lambda: b"ok") == b"ok"


def test_many_threads_keep_the_count_right():
    cache = sized(50)

    def work(first: int) -> None:
        for number in range(200):
            key = (first * number) % 17
            assert cache.get_or_make(key, lambda key=key: b"x" * key) == b"x" * key

    threads = [threading.Thread(target=work, args=(first,)) for first in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cache.nbytes == sum(size for _, size in cache._values.values()) <= 50


PATIENCE_S = 30


@pytest.fixture
def pool():
    with ThreadPoolExecutor(4) as pool:
        yield pool


class Kitchen:
    """Makes a value, once it may."""

    def __init__(self) -> None:
        self.begun, self.may, self.made = threading.Event(), threading.Event(), 0

    def make(self) -> bytes:
        self.made += 1
        self.begun.set()
        assert self.may.wait(PATIENCE_S)
        return b"x"


@pytest.mark.parametrize("limit", [100, 0])
def test_what_is_being_made_is_waited_for_whether_or_not_it_is_kept(pool, limit, monkeypatch):
    cache, kitchen = sized(limit), Kitchen()
    waiting = threading.Event()
    monkeypatch.setattr(
        "videomae_demo.engine.cache.wait_for", lambda done: waiting.set() or done.wait(PATIENCE_S)
    )
    first = pool.submit(cache.get_or_make, "a", kitchen.make)
    assert kitchen.begun.wait(PATIENCE_S)
    second = pool.submit(cache.get_or_make, "a", kitchen.make)
    assert waiting.wait(PATIENCE_S)
    assert cache.get_or_make("b", lambda: b"y") == b"y"  # others do not wait
    kitchen.may.set()
    assert first.result(PATIENCE_S) == second.result(PATIENCE_S) == b"x"
    assert kitchen.made == 1
    assert cache.nbytes == min(limit, 2)


def test_if_the_first_fails_one_who_waits_makes_it(pool):
    cache, kitchen = sized(100), Kitchen()

    def fail() -> bytes:
        kitchen.make()
        raise ZeroDivisionError

    first = pool.submit(cache.get_or_make, "a", fail)
    assert kitchen.begun.wait(PATIENCE_S)
    second = pool.submit(cache.get_or_make, "a", lambda: b"made")
    kitchen.may.set()
    assert isinstance(first.exception(PATIENCE_S), ZeroDivisionError)
    assert second.result(PATIENCE_S) == b"made"


def test_a_cancel_ends_the_wait_for_what_another_makes(pool):
    cache, kitchen, wish = sized(100), Kitchen(), threading.Event()
    first = pool.submit(cache.get_or_make, "a", kitchen.make)
    assert kitchen.begun.wait(PATIENCE_S)

    def work() -> None:
        with cancellable(wish):
            cache.get_or_make("a", kitchen.make)

    second = pool.submit(work)
    wish.set()
    assert isinstance(second.exception(PATIENCE_S), Cancelled)
    kitchen.may.set()
    assert first.result(PATIENCE_S) == b"x"
    assert kitchen.made == 1


def test_a_cache_that_shrinks_drops_the_oldest_and_grows_no_more():
    cache = ByteCache(100, len)
    for name in ("a", "b", "c"):
        cache.put(name, "x" * 30)
    cache.shrink(70)
    assert (cache.get("a"), cache.nbytes) == (None, 60)
    cache.shrink(500)
    assert cache.limit_bytes == 70
    cache.put("d", "x" * 30)
    assert cache.get("b") is None and cache.nbytes == 60


def test_what_is_forgotten_frees_its_bytes():
    cache = ByteCache(100, len)
    for key in ("one", "two", "three"):
        cache.put(key, key)
    cache.forget(lambda key: key.startswith("t"))
    assert cache.get("two") is cache.get("three") is None
    assert cache.get("one") == "one" and cache.nbytes == 3
