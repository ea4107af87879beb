"""Somebody who opens the page: waits for conditions, never for a time."""

import base64
import io

import numpy as np
from PIL import Image
from playwright.sync_api import Page, expect

PATIENCE_MS = 180_000
"""For what takes long, and for all that playwright waits for without being told how long."""
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
        page.goto(address)
        self.wait_until_explored()

    def _listen(self, message) -> None:
        if message.type == "error":
            self.complaints.append(f"{message.text} ({message.location['url']})")

    def comes_to_the_front(self) -> None:
        """Of several tabs, a browser draws the others once a second at most."""
        self.page.bring_to_front()

    def wait_until_explored(self) -> None:
        """Wait until the lens that is open has drawn its pictures, and nothing is at work."""
        self.page.wait_for_function(
            """() => {
                const shown = document.querySelector("#player .vp")?.dataset;
                const isReady = shown?.lens && shown.ready.split(" ").includes(shown.lens);
                const stages = [...document.querySelectorAll("#player .vp-stage")];
                const isDrawn = (stage) => stage.dataset.drawn?.startsWith(`${shown.lens}:`);
                return isReady && stages.length > 0 && stages.every(isDrawn);
            }""",
        )
        expect(self.page.locator("#working")).not_to_be_visible()

    def go_to(self, lens: str) -> None:
        """Open a lens, and wait until it has drawn its pictures."""
        self.open_tab(lens)
        name = lens.lower().replace(" ", "_")
        expect(self.page.locator(f"#player .vp[data-lens={name}]")).to_be_visible()
        drawn = f"[data-drawn^='{name}:']"
        expect(self.page.locator(f"#player .vp-stage{drawn}").first).to_be_visible()
        expect(self.page.locator(f"#player .vp-stage:not({drawn})")).to_have_count(0)

    def open_tab(self, lens: str) -> None:
        """Open a lens, and wait for nothing."""
        if self.page.locator(".sheet-open").count():
            self.page.keyboard.press("Escape")
        tab = self.page.get_by_role("tab", name=lens)
        if not tab.is_visible():  # there was no room for it
            self.page.locator("#lenses .overflow-menu > button").click()
            tab = self.page.locator("#lenses .overflow-dropdown").get_by_text(lens, exact=True)
        tab.click()

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
