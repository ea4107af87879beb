"""A hub of models and data sets on this machine, for tests of what is downloaded from one.

Answers what the hub library asks when it fetches a file: HEAD and GET of ``resolve`` addresses,
ranges, and the error codes of the real hub. It can hold a file back, drop a connection, or die in
the middle of a file. A repository can be served through Xet, as the real hub serves large files.
"""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

PATIENCE_S = 120
_RESOLVE = re.compile(r"/(?P<repo>.+?)/resolve/(?P<revision>[^/]+)/(?P<name>.+)")


def constants_for(address: str, cache: Path, *, offline: bool = False) -> dict[str, Any]:
    """Return what the hub library keeps as constants where this is the hub, by their names."""
    return {
        "ENDPOINT": address,
        "HUGGINGFACE_CO_URL_TEMPLATE": address + "/{repo_id}/resolve/{revision}/{filename}",
        "HF_HUB_CACHE": str(cache),
        "HF_HUB_OFFLINE": offline,
    }


@dataclass
class Repository:
    """Files by name; `xet_hashes` of those that are served through Xet."""

    files: dict[str, bytes]
    xet_hashes: dict[str, str] = field(default_factory=dict)
    is_gated: bool = False

    @property
    def commit(self) -> str:
        content = b"".join(name.encode() + body for name, body in sorted(self.files.items()))
        return hashlib.sha1(content).hexdigest()


class Hub:
    """The hub: a context that serves from its first line to its last.

    Attributes
    ----------
    address : str
    requests : list of str
        What was asked about files so far: ``"HEAD /owner/name/resolve/main/config.json"``, with the
        range at the end where a part was asked for.
    """

    def __init__(self, folder: Path) -> None:
        self.requests: list[str] = []
        self._storage = folder / "xet"
        self._repositories: dict[str, Repository] = {}
        self._obstacles: dict[str, tuple[int, Callable[[], bool]]] = {}
        self._held: dict[str, tuple[int, threading.Event]] = {}
        self._server = _Server(self, 0)
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.die()

    def die(self) -> None:
        """Refuse every connection."""
        self._server.shutdown()
        self._server.server_close()

    def revive(self) -> None:
        """Be there again, at the same address."""
        self._server = _Server(self, self._server.server_port)
        self.__enter__()

    def publish(self, repo: str, folder: Path, *, through_xet: bool = False) -> Repository:
        """Offer the files of a folder as "owner/name", or as "datasets/owner/name"."""
        files = {path.name: path.read_bytes() for path in folder.iterdir()}
        hashes = self._store(sorted(folder.iterdir())) if through_xet else {}
        self._repositories[repo] = Repository(files, hashes)
        return self._repositories[repo]

    def hold(self, file: str, at: int) -> threading.Event:
        """Stop in the middle of "owner/name/file", until the event returned is set.

        Whoever loses patience meanwhile, and asks again, is held as well.
        """
        event = threading.Event()
        self._held[file] = at, event
        return event

    def drop(self, file: str, at: int) -> None:
        """Close the connection once in the middle of a file."""
        self._obstacles[file] = at, lambda: False

    def die_in(self, file: str, at: int) -> None:
        """Die in the middle of a file."""
        self._obstacles[file] = at, lambda: bool(self.die())

    def find(self, repo: str) -> Repository | None:
        return self._repositories.get(repo)

    def obstacle(self, file: str) -> tuple[int, Callable[[], bool]] | None:
        at, event = self._held.get(file, (0, None))
        if event is not None and not event.is_set():
            return at, lambda: event.wait(PATIENCE_S)
        return self._obstacles.pop(file, None)

    @property
    def storage(self) -> str:
        return f"local://{self._storage}"

    def _store(self, paths: list[Path]) -> dict[str, str]:
        from hf_xet import XetSession

        self._storage.mkdir(exist_ok=True)
        with XetSession().new_upload_commit(endpoint=self.storage) as commit:
            uploads = {path.name: commit.start_upload_file(str(path)) for path in paths}
        return {name: upload.result().xet_info.hash for name, upload in uploads.items()}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, hub: Hub, port: int) -> None:
        self.hub = hub
        super().__init__(("127.0.0.1", port), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""

    def _answer(self, *, with_body: bool) -> None:
        hub = self.server.hub
        wanted = self.headers.get("Range", "")
        found = _RESOLVE.fullmatch(self.path)
        if found:
            hub.requests.append(f"{self.command} {self.path} {wanted}".rstrip())
        if "/xet-read-token/" in self.path:
            self._introduce_storage(hub)
            return
        repository = hub.find(found["repo"]) if found else None
        if found is None or repository is None:
            self._refuse(404, "RepoNotFound")
        elif repository.is_gated:
            self._refuse(403, "GatedRepo")
        elif found["revision"] not in ("main", repository.commit):
            self._refuse(404, "RevisionNotFound")
        elif found["name"] not in repository.files:
            self._refuse(404, "EntryNotFound", {"X-Repo-Commit": repository.commit})
        else:
            body = repository.files[found["name"]]
            start = int(wanted.removeprefix("bytes=").rstrip("-") or 0)
            self._begin(repository, found["repo"], found["name"], body, start)
            if with_body:
                self._send(f"{found['repo']}/{found['name']}", body, start)

    def _introduce_storage(self, hub: Hub) -> None:
        self._respond(
            200,
            {
                "X-Xet-Cas-Url": hub.storage,
                "X-Xet-Access-Token": "token",
                "X-Xet-Token-Expiration": str(int(time.time()) + 3600),
                "Content-Length": "0",
            },
        )

    def _refuse(self, status: int, code: str, headers: dict[str, str] | None = None) -> None:
        self._respond(status, {"X-Error-Code": code, "Content-Length": "0", **(headers or {})})

    def _begin(self, repository: Repository, repo: str, name: str, body: bytes, start: int) -> None:
        headers = {
            "X-Repo-Commit": repository.commit,
            "ETag": f'"{hashlib.sha256(body).hexdigest()}"',
            "Content-Length": str(len(body) - start),
            "Accept-Ranges": "bytes",
        }
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        if name in repository.xet_hashes:
            route = (
                f"{self.server.hub.address}/api/models/{repo}/xet-read-token/{repository.commit}"
            )
            headers |= {"X-Xet-Hash": repository.xet_hashes[name], "X-Xet-Refresh-Route": route}
        self._respond(206 if start else 200, headers)

    def _send(self, file: str, body: bytes, start: int) -> None:
        at, go_on = self.server.hub.obstacle(file) or (len(body), lambda: True)
        try:
            self.wfile.write(body[start:at])
            self.wfile.flush()
            if go_on():
                self.wfile.write(body[max(start, at) :])
        except ConnectionError:
            return  # whoever asked has gone

    def _respond(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
