"""The lens When: what of a scan is drawn, what it costs, and that the window goes where one points.

Windows are made up by hand; the browser scans a clip of three motions joined together.
"""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from asking import TIMELINE, controls_of, last, made_handlers, panel_of
from axe_playwright_python.sync_playwright import Axe
from conftest import free_port, page_command, serve
from made_views import LEFT, MOTIONS, RIGHT, WAVING, made_card, made_timeline
from playwright.sync_api import expect
from test_kept_choices import MadeExplorer
from visitor import PATIENCE_MS

from videomae_demo import ClipRequest, RequestError, TimelineRequest
from videomae_demo.lenses.plan import Plan
from videomae_demo.training.synthetic import LABELS, render
from videomae_demo.ui.api import ask
from videomae_demo.ui.controls import Sampling
from videomae_demo.ui.handlers import Handlers
from videomae_demo.ui.lenses import drawn_windows
from videomae_demo.ui.lenses.drawn_windows import COLOURS, make_band, make_chart
from videomae_demo.ui.lenses.lens import TakenBackError
from videomae_demo.ui.lenses.timeline import AT_ONCE_S, BEGIN, GO_ON, NOT_YET, SCANNING
from videomae_demo.ui.session import Session
from videomae_demo.ui.text import NO_LABELS, cost
from videomae_demo.ui.token_player.player import SCAN, SCAN_HERE, WINDOW
from videomae_demo.ui.token_player.value import BandLabel, BandPart
from videomae_demo.video.encode import write_mp4

ROWS = (LEFT, LEFT, RIGHT / 4, RIGHT / 4)


class Scanning(MadeExplorer):
    """Has four windows, of which a few are known; it runs them one by one."""

    def __init__(self) -> None:
        super().__init__()
        self.known = 0
        self.each_s = None

    def plan_timeline(self, request, asked):
        self.asked.append((request, asked))
        if asked.hop_s == 0:
            raise RequestError("A hop of 0 s makes no number of windows.")
        left = len(ROWS) - self.known
        return Plan(len(ROWS), left, None if self.each_s is None else left * self.each_s)

    def known_timeline(self, request, asked):
        rows = ROWS[: self.known]
        return made_timeline(*rows, planned=len(ROWS)) if rows else None

    def timeline_of(self, request, asked):
        self.asked.append((request, asked))
        while self.known < len(ROWS):
            self.known += 1
            yield self.known_timeline(request, asked)


@pytest.fixture
def explorer() -> Scanning:
    return Scanning()


@pytest.fixture
def made(tmp_path, explorer) -> Handlers:
    return made_handlers(tmp_path, explorer)


def opened(made: Handlers, query: str = "?lens=timeline") -> list:
    return list(made.open(Session("tested"), query))


def kinds(blocks) -> list[str]:
    return [block["kind"] for block in blocks]


def test_the_band_has_a_part_for_each_stretch():
    band = make_band(made_timeline(*ROWS, planned=6), "2 windows", True)
    one, two, three = (
        BandLabel(*given)
        for given in zip(("moving left", "moving right", "waving"), "ABC", COLOURS, strict=False)
    )
    assert band.labels == (one, two, three)
    assert band.parts == (
        BandPart(
            0.0, 2.0, one.name, "0.0 to 2.0 s: moving left, 96% on average", 0.0, "A", COLOURS[0]
        ),
        BandPart(
            2.0, 4.0, two.name, "2.0 to 4.0 s: moving right, 58% on average", 2.0, "B", COLOURS[1]
        ),
    )
    assert (band.length, band.hop, band.done) == (1.0, 1.0, 4)
    assert (band.left, band.running) == ("2 windows", True)
    assert make_band(made_timeline(LEFT), "", False).hop == 0


def test_the_window_in_the_middle_stands_for_a_stretch():
    band = make_band(made_timeline(*[LEFT] * 5, WAVING), "", False)
    assert [part.start for part in band.parts] == [2.0, 5.0]


def test_a_label_without_a_colour_is_named_all_the_same(monkeypatch):
    monkeypatch.setattr("videomae_demo.lenses.timeline.DRAWN", 1)
    band = make_band(made_timeline(LEFT, LEFT, LEFT, WAVING), "", False)
    assert [(part.label, part.letter, part.colour) for part in band.parts] == [
        ("moving left", "A", COLOURS[0]),
        ("waving", "", ""),
    ]


def test_labels_keep_their_colours_while_the_answer_grows():
    """The label that comes last is the most probable one in the end."""
    rows = [RIGHT, LEFT, *[WAVING] * 6]
    for done in range(2, len(rows) + 1):
        band = make_band(made_timeline(*rows[:done]), "", True)
        assert [label.name for label in band.labels] == ["moving right", "moving left", "waving"]


def test_the_chart_has_the_numbers_of_the_windows():
    view = made_timeline(*ROWS)
    chart = make_chart(view)
    assert [label["name"] for label in chart["labels"]] == list(MOTIONS)
    np.testing.assert_allclose(chart["curves"], view.probabilities.T, atol=1e-6)
    assert chart["starts"] == [0, 1, 2, 3] and chart["length"] == 1.0
    assert chart["borders"] == [2.0] and chart["end"] == 4.0
    of_three = -(view.probabilities * np.log(view.probabilities)).sum(axis=1) / np.log(3)
    np.testing.assert_allclose(chart["entropy"], of_three, atol=1e-6)
    assert (chart["said"], chart["tells"]) == ("", WINDOW)


def test_of_very_many_windows_some_are_drawn(monkeypatch):
    monkeypatch.setattr(drawn_windows, "MOST_DRAWN", 3)
    chart = make_chart(made_timeline(*[LEFT, RIGHT] * 4))
    assert chart["starts"] == [0, 3, 6] and len(chart["curves"][0]) == 3
    assert chart["said"] == "One of 3 windows is drawn; the files to take away have all."


def test_what_a_scan_costs_is_said_before(made, explorer):
    pages = opened(made)
    assert panel_of(pages, "timeline") == [
        {"kind": "sentence", "text": NOT_YET},
        {"kind": "act", "text": BEGIN, "tells": SCAN, "cost": "4 windows"},
    ]
    assert last(pages, "bar").costs[SCAN_HERE] == "4 windows"
    assert last(pages, "band") is None
    explorer.each_s = 30.0
    assert last(opened(made), "bar").costs[SCAN_HERE] == "4 windows, about 2 min"
    explorer.each_s, explorer.known = 1.5, 3
    pages = opened(made)
    assert last(pages, "bar").costs.get(SCAN_HERE) is None  # that was soon done


def test_a_scan_that_is_soon_done_is_done_at_once(made, explorer):
    explorer.each_s = AT_ONCE_S / 4
    pages = opened(made)
    assert explorer.known == 4
    blocks = panel_of(pages, "timeline")
    assert kinds(blocks) == ["lead", "windows", "small", "small", "note"]
    assert blocks[0]["text"] == "moving left, then moving right"
    assert last(pages, "band").left == "" and not last(pages, "band").running
    explorer.known, explorer.each_s = 0, 1.01 * AT_ONCE_S / 4
    assert kinds(panel_of(opened(made), "timeline")) == ["sentence", "act"]


def test_a_scan_grows_and_what_is_done_stays_when_it_is_stopped(made, explorer, monkeypatch):
    monkeypatch.setattr("videomae_demo.ui.lenses.timeline.SHOWN_EVERY_S", 0)
    explorer.each_s = 30.0
    session = last(opened(made, ""), "session")
    steps = made.work(session, TIMELINE, TIMELINE.scan)
    page = next(steps)
    assert (page.band.done, page.band.left, page.band.running) == (1, "3 windows, about 90 s", True)
    assert kinds(page.panels["timeline"]) == ["lead", "windows", "small", "note"]
    assert page.status[0]["text"] == f"{SCANNING} ..." and page.status[0]["done"] == 25
    next(steps)
    steps.close()
    stopped = made.ended(session, TIMELINE)
    assert (stopped.band.done, stopped.band.running) == (2, False)
    assert stopped.panels["timeline"][-1] == {
        "kind": "act",
        "text": GO_ON,
        "tells": SCAN,
        "cost": "2 windows, about 60 s",
    }
    assert stopped.bar.costs[SCAN_HERE] == "2 windows, about 60 s" and stopped.status == []
    *_, done = made.work(session, TIMELINE, TIMELINE.scan)
    assert (done.band.done, done.band.left, done.band.running, done.status) == (4, "", False, [])


def test_windows_that_come_fast_are_not_drawn_one_by_one(made, explorer, monkeypatch):
    monkeypatch.setattr("videomae_demo.ui.lenses.timeline.SHOWN_EVERY_S", 3600)
    session = last(opened(made, ""), "session")
    assert [page.band.done for page in made.work(session, TIMELINE, TIMELINE.scan)] == [1, 4]


def test_a_scan_is_of_the_whole_clip_wherever_the_window_lies(made, explorer):
    explorer.known = 4
    session = last(opened(made), "session")
    moved = list(made.move_window(session, 1.5))
    now = last(moved, "session")
    assert now.clip.start_s == 1.5
    assert {request for request, _ in explorer.asked[-3:]} == {ClipRequest(session.clip.path)}
    assert made.shows_the_same("timeline", session, now)
    assert not made.shows_the_same("recognise", session, now)
    # Its panel stays, and so does the band; those of the others are emptied.
    emptied = [page.panels for page in moved if [] in page.panels.values()]
    assert "timeline" not in emptied[0] and emptied[0]["recognise"] == []
    assert not [page for page in moved if page.band is None]


@pytest.mark.parametrize("other", ["clip", "frames", "weights"])
def test_the_band_goes_with_what_it_was_of(made, explorer, other):
    explorer.known = 4
    session = last(opened(made), "session")
    held = [getattr(session.sampling, name) for name in Sampling.__slots__]
    if other == "clip":
        pages = made.pick(session, "b", *held)
    elif other == "frames":
        pages = made.resample(session, "kind", "every so many frames", *held[1:])
    else:
        pages = made.load(replace(session, weights="others"), "tested")
    page = next(page for page in pages if page.panels)
    assert page.band is None and page.panels["timeline"] == []


def test_windows_are_chosen_by_a_hop_or_their_number(made, explorer):
    session = last(opened(made), "session")

    def change(session, what, given):
        return list(made.change(session, TIMELINE, what, given))

    pages = change(session, TIMELINE.set_hop, "0.5")
    assert controls_of(pages, "timeline") == {"hop": "0.5", "windows": ""}
    session = last(pages, "session")
    assert explorer.asked[-1][1] == TimelineRequest(hop_s=0.5)
    assert TIMELINE.address(session) == {"hop": "0.5"}
    pages = change(session, TIMELINE.set_windows, " 9 ")
    assert controls_of(pages, "timeline") == {"hop": "", "windows": "9"}
    session = last(change(last(pages, "session"), TIMELINE.follow, "run"), "session")
    assert explorer.asked[-1][1] == TimelineRequest(windows=9, label="run")
    assert TIMELINE.address(session) == {"windows": "9", "curve": "run"}
    other = last(opened(made, "?lens=timeline&windows=9&curve=RUN"), "session")
    assert TIMELINE.request(other) == TimelineRequest(windows=9, label="run")
    assert change(session, TIMELINE.set_windows, "9") == []
    for what, wrong in [
        (TIMELINE.set_hop, "0"),
        (TIMELINE.set_hop, "x"),
        (TIMELINE.set_windows, "1.5"),
    ]:
        with pytest.raises(TakenBackError):
            change(session, what, wrong)


def test_another_clip_has_the_usual_windows(made, explorer):
    session = last(opened(made, "?windows=9&curve=run"), "session")
    pages = list(made.pick(session, "b"))
    assert TIMELINE.request(last(pages, "session")) == TimelineRequest()
    held = controls_of(pages, "timeline")
    assert (held["label"], held["hop"], held["windows"]) == (None, "", "")


def test_where_there_are_no_windows_or_labels_it_says_so(made, explorer):
    pages = opened(made, "?lens=timeline&hop=0")
    assert panel_of(pages, "timeline")[0]["text"].startswith("A hop of 0 s makes no number")
    assert SCAN_HERE not in last(pages, "bar").costs
    explorer.recogniser.card = made_card(label_count=0)
    assert panel_of(opened(made), "timeline") == [{"kind": "note", "text": NO_LABELS}]


def test_files_hold_what_was_scanned(made, explorer, tmp_path):
    session = last(opened(made), "session")
    with pytest.raises(RequestError, match="No window was scanned yet"):
        list(made.files(session, "timeline", tmp_path / "out"))
    explorer.known = 2
    (page,) = made.files(session, "timeline", tmp_path / "out")
    assert [path.rpartition(".")[2] for path in page.files["timeline"]] == [
        "json",
        "csv",
        "npz",
        "png",
    ]


def test_the_program_asks_what_was_asked(made, explorer):
    explorer.known = 4
    assert TIMELINE.code(last(opened(made, ""), "session")).lines == ""
    session = last(opened(made), "session")
    assert "explorer.timeline_of(clip)" in TIMELINE.code(session).lines
    moved = last(list(made.move_window(session, 1.5)), "session")
    moved = last(list(made.change(moved, TIMELINE, TIMELINE.set_windows, "9")), "session")
    code = TIMELINE.code(moved)
    asked = "explorer.timeline_of(replace(clip, start_s=None), TimelineRequest(windows=9))"
    assert asked in code.lines and code.names == ("TimelineRequest",)


def test_the_endpoint_asks_for_windows_and_a_label(made, explorer, tmp_path):
    told = ask(made.pool, TIMELINE, TIMELINE.endpoint(), "clip.mp4", hop=0.5, label="run")
    assert explorer.asked[-1][1] == TimelineRequest(hop_s=0.5, label="run")
    assert told == made_timeline(*ROWS).to_json()
    explorer.known = 0
    ask(made.pool, TIMELINE, TIMELINE.endpoint(), "clip.mp4", windows=3.0)
    assert explorer.asked[-1][1] == TimelineRequest(windows=3)


def test_long_work_is_told_in_minutes():
    assert cost(Plan(9, 1, 119.0), "view") == "1 view, about 119 s"
    assert cost(Plan(9, 9, 150.0), "view") == "9 views, about 2 min"


@pytest.fixture(scope="module")
def hands(tmp_path_factory):
    """See `serve_page.py`."""
    return tmp_path_factory.mktemp("hands")


@pytest.fixture(scope="module")
def address(tmp_path_factory, hands):
    """A page with the bundled weights, and a clip of three motions of four seconds each."""
    folder = tmp_path_factory.mktemp("joined")
    frames = []
    for number, label in enumerate(["moving left"] * 2 + ["moving right"] * 2 + ["growing"] * 2):
        clip = render([90_000 + number], size_px=128, labels=[LABELS.index(label)]).frames[0]
        frames.append(clip.mul(255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy())
    write_mp4(folder / "a.mp4", np.ascontiguousarray(np.concatenate(frames)), 8)
    port = free_port()
    command = page_command(port, "bundled", "bundled", folder, hands)
    yield from serve(command, port, tmp_path_factory.mktemp("server") / "log")


@pytest.mark.slow
def test_a_visitor_scans_a_clip_and_goes_where_something_happens(open_page, address):
    visitor = open_page(address)
    page = visitor.page
    player = page.locator("#player")
    before = player.bounding_box()
    button = player.get_by_role("button", name="Scan the clip")
    # This test is the first to scan this file's clip: windows that are known cost nothing.
    expect(button).to_have_attribute("data-cost", re.compile("^11 windows"))
    button.click()
    parts = player.locator(".vp-part")
    expect(button).not_to_be_visible(timeout=PATIENCE_MS)
    expect(page.locator("#working")).not_to_be_visible(timeout=PATIENCE_MS)
    expect(parts.first).to_have_attribute("aria-label", re.compile("^0.0 to .* s: moving left, "))
    expect(player.locator(".vp-band-names")).to_contain_text("A moving left")
    assert player.bounding_box() == before
    # A click puts the window there, and the labels of that window are those of the part.
    said = parts.last.get_attribute("aria-label")
    begin, end, label = re.match(r"([\d.]+) to ([\d.]+) s: (.+),", said).groups()
    parts.last.click()
    expect(page).to_have_url(re.compile(r"start=\d"))
    expect(page.locator("#labels .panel-name").first).to_have_text(label)
    handle = page.get_by_role("slider", name="Start of the window")
    start = float(re.search(r"start=([\d.]+)", page.url).group(1))
    assert float(begin) - 1 <= start <= float(end) and start % 0.9375 == 0  # a scanned window
    expect(handle).to_have_attribute("aria-valuenow", f"{start:.2f}")
    visitor.wait_until_explored()
    expect(parts.first).to_be_visible()  # the band stays
    # The same by the keyboard: Tab reaches one part, arrows go on, Enter opens.
    parts.first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#labels .panel-name").first).to_have_text("moving left")
    expect(parts.first).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(parts.nth(1)).to_be_focused()
    expect(player.locator(".vp-window-text")).to_have_text(parts.nth(1).get_attribute("aria-label"))
    visitor.wait_until_explored()
    # The chart, in the lens: its cursor goes along, Enter opens, and the focus stays.
    visitor.open_tab("When")
    chart = page.locator("#when .panel-inner")
    chart.focus()
    page.keyboard.press("End")
    expect(chart).to_have_attribute("aria-valuetext", re.compile(r"^9\.38 to 11\.25 s: \w+"))
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"start=9\.375"))
    visitor.wait_until_explored()
    expect(chart).to_be_focused()
    page.get_by_role("button", name="Show how undecided it is").click()
    expect(page.locator("#when polyline")).to_have_count(1)
    assert not visitor.complaints


@pytest.mark.slow
def test_a_visitor_stops_a_scan_and_goes_on(open_page, address, hands):
    visitor = open_page(f"{address}?windows=40")
    player, closed = visitor.page.locator("#player"), hands / "closed"
    player.get_by_role("button", name="Scan the clip").click()
    parts = player.locator(".vp-part")
    expect(parts.first).to_be_visible(timeout=PATIENCE_MS)
    closed.touch()
    visitor.page.get_by_role("button", name="Cancel").click()
    closed.unlink()
    button = player.get_by_role("button", name="Go on scanning")
    expect(button).to_be_visible()
    expect(visitor.page.locator("#working")).not_to_be_visible()
    left = int(re.match(r"\d+", button.get_attribute("data-cost")).group())
    assert 0 < left < 40
    expect(parts.first).to_be_visible()  # what was done stays
    button.click()
    expect(button).not_to_be_visible(timeout=PATIENCE_MS)
    expect(visitor.page.locator("#working")).not_to_be_visible(timeout=PATIENCE_MS)
    visitor.open_tab("When")
    expect(visitor.page.locator("#when .panel-windows")).to_be_visible()
    expect(visitor.page.locator("#when .panel-main-act")).to_have_count(0)
    assert not visitor.complaints


@pytest.mark.slow
@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_a_scanned_clip_can_be_read_by_everybody(open_page, address, width, scheme):
    query = f"{address}?lens=timeline&windows=5"
    visitor = open_page(query, viewport={"width": width, "height": 844}, color_scheme=scheme)
    if visitor.page.locator("#when .panel-main-act").count():
        visitor.page.locator("#when .panel-main-act").click()
    expect(visitor.page.locator("#player .vp-part").first).to_be_visible(timeout=PATIENCE_MS)
    expect(visitor.page.locator("#working")).not_to_be_visible(timeout=PATIENCE_MS)
    assert visitor.page.evaluate("document.documentElement.scrollWidth") <= width
    found = Axe().run(visitor.page).response["violations"]
    assert {one["id"] for one in found} <= {"image-redundant-alt"}
