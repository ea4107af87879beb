"""What reading a file may cost, and what it has cost so far.

Owns the sentences that refuse a clip because of a limit: each names the limit and the value seen.
Knows nothing of how files are read.
"""

from __future__ import annotations

import time

from videomae_demo.cancellation import check_cancelled
from videomae_demo.errors import VideoError
from videomae_demo.limits import Limits
from videomae_demo.video.display import Size
from videomae_demo.video.memory import bytes_left

# Of the deepest pixels: four channels of 16 bits.
_PIXEL_BYTES = 8

# What a decoder reserves besides its frames.
_FRAME_ROOM = 2**26


class Budget:
    """Counts what is spent on a file, and raises VideoError when a limit is passed.

    Parameters
    ----------
    limits : Limits
    name : str
        What the file is called in the sentences.

    Notes
    -----
    The clock starts at once, and goes on over all passes; frames are counted in each. The clock is
    looked at whenever FFmpeg reads from the file and whenever a packet or a frame comes out, so a
    single packet that keeps a decoder busy is not interrupted here. The same holds for work that
    nobody waits for any more.
    """

    def __init__(self, limits: Limits, name: str) -> None:
        self.limits = limits
        self.name = name
        self._deadline = time.monotonic() + limits.decoding_s
        self._decoded = 0

    def start_pass(self) -> None:
        """Begin to count frames anew: the file is opened once more."""
        self._decoded = 0

    def check_size(self, size: Size) -> None:
        """Refuse frames that are too large."""
        if size.pixels > self.limits.frame_pixels:
            raise VideoError(
                f"{self.name} has frames of {size} = {size.pixels} pixels, the limit frame_pixels "
                f"is {self.limits.frame_pixels}: give a smaller version."
            )

    def check_clip(self, frames: int, duration_s: float) -> None:
        """Refuse a clip that is too long, whether or not it has to be decoded."""
        if frames > self.limits.clip_frames:
            raise VideoError(
                f"{self.name} has at least {frames} frames, the limit clip_frames is "
                f"{self.limits.clip_frames}: cut out the part of interest."
            )
        if duration_s > self.limits.clip_s:
            raise VideoError(
                f"{self.name} is {duration_s:.1f} s long, the limit clip_s is "
                f"{self.limits.clip_s:g} s: cut out the part of interest."
            )

    def check_claims(self, frames: float, times: int = 1) -> None:
        """Refuse a file whose index claims more frames than `times` times the limit of a clip."""
        if frames > times * self.limits.clip_frames:
            most = f"{times} times the limit" if times > 1 else "the limit"
            what = "frames and pieces of sound" if times > 1 else "frames"
            raise VideoError(
                f"The index of {self.name} claims at least {frames:.0f} {what}; {most} clip_frames "
                f"is {times * self.limits.clip_frames}: cut out the part of interest."
            )

    def check_tracks(self, count: int, most: int, what: str) -> None:
        """Refuse a file with more tracks than `most`."""
        if count > most:
            raise VideoError(
                f"{self.name} has {count} {what}, of which {most} are read at most: "
                "keep the one of interest."
            )

    def check_time(self) -> None:
        """Refuse to go on when the time is over; raise Cancelled when nobody waits."""
        check_cancelled()
        if time.monotonic() >= self._deadline:
            raise too_slow(self.name, self.limits, self._decoded)

    def check_decoding(self, frames: int) -> None:
        """Refuse to decode more frames than the limit."""
        if frames > self.limits.decoded_frames:
            raise VideoError(
                f"{frames} frames or more of {self.name} would have to be decoded, the limit "
                f"decoded_frames is {self.limits.decoded_frames}: cut out the part of interest."
            )

    def check_failure(self, size: Size) -> None:
        """Refuse to go on after a failure from a lack of time or memory, not from damage.

        Few decoders say when they get no memory: then the packet counts as damaged. So whatever
        they say, there must be room for one frame of the given size.
        """
        self.check_time()
        if bytes_left() < _FRAME_ROOM + _PIXEL_BYTES * size.pixels:
            raise too_large(self.name, self.limits)

    def spend_frame(self, size: Size) -> None:
        """Count a frame that was decoded."""
        self._decoded += 1
        self.check_decoding(self._decoded)
        self.check_size(size)
        self.check_time()


def too_slow(name: str, limits: Limits, decoded: int | None = None) -> VideoError:
    """Say that reading takes too long, and how many frames were decoded, if that is known."""
    progress = "" if decoded is None else f" (frames decoded: {decoded})"
    return VideoError(
        f"Decoding {name} takes longer than the limit decoding_s of {limits.decoding_s:g} s"
        f"{progress}: cut out the part of interest, or give a smaller version."
    )


def too_large(name: str, limits: Limits) -> VideoError:
    """Say that reading takes too much memory."""
    return VideoError(
        f"Decoding {name} takes more memory than the limit decoding_mb of {limits.decoding_mb} MB: "
        "the file is broken, or its frames are too large; give a smaller version."
    )
