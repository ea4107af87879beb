"""Sentences of the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from videomae_demo.lenses.plan import Plan

LONG_S = 120.0
"""From here on, a duration is told in minutes."""

TITLE = "VideoMAE Explorer"
INTRODUCTION = (
    "[VideoMAE](https://arxiv.org/abs/2203.12602) learns by filling in hidden parts of videos "
    "([code](https://github.com/MCG-NJU/VideoMAE)). See **what** it recognises, **where and when** "
    "it looks, **why** it says so, and **what it imagines**: open Reconstruct and hide 90%."
)

STANDS_IN = (
    "The weights {asked} can't be had now. {why} The page works with others meanwhile, and keeps "
    "trying: reload it later."
)
NO_CLIP = "There is no clip to explore: choose an example, drop a video, or record one."
NO_LABELS = (
    "This checkpoint was pretrained without labels, so it can't name what it sees. Attention and "
    "reconstruction work; for labels choose a fine-tuned one."
)
STOPPED = (
    "Stopped: the work ends at the model's next layer, a download is broken off, and what is shown "
    "stays."
)
CANCELLED = "The request was cancelled."
DISK = (
    "The machine that runs this page can't write its files ({cause}). Its owner can make room, or "
    "set GRADIO_TEMP_DIR to a folder that can be written."
)
DEFECT = (
    "Something went wrong on our side, and was written to the log. Try again, or try another clip."
)


def cleared(hours: int) -> str:
    """Say why pictures are missing."""
    return (
        f"The pictures of this clip have been cleared away after {_hours(hours)}; press Explore, "
        "or give the clip again."
    )


def _hours(count: int) -> str:
    return "1 hour" if count == 1 else f"{count} hours"


def keeps_uploads(hours: int) -> str:
    """Say how long a clip stays on the server, and who can read it."""
    return (
        "Your clip stays on the machine that runs this page and is deleted after about "
        f"{_hours(hours)}. Until then, whoever has its address can read it."
    )


def live_privacy(hours: int) -> str:
    """Say what becomes of a camera's frames."""
    return (
        "No frame leaves this browser until you press Start, or play a file. From then on the last "
        "frames, cut down to what the model takes, go to the machine that runs this page, and are "
        "forgotten as soon as they are answered; the file itself is not uploaded. Only when you "
        "press Freeze are the last frames written there, as a clip that is deleted after about "
        f"{_hours(hours)}."
    )


NOT_READ_YET = "{asked} is not read yet: this is still {shown}."
TAKEN_OUT = (
    "The clip field is empty: this is still {shown}. Give another clip, or press Explore, which "
    "brings this one back."
)
OTHER_FRAMES = "Other frames of {shown} are being read: this is still what was seen before."
OTHER_WEIGHTS = "Other weights are being loaded: this is still what those before made of {shown}."
SET_NOT_OPEN = (
    "The address names a clip of a data set that is not open now: open it on the page Data set, "
    "and come from there. Meanwhile, an example is shown."
)
STILL_SHOWN = "{why} The page still shows {shown}."
WAS_CANCELLED = "The work was cancelled."
GO_ON = "Press Explore to go on."
NOT_COMPUTED = "Not computed for this clip. {why}"
NO_CLIP_YET = "{why} Choose an example, drop a video, or press Explore."
START = (
    "Where the window of frames starts. Empty: the window lies in the middle of the clip. Frames "
    "spread over the whole clip have no start."
)
CHANGE = (
    "What is done to the frames first; every lens then shows the changed clip. You can also write "
    "shuffled:SEED or frozen:FRAME."
)
STORED_PIXELS = "Leave the pixels as they are stored, whatever aspect the file says they have."
CROWDED = "{count} things that you asked for are waiting already; wait for them, or press Cancel."


def duration(seconds: float) -> str:
    """Write a measured duration down, in seconds or minutes."""
    if seconds < 0.1:
        return "less than 0.1 s"
    if seconds >= LONG_S:
        return f"about {seconds / 60:.0f} min"
    return f"about {seconds:.1f} s" if seconds < 9.95 else f"about {seconds:.0f} s"


def cost(plan: Plan, what: str) -> str:
    """Say what is left of many passes costs; `what` is what one of them is of."""
    count = f"1 {what}" if plan.left == 1 else f"{plan.left} {what}s"
    return count if plan.takes_s is None else f"{count}, {duration(plan.takes_s)}"
