"""Where a checkpoint's files are: in a folder, bundled with the project, or on the hub.

Turns a name that a person gave into paths on this machine, downloading what is not there yet. A
checkpoint that is whole in the hub's cache is taken from there without a request. Never opens a
file of weights; that is `load`'s work.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from videomae_demo.checkpoints.catalog import CatalogEntry, find_entry, known_names
from videomae_demo.checkpoints.places import File, Folder, Place, Repo, RepoFile
from videomae_demo.config import CONFIG_NAME
from videomae_demo.errors import CheckpointError, shown
from videomae_demo.json_file import read_json_object
from videomae_demo.shipped import ASSETS

PREPROCESSOR_NAME = "preprocessor_config.json"
BUNDLED_FOLDER = ASSETS / "checkpoints"

# In order of preference: safe formats first, whole files before shards.
WEIGHTS_NAME = "model.safetensors"
WEIGHTS_NAMES = (
    WEIGHTS_NAME,
    f"{WEIGHTS_NAME}.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)

MOST_SHARDS = 100

_SHARD = re.compile(r"\w[\w.-]{0,199}", re.ASCII)
_REPO_ID = re.compile(r"\w[\w.-]*/\w[\w.-]*", re.ASCII)
_REPO_FILE = re.compile(
    r"(\w[\w.-]*/\w[\w.-]*)/((?:\w[\w.-]*/)*\w[\w.-]*\.(?:pth|pt|bin|safetensors))", re.ASCII
)


@dataclass(frozen=True, slots=True)
class CheckpointFiles:
    """The files of one checkpoint, on this machine.

    Parameters
    ----------
    name : str
        What to call the checkpoint when speaking to people.
    entry : CatalogEntry or None
        What is known about it, if it is in the catalog.
    config : Path or None
        Its ``config.json``; None for weights in a file of their own.
    weights : tuple of Path
        One file, or all shards. Empty if they were not asked for.
    preprocessor : Path or None
        Its ``preprocessor_config.json``, if one can be reached. The weights can be used without it;
        code that needs it calls `locate_preprocessor`, which says why it is absent.
    """

    name: str
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
        "owner/name" on the hub; or "owner/name/file.pth" for weights there that need no
        configuration. The first that fits is taken.
    with_weights : bool
        False: do not look for the weights, and do not download them.
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
    if isinstance(place, Repo | RepoFile):
        cached = _find_in_cache(str(name), place, with_weights)
        if cached is not None:
            return cached
    return _find_files(str(name), place, with_weights)


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


def locate_file(
    repo: str, file_name: str, *, is_dataset: bool = False, local_files_only: bool = False
) -> Path:
    """Find one file of a repository, downloading it unless it is in the hub's cache; see `locate`.

    Raises
    ------
    CheckpointError
    """
    kind: Literal["dataset", "model"] = "dataset" if is_dataset else "model"
    place = Repo(repo, None, None, None, local_files_only, repo_type=kind)
    path = _find_one(place, file_name)
    if path is None:
        raise CheckpointError(f"{place.title} has no {file_name} any more.")
    return path


def _place(
    name: str | Path,
    revision: str | None,
    cache_dir: str | Path | None,
    local_files_only: bool,
    progress_bar: type[Any] | None = None,
) -> Place:
    path, name = Path(name), str(name)
    try:
        is_folder, is_file = path.is_dir() and name != "", path.is_file()
    except OSError as error:
        raise CheckpointError(f"{name!r} can't be looked up: {error.strerror}.") from error
    if is_folder:
        return Folder(path)
    if is_file:
        return File(path)
    entry = find_entry(name)
    if entry is not None and entry.bundled:
        return _bundled(entry)
    repo = entry.repo if entry is not None else name
    if _REPO_ID.fullmatch(repo):
        return Repo(repo, entry, revision, cache_dir, local_files_only, progress_bar)
    file = _REPO_FILE.fullmatch(name)
    if file:
        there = Repo(file[1], None, revision, cache_dir, local_files_only, progress_bar)
        return RepoFile(there, file[2])
    raise CheckpointError(
        f"There is no checkpoint {name!r}: it is no folder or file, no 'owner/name' on the hub, "
        f"and none of the known names {', '.join(known_names())}."
    )


def _bundled(entry: CatalogEntry) -> Folder:
    path = BUNDLED_FOLDER / entry.repo
    if not path.is_dir():
        raise CheckpointError(
            f"The bundled checkpoint {entry.name!r} is missing: there is no folder {path}; fetch "
            "the project anew, with its assets."
        )
    return Folder(path, entry)


def _find_in_cache(name: str, place: Repo | RepoFile, with_weights: bool) -> CheckpointFiles | None:
    """Return a checkpoint that is whole in the cache; all its files are of one commit there."""
    try:
        files = _find_files(name, place.in_cache, with_weights)
    except CheckpointError:
        return None
    if isinstance(place, RepoFile) or files.preprocessor is not None:
        return files
    return files if place.is_known_to_lack(PREPROCESSOR_NAME) else None


def _find_one(place: Place, file_name: str) -> Path | None:
    """Return one file, from the cache if it is there."""
    if isinstance(place, Repo):
        try:
            return place.in_cache.find([file_name])
        except CheckpointError:
            pass  # it has to be downloaded
    return place.find([file_name])


def _find_files(name: str, place: Place, with_weights: bool) -> CheckpointFiles:
    config = place.find([CONFIG_NAME])
    if config is None and not isinstance(place, File | RepoFile):
        raise CheckpointError(
            f"{place.title} has no {CONFIG_NAME}, so it is no checkpoint of a VideoMAE in the "
            "hub's layout; check the name, or give the path of the one file that holds the weights."
        )
    return CheckpointFiles(
        name=name,
        entry=place.entry,
        config=config,
        weights=_find_weights(place) if with_weights else (),
        preprocessor=_find_preprocessor(place),
    )


def _find_preprocessor(place: Place) -> Path | None:
    try:
        return place.find([PREPROCESSOR_NAME])
    except CheckpointError:
        return None  # a cache filled for the weights alone, and no network


def _find_weights(place: Place) -> tuple[Path, ...]:
    if isinstance(place, File | RepoFile):
        return (place.fetch(),)
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
    table = read_json_object(path, "The index of weights").get("weight_map")
    if not isinstance(table, dict) or not all(isinstance(name, str) for name in table.values()):
        raise CheckpointError(
            f"The index of weights {path} has no weight_map of file names; fetch it again."
        )
    names = sorted(set(table.values()))
    if not names or not all(_SHARD.fullmatch(name) for name in names):
        raise CheckpointError(
            f"The index of weights {path} must name files beside it; it names {shown(names)}."
        )
    if len(names) > MOST_SHARDS:
        raise CheckpointError(
            f"The index of weights {path} names {len(names)} files; a VideoMAE has at most "
            f"{MOST_SHARDS}."
        )
    return names
