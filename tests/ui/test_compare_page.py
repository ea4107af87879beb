"""The lens Compare on the page: what is asked of both, what it shows, and who may be compared."""

import base64
import re
from dataclasses import replace

import numpy as np
import pytest
from asking import COMPARE, EXPLAIN, RECONSTRUCT, WHAT_IF, MadeShelf, controls_of, last, panel_of
from made_views import GRID
from playwright.sync_api import expect
from test_kept_choices import MadeExplorer

from videomae_demo import CompareRequest, MaskRequest, RequestError, WhatIfRequest
from videomae_demo.lenses.paired import KINDS
from videomae_demo.pool import HALVES, ExplorerPool, Offer
from videomae_demo.ui.examples import Example
from videomae_demo.ui.handlers import Handlers
from videomae_demo.ui.lenses.compare import CHOOSE, WHATS
from videomae_demo.ui.lenses.registry import LENSES
from videomae_demo.ui.session import Session


class Comparing(MadeExplorer):
    def compare(self, request, other, asked):
        self.asked.append((other, asked))
        yield from super().compare(request, other, asked)


class Pool(ExplorerPool):
    """Has two names for one Explorer; of one, files are missing."""

    missing = ()

    def absent(self, name, halves=HALVES):
        return tuple(self.missing) if name == "other" else ()

    def offers(self):
        return [Offer(name, name.title(), True, 0, "MIT", "") for name in ("tested", "other")]


@pytest.fixture
def explorer() -> Comparing:
    return Comparing()


@pytest.fixture
def made(tmp_path, explorer) -> Handlers:
    def save(content: bytes, name: str) -> str:
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}-{name}"
        path.write_bytes(content)
        return str(path)

    pool = Pool("tested", make=lambda weights, reconstructor: explorer)
    return Handlers(pool, LENSES, MadeShelf(Example(tmp_path / "first.mp4", "first")), save)


@pytest.fixture
def session(made, explorer) -> Session:
    session = last(list(made.open(Session("tested"), "?lens=compare")), "session")
    explorer.asked.clear()
    return session


def set_to(made, session, name, value):
    return list(made.change(session, COMPARE, lambda *given: COMPARE.set(name, *given), value))


def block(blocks, kind: str) -> dict:
    (one,) = [one for one in blocks if one["kind"] == kind]
    return one


def test_nothing_is_compared_before_others_are_chosen(made, explorer):
    pages = list(made.open(Session("tested"), "?lens=compare"))
    assert panel_of(pages, "compare") == [{"kind": "sentence", "text": CHOOSE}]
    assert explorer.asked == []
    held = controls_of(pages, "compare")["other"]
    assert held["choices"] == [("Tested", "tested"), ("Other", "other")]


def test_the_same_is_asked_of_both_as_the_other_lenses_have_it(made, session, explorer):
    now = last(set_to(made, session, "other", "other"), "session")
    assert explorer.asked == [("other", CompareRequest())]
    why = EXPLAIN.question(now)
    now = now.asking("explain", replace(why, request=replace(why.request, label="run")))
    now = last(set_to(made, now, "what", "relevance"), "session")
    assert explorer.asked[-1] == ("other", CompareRequest("relevance", "run"))
    mask = MaskRequest("random", 0.5, 3)
    now = now.asking("reconstruct", replace(RECONSTRUCT.question(now), mask=mask))
    now = last(set_to(made, now, "what", "reconstruction"), "session")
    assert explorer.asked[-1] == ("other", CompareRequest("reconstruction", mask=mask))
    question = replace(WHAT_IF.question(now), request=WhatIfRequest("sit", "grey"))
    now = last(set_to(made, now.asking("what_if", question), "what", "what_if"), "session")
    assert explorer.asked[-1] == ("other", CompareRequest("what_if", "sit", shown="grey"))
    assert COMPARE.address(now) == {"with": "other", "of_both": "what_if"}
    with pytest.raises(RequestError, match="What is compared is 'taste'"):
        set_to(made, now, "what", "taste")


def test_a_view_has_an_address_and_foreign_weights_none(made, session, explorer):
    now = last(set_to(made, session, "other", "other"), "session")
    now = last(set_to(made, now, "what", "attention"), "session")
    query = last(list(made.open_lens(now, "compare")), "bar").address
    told = "&".join(f"{name}={value}" for name, value in query.items())
    list(made.open(Session("tested"), told))
    assert explorer.asked[-1] == ("other", CompareRequest("attention"))
    count = len(explorer.asked)
    pages = list(made.open(Session("tested"), "?lens=compare&with=/etc&of_both=taste"))
    assert len(explorer.asked) == count and COMPARE.question(last(pages, "session")).other == ""
    with pytest.raises(RequestError, match="There are no weights '/etc' on this page"):
        set_to(made, session, "other", "/etc")


@pytest.mark.parametrize("what", KINDS)
def test_the_panel_pairs_and_the_player_plays_both(made, session, explorer, what):
    now = last(set_to(made, session, "other", "other"), "session")
    pages = set_to(made, now, "what", what)
    (view,) = explorer.compare(now.clip, "other", explorer.asked[-1][1])
    blocks = panel_of(pages, "compare")
    assert (blocks[0]["text"], blocks[1]["text"]) == (view.pairing.said[0], view.who())
    rows = block(blocks, "pairs")["rows"]
    shown = [row for row in view.pairing.rows if not row.name.startswith("frozen:")]
    assert [row["name"] for row in rows] == [row.name.replace(":", " ") for row in shown]
    assert all(0 <= side["share"] <= 1 for row in rows for side in row["sides"])
    said = {one.get("text") for one in blocks}
    assert {*view.pairing.said, *view.notes} <= said
    panes = last(pages, "session").player.lenses["compare"].panes
    maps = ["A", "B", "B less A"]
    reconstructions = ["original, as A gets it", "A's reconstruction", "B's reconstruction"]
    titles = {
        "labels": ["A gets", "B gets"],
        "attention": maps,
        "relevance": maps,
        "reconstruction": [*reconstructions, "B less A"],
        "what_if": ["as it is", "played backwards"],
    }[what]
    assert [pane.title for pane in panes] == titles
    if "B less A" in titles:
        values = np.frombuffer(base64.b64decode(panes[-1].scores.data), "<f4")
        assert values.shape == (GRID.tokens,) and not np.nan_to_num(values).any()
        if what != "reconstruction":
            assert panes[0].scores.upper == panes[1].scores.upper == panes[-1].scores.upper
    assert set(WHATS) == set(KINDS)


def test_what_is_missing_is_fetched_before_both_are_asked(made, session, monkeypatch):
    fetched = []

    def fetch(weights, halves):
        fetched.append((weights, tuple(halves)))
        return ()

    monkeypatch.setattr(made._stages, "fetch", fetch)
    now = last(set_to(made, session, "other", "other"), "session")
    assert fetched == [("tested", HALVES[:1]), ("other", HALVES[:1])]
    set_to(made, now, "what", "reconstruction")
    assert fetched[2:] == [("tested", HALVES), ("other", HALVES)]


def test_weights_of_the_sheet_are_compared(made, session, explorer):
    pages = list(made.compare_with(session, "other"))
    assert last(pages, "lens") == "compare"
    assert explorer.asked == [("other", CompareRequest())]
    assert controls_of(pages, "compare")["other"]["value"] == "other"
    with pytest.raises(RequestError, match="There are no weights"):
        list(made.compare_with(session, "/etc"))


def test_the_pool_hands_out_what_is_here_alone(explorer):
    pool = Pool("tested", make=lambda weights, reconstructor: explorer)
    assert pool.beside("other", with_decoder=True) is explorer
    pool.missing = ("other",)
    with pytest.raises(RequestError, match="The weights 'other' are not on this machine"):
        pool.beside("other", with_decoder=False)
    with pytest.raises(RequestError, match="There are no weights '/etc'"):
        pool.beside("/etc", with_decoder=False)


def test_the_program_compares(made, session):
    assert COMPARE.code(session).lines == ""
    now = last(set_to(made, session, "other", "other"), "session")
    now = last(set_to(made, now, "what", "attention"), "session")
    code = COMPARE.code(now)
    assert "explorer.compare(clip, 'other', CompareRequest(what='attention'))" in code.lines
    assert code.names == ("CompareRequest",)


@pytest.mark.slow
def test_a_visitor_compares_with_weights_of_the_sheet(open_page):
    visitor = open_page(viewport={"width": 1280, "height": 720})
    page = visitor.page
    visitor.open_weights()
    page.locator("#weights input").click()
    page.get_by_role("option", name="Bundled motion recogniser").click()
    page.locator("#compare-these").click()
    said = page.locator("#compare")
    expect(said).to_contain_text("B: Bundled motion recogniser")
    expect(page.locator("#player figcaption")).to_have_text(["A gets", "B gets"])
    expect(page.locator(".sheet-open")).to_have_count(0)
    expect(page.locator("#compare-these")).to_be_hidden()
    page.locator("#compare-what input").click()
    page.get_by_role("option", name="attention").click()
    expect(page.locator("#player figcaption").first).to_have_text("A")
    expect(said).to_contain_text("busiest moment")
    expect(page).to_have_url(re.compile("with=bundled"))
    assert visitor.complaints == []
