"""Somebody who opens the page: waits for conditions, never for a time."""

import base64
import io

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
            self.complaints.append(f"{message.text} ({message.location['url']})")

    def wait_until_explored(self) -> None:
        """Wait until the lens that is open has drawn its answer, and nothing is at work."""
        self.page.wait_for_function(
            """() => {
                const shown = document.querySelector("#player .vp")?.dataset;
                const { drawn } = document.querySelector("#player .vp-stage")?.dataset ?? {};
                const isReady = shown?.lens && shown.ready.split(" ").includes(shown.lens);
                return isReady && drawn?.startsWith(`${shown.lens}:`);
            }""",
            timeout=PATIENCE_MS,
        )
        expect(self.page.locator("#working")).not_to_be_visible()

    def go_to(self, lens: str) -> None:
        """Open a lens, and wait until it shows its answer."""
        if self.page.locator(".sheet-open").count():
            self.page.keyboard.press("Escape")
        tab = self.page.get_by_role("tab", name=lens)
        if not tab.is_visible():  # there was no room for it
            self.page.locator("#lenses .overflow-menu > button").click()
            tab = self.page.locator("#lenses .overflow-dropdown").get_by_text(lens, exact=True)
        tab.click()
        name = lens.lower().replace(" ", "_")
        expect(self.page.locator(f"#player .vp[data-lens={name}]")).to_be_visible()
        drawn = self.page.locator(f"#player .vp-stage[data-drawn^={name}]")
        expect(drawn.first).to_be_visible()

    def open_clips(self) -> None:
        """Open the sheet with the clip's field, the examples and the sampling."""
        self._open_sheet("change")

    def open_weights(self) -> None:
        """Open the sheet with the weights."""
        self._open_sheet("weights")

    def _open_sheet(self, name: str) -> None:
        opener = self.page.locator(f"#bar .bar-{name}")
        if opener.get_attribute("aria-expanded") == "false":
            opener.click()

    def pick(self, index: int) -> None:
        """Choose an example."""
        self.open_clips()
        self.page.locator("#examples button").nth(index).click()

    def press_explore(self) -> None:
        """Explore what is in the clip's field."""
        self.open_clips()
        self.page.locator("#explore").click()

    def clear(self) -> None:
        """Empty the clip's field."""
        self.open_clips()
        self.page.get_by_role("button", name="Clear").click()

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
