"""The lens What if on the page: what is asked, what it shows, and that every lens can follow."""

import re
from dataclasses import replace

import pytest
from asking import WHAT_IF, MadeShelf, controls_of, last, panel_of
from made_views import GRID, LEFT, RIGHT, made_what_if
from playwright.sync_api import expect
from test_kept_choices import MadeExplorer

from videomae_demo import ClipChange, ClipRequest, RequestError, SamplingRule, WhatIfRequest
from videomae_demo.lenses.what_became import AS_IT_IS
from videomae_demo.pool import ExplorerPool
from videomae_demo.ui.controls import FRAMES, OWN, SECONDS, UNIFORM, Sampling
from videomae_demo.ui.examples import Example
from videomae_demo.ui.handlers import Handlers
from videomae_demo.ui.lenses.lens import Step
from videomae_demo.ui.lenses.registry import LENSES
from videomae_demo.ui.lenses.what_if import AT_ONCE_S, what_if_panel, what_if_view
from videomae_demo.ui.session import Session
from videomae_demo.ui.stages import with_time_left


class Probing(MadeExplorer):
    """Tries one change at a time; knows no window."""

    def __init__(self) -> None:
        super().__init__()
        self.all = 0

    def probe_one(self, request, asked):
        self.asked.append((request, asked))
        if asked.shown == "last window":
            raise RequestError("There is no such change.")
        view = made_what_if(shown=asked.shown, backwards=RIGHT)
        one = {name: value for name, value in view.found.items() if name == asked.shown}
        return replace(view, clip=self.see(request), found=one)

    def probe(self, request, asked):
        self.all += 1
        view = made_what_if(shown=asked.shown, backwards=RIGHT)
        half = dict(list(view.found.items())[: len(view.found) // 2])
        yield replace(view, found=half)
        yield view


@pytest.fixture
def explorer() -> Probing:
    return Probing()


@pytest.fixture
def save(tmp_path):
    def save(content: bytes, name: str) -> str:
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}-{name}"
        path.write_bytes(content)
        return str(path)

    return save


@pytest.fixture
def made(tmp_path, explorer, save) -> Handlers:
    pool = ExplorerPool("tested", make=lambda weights, reconstructor: explorer)
    pool.absent = lambda name, halves=(): ()
    examples = (Example(tmp_path / "first.mp4", "first"), Example(tmp_path / "b.mp4", "second"))
    return Handlers(pool, LENSES, MadeShelf(*examples), save)


@pytest.fixture
def session(made) -> Session:
    return last(list(made.open(Session("tested"), "?lens=what_if")), "session")


def play(made, session, name) -> list:
    return list(made.change(session, WHAT_IF, WHAT_IF.play, name))


def block(blocks, kind: str) -> dict:
    (one,) = [one for one in blocks if one["kind"] == kind]
    return one


def words(blocks) -> list[str]:
    return [one["text"] for one in blocks if "text" in one]


def test_one_change_is_tried_and_played_and_the_others_wait(made, explorer, save):
    explorer.seconds = {"recognise": AT_ONCE_S}
    pages = list(made.open(Session("tested"), "?lens=what_if"))
    assert explorer.all == 0
    blocks = panel_of(pages, "what_if")
    rows = block(blocks, "changes")["rows"]
    assert [row["share"] is not None for row in rows] == [True, True, False, False, False, False]
    assert "1 of 11 changes are tried so far." in words(blocks)
    assert not [one for one in blocks if one["kind"] == "columns"]
    view = last(pages, "session").player.lenses["what_if"]
    assert [pane.tracks[0].title for pane in view.panes] == ["as it is", "played backwards"]
    files = [pane.tracks[0].file for pane in view.panes]
    assert len(set(files)) == 2


def test_all_are_tried_at_once_where_that_is_soon_done(made, explorer):
    explorer.seconds = {"recognise": 9.0, "probe": AT_ONCE_S / 11}
    pages = list(made.open(Session("tested"), "?lens=what_if"))
    assert explorer.all == 1
    assert all(
        row["share"] is not None for row in block(panel_of(pages, "what_if"), "changes")["rows"]
    )


def test_the_table_tells_probability_points_and_the_new_label():
    view = made_what_if(backwards=RIGHT, grey=LEFT / 2)
    blocks = what_if_panel(view, Session("tested"))
    assert blocks[0]["text"] == view.about_shown()
    table = block(blocks, "changes")
    assert (table["title"], table["chosen"]) == ("Probability of moving left", "backwards")
    by_name = {row["name"]: row for row in table["rows"]}
    assert by_name[AS_IT_IS] == {
        "name": AS_IT_IS,
        "title": AS_IT_IS,
        "share": pytest.approx(0.9647, abs=1e-4),
        "value": "96.5%",
        "moved": "",
        "instead": "",
    }
    assert by_name["backwards"]["value"] == "1.8%"
    assert (by_name["backwards"]["moved"], by_name["backwards"]["instead"]) == (
        "-94.7",
        "moving right",
    )
    assert (by_name["grey"]["moved"], by_name["grey"]["instead"]) == ("-17.8", "")
    assert by_name["shuffled:1"]["title"] == "shuffled 1"
    columns = block(blocks, "columns")
    assert columns["names"] == [f"frozen:{at}" for at in range(6)]
    assert columns["even"] == pytest.approx(by_name[AS_IT_IS]["share"])
    assert columns["rows"][2]["said"] == "3rd frame, 1.40 s, throughout: moving left 96%"
    assert set(view.sentences()) <= set(words(blocks))
    assert view.left_out[0].why in words(blocks)


def test_the_best_frame_is_marked_until_another_one_is_played():
    best = {"frozen_3": LEFT * 2}
    shown = block(what_if_panel(made_what_if(**best), Session("tested")), "columns")
    assert shown["marked"] == 3
    view = made_what_if(shown="frozen:5", **best)
    assert block(what_if_panel(view, Session("tested")), "columns")["marked"] == 5


def test_the_clip_as_it_is_has_one_picture(save):
    view = what_if_view(made_what_if(shown=AS_IT_IS), save)
    assert len(view.panes) == 1
    assert view.panes[0].grid == GRID.shape


def test_another_change_is_played_and_kept_in_the_address(made, session, explorer):
    pages = play(made, session, "grey")
    assert explorer.asked[-1][1] == WhatIfRequest(shown="grey")
    now = last(pages, "session")
    assert WHAT_IF.address(now) == {"played": "grey"}
    followed = last(list(made.change(now, WHAT_IF, WHAT_IF.follow, "run")), "session")
    assert explorer.asked[-1][1] == WhatIfRequest("run", "grey")
    query = last(list(made.open_lens(followed, "what_if")), "bar").address
    told = "&".join(f"{name}={value}" for name, value in query.items())
    other = last(list(made.open(Session("tested"), told)), "session")
    assert WHAT_IF.request(other) == WhatIfRequest("run", "grey")
    with pytest.raises(RequestError, match="The change to play is 3; give its name"):
        play(made, session, 3)


def test_a_change_that_the_clip_does_not_have_gives_way_to_the_usual_one(made, explorer):
    pages = list(made.open(Session("tested"), "?lens=what_if&played=last+window"))
    assert WHAT_IF.request(last(pages, "session")) == WhatIfRequest()


def test_another_clip_begins_with_the_usual_question(made, session):
    now = last(play(made, session, "grey"), "session")
    now = last(list(made.change(now, WHAT_IF, WHAT_IF.follow, "run")), "session")
    pages = list(made.pick(now, "b"))
    assert WHAT_IF.request(last(pages, "session")) == WhatIfRequest()
    assert controls_of(pages, "what_if")["label"] is None


def test_every_lens_follows_a_change_and_comes_back(made, session, explorer):
    path = session.clip.path
    pages = list(made.take_sampling(session, WHAT_IF.sampling))
    changed = last(pages, "session")
    assert changed.clip == ClipRequest(path, change=ClipChange("backwards"))
    assert last(pages, "sampling").change == "backwards"
    assert changed.about.startswith("played backwards; ")
    assert changed.base.panes[0].tracks[0].title == (
        "the clip played backwards, cropped as the model saw it"
    )
    assert last(pages, "bar").address["change"] == "backwards"
    assert ["changed", "played backwards"] in last(pages, "clip")[1]["rows"]
    # The probes are still those of the clip as it is.
    assert explorer.asked[-1][0] == ClipRequest(path)
    note = panel_of(pages, "what_if")[0]
    assert (
        note["kind"] == "note"
        and "All lenses show the clip changed: played backwards." in note["text"]
    )
    now = last(play(made, changed, AS_IT_IS), "session")
    back = last(list(made.take_sampling(now, WHAT_IF.sampling)), "session")
    assert back.clip == ClipRequest(path)


def test_another_clip_is_seen_as_it_is_first(made, session):
    changed = last(list(made.take_sampling(session, WHAT_IF.sampling)), "session")
    held = [getattr(changed.sampling, name) for name in Sampling.__slots__]
    pages = list(made.pick(changed, "b", *held))
    assert last(pages, "session").clip.change is None
    assert last(pages, "change") == ""


def test_the_choice_of_a_change_is_a_part_of_sampling(made, session):
    held = [getattr(session.sampling, name) for name in Sampling.__slots__]
    held[-1] = "frozen:2"
    now = last(list(made.resample(session, "change", *held)), "session")
    assert now.clip.change == ClipChange("frozen", 2)
    for wrong in ("sideways", 7, "frozen:x"):
        with pytest.raises(RequestError, match="The change is"):
            list(made.resample(session, "change", *held[:-1], wrong))


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (None, {"kind": OWN}),
        (SamplingRule.stride(0.25), {"kind": SECONDS, "interval_s": 0.25}),
        (SamplingRule.every(3), {"kind": FRAMES, "step": 3}),
        (SamplingRule.uniform(), {"kind": UNIFORM}),
    ],
)
@pytest.mark.parametrize("change", [None, ClipChange("frozen", 3)])
def test_what_makes_a_request_makes_it_again(tmp_path, rule, expected, change):
    start_s = None if rule == SamplingRule.uniform() else 1.5
    request = ClipRequest(tmp_path / "a.mp4", start_s, rule, True, change)
    sampling = Sampling(step=9).of(request)
    assert sampling == replace(
        Sampling(step=9),
        **expected,
        start_s=start_s,
        stored_pixels=True,
        change="" if change is None else "frozen:3",
    )
    assert sampling.request(request.path, SamplingRule.stride(0.1)) == request


def test_the_program_asks_the_clip_as_it_is(made, session):
    assert "explorer.probe(clip)" in WHAT_IF.code(session).lines
    now = last(play(made, session, "grey"), "session")
    assert "explorer.probe(clip, WhatIfRequest(shown='grey'))" in WHAT_IF.code(now).lines
    changed = last(list(made.take_sampling(now, WHAT_IF.sampling)), "session")
    assert "explorer.probe(replace(clip, change=None), " in WHAT_IF.code(changed).lines


@pytest.mark.slow
def test_a_visitor_plays_changes_and_opens_one_in_every_lens(open_page):
    visitor = open_page()
    page = visitor.page
    visitor.go_to("What if")
    rows = page.locator("#what-if .panel-change[aria-pressed]")
    expect(rows.nth(1)).to_have_attribute("aria-pressed", "true")
    page.locator("#what-if-all").click()
    expect(page.locator("#what-if .panel-column").first).to_be_visible()
    expect(page.locator("#what-if .panel-changes")).not_to_contain_text("?")
    captions = page.locator("#player figcaption")
    expect(captions).to_have_text(["as it is", "played backwards"])
    # A column is chosen by the keyboard, and keeps the focus.
    column = page.locator("#what-if .panel-column").nth(1)
    column.focus()
    column.press("Enter")
    expect(captions).to_have_text(["as it is", "with its 2nd frame throughout"])
    expect(page.locator("#what-if .panel-column").nth(1)).to_be_focused()
    page.locator("#what-if-open").click()
    expect(page.locator("#bar")).to_contain_text("with its 2nd frame throughout")
    expect(page.locator("#what-if .panel-note").first).to_contain_text("All lenses show the clip")
    expect(page).to_have_url(re.compile("change=frozen%3A1"))
    visitor.go_to("Attend")
    expect(page.locator("#player figcaption").first).to_contain_text(
        "with its 2nd frame throughout"
    )
    visitor.go_to("What if")
    page.locator("#what-if .panel-change", has_text="as it is").click()
    expect(captions).to_have_count(1)
    page.locator("#what-if-open").click()
    expect(page.locator("#bar")).not_to_contain_text("throughout")
    expect(page).not_to_have_url(re.compile("change="))


def test_the_time_left_follows_from_what_was_not_known_before(monkeypatch):
    """Half is known at once; the next tenth takes 2 s, so the other four take 8 s."""
    clock = iter((10.0, 12.0, 14.0))
    monkeypatch.setattr("videomae_demo.ui.stages.time.monotonic", lambda: next(clock))
    steps = iter([Step([], "Trying", done) for done in (0.5, 0.6, 1.0)])
    status = [blocks for _, blocks in with_time_left(steps)]
    assert [one["takes"] for (one,) in status[:2]] == [None, pytest.approx(8)]
    assert status[1][0]["text"] == "Trying ..." and status[2] == []


@pytest.mark.parametrize("query", ["?lens=what_if", "?example=first", "?lens=heads&on=run"])
def test_a_page_that_opens_by_its_address_lists_the_labels(made, query):
    pages = list(made.open(Session("tested"), query))
    for lens in ("what_if", "heads", "explain"):
        held = controls_of(pages, lens)["label"]
        assert "run" in str(held["choices"]), lens
    assert controls_of(pages, "heads")["label"]["value"] == ("run" if "on=run" in query else None)


def test_a_change_that_does_not_fit_gives_way_to_the_clip_as_it_is(made, explorer, monkeypatch):
    see = explorer.see

    def refuse(request):
        if request.change is not None:
            raise RequestError("The change freezes the frame 99.")
        return see(request)

    monkeypatch.setattr(explorer, "see", refuse)
    pages = list(made.open(Session("tested"), "?change=frozen:99"))
    assert last(pages, "session").clip.change is None
    assert last(pages, "sampling").change == ""
    assert last(pages, "notice") == "The change freezes the frame 99. The clip is shown as it is."


def test_a_field_that_is_left_late_takes_nothing_back(made, session):
    """Leaving one field for the next sends that one's event with the next one's old value."""
    held = [getattr(session.sampling, name) for name in Sampling.__slots__]
    places = {name: at for at, name in enumerate(Sampling.__slots__)}
    held[places["start_s"]] = "0.5"
    now = last(list(made.resample(session, "start_s", *held)), "session")
    assert now.clip.start_s == 0.5
    held[places["start_s"]] = ""
    pages = list(made.resample(now, "interval_s", *held))
    assert last(pages, "session").sampling.start_s == 0.5
