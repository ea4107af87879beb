import threading

from videomae_demo.cache import ByteCache


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
