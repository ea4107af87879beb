"""Many clips: read ahead in threads, in their order, and recognised in chunks."""

import shutil
import threading

import numpy as np
import pytest

from videomae_demo import ClipChange, ClipRequest, Explorer, RequestError, VideoError
from videomae_demo.cancellation import Cancelled, cancellable, wait_for
from videomae_demo.engine import batches
from videomae_demo.engine.many import (
    MOST_IN_CHUNK,
    Planned,
    chunk_size,
    prepare_many,
    recognise_chunks,
    recognise_many,
)
from videomae_demo.errors import CheckpointError

STARTS = [0.0, 0.25, 0.5, 0.75, 1.0]


@pytest.fixture
def engine(recogniser_folder) -> Explorer:
    return Explorer(str(recogniser_folder), device="cpu")


@pytest.fixture
def requests(clip_path) -> list[ClipRequest]:
    return [ClipRequest(clip_path, start_s) for start_s in STARTS]


class Reader:
    """Plans that wait for a sign; `began` has those that began."""

    def __init__(self) -> None:
        self.began: list[float] = []
        self.may_go = threading.Event()
        self.has_begun = threading.Semaphore(0)

    def __call__(self, _engine, request):
        self.began.append(request.start_s)
        self.has_begun.release()
        wait_for(self.may_go)
        return [request]


def readers() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name.startswith("clips")]


def backwards_too(_engine, request):
    return [request, ClipRequest(request.path, request.start_s, change=ClipChange("backwards"))]


def alone(engine, request) -> np.ndarray:
    return engine.recognise(engine.prepare(request, engine.recogniser)).logits


def test_clips_come_in_their_order_whichever_is_read_first(engine, requests):
    first_may_go = threading.Event()

    def plan(_engine, request):
        if request.start_s == STARTS[0]:
            wait_for(first_may_go)
        elif request.start_s == STARTS[1]:
            first_may_go.set()  # the second one is ready before the first
        return [request]

    found = list(prepare_many(engine, requests, plan))
    assert [one.request for one in found] == requests
    begins = [float(one.clips[0].clip.timestamps_s[0]) for one in found]
    np.testing.assert_allclose(begins, STARTS, atol=1 / 24)


def test_a_clip_that_fails_is_a_value(engine, requests, clip_path):
    lost = ClipRequest(clip_path.parent / "missing.mp4")
    late = ClipRequest(clip_path, 99.0)
    first, no_file, no_window, last = prepare_many(engine, [requests[0], lost, late, requests[1]])
    assert first.error is None and last.error is None and len(last.clips) == 1
    assert isinstance(no_file.error, VideoError) and no_file.clips == ()
    assert "missing.mp4" in str(no_file.error) and no_file.request == lost
    assert isinstance(no_window.error, RequestError) and "99" in str(no_window.error)


def test_one_that_fails_halfway_has_no_clips(engine, requests):
    def plan(_engine, request):
        return [request, ClipRequest("missing.mp4")]

    (found,) = prepare_many(engine, requests[:1], plan)
    assert found.clips == () and isinstance(found.error, VideoError)


def test_a_plan_asks_several_things_of_a_clip(engine, requests):
    planned = list(prepare_many(engine, requests[:2], backwards_too))
    for rows, request in zip(recognise_many(engine, planned), requests, strict=False):
        asked = backwards_too(engine, request)
        expected = np.stack([alone(engine, one) for one in asked])
        np.testing.assert_allclose(rows, expected, atol=1e-5)
        assert np.abs(rows[0] - rows[1]).max() > 1e-3


@pytest.mark.parametrize("ahead", [0, 1, 2])
def test_no_more_is_read_ahead_than_was_asked_for(engine, clip_path, ahead):
    taken: list[float] = []

    def asked():
        for start_s in STARTS:
            taken.append(start_s)
            yield ClipRequest(clip_path, start_s)

    for number, _ in enumerate(prepare_many(engine, asked(), ahead=ahead), start=1):
        assert len(taken) == min(len(STARTS), number + max(1, ahead))


def test_a_cancel_reaches_the_threads(engine, requests):
    reader, wish = Reader(), threading.Event()
    waiting = prepare_many(engine, requests, reader)
    ended = []

    def work() -> None:
        with cancellable(wish):
            try:
                next(waiting)
            except Cancelled:
                ended.append("cancelled")

    asking = threading.Thread(target=work)
    asking.start()
    assert reader.has_begun.acquire(timeout=30)
    wish.set()  # and may_go never is
    asking.join(timeout=30)
    assert ended == ["cancelled"]
    assert not readers()
    assert len(reader.began) < len(requests)


def test_whoever_closes_it_early_waits_for_no_clip_and_leaves_no_thread(engine, requests):
    reader = Reader()

    def plan(engine, request):
        return [request] if request.start_s == STARTS[0] else reader(engine, request)

    ready = prepare_many(engine, requests, plan)
    assert next(ready).error is None
    assert reader.has_begun.acquire(timeout=30)
    closing = threading.Thread(target=ready.close)
    closing.start()
    closing.join(timeout=30)
    was_waiting = closing.is_alive()
    reader.may_go.set()
    closing.join(timeout=30)
    assert not was_waiting
    assert not readers()


def test_requests_that_fail_end_the_threads(engine, clip_path):
    def asked():
        yield ClipRequest(clip_path)
        raise RequestError("No more.")

    with pytest.raises(RequestError, match="No more"):
        list(prepare_many(engine, asked()))
    assert not readers()


def test_the_same_sequence_gives_the_same_to_the_last_digit(engine, requests, monkeypatch):
    monkeypatch.setattr(batches, "clips_at_once", lambda config, tokens: 2)
    planned = list(prepare_many(engine, requests, backwards_too))
    first, second = recognise_many(engine, planned), recognise_many(engine, planned)
    for one, again in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, again)


def test_logits_go_to_their_clips_whatever_failed(engine, requests):
    failed = Planned(requests[0], (), VideoError("It is broken."))
    good = list(prepare_many(engine, requests[:2], backwards_too))
    found = recognise_many(engine, [failed, good[0], failed, good[1], failed])
    assert [rows.shape for rows in found] == [(0, 3), (2, 3), (0, 3), (2, 3), (0, 3)]
    np.testing.assert_allclose(found[3][0], alone(engine, requests[1]), atol=1e-5)
    assert [rows.shape for rows in recognise_many(engine, [failed])] == [(0, 3)]
    assert recognise_many(engine, []) == []


def test_a_checkpoint_without_labels_recognises_nothing(reconstructor_folder):
    with pytest.raises(CheckpointError, match="pretrained without labels"):
        recognise_many(Explorer(str(reconstructor_folder), device="cpu"), [])


def test_chunks_have_all_clips_in_their_order(engine, requests):
    chunks = list(recognise_chunks(engine, iter(requests), chunk=2))
    assert [len(chunk) for chunk in chunks] == [2, 2, 1]
    found = [one for chunk in chunks for one in chunk]
    assert [planned.request for planned, _ in found] == requests
    for planned, rows in found:
        np.testing.assert_allclose(rows, alone(engine, planned.request)[None], atol=1e-5)


def test_the_next_chunk_is_read_ahead_and_no_more(engine, clip_path):
    taken = []

    def asked():
        for number in range(12):
            taken.append(number)
            yield ClipRequest(clip_path, number / 12)

    chunks = recognise_chunks(engine, asked(), chunk=3)
    next(chunks)
    assert len(taken) == 3 + 3 + 2
    chunks.close()
    assert not readers()


@pytest.mark.parametrize(
    ("fits", "passes", "expected"), [(12, 1, 12), (12, 5, 2), (3, 5, 1), (1000, 1, MOST_IN_CHUNK)]
)
def test_a_chunk_fills_a_batch(engine, monkeypatch, fits, passes, expected):
    monkeypatch.setattr(batches, "clips_at_once", lambda config, tokens: fits)
    assert chunk_size(engine, passes) == expected


def test_files_that_are_read_at_the_same_time_are_not_mixed_up(engine, tmp_path, clip_path):
    """Twenty files, all the same but for the window that is asked of them."""
    asked = []
    for number in range(20):
        copy = tmp_path / f"{number}.mp4"
        shutil.copyfile(clip_path, copy)
        asked.append(ClipRequest(copy, number / 20))
    found = [one for chunk in recognise_chunks(engine, asked, chunk=7) for one in chunk]
    for request, (planned, rows) in zip(asked, found, strict=True):
        assert planned.clips[0].clip.path == request.path
        expected = alone(engine, ClipRequest(clip_path, request.start_s))
        np.testing.assert_allclose(rows[0], expected, atol=1e-5)
