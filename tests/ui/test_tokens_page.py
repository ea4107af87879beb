"""The lens Tokens, and many masks, on the page: what is asked, and what it shows."""

import base64

import numpy as np
import pytest
from asking import RECONSTRUCT, TOKENS, controls_of, last, made_handlers, panel_of
from made_views import GRID, made_many, made_tokens
from playwright.sync_api import expect
from test_kept_choices import MadeExplorer

from videomae_demo import RequestError, TokensRequest
from videomae_demo.lenses.tokens import ALL_VISIBLE
from videomae_demo.ui.gradio_edge.slider import Slider
from videomae_demo.ui.handlers import Handlers
from videomae_demo.ui.lenses.lens import TakenBackError
from videomae_demo.ui.session import Session


class Comparing(MadeExplorer):
    def tokens(self, request, asked):
        self.asked.append(asked)
        return super().tokens(request, asked)


@pytest.fixture
def explorer() -> Comparing:
    return Comparing()


@pytest.fixture
def made(tmp_path, explorer) -> Handlers:
    return made_handlers(tmp_path, explorer)


@pytest.fixture
def session(made) -> Session:
    return last(list(made.open(Session("tested"), "?lens=tokens")), "session")


def set_to(made, session, name, value):
    return list(made.change(session, TOKENS, lambda *given: TOKENS.set(name, *given), value))


def scores_of(pane) -> np.ndarray:
    return np.frombuffer(base64.b64decode(pane.scores.data), "<f4").reshape(GRID.shape)


def test_the_chosen_token_is_compared_after_a_layer(made, session, explorer):
    assert explorer.asked == [TokensRequest()]
    now = last(list(made.choose(session, [1, 0, 2])), "session")
    assert explorer.asked[-1] == TokensRequest((1, 0, 2))
    now = last(set_to(made, now, "layer", 3), "session")
    assert explorer.asked[-1] == TokensRequest((1, 0, 2), 3)
    now = last(set_to(made, now, "skip_near", True), "session")
    assert explorer.asked[-1] == TokensRequest((1, 0, 2), 3, skip_near=True)
    pages = set_to(made, now, "half", "reconstructor")
    assert explorer.asked[-1] == TokensRequest((1, 0, 2), None, "reconstructor", True)
    assert controls_of(pages, "tokens")["layer"]["value"] == 6
    assert TOKENS.address(last(pages, "session")) == {"encoder": "reconstructor", "skip_near": "1"}
    with pytest.raises(RequestError, match="The encoder is 'decoder'"):
        set_to(made, now, "half", "decoder")


def test_a_view_has_an_address(made, session):
    now = last(set_to(made, session, "layer", 3), "session")
    query = last(list(made.open_lens(now, "tokens")), "bar").address
    told = "&".join(f"{name}={value}" for name, value in query.items())
    other = last(list(made.open(Session("tested"), told)), "session")
    assert TOKENS.request(other) == TokensRequest(layer=3)
    # A layer that is not there is that of other weights.
    pages = list(made.open(Session("tested"), "?lens=tokens&after=40"))
    assert TOKENS.request(last(pages, "session")) == TokensRequest()


def test_the_panel_says_and_the_player_draws_what_the_view_has(made, session):
    view = made_tokens()
    pages = list(made.open(Session("tested"), "?lens=tokens"))
    said = [block["text"] for block in panel_of(pages, "tokens")]
    assert said[:5] == [f"{view.where()}.", *view.sentences()]
    alike, groups, nearest, blank = last(pages, "session").player.lenses["tokens"].panes
    np.testing.assert_array_equal(scores_of(alike), view.cosines)
    assert (alike.scores.lower, alike.scores.upper) == (-1, 1)
    np.testing.assert_array_equal(np.isnan(scores_of(nearest)), ~view.nearest)
    assert groups.tracks[0].file != blank.tracks[0].file


def test_many_masks_are_shown_together_and_one_again(made):
    session = last(list(made.open(Session("tested"), "?lens=reconstruct")), "session")
    pages = list(made.change(session, RECONSTRUCT, RECONSTRUCT.show_many))
    told = [
        block[0]["text"] for page in pages if (block := page.status) and isinstance(block, list)
    ]
    assert told == ["Trying many masks ..."]
    now = last(pages, "session")
    assert RECONSTRUCT.address(now) == {"many": "1"}
    many = made_many()
    mean, error, spread, surprise = now.player.lenses["reconstruct"].panes
    np.testing.assert_array_equal(scores_of(error), many.error)
    np.testing.assert_array_equal(scores_of(spread), many.spread)
    np.testing.assert_allclose(scores_of(surprise), many.surprise)
    assert error.scores.upper == spread.scores.upper == pytest.approx(0.4)
    assert surprise.scores.upper == pytest.approx(np.abs(many.surprise).max())
    assert mean.scores is None
    assert any(
        "5 masks hid each token" in one.get("text", "") for one in panel_of(pages, "reconstruct")
    )
    one = last(list(made.change(now, RECONSTRUCT, RECONSTRUCT.show_many)), "session")
    assert RECONSTRUCT.address(one) == {}
    other = last(list(made.open(Session("tested"), "?lens=reconstruct&many=1")), "session")
    assert RECONSTRUCT.question(other).many


def test_another_mask_is_one_mask_and_of_some_kinds_there_is_but_one(made):
    session = last(list(made.open(Session("tested"), "?lens=reconstruct&many=1")), "session")
    change = made.change(
        session, RECONSTRUCT, lambda *given: RECONSTRUCT.set_mask("kind", *given), "future", 0.75, 0
    )
    now = last(list(change), "session")
    assert RECONSTRUCT.question(now).mask.kind == "future" and not RECONSTRUCT.question(now).many
    with pytest.raises(TakenBackError, match="Of the kind 'future' there is one mask"):
        list(made.change(now, RECONSTRUCT, RECONSTRUCT.show_many))


def test_the_program_tries_many_masks_too(made):
    session = last(list(made.open(Session("tested"), "?lens=reconstruct&many=1")), "session")
    assert "explorer.many_masks(clip, MaskRequest(" in RECONSTRUCT.code(session).lines


def test_an_emptied_number_is_one_sentence(made, session):
    slider = Slider(0, 12, 12, step=1)
    assert slider.preprocess(None) is None and slider.preprocess(3) == 3
    with pytest.raises(RequestError, match="The layer is None; it must be a"):
        set_to(made, session, "layer", None)


@pytest.mark.slow
def test_a_visitor_compares_tokens_and_tries_many_masks(open_page):
    visitor = open_page(viewport={"width": 1280, "height": 720})
    page = visitor.page
    visitor.go_to("Tokens")  # all tabs have room
    said = page.locator("#tokens")
    expect(said).to_contain_text("Tokens of the recogniser, after layer")
    page.locator("#player .vp-stage").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.locator("#player .vp-readout")).to_contain_text("+1.00 cosine")
    page.locator("#tokens-half").get_by_label("reconstructor").check()
    expect(said).to_contain_text("Tokens of the reconstructor")
    expect(said).to_contain_text(ALL_VISIBLE)
    visitor.go_to("Reconstruct")
    page.locator("#many-masks").click()
    expect(page.locator("#player figcaption")).to_have_text(
        ["mean prediction", "error", "spread", "surprise"]
    )
    expect(page.locator("#player .vp-readout")).to_contain_text("surprise")
    page.locator("#many-masks").click()
    expect(page.locator("#player figcaption").nth(1)).to_have_text("visible only")
