"""From frames to ``pixel_values``, and back for display.

Owns the arithmetic between decoded frames and the model's input, equal bit for bit to transformers
4.37.2 on integer frames: Pillow resizes each frame, the middle is cut out, and numpy rescales and
normalises. Knows neither videos nor models.
"""

from __future__ import annotations

import json
from collections import UserDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from videomae_demo.checkpoints.source import PREPROCESSOR_NAME, locate_preprocessor
from videomae_demo.config import VideoMAEConfig
from videomae_demo.errors import CheckpointError, RequestError, shown
from videomae_demo.json_file import read_json_object
from videomae_demo.model.frames import (
    Layout,
    as_array,
    gather_clips,
    infer_layout,
    refuse_rescaled,
    stack_clips,
)
from videomae_demo.sizes import is_whole

_LAYOUTS = ("channels_first", "channels_last")
_DEFAULT_EDGE = VideoMAEConfig.image_size
_BYTE_MAX = 255
_LARGEST_SIDE = 4096  # pixels
_MOST_PIXELS = 2**28  # of a frame between resizing and cropping
_SMALLEST, _LARGEST = (
    1e-6,
    1e6,
)  # of a factor or a deviation; what is beyond is no number in float32


@dataclass(frozen=True, slots=True)
class CropBox:
    """The part of a source frame that the model sees, in pixels of the source frame.

    The corner (0, 0) is the frame's upper left corner. Where the processor pads with black, `left`
    and `top` are negative and the box is larger than the frame.
    """

    left: float
    top: float
    width: float
    height: float


class BatchFeature(UserDict[str, Any]):
    """A mapping with the one key ``pixel_values``, to unpack into a model's call."""

    @property
    def pixel_values(self) -> Any:
        """The clips: (B, T, C, H, W), or a list of lists of (C, H, W) arrays."""
        return self.data["pixel_values"]

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Move the clips with `torch.Tensor.to`, in place, and return this mapping."""
        self.data = {name: tensor.to(*args, **kwargs) for name, tensor in self.data.items()}
        return self


class VideoMAEImageProcessor:
    """Turns frames into a model's input, with the arguments and defaults of transformers 4.37.

    Parameters
    ----------
    do_resize, do_center_crop, do_rescale, do_normalize : bool
        Which of the four steps are done, in this order.
    size : int, (int, int) or mapping, optional
        What frames are resized to, in pixels: ``{"shortest_edge": n}`` (the same as a bare n) keeps
        their shape, ``{"height": h, "width": w}`` (the same as a pair) does not. Default: the
        model's 224, as shortest edge.
    resample : int
        A filter of Pillow; 2 is bilinear, with antialiasing.
    crop_size : int, (int, int) or mapping, optional
        Height and width of the middle that is cut out; what lies outside of the frame is black.
    rescale_factor : float
        Rescaling multiplies by it.
    image_mean, image_std : float or sequence of float, optional
        One for each channel, or one for all; subtracted, and divided by. Default 0.5, which no
        published checkpoint was trained with: load a checkpoint's own with `from_pretrained`.
    **extra
        Kept, and written back by `save_pretrained`.

    Raises
    ------
    RequestError
        When an argument is not of one of the forms above, or out of all range.
    """

    model_input_names: ClassVar[list[str]] = ["pixel_values"]

    def __init__(
        self,
        do_resize: bool = True,
        size: int | Sequence[int] | Mapping[str, int] | None = None,
        resample: int = Image.Resampling.BILINEAR,
        do_center_crop: bool = True,
        crop_size: int | Sequence[int] | Mapping[str, int] | None = None,
        do_rescale: bool = True,
        rescale_factor: float = 1 / _BYTE_MAX,
        do_normalize: bool = True,
        image_mean: float | Sequence[float] | None = None,
        image_std: float | Sequence[float] | None = None,
        **extra: Any,
    ) -> None:
        self.do_resize = _switch("do_resize", do_resize)
        self.size = _size("size", _DEFAULT_EDGE if size is None else size, bare="shortest_edge")
        self.resample = _filter(resample)
        self.do_center_crop = _switch("do_center_crop", do_center_crop)
        self.crop_size = _size("crop_size", _DEFAULT_EDGE if crop_size is None else crop_size)
        self.do_rescale = _switch("do_rescale", do_rescale)
        _check_numbers("rescale_factor", [rescale_factor], _SMALLEST)
        self.rescale_factor = float(rescale_factor)
        self.do_normalize = _switch("do_normalize", do_normalize)
        self.image_mean = [0.5, 0.5, 0.5] if image_mean is None else image_mean
        self.image_std = [0.5, 0.5, 0.5] if image_std is None else image_std
        _check_numbers("image_mean", _values(self.image_mean), -_LARGEST)
        _check_numbers("image_std", _values(self.image_std), _SMALLEST)
        self.extra = extra

    @classmethod
    def from_pretrained(
        cls,
        name_or_path: str | Path,
        *,
        revision: str | None = None,
        cache_dir: str | Path | None = None,
        local_files_only: bool = False,
        **changes: Any,
    ) -> Self:
        """Read a checkpoint's ``preprocessor_config.json``; its weights are not fetched.

        Parameters
        ----------
        name_or_path : str or Path
            A folder, a name of the catalog, or "owner/name" on the hub.
        revision, cache_dir, local_files_only
            See `videomae_demo.checkpoints.source.locate`.
        **changes
            Arguments of the class that replace the file's.

        Raises
        ------
        CheckpointError
            When the file can't be found or read.
        """
        path = locate_preprocessor(
            name_or_path, revision=revision, cache_dir=cache_dir, local_files_only=local_files_only
        )
        values = read_json_object(path, "The preprocessor file")
        try:
            return cls.from_dict(values, **changes)
        except (RequestError, TypeError) as error:
            raise CheckpointError(f"The preprocessor file {path} can't be used: {error}") from error

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], **changes: Any) -> Self:
        """Build from what ``preprocessor_config.json`` holds; `changes` replace its values."""
        return cls(**{**values, **changes})

    def to_dict(self) -> dict[str, Any]:
        """Return what ``preprocessor_config.json`` holds, ready for `json.dump`."""
        values = {name: value for name, value in vars(self).items() if name != "extra"}
        return self.extra | values | {"image_processor_type": "VideoMAEImageProcessor"}

    def save_pretrained(self, folder: str | Path) -> Path:
        """Write ``preprocessor_config.json`` into `folder` (made if absent) and return its path."""
        path = Path(folder) / PREPROCESSOR_NAME
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.to_dict(), indent=2) + "\n", encoding="utf-8")
        return path

    def __call__(self, videos: Any, **options: Any) -> BatchFeature:
        """Do the same as `preprocess`."""
        return self.preprocess(videos, **options)

    def preprocess(
        self,
        videos: Any,
        *,
        return_tensors: Literal["pt", "np"] | None = None,
        data_format: Layout | None = "channels_first",
        input_data_format: Layout | None = None,
        **changes: Any,
    ) -> BatchFeature:
        """Turn one clip, or a batch of clips, into the model's input.

        Parameters
        ----------
        videos
            A clip is a list of frames, or an array of four axes; a batch is a list of clips, or an
            array of five. Frames are PIL images in RGB, numpy arrays or torch tensors, (H, W, C) or
            (C, H, W), of any size, with integers in 0..255. Floats in 0..1 need
            ``do_rescale=False``, and lose what is finer than 1/255.
        return_tensors : str, optional
            "pt" or "np" for one tensor or array; None for lists.
        data_format : str, optional
            Layout of the frames returned; None returns them as they came.
        input_data_format : str, optional
            Layout of the frames given. By default a frame whose first axis is 1 or 3 long is
            "channels_first", and any other "channels_last".
        **changes
            Arguments of the class, for this call alone.

        Returns
        -------
        BatchFeature
            ``pixel_values`` is (B, T, C, H, W) float32, normalised.

        Raises
        ------
        RequestError
            When `videos` holds no frames, frames of another kind or layout, floats that would be
            rescaled twice, or clips that can't be stacked.
        """
        for name, given, known in (
            ("return_tensors", return_tensors, ("pt", "np")),
            ("data_format", data_format, _LAYOUTS),
            ("input_data_format", input_data_format, _LAYOUTS),
        ):
            if given is not None and given not in known:
                raise RequestError(f"{name} is {given!r}; use {known[0]!r}, {known[1]!r} or None.")
        processor = self._changed(changes)
        clips = [
            processor._clip(clip, data_format, input_data_format) for clip in gather_clips(videos)
        ]
        if return_tensors is None:
            return BatchFeature({"pixel_values": clips})
        stacked = stack_clips(clips)
        return BatchFeature(
            {"pixel_values": torch.from_numpy(stacked) if return_tensors == "pt" else stacked}
        )

    def crop_box(self, height: int, width: int) -> CropBox:
        """Say which part of a frame the model sees.

        Parameters
        ----------
        height, width : int
            The source frame's size in pixels.

        Returns
        -------
        CropBox
            In pixels of the source frame, not rounded.
        """
        resized_height, resized_width = self._resized(height, width)
        box_height, box_width = resized_height, resized_width
        if self.do_center_crop:
            box_height, box_width = self.crop_size["height"], self.crop_size["width"]
        return CropBox(
            left=(resized_width - box_width) // 2 * width / resized_width,
            top=(resized_height - box_height) // 2 * height / resized_height,
            width=box_width * width / resized_width,
            height=box_height * height / resized_height,
        )

    def _changed(self, changes: Mapping[str, Any]) -> VideoMAEImageProcessor:
        given = {name: value for name, value in changes.items() if value is not None}
        own = {name: value for name, value in vars(self).items() if name != "extra"}
        unknown = given.keys() - own.keys()
        if unknown:
            raise TypeError(f"preprocess() got unexpected arguments: {', '.join(sorted(unknown))}")
        return VideoMAEImageProcessor(**{**own, **given}) if given else self

    def _clip(
        self, frames: Sequence[Any], data_format: Layout | None, given_format: Layout | None
    ) -> list[NDArray[Any]]:
        arrays = [as_array(frame) for frame in frames]
        if self.do_rescale:
            refuse_rescaled(arrays)
        processed = []
        for array in arrays:
            layout = given_format or infer_layout(array)
            frame = array if layout == "channels_last" else array.transpose(1, 2, 0)
            frame = self._frame(frame)
            first = (data_format or layout) == "channels_first"
            processed.append(frame.transpose(2, 0, 1) if first else frame)
        return processed

    def _frame(self, frame: NDArray[Any]) -> NDArray[Any]:
        """Do the four steps on one (H, W, C) frame."""
        if self.do_resize:
            frame = _resize(frame, self._resized(*frame.shape[:2]), self.resample)
        if self.do_center_crop:
            frame = _crop_middle(frame, self.crop_size["height"], self.crop_size["width"])
        if self.do_rescale:
            frame = (frame * self.rescale_factor).astype(np.float32)
        if self.do_normalize:
            frame = self._normalise(frame)
        return frame

    def _normalise(self, frame: NDArray[Any]) -> NDArray[Any]:
        if not np.issubdtype(frame.dtype, np.floating):
            frame = frame.astype(np.float32)
        channels = frame.shape[-1]
        mean = np.array(self.image_mean, dtype=frame.dtype)
        std = np.array(self.image_std, dtype=frame.dtype)
        for name, statistic in (("image_mean", mean), ("image_std", std)):
            if statistic.shape not in ((), (channels,)):
                raise RequestError(
                    f"{name} has {statistic.size} values, but the frames have {channels} channels."
                )
        normalised: NDArray[Any] = (frame - mean) / std
        return normalised

    def _resized(self, height: int, width: int) -> tuple[int, int]:
        """Return the height and width that a frame of this size is resized to."""
        if not self.do_resize:
            return height, width
        if "shortest_edge" not in self.size:
            return self.size["height"], self.size["width"]
        edge, short = self.size["shortest_edge"], min(height, width)
        resized = int(edge * height / short), int(edge * width / short)
        if resized[0] * resized[1] > _MOST_PIXELS:
            raise RequestError(
                f"A frame of {height}x{width} px would be resized to {resized[0]}x{resized[1]} px, "
                f"which is more than {_MOST_PIXELS} pixels; give frames that are less elongated."
            )
        return resized


def _size(name: str, given: Any, *, bare: str | None = None) -> dict[str, int]:
    """Bring a size into the form of a mapping; a single number means `bare`, or else a square."""
    match given:
        case int():
            size = {bare: given} if bare else {"height": given, "width": given}
        case [height, width]:
            size = {"height": height, "width": width}
        case Mapping():
            size = {key: value for key, value in given.items() if value is not None}
        case _:
            size = {}
    forms = ({"height", "width"}, {bare} if bare else set())
    sides = size.values()
    if size and set(size) in forms and all(is_whole(v) and 0 < v <= _LARGEST_SIDE for v in sides):
        return size
    wanted = "'height' and 'width'" + (f", or '{bare}'" if bare else "")
    raise RequestError(
        f"{name} is {shown(given)}; give {wanted}, in whole pixels from 1 to {_LARGEST_SIDE}."
    )


def _switch(name: str, given: Any) -> bool:
    """Return a switch; None, which some files hold, is off."""
    if given is not None and not isinstance(given, bool | np.bool_):
        raise RequestError(f"{name} is {shown(given)}; give True or False.")
    return bool(given)


def _filter(given: Any) -> int:
    known = [int(member) for member in Image.Resampling]
    if isinstance(given, bool) or given not in known:
        raise RequestError(f"resample is {shown(given)}; give one of Pillow's filters, {known}.")
    return int(given)


def _values(given: Any) -> list[Any]:
    """Return one number, or several, as a list."""
    return list(given) if isinstance(given, Sequence | np.ndarray) else [given]


def _check_numbers(name: str, given: Sequence[Any], lowest: float) -> None:
    """Refuse everything but numbers from `lowest` to `_LARGEST`."""
    for number in given:
        is_number = isinstance(number, Real) and not isinstance(number, bool)
        if not is_number or not lowest <= number <= _LARGEST:
            raise RequestError(
                f"{name} is {shown(number)}; give a number from {lowest:g} to {_LARGEST:g}."
            )
    if not given:
        raise RequestError(f"{name} is empty; give a number for each channel, or one for all.")


def _resize(frame: NDArray[Any], size: tuple[int, int], resample: int) -> NDArray[Any]:
    """Resize one (H, W, C) frame with Pillow, which needs bytes: 0..1 is scaled and scaled back."""
    scaled = False
    if frame.dtype != np.uint8:
        low, high = frame.min(), frame.max()
        whole = frame.dtype.kind != "f" or np.allclose(frame, np.trunc(frame))
        scaled = not whole and low >= 0 and high <= 1
        if not scaled and not (whole and low >= 0 and high <= _BYTE_MAX):
            raise RequestError(
                f"The frames hold values from {low:.6g} to {high:.6g}; give integers in 0..255, or "
                "floats in 0..1 with do_rescale=False."
            )
        frame = (frame * _BYTE_MAX).astype(np.float32) if scaled else frame
        frame = frame.astype(np.uint8)
    image = Image.fromarray(frame[..., 0] if frame.shape[-1] == 1 else frame)
    resized = np.array(image.resize(size[::-1], resample))
    resized = resized[..., None] if resized.ndim == 2 else resized
    return (resized * (1 / _BYTE_MAX)).astype(np.float32) if scaled else resized


def _crop_middle(frame: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    """Cut the middle out of one (H, W, C) frame; what lies outside of it is 0."""
    top, left = (frame.shape[0] - height) // 2, (frame.shape[1] - width) // 2
    inside = frame[max(top, 0) : top + height, max(left, 0) : left + width]
    cropped = np.zeros((height, width, frame.shape[-1]), frame.dtype)
    first_row, first_column = max(-top, 0), max(-left, 0)
    cropped[
        first_row : first_row + inside.shape[0], first_column : first_column + inside.shape[1]
    ] = inside
    return cropped
