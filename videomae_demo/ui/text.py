"""Sentences of the page."""

from __future__ import annotations

TITLE = "VideoMAE Explorer"
INTRODUCTION = (
    "Drop a clip and see what VideoMAE sees: **what** it recognises, **where and when** it looks, "
    "and **what it imagines** behind a mask."
)
TO_THE_CLIP = "[Choose another clip](#left)"

STAGE_KEYS = (
    "Arrow keys move over the tokens, Enter chooses one, space plays, comma and full stop step, "
    "plus and minus magnify."
)
RECOGNISE_HINT = (
    "These {count} frames are all that the model saw of the clip, and it saw them at {seen}; here "
    "they are {shown}. Choose a token, and Attend starts from it."
)
ATTEND_HINT = "Point at a token for its value. Choose one to see where it looks."
RECONSTRUCT_HINT = "All pictures play in step. Grey is what was hidden from the model."

MASK_ADVICE = (
    "VideoMAE learnt by filling in 90% of the tokens, hidden in tubes: the same places in every "
    "frame, so that nothing behind them can be copied from another moment. The other masks leave "
    "places that are visible at another time; what copying alone makes of those is shown as "
    "'copied in time'. Which mask is the harder one depends on the clip and on the model: try 75%, "
    "90% and 95%, and compare with the best filling."
)
WHY_MASK = {
    "tube": "The same places are hidden at every time, so none can be copied from another moment.",
    "random": "Tokens are hidden anywhere, so a hidden place may be visible at another moment.",
    "frame": "Whole moments are hidden, and all places are visible at the others.",
    "cell": "A part of each unit of 2 x 2 patches is hidden, in steps of a quarter, and moves on "
    "from moment to moment.",
    "painted": "Hide what matters, and see what the model puts there.",
}
PSNR = (
    "PSNR over the hidden pixels, higher is nearer to the original; beside the reconstruction, "
    "fillings that need no model at all."
)
LEAK = (
    "This decoder predicts pixels normalised per token. To show them, the hidden tokens' true mean "
    "and contrast are put back, which leaks them: compare with the true patch mean, which is that "
    "leak alone."
)
NO_LABELS = (
    "This checkpoint was pretrained without labels, so it can't name what it sees. Attention and "
    "reconstruction work; for labels choose a fine-tuned one."
)
NO_CLIP = "There is no clip to explore: choose an example, drop a video, or record one."
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


def verdict(rank: int, labels: int, top_k: int) -> str:
    """Say whether the model is right, if the label at this rank is the true one."""
    if rank == 1:
        right = "the model is right"
    elif labels <= top_k:
        right = "the model is wrong"
    elif rank <= top_k:
        right = f"the model is wrong at top-1 and right at top-{top_k}"
    else:
        right = f"the model is wrong, at top-1 and at top-{top_k}"
    return f"If this is what the clip shows, {right}."


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


NOT_READ_YET = "{asked} is not read yet: this is still {shown}."
TAKEN_OUT = (
    "The clip field is empty: this is still {shown}. Give another clip, or press Explore, which "
    "brings this one back."
)
OTHER_FRAMES = "Other frames of {shown} are being read: this is still what was seen before."
OTHER_WEIGHTS = "Other weights are being loaded: this is still what those before made of {shown}."
STILL_SHOWN = "{why} The page still shows {shown}."
WAS_CANCELLED = "The work was cancelled."
GO_ON = "Press Explore to go on."
NOT_COMPUTED = "Not computed for this clip. {why}"
NO_CLIP_YET = "{why} Choose an example, drop a video, or press Explore."
START = (
    "Where the window of frames starts. Empty: the window lies in the middle of the clip. Frames "
    "spread over the whole clip have no start."
)
STORED_PIXELS = "Leave the pixels as they are stored, whatever aspect the file says they have."
CROWDED = "{count} things that you asked for are waiting already; wait for them, or press Cancel."
