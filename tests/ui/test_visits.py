"""Visitors as they come: several at once, impatient, with odd clips, cameras and foreign labels."""

import re
from fractions import Fraction

import av
import numpy as np
import pytest
from conftest import FOREIGN, wait_until
from playwright.sync_api import expect
from visitor import PATIENCE_MS, Visitor

from videomae_demo import ClipRequest, Explorer

pytestmark = pytest.mark.slow


def test_cancel_stops_the_work_and_what_is_asked_next_is_done(open_page, gate):
    visitor = open_page()
    visitor.go_to("Attend")
    working = visitor.page.locator("#working")
    expect(working).not_to_be_visible()
    gate.touch()
    try:
        visitor.pick(1)
        expect(working).to_contain_text("Following attention")
        shown = visitor.page.locator("#clip video")
        expect(shown).to_have_attribute("src", re.compile("bold"))  # before the work has ended
        visitor.page.get_by_role("button", name="Cancel").click()
        expect(visitor.page.get_by_test_id("toast-body")).to_contain_text("Stopped")
        visitor.pick(0)  # while the step is still running
    finally:
        gate.unlink()
    expect(visitor.page.locator("#seen")).to_contain_text("a-moving_square.mp4")
    visitor.wait_until_explored()
    expect(working).not_to_be_visible()
    expect(shown).to_have_attribute("src", re.compile(r"a-moving_square\.mp4"))
    assert visitor.complaints == []


def test_of_events_in_quick_succession_the_last_one_counts(open_page, gate):
    visitor = open_page()
    gate.touch()
    try:
        for index in (1, 0, 1):
            visitor.pick(index)
    finally:
        gate.unlink()
    expect(visitor.page.locator("#seen")).to_contain_text("b ${1}<b>bold.mp4")
    visitor.wait_until_explored()
    visitor.go_to("Attend")
    gate.touch()
    box = visitor.stage().bounding_box()
    try:
        for share in (0.1, 0.4, 0.9):
            visitor.page.mouse.click(box["x"] + share * box["width"], box["y"] + 10)
    finally:
        gate.unlink()
    expect(visitor.page.locator("#attention")).to_contain_text("row 0, column 3")
    visitor.go_to("Reconstruct")
    closed = gate.with_name("closed")
    closed.touch()
    try:
        for _ in range(3):
            visitor.page.get_by_role("button", name="Another mask").click()
    finally:
        closed.unlink()
    expect(visitor.page.locator("#reconstruction")).to_contain_text("seed 3")
    expect(visitor.page.locator("#seed input")).to_have_value("3")


def test_files_of_what_is_shown_no_more_are_taken_away(open_page):
    visitor = open_page()
    visitor.page.get_by_role("button", name="Take it away").first.click()
    visitor.page.locator("#write-recognise").click()
    files = visitor.page.locator("#files-recognise")
    expect(files).to_contain_text("labels", timeout=PATIENCE_MS)
    visitor.pick(1)
    expect(files).not_to_be_visible()


def test_two_visitors_at_once_each_see_their_own_clip(
    open_page, gate, examples_folder, recogniser_folder
):
    explorer = Explorer(str(recogniser_folder), device="cpu")
    names = ("a-moving_square.mp4", "b ${1}<b>bold.mp4")
    clips = [ClipRequest(examples_folder / name) for name in names]
    tops = [explorer.classify(clip).classification.top(1)[0] for clip in clips]
    shares = [f"{top.probability:.0%}" for top in tops]
    assert shares[0] != shares[1]
    frames = [explorer.see(clip).frames[0] for clip in clips]
    visitors = [open_page(), open_page()]
    for round_of_clips in ((1, 0), (0, 1)):
        visitors[0].comes_to_the_front()
        visitors[0].go_to("Attend")
        visitors[0].wait_until_explored()  # its end would hide what comes to work next
        gate.touch()  # nobody's work ends before both have begun
        try:
            for visitor, index, said in zip(
                visitors, round_of_clips, ("Following attention", "queue: 1/1"), strict=True
            ):
                visitor.comes_to_the_front()
                visitor.pick(index)
                expect(visitor.page.locator("#working")).to_contain_text(said)
        finally:
            gate.unlink()
        for visitor, index in zip(visitors, round_of_clips, strict=True):
            visitor.comes_to_the_front()
            expect(visitor.page.locator("#seen")).to_contain_text(names[index])
            visitor.wait_until_explored()
            visitor.go_to("Recognise")
            expect(visitor.page.locator("#labels .panel-lead")).to_have_text(tops[index].label)
            best = visitor.page.locator("#labels .panel-marked .panel-value")
            expect(best).to_have_text(shares[index])
            wait_until(lambda: np.array_equal(visitor.picture(), frames[index]))  # noqa: B023


def test_a_reloaded_page_is_as_good_as_new(open_page):
    visitor = open_page()
    visitor.pick(1)
    expect(visitor.page.locator("#seen")).to_contain_text("b ${1}<b>bold.mp4")
    visitor.wait_until_explored()
    visitor.page.reload()
    visitor.wait_until_explored()  # the address brings the clip back
    expect(visitor.page.locator("#seen")).to_contain_text("b ${1}<b>bold.mp4")
    visitor.complaints.clear()  # what the reload broke off
    visitor.go_to("Attend")
    visitor.stage().click(position={"x": 10, "y": 10})
    expect(visitor.page.locator("#attention")).to_contain_text("row 0, column 0")
    assert visitor.complaints == []


def test_foreign_labels_stay_text(browser, foreign_address):
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    try:
        visitor = Visitor(context.new_page(), foreign_address)
        shown = visitor.page.locator("#labels .panel-bars .panel-name").all_text_contents()
        assert sorted(shown) == sorted(FOREIGN.values())
        for label in FOREIGN.values():
            visitor.page.get_by_role("combobox", name="What does the clip").click()
            visitor.page.get_by_role("option", name=label, exact=True).click()
            expect(visitor.page.locator("#labels")).to_contain_text(f"{label}: ")
        assert visitor.page.locator("#labels img, #look-up img, #labels b").count() == 0
        expect(visitor.page).to_have_title("a-moving_square: Recognise - VideoMAE Explorer")
        assert visitor.complaints == []
    finally:
        context.close()


CODECS = {
    "film.avi": ("mpeg4", "yuv420p"),  # no browser knows the container
    "film.mp4": ("mpeg4", "yuv420p"),  # ... or the codec
    "hevc.mp4": ("libx265", "yuv420p"),
    "film.gif": ("gif", "rgb8"),
}


def write_odd_clip(path, frames) -> bytes:
    codec, pixels = CODECS[path.name]
    options = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(24), options=options)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = pixels
        for picture in frames:
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            container.mux(stream.encode(frame.reformat(format=pixels)))
        container.mux(stream.encode())
    return path.read_bytes()


@pytest.mark.parametrize("name", CODECS)
def test_a_clip_that_the_browser_can_not_play_has_a_preview(open_page, tmp_path, clip_frames, name):
    path = tmp_path / name
    original = write_odd_clip(path, clip_frames)
    visitor = open_page()
    visitor.open_clips()
    with visitor.page.expect_file_chooser() as chooser:
        visitor.page.get_by_role("button", name="Upload", exact=True).click()
    chooser.value.set_files(path)
    expect(visitor.page.locator("#seen")).to_contain_text(name, timeout=PATIENCE_MS)
    video = visitor.page.locator("#clip video")
    expect(video).to_have_attribute("src", re.compile(r"preview\.mp4$"), timeout=PATIENCE_MS)
    visitor.page.wait_for_function("document.querySelector('#clip video').videoWidth === 96")
    wait_until(lambda: mean_green(visitor) > 20)
    visitor.press_explore()
    visitor.wait_until_explored()
    expect(visitor.page.locator("#seen")).to_contain_text(name)
    expect(visitor.page.get_by_test_id("toast-body")).to_have_count(0)
    assert path.read_bytes() == original


def mean_green(visitor) -> float:
    """What the browser shows of the clip: 0 would be black."""
    return visitor.page.locator("#clip video").evaluate(
        """(video) => {
            if (video.readyState < 2) return 0;
            const canvas = document.createElement("canvas");
            canvas.width = canvas.height = 8;
            const context = canvas.getContext("2d");
            context.drawImage(video, 0, 0, 8, 8);
            const pixels = context.getImageData(0, 0, 8, 8).data;
            return pixels.filter((_, index) => index % 4 === 1).reduce((a, b) => a + b) / 64;
        }"""
    )


def test_what_the_browser_plays_is_shown_as_it_is(open_page, clip_path):
    visitor = open_page()
    visitor.clear()
    visitor.page.locator("#clip input[type=file]").set_input_files(clip_path)
    expect(visitor.page.locator("#seen")).to_contain_text("square.mp4", timeout=PATIENCE_MS)
    visitor.wait_until_explored()
    source = visitor.page.locator("#clip video").get_attribute("src")
    assert source.endswith("/square.mp4")


def test_a_recording_is_explored(open_page):
    visitor = open_page(permissions=["camera"])
    page = visitor.page
    # Stopping before the recorder has written anything would record nothing.
    page.evaluate(
        """() => {
            window.recorded = 0;
            window.MediaRecorder = class extends MediaRecorder {
                constructor(...given) {
                    super(...given);
                    this.addEventListener("dataavailable", (event) => {
                        window.recorded += event.data.size > 1000 ? 1 : 0;
                    });
                }
            };
        }"""
    )
    clip = page.locator("#clip")
    visitor.clear()
    clip.get_by_role("button", name="Capture from camera").click()
    clip.get_by_role("button", name="Click to Access Webcam").click()
    clip.get_by_text("Record").click()
    page.wait_for_function("window.recorded > 4")
    clip.get_by_text("Stop").click()
    expect(page.locator("#seen")).to_contain_text("sample.webm", timeout=PATIENCE_MS)
    expect(page.locator("#seen")).to_contain_text("640 x 480 px")
    visitor.wait_until_explored()
    visitor.go_to("Reconstruct")
    assert visitor.complaints == []
