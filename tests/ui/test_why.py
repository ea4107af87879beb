"""The lens Why: what is asked, what the page shows of it, and what hiding tokens does."""

import base64
import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from asking import EXPLAIN, HEADS, RECOGNISE, MadeShelf, controls_of, last, panel_of
from conftest import wait_until
from made_views import GRID, made_relevance, made_scores, made_slices, made_trial
from playwright.sync_api import expect
from test_kept_choices import MadeExplorer

from videomae_demo import ClipRequest, Explorer
from videomae_demo.errors import RequestError
from videomae_demo.lenses.explain import ExplainRequest
from videomae_demo.pool import ExplorerPool
from videomae_demo.ui.examples import Example
from videomae_demo.ui.handlers import Handlers
from videomae_demo.ui.lenses.explain import LabelReason, relevance_blocks, relevance_view
from videomae_demo.ui.lenses.registry import LENSES
from videomae_demo.ui.lenses.trial import trial_blocks
from videomae_demo.ui.page import Unchanged
from videomae_demo.ui.session import Session


class Explaining(MadeExplorer):
    def __init__(self):
        super().__init__()
        self.without = []

    def classify(self, request, hidden=None):
        self.without.append(hidden)
        return super().classify(request)

    def explain(self, request, asked):
        self.asked.append(asked)
        return replace(made_relevance(), clip=self.see(request), request=asked)

    def test_explanation(self, request, asked):
        for done in (0.25, 1.0):
            yield replace(self.explain(request, asked), trial=made_trial(done=done))


@pytest.fixture
def explorer() -> Explaining:
    return Explaining()


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
    return last(list(made.open(Session("tested"), "?lens=explain")), "session")


def asked_of(session: Session) -> ExplainRequest:
    return EXPLAIN.question(session).request


def set_(made, session, changed: str, label, against, method="libragrad"):
    return list(
        made.change(session, EXPLAIN, partial(EXPLAIN.set, changed), label, against, method)
    )


def take(made, session, hidden: np.ndarray, painting: int = 1):
    marks = base64.b64encode(hidden.astype(np.uint8).tobytes()).decode()
    said = {"drawn": EXPLAIN.question(session).drawn, "painting": painting, "mask": marks}
    return list(made.change(session, EXPLAIN, EXPLAIN.take, said))


def hide_one() -> np.ndarray:
    hidden = np.zeros(GRID.shape, np.bool_)
    hidden[1, 0, 2] = True
    return hidden


def test_controls_decide_what_is_explained(made, session, explorer):
    assert explorer.asked == [ExplainRequest()]
    pages = set_(made, session, "against", "jump", "run")
    assert asked_of(last(pages, "session")) == ExplainRequest("jump", "run")
    pages = set_(made, last(pages, "session"), "method", "jump", None, "chefer")
    assert explorer.asked[-1] == ExplainRequest("jump", None, "chefer")
    assert controls_of(pages, "explain").get("method") is None


def test_of_two_equal_labels_the_one_that_was_not_set_goes(made, session):
    pages = set_(made, session, "label", "run", "run")
    assert asked_of(last(pages, "session")) == ExplainRequest("run")
    assert pages[0].controls == {"explain": {"against": None}}
    pages = set_(made, session, "against", "run", "run")
    assert asked_of(last(pages, "session")) == ExplainRequest(None, "run")
    assert pages[0].controls == {"explain": {"label": None}}


def test_tokens_are_taken_away_and_given_back(made, session, explorer):
    pages = take(made, session, hide_one(), painting=4)
    after = last(pages, "session")
    assert explorer.asked[-1].hidden == np.packbits(hide_one()).tobytes()
    mask = after.player.lenses["explain"].panes[0].mask
    assert (mask.drawn, mask.painting) == (EXPLAIN.question(session).drawn, 4)
    take(made, after, ~hide_one() & False)
    assert explorer.asked[-1].hidden is None
    with pytest.raises(RequestError, match="3 tokens"):
        take(made, after, np.zeros(3, np.bool_))


def test_a_painting_on_older_frames_is_left_out(made, session):
    again = last(list(made.pick(session, "first")), "session")
    said = {"drawn": EXPLAIN.question(session).drawn, "painting": 1, "mask": ""}
    assert list(made.change(again, EXPLAIN, EXPLAIN.take, said)) == []
    assert list(made.change(again, EXPLAIN, EXPLAIN.take, "nonsense")) == []


def test_tokens_that_are_taken_away_in_one_lens_are_away_in_the_other(made, explorer):
    session = last(list(made.open(Session("tested"))), "session")
    marks = base64.b64encode(hide_one().astype(np.uint8).tobytes()).decode()
    said = {"drawn": RECOGNISE.question(session).taken.drawn, "painting": 3, "mask": marks}
    pages = list(made.change(session, RECOGNISE, RECOGNISE.take, said))
    now, bits = last(pages, "session"), np.packbits(hide_one()).tobytes()
    assert explorer.without == [None, bits]
    mask = now.player.lenses["recognise"].panes[0].mask
    assert (mask.drawn, mask.painting, mask.data) == (said["drawn"], 3, marks)
    assert asked_of(now).hidden == bits
    before = EXPLAIN.question(now).drawn
    assert before == EXPLAIN.question(session).drawn + 1  # what was painted there counts no more
    now = last(list(made.open_lens(now, "explain")), "session")
    assert explorer.asked[-1].hidden == bits
    now = last(take(made, now, hide_one() & False), "session")
    assert RECOGNISE.question(now).taken.bits is None
    assert RECOGNISE.question(now).taken.drawn == said["drawn"] + 1
    list(made.open_lens(now, "recognise"))
    assert explorer.without == [None, bits, None]
    for old in ({**said, "drawn": 99}, "nonsense"):
        assert list(made.change(now, RECOGNISE, RECOGNISE.take, old)) == []


def test_an_address_takes_tokens_away_in_both_lenses(made, explorer):
    session = last(list(made.open(Session("tested"), "?taken=IAAA")), "session")
    assert RECOGNISE.question(session).taken.bits == asked_of(session).hidden == b"\x20\0\0"
    assert explorer.without == [b"\x20\0\0"]
    assert "explorer.classify(clip, b' \\x00\\x00')" in RECOGNISE.code(session).lines
    wrong = last(list(made.open(Session("tested"), "?taken=AAAA_wAA")), "session")
    assert RECOGNISE.question(wrong).taken.bits is None


def test_an_address_may_name_labels_of_other_weights(made, explorer):
    query = "?lens=explain&why=flying&against=RUN&label=flying&on=flying"
    session = last(list(made.open(Session("tested"), query)), "session")
    assert asked_of(session) == explorer.asked[-1] == ExplainRequest(against="run")
    assert RECOGNISE.question(session).label is None
    assert HEADS.question(session).request.label is None


def test_slices_stand_below_the_curves_once_all_is_known():
    trial = made_trial(slices=made_slices())
    (columns,) = [b for b in trial_blocks("explain", trial) if b["kind"] == "columns"]
    assert columns["title"] == "jump without one slice of time; dashed: with all"
    assert (columns["even"], columns["marked"]) == (pytest.approx(0.4), 1)
    assert columns["rows"][1]["said"] == "Without 1.40 s: jump 8.2%."
    assert columns["rows"][1]["share"] == pytest.approx(np.exp(-2.5))
    for other in (made_trial(), made_trial(slices=made_slices(), done=0.5)):
        assert "columns" not in [block["kind"] for block in trial_blocks("explain", other)]


def test_another_window_keeps_the_labels_and_gives_tokens_back(made, session, tmp_path):
    now = last(set_(made, session, "against", "jump", "run"), "session")
    now = last(take(made, now, hide_one()), "session")
    after = last(list(made.move_window(now, 0.5)), "session")
    assert asked_of(after) == ExplainRequest("jump", "run")
    assert EXPLAIN.question(after).drawn == EXPLAIN.question(now).drawn + 1
    other = last(list(made.explore(after, tmp_path / "other.mp4", *after_sampling())), "session")
    assert asked_of(other) == ExplainRequest()


def after_sampling() -> list:
    return ["the usual of these weights", 0.125, 4, "", False]


def test_a_view_has_an_address(made, session):
    now = last(set_(made, session, "against", "jump", "run", "chefer"), "session")
    now = last(take(made, now, hide_one()), "session")
    query = last(list(made.open_lens(now, "explain")), "bar").address
    assert {name: query[name] for name in ("why", "against", "method", "lens")} == {
        "why": "jump", "against": "run", "method": "chefer", "lens": "explain",
    }  # fmt: skip
    told = "&".join(f"{name}={value}" for name, value in query.items())
    other = last(list(made.open(Session("tested"), told)), "session")
    assert asked_of(other) == asked_of(now)
    wrong = last(list(made.open(Session("tested"), "?lens=explain&taken=AAAA_wAA")), "session")
    assert asked_of(wrong).hidden is None


def test_the_picture_and_the_words_are_those_of_the_scores(session):
    view = session.player.lenses["explain"]
    (pane,) = view.panes
    values = np.frombuffer(base64.b64decode(pane.scores.data), "<f4")
    np.testing.assert_array_equal(values.reshape(GRID.shape), made_scores())
    assert pane.scores.upper == -pane.scores.lower == made_relevance().scale.upper
    assert "Highest: +3.00, at 1.40 s, row 1, column 3" in view.text
    assert view.curve.values == (1.0, 3.0, 0.0) and view.curve.unit == "of the logit"
    assert view.may_show_all and view.paint == "Take tokens away"
    unsigned = made_relevance(method="chefer")
    shown = relevance_view(unsigned, pane, LabelReason())
    assert (shown.panes[0].scores.lower, shown.curve.even) == (0, 1)
    above, below = relevance_blocks(made_relevance(hidden=hide_one()))
    assert [block["kind"] for block in above] == ["lead", "sentence", "sentence", "bars"]
    assert [row["name"] for row in above[3]["rows"]] == ["lie", "jump", "run"]
    assert "Mehri" in json.dumps(below)


def test_a_trial_grows_in_the_panel_and_changes_nothing_of_the_session(made, session):
    pages = list(made.work(session, EXPLAIN, EXPLAIN.test))
    assert all(isinstance(page.session, Unchanged) for page in pages)
    assert [bool(page.status) for page in pages] == [True, False]
    assert pages[0].status[0]["done"] == 25
    kinds = [block["kind"] for block in panel_of(pages, "explain")]
    assert kinds[:3] == ["lead", "sentence", "sentence"] and "curves" in kinds
    said = json.dumps(panel_of(pages, "explain"))
    assert "better than each of the others" in said
    assert "So far, 25% of the test is done." in json.dumps(pages[0].panels)


def test_the_curves_are_drawn_with_what_each_share_does():
    (chart,) = [b for b in trial_blocks("explain", made_trial()) if b["kind"] == "curves"]
    assert chart["shares"] == [0, 0.5, 0.95]
    assert chart["lines"][0] == {
        "name": "LibraGrad x input", "ways": [[0.4, 0.2, 0.1], [0.4, 0.4, 0.4]],
    }  # fmt: skip
    assert chart["band"][0] == [[0.4, 0.4], [0.38, 0.41], [0.3, 0.35]]
    assert chart["told"] == [
        "0% hidden: jump 40.0%, on top jump",
        "50% hidden: jump 20.0%, on top jump",
        "95% hidden: jump 10.0%, on top lie",
    ]


def test_two_labels_are_compared_in_why(made, explorer):
    session = last(list(made.open(Session("tested"))), "session")
    pages = list(made.change(session, RECOGNISE, RECOGNISE.compare, ["jump", "run"]))
    assert last(pages, "lens") == "explain"
    after = last(pages, "session")
    assert (after.lens, asked_of(after)) == ("explain", ExplainRequest("jump", "run"))
    assert explorer.asked[-1] == ExplainRequest("jump", "run")
    held = controls_of(pages, "explain")
    assert (held["label"], held["against"]) == ("jump", "run")
    for nonsense in (["jump"], ["jump", "fly"], "jump", None, [1, 2]):
        assert list(made.change(session, RECOGNISE, RECOGNISE.compare, nonsense)) == []


# ---- in the browser ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model(recogniser_folder) -> Explorer:
    return Explorer(str(recogniser_folder), device="cpu")


def open_why(visitor) -> None:
    visitor.open_tab("Why")
    expect(visitor.page.locator("#player .vp-stage[data-drawn^=explain]")).to_be_visible()


def test_why_is_shown_tested_and_hidden_along_the_curve(open_page, model, clip_path):
    visitor = open_page()
    open_why(visitor)
    view = model.explain(ClipRequest(clip_path))
    panel = visitor.page.locator("#relevance")
    expect(panel).to_contain_text(view.verdict())
    visitor.page.locator("#why-test").click()
    *_, tested = model.test_explanation(ClipRequest(clip_path))
    expect(panel).to_contain_text(tested.trial.sentences()[-1])
    expect(visitor.page.locator("#working")).not_to_be_visible()
    before = visitor.picture()
    slider = panel.get_by_role("slider")
    slider.focus()
    for _ in range(5):
        visitor.page.keyboard.press("ArrowRight")
    share = tested.trial.own.deletion.hidden[5]
    expect(panel.locator(".panel-curves .panel-told")).to_contain_text(
        f"{share:.0%} hidden".replace(".0%", "%")
    )
    order = np.argsort(-view.relevance.scores.reshape(-1), kind="stable")
    gone = np.zeros(32, np.bool_)
    gone[order[: round(share * 32)]] = True

    def hides_the_strongest() -> bool:
        shown = visitor.picture()
        size = shown.shape[0] // 4
        grey = (shown[size // 2 :: size, size // 2 :: size] == (188, 190, 194)).all(-1)
        return np.array_equal(grey, gone.reshape(2, 4, 4)[0])

    wait_until(hides_the_strongest)
    for _ in range(5):
        visitor.page.keyboard.press("ArrowLeft")
    wait_until(lambda: np.array_equal(visitor.picture(), before))
    assert visitor.complaints == []


def test_tokens_taken_away_change_the_labels_at_once(open_page, model, clip_path):
    visitor = open_page()
    open_why(visitor)
    visitor.page.get_by_role("button", name="Take tokens away").click()
    box = visitor.stage().bounding_box()
    at = [box["x"] + box["width"] / 8, box["y"] + box["height"] / 8]
    visitor.page.mouse.click(*at)
    hidden = np.zeros((2, 4, 4), np.bool_)
    hidden[:, 0, 0] = True
    asked = ExplainRequest(hidden=np.packbits(hidden).tobytes())
    said = model.explain(ClipRequest(clip_path), asked).without()[0]
    expect(visitor.page.locator("#relevance")).to_contain_text(said)
    visitor.go_to("Reconstruct")
    undo = visitor.page.locator("#player .vp-undo")
    expect(undo).to_have_attribute("aria-disabled", "true")  # nothing was painted in this lens
    open_why(visitor)
    expect(undo).to_have_attribute("aria-disabled", "false")
    visitor.page.get_by_role("button", name="Take tokens away").click()
    undo.click()
    expect(visitor.page.locator("#relevance")).not_to_contain_text("taken away")
    assert visitor.complaints == []


def test_labels_follow_tokens_that_are_painted_away(open_page, model, clip_path):
    visitor = open_page()
    visitor.page.get_by_role("button", name="Take tokens away").click()
    box = visitor.stage().bounding_box()
    visitor.page.mouse.click(box["x"] + box["width"] / 8, box["y"] + box["height"] / 8)
    hidden = np.zeros((2, 4, 4), np.bool_)
    hidden[:, 0, 0] = True
    bits = np.packbits(hidden).tobytes()
    view = model.classify(ClipRequest(clip_path), bits)
    expect(visitor.page.locator("#labels")).to_contain_text(view.without()[0])
    top = view.classification.top(1)[0]
    expect(visitor.page.locator("#labels .panel-marked .panel-name")).to_have_text(top.label)
    open_why(visitor)
    said = model.explain(ClipRequest(clip_path), ExplainRequest(hidden=bits)).without()[0]
    expect(visitor.page.locator("#relevance")).to_contain_text(said)
    assert visitor.complaints == []


@pytest.mark.slow
def test_two_visitors_explain_different_labels_at_once(open_page, model, clip_path):
    names = [score.label for score in model.classify(ClipRequest(clip_path)).classification.top(2)]
    visitors = [open_page(), open_page()]
    for visitor in visitors:
        visitor.comes_to_the_front()
        open_why(visitor)
    for visitor, name in zip(visitors, names, strict=True):
        visitor.comes_to_the_front()
        visitor.page.get_by_role("combobox", name="Label, or").fill(name)
        visitor.page.get_by_role("option", name=name, exact=True).click()
    for visitor, name in zip(visitors, names, strict=True):
        view = model.explain(ClipRequest(clip_path), ExplainRequest(name))
        visitor.comes_to_the_front()
        expect(visitor.page.locator("#relevance .panel-lead")).to_have_text(f"Why {name}")
        expect(visitor.page.locator("#relevance")).to_contain_text(view.verdict())
        visitor.page.locator("#why-test").click()
    for visitor, name in zip(visitors, names, strict=True):
        *_, tested = model.test_explanation(ClipRequest(clip_path), ExplainRequest(name))
        for said in tested.trial.sentences():
            expect(visitor.page.locator("#relevance")).to_contain_text(said)
        assert visitor.complaints == []


def test_attention_is_tested_too(open_page, model, clip_path):
    visitor = open_page()
    visitor.go_to("Attend")
    visitor.page.locator("#attend-test").click()
    *_, tested = model.test_attention(ClipRequest(clip_path))
    expect(visitor.page.locator("#attention")).to_contain_text(tested.sentences()[-1])
    expect(visitor.page.locator("#attention")).to_contain_text("not proof of cause")
    assert visitor.complaints == []


def test_two_bars_ask_for_one_label_rather_than_the_other(open_page, model, clip_path):
    visitor = open_page()
    names = [score.label for score in model.classify(ClipRequest(clip_path)).classification.top(2)]
    for name in reversed(names):
        visitor.page.locator("#labels").get_by_role("button", name=name).click()
    view = model.explain(ClipRequest(clip_path), ExplainRequest(*names))
    panel = visitor.page.locator("#relevance")
    expect(panel.locator(".panel-lead")).to_have_text(f"Why {names[0]} rather than {names[1]}")
    expect(panel).to_contain_text(view.verdict())
    expect(visitor.page.get_by_role("tab", name="Why")).to_have_attribute("aria-selected", "true")
    expect(visitor.page.locator("#player .vp[data-lens=explain]")).to_be_visible()
    expect(visitor.page.get_by_role("combobox", name="Label, or")).to_have_value(names[0])
    expect(visitor.page.get_by_role("combobox", name="Rather than")).to_have_value(names[1])
    assert visitor.complaints == []
