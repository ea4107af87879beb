"""From the labels of a data set to those of a checkpoint, and what does not fit.

Names in, names out; knows no clip and no model.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

FEW = 5
"""So many names are told one by one."""


@dataclass(frozen=True, slots=True)
class Naming:
    """Which label of the checkpoint each label of the data set means.

    Attributes
    ----------
    means : mapping of str to str
        From the data set's labels to the checkpoint's; those that it does not know are left out.
    unknown : tuple of str
        Labels of the data set that the checkpoint does not know.
    absent : tuple of str
        Labels of the checkpoint of which the data set has no clips.
    rewritten : tuple of (str, str)
        Labels that are written otherwise (case, spaces, underscores, signs).
    by_number : bool
        Whether the data set gives numbers, taken for places in the checkpoint's own order.
    """

    means: Mapping[str, str]
    unknown: tuple[str, ...]
    absent: tuple[str, ...]
    rewritten: tuple[tuple[str, str], ...]
    by_number: bool

    def sentences(self) -> list[str]:
        """Say what does not fit, and what was taken for what."""
        said = []
        if self.by_number:
            said.append(
                "The data set gives its labels as numbers; they are taken for the places of labels "
                "in the checkpoint, counted from 0."
            )
        if self.rewritten:
            pairs = [f"{given!r} is {own!r}" for given, own in self.rewritten]
            said.append(f"Labels that are written otherwise: {_some(pairs)}.")
        if self.unknown:
            what = f"{len(self.unknown)} label" + ("" if len(self.unknown) == 1 else "s")
            said.append(
                f"The checkpoint does not know {what} of the data set; such clips count neither as "
                f"right nor as wrong: {_some([repr(name) for name in self.unknown])}."
            )
        if self.absent and self.means:
            what = f"{len(self.absent)} label" + ("" if len(self.absent) == 1 else "s")
            some = _some([repr(name) for name in self.absent])
            said.append(f"The checkpoint knows {what} of which the data set has no clips: {some}.")
        return said


def name_labels(given: Iterable[str | None], known: Sequence[str]) -> Naming:
    """Find out which of the checkpoint's labels the data set's labels mean.

    A label means the one of the same name; if there is none, the one that differs only in case,
    spaces and signs; if all labels of the data set are whole numbers and none is a name, the ones
    at these places.

    Parameters
    ----------
    given : iterable of str or None
        The data set's labels, in any order and as often as they come.
    known : sequence of str
        The checkpoint's labels, in its order.
    """
    names = sorted({name for name in given if name is not None})
    by_number = bool(names) and all(re.fullmatch(r"\d{1,9}", name) for name in names)
    by_number = by_number and not set(names) & set(known)
    means: dict[str, str] = {}
    if by_number:
        means = {name: known[int(name)] for name in names if int(name) < len(known)}
    else:
        alike: dict[str, list[str]] = {}
        for own in known:
            alike.setdefault(_plain(own), []).append(own)
        for name in names:
            near = [name] if name in known else alike.get(_plain(name), [])
            if len(near) == 1:  # of two that differ only in their signs, none is meant
                means[name] = near[0]
    meant = set(means.values())
    return Naming(
        means,
        tuple(name for name in names if name not in means),
        tuple(own for own in known if own not in meant),
        tuple((name, own) for name, own in means.items() if name != own and not by_number),
        by_number,
    )


def _plain(name: str) -> str:
    """Return a name without case, spaces and signs."""
    return re.sub(r"[\W_]+", "", name.casefold())


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - FEW} more" if len(names) > FEW else ""
    return ", ".join(names[:FEW]) + more
