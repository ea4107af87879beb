"""Where a checkpoint's files are: in a folder, bundled with the project, or on the hub.

Turns a name that a person gave into paths on this machine, downloading what is not there yet. What
is whole in the hub's cache is taken from there without a request. Never opens a file of weights;
that is `load`'s work.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol

from huggingface_hub import hf_hub_download, try_to_load_from_cache
from huggingface_hub.errors import (  # type: ignore[attr-defined]  # HTTPError, see _FAILURES
    EntryNotFoundError,
    GatedRepoError,
    HTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from videomae_demo.checkpoints.catalog import CatalogEntry, find_entry, known_names
from videomae_demo.errors import CheckpointError
from videomae_demo.model.config import CONFIG_NAME

PREPROCESSOR_NAME = "preprocessor_config.json"
BUNDLED_FOLDER = Path(__file__).resolve().parents[2] / "assets" / "checkpoints"

# In order of preference: safe formats first, whole files before shards.
WEIGHTS_NAME = "model.safetensors"
WEIGHTS_NAMES = (
    WEIGHTS_NAME,
    f"{WEIGHTS_NAME}.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)

Origin = Literal["bundled", "folder", "file", "hub"]

_REPO_ID = re.compile(r"\w[\w.-]*/\w[\w.-]*", re.ASCII)
_INSTEAD = "take the checkpoint 'bundled', which needs no network"


@dataclass(frozen=True, slots=True)
class CheckpointFiles:
    """The files of one checkpoint, on this machine.

    Parameters
    ----------
    name : str
        What to call the checkpoint when speaking to people.
    origin : str
        "bundled", "folder", "file" or "hub".
    entry : CatalogEntry or None
        What is known about it, if it is in the catalog.
    config : Path or None
        Its ``config.json``; None for weights in a file of their own.
    weights : tuple of Path
        One file, or all shards. Empty if they were not asked for.
    preprocessor : Path or None
        Its ``preprocessor_config.json``, if it has one within reach. The weights can be used
        without it; whoever can't goes through `locate_preprocessor`, which says why it is absent.
    """

    name: str
    origin: Origin
    entry: CatalogEntry | None
    config: Path | None
    weights: tuple[Path, ...]
    preprocessor: Path | None


def locate(
    name: str | Path,
    *,
    with_weights: bool = True,
    revision: str | None = None,
    cache_dir: str | Path | None = None,
    local_files_only: bool = False,
    progress_bar: type[Any] | None = None,
) -> CheckpointFiles:
    """Find a checkpoint's files, downloading from the hub what is not in its cache.

    A checkpoint that is whole in the cache is taken as it is, without asking for a newer version;
    ``hf download owner/name`` fetches one.

    Parameters
    ----------
    name : str or Path
        A folder; or a file of weights that needs no configuration; or a name of the catalog; or
        "owner/name" on the hub. The first that fits is taken.
    with_weights : bool
        False leaves the weights where they are.
    revision, cache_dir, local_files_only
        Branch, tag or commit; where the hub's cache is; True forbids the network. They concern the
        hub alone.
    progress_bar : type, optional
        Shows the progress of each file, as `hf_hub_download`'s ``tqdm_class``; default: the hub
        library's own, on a terminal.

    Returns
    -------
    CheckpointFiles

    Raises
    ------
    CheckpointError
        When there is no such checkpoint, a file of it is missing, or the hub can't be reached.
    """
    place = _place(name, revision, cache_dir, local_files_only, progress_bar)
    cached = _find_in_cache(str(name), place, with_weights) if isinstance(place, _Repo) else None
    return cached or _find_files(str(name), place, with_weights)


def locate_preprocessor(
    name: str | Path,
    *,
    revision: str | None = None,
    cache_dir: str | Path | None = None,
    local_files_only: bool = False,
) -> Path:
    """Find a checkpoint's ``preprocessor_config.json`` alone; see `locate`.

    Raises
    ------
    CheckpointError
        Also when the checkpoint has none: the mean and deviation it was trained with must not be
        guessed.
    """
    place = _place(name, revision, cache_dir, local_files_only)
    path = _find_one(place, PREPROCESSOR_NAME)
    if path is None:
        raise CheckpointError(
            f"{place.title} has no {PREPROCESSOR_NAME}, which tells how frames are normalised; "
            "take the one of the checkpoint it was made from."
        )
    return path


def locate_file(repo: str, file_name: str, *, is_dataset: bool = False) -> Path:
    """Find one file of a repository, downloading it unless it is in the hub's cache; see `locate`.

    Raises
    ------
    CheckpointError
    """
    place = _Repo(repo, None, None, None, False, repo_type="dataset" if is_dataset else "model")
    path = _find_one(place, file_name)
    if path is None:
        raise CheckpointError(f"{place.title} has no {file_name} any more.")
    return path


class _Place(Protocol):
    """Somewhere a checkpoint's files are."""

    @property
    def title(self) -> str: ...

    @property
    def origin(self) -> Origin: ...

    @property
    def entry(self) -> CatalogEntry | None: ...

    def find(self, file_names: Sequence[str]) -> Path | None:
        """Return the first of the named files that exists."""
        ...


@dataclass(frozen=True, slots=True)
class _Folder:
    path: Path
    origin: Origin = "folder"
    entry: CatalogEntry | None = None

    @property
    def title(self) -> str:
        return f"The folder {self.path}"

    def find(self, file_names: Sequence[str]) -> Path | None:
        paths = (self.path / file_name for file_name in file_names)
        return next((path for path in paths if path.is_file()), None)


@dataclass(frozen=True, slots=True)
class _File:
    """Weights alone; what lies beside them is not known to belong to them."""

    path: Path
    origin: Origin = "file"
    entry: CatalogEntry | None = None

    @property
    def title(self) -> str:
        return f"The file {self.path}"

    def find(self, file_names: Sequence[str]) -> Path | None:
        return None


@dataclass(frozen=True, slots=True)
class _Repo:
    repo: str
    entry: CatalogEntry | None
    revision: str | None
    cache_dir: str | Path | None
    local_files_only: bool
    progress_bar: type[Any] | None = None
    repo_type: Literal["model", "dataset"] = "model"
    origin: Origin = "hub"

    @property
    def title(self) -> str:
        return f"The hub's {self.repo}"

    @property
    def in_cache(self) -> _Repo:
        return replace(self, local_files_only=True)

    def is_known_to_lack(self, file_name: str) -> bool:
        """Tell whether the cache remembers that the repository has no such file."""
        found = try_to_load_from_cache(
            self.repo, file_name, cache_dir=self.cache_dir, revision=self.revision
        )
        return not isinstance(found, str | None)

    def find(self, file_names: Sequence[str]) -> Path | None:
        unreachable: LocalEntryNotFoundError | None = None
        for file_name in file_names:
            try:
                return self._download(file_name, cached_only=unreachable is not None)
            except LocalEntryNotFoundError as error:
                unreachable = unreachable or error  # one of the others may be in the cache
            except EntryNotFoundError:
                continue
            except _FAILURES as error:
                raise self._failure(error, file_name) from error
        if unreachable is not None:
            raise self._failure(unreachable, file_names[0]) from unreachable
        return None

    def _download(self, file_name: str, *, cached_only: bool) -> Path:
        return Path(
            hf_hub_download(
                self.repo,
                file_name,
                repo_type=self.repo_type,
                revision=self.revision,
                cache_dir=self.cache_dir,
                local_files_only=self.local_files_only or cached_only,
                tqdm_class=self.progress_bar,
            )
        )

    def _failure(self, error: Exception, file_name: str) -> CheckpointError:
        match error:
            case GatedRepoError():
                text = "wants its terms accepted first; do so on its page, then run `hf auth login`"
            case RepositoryNotFoundError():
                text = (
                    "does not exist, or is private; check the spelling, or run `hf auth login`. "
                    "There is no folder of that name either, and the known names are "
                    f"{', '.join(known_names())}"
                )
            case RevisionNotFoundError():
                text = f"has no revision {self.revision!r}; leave it out to take the newest"
            case LocalEntryNotFoundError() if self.local_files_only:
                text = f"has no {file_name} in the local cache, and downloads are off; {_INSTEAD}"
            case LocalEntryNotFoundError():
                text = (
                    f"can't be reached and its {file_name} is not in the local cache; check the "
                    f"network connection, or {_INSTEAD}"
                )
            case OSError(errno=int()) if not isinstance(error, ConnectionError):
                text = (
                    f"can't be stored in the hub's cache ({error.strerror}); make room there, or "
                    f"set HF_HOME to a folder that can be written, or {_INSTEAD}"
                )
            case _:
                reason = str(error).partition("\n")[0].rstrip(".") or type(error).__name__
                text = f"did not deliver {file_name} ({reason}); try again, or {_INSTEAD}"
        return CheckpointError(f"{self.title} {text}.")


# HTTPError is that of whichever httpx the hub library is built on, for connections that break off;
# hf_xet, which does the big downloads, raises RuntimeError; the hub library also ValueError.
_FAILURES = (OSError, HTTPError, RuntimeError, ValueError)


def _place(
    name: str | Path,
    revision: str | None,
    cache_dir: str | Path | None,
    local_files_only: bool,
    progress_bar: type[Any] | None = None,
) -> _Place:
    path, name = Path(name), str(name)
    try:
        is_folder, is_file = path.is_dir() and name != "", path.is_file()
    except OSError as error:
        raise CheckpointError(f"{name!r} can't be looked up: {error.strerror}.") from error
    if is_folder:
        return _Folder(path)
    if is_file:
        return _File(path)
    entry = find_entry(name)
    if entry is not None and entry.bundled:
        return _bundled(entry)
    repo = entry.repo if entry is not None else name
    if _REPO_ID.fullmatch(repo):
        return _Repo(repo, entry, revision, cache_dir, local_files_only, progress_bar)
    raise CheckpointError(
        f"There is no checkpoint {name!r}: it is no folder or file, no 'owner/name' on the hub, "
        f"and none of the known names {', '.join(known_names())}."
    )


def _bundled(entry: CatalogEntry) -> _Folder:
    path = BUNDLED_FOLDER / entry.repo
    if not path.is_dir():
        raise CheckpointError(
            f"The bundled checkpoint {entry.name!r} is missing: there is no folder {path}; fetch "
            "the project anew, with its assets."
        )
    return _Folder(path, "bundled", entry)


def _find_in_cache(name: str, repo: _Repo, with_weights: bool) -> CheckpointFiles | None:
    """Return a checkpoint that is whole in the cache; all its files are of one commit there."""
    try:
        files = _find_files(name, repo.in_cache, with_weights)
    except CheckpointError:
        return None
    is_whole = files.preprocessor is not None or repo.is_known_to_lack(PREPROCESSOR_NAME)
    return files if is_whole else None


def _find_one(place: _Place, file_name: str) -> Path | None:
    """Return one file, from the cache if it is there."""
    if isinstance(place, _Repo):
        try:
            return place.in_cache.find([file_name])
        except CheckpointError:
            pass  # it has to be downloaded
    return place.find([file_name])


def _find_files(name: str, place: _Place, with_weights: bool) -> CheckpointFiles:
    config = place.find([CONFIG_NAME])
    if config is None and place.origin != "file":
        raise CheckpointError(
            f"{place.title} has no {CONFIG_NAME}, so it is no checkpoint of a VideoMAE in the "
            "hub's layout; check the name, or give the path of the one file that holds the weights."
        )
    return CheckpointFiles(
        name=name,
        origin=place.origin,
        entry=place.entry,
        config=config,
        weights=_find_weights(place) if with_weights else (),
        preprocessor=_find_preprocessor(place),
    )


def _find_preprocessor(place: _Place) -> Path | None:
    try:
        return place.find([PREPROCESSOR_NAME])
    except CheckpointError:
        return None  # a cache filled for the weights alone, and no network


def _find_weights(place: _Place) -> tuple[Path, ...]:
    if isinstance(place, _File):
        return (place.path,)
    path = place.find(WEIGHTS_NAMES)
    if path is None:
        raise CheckpointError(
            f"{place.title} has no weights; looked for {', '.join(WEIGHTS_NAMES)}."
        )
    if path.suffix != ".json":
        return (path,)
    shards = tuple((name, place.find([name])) for name in _read_index(path))
    absent = [name for name, shard in shards if shard is None]
    if absent:
        raise CheckpointError(
            f"{place.title} lacks {', '.join(absent)}, which its {path.name} names; fetch it again."
        )
    return tuple(shard for _, shard in shards if shard is not None)


def _read_index(path: Path) -> list[str]:
    """Return the files that a shard index names, each once."""
    try:
        names = set(json.loads(path.read_text(encoding="utf-8"))["weight_map"].values())
        plain = all(Path(name).name == name for name in names)
    except (OSError, ValueError, LookupError, AttributeError, TypeError) as error:
        raise CheckpointError(
            f"The index of weights {path} can't be read ({error}); fetch it again."
        ) from error
    if not names or not plain:
        raise CheckpointError(
            f"The index of weights {path} must name files beside it; it names {sorted(names)}."
        )
    return sorted(names)
