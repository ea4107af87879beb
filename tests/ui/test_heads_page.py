"""The lens Heads: what is asked, what the page shows of it, and what its gallery says."""

import base64
import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
from asking import ATTEND, HEADS, MadeShelf, controls_of, last
from conftest import wait_until
from made_views import GRID, made_heads
from playwright.sync_api import expect
from test_kept_choices import MadeExplorer

from videomae_demo import ClipRequest, Explorer, Head, HeadsRequest
from videomae_demo.errors import RequestError
from videomae_demo.pool import ExplorerPool
from videomae_demo.rendering.gallery import tiles
from videomae_demo.ui.examples import Example
from videomae_demo.ui.handlers import Handlers
from videomae_demo.ui.lenses.heads import heads_panel, heads_view
from videomae_demo.ui.lenses.registry import LENSES
from videomae_demo.ui.session import Session


class Looking(MadeExplorer):
    def heads(self, request, asked):
        self.asked.append(asked)
        return super().heads(request, asked)


@pytest.fixture
def explorer() -> Looking:
    return Looking()


@pytest.fixture
def save(tmp_path):
    def save(content: bytes, name: str) -> str:
        path = tmp_path / name
        path.write_bytes(content)
        return str(path)

    return save


@pytest.fixture
def made(tmp_path, explorer, save) -> Handlers:
    pool = ExplorerPool("tested", make=lambda weights, reconstructor: explorer)
    pool.absent = lambda name, halves=(): ()
    return Handlers(pool, LENSES, MadeShelf(Example(tmp_path / "first.mp4", "first")), save)


@pytest.fixture
def session(made) -> Session:
    return last(list(made.open(Session("tested"), "?lens=heads")), "session")


def say(made, session, said):
    return list(made.change(session, HEADS, HEADS.choose, said))


def asked_of(session: Session) -> HeadsRequest:
    return HEADS.question(session).request


def test_the_gallery_chooses_switches_and_gives_back(made, session, explorer):
    assert explorer.asked == [HeadsRequest()]
    now = last(say(made, session, {"head": "1.3"}), "session")
    assert explorer.asked[-1] == HeadsRequest(Head(1, 3))
    now = last(say(made, now, {"toggle": "1.3"}), "session")
    now = last(say(made, now, {"toggle": "2.1"}), "session")
    assert explorer.asked[-1] == HeadsRequest(Head(2, 1), (Head(1, 3), Head(2, 1)))
    now = last(say(made, now, {"toggle": "1.3"}), "session")
    assert asked_of(now) == HeadsRequest(Head(1, 3), (Head(2, 1),))
    now = last(say(made, now, {"all": True}), "session")
    assert asked_of(now) == HeadsRequest(Head(1, 3))
    assert say(made, now, ["2.1"]) == [] and say(made, now, None) == []
    for wrong in ({"head": "x"}, {"toggle": 3}, {"head": None}):
        with pytest.raises(RequestError, match="write its layer and its number"):
            say(made, now, wrong)


def test_controls_decide_on_which_label_and_what_is_drawn(made, session, explorer):
    pages = list(made.change(session, HEADS, lambda *given: HEADS.set("label", *given), "run"))
    now = last(pages, "session")
    pages = list(made.change(now, HEADS, lambda *given: HEADS.set("shows", *given), "effect"))
    assert explorer.asked[-1] == HeadsRequest(label="run", shows="effect")
    assert HEADS.controls(last(pages, "session")) == {"label": "run", "shows": "effect"}


def test_a_chosen_token_is_where_heads_read_from(made, session, explorer):
    now = last(list(made.choose(session, [1, 0, 2])), "session")
    assert explorer.asked[-1] == HeadsRequest(query=(1, 0, 2))
    assert HEADS.key(now) == HeadsRequest(query=(1, 0, 2))
    list(made.choose(now, None))
    assert explorer.asked[-1] == HeadsRequest()


def test_a_view_has_an_address(made, session):
    now = last(say(made, session, {"toggle": "2.1"}), "session")
    now = last(say(made, now, {"head": "1.2"}), "session")
    now = last(
        list(made.change(now, HEADS, lambda *given: HEADS.set("label", *given), "run")), "session"
    )
    now = last(
        list(made.change(now, HEADS, lambda *given: HEADS.set("shows", *given), "effect")),
        "session",
    )
    query = last(list(made.open_lens(now, "heads")), "bar").address
    expected = {"head": "1.2", "off": "2.1", "on": "run", "shows": "effect", "lens": "heads"}
    assert {name: query.get(name) for name in expected} == expected
    told = "&".join(f"{name}={value}" for name, value in query.items())
    other = last(list(made.open(Session("tested"), told)), "session")
    assert asked_of(other) == asked_of(now)


def test_another_clip_forgets_the_label_and_other_weights_all(made, session, explorer):
    now = last(say(made, session, {"toggle": "2.1"}), "session")
    now = session.asking(
        "heads", replace(HEADS.question(now), request=replace(asked_of(now), label="run"))
    )
    assert HEADS.meet(now, "frames", explorer).request == asked_of(now)
    assert HEADS.meet(now, "clip", explorer).request == HeadsRequest(Head(2, 1), (Head(2, 1),))
    assert HEADS.meet(now, "weights", explorer).request == HeadsRequest()


def test_attend_follows_the_head_that_is_drawn(made, session, explorer):
    pages = list(made.change(session, HEADS, HEADS.follow))
    assert last(pages, "lens") == "attend"
    after = last(pages, "session")
    assert ATTEND.settings(after).head == Head(2, 1)
    assert controls_of(pages, "attend")["head"]["value"] == "2.1"
    back = last(
        list(made.change(after, ATTEND, ATTEND.set_rollout, "mean", 0, 1, 6, "")), "session"
    )
    assert ATTEND.settings(back).head is None
    with pytest.raises(RequestError, match="Layers 1 to 1 are chained, and layer 2, head 1 is not"):
        list(made.change(after, ATTEND, ATTEND.set_rollout, "mean", 0, 1, 1, "2.1"))


def test_a_head_alone_in_attend_has_an_address(made, session):
    now = last(list(made.change(session, HEADS, HEADS.follow)), "session")
    query = last(list(made.open_lens(now, "attend")), "bar").address
    assert query["alone"] == "2.1"
    told = "&".join(f"{name}={value}" for name, value in query.items())
    assert ATTEND.settings(last(list(made.open(Session("tested"), told)), "session")).head == Head(
        2, 1
    )


def test_the_gallery_is_that_of_the_view(save):
    view = made_heads()
    blocks = heads_panel(view, save)
    (gallery,) = [block for block in blocks if block["kind"] == "gallery"]
    assert (gallery["lines"], gallery["columns"], gallery["shape"]) == (2, 3, "4 / 2")
    assert [head["name"] for head in gallery["heads"]] == ["1.1", "1.2", "1.3", "2.1", "2.2", "2.3"]
    assert [head["effect"] for head in gallery["heads"]] == pytest.approx(
        [0, 0.75, -0.375, -1, 0, 0.25]
    )
    assert gallery["heads"][1]["said"] == "Layer 1, head 2: +0.60"
    assert gallery["ranking"] == [3, 1, 2, 5, 0, 4]
    assert gallery["chosen"] == "2.1" and gallery["told"] == view.overview_words()
    picture = cv2.imread(gallery["picture"])[:, :, ::-1]
    np.testing.assert_array_equal(picture, tiles(view.overview, view.overview_scale))
    said = json.dumps(blocks)
    assert view.does() in said and view.all_together() in said and view.reads() in said
    off = heads_panel(made_heads(HeadsRequest(Head(2, 1), (Head(2, 1),))), save)
    (gallery,) = [block for block in off if block["kind"] == "gallery"]
    assert gallery["heads"][3] == {
        "name": "2.1", "said": "Layer 2, head 1: off", "effect": 0, "off": True,
    }  # fmt: skip
    (bars,) = [block for block in off if block["kind"] == "bars"]
    assert [row["name"] for row in bars["rows"]] == ["lie", "jump", "run"]


def test_the_picture_is_that_of_the_head(session):
    view, shown = made_heads(), session.player.lenses["heads"]
    (pane,) = shown.panes
    values = np.frombuffer(base64.b64decode(pane.scores.data), "<f4").reshape(GRID.shape)
    np.testing.assert_array_equal(values, view.drawn)
    assert (pane.scores.lower, pane.scores.upper) == (0, view.scale.upper)
    assert shown.curve.values == pytest.approx((6 / 8, 0, 18 / 8)) and shown.curve.even == 1
    assert view.does() in shown.text and "18.0x uniform" in shown.text
    signed = heads_view(made_heads(HeadsRequest(Head(1, 2), shows="effect")), pane)
    assert signed.panes[0].scores.lower == -signed.panes[0].scores.upper
    assert signed.curve.values == pytest.approx((-0.1, 0.7, 0)) and signed.curve.even == 0
    assert signed.title == "Layer 1, head 2: effect on jump"
    off = heads_view(made_heads(HeadsRequest(Head(2, 1), (Head(2, 1),))), pane)
    assert off.curve is None


def test_without_labels_the_lens_says_so(made, session, explorer, save):
    card = replace(explorer.recogniser.card, label_count=0)
    explorer.recogniser.card = card
    showing = HEADS.show(explorer, session, save)
    assert showing.panel[0]["kind"] == "note" and showing.view is session.base


def test_it_stands_in_python(session, made):
    assert HEADS.code(session).names == ("HeadsRequest",)
    now = last(say(made, session, {"head": "1.3"}), "session")
    code = HEADS.code(now)
    assert code.names == ("Head", "HeadsRequest")
    assert "HeadsRequest(head=Head(layer=1, number=3))" in code.lines


# ---- in the browser ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model(recogniser_folder) -> Explorer:
    return Explorer(str(recogniser_folder), device="cpu")


@pytest.mark.slow
def test_a_head_is_chosen_switched_off_and_followed_with_the_keyboard(open_page, model, clip_path):
    visitor = open_page()
    visitor.go_to("Heads")
    page, panel, clip = visitor.page, visitor.page.locator("#heads"), ClipRequest(clip_path)
    view = model.heads(clip)
    expect(panel.locator(".panel-lead")).to_have_text(view.head.title)
    expect(panel).to_contain_text(view.does())
    expect(panel.locator(".panel-tile")).to_have_count(6)
    shown = panel.locator(".panel-tile[aria-pressed=true]")
    expect(shown).to_have_attribute("aria-label", f"{view.head.title}: {view.effect:+.2f}")
    panel.locator(".panel-tile[tabindex='0']").focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    expect(panel.locator(".panel-told")).to_contain_text("Layer 2, head 2")
    page.keyboard.press("Enter")
    view = model.heads(clip, HeadsRequest(Head(2, 2)))
    expect(panel).to_contain_text(view.does())
    expect(panel.locator(".panel-tile:focus")).to_have_attribute("data-head", "2.2")
    panel.get_by_role("button", name="Switch it off").press("Enter")
    view = model.heads(clip, HeadsRequest(Head(2, 2), (Head(2, 2),)))
    expect(panel).to_contain_text(view.without()[0])
    expect(panel.get_by_role("button", name="Switch it on")).to_be_focused()
    panel.get_by_role("button", name="All on").click()
    expect(panel).not_to_contain_text("Off: ")
    page.get_by_role("button", name="Follow it in Attend").click()
    expect(page.locator("#attention")).to_contain_text("layer 2, head 2 alone in its layer")
    expect(page.get_by_role("tab", name="Attend")).to_have_attribute("aria-selected", "true")
    assert visitor.complaints == []


@pytest.mark.slow
def test_the_strongest_come_first_and_stay_so(open_page, model, clip_path):
    visitor = open_page()
    visitor.go_to("Heads")
    panel, ranking = (
        visitor.page.locator("#heads"),
        model.heads(ClipRequest(clip_path)).found.ranking,
    )
    panel.get_by_role("button", name="Strongest first").click()

    def order() -> list[str]:
        return panel.locator(".panel-tile").evaluate_all(
            "tiles => tiles.map((t) => t.dataset.head)"
        )

    wait_until(lambda: order() == [head.written for head in ranking])
    panel.locator(".panel-tile").last.click()
    expect(panel.locator(".panel-lead")).to_have_text(ranking[-1].title)
    assert order() == [head.written for head in ranking]
    panel.get_by_role("button", name="In layers").click()
    wait_until(lambda: order() == [head.written for head in sorted(ranking)])
    assert visitor.complaints == []
