"""Files expire as promised, and the oldest that nobody uses make room for new ones."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import ROOT

from videomae_demo.limits import Limits
from videomae_demo.ui.gradio_edge.kept import (
    BLOCK,
    FRESH_S,
    INCOMING,
    MOST_PICTURES,
    KeptFiles,
    NoRoomError,
)

MB = 2**20
LIMITS = Limits(uploads_mb=4, kept_hours=1)


class Clock:
    """The time of the files, and how much later it is."""

    later_s = 0.0

    def __call__(self) -> float:
        return time.time() + self.later_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def kept(tmp_path, clock):
    kept = KeptFiles(tmp_path, LIMITS, clock=clock)
    yield kept
    kept.close()


def write(kept: KeptFiles, name: str, size: int = MB) -> Path:
    """Write a file of the page; each is newer than the one before."""
    path = kept.folder / name / "clip.mp4"
    with kept.room(size):
        incoming = kept.incoming()
        incoming.write_bytes(bytes(size))
        kept.put(incoming, path)
    newest = path.stat().st_ctime_ns
    others = [other.stat().st_ctime_ns for other in kept.folder.glob("*/*") if other != path]
    while newest <= max(others, default=0):  # the file system's clock ticks slowly
        os.utime(path)
        newest = path.stat().st_ctime_ns
    return path


def test_what_is_old_expires_and_its_folder_with_it(kept, clock):
    path = write(kept, "a")
    clock.later_s = 3590
    kept.sweep()
    assert path.exists()
    clock.later_s = 3610
    kept.sweep()
    assert not path.parent.exists()
    assert kept.folder.exists()


def test_a_copy_is_as_old_as_itself(kept):
    path = write(kept, "a")
    os.utime(path, (0, 0))  # the times of its original
    kept.sweep()
    assert path.exists()


def test_it_expires_though_somebody_looks_at_it(kept, clock):
    path = write(kept, "a")
    kept.opened("anna")
    kept.named("anna", str(path))
    clock.later_s = 3610
    kept.named("anna", str(path))
    kept.sweep()
    assert not path.exists()


def test_the_oldest_make_room(kept, clock):
    paths = [write(kept, name) for name in "abcd"]
    clock.later_s = FRESH_S
    with kept.room(2 * MB):
        assert [path.exists() for path in paths] == [False, False, True, True]


def test_what_is_in_use_makes_no_room(kept, clock):
    named, shown, picture, free = (write(kept, name) for name in "abcd")
    kept.opened("anna")
    kept.named("anna", str(shown))
    kept.made("anna", str(picture))
    clock.later_s = FRESH_S
    kept.named("", str(named))
    with kept.room(MB):
        assert [path.exists() for path in (named, shown, picture, free)] == [True] * 3 + [False]
        with (
            pytest.raises(NoRoomError, match=r"no room for 1\.0 MB more.*up to 4 MB"),
            kept.room(MB),
        ):
            pass
    kept.left("anna")
    with kept.room(3 * MB):
        assert [path.exists() for path in (named, shown, picture)] == [True, False, False]


def test_what_is_new_makes_no_room(kept, clock):
    path = write(kept, "a", 3 * MB)
    clock.later_s = FRESH_S - 5
    with pytest.raises(NoRoomError), kept.room(2 * MB):
        pass
    assert path.exists()


def test_nothing_is_deleted_for_what_fits_in_no_case(kept, clock):
    path = write(kept, "a")
    clock.later_s = FRESH_S
    with pytest.raises(NoRoomError), kept.room(5 * MB):
        pass
    assert path.exists()


def test_a_page_uses_its_last_clip_as_long_as_one_of_its_windows_is_open(kept, clock):
    one, other = write(kept, "a", 2 * MB), write(kept, "b", 2 * MB)
    for _ in range(2):
        kept.opened("anna")
    kept.named("anna", str(one))
    kept.named("anna", str(other))
    kept.left("anna")
    clock.later_s = FRESH_S
    with kept.room(MB):
        assert (one.exists(), other.exists()) == (False, True)


def test_no_name_hides_a_file_from_the_quota_and_from_time(kept, clock):
    hidden = write(kept, "a", 3 * MB)
    hidden = hidden.rename(hidden.with_name(f"{INCOMING}x.mp4"))
    being_written = kept.incoming()
    being_written.touch()
    kept.sweep()
    with pytest.raises(NoRoomError), kept.room(2 * MB):
        pass
    clock.later_s = 3600 + 1
    kept.sweep()
    assert not hidden.exists() and being_written.exists()


def test_an_empty_file_takes_room_too(kept):
    for number in range(3):
        write(kept, str(number), 0)
    kept.sweep()
    with (
        pytest.raises(NoRoomError, match=r"room for 4\.0 MB more"),
        kept.room(4 * MB - 3 * BLOCK + 1),
    ):
        pass
    with (
        kept.room(4 * MB - 3 * BLOCK),
        pytest.raises(NoRoomError, match=r"room for 0\.1 MB more"),
        kept.room(1),
    ):
        pass
    with kept.room(4 * MB - 3 * BLOCK):
        pass


def test_what_is_not_there_is_not_remembered(kept):
    for number in range(1000):
        kept.named("anna", str(kept.folder / f"{number}.mp4"))
    for name in ("x" * 5000, "\0"):
        kept.named("anna", str(kept.folder / name))
    there = str(write(kept, "a"))
    kept.named("anna", there)
    assert list(kept._named) == [there]


def test_room_can_be_taken_step_by_step(kept):
    kept.check_room(4 * MB)
    with kept.room() as take:
        take(3 * MB)
        with pytest.raises(NoRoomError):
            kept.check_room(2 * MB)
        with pytest.raises(NoRoomError):
            take(2 * MB)
        take(MB)
    kept.sweep()
    kept.check_room(4 * MB)  # nothing was written


def test_a_page_uses_its_last_pictures(kept, clock):
    paths = [write(kept, f"{number:02}", BLOCK) for number in range(MOST_PICTURES + 1)]
    kept.opened("anna")
    for path in paths:
        kept.made("anna", str(path))
    clock.later_s = FRESH_S
    with kept.room(4 * MB - BLOCK * MOST_PICTURES):
        assert [path.exists() for path in paths] == [False] + [True] * MOST_PICTURES


def test_reserved_room_is_nobody_elses(kept):
    with kept.room(3 * MB):
        with pytest.raises(NoRoomError), kept.room(2 * MB):
            pass
        with kept.room(MB):
            pass
    with kept.room(4 * MB):  # nothing was written into it
        pass


@pytest.mark.parametrize("path", ["/etc/passwd", "", "clip.mp4", "../x"])
def test_other_files_are_nobodys_business(kept, path):
    kept.named("anna", path)
    kept.named("anna", str(kept.folder / ".." / "x"))
    assert kept._named == {}


def test_what_belongs_to_the_page_stays(kept, clock):
    path = write(kept, "a")
    kept.is_permanent(str(path))
    clock.later_s = 10_000
    kept.sweep()
    with pytest.raises(NoRoomError), kept.room(4 * MB):
        pass
    assert path.exists()


# ---- pages that are gone -------------------------------------------------------------------------

LEAVE = """
import os, sys
from pathlib import Path
from videomae_demo.ui.gradio_edge.kept import KeptFiles
kept = KeptFiles(Path(sys.argv[1]))
for name in ("clip", "incoming"):
    path = kept.folder / name / "a.mp4" if name == "clip" else kept.incoming()
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(bytes(2**20))
    print(path, flush=True)
os._exit(9)
"""


def leave(parent: Path) -> list[Path]:
    """Return an upload and a half-written one of a page that was killed."""
    command = [sys.executable, "-c", LEAVE, str(parent)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 9, done.stderr
    return [Path(line) for line in done.stdout.splitlines()]


def test_what_a_page_that_is_gone_left_expires_as_promised(tmp_path, clock):
    foreign = tmp_path / ("f" * 64) / "clip.mp4"
    lookalike = tmp_path / "videomae-explorer-mine" / "clip.mp4"
    for path in (foreign, lookalike):
        path.parent.mkdir()
        path.touch()
    upload, half = leave(tmp_path)
    kept = KeptFiles(tmp_path, LIMITS, clock=clock)
    assert (upload.exists(), half.exists()) == (True, False)
    kept.named("anna", str(upload))
    assert str(upload) in kept._named
    clock.later_s = 3610
    kept.sweep()
    assert not upload.parents[1].exists()
    kept.close()
    assert sorted(tmp_path.rglob("*.mp4")) == sorted([foreign, lookalike])


def test_it_makes_room_as_well(tmp_path, clock):
    upload, _ = leave(tmp_path)
    kept = KeptFiles(tmp_path, LIMITS, clock=clock)
    clock.later_s = FRESH_S
    with kept.room(4 * MB):
        assert not upload.exists()
    kept.close()


def test_pages_that_live_keep_their_own(tmp_path, clock):
    one = KeptFiles(tmp_path, LIMITS)
    path = write(one, "a")
    clock.later_s = 10_000
    other = KeptFiles(tmp_path, LIMITS, clock=clock)
    other.sweep()
    with other.room(4 * MB):
        assert path.exists()
    other.close()
    assert path.exists()
    one.close()
    assert list(tmp_path.iterdir()) == []


def test_files_that_are_being_written_are_left_alone(kept, clock):
    incoming = kept.incoming()
    incoming.touch()
    assert incoming.name.startswith(INCOMING)
    clock.later_s = 10_000
    kept.sweep()
    assert incoming.exists()


def test_it_tells_its_own_files_from_others(kept, tmp_path):
    path = write(kept, "a")
    assert kept.holds(str(path))
    foreign = tmp_path / "foreign.mp4"
    foreign.touch()
    for other in (
        foreign,
        kept.folder / "a" / ".." / ".." / "foreign.mp4",
        kept.folder / "a",
        kept.folder / "gone.mp4",
        "",
    ):
        assert not kept.holds(str(other))
