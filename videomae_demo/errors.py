"""What can go wrong because of something a person gave us.

The tree::

    ExplorerError              (a ValueError: what was given can't be used)
    +-- VideoError             a file that is no clip, or a clip that can't be read
    +-- CheckpointError        weights that can't be found, read, or fitted to the model
    +-- RequestError           an argument out of range, or one that contradicts another
    +-- DeviceError            a device that has too little memory for what was asked

Every message is one sentence or two: what happened, the value seen, what to do. Command line and
page show it as it stands. Anything else that is raised is a defect of ours.
"""

from __future__ import annotations

import reprlib

_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = 80


class ExplorerError(ValueError):
    """Base of every failure that a person can cause and put right."""


class VideoError(ExplorerError):
    """The file is not a clip we can read."""


class CheckpointError(ExplorerError):
    """The weights can't be found, read, or fitted to the model."""


class RequestError(ExplorerError):
    """An argument is out of range, of the wrong shape, or contradicts another."""


class DeviceError(ExplorerError):
    """The device can't do what was asked: its memory is too small, or taken by others."""


def shown(value: object) -> str:
    """Write a foreign value for a message, as Python's `repr` does, but always short."""
    try:
        return _REPR.repr(value)
    except ValueError:  # Python refuses to write a whole number of several thousand digits
        return "a number of thousands of digits"
