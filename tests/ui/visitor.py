"""Somebody who opens the page: waits for conditions, never for a time."""

import base64
import io
import re

import numpy as np
from PIL import Image
from playwright.sync_api import Page, expect

PATIENCE_MS = 180_000
expect.set_options(timeout=60_000)


class Visitor:
    """A page, and all that it asked for and complained about."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._listen)
        page.goto(address, timeout=PATIENCE_MS)
        self.wait_until_explored()

    def _listen(self, message) -> None:
        if message.type == "error":
            self.complaints.append(message.text)

    def wait_until_explored(self) -> None:
        player = self.page.locator("#player .vp")
        expect(player).to_have_attribute(
            "data-ready", re.compile("reconstruct"), timeout=PATIENCE_MS
        )
        expect(self.page.locator("#working")).not_to_be_visible()

    def go_to(self, lens: str) -> None:
        self.page.get_by_role("tab", name=lens).click()
        name = lens.lower()
        expect(self.page.locator(f"#player .vp[data-lens={name}]")).to_be_visible()
        drawn = self.page.locator(f"#player .vp-stage[data-drawn^={name}]")
        expect(drawn.first).to_be_visible()

    def stage(self, index: int = 0):
        return self.page.locator("#player .vp-stage").nth(index)

    def pixels(self, index: int = 0) -> str:
        return self.stage(index).locator("canvas").evaluate("canvas => canvas.toDataURL()")

    def picture(self, index: int = 0) -> np.ndarray:
        """The pixels of one picture, (H, W, 3) uint8."""
        content = base64.b64decode(self.pixels(index).partition(",")[2])
        return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))

    def readout(self):
        return self.page.locator("#player .vp-readout")
