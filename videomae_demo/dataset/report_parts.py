"""The parts of the report: tables, a matrix to click, figures. From values to HTML.

All text that comes from names and labels is escaped here. Knows no engine, and writes no file.
"""

from __future__ import annotations

import base64
import html
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from videomae_demo.analysis.confusions import most_confused
from videomae_demo.dataset.check import Finding
from videomae_demo.dataset.metrics import Metrics, Share
from videomae_demo.dataset.rows import Row
from videomae_demo.dataset.wrong_clips import WrongClip
from videomae_demo.lenses.answer import share

MOST_IN_MATRIX = 30
"""Labels that the matrix shows; of more, it shows the most confused ones."""
DARK = 0.55
"""From this share on, a cell's number is written in the colour for dark cells."""

CLIP_COLUMNS = (
    ("clip", "ascending"),
    ("label", "ascending"),
    ("named", "ascending"),
    ("its probability", "descending"),
    ("probability of the label", "ascending"),
    ("rank", "descending"),
    ("margin", "ascending"),
    ("entropy", "descending"),
    ("mistakenness", "descending"),
    ("motion", "descending"),
    ("lost backwards", "descending"),
    ("lost frozen", "descending"),
    ("notes", "ascending"),
)
"""Of the table of clips, with the order that comes first when it is sorted by a column."""
LABEL_COLUMNS = (
    ("label", "ascending"),
    ("clips", "descending"),
    ("right", "ascending"),
    ("95% interval", "ascending"),
    ("named", "descending"),
    ("most often named instead", "ascending"),
)


def text(words: str) -> str:
    """Escape text for HTML, in attributes too."""
    return html.escape(words, quote=True)


def picture(data: bytes, kind: str, alt: str) -> str:
    """Return a picture that is inside of the page; `kind` is "png" or "webp"."""
    coded = base64.b64encode(data).decode("ascii")
    return f'<img class="paper" alt="{text(alt)}" src="data:image/{kind};base64,{coded}">'


def paragraphs(said: Iterable[str]) -> str:
    """Return a paragraph for each sentence."""
    return "".join(f"<p>{text(one)}</p>" for one in said)


def findings(found: Sequence[Finding]) -> str:
    """Return what the check says."""
    return "".join(
        f'<p class="finding{" trouble" if one.is_trouble else ""}"><b>{text(one.kind)}.</b> '
        f"{text(one.sentence)}</p>"
        for one in found
    )


def unread(rows: Sequence[Row], failed: int) -> str:
    """Return which files could not be read, and why; `failed` is how many there are in all."""
    if not rows:
        return ""
    listed = "".join(f"<li>{text(row.name)}: {text(row.error or '')}</li>" for row in rows)
    more = f"<p>And {failed - len(rows)} more; predictions.csv has all.</p>"
    return (
        f"<details><summary>Files that could not be read: {failed}</summary><ul>{listed}</ul>"
        f"{more if failed > len(rows) else ''}</details>"
    )


def figures(metrics: Metrics) -> str:
    """Return the figures, shares with their intervals."""
    told = metrics.to_json()
    cells = [
        ("Top-1", _share_words(metrics.top_1)),
        ("Top-5", _share_words(metrics.top_5)),
        ("Mean over labels", (_shown(told["mean_of_labels"]), "each label counts the same")),
        ("Guessing", (share(told["chance"]), f"one of {len(metrics.labels)} labels")),
        ("Calibration error", (_shown(told["calibration_error"]), "see below")),
        ("Log loss", (_number(told["log_loss"], 3), "nats")),
        ("Entropy", (_shown(told["mean_entropy"]), "100% is quite undecided")),
        ("Clips", (f"{metrics.clips}", f"{metrics.failed} could not be read")),
    ]
    return "".join(
        f"<div><dt>{name}</dt><dd>{value}<small>{more}</small></dd></div>"
        for name, (value, more) in cells
    )


def matrix(metrics: Metrics) -> str:
    """Return the confusion matrix, a button in each cell with clips."""
    shown = most_confused(metrics.confusion, MOST_IN_MATRIX)
    if not metrics.judged:
        return "<p>No clip has a label that the checkpoint knows.</p>"
    clips = metrics.confusion.sum(axis=1)
    names = [metrics.labels[at] for at in shown]
    heads = "".join(f'<th scope="col">{text(name)}</th>' for name in names)
    body = "".join(
        f'<tr><th scope="row" title="{text(name)}">{text(name)}</th>'
        + "".join(_cell(metrics, clips, row, column) for column in shown)
        + "</tr>"
        for row, name in zip(shown, names, strict=True)
    )
    said = matrix_words(metrics)
    return (
        f"<p>{text(said)} Choose a cell, and the table below shows its clips.</p>"
        '<p class="ramp"><span>0%</span><i></i><span>100% of the true label\'s clips</span></p>'
        '<div class="scroll" role="region" aria-label="Confusion matrix" tabindex="0">'
        f'<table class="matrix"><thead><tr><td>true ↓ named →</td>{heads}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def matrix_words(metrics: Metrics) -> str:
    """Say what the matrix shows."""
    shown = most_confused(metrics.confusion, MOST_IN_MATRIX)
    present = np.count_nonzero(metrics.confusion.sum(axis=0) + metrics.confusion.sum(axis=1))
    if len(shown) == present:
        return "Rows are true labels, columns named ones, in the checkpoint's order."
    return (
        f"The {len(shown)} labels with the most mistakes, of {present}: rows are true, columns "
        "named; labels that are taken for one another stand near one another."
    )


def _cell(metrics: Metrics, clips: NDArray[np.int64], row: int, column: int) -> str:
    count = int(metrics.confusion[row, column])
    if not count:
        return "<td></td>"
    part = count / int(clips[row])
    words = (
        f"{count} of {clips[row]} clips of {metrics.labels[row]} are named {metrics.labels[column]}"
    )
    much = ' class="much"' if part > DARK else ""
    return (
        f'<td><button type="button"{much} style="--s:{part:.3f}" data-cell="{row} {column}" '
        f'aria-pressed="false" aria-label="{text(words)}" title="{text(words)}">{count}</button>'
        "</td>"
    )


def label_table(metrics: Metrics) -> str:
    """Return a row per label that has clips."""
    rows = []
    for at in np.flatnonzero(metrics.confusion.sum(axis=1)):
        label = metrics.labels[at]
        right = metrics.of_label(label)
        others = metrics.confusion[at].copy()
        others[at] = 0
        rival = int(others.argmax())
        instead = f"{metrics.labels[rival]} ({others[rival]})" if others[rival] else ""
        rows.append(
            f'<tr><th scope="row">{text(label)}</th>{_n(right.of, str(right.of))}'
            f"{_n(right.value, share(right.value))}"
            f"{_n(right.low, f'{share(right.low)} to {share(right.high)}')}"
            f"{_n(int(metrics.named[at]), str(metrics.named[at]))}<td>{text(instead)}</td></tr>"
        )
    return _table("labels-table", "Table of labels", LABEL_COLUMNS, rows)


def calibration(metrics: Metrics, drawn: bytes) -> str:
    """Return the diagram of calibration, and its numbers."""
    if not metrics.judged:
        return "<p>No clip has a label that the checkpoint knows.</p>"
    words = calibration_words(metrics)
    rows = [
        f'<tr><th scope="row">{share(one["from"])} to {share(one["to"])}</th>'
        f"{_n(one['clips'], str(one['clips']))}"
        f"{_n(one['mean_probability'], _shown(one['mean_probability']))}"
        f"{_n(one['share_right'], _shown(one['share_right']))}</tr>"
        for one in metrics.calibration()
    ]
    head = "".join(
        f'<th scope="col">{name}</th>'
        for name in ("probability of the best label", "clips", "its mean", "share right")
    )
    return (
        f"<p>{text(words)}</p>{picture(drawn, 'png', words)}<details>"
        "<summary>The numbers</summary>"
        '<div class="scroll" role="region" aria-label="Calibration" tabindex="0"><table><thead>'
        f"<tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div></details>"
    )


def calibration_words(metrics: Metrics) -> str:
    """Say how near probabilities are to shares right."""
    told = [one for one in metrics.calibration() if one["clips"]]
    means = sum(one["clips"] * one["mean_probability"] for one in told) / metrics.judged
    right = metrics.top_1.value
    far = means - right
    side = "as sure as it is right on average"
    if abs(far) >= 0.005:
        side = (
            f"{share(abs(far))} {'surer than it is right' if far > 0 else 'less sure than right'}"
        )
    return (
        f"The best label has a probability of {share(means)} on average, and {share(right)} of "
        f"{metrics.judged} clips are right: {side}. The calibration error, the mean distance over "
        f"the bins, is {share(metrics.calibration_error)}."
    )


def clip_table(rows: Sequence[Row], metrics: Metrics, judged: int) -> str:
    """Return the table of clips with its filters; `judged` is how many there are in all."""
    index = {label: at for at, label in enumerate(metrics.labels)}
    less = (
        f"<p>The report holds {len(rows)} of {judged} clips, those whose labels are least "
        "probable; predictions.csv has all.</p>"
        if len(rows) < judged
        else ""
    )
    options = [
        _options({row.true for row in rows}, index),
        _options({row.named for row in rows}, index),
    ]
    body = [_clip_row(row, index) for row in rows]
    table = _table("rows", "Table of clips", CLIP_COLUMNS, body, chosen="probability of the label")
    return (
        f'{less}<div class="filters">'
        '<div><label for="words">Words in a row</label><input type="search" id="words"></div>'
        '<div><label for="true">Label</label><select id="true"><option value="">all</option>'
        f'{options[0]}</select></div><div><label for="named">Named</label><select id="named">'
        f'<option value="">all</option>{options[1]}</select></div>'
        '<label class="check"><input type="checkbox" id="wrongs">wrong ones alone</label>'
        '<button type="button" class="plain" id="clear">Clear filters</button></div>'
        f'<p role="status" id="shown">{len(rows)} clips.</p>{table}'
        '<p><button type="button" class="plain" id="more" hidden>Show 100 more</button></p>'
    )


def _options(labels: Iterable[str | None], index: dict[str, int]) -> str:
    known = sorted({label for label in labels if label is not None}, key=str.casefold)
    return "".join(f'<option value="{index[one]}">{text(one)}</option>' for one in known)


def _clip_row(row: Row, index: dict[str, int]) -> str:
    wrong = ' class="wrong"' if row.is_right is False else ""
    true = "" if row.true is None else f' data-true="{index[row.true]}"'
    named = "" if row.named is None else f' data-named="{index[row.named]}"'
    label = row.true or ("" if row.label is None else f"{row.label} (not known)")
    best = row.top[0][1] if row.top else None
    cells = [
        f'<th scope="row">{text(row.name)}</th>',
        f"<td>{text(label)}</td>",
        f'<td class="named">{text(row.named or "")}</td>',
        _n(best, _shown(best)),
        _n(row.probability, _shown(row.probability)),
        _n(row.rank, "" if row.rank is None else str(row.rank)),
        _n(row.margin, _number(row.margin)),
        _n(row.entropy, _shown(row.entropy)),
        _n(row.mistakenness, _number(row.mistakenness, 3)),
        _n(row.motion, _number(row.motion, 3)),
        _n(row.lost_backwards, _shown(row.lost_backwards)),
        _n(row.lost_frozen, _shown(row.lost_frozen)),
        f"<td>{text(' '.join(filter(None, (row.error, *row.notes))))}</td>",
    ]
    return f"<tr{wrong}{true}{named}>{''.join(cells)}</tr>"


def wrong_clip(found: WrongClip, sampled: str) -> str:
    """Return one wrong clip with its picture and the command that opens it."""
    row = found.row
    named, chance = row.top[0]
    words = (
        f"Labelled {row.true}, named {named} with {share(chance)}; the label has "
        f"{share(row.probability or 0.0)}, rank {row.rank}."
    )
    shown = f"<p>No picture: {text(found.error)}</p>"
    if found.picture is not None:
        alt = f"Frames of {row.name}, and where the recogniser looked in them"
        peak = f"Its highest attention is {found.peak:.1f}x uniform{sampled}."
        shown = (
            f'<p class="faint">{text(peak)}</p><div class="scroll" role="region" tabindex="0" '
            f'aria-label="{text(alt)}">{picture(found.picture, "webp", alt)}</div>'
        )
    return (
        f'<article class="clip"><h3>{text(row.name)}</h3><p>{text(words)}</p>{shown}'
        f"<p><code>{text(found.command)}</code></p></article>"
    )


def _table(
    id_: str, name: str, columns: Sequence[tuple[str, str]], rows: Sequence[str], chosen: str = ""
) -> str:
    heads = "".join(
        f'<th scope="col" data-first="{first}"'
        f"{f' aria-sort={chr(34)}{first}{chr(34)}' if column == chosen else ''}>"
        f'<button type="button">{column}</button></th>'
        for column, first in columns
    )
    return (
        f'<div class="scroll tall" role="region" aria-label="{name}" tabindex="0">'
        f'<table class="sorted" id="{id_}"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _n(value: float | None, shown: str) -> str:
    """Return a cell with a number, by which it is sorted."""
    return f'<td class="n" data-v="{"NaN" if value is None else f"{value:.6g}"}">{shown}</td>'


def _shown(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else share(value)


def _number(value: float | None, digits: int = 2) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _share_words(part: Share) -> tuple[str, str]:
    if not part.of:
        return "", "no clip with a known label"
    interval = f"95% interval {share(part.low)} to {share(part.high)}"
    return share(part.value), f"{part.count} of {part.of}; {interval}"


def bins(metrics: Metrics) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.int64]]:
    """Return each bin's mean probability, share right (NaN if empty), and clips."""
    told = metrics.calibration()
    means = np.array([one["mean_probability"] for one in told], np.float64)
    right = np.array([one["share_right"] for one in told], np.float64)
    return means, right, np.array([one["clips"] for one in told], np.int64)
