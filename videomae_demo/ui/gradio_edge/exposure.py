"""Who can reach the page, by what the environment says."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping


def is_public(environment: Mapping[str, str]) -> bool:
    """Tell whether people beyond this machine can reach the page.

    That is so on a Space, with gradio's share link (``GRADIO_SHARE``), and when the server listens
    on more than the loopback address (``GRADIO_SERVER_NAME``).
    """
    return (
        "SPACE_ID" in environment
        or environment.get("GRADIO_SHARE", "").lower() == "true"
        or not is_loopback(environment.get("GRADIO_SERVER_NAME", "127.0.0.1"))
    )


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine itself; of a name, only of localhost."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:  # a name, which may stand for any address
        return False
