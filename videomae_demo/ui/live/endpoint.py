"""What the page Live asks for: moments in, labels and rollout out; and moments kept for Explore.

Owns the route, what may be sent to it, and how the models are shared: live visitors take turns, and
where somebody who explores a clip waits, they leave the device alone for as long as the last pass
took, so that half of it at the least is for the others. Frames are written to disk for a moment
that is to be kept, and for nothing else.
"""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import anyio
import numpy as np
from anyio.to_thread import run_sync
from numpy.typing import NDArray

from videomae_demo.cancellation import cancellable
from videomae_demo.errors import RequestError, shown
from videomae_demo.lenses import moment
from videomae_demo.lenses.moment import MomentView
from videomae_demo.lenses.recognise import MOTIONS_ONLY, probability
from videomae_demo.pool import ExplorerPool
from videomae_demo.rendering.frames import to_png
from videomae_demo.ui.gradio_edge.gate import API
from videomae_demo.ui.live.places import FullError, OlderError, Places
from videomae_demo.ui.live.sprite import Sheet, read_sprite
from videomae_demo.ui.route import Route, visitor_of
from videomae_demo.ui.token_player.sprites import SaveBytes
from videomae_demo.ui.token_player.value import encode_scores
from videomae_demo.video.encode import encode_lossless

if TYPE_CHECKING:
    from videomae_demo.engine.roles import CheckpointCard
    from videomae_demo.explorer import Explorer

LARGEST_SPRITE = 8 * 2**20
"""In bytes: of a moment that is kept. One to look at has some ten thousand."""
LONGEST_REST_S = 2.0
TOP_K = 5


class Live(Route):
    """Answers for the page Live, as an application that stands beside gradio's; see `Edge.mount`.

    Its route tells on GET what the page has to send. On POST, ``?do=look`` answers a moment,
    ``do=keep`` writes it as a clip and names the file, and ``do=leave`` gives the place back. Each
    names the ``visitor``, 32 hexadecimal digits that a page makes up.

    Parameters
    ----------
    pool : ExplorerPool
    save : callable
        Keeps a clip for a while; see `sprites.SaveBytes`.
    places : Places
    """

    route = f"{API}live"
    largest_body = LARGEST_SPRITE
    subject = "A moment"
    statuses = MappingProxyType({FullError: 503, OlderError: 409})

    def __init__(self, pool: ExplorerPool, save: SaveBytes, places: Places) -> None:
        self._pool = pool
        self._save = save
        self._places = places
        self._turn = anyio.Lock()
        self._rests_until = 0.0
        self._looking, self._keeping = anyio.CapacityLimiter(1), anyio.CapacityLimiter(1)

    async def read(self, query: Mapping[str, str]) -> dict[str, Any]:
        """Say what the page has to send."""
        return await run_sync(self._facts)

    async def do(self, query: Mapping[str, str], body: bytes) -> dict[str, Any]:
        """Answer a moment, keep it, or give the place back."""
        what, visitor = query.get("do", ""), visitor_of(query)
        if what == "leave":
            self._places.leave(visitor)
            return {}
        if what not in ("look", "keep"):
            raise RequestError(f"do is {shown(what)}; give look, keep or leave.")
        self._places.take(visitor)
        if what == "keep":
            return await run_sync(self._keep, body, limiter=self._keeping)
        reconstruct = query.get("reconstruct") == "1"
        async with self._places.newest(visitor) as wish, self._turn:
            await anyio.sleep(max(0.0, self._rests_until - time.monotonic()))
            began = time.monotonic()
            with cancellable(wish):
                view = await run_sync(self._look, body, reconstruct, limiter=self._looking)
            now = time.monotonic()
            self._rests_until = now + min(now - began, LONGEST_REST_S) if view.awaited else now
        return {**_told(view), "model_s": round(now - began, 4)}

    def _explorer(self) -> Explorer:
        if "SPACES_ZERO_GPU" in os.environ:
            raise RequestError(
                "This machine lends a GPU for one question at a time, too slowly for Live; start "
                "the page on a machine of your own."
            )
        name = self._pool.usable
        if self._pool.absent(name, ("recogniser",)):
            raise RequestError(
                "The weights are not on this machine yet: open Explore first, which fetches them."
            )
        return self._pool.get(name)

    def _facts(self) -> dict[str, Any]:
        """Say what the page has to send, and how to show what comes back."""
        explorer = self._explorer()
        card = explorer.recogniser.card
        sheet = _sheet(card)
        return {
            "title": card.title,
            "device": str(explorer.device),
            "note": f"{MOTIONS_ONLY}." if card.is_bundled else "",
            "frames": sheet.count,
            "height": sheet.height,
            "width": sheet.width,
            "times": sheet.times,
            "interval_s": interval_s(card),
            "grid": list(card.grid.shape),
            "labels": min(TOP_K, card.label_count),
            "scale_end": moment.SCALE_END,
        }

    def _look(self, body: bytes, reconstruct: bool) -> MomentView:
        """Answer a moment."""
        explorer = self._explorer()
        frames = read_sprite(body, _sheet(explorer.recogniser.card))
        return moment.ask(explorer, frames, reconstruct=reconstruct)

    def _keep(self, body: bytes) -> dict[str, Any]:
        """Write a moment as a clip that holds exactly these frames; name the file."""
        card = self._explorer().recogniser.card
        frames = read_sprite(body, _sheet(card).larger())
        clip = encode_lossless(frames, 1 / interval_s(card))
        path = self._save(clip, f"live {time.strftime('%H-%M-%S')}.mp4")
        return {"path": path, "name": Path(path).name}


def interval_s(card: CheckpointCard) -> float:
    """Return the time between frames that a checkpoint was trained on."""
    rule = card.sampling
    return rule.interval_s if rule.interval_s is not None else 0.125


def _sheet(card: CheckpointCard) -> Sheet:
    height, width = card.frame_size
    return Sheet(card.frame_count, height, width)


def _told(view: MomentView) -> dict[str, Any]:
    told: dict[str, Any] = {
        "labels": [
            {
                "label": score.label,
                "probability": score.probability,
                "text": probability(score.probability),
            }
            for score in view.classification.top(TOP_K)
        ],
        "headline": view.headline(),
        "scores": encode_scores(view.rollout.times_uniform),
        "imagined": None,
    }
    pictures = view.newest()
    if pictures is not None:
        visible, rebuilt = map(_picture, pictures)
        told["imagined"] = {"visible": visible, "rebuilt": rebuilt, "told": view.compared()}
    return told


def _picture(picture: NDArray[np.uint8]) -> str:
    return "data:image/png;base64," + base64.b64encode(to_png(picture)).decode("ascii")
