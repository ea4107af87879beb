"""Checkpoints from a hub that answers over HTTP: fetched once, whole or not at all."""

from __future__ import annotations

import errno
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hub import Hub
from huggingface_hub import constants, file_download

from videomae_demo.checkpoints.source import locate, locate_file, locate_preprocessor
from videomae_demo.errors import CheckpointError

REPO = "someone/videomae-tiny"
WEIGHTS = "model.safetensors"
MEBI = 2**20


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three files; the weights are larger than what the hub library reads at once."""
    folder = tmp_path / "published"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "preprocessor_config.json").write_text("{ }")
    (folder / WEIGHTS).write_bytes(os.urandom(12 * MEBI))
    return folder


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two attempts the hub library waits for seconds; here it does not."""
    monkeypatch.setattr(time, "sleep", lambda seconds: None)


def blobs() -> list[Path]:
    """All that lies in the cache, unfinished files too."""
    return sorted(Path(constants.HF_HUB_CACHE).glob("models--*/blobs/*"))


def test_a_file_of_weights_is_fetched_alone(hub: Hub, folder: Path) -> None:
    (folder / "vit_g.pth").write_bytes(b"weights")
    hub.publish(REPO, folder)
    name = f"{REPO}/vit_g.pth"
    files = locate(name)
    assert [path.read_bytes() for path in files.weights] == [b"weights"]
    assert (files.name, files.config, files.preprocessor, files.entry) == (name, None, None, None)
    assert [request.split("/")[-1] for request in hub.requests if "GET" in request] == ["vit_g.pth"]
    hub.requests.clear()
    assert locate(name) == files
    assert hub.requests == []
    with pytest.raises(
        CheckpointError, match=r"no file .*vit_h\.pth on this machine, and The hub's .* has none"
    ):
        locate(f"{REPO}/vit_h.pth")
    for beyond in (f"{REPO}/../vit_g.pth", f"{REPO}/notes.txt", "vit_g.pth"):
        with pytest.raises(CheckpointError, match="There is no checkpoint"):
            locate(beyond)


class TestDownload:
    def test_the_second_time_nothing_is_asked(self, hub: Hub, folder: Path) -> None:
        hub.publish(REPO, folder)
        first = locate(REPO)
        assert first.weights[0].read_bytes() == (folder / WEIGHTS).read_bytes()
        assert [request.split("/")[-1] for request in hub.requests if "GET" in request] == [
            "config.json",
            WEIGHTS,
            "preprocessor_config.json",
        ]
        hub.requests.clear()
        assert locate(REPO) == first
        assert locate_preprocessor(REPO) == first.preprocessor
        assert hub.requests == []

    def test_a_file_that_is_missing_there_is_not_asked_for_again(
        self, hub: Hub, folder: Path
    ) -> None:
        (folder / "preprocessor_config.json").unlink()
        (folder / WEIGHTS).rename(folder / "pytorch_model.bin")
        hub.publish(REPO, folder)
        first = locate(REPO)
        assert [path.name for path in first.weights] == ["pytorch_model.bin"]
        assert first.preprocessor is None
        hub.requests.clear()
        assert locate(REPO) == first
        assert hub.requests == []

    def test_what_the_cache_lacks_is_fetched(self, hub: Hub, folder: Path) -> None:
        hub.publish(REPO, folder)
        assert locate(REPO, with_weights=False).weights == ()
        assert len(locate(REPO).weights) == 1
        assert sum("GET" in request for request in hub.requests) == 3

    def test_all_files_are_of_one_commit(self, hub: Hub, folder: Path) -> None:
        hub.publish(REPO, folder)
        locate(REPO, with_weights=False)
        (folder / "config.json").write_text('{"num_frames": 8}')
        hub.publish(REPO, folder)
        files = locate(REPO)
        assert {path.parent for path in (files.config, *files.weights)} == {files.config.parent}
        assert "num_frames" in files.config.read_text()

    def test_a_sharded_checkpoint_comes_whole(self, hub: Hub, folder: Path) -> None:
        (folder / WEIGHTS).unlink()
        (folder / "a.safetensors").write_bytes(b"a")
        (folder / "b.safetensors").write_bytes(b"b")
        index = '{"weight_map": {"x": "b.safetensors", "y": "a.safetensors"}}'
        (folder / f"{WEIGHTS}.index.json").write_text(index)
        hub.publish(REPO, folder)
        assert [path.read_bytes() for path in locate(REPO).weights] == [b"a", b"b"]
        hub.requests.clear()
        locate(REPO)
        assert hub.requests == []

    def test_a_data_set_has_an_address_of_its_own(self, hub: Hub, folder: Path) -> None:
        hub.publish("datasets/someone/clips", folder)
        path = locate_file("someone/clips", "config.json", is_dataset=True)
        assert path.read_text() == "{}"
        assert hub.requests[0] == "HEAD /datasets/someone/clips/resolve/main/config.json"
        hub.requests.clear()
        locate_file("someone/clips", "config.json", is_dataset=True)
        assert hub.requests == []
        with pytest.raises(CheckpointError, match=r"someone/clips has no absent\.npy any more"):
            locate_file("someone/clips", "absent.npy", is_dataset=True)

    def test_large_files_come_through_xet(self, hub: Hub, folder: Path) -> None:
        hub.publish(REPO, folder, through_xet=True)
        assert locate(REPO).weights[0].read_bytes() == (folder / WEIGHTS).read_bytes()
        assert not any("GET" in request for request in hub.requests)


class TestFailures:
    @pytest.mark.parametrize(
        ("change", "sentence"),
        [
            (lambda hub: hub.find(REPO).files.pop(WEIGHTS), "has no weights; looked for"),
            (lambda hub: hub.find(REPO).files.pop("config.json"), r"has no config\.json, so"),
            (lambda hub: setattr(hub.find(REPO), "is_gated", True), "wants its terms accepted"),
        ],
    )
    def test_what_the_hub_says_becomes_one_sentence(
        self, hub: Hub, folder: Path, change: Callable[[Hub], object], sentence: str
    ) -> None:
        hub.publish(REPO, folder)
        change(hub)
        with pytest.raises(CheckpointError, match=sentence) as caught:
            locate(REPO)
        assert "\n" not in str(caught.value)

    def test_a_repository_or_revision_that_is_not_there(self, hub: Hub, folder: Path) -> None:
        hub.publish(REPO, folder)
        with pytest.raises(CheckpointError, match=r"no-one/none does not exist, or is private"):
            locate("no-one/none")
        with pytest.raises(CheckpointError, match=r"has no revision 'v9'"):
            locate(REPO, revision="v9")

    def test_a_dropped_connection_is_taken_up_again(
        self, hub: Hub, folder: Path, impatient: None
    ) -> None:
        hub.publish(REPO, folder)
        hub.drop(f"{REPO}/{WEIGHTS}", 11 * MEBI)
        assert locate(REPO).weights[0].read_bytes() == (folder / WEIGHTS).read_bytes()
        assert f"GET /{REPO}/resolve/main/{WEIGHTS} bytes={10 * MEBI}-" in hub.requests

    def test_a_hub_that_dies_leaves_no_half_file(
        self, hub: Hub, folder: Path, impatient: None
    ) -> None:
        hub.publish(REPO, folder)
        hub.die_in(f"{REPO}/{WEIGHTS}", 11 * MEBI)
        with pytest.raises(CheckpointError, match=rf"did not deliver {WEIGHTS} .*try again"):
            locate(REPO)
        assert [path.stat().st_size for path in blobs()] == [2]  # the configuration
        with pytest.raises(CheckpointError, match=r"can't be reached and its model\.saf"):
            locate(REPO)
        hub.revive()
        assert locate(REPO).weights[0].read_bytes() == (folder / WEIGHTS).read_bytes()

    def test_without_the_hub_the_cache_is_enough(self, hub: Hub, folder: Path) -> None:
        hub.publish(REPO, folder)
        first = locate(REPO)
        hub.die()
        assert locate(REPO) == first

    def test_without_hub_and_cache_there_is_a_way_out(self, hub: Hub, impatient: None) -> None:
        hub.die()
        with pytest.raises(CheckpointError, match=r"can't be reached .*'bundled'") as caught:
            locate(REPO)
        assert "\n" not in str(caught.value)


class TestDisk:
    def test_a_full_disk_leaves_no_half_file(self, hub: Hub, folder: Path) -> None:
        hub.publish(REPO, folder)
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10 * MEBI, hard))
        try:
            with pytest.raises(CheckpointError, match=r"can't be stored .*too large.* make room"):
                locate(REPO)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert [path.stat().st_size for path in blobs()] == [2]
        assert len(locate(REPO).weights) == 1

    def test_a_disk_that_can_not_be_written_is_named(
        self, hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(path: str, *_: object, **__: object) -> None:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)

        hub.publish(REPO, folder)
        monkeypatch.setattr(file_download.os, "makedirs", refuse)
        with pytest.raises(CheckpointError, match=r"\(Read-only file system\); .* set HF_HOME"):
            locate(REPO)

    def test_a_read_only_cache_can_be_read(
        self, hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        hub.publish(REPO, folder)
        first = locate(REPO)
        monkeypatch.setattr(file_download.os, "makedirs", None)
        assert locate(REPO) == first
