from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hub import PATIENCE_S, Hub
from huggingface_hub import constants

from videomae_demo.checkpoints import download
from videomae_demo.checkpoints.download import Download, DownloadProgress
from videomae_demo.checkpoints.source import locate
from videomae_demo.errors import CheckpointError

FIRST, SECOND = "someone/first", "someone/second"
WEIGHTS = "model.safetensors"
MEBI = 2**20
SIZE = 24 * MEBI


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "REPORT_INTERVAL_S", 0.01)


def publish(hub: Hub, folder: Path, repo: str, *, through_xet: bool = False) -> None:
    folder = folder / repo.replace("/", "-")
    folder.mkdir()
    for name in ("config.json", "preprocessor_config.json"):
        (folder / name).write_text(f'{{"made for": "{repo} {name}"}}')
    (folder / WEIGHTS).write_bytes(os.urandom(SIZE))
    hub.publish(repo, folder, through_xet=through_xet)


def wait_until_gone(thread_name: str) -> None:
    for thread in threading.enumerate():
        if thread.name == thread_name:
            thread.join(PATIENCE_S)
            assert not thread.is_alive()


def blobs(pattern: str) -> list[Path]:
    return sorted(Path(constants.HF_HUB_CACHE).glob(f"models--*/blobs/{pattern}"))


def advance(download: Download, wanted: Callable[[DownloadProgress], bool]) -> DownloadProgress:
    return next(progress for progress in download if wanted(progress))


def test_the_bytes_that_have_come_are_told(hub: Hub, tmp_path: Path) -> None:
    publish(hub, tmp_path, FIRST)
    held = hub.hold(f"{FIRST}/{WEIGHTS}", 12 * MEBI)
    with Download([FIRST]) as download:
        progress = advance(download, lambda progress: progress.done_bytes > MEBI)
        assert progress == DownloadProgress(FIRST, 10 * MEBI, SIZE)  # what is read at once
        held.set()
        assert all(isinstance(progress, DownloadProgress) for progress in download)
    assert locate(FIRST, local_files_only=True).weights[0].stat().st_size == SIZE


def test_small_files_are_not_told(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(hub, tmp_path, FIRST)
    totals: list[int] = []
    spy(monkeypatch, lambda done_bytes, total_bytes: totals.append(total_bytes))
    with Download([FIRST]) as download:
        list(download)
    assert set(totals) == {0, SIZE}


def test_checkpoints_come_one_after_the_other(hub: Hub, tmp_path: Path) -> None:
    publish(hub, tmp_path, FIRST)
    publish(hub, tmp_path, SECOND)
    held = {repo: hub.hold(f"{repo}/{WEIGHTS}", 0) for repo in (FIRST, SECOND)}
    seen = []
    with Download([FIRST, SECOND]) as download:
        for progress in download:
            seen.append(progress.checkpoint)
            held[progress.checkpoint].set()
    assert list(dict.fromkeys(seen)) == [FIRST, SECOND]


def test_who_leaves_early_stops_it(hub: Hub, tmp_path: Path) -> None:
    publish(hub, tmp_path, FIRST)
    held = hub.hold(f"{FIRST}/{WEIGHTS}", 12 * MEBI)
    with Download([FIRST]) as download:
        advance(download, lambda progress: progress.done_bytes > MEBI)
        assert len(blobs("*.incomplete")) == 1
    held.set()
    wait_until_gone("download")
    assert blobs("*.incomplete") == []
    with pytest.raises(CheckpointError, match=r"has no model\.safetensors in the local cache"):
        locate(FIRST, local_files_only=True)
    assert locate(FIRST).weights[0].stat().st_size == SIZE


def test_a_failure_reaches_whoever_waits(hub: Hub) -> None:
    with Download(["no-one/none"]) as download, pytest.raises(CheckpointError, match="no-one"):
        list(download)


def test_another_download_that_is_stopped_does_not_end_this_one(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(hub, tmp_path, FIRST)
    tries: list[str] = []

    def locate_interrupted_once(name: str, **options: object) -> object:
        tries.append(name)
        if len(tries) == 1:
            raise KeyboardInterrupt  # what Xet raises in all threads when one session is aborted
        return locate(name, **options)

    monkeypatch.setattr("videomae_demo.checkpoints.download.locate", locate_interrupted_once)
    with Download([FIRST]) as download:
        list(download)
    assert tries == [FIRST, FIRST]
    assert locate(FIRST, local_files_only=True)


def spy(monkeypatch: pytest.MonkeyPatch, note: Callable[[int, int], object]) -> None:
    """Have every report noted after it was made, in the thread that made it."""
    report = Download.report

    def report_and_note(self: Download, done_bytes: int, total_bytes: int) -> None:
        report(self, done_bytes, total_bytes)
        note(done_bytes, total_bytes)

    monkeypatch.setattr(Download, "report", report_and_note)


def test_what_comes_through_xet_is_told(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(hub, tmp_path, FIRST, through_xet=True)
    reports: list[tuple[int, int]] = []
    spy(monkeypatch, lambda *report: reports.append(report))
    with Download([FIRST]) as download:
        list(download)
    assert {(0, SIZE), (SIZE, SIZE)} <= set(reports)


def test_what_comes_through_xet_can_be_stopped(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(hub, tmp_path, FIRST, through_xet=True)
    begun, left = threading.Event(), threading.Event()

    def wait(done_bytes: int, total_bytes: int) -> None:
        if total_bytes == SIZE:
            begun.set()
            assert left.wait(PATIENCE_S)

    with monkeypatch.context() as patch:
        spy(patch, wait)
        with Download([FIRST]):
            assert begun.wait(PATIENCE_S)
        left.set()
        wait_until_gone("download")
    assert blobs("*.incomplete") == []
    with pytest.raises(CheckpointError, match=r"has no model\.safetensors in the local cache"):
        locate(FIRST, local_files_only=True)
    assert locate(FIRST).weights[0].stat().st_size == SIZE
