from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from huggingface_hub import errors

from videomae_demo.checkpoints import places, source
from videomae_demo.checkpoints.catalog import known_names
from videomae_demo.checkpoints.source import locate, locate_preprocessor
from videomae_demo.errors import CheckpointError

REPO = "someone/videomae-tiny"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def hub_that_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the download is played here; see `test_reach`."""
    monkeypatch.setattr(places, "get_hf_file_metadata", lambda *_, **__: None)


def fill(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text("{}")
    return folder


def fill_cache(cache: Path, repo: str, *names: str) -> Path:
    """Lay out the hub library's cache as after a download."""
    root = cache / f"models--{repo.replace('/', '--')}"
    (root / "refs").mkdir(parents=True)
    (root / "refs" / "main").write_text(COMMIT)
    return fill(root / "snapshots" / COMMIT, *names)


def write_index(folder: Path, name: str, *shards: str) -> None:
    weight_map = {f"weight.{index}": shard for index, shard in enumerate(shards)}
    (folder / name).write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))


class TestFolder:
    def test_all_files_are_found(self, tmp_path: Path) -> None:
        fill(tmp_path, "config.json", "model.safetensors", "preprocessor_config.json")
        files = locate(tmp_path)
        assert (files.name, files.entry) == (str(tmp_path), None)
        assert files.config == tmp_path / "config.json"
        assert files.weights == (tmp_path / "model.safetensors",)
        assert files.preprocessor == tmp_path / "preprocessor_config.json"

    def test_the_safe_format_is_preferred(self, tmp_path: Path) -> None:
        fill(tmp_path, "config.json", "pytorch_model.bin")
        assert locate(tmp_path).weights == (tmp_path / "pytorch_model.bin",)
        fill(tmp_path, "model.safetensors")
        assert locate(tmp_path).weights == (tmp_path / "model.safetensors",)
        assert locate(tmp_path).preprocessor is None

    @pytest.mark.parametrize("whole", ["model.safetensors", "pytorch_model.bin"])
    def test_shards_are_listed_once_each(self, tmp_path: Path, whole: str) -> None:
        fill(tmp_path, "config.json", "shard-1", "shard-2")
        write_index(tmp_path, f"{whole}.index.json", "shard-2", "shard-1", "shard-2")
        assert locate(tmp_path).weights == (tmp_path / "shard-1", tmp_path / "shard-2")

    def test_a_missing_shard_is_named(self, tmp_path: Path) -> None:
        fill(tmp_path, "config.json", "shard-1")
        write_index(tmp_path, "model.safetensors.index.json", "shard-1", "shard-2")
        with pytest.raises(CheckpointError, match=r"lacks shard-2, which its model.saf.* names"):
            locate(tmp_path)

    @pytest.mark.parametrize("shards", [(), ("../secret",), ("/etc/passwd",)])
    def test_an_index_names_only_files_beside_it(
        self, tmp_path: Path, shards: tuple[str, ...]
    ) -> None:
        fill(tmp_path, "config.json")
        write_index(tmp_path, "model.safetensors.index.json", *shards)
        with pytest.raises(CheckpointError, match="must name files beside it"):
            locate(tmp_path)

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("", "can't be read"),
            ("[]", "does not hold a JSON object"),
            ("{}", "has no weight_map of file names"),
            ('{"weight_map": 1}', "has no weight_map of file names"),
            ('{"weight_map": {"a": 1}}', "has no weight_map of file names"),
        ],
    )
    def test_a_broken_index_is_an_error(self, tmp_path: Path, content: str, message: str) -> None:
        fill(tmp_path, "config.json")
        (tmp_path / "model.safetensors.index.json").write_text(content)
        with pytest.raises(CheckpointError, match=rf"index of weights .* {message}"):
            locate(tmp_path)

    def test_what_is_missing_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(CheckpointError, match=rf"{tmp_path} has no config\.json.* one file"):
            locate(tmp_path)
        fill(tmp_path, "config.json")
        with pytest.raises(CheckpointError, match=r"has no weights; looked for model\.safet.*bin"):
            locate(tmp_path)
        assert locate(tmp_path, with_weights=False).weights == ()

    def test_a_folder_that_is_shut_is_an_error_of_ours(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def shut(path: Path) -> bool:
            if path.parent == tmp_path:
                raise PermissionError(13, "Permission denied")
            return False

        monkeypatch.setattr(Path, "is_file", shut)
        with pytest.raises(CheckpointError, match=r"can't be looked through: Permission denied"):
            locate(tmp_path)

    def test_a_file_is_weights_alone(self, tmp_path: Path) -> None:
        path = fill(tmp_path, "checkpoint.pth", "config.json", "preprocessor_config.json")
        files = locate(path / "checkpoint.pth")
        assert (files.name, files.config) == (str(path / "checkpoint.pth"), None)
        assert files.weights == (path / "checkpoint.pth",)
        assert (files.entry, files.config, files.preprocessor) == (None, None, None)
        assert locate(path / "checkpoint.pth", with_weights=False).weights == ()
        with pytest.raises(CheckpointError, match=r"checkpoint\.pth has no preprocessor_config"):
            locate_preprocessor(path / "checkpoint.pth")

    def test_a_folder_is_taken_before_a_known_name(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fill(tmp_path / "base", "config.json", "model.safetensors")
        monkeypatch.chdir(tmp_path)
        assert locate("base").weights == (Path("base/model.safetensors"),)

    def test_the_preprocessor_needs_no_other_file(self, tmp_path: Path) -> None:
        with pytest.raises(CheckpointError, match=r"has no preprocessor_config\.json"):
            locate_preprocessor(tmp_path)
        fill(tmp_path, "preprocessor_config.json")
        assert locate_preprocessor(tmp_path) == tmp_path / "preprocessor_config.json"


@pytest.mark.parametrize("name", ["", "no such", "../elsewhere", "a/b/c", "./mine", "x" * 5000])
def test_a_name_that_can_be_nothing_lists_the_known_ones(name: str) -> None:
    with pytest.raises(CheckpointError) as caught:
        locate(name)
    if len(name) < 5000:
        assert f"There is no checkpoint {name!r}" in str(caught.value)
        assert all(known in str(caught.value) for known in known_names())


def test_bundled_checkpoints_need_no_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "BUNDLED_FOLDER", tmp_path)
    with pytest.raises(CheckpointError, match=r"'bundled' is missing.*motion-recogniser"):
        locate("bundled")
    fill(tmp_path / "motion-recogniser", "config.json", "model.safetensors")
    files = locate("bundled")
    assert files.entry is not None
    assert files.entry.name == "bundled"


class TestHubCache:
    def test_a_repository_is_read_from_the_cache(self, tmp_path: Path) -> None:
        snapshot = fill_cache(tmp_path, REPO, "config.json", "pytorch_model.bin")
        fill(snapshot, "preprocessor_config.json")
        files = locate(REPO, cache_dir=tmp_path, local_files_only=True)
        assert (files.name, files.entry) == (REPO, None)
        assert files.config == snapshot / "config.json"
        assert files.weights == (snapshot / "pytorch_model.bin",)
        assert files.preprocessor == snapshot / "preprocessor_config.json"

    def test_a_cache_filled_for_the_weights_alone_is_enough_for_them(self, tmp_path: Path) -> None:
        fill_cache(tmp_path, REPO, "config.json", "model.safetensors")
        assert locate(REPO, cache_dir=tmp_path, local_files_only=True).preprocessor is None
        with pytest.raises(
            CheckpointError, match=r"no preprocessor_config\.json in the local cache"
        ):
            locate_preprocessor(REPO, cache_dir=tmp_path, local_files_only=True)

    def test_shards_are_read_from_the_cache(self, tmp_path: Path) -> None:
        snapshot = fill_cache(tmp_path, REPO, "config.json", "preprocessor_config.json", "1", "2")
        write_index(snapshot, "model.safetensors.index.json", "1", "2")
        files = locate(REPO, cache_dir=tmp_path, local_files_only=True)
        assert files.weights == (snapshot / "1", snapshot / "2")

    @pytest.mark.parametrize("name", ["base", "MCG-NJU/videomae-base"])
    def test_known_names_lead_to_their_repository(self, tmp_path: Path, name: str) -> None:
        fill_cache(
            tmp_path,
            "MCG-NJU/videomae-base",
            "config.json",
            "model.safetensors",
            "preprocessor_config.json",
        )
        files = locate(name, cache_dir=tmp_path, local_files_only=True)
        assert files.entry is not None
        assert files.entry.name == "base"

    def test_what_is_not_cached_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(CheckpointError) as caught:
            locate(REPO, cache_dir=tmp_path, local_files_only=True)
        assert str(caught.value) == (
            "The hub's someone/videomae-tiny has no config.json in the local cache, and downloads "
            "are off; take the checkpoint 'bundled', which needs no network."
        )
        fill_cache(tmp_path, REPO, "config.json")
        with pytest.raises(CheckpointError, match=r"has no model\.safetensors in the local cache"):
            locate(REPO, cache_dir=tmp_path, local_files_only=True)


class FakeHub:
    """Stands in for `hf_hub_download`: some files exist, each look-up is noted, one failure."""

    def __init__(self, folder: Path, failures: dict[str, Exception]) -> None:
        self.folder = folder
        self.failures = failures
        self.calls: list[tuple[str, bool]] = []

    def __call__(self, repo: str, name: str, *, local_files_only: bool, **_: Any) -> str:
        self.calls.append((name, local_files_only))
        if name in self.failures and not local_files_only:
            raise self.failures[name]
        path = self.folder / name
        if path.exists():
            return str(path)
        if local_files_only:
            raise errors.LocalEntryNotFoundError("not cached")
        raise errors.EntryNotFoundError("no such file")


def http_error(kind: type[errors.HfHubHTTPError]) -> errors.HfHubHTTPError:
    response = SimpleNamespace(headers={}, request=None, status_code=404)
    return kind("404 Client Error.\nRequest ID: 1", response=response)  # type: ignore[arg-type]


class TestHubFailures:
    @pytest.mark.parametrize(
        ("failure", "message"),
        [
            (http_error(errors.GatedRepoError), r"wants its terms accepted first; .*hf auth login"),
            (http_error(errors.RepositoryNotFoundError), r"does not exist, or is private; .*names"),
            (http_error(errors.RevisionNotFoundError), r"has no revision 'v9'"),
            (http_error(errors.HfHubHTTPError), r"\(404 Client Error\); try again, or .*bundled"),
            (errors.LocalEntryNotFoundError("x"), r"can't be reached and its config\.json .*bundl"),
            (errors.OfflineModeIsEnabled("HF_HUB_OFFLINE=1"), r"\(HF_HUB_OFFLINE=1\)"),
            (errors.HTTPError("peer closed connection"), r"\(peer closed connection\); try again"),
            (OSError("No space left on device"), r"\(No space left on device\)"),
            (RuntimeError(""), r"did not deliver config\.json \(RuntimeError\)"),
        ],
    )
    def test_each_says_what_to_do_in_one_line(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        failure: Exception,
        message: str,
    ) -> None:
        hub = FakeHub(tmp_path, {"config.json": failure})
        monkeypatch.setattr(places, "hf_hub_download", hub)
        with pytest.raises(CheckpointError, match=message) as caught:
            locate(REPO, revision="v9")
        assert str(caught.value).startswith(f"The hub's {REPO} ")
        assert "\n" not in str(caught.value)
        assert caught.value.__cause__ is failure

    def test_a_repository_without_weights_is_named(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(places, "hf_hub_download", FakeHub(fill(tmp_path, "config.json"), {}))
        with pytest.raises(CheckpointError, match=rf"The hub's {REPO} has no weights; looked for"):
            locate(REPO)
        assert locate(REPO, with_weights=False).preprocessor is None

    def test_weights_are_left_alone_unless_asked_for(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        hub = FakeHub(fill(tmp_path, "config.json", "preprocessor_config.json"), {})
        monkeypatch.setattr(places, "hf_hub_download", hub)
        locate(REPO, with_weights=False)
        assert [name for name, _ in hub.calls] == ["config.json", "preprocessor_config.json"]
        hub.calls.clear()
        locate_preprocessor(REPO)
        assert [name for name, _ in hub.calls] == ["preprocessor_config.json"]

    def test_without_a_network_the_cache_is_still_searched(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        unreachable = {"model.safetensors": errors.LocalEntryNotFoundError("no network")}
        hub = FakeHub(fill(tmp_path, "config.json", "pytorch_model.bin"), unreachable)
        monkeypatch.setattr(places, "hf_hub_download", hub)
        assert locate(REPO).weights == (tmp_path / "pytorch_model.bin",)
        online = hub.calls[hub.calls.index(("config.json", False)) :]
        assert online[1:4] == [
            ("model.safetensors", False),
            ("model.safetensors.index.json", True),
            ("pytorch_model.bin", True),
        ]
