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
    "These {count} frames are all that the model saw of the clip. Choose a token, and Attend "
    "starts from it."
)
ATTEND_HINT = "Point at a token for its value. Choose one to see where it looks."
RECONSTRUCT_HINT = "All pictures play in step. Grey is what was hidden from the model."

MASK_ADVICE = (
    "Neighbouring frames are so alike that a model could copy what it needs from them. Hiding the "
    "same places in every frame (tubes), and 90% of them, leaves no such way out: it has to "
    "understand the motion. Try 75%, 90% and 95%."
)
WHY_MASK = {
    "tube": "The same places are hidden at every time, so nothing can be copied from the frame "
    "before or after.",
    "random": "Tokens are hidden anywhere: much can be copied from the frames around, so this is "
    "easier than tubes.",
    "frame": "Whole moments are hidden: the model has to fill in time from before and after.",
    "cell": "Hidden places move on from moment to moment, so each is visible now and then.",
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
STILL_SHOWN = "{error} The pictures are still those of the clip before."
CANCELLED = "The request was cancelled."
DISK = (
    "The machine that runs this page can't write its files ({cause}). Its owner can make room, or "
    "set GRADIO_TEMP_DIR to a folder that can be written."
)
DEFECT = (
    "Something went wrong on our side, and was written to the log. Try again, or try another clip."
)


def how_sure(entropy: float, labels: int) -> str:
    """Say in words how undecided the classifier is; `entropy` in 0..1."""
    verdict = "It is sure" if entropy < 0.2 else "It hesitates" if entropy < 0.6 else "It is unsure"
    return (
        f"{verdict}: entropy {entropy:.2f}, where 0 is one label alone and 1 is all {labels} "
        "alike. A clip that shows none of these labels still gets one of them."
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
