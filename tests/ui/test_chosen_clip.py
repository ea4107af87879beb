"""Which clip comes back into the clip field, and what the page says meanwhile."""

import pytest

from videomae_demo.ui.chosen_clip import ChosenClip


@pytest.fixture
def paths(tmp_path) -> list[str]:
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        (tmp_path / name).touch()
    return sorted(str(path) for path in tmp_path.iterdir())


@pytest.fixture
def chosen(paths) -> ChosenClip:
    """A field whose clip is a, and so is all that is shown."""
    chosen = ChosenClip()
    chosen.ask(paths[0])
    chosen.show()
    chosen.end()
    return chosen


def test_a_clip_that_is_shown_stays(chosen, paths):
    assert chosen.settle(paths[0]) is None
    assert chosen.explain(paths[0], "a.mp4") == ""


def test_a_clip_that_was_not_read_leaves_the_field_when_its_work_has_ended(chosen, paths):
    a, b, _ = paths
    assert chosen.explain(b, "a.mp4") == "b.mp4 is not read yet: this is still a.mp4."
    chosen.ask(b)
    assert chosen.settle(b) is None  # it is being read
    chosen.end()
    assert chosen.settle(b) == a


def test_what_a_visitor_put_there_meanwhile_stays(chosen, paths):
    _, b, c = paths
    chosen.ask(b)
    chosen.end()
    assert chosen.settle(c) is None
    assert chosen.settle(None) is None
    assert "c.mp4 is not read yet" in chosen.explain(c, "a.mp4")


def test_an_example_picked_right_after_cancel_replaces_what_came_back(chosen, paths):
    a, b, c = paths
    chosen.ask(b)
    chosen.end()
    assert chosen.settle(b) == a
    chosen.ask(c)
    chosen.show()
    chosen.end()
    assert chosen.settle(a) == c


def test_an_empty_field_says_so(chosen):
    assert "The clip field is empty: this is still a.mp4." in chosen.explain(None, "a.mp4")


def test_what_was_deleted_can_not_come_back(chosen, paths, tmp_path):
    (tmp_path / "a.mp4").unlink()
    chosen.ask(paths[1])
    chosen.end()
    assert chosen.settle(paths[1]) is None


def test_before_the_first_clip_there_is_nothing_to_say(paths):
    chosen = ChosenClip()
    assert chosen.explain(paths[0], "") == ""
    chosen.ask(paths[0])
    chosen.end()
    assert chosen.settle(paths[0]) is None
