"""A lens that is registered appears on the page and among the endpoints; no other file knows it."""

from pathlib import Path

import pytest
from conftest import free_port, page_command, serve, wait_until
from gradio_client import Client, handle_file
from playwright.sync_api import expect
from visitor import PATIENCE_MS, Visitor

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def address(tmp_path_factory, recogniser_folder, reconstructor_folder, examples_folder):
    port = free_port()
    _, *arguments = page_command(port, recogniser_folder, reconstructor_folder, examples_folder)
    script = str(Path(__file__).with_name("a_lens.py"))
    yield from serve([script, *arguments], port, tmp_path_factory.mktemp("server") / "log")


def test_it_has_a_tab_that_asks_and_shows(browser, address):
    context = browser.new_context(viewport={"width": 1920, "height": 900}, reduced_motion="reduce")
    try:
        visitor = Visitor(context.new_page(), address)
        visitor.go_to("Count")
        counted = visitor.page.locator("#counted")
        expect(counted).to_contain_text("4 frames")
        word = visitor.page.get_by_label("Word", exact=True)
        word.fill("pictures")
        word.press("Enter")
        expect(counted).to_contain_text("4 pictures")
        visitor.page.locator("#python").get_by_role("button", name="This view in Python").click()
        code = visitor.page.locator("#code")

        def is_told() -> bool:
            # Of a long text, the editor makes the lines alone that are in sight.
            code.evaluate("code => code.scrollIntoView({ block: 'end' })")
            return "'pictures'" in code.inner_text()

        wait_until(is_told)
        visitor.page.locator("#take-away-count").get_by_role("button", name="Take it away").click()
        visitor.page.locator("#write-count").click()
        expect(visitor.page.locator("#files-count")).to_contain_text("count", timeout=PATIENCE_MS)
        visitor.pick(1)
        expect(visitor.page.locator("#seen")).to_contain_text("bold.mp4")
        visitor.wait_until_explored()
        expect(counted).to_contain_text("4 pictures")
        assert visitor.complaints == []
    finally:
        context.close()


def test_it_has_an_endpoint(address, clip_path):
    client = Client(address, verbose=False, analytics_enabled=False)
    try:
        assert client.predict(handle_file(clip_path), api_name="/count") == {"frames": 4}
        assert client.predict(handle_file(clip_path), "", "of them", api_name="/count") == {
            "of them": 4
        }
    finally:
        client.close()
