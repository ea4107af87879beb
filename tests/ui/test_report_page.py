"""The report in a browser: it is sorted, filtered and clicked, from the disk and without a net."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from made_evaluation import made_evaluation, made_row
from playwright.sync_api import expect
from tiny import TINY_LABELS

from videomae_demo.dataset.check import Finding
from videomae_demo.dataset.report import write_report
from videomae_demo.dataset.rows import Row
from videomae_demo.engine.engine import Engine

pytestmark = pytest.mark.slow

LEFT, RIGHT, STILL = TINY_LABELS.values()


@pytest.fixture(scope="module")
def report(recogniser_folder, clip_path, tmp_path_factory):
    engine = Engine(str(recogniser_folder), device="cpu")
    rows = [made_row(f"left/{n:03}.mp4", LEFT, LEFT, 0.5 + n / 300) for n in range(120)]
    rows += [
        made_row("left/wrong one.mp4", LEFT, RIGHT, 0.9),
        made_row("left/wrong two.mp4", LEFT, RIGHT, 0.6),
        made_row("still/wrong.mp4", STILL, RIGHT, 0.7),
        made_row("still/right.mp4", STILL, STILL, 0.99, notes=("It is <b>bold</b>.",)),
        Row("<script>document.title='taken over'</script>.mp4", LEFT, LEFT, error="No clip."),
    ]
    signs = (Finding("at chance", "A sign.", {}), Finding("nothing found", "No sign.", {}))
    folder = tmp_path_factory.mktemp("report")
    evaluation = made_evaluation(engine, folder, rows, clip_path, findings=signs)
    return write_report(engine, evaluation)[-1].as_uri()


@pytest.fixture
def opened(report, tabs):
    pages = []

    def opened(**options):
        page = tabs.context(**options).new_page()
        pages.append(page)
        page.complaints, page.asked = [], []
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("request", lambda request: page.asked.append(request.url))
        page.goto(report)
        return page

    yield opened
    for page in pages:
        page.close()


def shown(page):
    return page.locator("#rows tbody tr:visible")


def names(page):
    return shown(page).locator("th").all_inner_texts()


def test_it_asks_nobody_and_complains_of_nothing(opened, report):
    page = opened()
    assert [url for url in page.asked if not url.startswith("data:")] == [report]
    assert page.complaints == []
    assert page.title() != "taken over"
    expect(page.locator("img")).to_have_count(5)  # three clips, their scale, the calibration
    assert page.evaluate("[...document.images].every(one => one.naturalWidth > 0)")


def test_it_is_sorted_by_keyboard_and_says_so(opened):
    page = opened()
    assert names(page)[:3] == ["left/wrong one.mp4", "still/wrong.mp4", "left/wrong two.mp4"]
    head = page.locator("#rows th", has_text="probability of the label")
    expect(head).to_have_attribute("aria-sort", "ascending")
    head.get_by_role("button").press("Enter")
    expect(head).to_have_attribute("aria-sort", "descending")
    assert names(page)[0] == "still/right.mp4"
    page.get_by_role("button", name="rank").press("Enter")
    expect(head).not_to_have_attribute("aria-sort", "descending")
    assert set(names(page)[:3]) == {"left/wrong one.mp4", "still/wrong.mp4", "left/wrong two.mp4"}
    clip = page.locator("#rows th").first.get_by_role("button")
    clip.press("Enter")
    clip.press("Enter")
    assert names(page)[:2] == ["still/wrong.mp4", "still/right.mp4"]


def test_what_is_not_known_stands_last_either_way(opened):
    page = opened()
    page.get_by_role("button", name="Show 100 more").click()
    margin = page.get_by_role("button", name="margin")
    for _ in range(2):
        margin.click()
        assert "taken over" in names(page)[-1]


def test_it_is_filtered(opened):
    page = opened()
    status = page.get_by_role("status")
    expect(status).to_have_text("100 of 125 clips are shown.")
    page.get_by_label("wrong ones alone").check()
    expect(status).to_have_text("3 of 3 clips are shown; 122 do not fit the filters.")
    page.get_by_label("Label", exact=True).select_option(STILL)
    assert names(page) == ["still/wrong.mp4"]
    page.get_by_role("button", name="Clear filters").click()
    expect(shown(page)).to_have_count(100)
    page.get_by_role("button", name="Show 100 more").click()
    expect(shown(page)).to_have_count(125)
    expect(page.locator("#more")).to_be_hidden()
    page.get_by_label("Words in a row").fill("BOLD")
    assert names(page) == ["still/right.mp4"]
    page.get_by_label("Words in a row").fill("")
    page.get_by_label("Named", exact=True).select_option(RIGHT)
    expect(shown(page)).to_have_count(3)


def test_a_cell_of_the_matrix_shows_its_clips(opened):
    page = opened()
    cell = page.get_by_role("button", name=f"2 of 122 clips of {LEFT} are named {RIGHT}")
    cell.click()
    assert names(page) == ["left/wrong one.mp4", "left/wrong two.mp4"]
    expect(cell).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#clips")).to_be_focused()
    expect(page.locator("#clips")).to_be_in_viewport()
    cell.click()
    expect(cell).to_have_attribute("aria-pressed", "false")
    expect(shown(page)).to_have_count(100)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_it_can_be_read(opened, scheme, width):
    page = opened(color_scheme=scheme, viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
