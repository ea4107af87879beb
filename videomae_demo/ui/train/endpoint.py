"""What the page Train asks for: a training's state, and what is to be done with it.

Owns the route, the pictures, and the checkpoints that are made of what was learnt.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import anyio
import numpy as np
from anyio.to_thread import run_sync
from numpy.typing import NDArray
from starlette.responses import Response

from videomae_demo.errors import RequestError, shown
from videomae_demo.lenses.recognise import probability
from videomae_demo.pool import ExplorerPool
from videomae_demo.rendering.frames import to_png
from videomae_demo.training.live.settings import NOTHING_HERE, read_settings, tiny_config
from videomae_demo.ui.gradio_edge.gate import API
from videomae_demo.ui.route import Route, visitor_of
from videomae_demo.ui.token_player.sprites import SPRITE_COLUMNS, lay_out
from videomae_demo.ui.train import words
from videomae_demo.ui.train.taking import Taken, Taking
from videomae_demo.ui.train.workshop import TakenError, Training, Workshop

ZIP_NAME = "videomae-trained-here"
TOP_K = 5


class Train(Route):
    """Answers for the page Train; see `Route`.

    On GET, ``?do=facts`` tells what can be trained, ``do=state`` how the training is, and
    ``do=zip`` gives what was learnt as a file. On POST, ``do=begin`` takes settings as JSON, and
    ``do=play``, ``step``, ``pause``, ``open`` and ``leave`` do what they say. Each names the
    ``visitor``.

    Parameters
    ----------
    pool : ExplorerPool
        Gets what was learnt, when it is to be explored.
    workshop : Workshop
    folder, keep
        See `Taking`.
    """

    route = f"{API}train"
    largest_body = 4096
    subject = "A training"
    statuses = MappingProxyType({TakenError: 503})

    def __init__(
        self,
        pool: ExplorerPool,
        workshop: Workshop,
        folder: Path,
        keep: Callable[[str], object] = str,
    ) -> None:
        self._workshop = workshop
        self._taking = Taking(pool, folder, keep)
        self._sheet = (0, -1, "")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Train while the scope is open."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._workshop.work)
            yield
            group.cancel_scope.cancel()

    async def read(self, query: Mapping[str, str]) -> dict[str, Any] | Response:
        """Tell the facts, the state, or give the zip."""
        what, visitor = query.get("do", ""), visitor_of(query)
        if what == "facts":
            return await run_sync(self._facts)
        if what == "state":
            return self._state(visitor, query)
        if what != "zip":
            raise RequestError(f"do is {shown(what)}; give facts, state or zip.")
        self._workshop.take(visitor)
        async with self._workshop.turn:
            content = await run_sync(self._taking.pack, self._learnt(), ZIP_NAME)
        named = {"content-disposition": f'attachment; filename="{ZIP_NAME}.zip"'}
        return Response(content, media_type="application/zip", headers=named)

    async def do(self, query: Mapping[str, str], body: bytes) -> dict[str, Any]:
        """Begin, play, take a step, pause, open or leave; answer with the state."""
        what, visitor = query.get("do", ""), visitor_of(query)
        self._check_on()
        workshop = self._workshop
        if what == "leave":
            workshop.leave(visitor)
            return {}
        if what == "begin":
            mode, told = _read_body(body)
            workshop.begin(visitor, read_settings(mode, told))
        elif what == "play":
            workshop.play(visitor)
        elif what == "step":
            workshop.play(visitor, 1)
        elif what == "pause":
            workshop.pause(visitor)
        elif what == "open":
            workshop.take(visitor)
            async with workshop.turn:
                return {"weights": await run_sync(self._taking.open, self._learnt())}
        else:
            raise RequestError(
                f"do is {shown(what)}; give begin, play, step, pause, open or leave."
            )
        return self._state(visitor, query)

    def _check_on(self) -> None:
        off = self._off()
        if off:
            raise RequestError(off)

    def _off(self) -> str:
        """Say why nothing can be trained here; empty if it can."""
        if "SPACES_ZERO_GPU" in os.environ:
            return words.LENT_GPU
        return "" if self._workshop.minutes else words.OFF

    def _facts(self) -> dict[str, Any]:
        if off := self._off():
            return {"off": off}
        from videomae_demo.device import choose_device
        from videomae_demo.training.live.beginning import count_weights
        from videomae_demo.training.synthetic import FRAME_INTERVAL_S

        config = tiny_config()
        return {
            "off": "",
            "device": str(choose_device()),
            "model": words.tell_model(config, count_weights(config)),
            "interval_s": FRAME_INTERVAL_S,
        }

    def _learnt(self) -> Taken:
        training = self._workshop.training
        if training is None or training.run is None or training.held_out is None:
            raise RequestError(words.NOT_YET)
        return Taken(training, training.run, training.held_out)

    # ---- the state -------------------------------------------------------------------------------

    def _state(self, visitor: str, query: Mapping[str, str]) -> dict[str, Any]:
        """Tell what the page does not know yet: it says what it has."""
        workshop = self._workshop
        told: dict[str, Any] = {
            "owner": workshop.owner(visitor),
            "state": workshop.state,
            "taken": words.TAKEN,
            "nothing_here": "" if workshop.has_pretrained else NOTHING_HERE,
        }
        training = workshop.training
        if training is None:
            return told | {"run": 0, "why": words.NOTHING}
        is_known = query.get("run") == str(training.number)
        has = {name: _count(query.get(name)) if is_known else 0 for name in ("losses", "measured")}
        told |= {
            "run": training.number,
            "mode": training.settings.mode,
            "settings": training.settings.to_json(),
            "started": training.started,
            "why": training.why,
            "made": training.made,
            "step": training.step,
            "steps": training.settings.steps,
            "pace": words.tell_pace(training.step, training.settings.steps, training.per_s),
            "first_loss": has["losses"],
            "losses": [float(f"{loss:.5g}") for loss in training.losses[has["losses"] :]],
            "first_measured": has["measured"],
            "measured": [
                [one.step, one.loss, one.score] for one in training.measured[has["measured"] :]
            ],
        }
        if training.run is not None and not (is_known and query.get("subject") == "1"):
            told["subject"] = self._subject(training)
        if training.held_out is not None and training.run is not None:
            told |= self._now(training, query if is_known else {})
        return told

    def _subject(self, training: Training) -> dict[str, Any]:
        assert training.run is not None
        subject, config = training.run.subject, training.run.config
        height, width = config.frame_size
        weights = sum(weight.numel() for weight in training.run.model.parameters())
        return {
            "clip": _picture(subject.clip),
            "visible": None if subject.visible is None else _picture(subject.visible),
            "frames": len(subject.clip),
            "height": height,
            "width": width,
            "columns": SPRITE_COLUMNS,
            "label": subject.label,
            "rival": words.rival_name(subject),
            "rival_loss": subject.rival_loss,
            "rival_score": subject.rival_score,
            "model": words.tell_model(config, weights),
        }

    def _now(self, training: Training, query: Mapping[str, str]) -> dict[str, Any]:
        """Tell what the model makes of the held-out clips now, if the page does not have that."""
        assert training.held_out is not None and training.run is not None
        held, at = training.held_out, training.measured[-1].step
        if query.get("at") == str(at):
            return {}
        told: dict[str, Any] = {"at": at, "verdict": words.verdict(training.run.subject, held)}
        if held.picture is not None:
            if self._sheet[:2] != (training.number, at):
                self._sheet = (training.number, at, _picture(held.picture))
            told["picture"] = self._sheet[2]
        if held.probabilities:
            best = sorted(held.probabilities.items(), key=lambda pair: -pair[1])[:TOP_K]
            told["labels"] = [
                {"label": label, "probability": share, "text": probability(share)}
                for label, share in best
            ]
        return told


def _count(given: str | None) -> int:
    return int(given) if given and given.isascii() and given.isdigit() and len(given) < 9 else 0


def _read_body(body: bytes) -> tuple[object, Mapping[str, Any]]:
    """Return the mode and the settings that a page sends."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict) or not isinstance(told.get("settings"), dict):
        raise RequestError('Send {"mode": ..., "settings": {...}} as JSON.')
    return told.get("mode"), told["settings"]


def _picture(frames: NDArray[np.uint8]) -> str:
    """Return frames on one sheet, as an address that holds the picture."""
    return "data:image/png;base64," + base64.b64encode(to_png(lay_out(frames))).decode("ascii")
