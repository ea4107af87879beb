import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from videomae_demo import rendering
from videomae_demo.errors import RequestError
from videomae_demo.rendering.plots import (
    Curve,
    label_bars,
    loss_curves,
    save_figure,
    time_curve,
)


def words_of(figure):
    figure.canvas.draw()
    axes = figure.axes[0]
    legend = axes.get_legend()
    parts = [*axes.texts, *axes.get_yticklabels(), axes.title, axes.xaxis.label, axes.yaxis.label]
    parts += legend.get_texts() if legend else []
    title = axes.get_title(loc="left")
    return {part.get_text() for part in parts} | {title}


def nothing_is_cut(figure):
    figure.canvas.draw()
    box = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    return box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height


def test_bars_are_as_long_as_their_probability_on_an_axis_of_0_to_1():
    figure = label_bars(["moving right", "still", "no"], [0.8, 0.2, 0.0002], title="What it sees")
    (axes,) = figure.axes
    drawn = [bar.get_width() for bar in axes.containers[1]]
    assert drawn == pytest.approx([0.8, 0.2, 0.0002])
    assert axes.get_xlim() == (0, 1)
    assert {"80.0 %", "20.0 %", "< 0.1 %", "moving right", "What it sees"} <= words_of(figure)


def test_the_first_label_is_on_top():
    (axes,) = label_bars(["a", "b"], [0.6, 0.4]).axes
    first, second = axes.containers[1]
    bottom, top = axes.get_ylim()
    assert (first.get_y() < second.get_y()) == (top < bottom)


def test_labels_are_shown_as_they_stand_and_long_ones_wrapped():
    figure = label_bars(["$5 and $6_x", "a very long label " * 4], [0.5, 0.5])
    words = words_of(figure)
    assert "$5 and $6_x" in words
    assert not any(label.get_parse_math() for label in figure.axes[0].get_yticklabels())
    assert any("\n" in word for word in words)
    assert nothing_is_cut(figure)


@pytest.mark.parametrize(
    ("labels", "values", "message"),
    [
        (["a"], [0.5, 0.5], "1 labels"),
        ([], [], "0 labels"),
        (["a"], [1.5], "between 0 and 1"),
        (["a"], [np.nan], "between 0 and 1"),
    ],
)
def test_bars_say_what_is_wrong(labels, values, message):
    with pytest.raises(RequestError, match=message):
        label_bars(labels, values)


def test_the_curve_over_time_starts_at_0_and_has_a_line_at_uniform():
    figure = time_curve([0.1, 0.4, 0.7], [0.5, 2.0, 0.5], title="Attention over time")
    (axes,) = figure.axes
    curve, line = axes.lines
    assert curve.get_xydata().tolist() == [[0.1, 0.5], [0.4, 2.0], [0.7, 0.5]]
    assert set(line.get_ydata()) == {1.0}
    assert axes.get_ylim()[0] == 0
    assert axes.get_ylim()[1] > 2
    assert {"uniform", "attention (x uniform)", "time (s)"} <= words_of(figure)
    assert nothing_is_cut(figure)


def test_the_line_can_be_left_out_and_one_slice_is_enough():
    (axes,) = time_curve([0.0], [0.0], reference=None).axes
    assert len(axes.lines) == 1


@pytest.mark.parametrize(
    ("times", "values", "message"),
    [
        ([0, 1], [1.0], "as many places"),
        ([], [], "as many places"),
        ([0, 1], [1.0, -1.0], "values from 0"),
        ([0, 1], [1.0, np.nan], "values from 0"),
    ],
)
def test_the_curve_over_time_says_what_is_wrong(times, values, message):
    with pytest.raises(RequestError, match=message):
        time_curve(times, values)


def test_training_curves_are_named_even_with_an_underscore():
    figure = loss_curves([Curve("_training", [0, 10], [2.0, 1.0]), Curve("held out", [10], [1.2])])
    (axes,) = figure.axes
    assert [line.get_xdata().tolist() for line in axes.lines] == [[0, 10], [10]]
    assert {"_training", "held out", "step", "loss"} <= words_of(figure)
    assert len({line.get_color() for line in axes.lines}) == 2
    assert nothing_is_cut(figure)


def test_one_training_curve_needs_no_legend():
    (axes,) = loss_curves([Curve("loss", [0, 1], [2.0, 1.0])], log=True).axes
    assert axes.get_legend() is None
    assert axes.get_yscale() == "log"


def test_training_curves_say_what_is_wrong():
    curve = Curve("a", [0, 1], [1.0, 0.0])
    with pytest.raises(RequestError, match="above 0"):
        loss_curves([curve], log=True)
    with pytest.raises(RequestError, match="not 0"):
        loss_curves([])
    with pytest.raises(RequestError, match="not 8"):
        loss_curves([curve] * 8)
    with pytest.raises(RequestError, match="The curve 'a'"):
        Curve("a", [0, 1], [1.0])


def test_a_saved_figure_has_its_size_in_pixels(tmp_path):
    figure = time_curve([0, 1], [1.0, 2.0])
    path = save_figure(figure, tmp_path / "new" / "curve.png", dpi=50)
    with Image.open(path) as image:
        assert image.size == pytest.approx(figure.get_size_inches() * 50, abs=1)
        assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
    with pytest.raises(RequestError, match=r"'curve.gif'.*\.png, \.svg, \.pdf"):
        save_figure(figure, tmp_path / "curve.gif")


def test_nothing_here_needs_torch_or_pyplot():
    folder = Path(rendering.__file__).parent
    imports = ", ".join(f"videomae_demo.rendering.{path.stem}" for path in folder.glob("[!_]*.py"))
    script = (
        f"import sys, videomae_demo.masking, {imports}; "
        "sys.exit('torch' in sys.modules or 'matplotlib.pyplot' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
