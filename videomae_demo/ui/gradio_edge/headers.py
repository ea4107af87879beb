"""What a browser is told about every answer: what it may load, embed and run, and for whom.

Other sites may not talk to the page. Gradio would allow them to read its answers, unless the page
runs on this machine: so gradio never sees a request's origin.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from videomae_demo.ui.gradio_edge.gate import API, route_of
from videomae_demo.ui.gradio_edge.refusals import Refusal, refuse

EMBEDDERS = "'self' https://huggingface.co https://*.hf.space"
"""Who may show the page in a frame: the page itself, and the hub, which shows a Space."""

# Gradio's page has scripts and styles within it, and makes functions of our components' scripts.
PAGE_POLICY = {
    "default-src": "'self'",
    "script-src": "'self' 'unsafe-inline' 'unsafe-eval' blob:",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "media-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "connect-src": "'self' data: blob:",
    "worker-src": "'self' blob:",
    "object-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
    "frame-ancestors": EMBEDDERS,
}
# What a visitor uploaded may be looked at; it runs nothing, and loads nothing.
FILE_POLICY = {
    "default-src": "'none'",
    "img-src": "'self'",
    "media-src": "'self'",
    "style-src": "'unsafe-inline'",
    "frame-ancestors": EMBEDDERS,
    "sandbox": "",
}
PERMISSIONS = "camera=(self), microphone=(), geolocation=()"
"""The camera is for the page itself, which asks for it when somebody presses a button."""
SHARED_SCRIPTS = "https://gradio.s3-us-west-2.amazonaws.com"
"""Where the page of a share link takes gradio's scripts from."""


class HeadersAndOrigins:
    """An ASGI middleware around all others; `shared` tells that the page has a share link."""

    def __init__(self, app: ASGIApp, *, shared: bool = False) -> None:
        self._app = app
        self._page_policy = _policy(PAGE_POLICY, SHARED_SCRIPTS if shared else "")
        self._file_policy = _policy(FILE_POLICY)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on without its origin, or refuse it because of its origin."""
        is_file = route_of(scope).startswith((f"{API}file=", f"{API}file/"))
        policy = self._file_policy if is_file else self._page_policy

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "same-origin"
                headers["Content-Security-Policy"] = policy
                headers["Permissions-Policy"] = PERMISSIONS
            await send(message)

        foreign = foreign_origin(Headers(scope=scope))
        if foreign is not None and scope["method"] not in ("GET", "HEAD"):
            refusal = Refusal(
                403,
                f"The request comes from {foreign}, and the page answers only its own. A proxy in "
                "front of the page has to pass on Host or X-Forwarded-Host.",
            )
            await refuse(refusal, scope, receive, send_with_headers)
            return
        kept = [(name, value) for name, value in scope["headers"] if name != b"origin"]
        await self._app({**scope, "headers": kept}, receive, send_with_headers)


def foreign_origin(headers: Headers) -> str | None:
    """Return the site from which a browser sent the request, if that is not the page itself."""
    origin = headers.get("origin")
    if origin is None or headers.get("sec-fetch-site") == "same-origin":
        return None
    hosts = {headers.get("host", ""), headers.get("x-forwarded-host", "").split(",")[0].strip()}
    try:
        site = urlsplit(origin).netloc
    except ValueError:  # no address: "http://["
        return origin
    return None if site in hosts - {""} else origin


def _policy(directives: dict[str, str], more_scripts: str = "") -> str:
    more = (
        {"script-src", "style-src", "font-src", "img-src", "connect-src"} if more_scripts else set()
    )
    return "; ".join(
        " ".join(filter(None, (name, value, more_scripts if name in more else "")))
        for name, value in directives.items()
    )
