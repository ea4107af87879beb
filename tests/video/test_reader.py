from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from made_clips import count_up, numbers_of, write_clip
from PIL import Image

from benchmarks.bombs import picture_stream_bomb
from videomae_demo.cancellation import Cancelled, cancellable
from videomae_demo.errors import ExplorerError, RequestError, VideoError
from videomae_demo.limits import Limits
from videomae_demo.video import children as children_module
from videomae_demo.video import decode, reader
from videomae_demo.video.children import Children
from videomae_demo.video.decode import SeekingError
from videomae_demo.video.memory import ProcessSize
from videomae_demo.video.wire import Message

LONG = Limits(decoded_frames=40)
"""With these limits, a clip of more frames counts as a long one, in which is sought."""

PATIENCE_S = 60

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds a child")


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> Iterator[Children]:
    """Children of the test's own, of which no more than one is at work."""
    monkeypatch.setattr(children_module, "MOST_CHILDREN", 1)
    children = Children()
    monkeypatch.setattr(reader, "_children", lambda: children)
    yield children
    children.close()


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.mp4", count_up(60), g="12")


def idle(children: Children) -> int:
    """The one child that waits for work."""
    (child,) = children._idle
    return child._process.pid


def is_running(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2][0]
    except OSError:
        return False
    return state not in "ZX"


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)


def animation(path: Path) -> Path:
    images = [Image.fromarray(picture) for picture in count_up(8)]
    images[0].save(
        path, "WEBP", save_all=True, append_images=images[1:], duration=40, lossless=True
    )
    return path


@pytest.mark.parametrize("kind", ["short", "long", "animation", "stored"])
def test_a_child_gives_what_this_process_gives(tmp_path: Path, clip: Path, kind: str) -> None:
    path = animation(tmp_path / "moving.webp") if kind == "animation" else clip
    limits = LONG if kind == "long" else Limits()
    options = {"limits": limits, "stored_pixels": kind == "stored"}
    here, there = decode.scan(path, **options), reader.scan(path, **options)
    assert (there.index is not None) == (kind == "long")
    for name in ("path", "frame_interval_s", "height", "width", "warnings", "stored_pixels"):
        assert getattr(here, name) == getattr(there, name)
    np.testing.assert_array_equal(here.timestamps_s, there.timestamps_s)
    wanted = [here.count - 1, 0, 3, 3]
    frames = reader.read_frames(there, wanted, longest_side_px=50, limits=limits)
    expected = decode.read_frames(here, wanted, longest_side_px=50, limits=limits)
    assert frames.dtype == np.uint8
    assert frames.flags.writeable
    np.testing.assert_array_equal(frames, expected)


@on_linux
def test_this_process_decodes_nothing(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def decode_here(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(decode, "scan", decode_here)
    monkeypatch.setattr(decode, "read_into", decode_here)
    assert numbers_of(reader.read_frames(reader.scan(clip), [7, 5])) == [7, 5]


def test_a_relative_path_is_found_from_another_folder(
    clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader.scan(clip)  # now a child has this folder for its own
    monkeypatch.chdir(clip.parent)
    timeline = reader.scan("clip.mp4")
    assert timeline.path == Path("clip.mp4")
    assert numbers_of(reader.read_frames(timeline, [3])) == [3]


def test_refusals_cross_the_border_as_they_are(tmp_path: Path, clip: Path) -> None:
    missing = tmp_path / "missing.mp4"
    timeline = decode.scan(clip)
    astray = decode.scan(clip, limits=LONG)
    assert astray.index is not None
    astray.index.pts[30:] += 1  # where no frame is
    few = Limits(decoded_frames=5)
    cases: list[tuple[type[ExplorerError], Callable[[object], object]]] = [
        (VideoError, lambda by: by.scan(missing)),
        (VideoError, lambda by: by.scan(clip, limits=Limits(frame_pixels=9))),
        (VideoError, lambda by: by.read_frames(timeline, [50], limits=few)),
        (RequestError, lambda by: by.read_frames(timeline, [60])),
        (RequestError, lambda by: by.read_frames(timeline, [1], longest_side_px=0)),
        (SeekingError, lambda by: by.read_frames(astray, [40])),
    ]
    for kind, ask in cases:
        sentences = []
        for by in (decode, reader):
            with pytest.raises(kind) as refusal:
                ask(by)
            assert type(refusal.value) is kind
            sentences.append(str(refusal.value))
        assert sentences[0] == sentences[1]


def test_where_seeking_leads_astray_frames_are_chosen_anew(clip: Path) -> None:
    timeline = reader.scan(clip, limits=LONG)
    assert timeline.index is not None
    timeline.index.pts[30:] += 1
    seen = []

    def choose(found: object) -> np.ndarray:
        seen.append(found)
        return np.array([45, 50])

    found, frames = reader.read_chosen(timeline, choose)
    assert numbers_of(frames) == [45, 50]
    assert found.index is None
    assert seen == [timeline, found]


@on_linux
def test_a_child_is_kept_for_the_next_clip_and_outlives_the_thread_that_asked(
    children: Children, clip: Path
) -> None:
    thread = threading.Thread(target=reader.scan, args=[clip])
    thread.start()
    thread.join()
    first = idle(children)
    reader.scan(clip)
    assert idle(children) == first
    assert is_running(first)


@on_linux
def test_a_child_is_replaced_when_it_has_answered_often(
    children: Children, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children_module, "_MOST_ANSWERS", 2)
    reader.scan(clip)
    first = idle(children)
    reader.scan(clip)
    assert children._idle == []
    assert not is_running(first)
    reader.scan(clip)
    assert idle(children) != first


@on_linux
def test_a_child_that_keeps_much_memory_is_replaced(
    children: Children, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader.scan(clip)
    first = idle(children)
    monkeypatch.setattr(children_module, "_LARGEST_IDLE_MB", 1)
    reader.scan(clip)
    assert idle(children) != first
    assert not is_running(first)


@on_linux
def test_a_child_gives_its_memory_back(children: Children, tmp_path: Path) -> None:
    path = write_clip(tmp_path / "large.mp4", count_up(8, 1080, 1920))
    timeline = reader.scan(path)
    child = idle(children)
    for _ in range(2):
        assert reader.read_frames(timeline, range(8)).nbytes > 40 * 2**20
    wait_until(lambda: ProcessSize.of(child).resident < 130 * 2**20)


@on_linux
def test_a_child_is_bounded(children: Children, clip: Path) -> None:
    reader.scan(clip, limits=Limits(decoding_mb=300, decoding_s=50))
    text = Path(f"/proc/{idle(children)}/limits").read_text()
    soft = {line[:26].strip(): line[26:].split()[0] for line in text.splitlines()[1:]}
    assert (soft["Max core file size"], soft["Max file size"]) == ("0", "0")
    data = int(soft["Max data size"]) / 2**20
    assert 300 < data < 300 + 250  # its own and what the libraries reserve
    assert int(soft["Max address space"]) / 2**20 > data
    assert 50 < int(soft["Max cpu time"]) <= 50 * (os.cpu_count() or 1) + 60


@on_linux
def test_a_clip_that_needs_too_much_memory_is_refused(tmp_path: Path, clip: Path) -> None:
    path = picture_stream_bomb(tmp_path / "large.mov", streams=1)
    with pytest.raises(VideoError, match="more memory than the limit decoding_mb of 90 MB"):
        reader.scan(path, limits=Limits(decoding_mb=90))
    timeline = reader.scan(path)
    assert (timeline.height, timeline.width) == (4608, 8192)
    with pytest.raises(VideoError, match="more memory than the limit decoding_mb of 90 MB"):
        reader.read_frames(timeline, [0], limits=Limits(decoding_mb=90))
    assert reader.scan(clip).count == 60


@on_linux
def test_a_decoder_that_hangs_is_ended_in_time(children: Children, clip: Path) -> None:
    reader.scan(clip)
    stopped = idle(children)
    os.kill(stopped, signal.SIGSTOP)
    with pytest.raises(
        VideoError, match=r"clip\.mp4 takes longer than the limit decoding_s of 1 s"
    ):
        reader.scan(clip, limits=Limits(decoding_s=1))
    assert not is_running(stopped)
    assert reader.scan(clip).count == 60
    assert idle(children) != stopped


@on_linux
@pytest.mark.parametrize("end", [signal.SIGSEGV, signal.SIGKILL])
def test_a_child_that_dies_is_one_sentence_and_the_next_clip_is_read(
    children: Children, clip: Path, end: signal.Signals
) -> None:
    reader.scan(clip)
    stopped = idle(children)
    (child,) = children._idle
    asked = child.answers
    os.kill(stopped, signal.SIGSTOP)
    with ThreadPoolExecutor(1) as pool:
        scanned = pool.submit(reader.scan, clip)
        wait_until(lambda: child.answers > asked)  # it is beyond being replaced
        os.kill(stopped, end)
        os.kill(stopped, signal.SIGCONT)
        with pytest.raises(VideoError, match=rf"clip\.mp4 made the process .* end \({end.name}\)"):
            scanned.result(PATIENCE_S)
    assert reader.scan(clip).count == 60


@on_linux
def test_a_child_that_uses_up_its_processor_time_was_too_slow(
    children: Children, clip: Path
) -> None:
    reader.scan(clip)
    stopped = idle(children)
    (child,) = children._idle
    asked = child.answers
    os.kill(stopped, signal.SIGSTOP)
    with ThreadPoolExecutor(1) as pool:
        scanned = pool.submit(reader.scan, clip)
        wait_until(lambda: child.answers > asked)  # it is beyond being replaced
        os.kill(stopped, signal.SIGXCPU)
        os.kill(stopped, signal.SIGCONT)
        with pytest.raises(VideoError, match="the limit decoding_s of 120 s"):
            scanned.result(PATIENCE_S)


@on_linux
def test_a_child_that_died_in_the_meantime_is_replaced(children: Children, clip: Path) -> None:
    reader.scan(clip)
    first = idle(children)
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: not is_running(first))
    assert reader.scan(clip).count == 60


@on_linux
def test_cancelling_ends_the_child(children: Children, clip: Path) -> None:
    reader.scan(clip)
    stopped = idle(children)
    os.kill(stopped, signal.SIGSTOP)
    wish = threading.Event()

    def scan() -> None:
        with cancellable(wish):
            reader.scan(clip)

    with ThreadPoolExecutor(1) as pool:
        scanned = pool.submit(scan)
        wait_until(lambda: children._lent == 1)
        wish.set()
        with pytest.raises(Cancelled):
            scanned.result(PATIENCE_S)
    assert not is_running(stopped)
    assert reader.scan(clip).count == 60


@on_linux
def test_a_child_whose_answer_nobody_waits_for_ends_in_silence(
    children: Children, clip: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with contextlib.suppress(RuntimeError), children.lend() as child:
        limits = dataclasses.asdict(Limits())
        fields = {"path": str(clip), "do": "scan", "seek": False, "stored_pixels": False}
        os.kill(child._process.pid, signal.SIGSTOP)
        child._line.send(Message({**fields, "limits": limits}))
        child._line.close()
        os.kill(child._process.pid, signal.SIGCONT)
        assert child._process.wait(PATIENCE_S) == 0
        raise RuntimeError("It is of no use any more.")
    assert capfd.readouterr().err == ""


@on_linux
def test_waiting_for_a_child_can_be_cancelled(children: Children, clip: Path) -> None:
    wish = threading.Event()

    def scan() -> None:
        with cancellable(wish):
            reader.scan(clip)

    with ThreadPoolExecutor(1) as pool, children.lend():
        scanned = pool.submit(scan)
        time.sleep(0.05)
        assert not scanned.done()
        wish.set()
        with pytest.raises(Cancelled):
            scanned.result(PATIENCE_S)
    assert reader.scan(clip).count == 60


def test_decoding_here_can_be_cancelled(clip: Path) -> None:
    wish = threading.Event()
    wish.set()
    with cancellable(wish), pytest.raises(Cancelled):
        decode.scan(clip)


def test_many_threads_read_at_once(tmp_path: Path) -> None:
    paths = [write_clip(tmp_path / f"{count}.mp4", count_up(count)) for count in range(20, 32)]

    def last_number(path: Path) -> int:
        timeline = reader.scan(path)
        return numbers_of(reader.read_frames(timeline, [timeline.count - 1]))[0]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(last_number, paths * 3)) == list(range(19, 31)) * 3


@on_linux
def test_reading_leaves_no_open_files(clip: Path) -> None:
    def read() -> None:
        reader.read_frames(reader.scan(clip), [1])
        with pytest.raises(VideoError):
            reader.scan(clip, limits=Limits(frame_pixels=9))

    read()
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for _ in range(5):
        read()
    assert len(os.listdir("/proc/self/fd")) <= before  # noqa: PTH208


@on_linux
@pytest.mark.parametrize("executable", ["/nowhere/python", "/bin/true"])
def test_without_a_child_this_process_reads_and_says_so_once(
    children: Children,
    clip: Path,
    executable: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(sys, "executable", executable)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            timeline = reader.scan(clip)
            assert numbers_of(reader.read_frames(timeline, [9])) == [9]
    assert [record.message.partition(":")[0] for record in caplog.records] == [
        "No child process can be started, clips are read here"
    ]


@pytest.mark.parametrize(
    ("name", "value"), [("platform", "win32"), ("executable", ""), ("frozen", True)]
)
def test_where_no_child_can_be_this_process_reads(
    clip: Path, name: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, name, value, raising=False)
    monkeypatch.setattr(reader, "_children", None)
    assert numbers_of(reader.read_frames(reader.scan(clip), [9])) == [9]


def out_of_memory(*_: object, **__: object) -> None:
    raise MemoryError


@pytest.mark.parametrize("step", ["scan", "read_into"])
def test_a_process_that_reads_itself_and_has_no_room_says_so(
    clip: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    timeline = reader.scan(clip)
    monkeypatch.setattr(decode, step, out_of_memory)
    with pytest.raises(VideoError, match=r"clip\.mp4 takes more memory than this machine has"):
        reader.scan(clip)
        reader.read_frames(timeline, [0, 1])


@on_linux
def test_a_machine_with_no_room_for_another_child_says_so(
    children: Children, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader.scan(clip)
    children.close()
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(VideoError, match=r"clip\.mp4 can't be read now"):
        reader.scan(clip)
    monkeypatch.undo()


SCRIPT = """
import os, sys
from videomae_demo.video import reader
timeline = reader.scan(sys.argv[1])
assert reader.read_frames(timeline, [3]).shape == (1, 48, 64, 3)
assert not {"torch", "gradio"} & set(sys.modules)
(child,) = reader._children()._idle
print(child._process.pid, flush=True)
"""


@on_linux
@pytest.mark.parametrize("end", ["", "os.kill(os.getpid(), 9)", "sys.exit(3)"])
def test_children_end_with_their_parent(clip: Path, end: str) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", SCRIPT + end, str(clip)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.stderr == ""
    assert done.returncode == {"": 0, "sys.exit(3)": 3}.get(end, -9)
    wait_until(lambda: not is_running(int(done.stdout)))


@on_linux
def test_a_child_imports_neither_torch_nor_gradio() -> None:
    script = "import sys, videomae_demo.video.child as child; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ).stdout.split()
    assert not {"torch", "gradio", "matplotlib", "cv2"} & set(loaded)


@on_linux
def test_the_frames_of_a_child_that_dies_cost_nothing(children: Children, clip: Path) -> None:
    timeline = reader.scan(clip)
    before = ProcessSize.of().data
    for _ in range(3):
        os.kill(idle(children), signal.SIGSTOP)
        with contextlib.suppress(VideoError):
            reader.read_frames(timeline, [0] * 2000, limits=Limits(decoding_s=0.01))
        reader.scan(clip)
    assert ProcessSize.of().data - before < 2**26


@on_linux
def test_frames_are_the_readers_own(children: Children, clip: Path) -> None:
    timeline = reader.scan(clip)
    first = reader.read_frames(timeline, [3, 4])
    before = first.copy()
    reader.read_frames(timeline, [30, 31])
    np.testing.assert_array_equal(first, before)
    first[:] = 0  # whoever has them may change them
    np.testing.assert_array_equal(reader.read_frames(timeline, [3, 4]), before)


@on_linux
def test_nobody_can_shrink_the_memory_of_the_frames(
    children: Children, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared: list[int] = []
    create = os.memfd_create

    def create_and_keep(*arguments: object) -> int:
        file = create(*arguments)
        shared.append(os.dup(file))
        return file

    monkeypatch.setattr(os, "memfd_create", create_and_keep)
    reader.read_frames(reader.scan(clip), [3])
    (file,) = shared
    for size in (0, 1 << 30):
        with pytest.raises(PermissionError):
            os.ftruncate(file, size)
    os.close(file)
