"""The main path as a visitor walks it, in Debian's Chromium. Nothing here waits for a time."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from playwright.sync_api import expect
from visitor import PATIENCE_MS, Visitor

from videomae_demo import ClipRequest, Explorer, MaskRequest, RolloutSettings
from videomae_demo.rendering.colour import Scale
from videomae_demo.rendering.overlay import overlay


def test_it_opens_finished_and_asks_nobody_else(open_page, page_address):
    visitor = open_page()
    expect(visitor.page.locator("#labels .panel-bars li")).to_have_count(3)
    expect(visitor.page.locator("#seen")).to_contain_text("a-moving_square.mp4")
    for lens in ("Attend", "Reconstruct"):
        visitor.go_to(lens)
    outside = [
        url for url in visitor.requests if not url.startswith((page_address, "data:", "blob:"))
    ]
    assert outside == []
    expect(visitor.page.locator("#clip video")).to_have_count(1)
    assert not [url for url in visitor.requests if "ffmpeg" in url]  # 32 MB, to trim it
    expect(visitor.page.get_by_label("Trim video to selection")).not_to_be_visible()
    assert visitor.complaints == []


def test_labels_are_those_of_the_explorer(open_page, recogniser_folder, clip_path):
    visitor = open_page()
    view = Explorer(str(recogniser_folder), device="cpu").classify(ClipRequest(clip_path))
    shown = visitor.page.locator("#labels .panel-bars .panel-name").all_inner_texts()
    assert shown == [score.label for score in view.classification.top(3)]


def test_a_chosen_token_changes_the_rollout_and_stays_in_the_other_lenses(open_page):
    visitor = open_page()
    visitor.go_to("Attend")
    before = visitor.pixels()
    expect(visitor.page.locator("#attention")).to_contain_text("average of all tokens")
    visitor.stage().click(position={"x": 10, "y": 10})
    expect(visitor.page.locator("#attention")).to_contain_text(
        "the token at time 0, row 0, column 0"
    )
    expect(visitor.readout()).to_contain_text("row 0, column 0")
    assert visitor.pixels() != before
    visitor.go_to("Reconstruct")
    expect(visitor.page.locator("#player .vp-chosen").first).to_be_visible()
    visitor.go_to("Attend")
    visitor.page.get_by_role("button", name="Start from what the head reads").click()
    expect(visitor.page.locator("#attention")).to_contain_text("average of all tokens")


def test_the_overlay_is_drawn_in_the_browser_alone(open_page):
    visitor = open_page()
    visitor.go_to("Attend")
    asked = len(visitor.requests)
    seen = {visitor.pixels()}
    visitor.page.get_by_label("colours").select_option("viridis")
    seen.add(visitor.pixels())
    visitor.page.get_by_label("smooth").uncheck()
    seen.add(visitor.pixels())
    visitor.page.get_by_label("Overlay opacity").fill("0")
    seen.add(visitor.pixels())
    assert len(seen) == 4
    assert not [url for url in visitor.requests[asked:] if "queue" in url]


@pytest.mark.parametrize("smooth", [True, False])
def test_the_picture_in_the_browser_is_the_one_in_the_files(
    open_page, recogniser_folder, clip_path, smooth
):
    visitor = open_page()
    visitor.go_to("Attend")
    visitor.page.get_by_label("smooth").set_checked(smooth)
    view = Explorer(str(recogniser_folder), device="cpu").attend(ClipRequest(clip_path))
    scores = view.rollout.times_uniform
    expected = overlay(view.clip.frames, scores, Scale(view.rollout.scale_end), smooth=smooth)
    for frame in range(len(expected)):
        difference = np.abs(visitor.picture().astype(int) - expected[frame])
        # Rounding may choose the neighbouring entry of the colour map.
        assert difference.max() <= 4, frame
        visitor.page.get_by_role("button", name="One frame on").click()


def test_weights_that_can_not_be_loaded_leave_the_page_as_it_was(open_page):
    visitor = open_page()
    visitor.open_weights()
    box = visitor.page.locator("#weights input")
    before = box.input_value()
    box.click()
    visitor.page.get_by_role("option").filter(has_text="Large, Kinetics-400").click()
    expect(visitor.page.locator("#offer")).to_contain_text("Loading downloads 2.6 GB")
    expect(visitor.page.locator("#offer")).to_contain_text("CC BY-NC 4.0")
    visitor.page.locator("#load").click()
    toast = visitor.page.get_by_test_id("toast-body")
    expect(toast).to_contain_text("can't be reached", timeout=PATIENCE_MS)
    expect(box).to_have_value(before)
    expect(visitor.page.locator("#load")).not_to_be_visible()


def test_layers_and_masks_are_followed(open_page):
    visitor = open_page()
    visitor.go_to("Attend")
    last = visitor.page.get_by_label("number input for To layer")
    last.fill("1")
    last.press("Enter")
    last.blur()
    expect(visitor.page.locator("#attention")).to_contain_text("layers 1 to 1")
    visitor.go_to("Reconstruct")
    visitor.page.locator("#mask-kind").get_by_label("random").check()
    expect(visitor.page.locator("#reconstruction")).to_contain_text("random mask, seed 0")
    visitor.page.locator("#another").click()
    expect(visitor.page.locator("#reconstruction")).to_contain_text("seed 1")
    visitor.page.locator("#preset-90").click()
    expect(visitor.page.locator("#reconstruction .panel-lead")).to_contain_text("28 of 32")


def test_a_painted_mask_is_what_the_model_gets(open_page):
    visitor = open_page()
    visitor.go_to("Reconstruct")
    lead = visitor.page.locator("#reconstruction .panel-lead")
    expect(lead).to_contain_text("24 of 32")
    visitor.page.get_by_role("button", name="Paint the mask").click()
    visitor.stage(1).scroll_into_view_if_needed()
    box = visitor.stage(1).bounding_box()
    visitor.page.mouse.move(box["x"] + 4, box["y"] + 4)
    visitor.page.mouse.down()
    visitor.page.mouse.move(box["x"] + box["width"] - 4, box["y"] + 4, steps=12)
    visitor.page.mouse.up()
    expect(visitor.page.locator("#reconstruction")).to_contain_text("painted by hand")
    expect(visitor.page.locator("#mask-kind").get_by_label("painted")).to_be_checked()
    expect(lead).not_to_contain_text("24 of 32")


def test_a_label_is_looked_up(open_page):
    visitor = open_page()
    box = visitor.page.get_by_role("combobox", name="What does the clip")
    box.click()
    visitor.page.get_by_role("option", name="staying still").click()
    expect(visitor.page.locator("#labels")).to_contain_text(
        re.compile(r"staying still: .*rank \d of 3\. If this is what the clip shows, the model is")
    )


def test_an_example_and_an_upload_are_explored(open_page, hold, clip_path):
    visitor = open_page()
    visitor.pick(1)
    expect(visitor.page.locator("#seen")).to_contain_text("b ${1}<b>bold.mp4")
    expect(visitor.page.locator("#examples button")).to_have_count(2)
    visitor.wait_until_explored()
    unread = hold("unread")
    visitor.press_explore()  # the same once more
    expect(visitor.page.locator("#working")).to_be_visible()
    unread.unlink()
    visitor.wait_until_explored()
    expect(visitor.page.locator("#seen")).to_contain_text("bold.mp4")
    expect(visitor.page.get_by_test_id("toast-body")).to_have_count(0)
    visitor.clear()
    visitor.page.locator("#clip input[type=file]").set_input_files(clip_path)
    expect(visitor.page.locator("#seen")).to_contain_text("square.mp4", timeout=PATIENCE_MS)
    visitor.wait_until_explored()


def test_a_broken_upload_is_refused_in_one_sentence(open_page, examples_folder):
    visitor = open_page()
    visitor.clear()
    visitor.page.locator("#clip input[type=file]").set_input_files(examples_folder / "broken.mp4")
    toast = visitor.page.get_by_test_id("toast-body")
    expect(toast).to_contain_text("broken.mp4 is text, not a video")
    # All parts of the page are of the clip before: the clip field too.
    said = r"broken\.mp4 is text, not a video.* The page still shows a-moving_square\.mp4\."
    expect(visitor.page.locator("#notice")).to_contain_text(re.compile(said))
    shown = visitor.page.locator("#clip video")
    expect(shown).to_have_attribute("src", re.compile(r"a-moving_square\.mp4$"))
    expect(visitor.page.locator("#stale")).not_to_be_visible()
    expect(visitor.page.locator("#working")).not_to_be_visible()
    expect(visitor.page.locator("#seen")).to_contain_text("a-moving_square.mp4")
    visitor.go_to("Attend")


@pytest.mark.parametrize(
    ("lens", "names"),
    [
        ("Recognise", ["labels.json", "labels.png"]),
        ("Attend", ["rollout.npz", "heatmap.mp4", "filmstrip.png", "attention_over_time.png"]),
        ("Reconstruct", ["reconstruction.npz", "reconstruction.mp4", "filmstrip.png"]),
    ],
)
def test_files_are_made_when_asked_for(open_page, lens, names):
    visitor = open_page()
    visitor.go_to(lens)
    name = lens.lower()
    visitor.page.locator(f"#take-away-{name}").get_by_role("button", name="Take it away").click()
    visitor.page.locator(f"#write-{name}").click()
    files = visitor.page.locator(f"#files-{name}")
    for file_name in names:
        expect(files).to_contain_text(file_name.split(".")[0], timeout=PATIENCE_MS)


def test_the_view_in_python_is_shown(open_page):
    visitor = open_page()
    visitor.page.locator("#python").get_by_role("button", name="This view in Python").click()
    expect(visitor.page.locator("#code")).to_contain_text("from videomae_demo import")


def test_the_endpoints_give_the_numbers_of_the_command_line(
    page_address, clip_path, recogniser_folder, reconstructor_folder
):
    explorer = Explorer(str(recogniser_folder), str(reconstructor_folder), device="cpu")
    clip = ClipRequest(Path(clip_path))
    client = Client(page_address, verbose=False, analytics_enabled=False)
    try:
        labels = client.predict(handle_file(clip_path), "", 2, "moving left", api_name="/classify")
        rollout = client.predict(
            handle_file(clip_path), "", "max", 0.5, 1, 2, [0, 1, 1], api_name="/attend"
        )
        rebuilt = client.predict(
            handle_file(clip_path), "", "random", 0.5, 3, api_name="/reconstruct"
        )
        with pytest.raises(AppError, match="no weights"):
            client.predict(handle_file(clip_path), "../secret", 2, "", api_name="/classify")
    finally:
        client.close()
    assert labels == described(explorer.classify(clip).to_json(2, "moving left"))
    settings = RolloutSettings("max", 0.5, 1, 2, (0, 1, 1))
    assert rollout == described(explorer.attend(clip, settings).to_json())
    mask = MaskRequest("random", 0.5, 3)
    assert rebuilt == described(explorer.reconstruct(clip, mask).to_json())


def described(view: dict) -> dict:
    """As it looks after its travel."""
    return json.loads(json.dumps(view))


def test_the_readmes_command_opens_the_page_finished(browser, own_address):
    """``python app.py`` as in a fresh clone: bundled weights, bundled clips, no network."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    try:
        visitor = Visitor(context.new_page(), own_address)
        expect(visitor.page.locator("#labels .panel-bars li")).to_have_count(5)
        for lens in ("Attend", "Reconstruct"):
            visitor.go_to(lens)
        assert visitor.complaints == []
    finally:
        context.close()


def test_after_a_refusal_an_example_is_explored(open_page, examples_folder):
    visitor = open_page()
    visitor.clear()
    visitor.page.locator("#clip input[type=file]").set_input_files(examples_folder / "broken.mp4")
    expect(visitor.page.get_by_test_id("toast-body")).to_contain_text("is text, not a video")
    expect(visitor.page.locator("#notice")).to_contain_text("The page still shows")
    visitor.pick(1)
    expect(visitor.page.locator("#seen")).to_contain_text("bold.mp4")
    visitor.wait_until_explored()
    visitor.go_to("Attend")
