from __future__ import annotations

import numpy as np
import pytest

from videomae_demo.errors import RequestError
from videomae_demo.video.sampling import FrameChoice, SamplingRule, choose_frames

K400 = SamplingRule.stride(4 / 30)
SSV2 = SamplingRule.uniform()


def choose(
    frames: int, fps: float, rule: SamplingRule, count: int = 16, start_s: float | None = None
) -> FrameChoice:
    return choose_frames(np.arange(frames) / fps, 1 / fps, count, rule, start_s)


@pytest.mark.parametrize(("fps", "stride"), [(15, 2), (30, 4), (60, 8), (120, 16)])
def test_the_stride_follows_the_frame_rate(fps: int, stride: int) -> None:
    for frames in range(3 * fps, 3 * fps + 5):
        choice = choose(frames, fps, K400)
        assert set(np.diff(choice.indices)) == {stride}
        assert choice.repeated == 0


def test_times_rounded_to_milliseconds_keep_the_stride() -> None:
    for frames in range(80, 90):
        timestamps_s = np.round(np.arange(frames) / 30, 3)
        indices = choose_frames(timestamps_s, 0.033, 16, K400).indices
        assert set(np.diff(indices)) == {4}


def test_half_way_between_two_frames_the_earlier_is_taken() -> None:
    # 4/30 s are 3 1/2 frames.
    choice = choose(100, 26.25, K400, start_s=0.0)
    assert choice.indices.tolist() == [7 * k // 2 for k in range(16)]


def test_between_frame_rates_the_nearest_frame_is_taken() -> None:
    choice = choose(250, 25, K400, start_s=2.0)
    # 4/30 s are 3 1/3 frames at 25 frames per second.
    assert choice.indices[:7].tolist() == [50, 53, 57, 60, 63, 67, 70]
    np.testing.assert_allclose(choice.timestamps_s, choice.indices / 25)
    assert np.abs(choice.timestamps_s - (2.0 + np.arange(16) * 4 / 30)).max() <= 0.5 / 25


@pytest.mark.parametrize("frames", [61, 100, 101, 250, 251])
def test_the_default_window_lies_in_the_middle(frames: int) -> None:
    indices = choose(frames, 30, K400).indices
    before, after = indices[0], frames - 1 - indices[-1]
    assert abs(before - after) <= 1


def test_a_chosen_start_is_where_the_window_starts() -> None:
    assert choose(300, 30, K400, start_s=1.0).indices[0] == 30
    assert choose(300, 30, K400, start_s=1.004).indices.tolist() == list(range(30, 91, 4))


def test_a_window_beyond_the_end_repeats_the_last_frame() -> None:
    choice = choose(100, 30, K400, start_s=80 / 30)
    assert choice.indices.tolist() == [80, 84, 88, 92, 96, 99] + [99] * 10
    assert choice.repeated == 10  # the first 99 is as near as the clip gets, the others are repeats
    assert choice.timestamps_s[-1] == pytest.approx(3.3)


@pytest.mark.parametrize(
    ("frames", "indices", "repeated"),
    [(1, [0] * 16, 15), (5, [0] + [4] * 15, 14), (9, [0, 4] + [8] * 14, 13)],
)
def test_a_short_clip_keeps_the_stride_and_repeats_the_last_frame(
    frames: int, indices: list[int], repeated: int
) -> None:
    choice = choose(frames, 30, K400)
    assert choice.indices.tolist() == indices
    assert choice.repeated == repeated


def test_a_slow_clip_doubles_frames_without_calling_them_repeats() -> None:
    choice = choose(100, 5, K400)
    assert len(np.unique(choice.indices)) < 16
    assert choice.repeated == 0
    assert np.all(np.diff(choice.indices) <= 1)


@pytest.mark.parametrize(("interval_s", "repeated"), [(0.01, 0), (0.02, 6)])
def test_the_last_frame_lasts_one_interval(interval_s: float, repeated: int) -> None:
    choice = choose(5, 5, SamplingRule.stride(interval_s), start_s=0.8)  # the clip ends at 1 s
    assert choice.indices.tolist() == [4] * 16
    assert choice.repeated == repeated


def test_variable_frame_rate_is_sampled_by_time() -> None:
    fast, slow = np.arange(60) / 60, 1 + np.arange(60) / 20
    timestamps_s = np.concatenate([fast, slow])
    choice = choose_frames(timestamps_s, 1 / 20, 16, SamplingRule.stride(0.2), start_s=0.0)
    np.testing.assert_allclose(choice.timestamps_s, np.arange(16) * 0.2, atol=0.5 / 60)


@pytest.mark.parametrize("frames", [16, 17, 31, 32, 48, 100, 250, 999])
@pytest.mark.parametrize("fps", [12, 29.97, 30, 60])
def test_uniform_takes_the_centres_as_segment_sampling_does(frames: int, fps: float) -> None:
    # TSN's test-time indices, written with whole numbers: floor(frames / count * (k + 1/2)).
    expected = [frames * (2 * k + 1) // 32 for k in range(16)]
    choice = choose(frames, fps, SSV2)
    assert choice.indices.tolist() == expected
    assert choice.repeated == 0


def test_uniform_counts_time_not_frames() -> None:
    timestamps_s = np.array([0.0, 0.1, 0.2, 0.3, 0.4, 3.0])
    choice = choose_frames(timestamps_s, 1.0, 4, SSV2)  # spans of 1 s, centres at .5 1.5 2.5 3.5
    assert choice.indices.tolist() == [4, 4, 4, 5]


def test_uniform_with_too_few_frames_takes_each_and_repeats_the_last() -> None:
    choice = choose(5, 30, SSV2, count=8)
    assert choice.indices.tolist() == [0, 1, 2, 3, 4, 4, 4, 4]
    assert choice.repeated == 3


@pytest.mark.parametrize("rule", [K400, SSV2, SamplingRule.every(4)])
@pytest.mark.parametrize("frames", [1, 3, 16, 40, 400])
@pytest.mark.parametrize("count", [1, 2, 16])
def test_every_choice_is_in_order_and_in_range(rule: SamplingRule, frames: int, count: int) -> None:
    choice = choose(frames, 29.97, rule, count)
    assert choice.indices.shape == choice.timestamps_s.shape == (count,)
    assert choice.indices.dtype == np.int64
    assert choice.indices.min() >= 0
    assert choice.indices.max() < frames
    assert np.all(np.diff(choice.indices) >= 0)
    assert 0 <= choice.repeated < count


@pytest.mark.parametrize("start_s", [-0.1, 10.5, float("nan"), float("inf")])
def test_a_start_outside_the_clip_is_refused(start_s: float) -> None:
    with pytest.raises(RequestError, match=r"the clip is 10\.00 s long"):
        choose(300, 30, K400, start_s=start_s)
    with pytest.raises(RequestError, match=r"the clip is 10\.00 s long"):
        choose(300, 30, SamplingRule.every(4), start_s=start_s)


def test_contradictions_are_refused() -> None:
    with pytest.raises(RequestError, match="Uniform sampling takes the whole clip"):
        choose(300, 30, SSV2, start_s=1.0)
    with pytest.raises(RequestError, match="0 frames"):
        choose(300, 30, SSV2, count=0)
    with pytest.raises(RequestError, match="no frames to choose from"):
        choose(0, 30, K400)


@pytest.mark.parametrize("interval_s", [0.0, -1.0, 1e-300])
def test_an_interval_must_be_a_length_of_time(interval_s: float) -> None:
    with pytest.raises(RequestError, match=f"interval between frames is {interval_s:g} s: give"):
        SamplingRule("stride", interval_s)


@pytest.mark.parametrize("interval_s", [float("nan"), float("inf"), None, "0.1", True])
def test_an_interval_must_be_a_number(interval_s: object) -> None:
    with pytest.raises(RequestError, match=r"interval between frames is .*; it must be a number"):
        SamplingRule("stride", interval_s)


def test_numbers_of_numpy_are_plain_ones() -> None:
    assert str(SamplingRule.every(np.int64(2))) == "every:2"
    assert type(SamplingRule.every(np.int64(2)).step) is int
    assert str(SamplingRule.stride(np.float32(0.5))) == "0.5"
    assert str(SamplingRule.uniform((np.int64(0), 2))) == "uniform:1/2"


@pytest.mark.parametrize("part", [3, "12", (0.5, 2), (1,), (True, 2), (0, 10**40)])
def test_a_part_must_be_two_numbers(part: object) -> None:
    with pytest.raises(RequestError, match=r"^The(re are)? .*part"):
        SamplingRule("uniform", part=part)
    with pytest.raises(RequestError, match=r"argument text is 5; it must be of the class str"):
        SamplingRule.parse(5)


@pytest.mark.parametrize("step", [0, -4, 1.5, True, None])
def test_a_step_must_be_a_whole_number(step: int) -> None:
    with pytest.raises(RequestError, match=f"step between frames is {step}; it must be a whole"):
        SamplingRule("every", step=step)


def test_other_rules_are_refused() -> None:
    with pytest.raises(RequestError, match="'random'"):
        SamplingRule("random")  # type: ignore[arg-type]
    with pytest.raises(RequestError, match="no interval"):
        SamplingRule("uniform", 0.1)
    with pytest.raises(RequestError, match="Sampling by number has no interval"):
        SamplingRule("every", 0.1, 4)
    with pytest.raises(RequestError, match="Sampling by time has no step"):
        SamplingRule("stride", 0.1, 4)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("0.1333", SamplingRule.stride(0.1333)),
        (" 2 ", SamplingRule.stride(2.0)),
        ("every:4", SamplingRule.every(4)),
        ("uniform", SamplingRule.uniform()),
    ],
)
def test_a_rule_is_read_from_text(text: str, rule: SamplingRule) -> None:
    assert SamplingRule.parse(text) == rule
    assert SamplingRule.parse(str(rule)) == rule


@pytest.mark.parametrize(
    ("rule", "text"), [(K400, "0.13333333333333333"), (SamplingRule.every(12), "every:12")]
)
def test_a_rule_is_written_so_that_it_is_read_exactly(rule: SamplingRule, text: str) -> None:
    assert str(rule) == text
    assert SamplingRule.parse(text) == rule


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("often", "The sampling is 'often'"),
        ("", "The sampling is ''"),
        ("every", "The sampling is 'every'"),
        ("every:4.5", "The sampling is 'every:4.5'"),
        ("every:" + 5000 * "9", "The sampling is 'every:9999"),
        ("every:" + 4000 * "9", "The step between frames is a number of thousands|is 99"),
        ("uniform:1/" + 4000 * "9", "There are 99"),
        ("0.0001", r"is 0.0001 s: give 0.001 or more"),
        ("every:0", "The step between frames is 0"),
        ("-1", "The interval between frames is -1 s"),
        ("nan", "The interval between frames is nan; it must be a number"),
    ],
)
def test_a_text_that_is_no_rule_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(RequestError, match=sentence) as refusal:
        SamplingRule.parse(text)
    assert len(str(refusal.value)) < 200


@pytest.mark.parametrize(("frames", "first"), [(61, 0), (62, 0), (63, 1), (100, 19), (101, 20)])
def test_every_fourth_frame_lies_in_the_middle(frames: int, first: int) -> None:
    # 16 frames, 4 apart, reach over 61.
    choice = choose(frames, 50, SamplingRule.every(4))
    assert choice.indices.tolist() == list(range(first, first + 61, 4))
    assert choice.repeated == 0


def test_every_fourth_frame_is_counted_whatever_the_times() -> None:
    fast, slow = np.arange(30) / 60, 1 + np.arange(30) / 7
    timestamps_s = np.concatenate([fast, slow])
    choice = choose_frames(timestamps_s, 1 / 7, 5, SamplingRule.every(4), start_s=0.35)
    assert choice.indices.tolist() == [21, 25, 29, 33, 37]  # 21/60 s is 0.35 s
    assert choice.timestamps_s.tolist() == timestamps_s[[21, 25, 29, 33, 37]].tolist()


@pytest.mark.parametrize(
    ("frames", "start_s", "indices", "repeated"),
    [
        (1, None, [0, 0, 0, 0], 3),
        (5, None, [0, 3, 4, 4], 1),
        (10, 0.5, [5, 8, 9, 9], 1),
        (10, 0.6, [6, 9, 9, 9], 2),
        (10, 1.0, [9, 9, 9, 9], 3),
    ],
)
def test_counting_beyond_the_end_repeats_the_last_frame(
    frames: int, start_s: float | None, indices: list[int], repeated: int
) -> None:
    choice = choose(frames, 10, SamplingRule.every(3), count=4, start_s=start_s)
    assert choice.indices.tolist() == indices
    assert choice.repeated == repeated


def test_a_step_beyond_any_clip_repeats_the_last_frame() -> None:
    for rule in (SamplingRule.every(10**30), SamplingRule.stride(1e308)):
        choice = choose(10, 10, rule, count=3)
        assert choice.indices.tolist() == [0, 9, 9]
        assert choice.repeated == 1
