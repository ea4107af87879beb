"""What the page Train says of a training, in words that are made from its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from videomae_demo.config import VideoMAEConfig
from videomae_demo.lenses.answer import share
from videomae_demo.limits import PREFIX
from videomae_demo.training.live.settings import FinetuningSettings, LiveSettings

if TYPE_CHECKING:  # torch takes seconds: the page does not wait
    from videomae_demo.training.live.progress import HeldOut, Subject

FILLINGS = {
    "visible-mean": "the mean of what is visible",
    "distance-weighted": "the distance-weighted mean of what is visible",
    "nearest-visible": "the nearest visible patch",
    "copied-in-time": "a copy from the nearest moment",
}
OFF = (
    "Nothing is trained on this page: other people can reach it, and a training keeps its "
    "processor busy for minutes. Start the page on a machine of your own (python -m "
    f"videomae_demo page), or let its owner set {PREFIX}TRAINING_MINUTES."
)
LENT_GPU = (
    "This machine lends a GPU for one question at a time, which is too short for a training; "
    "start the page on a machine of your own."
)
TAKEN = (
    "Somebody else is training here, and this machine has room for one training: watch it, or "
    "begin your own when they have left."
)
LEFT = "Paused, because whoever started it has left or looks elsewhere. Play goes on."
DIVERGED = (
    "Ended: the loss is no number any more, because the learning rate is too high. Choose a lower "
    "one."
)
NOT_YET = "Nothing is learnt yet: press Play first."
NOTHING = "There is no training yet: press Start."


def tell_model(config: VideoMAEConfig, weights: int) -> str:
    """Say how large a model is, and what it is given."""
    grid, (height, width) = config.grid, config.frame_size
    decoder = (
        f", and a decoder of {config.decoder_num_hidden_layers} layers"
        if not config.num_labels
        else f", and a classifier of {config.num_labels} labels"
    )
    return (
        f"{weights / 1e6:.2f} million weights: an encoder of {config.num_hidden_layers} layers, "
        f"{config.hidden_size} wide{decoder}. It sees {config.num_frames} frames of "
        f"{width} x {height} px as {grid.tokens} tokens ({grid.time} x {grid.height} x "
        f"{grid.width})."
    )


def tell_pace(step: int, steps: int, per_s: float | None) -> str:
    """Say how far a training is, how fast it goes, and how long it will take."""
    far = f"Step {step} of {steps}"
    if not per_s or step >= steps:
        return far
    speed = f"{per_s:.1f} steps a second" if per_s >= 0.95 else f"{1 / per_s:.1f} s a step"
    return f"{far}, {speed}, {duration((steps - step) / per_s)} left"


def duration(seconds: float) -> str:
    """Say roughly how long something takes."""
    if seconds < 90:
        return f"about {max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return f"about {round(seconds / 60)} minutes"
    return f"about {seconds / 3600:.1f} hours"


def verdict(subject: Subject, held: HeldOut) -> str:
    """Say how good the model is now on clips it is not trained on, and against what."""
    if subject.rival == "chance":
        right = round(held.score * subject.held_out)
        return (
            f"Names {right} of {subject.held_out} held-out clips rightly: {held.score:.0%}, where "
            f"chance is {share(subject.rival_score)}."
        )
    better = held.score - subject.rival_score
    than = f"the best filling without a model ({FILLINGS.get(subject.rival, subject.rival)})"
    if abs(better) < 0.05:
        compared = f"as good as {than}"
    else:
        compared = f"{abs(better):.1f} dB {'better' if better > 0 else 'worse'} than {than}"
    return f"{held.score:.1f} dB on {subject.held_out} held-out clips: {compared}."


def title(subject: Subject, held: HeldOut, step: int) -> str:
    """Name what was learnt, for the list of weights."""
    if subject.rival == "chance":
        return f"Trained here: names {held.score:.0%} of held-out camera motions after {step} steps"
    return f"Pretrained here: {held.score:.1f} dB after {step} steps, knows no labels"


def rival_name(subject: Subject) -> str:
    """Name the line that a training has to cross."""
    if subject.rival == "chance":
        return f"chance, 1 of {round(1 / subject.rival_score)}"
    return "best filling without a model"


def tell_start(settings: LiveSettings, pretrained_steps: int) -> str:
    """Say what a training starts from."""
    if not isinstance(settings, FinetuningSettings):
        return "Starts from random weights."
    if settings.start == "here":
        start = f"Starts from the encoder pretrained here for {pretrained_steps} steps"
    elif settings.start == "bundled":
        start = "Starts from the bundled encoder, which is larger and was pretrained for long"
    else:
        start = "Starts from an untrained encoder"
    return f"{start}, and learns to name how the camera moves."


def over(minutes: int) -> str:
    """Say that a training may take no more time."""
    return (
        f"Ended: a training on this page may take {minutes} minutes "
        f"({PREFIX}TRAINING_MINUTES). What was learnt can be opened or saved."
    )


def card_facts(
    subject: Subject, held: HeldOut, settings: LiveSettings, step: int, started: str
) -> list[str]:
    """Return what the card of the trained weights says."""
    chosen = ", ".join(f"{name} {value}" for name, value in settings.to_json().items())
    return [f"{step} of {settings.steps} steps ({chosen}).", started, verdict(subject, held)]
