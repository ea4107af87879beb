"""A clip as every browser plays it: small, silent, h264. The clip itself is never touched.

The browser decides: what it can show is shown as it is. Knows nothing of the page around it.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import gradio as gr
import numpy as np

from videomae_demo.video.decode import read_frames, scan
from videomae_demo.video.encode import write_mp4

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


def make_preview(path: Path) -> bytes:
    """Return the middle of a clip as an mp4 that plays in real time.

    Raises
    ------
    VideoError
        When the clip can't be read.
    """
    timeline = scan(path)
    times = timeline.timestamps_s
    middle = (times[0] + times[-1]) / 2
    near = np.flatnonzero(np.abs(times - middle) <= LONGEST_S / 2)
    chosen = near[np.linspace(0, len(near) - 1, min(len(near), MOST_FRAMES)).round().astype(int)]
    frames = read_frames(timeline, chosen, longest_side_px=LONGEST_SIDE_PX)
    length_s = times[chosen[-1]] - times[chosen[0]] + timeline.frame_interval_s
    with tempfile.TemporaryDirectory(prefix="preview-") as folder:
        return write_mp4(Path(folder) / "preview.mp4", frames, len(frames) / length_s).read_bytes()
