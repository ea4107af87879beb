"""Who can reach the page, by what the environment says, and who asks for something."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.types import Scope


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


def is_from_here(scope: Scope) -> bool:
    """Tell whether a browser on this machine sent a request to the page's own address.

    The name in the address is looked at, too: another site's name may lead to this machine, and
    then that site's scripts would be answered. A proxy may stand on this machine for others.
    """
    headers = Headers(scope=scope)
    client = scope.get("client")
    host = re.sub(r":\d+$", "", headers.get("host", ""))
    forwarded = any(name in headers for name in ("forwarded", "x-forwarded-for"))
    return not forwarded and is_loopback(host) and (client is None or is_loopback(client[0]))
