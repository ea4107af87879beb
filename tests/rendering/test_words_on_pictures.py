from itertools import pairwise

import numpy as np
import pytest

from videomae_demo.rendering import text

SENTENCE = "Rollout follows attention through all layers, from what the classifier reads."


def ink(picture):
    return (picture < 250).any(axis=-1)


def test_wrapping_keeps_every_word_and_the_width():
    lines = text.wrap(SENTENCE, 14, 120)
    assert " ".join(lines) == SENTENCE
    assert len(lines) > 2
    assert all(text.width_px(line, 14) <= 120 for line in lines)


def test_a_no_break_space_binds():
    lines = text.wrap("reconstruction 21.4\u00a0dB", 14, text.width_px("reconstruction 21.4", 14))
    assert lines == ["reconstruction", "21.4 dB"]


def test_wrapping_is_greedy():
    lines = text.wrap(SENTENCE, 14, 120)
    for line, following in pairwise(lines):
        assert text.width_px(f"{line} {following.split()[0]}", 14) > 120


def test_a_word_that_is_too_long_is_broken_and_nothing_is_lost():
    lines = text.wrap("a " + "reconstruction" * 3, 14, 60)
    assert "".join(lines).replace(" ", "") == "a" + "reconstruction" * 3
    assert all(text.width_px(line, 14) <= 60 for line in lines)


def test_no_text_has_no_lines():
    assert text.wrap("  \n ", 14, 60) == []
    assert text.paragraph("", 14, 60).shape == (0, 60, 3)


def test_a_paragraph_is_dark_on_white_and_leaves_a_free_edge_above_and_below():
    picture = text.paragraph("Äjgpq|Å jfq", 16, 200)
    assert picture.shape == (text.line_px(16), 200, 3)
    inked = ink(picture)
    assert inked.any()
    assert not inked[0].any()
    assert not inked[-1].any()
    assert picture.min() < 100


@pytest.mark.parametrize("size", [14, 22])
@pytest.mark.parametrize("words", ["jumping 0.53 s", "Привет, größer"])
def test_letters_are_as_wide_as_measured(words, size):
    columns = np.flatnonzero(ink(text.paragraph(words, size, 400)).any(axis=0))
    assert columns[0] <= 0.2 * size
    assert columns[-1] < text.width_px(words, size) <= columns[-1] + 1 + 0.2 * size


def test_letters_beyond_ascii_are_drawn_and_not_boxes():
    one, other = (text.paragraph(letter, 20, 30) for letter in "éЖ")
    assert ink(one).any()
    assert (one != other).any()


def test_the_longest_word_is_what_a_column_must_hold():
    wide = text.longest_word_px("a reconstruction b", 14)
    assert wide == text.width_px("reconstruction", 14)
    assert text.wrap("a reconstruction b", 14, wide) == ["a", "reconstruction", "b"]
    assert text.longest_word_px("", 14) == 0


def test_a_stack_leaves_out_what_is_empty():
    one = np.zeros((2, 5, 3), dtype=np.uint8)
    stacked = text.stack([one, text.sheet(0, 9), one[:, :3]], 4)
    assert stacked.shape == (8, 5, 3)
    assert not stacked[:2].any()
    assert (stacked[2:6] == 255).all()
    assert not stacked[6:, :3].any()
    assert (stacked[6:, 3:] == 255).all()
    assert text.stack([], 4).shape == (0, 0, 3)
