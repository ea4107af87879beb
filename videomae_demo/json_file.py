"""Read untrusted JSON files, within bounds."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from videomae_demo.errors import CheckpointError

LARGEST_MB = 4
"""In units of 2**20 bytes; the configuration of a model with 20 000 named labels takes two."""
DEEPEST = 32
"""Objects and lists inside one another; a configuration needs three."""


def read_json_object(path: Path, title: str) -> dict[str, Any]:
    """Read a JSON object; `title` says in a message what the file is.

    Raises
    ------
    CheckpointError
        When the file can't be read, is too large, is nested too deeply, or is not the text of a
        JSON object.
    """
    largest = LARGEST_MB * 2**20
    try:
        with path.open("rb") as file:
            content = file.read(largest + 1)
    except OSError as error:
        raise CheckpointError(f"{title} {path} can't be read: {error}.") from error
    if len(content) > largest:
        raise CheckpointError(f"{title} {path} is larger than {LARGEST_MB} MB; check the file.")
    try:
        values = json.loads(content.decode("utf-8"))
        json.dumps(values, ensure_ascii=False).encode("utf-8")  # refuses halves of characters
        too_deep = _depth(values) > DEEPEST
    except RecursionError:
        too_deep = True
    except ValueError as error:
        raise CheckpointError(f"{title} {path} can't be read: {error}.") from error
    if too_deep:
        raise CheckpointError(
            f"{title} {path} is nested more than {DEEPEST} levels deep; check the file."
        )
    if not isinstance(values, dict):
        raise CheckpointError(f"{title} {path} does not hold a JSON object.")
    return values


def _depth(value: Any) -> int:
    """Count the levels without recursion."""
    level, depth = _containers([value]), 0
    while level:
        depth += 1
        inside = (item.values() if isinstance(item, dict) else item for item in level)
        level = _containers(itertools.chain.from_iterable(inside))
    return depth


def _containers(items: Iterable[Any]) -> list[Any]:
    return [item for item in items if isinstance(item, dict | list)]
