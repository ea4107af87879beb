"""The numbers in the files to take away, worked by hand."""

import json

import numpy as np
import pytest
from made_views import INDICES, TIMES_S, made_clip, made_labels, made_reconstruction, made_rollout

from videomae_demo.lenses.answer import frame_rate
from videomae_demo.rendering import filmstrip, plots, side_by_side, text
from videomae_demo.rendering.overlay import HIDDEN_COLOUR
from videomae_demo.video.decode import scan


@pytest.fixture
def drawn(monkeypatch) -> dict[str, object]:
    """The figures that were saved, by the name of their file."""
    figures = {}
    save = plots.save_figure

    def save_and_remember(figure, path, **options):
        figures[path.name] = figure
        return save(figure, path, **options)

    monkeypatch.setattr(plots, "save_figure", save_and_remember)
    return figures


@pytest.fixture
def written(monkeypatch) -> dict[str, list[str]]:
    """What is written on the movie and on the filmstrip, in the order of writing."""
    homes = {"side_by_side": side_by_side, "filmstrip": filmstrip}
    lines: dict[str, list[str]] = {name: [] for name in homes}
    real = text.write

    def listen(name: str) -> None:
        draw = getattr(homes[name], name)

        def draw_and_listen(*arguments, **options):
            with monkeypatch.context() as patch:

                def write(canvas, line, *rest):
                    lines[name].append(line)
                    real(canvas, line, *rest)

                patch.setattr(text, "write", write)
                return draw(*arguments, **options)

        monkeypatch.setattr(homes[name], name, draw_and_listen)

    for name in lines:
        listen(name)
    return lines


def test_the_curve_has_each_slice_at_the_middle_of_its_frames(tmp_path, drawn):
    made_rollout().save(tmp_path)
    curve = drawn["attention_over_time.png"].axes[0].lines[0]
    np.testing.assert_allclose(curve.get_xdata(), [1.05, 1.45, 1.923456789])
    np.testing.assert_allclose(curve.get_ydata(), [0.25, 0.96875, 1.78125])


def test_the_scale_says_when_values_lie_above_it(tmp_path, written):
    made_rollout().save(tmp_path)
    # 99 % of 24 tokens end between the two highest: 1.78125 + 0.77 * (6 - 1.78125).
    for lines in written.values():
        assert "5.03x uniform or more" in lines
        lines.clear()
    made_rollout(even=True).save(tmp_path)
    for lines in written.values():
        assert "2x uniform" in lines
        assert not any("or more" in line for line in lines)


def test_the_rollouts_array_is_a_distribution_with_the_frames_times(tmp_path):
    made_rollout().save(tmp_path)
    with np.load(tmp_path / "rollout.npz") as arrays:
        rollout = arrays["rollout"]
        np.testing.assert_array_equal(arrays["timestamps_s"], TIMES_S)
        np.testing.assert_array_equal(arrays["indices"], INDICES)
    assert rollout.shape == (3, 2, 4) and rollout.sum() == pytest.approx(1)
    assert rollout[1, 1, 3] == pytest.approx(6 / 24)


def test_filmstrips_write_the_times_of_the_frames(tmp_path, written):
    times = ["1.00 s", "1.10 s", "1.40 s", "1.50 s", "1.92 s", "1.92 s"]
    for view in (made_rollout(), made_reconstruction()):
        written["filmstrip"].clear()
        view.save(tmp_path)
        lines = written["filmstrip"]
        assert [line for line in lines if line in times] == times
        for note in ("A note of the checkpoint.", "A note of the clip."):
            assert note in " ".join(lines)


def test_movies_last_as_long_as_what_they_show_and_repeats_do_not_count(tmp_path):
    """Five different frames in 0.923 s are four steps; the repeated one tells no time."""
    assert frame_rate(made_clip()) == pytest.approx(4 / 0.923456789)
    whole = made_clip(repeated=0, timestamps_s=np.arange(6) / 5)
    assert frame_rate(whole) == pytest.approx(5)
    made_rollout().save(tmp_path)
    made_reconstruction().save(tmp_path)
    for name in ("heatmap.mp4", "reconstruction.mp4"):
        movie = scan(tmp_path / name)
        assert movie.count == 6
        assert movie.frame_interval_s == pytest.approx(0.923456789 / 4, rel=0.01)


@pytest.mark.parametrize("repeated", [5, 0])
def test_a_clip_without_time_plays_all_the_same(repeated):
    standing = made_clip(repeated=repeated, timestamps_s=np.zeros(6))
    assert frame_rate(standing) == 8


def test_what_is_hidden_is_flat_in_the_track_of_what_is_visible():
    made = made_reconstruction().tracks()
    tracks = {track.title: track.frames for track in made}
    visible = tracks["visible only"]
    assert (visible[:, 16:, 32:] == HIDDEN_COLOUR).all()
    assert (visible[:, :16] == 128).all() and (visible[:, :, :32] == 128).all()
    assert (tracks["original"] == 128).all()


def test_titles_tell_how_near_each_picture_came():
    made = made_reconstruction(exact=False).tracks()
    titles = [track.title for track in made]
    assert titles[2] == "reconstruction 20.3\u00a0dB"
    assert "visible mean 12.3\u00a0dB" in titles
    assert "distance-weighted 14.6\u00a0dB" in titles
    assert "nearest visible 25.5\u00a0dB" in titles
    leaky = made_reconstruction(leaks=True).tracks()
    assert leaky[2].title == "reconstruction 20.3\u00a0dB (leak)"
    assert sum("(leak)" in track.title for track in leaky) == 2


def test_the_reconstructions_arrays_are_those_of_the_view(tmp_path):
    made_reconstruction(leaks=True).save(tmp_path)
    with np.load(tmp_path / "reconstruction.npz") as arrays:
        error = arrays["token_error"]
        mask = arrays["mask"]
        assert (arrays["prediction"] == np.float32(0.1)).all()
        assert (arrays["target"] == 0.5).all()
        assert (arrays["normalised"] == np.float32(0.7)).all()
    assert mask.sum() == 6 and mask[:, 1, 2:].all()
    np.testing.assert_allclose(error[mask], [0.01, 0.04, 0.09, 0.16, 0.25, 0.36])
    assert np.isnan(error[~mask]).all()


def test_bars_and_json_hold_the_best_labels(tmp_path, drawn):
    made_labels().save(tmp_path, 3, "sit")
    (axes,) = drawn["labels.png"].axes
    assert [bar.get_width() for bar in axes.containers[1]] == [0.4, 0.3, 0.12]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["jump", "lie", "run"]
    told = json.loads((tmp_path / "labels.json").read_text())
    assert [score["label"] for score in told["labels"]] == ["jump", "lie", "run"]
    assert told["asked"] == {"label": "sit", "probability": 0.01, "rank": 7}
