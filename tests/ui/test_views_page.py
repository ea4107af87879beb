"""Several views in the lens Recognise: what they cost, what each says, and that one is opened."""

from dataclasses import replace

import numpy as np
import pytest
from asking import RECOGNISE, controls_of, last, made_handlers, panel_of
from made_views import made_labels
from playwright.sync_api import expect
from test_kept_choices import MadeExplorer

from videomae_demo import ClipChange, ClipRequest, RequestError, SamplingRule, Views
from videomae_demo.engine.viewing import View
from videomae_demo.lenses.named_views import mean_of
from videomae_demo.lenses.plan import Plan
from videomae_demo.lenses.recognise import ONE_VIEW, ViewsFound, classify_logits
from videomae_demo.ui.controls import Sampling
from videomae_demo.ui.handlers import Handlers
from videomae_demo.ui.lenses.averaged import AT_ONCE_S, AVERAGE, ONLY_HERE, OPEN_VIEW, OPENS
from videomae_demo.ui.lenses.lens import TakenBackError
from videomae_demo.ui.session import Session

TWO = Views(2, 1)


class Averaging(MadeExplorer):
    """Has as many views as are asked for, and knows some of them; it runs them one by one."""

    def __init__(self) -> None:
        super().__init__()
        self.known, self.each_s, self.rule = 0, None, None

    def views(self, clip, views):
        crops = views.crop_changes()
        return [
            View(
                window + 1, crop + 1, ClipRequest(clip.path, 1.5 * window, self.rule, change=change)
            )
            for window in range(views.windows)
            for crop, change in enumerate(crops)
        ]

    def plan_views(self, clip, views):
        if clip.change is not None or clip.start_s is not None:
            raise RequestError("The clip has a change of its own.")
        count = views.windows * views.crops
        left = count - self.known
        return Plan(count, left, None if self.each_s is None else left * self.each_s)

    def known_views(self, clip, views):
        if not self.known:
            return None
        labels = made_labels().classification.labels
        each = [classify_logits(row, labels) for row in np.eye(len(labels), dtype=np.float32) * 4]
        done = tuple(zip(self.views(clip, views)[: self.known], each, strict=False))
        found = ViewsFound(views, views.windows * views.crops, done)
        mean = mean_of([one for _, one in done])
        return replace(made_labels(), classification=mean, views=found)

    def classify_views(self, clip, views):
        while self.known < views.windows * views.crops:
            self.known += 1
            yield self.known_views(clip, views)


@pytest.fixture
def explorer() -> Averaging:
    return Averaging()


@pytest.fixture
def made(tmp_path, explorer) -> Handlers:
    return made_handlers(tmp_path, explorer)


@pytest.fixture
def session(made) -> Session:
    return last(list(made.open(Session("tested"))), "session")


def choose(made, session, views) -> list:
    return list(made.change(session, RECOGNISE, RECOGNISE.set_views, views))


def block(blocks, kind: str) -> dict:
    (one,) = [one for one in blocks if one["kind"] == kind]
    return one


def words(blocks) -> list[str]:
    return [one["text"] for one in blocks if "text" in one]


def test_what_views_cost_is_said_before(made, session, explorer):
    explorer.each_s = AT_ONCE_S
    pages = choose(made, session, "2x1")
    act = block(panel_of(pages, "recognise"), "act")
    assert (act["text"], act["cost"]) == ("Average over the views", "2 views, about 6.0 s")
    assert act["tells"] == AVERAGE


def test_views_that_are_soon_done_are_done_at_once(made, session, explorer):
    explorer.each_s = AT_ONCE_S / 2
    blocks = panel_of(choose(made, session, "2x1"), "recognise")
    assert explorer.known == 2 and not [one for one in blocks if one["kind"] == "act"]
    table = block(blocks, "changes")
    told = [(row["name"], row["title"], row["value"], row["instead"]) for row in table["rows"]]
    assert told == [
        ("1.1", "window 1, 0.0 s", "90%", "hop"),
        ("2.1", "window 2, 1.5 s", "90%", "skip"),
    ]
    assert (table["tells"], table["heads"]) == (OPEN_VIEW, ["", "label"])
    assert OPENS in words(blocks)
    assert "The mean of 2 x 1 views, windows x crops: 1 of 2 say hop." in words(blocks)
    # Each has one label at e^4 of 6 + e^4, and the mean of two has the half of both.
    shares = [row["share"] for row in block(blocks, "bars")["rows"][:2]]
    expected = (np.exp(4) + 1) / 2 / (np.exp(4) + 6)
    np.testing.assert_allclose(shares, [expected, expected], rtol=1e-6)


def test_the_mean_is_streamed_and_what_is_done_stays(made, session, explorer):
    explorer.each_s = 9.0
    session = last(choose(made, session, "2x1"), "session")
    steps = made.work(session, RECOGNISE, RECOGNISE.average)
    page = next(steps)
    assert len(block(page.panels["recognise"], "changes")["rows"]) == 1
    assert "1 of 2 views are done so far." in words(page.panels["recognise"])
    steps.close()
    stopped = made.ended(session, RECOGNISE).panels["recognise"]
    assert block(stopped, "act")["text"] == "Go on averaging"
    assert block(stopped, "act")["cost"] == "1 view, about 9.0 s"


def test_a_view_is_opened_in_every_lens_and_marked(made, session, explorer):
    explorer.known = 6
    session = last(choose(made, session, "2x3"), "session")
    pages = list(made.take_sampling(session, RECOGNISE.open_view, "2.3"))
    now = last(pages, "session")
    expected = ClipRequest(session.clip.path, 1.5, change=ClipChange("crop", 100))
    assert now.clip == expected
    assert (last(pages, "sampling").start_s, last(pages, "sampling").change) == (1.5, "crop:100")
    table = block(panel_of(pages, "recognise"), "changes")
    assert table["chosen"] == "2.3" and table["rows"][5]["title"] == "window 2, 1.5 s, crop 3"
    for wrong in ("9.9", 3, None):
        with pytest.raises(RequestError, match="There is no view"):
            list(made.take_sampling(now, RECOGNISE.open_view, wrong))


def test_views_of_frames_spread_over_the_clip_can_not_be_opened(made, session, explorer):
    explorer.known, explorer.rule = 2, SamplingRule.uniform((1, 2))
    pages = choose(made, session, "2x1")
    blocks = panel_of(pages, "recognise")
    assert block(blocks, "changes")["tells"] == "" and ONLY_HERE in words(blocks)
    with pytest.raises(RequestError, match="There is no view"):
        list(made.take_sampling(last(pages, "session"), RECOGNISE.open_view, "1.1"))


def test_what_can_not_be_averaged_says_so(made, session, explorer):
    explorer.known = 2
    for wrong in ("5", "0x3", "90x90"):
        with pytest.raises(TakenBackError):
            choose(made, session, wrong)
    asked = last(choose(made, session, "2x1"), "session")
    taken = {
        "drawn": RECOGNISE.question(asked).taken.drawn,
        "painting": 1,
        "mask": "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    }
    pages = list(made.change(asked, RECOGNISE, RECOGNISE.take, taken))
    blocks = panel_of(pages, "recognise")
    assert ONE_VIEW in words(blocks) and not [one for one in blocks if one["kind"] == "changes"]
    held = [getattr(asked.sampling, name) for name in Sampling.__slots__]
    changed = list(made.resample(asked, "change", *held[:-1], "backwards"))
    assert "The clip has a change of its own." in words(panel_of(changed, "recognise"))


def test_the_views_are_kept_in_the_address_and_go_with_the_clip(made, session, explorer):
    explorer.known = 2
    asked = last(choose(made, session, "2x1"), "session")
    assert RECOGNISE.address(asked) == {"views": "2x1"}
    other = last(list(made.open(Session("tested"), "?views=2x1")), "session")
    assert RECOGNISE.question(other).views == TWO
    moved = last(list(made.move_window(asked, 1.5)), "session")
    assert RECOGNISE.question(moved).views == TWO
    pages = list(made.pick(asked, "b"))
    assert RECOGNISE.question(last(pages, "session")).views is None
    assert controls_of(pages, "recognise")["views"] == ""


def test_files_and_program_are_of_the_views(made, session, explorer, tmp_path):
    explorer.known = 2
    asked = last(choose(made, session, "2x1"), "session")
    (page,) = made.files(asked, "recognise", tmp_path / "out")
    assert any(path.endswith("views.csv") for path in page.files["recognise"])
    code = RECOGNISE.code(asked)
    assert "explorer.classify_views(clip, Views(2, 1))" in code.lines and "Views" in code.names
    moved = last(list(made.move_window(asked, 1.5)), "session")
    asked_of = "explorer.classify_views(replace(clip, start_s=None, change=None), Views(2, 1))"
    assert asked_of in RECOGNISE.code(moved).lines


@pytest.mark.slow
def test_a_view_is_opened_with_the_keyboard_and_keeps_the_focus(open_page):
    visitor = open_page()
    field = visitor.page.get_by_label("Average over views")
    field.fill("2x1")
    field.press("Enter")
    views = visitor.page.locator("#labels .panel-changes button")
    # On a machine where two passes take long, the page asks first.
    act = visitor.page.locator("#labels .panel-main-act")
    expect(views.nth(1).or_(act).first).to_be_visible()
    if act.count():
        act.click()
    expect(views).to_have_count(2)
    visitor.wait_until_explored()
    starts = visitor.page.locator("#seen")
    before = starts.inner_text()
    views.nth(1).focus()
    views.nth(1).press("Enter")
    expect(views.nth(1)).to_have_attribute("aria-pressed", "true")
    visitor.wait_until_explored()
    expect(views.nth(1)).to_be_focused()
    expect(starts).not_to_have_text(before, use_inner_text=True)
    assert visitor.complaints == []
