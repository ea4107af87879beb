"""The places a checkpoint can be in: a folder, a file of weights, a repository of the hub.

Each finds files by their names, and says in plain words why it can't get one. Which files make up a
checkpoint is known to `source` alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol

from huggingface_hub import (
    get_hf_file_metadata,
    hf_hub_download,
    hf_hub_url,
    try_to_load_from_cache,
)
from huggingface_hub.errors import (  # type: ignore[attr-defined]  # HTTPError, see _FAILURES
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from videomae_demo.checkpoints.catalog import CatalogEntry, known_names
from videomae_demo.errors import CheckpointError

PATIENCE_S = 4.0
"""How long the hub may take to say anything."""
_INSTEAD = "take the checkpoint 'bundled', which needs no network"


class Place(Protocol):
    """Somewhere a checkpoint's files are."""

    @property
    def title(self) -> str:
        """What to call the place when speaking to people."""
        ...

    @property
    def entry(self) -> CatalogEntry | None:
        """What is known of the checkpoint, if it is in the catalog."""
        ...

    def find(self, file_names: Sequence[str]) -> Path | None:
        """Return the first of the named files that exists."""
        ...


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder on this machine, in the hub's layout."""

    path: Path
    entry: CatalogEntry | None = None

    @property
    def title(self) -> str:
        """See `Place`."""
        return f"The folder {self.path}"

    def find(self, file_names: Sequence[str]) -> Path | None:
        """See `Place`."""
        paths = (self.path / file_name for file_name in file_names)
        try:
            return next((path for path in paths if path.is_file()), None)
        except OSError as error:  # a name too long for the disk, or a folder that is shut
            raise CheckpointError(
                f"{self.title} can't be looked through: {error.strerror}; check its name and "
                "permissions."
            ) from error


@dataclass(frozen=True, slots=True)
class File:
    """Weights alone; files beside them may belong to something else."""

    path: Path

    @property
    def entry(self) -> CatalogEntry | None:
        """See `Place`."""
        return None

    @property
    def title(self) -> str:
        """See `Place`."""
        return f"The file {self.path}"

    def find(self, file_names: Sequence[str]) -> Path | None:
        """Return None: nothing else belongs to it."""
        return None

    def fetch(self) -> Path:
        """Return the file of weights itself."""
        return self.path


@dataclass(frozen=True, slots=True)
class Repo:
    """A repository of the hub: "owner/name"."""

    repo: str
    entry: CatalogEntry | None
    revision: str | None
    cache_dir: str | Path | None
    local_files_only: bool
    progress_bar: type[Any] | None = None
    repo_type: Literal["model", "dataset"] = "model"

    @property
    def title(self) -> str:
        """See `Place`."""
        return f"The hub's {self.repo}"

    @property
    def in_cache(self) -> Repo:
        """The same repository, limited to the files on this machine."""
        return replace(self, local_files_only=True)

    def is_known_to_lack(self, file_name: str) -> bool:
        """Tell whether the cache remembers that the repository has no such file."""
        found = try_to_load_from_cache(
            self.repo, file_name, cache_dir=self.cache_dir, revision=self.revision
        )
        return not isinstance(found, str | None)

    def find(self, file_names: Sequence[str]) -> Path | None:
        """See `Place`."""
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
        if not (self.local_files_only or cached_only):
            self._check_reach(file_name)
        return Path(
            hf_hub_download(
                self.repo,
                file_name,
                repo_type=self.repo_type,
                revision=self.revision,
                cache_dir=self.cache_dir,
                local_files_only=self.local_files_only or cached_only,
                etag_timeout=PATIENCE_S,
                tqdm_class=self.progress_bar,
            )
        )

    def _check_reach(self, file_name: str) -> None:
        """Ask the hub once for a file that is not here; without a network, say so at once.

        The hub library would try again and again, for most of half a minute.
        """
        known = try_to_load_from_cache(
            self.repo,
            file_name,
            cache_dir=self.cache_dir,
            revision=self.revision,
            repo_type=self.repo_type,
        )
        if known is not None:
            return
        url = hf_hub_url(self.repo, file_name, repo_type=self.repo_type, revision=self.revision)
        try:
            get_hf_file_metadata(url, timeout=PATIENCE_S)
        except (HfHubHTTPError, OfflineModeIsEnabled):
            return  # the download says why, and soon
        except (HTTPError, OSError) as error:
            raise LocalEntryNotFoundError(f"The hub does not answer: {error}") from error

    def _failure(self, error: Exception, file_name: str) -> CheckpointError:
        match error:
            case GatedRepoError():
                text = "wants its terms accepted first; do so on its page, then run `hf auth login`"
            case RepositoryNotFoundError():
                text = (
                    "does not exist, or is private; check the spelling, or run `hf auth login`. "
                    "There is no folder here of that name either, and the known names are "
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


@dataclass(frozen=True, slots=True)
class RepoFile:
    """A file of weights on the hub, alone as `File`; files beside it may not belong to it."""

    repo: Repo
    file_name: str

    @property
    def title(self) -> str:
        """See `Place`."""
        return f"{self.repo.title}/{self.file_name}"

    @property
    def entry(self) -> CatalogEntry | None:
        """See `Place`."""
        return None

    @property
    def in_cache(self) -> RepoFile:
        """The same file, if it is on this machine; it is not downloaded."""
        return replace(self, repo=self.repo.in_cache)

    def find(self, file_names: Sequence[str]) -> Path | None:
        """Return None: nothing else belongs to it."""
        return None

    def fetch(self) -> Path:
        """Download the file of weights, unless it is in the cache, and return its path."""
        name = f"{self.repo.repo}/{self.file_name}"
        try:
            path = self.repo.find([self.file_name])
        except CheckpointError as error:
            raise CheckpointError(f"There is no file {name} on this machine. {error}") from error
        if path is None:
            raise CheckpointError(
                f"There is no file {name} on this machine, and {self.repo.title} has none; check "
                "the spelling."
            )
        return path


# The hub library raises HTTPError (of the httpx that it is built on) when a connection breaks off,
# and ValueError; hf_xet, which does the big downloads, raises RuntimeError.
_FAILURES = (OSError, HTTPError, RuntimeError, ValueError)
