"""The address of a view: what it shows as a query, by which it is found again.

A clip of a visitor's own has no address: it is gone after a while, and is nobody else's business.
That of a data set of this machine has one, by its name there, which that machine alone understands.
What an address says is as foreign as anything else: what makes no sense is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl

from videomae_demo.errors import RequestError
from videomae_demo.ui import controls
from videomae_demo.ui.controls import SAMPLING_NAMES, Sampling
from videomae_demo.ui.dataset.listed import ListedClips
from videomae_demo.ui.examples import Example
from videomae_demo.ui.lenses.lens import PageLens
from videomae_demo.ui.session import Session

LONGEST = 4096
"""A query may have so many characters."""


def write_address(
    session: Session,
    lenses: Sequence[PageLens],
    clips: Sequence[Example],
    usual_weights: str,
    listed: ListedClips | None = None,
) -> dict[str, str] | None:
    """Return the query of a view; None if its clip is none of `clips`, and is not `listed`."""
    path = None if session.clip is None else Path(session.clip.path)
    example = next((one for one in clips if one.path == path), None)
    query = None if path is None or listed is None else listed.address(path)
    if example is not None:
        query = {"example": example.name}
    if query is None:
        return None
    if session.weights != usual_weights:
        query["weights"] = session.weights
    if session.lens not in ("", lenses[0].name):
        query["lens"] = session.lens
    if session.token is not None:
        query["token"] = ",".join(map(str, session.token))
    query |= session.sampling.to_query()
    for lens in lenses:
        query |= lens.address(session)
    return query


def read_query(query: object) -> dict[str, str]:
    """Return what a query says by name; the last value of each."""
    if not isinstance(query, str) or len(query) > LONGEST:
        return {}
    return dict(parse_qsl(query.removeprefix("?")))


def read_sampling(given: Mapping[str, str]) -> Sampling:
    """Return the sampling that an address asks for."""
    fields: dict[str, object] = {"start_s": given.get("start")}
    if given.get("frames") in SAMPLING_NAMES:
        fields["kind"] = SAMPLING_NAMES[given["frames"]]
    for name, field in (("interval", "interval_s"), ("step", "step")):
        if name in given:
            fields[field] = controls.plain_number(given[name])
    fields["stored_pixels"] = "stored_pixels" in given
    fields["change"] = given.get("change")
    return controls.read_sampling(Sampling(), fields)[0]


def read_view(session: Session, lenses: Sequence[PageLens], given: Mapping[str, str]) -> Session:
    """Return a session that shows what an address says of a clip: the token, and what is asked."""
    for lens in lenses:
        try:
            session = session.asking(lens.name, lens.read(session, given))
        except RequestError:
            continue
    try:
        places = [controls.plain_number(place) for place in given.get("token", "").split(",")]
        token = controls.token(places if "token" in given else None)
    except RequestError:
        return session
    if token is not None and session.base is not None:
        grid = session.base.panes[0].grid
        if not all(0 <= place < size for place, size in zip(token, grid, strict=True)):
            return session
    return replace(session, token=token)
