"""A clip as every browser plays it: small, silent, h264. The clip itself is never touched.

The browser decides: what it can show is shown as it is. Knows nothing of the page around it.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import gradio as gr
import numpy as np
from numpy.typing import NDArray

from videomae_demo.limits import DEFAULT_LIMITS, Limits
from videomae_demo.video.encode import write_mp4
from videomae_demo.video.reader import read_chosen, scan
from videomae_demo.video.timeline import Timeline

LONGEST_SIDE_PX = 480
LONGEST_S = 20.0
MOST_FRAMES = 160

EXPLORED = "videomae-explored"
"""The event of the browser's window by which the page tells that a clip was explored."""


def make_watcher(watched: str, elem_id: str) -> gr.HTML:
    """Place a watcher of the video in the component `watched`; event ``unplayable``, no data."""
    script = Path(__file__).with_name("watcher.js").read_text(encoding="utf-8")
    return gr.HTML(
        "",
        html_template="<span></span>",
        js_on_load=f"const WATCHED = {json.dumps('#' + watched)};\n"
        f"const EXPLORED = {json.dumps(EXPLORED)};\n{script}",
        elem_id=elem_id,
    )


def make_preview(path: Path, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """Return the middle of a clip as an mp4 that plays in real time.

    Raises
    ------
    VideoError
        When the clip can't be read, or goes beyond a limit.
    Cancelled
        When nobody waits any more.
    """
    timeline, frames = read_chosen(
        scan(path, limits=limits), _choose, longest_side_px=LONGEST_SIDE_PX, limits=limits
    )
    chosen = _choose(timeline)
    length_s = timeline.timestamps_s[chosen[-1]] - timeline.timestamps_s[chosen[0]]
    fps = len(frames) / (length_s + timeline.frame_interval_s)
    with tempfile.TemporaryDirectory(prefix="preview-") as folder:
        return write_mp4(Path(folder) / "preview.mp4", frames, fps).read_bytes()


def _choose(timeline: Timeline) -> NDArray[np.int64]:
    """Return the numbers of the frames in the middle: at most `MOST_FRAMES`, over `LONGEST_S`."""
    times = timeline.timestamps_s
    middle = (times[0] + times[-1]) / 2
    near = np.flatnonzero(np.abs(times - middle) <= LONGEST_S / 2)
    if not len(near):  # two frames that are far apart
        near = np.array([0])
    places = np.linspace(0, len(near) - 1, min(len(near), MOST_FRAMES)).round().astype(np.int64)
    return near[places].astype(np.int64)
