"""How much memory this process has taken, and how much more it may take; known on Linux only."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ProcessSize:
    """How large a process is, in bytes.

    Attributes
    ----------
    resident : int
        What lies in memory.
    data : int
        What is reserved to be written; this is what RLIMIT_DATA bounds.
    space : int
        All addresses in use; this is what RLIMIT_AS bounds.
    """

    resident: int
    data: int
    space: int

    @classmethod
    def of(cls, process: int | str = "self") -> ProcessSize:
        """Measure a process by its number.

        Raises
        ------
        OSError
            If there is none.
        """
        import resource

        text = Path(f"/proc/{process}/statm").read_text(encoding="ascii")
        space, resident, _, _, _, data, _ = (
            int(pages) * resource.getpagesize() for pages in text.split()
        )
        return cls(resident, data, space)


def bytes_left() -> float:
    """Return how many bytes this process may still reserve; infinite if it is not bounded."""
    if sys.platform != "linux":
        return float("inf")
    import resource

    most, _ = resource.getrlimit(resource.RLIMIT_DATA)
    return float("inf") if most == resource.RLIM_INFINITY else most - ProcessSize.of().data
