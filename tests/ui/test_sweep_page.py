"""Trying all shares on the page: what the chart draws and tells, and what choosing on it does."""

import json
from dataclasses import replace

import numpy as np
import pytest
from asking import RECONSTRUCT, MadeShelf, controls_of, last, mask_of, panel_of
from conftest import wait_until
from made_sweep import RATIOS, made_sweep
from made_views import made_reconstruction
from playwright.sync_api import expect
from test_kept_choices import MadeExplorer
from test_shown_numbers import blocks_of

from videomae_demo import ClipRequest, Explorer, MaskRequest
from videomae_demo.errors import RequestError
from videomae_demo.lenses.answer import share
from videomae_demo.lenses.sweep import sweep_sentences
from videomae_demo.pool import ExplorerPool
from videomae_demo.ui.examples import Example
from videomae_demo.ui.handlers import Handlers
from videomae_demo.ui.lenses.reconstruction import reconstruction_panel
from videomae_demo.ui.lenses.registry import LENSES
from videomae_demo.ui.lenses.sweep import sweep_chart
from videomae_demo.ui.page import Unchanged
from videomae_demo.ui.session import Session


class Sweeping(MadeExplorer):
    def __init__(self) -> None:
        super().__init__()
        self.seconds = {}
        self.known = None

    def sweep(self, request, mask):
        for done in (0.5, 1.0):
            self.known = made_sweep(done=done)
            yield replace(self.reconstruct(request, mask), sweep=self.known)

    def known_sweep(self, request, kind):
        return self.known if kind == "tube" else None


@pytest.fixture
def explorer() -> Sweeping:
    return Sweeping()


@pytest.fixture
def made(tmp_path, explorer) -> Handlers:
    def save(content: bytes, name: str) -> str:
        path = tmp_path / name
        path.write_bytes(content)
        return str(path)

    pool = ExplorerPool("tested", make=lambda weights, reconstructor: explorer)
    pool.absent = lambda name, halves=(): ()
    return Handlers(pool, LENSES, MadeShelf(Example(tmp_path / "first.mp4", "first")), save)


@pytest.fixture
def session(made) -> Session:
    return last(list(made.open(Session("tested"), "?lens=reconstruct")), "session")


def chart_of(panel: list[dict]) -> dict:
    (chart,) = blocks_of(panel, "shares")
    return chart


def choose(made: Handlers, session: Session, said):
    return list(made.change(session, RECONSTRUCT, RECONSTRUCT.choose_share, said))


def test_the_chart_grows_in_the_place_of_the_bars_and_changes_nothing_of_the_session(made, session):
    pages = list(made.work(session, RECONSTRUCT, RECONSTRUCT.try_all))
    assert all(isinstance(page.session, Unchanged) for page in pages)
    assert [bool(page.status) for page in pages] == [True, False]
    assert pages[0].status[0]["done"] == 50
    half, whole = (page.panels["reconstruct"] for page in pages)
    assert chart_of(half)["ratios"] == [0.5, 0.75]
    assert chart_of(half)["said"] == ["So far, 2 of 4 shares are tried."]
    assert chart_of(whole)["ratios"] == list(RATIOS)
    assert not blocks_of(whole, "measures")
    # As high as the bars, so that the slider below stays where it is.
    bars = reconstruction_panel(made_reconstruction())
    (box,), (before,) = ([b for b in blocks if b["kind"] == "box"] for blocks in (whole, bars))
    assert box["rows"] == before["rows"] == 4
    assert blocks_of(bars, "measures")


def test_a_share_that_is_chosen_is_asked_for_and_the_chart_stays(made, session, explorer):
    list(made.work(session, RECONSTRUCT, RECONSTRUCT.try_all))
    pages = choose(made, session, 0.9)
    after = last(pages, "session")
    assert explorer.asked[-1] == mask_of(after) == MaskRequest("tube", 0.9, 0)
    assert controls_of(pages, "reconstruct")["ratio"] == 0.9
    chart = chart_of(panel_of(pages, "reconstruct"))
    assert (chart["now"], chart["ratios"]) == (0.9, list(RATIOS))
    assert chart["said"] == sweep_sentences(made_sweep(), 0.9)[:2]
    assert choose(made, after, 0.9) == []
    for nonsense in ("0.9", None, {"share": 0.9}, float("nan")):
        with pytest.raises(RequestError, match="share"):
            choose(made, after, nonsense)


def test_other_kinds_keep_their_bars(made, session, explorer):
    list(made.work(session, RECONSTRUCT, RECONSTRUCT.try_all))
    for kind, why in (("random", ""), ("cell", "steps of a quarter")):
        asked = replace(RECONSTRUCT.question(session), mask=MaskRequest(kind, 0.75))
        pages = list(made.open_lens(session.asking("reconstruct", asked), "reconstruct"))
        panel = panel_of(pages, "reconstruct")
        assert blocks_of(panel, "measures") and not blocks_of(panel, "shares")
        assert why in json.dumps(panel)
        assert ("to try" in json.dumps(panel)) is bool(why)


def test_files_of_a_finished_sweep_are_written_with_the_others(made, session, explorer, tmp_path):
    names = [("half", 0.5, False), ("whole", 1.0, True)]
    for name, done, is_there in names:
        explorer.known = made_sweep(done=done)
        list(made.files(session, "reconstruct", tmp_path / name))
        assert (tmp_path / name / "ratio.csv").is_file() is is_there
        assert (tmp_path / name / "ratio.png").is_file() is is_there


def test_what_trying_all_costs_stands_on_its_button_once_it_was_measured(made, session, explorer):
    for seconds, told in ((0.01, None), (0.05, "about 2.5 s"), (1.2, "about 60 s")):
        explorer.seconds = {"predict": 0.2, "sweep": seconds}
        pages = choose(made, session, 0.6 + seconds / 10)
        assert last(pages, "bar").costs.get("every-share") == told


# ---- what the chart draws and tells --------------------------------------------------------------


def test_heights_are_those_of_the_numbers():
    near, lost = sweep_chart(made_sweep(), 0.75)["charts"]
    ours, mean, copied = near["bands"]
    assert [band["name"] for band in near["bands"]] == [
        "reconstruction", "visible mean", "copied in time",
    ]  # fmt: skip
    # From 13.5 dB at the lowest to 22.5 at the highest, and 6 % of that left free at both ends.
    low, high = 13.5 - 0.54, 22.5 + 0.54
    for band, values in zip((ours, mean, copied), made_sweep().psnr_db, strict=True):
        for name, wanted in (
            ("mean", values.mean(1)),
            ("low", values.min(1)),
            ("high", values.max(1)),
        ):
            np.testing.assert_allclose(band[name], (wanted - low) / (high - low))
    assert near["ticks"] == [
        [pytest.approx((15 - low) / (high - low)), "15"],
        [pytest.approx((20 - low) / (high - low)), "20"],
    ]
    losses = np.log10(made_sweep().losses)
    room = 0.06 * (losses.max() - losses.min())
    low, high = losses.min() - room, losses.max() + room
    for band, values in zip(lost["bands"], made_sweep().losses, strict=True):
        np.testing.assert_allclose(band["mean"], (np.log10(values.mean(1)) - low) / (high - low))
    for height, text in lost["ticks"]:
        assert low + height * (high - low) == pytest.approx(np.log10(float(text)))
    assert 2 <= len(lost["ticks"]) <= 4


def test_every_share_is_told():
    chart = sweep_chart(made_sweep(leaks=True), 0.75)
    near, lost = chart["charts"]
    assert near["bands"][0]["values"] == ["22.0 dB", "19.0 dB", "17.5 dB", "15.0 dB"]
    assert near["own"] == [
        "50% hidden: 21.5 to 22.5 dB over 3 masks",
        "75% hidden: 17.0 to 21.0 dB over 3 masks",
        "87.5% hidden: 17.0 to 18.0 dB over 3 masks",
        "93.8% hidden: 14.5 to 15.5 dB over 3 masks",
    ]
    assert near["told"][2] == (
        "90% (in fact 87.5%) hidden: reconstruction (leaks) 17.5 dB (17.0 to 18.0), visible mean "
        "15.0 dB (14.5 to 15.5), copied in time 17.5 dB (17.0 to 18.0), true patch mean (leaks) "
        "17.4 dB (16.9 to 17.9)"
    )
    losses = made_sweep().losses[0, 0]
    assert lost["own"][0] == (f"50% hidden: {losses.min():.5f} to {losses.max():.5f} over 3 masks")
    assert lost["bands"][0]["values"][0] == f"{losses.mean():.5f}"
    assert (chart["ends"], chart["now"], chart["tells"]) == ([0.5, 0.95], 0.75, "videomae-share")


def test_what_is_exact_stands_at_the_top():
    exact = made_sweep()
    exact.psnr_db[2, 0], exact.losses[2, 0] = np.inf, 0
    near, lost = sweep_chart(exact, None)["charts"]
    assert (near["bands"][2]["mean"][0], near["bands"][2]["values"][0]) == (1, "exact")
    assert lost["bands"][2]["mean"][0] == 0
    assert "copied in time exact" in near["told"][0]
    json.dumps(sweep_chart(exact, None), allow_nan=False)
    exact.psnr_db[:], exact.losses[:] = np.inf, 0
    json.dumps(sweep_chart(exact, None), allow_nan=False)


# ---- in the browser ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model(recogniser_folder, reconstructor_folder) -> Explorer:
    return Explorer(str(recogniser_folder), str(reconstructor_folder), device="cpu")


def top_of(visitor) -> float:
    return visitor.page.locator("#ratio").bounding_box()["y"]


@pytest.mark.slow
def test_all_shares_are_tried_told_and_chosen(open_page, model, clip_path):
    *_, swept = model.sweep(ClipRequest(clip_path))
    sweep = swept.sweep
    visitor = open_page()
    visitor.go_to("Reconstruct")
    visitor.wait_until_explored()
    before = top_of(visitor)
    visitor.page.locator("#every-share").click()
    panel = visitor.page.locator("#reconstruction")
    shares = panel.locator(".panel-share")
    expect(shares).to_have_count(len(sweep.ratios))
    expect(visitor.page.locator("#working")).not_to_be_visible()
    assert top_of(visitor) == pytest.approx(before, abs=1)
    for said in sweep_sentences(sweep, 0.75)[:2]:
        expect(panel).to_contain_text(said)
    # The numbers: those of the present share, then those of the one that is pointed at.
    values, told = panel.locator(".panel-names .panel-value"), panel.locator(".panel-told")
    for at in (5, 9, 5):
        shares.nth(at).hover()
        expect(values).to_have_text([f"{mean:.1f} dB" for mean in sweep.mean_db[:, at]])
        low, high = sweep.psnr_db[0, at].min(), sweep.psnr_db[0, at].max()
        hidden = share(sweep.hidden[at])
        expect(told).to_have_text(f"{hidden} hidden: {low:.1f} to {high:.1f} dB over 5 masks")
    expect(shares.nth(5)).to_have_attribute("aria-pressed", "true")
    expect(panel.locator(".panel-now")).to_be_visible()
    panel.get_by_role("button", name="Show the loss").click()
    visitor.page.mouse.move(2, 2)
    expect(values.first).to_have_text(f"{sweep.mean_losses[0, 5]:#.3g}")
    panel.get_by_role("button", name="Show the PSNR").click()
    # By keyboard, to the share beside the present one.
    shares.nth(5).focus()
    visitor.page.keyboard.press("ArrowRight")
    expect(shares.nth(6)).to_be_focused()
    visitor.page.keyboard.press("End")
    visitor.page.keyboard.press("Enter")
    *_, chosen = model.sweep(ClipRequest(clip_path), MaskRequest(ratio=0.95))
    expect(panel.locator(".panel-lead")).to_contain_text(share(chosen.hidden_share))
    expect(panel).to_contain_text(sweep_sentences(sweep, 0.95)[0])
    expect(visitor.page.locator("#ratio input[type=number]")).to_have_value("0.95")
    expect(shares.nth(9)).to_have_attribute("aria-pressed", "true")
    expect(shares.nth(9)).to_be_focused()
    # And by mouse.
    visitor.wait_until_explored()
    shares.nth(0).click()
    expect(panel.locator(".panel-lead")).to_contain_text("50% hidden")
    expect(visitor.page.locator("#ratio input[type=number]")).to_have_value("0.5")
    # Dots stand at the present share, as high as the numbers.
    box = panel.locator(".panel-inner").bounding_box()
    heights = sweep_chart(sweep, 0.5)["charts"][0]["bands"]
    for index in range(len(heights)):
        dot = panel.locator(".panel-dot").nth(index).bounding_box()
        x, y = dot["x"] + dot["width"] / 2, dot["y"] + dot["height"] / 2
        assert x == pytest.approx(box["x"], abs=1)
        at = box["y"] + box["height"] * (1 - heights[index]["mean"][0])
        assert y == pytest.approx(at, abs=1.5)
    assert visitor.complaints == []


@pytest.mark.slow
def test_kinds_that_have_no_shares_say_so(open_page):
    visitor = open_page()
    visitor.go_to("Reconstruct")
    visitor.page.get_by_label("cell").check()
    panel = visitor.page.locator("#reconstruction")
    expect(panel).to_contain_text("running cells hide in steps of a quarter")
    visitor.wait_until_explored()
    visitor.page.locator("#every-share").click()
    toast = visitor.page.get_by_test_id("toast-body")
    expect(toast).to_contain_text("running cells hide in steps of a quarter")
    expect(panel.locator(".panel-shares")).to_have_count(0)


@pytest.mark.slow
def test_it_fits_on_a_phone(open_page, page_address, model, clip_path):
    *_, swept = model.sweep(ClipRequest(clip_path))
    address = f"{page_address}?lens=reconstruct"
    visitor = open_page(address, viewport={"width": 390, "height": 844})
    visitor.page.locator("#every-share").click()
    # Where another visitor had them before, the chart is there from the start, and drawn once more.
    visitor.wait_until_explored()
    chart = visitor.page.locator(".panel-shares")
    said = sweep_sentences(swept.sweep, 0.75)[0]
    expect(visitor.page.locator("#reconstruction")).to_contain_text(said)
    expect(chart.locator(".panel-share")).to_have_count(10)
    inside = """node => [...node.querySelectorAll("*")].every(one => {
        const box = one.getBoundingClientRect();
        return box.left >= 0 && box.right <= innerWidth + 1;
    })"""
    wait_until(lambda: chart.evaluate(inside))
    small = """node => [...node.querySelectorAll("*")]
        .filter(one => one.textContent && !one.closest("svg"))
        .map(one => [one.className, parseFloat(getComputedStyle(one).fontSize)])
        .filter(([, size]) => !(size >= 13))"""
    wait_until(lambda: chart.evaluate(small) == [])
