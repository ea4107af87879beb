"""What the page Data set says, in words that are made from its numbers."""

from __future__ import annotations

from pathlib import Path

from videomae_demo.ui.train.words import duration

ABSENT = (
    "The weights {title} are not on this machine: open Explore, press the name of the model, and "
    "load them there."
)
AT_WORK = "A data set is being judged, and there is room for one: wait for it, or cancel it."
NOTHING = "Nothing is judged yet: name a data set, and press Check."
ELSEWHERE = (
    "The page Data set reads folders of the machine that it runs on, so it answers that machine "
    "alone: open it there, at its own address (127.0.0.1)."
)
READING = "Reading the list of clips."
STOPPING = "Stopping: what is judged so far stays."
STOPPED = "Cancelled: {done} of {clips} are judged and stay. Go on does the rest."
FAILED = "It ended early. {why}"


def count_of(count: int, thing: str) -> str:
    """Write a count and what is counted."""
    return f"{count:,} {thing}" + ("" if count == 1 else "s")


def tell_size(clips: int, labels: int, unlabelled: int) -> str:
    """Say how large a data set is."""
    without = f"; {count_of(unlabelled, 'clip')} without a label" if unlabelled else ""
    return f"{count_of(clips, 'clip')}, {count_of(labels, 'label')}{without}."


def tell_cost(clips: int, passes: int, a_clip_s: float | None) -> str:
    """Say how long it will take to judge so many clips."""
    each = f"{count_of(passes, 'pass').replace('passs', 'passes')} a clip"
    if not clips:
        return "All clips are judged already."
    if a_clip_s is None:
        return f"At most {each}; how long that takes is told as it runs."
    return f"At most {each}: {duration(clips * a_clip_s)} in all, by a few of the clips."


def tell_folder(folder: Path, source: Path, judged: int, clips: int) -> str:
    """Say where the files go, and what is there already."""
    inside = source.is_dir() and folder.resolve().is_relative_to(source.resolve())
    said = f"Files go to {folder}" + (", which lies inside the data set." if inside else ".")
    if judged:
        said += f" It holds this very evaluation: {judged:,} of {clips:,} clips are judged."
    return said


def tell_progress(done: int, clips: int, left_s: float | None) -> str:
    """Say how far a run is, how fast it goes, and how long it will take."""
    far = f"{done:,} of {count_of(clips, 'clip')}"
    if left_s is None or done >= clips:
        return far
    per_s = (clips - done) / left_s if left_s else 0.0
    if not per_s:
        return far
    speed = f"{per_s:.1f} clips a second" if per_s >= 0.95 else f"{1 / per_s:.1f} s a clip"
    return f"{far}, {speed}, {duration(left_s)} left"
