"""What stands on the report comes from the rows, is escaped, and asks nobody."""

import base64
import hashlib
import re
import shlex
from html.parser import HTMLParser

import numpy as np
import pytest
from made_evaluation import made_evaluation, made_metrics, made_row
from tiny import TINY_LABELS, save_tiny

from videomae_demo.cli.main import build_parser
from videomae_demo.dataset import report
from videomae_demo.dataset import report_parts as parts
from videomae_demo.dataset.check import Finding
from videomae_demo.dataset.judging import Judging
from videomae_demo.dataset.metrics import Share
from videomae_demo.dataset.rows import Row
from videomae_demo.dataset.wrong_clips import draw_wrong_clips, open_command
from videomae_demo.engine.clips import ClipRequest
from videomae_demo.engine.engine import Engine
from videomae_demo.lenses import attend
from videomae_demo.model.videomae import VideoMAEForVideoClassification
from videomae_demo.video.sampling import SamplingRule

LEFT, RIGHT, STILL = TINY_LABELS.values()
EVIL = "<script>document.title='x'</script>\"'&"


class Seen(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.text: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def engine(recogniser_folder):
    return Engine(str(recogniser_folder), device="cpu")


@pytest.fixture
def rows():
    return [
        made_row("left/a.mp4", LEFT, LEFT, 0.9),
        made_row("left/b.mp4", LEFT, RIGHT, 0.95),
        made_row("still/c.mp4", STILL, RIGHT, 0.6),
        made_row("still/d.mp4", STILL, STILL, 0.5),
        made_row("right/e.mp4", RIGHT, RIGHT, 0.7),
        Row("other/f.mp4", "unheard of", None, ((LEFT, 0.8),), entropy=0.4),
        Row("left/g.mp4", LEFT, LEFT, error="It is no clip."),
    ]


@pytest.fixture
def page(engine, rows, tmp_path, clip_path):
    sign = Finding("collapsed", "A sentence of the check.", {})
    evaluation = made_evaluation(engine, tmp_path / "out", rows, clip_path, findings=(sign,))
    paths = report.write_report(engine, evaluation)
    assert [path.name for path in paths] == ["confusion.png", "calibration.png", "report.html"]
    return paths[-1].read_text(encoding="utf-8")


def test_figures_and_findings_stand_on_it(page):
    text = " ".join(Seen(page).text)
    share = Share(3, 5)
    assert f"3 of 5; 95% interval {share.low:.1%} to {share.high:.1%}" in text
    assert "A sentence of the check." in text
    assert 'class="finding trouble"' in page
    assert "Files that could not be read: 1" in text and "It is no clip." in text
    assert "60%" in text


def test_it_asks_nobody_and_runs_its_own_script_alone(page):
    seen = Seen(page)
    links = [
        value for _, attrs in seen.tags for name, value in attrs.items() if name in ("src", "href")
    ]
    assert links and all(link.startswith(("data:", "#")) for link in links)
    assert "http" not in re.sub(r"http-equiv", "", page)
    script = re.search(r"<script>(.*?)</script>", page, re.S).group(1)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page
    assert "default-src 'none'" in page


def test_rows_are_sorted_by_the_probability_of_the_label(rows):
    names = [row.name[-5] for row in report.most_suspicious(rows)]
    assert "".join(names) == "bcdeafg"
    assert [row.name for row in report.most_suspicious(rows, 2)] == ["left/b.mp4", "still/c.mp4"]


def test_wrong_clips_come_first_with_pictures_and_a_command(page):
    articles = re.findall(r'<article class="clip">.*?</article>', page, re.S)
    assert [re.search("<h3>(.*?)</h3>", one).group(1) for one in articles] == [
        "left/b.mp4",
        "still/c.mp4",
    ]
    assert f"Labelled {LEFT}, named {RIGHT} with 95%; the label has 5%, rank 2." in articles[0]
    assert all("data:image/webp" in one and "<code>videomae-explorer" in one for one in articles)
    assert "2 of 2 clips that are named wrongly" in page


def test_all_pictures_of_wrong_clips_are_on_one_scale(engine, rows, tmp_path, clip_path):
    evaluation = made_evaluation(engine, tmp_path, rows, clip_path)
    drawn, scale = draw_wrong_clips(engine, evaluation, rows[1:3])
    view = attend.ask(engine, ClipRequest(clip_path))
    assert scale.upper == view.rollout.scale_end
    assert drawn[0].peak == pytest.approx(view.rollout.times_uniform.max())
    assert all(one.picture[8:12] == b"WEBP" for one in drawn)


def test_a_wrong_clip_that_is_gone_is_said(engine, rows, tmp_path):
    evaluation = made_evaluation(engine, tmp_path, rows)
    drawn, scale = draw_wrong_clips(engine, evaluation, rows[1:3])
    assert scale is None
    assert all(one.picture is None and "b.mp4" in drawn[0].error for one in drawn)
    assert "No picture: " in report.make_page(engine, evaluation, b"")


def test_no_wrong_clips_no_pictures(engine, rows, tmp_path):
    evaluation = made_evaluation(engine, tmp_path / "right", rows[:1])
    assert "No clip is named wrongly." in report.make_page(engine, evaluation, b"")
    evaluation = made_evaluation(engine, tmp_path / "none", rows, tmp_path)
    page = report.make_page(engine, evaluation, b"", worst=0)
    assert "<article" not in page and "0 of 2 clips" in page


@pytest.mark.parametrize("rule", [None, "every:2", "0.2", "uniform"])
def test_the_command_is_one_and_asks_for_what_was_judged(engine, tmp_path, rule, rows):
    sampling = None if rule is None else SamplingRule.parse(rule)
    judging = Judging(sampling=sampling, changes=False)
    path = tmp_path / "it's $HOME; a clip.mp4"
    evaluation = made_evaluation(engine, tmp_path / "out", rows, path, judging=judging)
    command = open_command(engine, evaluation, evaluation.items[0], rows[0])
    words = shlex.split(command)
    assert words[0] == "videomae-explorer"
    parsed = build_parser().parse_args(words[1:])
    assert (parsed.clips, parsed.weights) == ([path], engine.weights)
    assert parsed.start == (None if rule == "uniform" else 0.25)
    assert parsed.sampling == (None if sampling is None else str(sampling))


def test_names_and_labels_are_escaped(tmp_path, clip_path):
    labels = {0: f"{EVIL}0", 1: f"{EVIL}1", 2: "plain"}
    weights = save_tiny(VideoMAEForVideoClassification, tmp_path / "weights", id2label=labels)
    engine = Engine(str(weights), device="cpu")
    rows = [
        made_row(f"{EVIL}a.mp4", labels[0], labels[1]),
        made_row(f"{EVIL}b.mp4", labels[1], labels[1], notes=(EVIL,)),
        Row(f"{EVIL}c.mp4", EVIL, None, ((labels[0], 0.8),), entropy=0.4),
        Row(f"{EVIL}d.mp4", labels[0], labels[0], error=EVIL),
    ]
    sign = Finding("collapsed", EVIL, {})
    evaluation = made_evaluation(engine, tmp_path / "out", rows, clip_path, findings=(sign,))
    page = report.make_page(engine, evaluation, b"")
    assert page.count("<script") == 1
    plain = Seen(
        report.make_page(
            engine,
            made_evaluation(engine, tmp_path / "plain", [made_row("a.mp4", "plain", "plain")]),
            b"",
        )
    )
    known = {tag for tag, _ in plain.tags} | {"article", "h3", "code", "ul", "li", "b"}
    seen = Seen(page)
    assert {tag for tag, _ in seen.tags} <= known
    assert not [name for _, attrs in seen.tags for name in attrs if name.startswith("on")]
    assert EVIL in "".join(seen.text)


def test_a_large_set_is_cut_and_says_so(engine, tmp_path, monkeypatch):
    rows = [made_row(f"{number}.mp4", LEFT, LEFT, 0.5 + number / 100) for number in range(30)]
    assert len(report.most_suspicious(rows, 10)) == 10
    table = parts.clip_table(
        rows[:10], made_metrics(np.zeros((3, 3), int), (LEFT, RIGHT, STILL)), 30
    )
    assert "The report holds 10 of 30 clips" in table
    assert table.count("<tr") == 11


def test_without_labels_there_is_no_matrix(engine, tmp_path):
    rows = [Row("f.mp4", None, None, ((LEFT, 0.8),), entropy=0.4)]
    paths = report.write_report(engine, made_evaluation(engine, tmp_path, rows))
    assert [path.name for path in paths] == ["report.html"]
    assert paths[0].read_text().count("No clip has a label that the checkpoint knows.") == 2


def test_a_name_that_is_no_utf8_is_written_with_escapes(engine, tmp_path):
    rows = [Row("\udcff.mp4", None, None, ((LEFT, 0.8),), entropy=0.4)]
    (path,) = report.write_report(engine, made_evaluation(engine, tmp_path, rows))
    assert "\\udcff.mp4" in path.read_text(encoding="utf-8")


def test_the_matrix_has_counts_shares_and_words():
    metrics = made_metrics([[3, 1, 0], [0, 4, 0], [0, 0, 0]], (LEFT, RIGHT, STILL))
    cells = [attrs for tag, attrs in Seen(parts.matrix(metrics)).tags if tag == "button"]
    assert [one["data-cell"] for one in cells] == ["0 0", "0 1", "1 1"]
    assert [one["style"] for one in cells] == ["--s:0.750", "--s:0.250", "--s:1.000"]
    assert cells[1]["aria-label"] == f"1 of 4 clips of {LEFT} are named {RIGHT}"


def test_many_labels_leave_the_most_confused_ones():
    confusion = np.diag(np.full(40, 2))
    confusion[7, 33] = 5
    labels = [f"label {number}" for number in range(40)]
    metrics = made_metrics(confusion, labels)
    matrix = parts.matrix(metrics)
    assert "The 30 labels with the most mistakes, of 40" in matrix
    assert 'data-cell="7 33"' in matrix
    figure = report.confusion_figure(metrics)
    assert len(figure.axes[0].get_xticks()) == 30


def test_the_drawn_matrix_has_the_shares_of_rows():
    metrics = made_metrics([[3, 1, 0], [0, 4, 0], [0, 0, 0]], (LEFT, RIGHT, STILL))
    axes, bar = report.confusion_figure(metrics).axes
    assert axes.images[0].get_array().tolist() == [[0.75, 0.25], [0, 1]]
    assert [text.get_text() for text in axes.texts] == ["3", "1", "4"]
    assert [text.get_text() for text in axes.get_yticklabels()] == [LEFT, RIGHT]
    assert bar.get_ylabel() == "share of the true label's clips"


def test_calibration_is_drawn_and_said():
    metrics = made_metrics(np.zeros((3, 3), int), (LEFT, RIGHT, STILL))
    for number in range(4):  # 0.95 of probability, and half of them right
        metrics.add(made_row("a", LEFT, LEFT if number % 2 else RIGHT, 0.95))
    metrics.add(made_row("b", LEFT, LEFT, 0.55))
    upper, lower = report.calibration_figure(metrics).axes
    assert [bar.get_height() for bar in upper.patches] == [1, 0.5]
    assert [bar.get_height() for bar in lower.patches] == [1, 4]
    assert [bar.get_x() + bar.get_width() / 2 for bar in upper.patches] == pytest.approx(
        [0.55, 0.95]
    )
    words = parts.calibration_words(metrics)
    assert "87% on average, and 60% of 5 clips are right: 27% surer than it is right" in words
    assert "is 45%" in words  # (4 * 0.45 + 0.45) / 5


def test_each_label_has_a_row_with_its_interval():
    metrics = made_metrics([[3, 1, 0], [0, 4, 0], [0, 0, 0]], (LEFT, RIGHT, STILL))
    table = parts.label_table(metrics)
    share = Share(3, 4)
    assert table.count("<tr>") == 3
    assert '<td class="n" data-v="0.75">75%</td>' in table
    assert f"{share.low:.1%} to {share.high:.1%}" in table
    assert f"<td>{RIGHT} (1)</td>" in table


def test_where_something_is_wrong_the_clips_are_said_to_tell_little(engine, rows, tmp_path):
    words = "Until what was found above is mended, they tell little of their labels."
    for name, kind in (("a", "labels permuted"), ("b", "nothing found")):
        sign = (Finding(kind, "A sign.", {}),)
        evaluation = made_evaluation(engine, tmp_path / name, rows, findings=sign)
        page = report.make_page(engine, evaluation, b"")
        assert (words in page) == sign[0].is_trouble
        assert ("the likelier it is the label" in page) != sign[0].is_trouble
