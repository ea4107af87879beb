"""What an evaluation leaves for people: one page with all in it, and its pictures as files.

Owns which clips are on it and in which order. The page loads nothing from anywhere: its script is
the only one that its own policy lets run, and pictures are inside.
"""

from __future__ import annotations

import base64
import hashlib
import heapq
from collections.abc import Iterable, Iterator
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from videomae_demo.analysis.confusions import most_confused
from videomae_demo.dataset import report_parts as parts
from videomae_demo.dataset.metrics import Metrics
from videomae_demo.dataset.rows import Row
from videomae_demo.dataset.wrong_clips import draw_wrong_clips
from videomae_demo.engine.engine import Engine
from videomae_demo.lenses.answer import share
from videomae_demo.rendering.frames import to_png, to_webp
from videomae_demo.rendering.legend import legend
from videomae_demo.video.sampling import choice_of_frames

if TYPE_CHECKING:
    from videomae_demo.dataset.evaluate import Evaluation

MOST_ROWS = 3000
"""Clips in the table of the page; of more, those whose labels are most likely wrong."""
WORST = 24
"""Wrong clips with pictures."""
MOST_UNREAD = 20
"""Files that could not be read and are named above the table."""
LEGEND_PX = 420
_HERE = Path(__file__).parent


def write_report(engine: Engine, evaluation: Evaluation, worst: int = WORST) -> list[Path]:
    """Write ``confusion.png``, ``calibration.png`` and ``report.html``; return their paths.

    Pictures are left out where no clip has a label that the checkpoint knows.

    Parameters
    ----------
    engine : Engine
        Of the weights that were evaluated.
    evaluation : Evaluation
        With all its clips judged; its folder gets the files.
    worst : int
        So many wrong clips are drawn, with a pass for each; 0 for none.

    Raises
    ------
    OSError
        When a file can't be written.
    Cancelled
        When nobody waits any more.
    """
    from videomae_demo.rendering.plots import save_figure, to_pixels

    paths, folder, drawn = [], evaluation.folder, b""
    if evaluation.metrics.judged:
        paths.append(save_figure(confusion_figure(evaluation.metrics), folder / "confusion.png"))
        diagram = calibration_figure(evaluation.metrics)
        paths.append(save_figure(diagram, folder / "calibration.png"))
        drawn = to_png(to_pixels(diagram))
    page = folder / "report.html"
    # A name that is no text in UTF-8 is written with its bytes as escapes.
    page.write_text(
        make_page(engine, evaluation, drawn, worst), encoding="utf-8", errors="backslashreplace"
    )
    return [*paths, page]


def confusion_figure(metrics: Metrics) -> Figure:
    """Draw what is taken for what."""
    from videomae_demo.rendering.matrices import confusion_picture

    shown = most_confused(metrics.confusion, parts.MOST_IN_MATRIX)
    clips = metrics.confusion.sum(axis=1).astype(np.float64)[shown]
    counts = metrics.confusion[np.ix_(shown, shown)]
    shares = np.divide(
        counts,
        clips[:, None],
        out=np.full(counts.shape, np.nan),
        where=np.broadcast_to(clips[:, None] > 0, counts.shape),
    )
    names = [metrics.labels[at] for at in shown]
    note = parts.matrix_words(metrics)
    title = f"Top-1 {share(metrics.top_1.value)} of {metrics.judged} clips"
    return confusion_picture(shares, counts, names, title=title, note=note)


def calibration_figure(metrics: Metrics) -> Figure:
    """Draw how often clips are right over how probable their best label was."""
    from videomae_demo.rendering.matrices import reliability

    title = f"Calibration error {share(metrics.calibration_error)}"
    return reliability(*parts.bins(metrics), title=title)


def make_page(engine: Engine, evaluation: Evaluation, diagram: bytes, worst: int = WORST) -> str:
    """Return the page as HTML; `diagram` is the picture of calibration as PNG."""
    metrics = evaluation.metrics
    unread: list[Row] = []
    rows = most_suspicious(_noting_unread(evaluation.rows(), unread))
    script = (_HERE / "report.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    template = Template((_HERE / "report.html").read_text(encoding="utf-8"))
    said = metrics.sentences()[1 if metrics.judged else 0 :]  # the shares stand above
    said += evaluation.naming.sentences()
    return template.substitute(
        title=parts.text(f"{evaluation.card.title}, on {metrics.clips} clips"),
        about=parts.text(_about(evaluation)),
        script_hash=f"sha256-{digest}",
        style=(_HERE / "report.css").read_text(encoding="utf-8"),
        script=script,
        findings=parts.findings(evaluation.findings),
        figures=parts.figures(metrics),
        notes=parts.paragraphs(said) + parts.unread(unread, metrics.failed),
        wrong=_wrong(engine, evaluation, rows, worst),
        matrix=parts.matrix(metrics),
        labels=parts.label_table(metrics),
        calibration=parts.calibration(metrics, diagram),
        clips=parts.clip_table(rows, metrics, evaluation.done),
    )


def most_suspicious(rows: Iterable[Row], most: int = MOST_ROWS) -> list[Row]:
    """Return the rows whose labels are most likely wrong, the worst first.

    That is by the probability of the label, the lowest first: it finds wrong labels sooner than
    mistakenness, the margin, and cleanlab's scores; see ``benchmarks/README.md``. Last come clips
    without a label, and after them those that could not be read.
    """

    def chance(row: Row) -> float:
        if row.probability is not None:
            return row.probability
        return 2.0 if row.error is None else 3.0

    return heapq.nsmallest(most, rows, key=chance)


def _noting_unread(rows: Iterable[Row], unread: list[Row]) -> Iterator[Row]:
    """Yield rows; add the first ones that could not be read to a list."""
    for row in rows:
        if row.error is not None and len(unread) < MOST_UNREAD:
            unread.append(row)
        yield row


def _about(evaluation: Evaluation) -> str:
    told = evaluation.to_json()
    rule = evaluation.judging.sampling or evaluation.card.sampling
    known = "" if told["sampling_is_known"] else ", which is a guess"
    return (
        f"Checkpoint {told['checkpoint']}; windows x crops of each clip: {told['views']}; frames: "
        f"{choice_of_frames(rule, evaluation.card.frame_count)}{known}."
    )


def _wrong(engine: Engine, evaluation: Evaluation, rows: list[Row], worst: int) -> str:
    wrong = [row for row in rows if row.is_right is False]
    total = evaluation.metrics.judged - evaluation.metrics.top_1.count
    if not wrong:
        return "<p>No clip is named wrongly.</p>"
    drawn, scale = draw_wrong_clips(engine, evaluation, wrong[:worst])
    what = (
        "the lower it is, the likelier it is the label that is wrong, and not the recogniser. (On "
        "labels that were exchanged on purpose, this order finds more than mistakenness does.)"
    )
    if any(one.is_trouble for one in evaluation.findings):
        what = (
            "the lowest first. Until what was found above is mended, they tell little of their "
            "labels."
        )
    said = (
        f"{len(drawn)} of {total} clips that are named wrongly, by the probability of their label: "
        f"{what} Over the frames lies the attention rollout, on one scale for all; it shows where "
        "information could flow, not proof of cause. A command opens a clip with all that can be "
        "asked of it; run it where the clips were judged."
    )
    key = ""
    if scale is not None:
        above = any(one.peak > scale.upper for one in drawn)
        bar = to_webp(legend(LEGEND_PX, scale, values_above=above), quality=95)
        ends = f"Colours from {scale.lower:g} to {scale.upper:.1f} times uniform"
        key = f"<p>{parts.picture(bar, 'webp', ends)}</p>"
    views = evaluation.judging.views
    window = " (of the middle window)" if views.windows * views.crops > 1 else ""
    return f"<p>{said}</p>{key}" + "".join(parts.wrong_clip(one, window) for one in drawn)
