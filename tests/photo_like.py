"""Pictures that look a little like photographs: coloured 1/f noise, light, shapes and lettering."""

from pathlib import Path

import cv2
import numpy as np


def photo_like(seed: int, height: int = 240, width: int = 320) -> np.ndarray:
    """(H, W, 3) uint8, RGB."""
    draws = np.random.default_rng(seed)
    down, across = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    falling = 1 / np.maximum(np.hypot(down, across), 1 / max(height, width))
    channels = []
    common = np.fft.rfft2(draws.standard_normal((height, width))) * falling
    for _ in range(3):  # as in photographs, the channels have most of their noise in common
        own = np.fft.rfft2(draws.standard_normal((height, width))) * falling
        field = np.fft.irfft2(common + 0.4 * own, s=(height, width))
        channels.append((field - field.mean()) / field.std())
    picture = 0.2 * np.stack(channels, axis=-1) + draws.uniform(0.3, 0.7, 3)
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    angle = draws.uniform(0, 2 * np.pi)
    picture += 0.2 * (np.cos(angle) * (x - 0.5) + np.sin(angle) * (y - 0.5))[..., None]
    pixels = np.ascontiguousarray((picture.clip(0, 1) * 255).astype(np.uint8))
    for _ in range(draws.integers(3, 8)):
        colour = tuple(int(value) for value in draws.integers(0, 256, 3))
        centre = int(draws.integers(0, width)), int(draws.integers(0, height))
        if draws.random() < 0.5:
            cv2.circle(pixels, centre, int(draws.integers(8, 50)), colour, -1, cv2.LINE_AA)
        else:
            words = "".join(chr(letter) for letter in draws.integers(65, 91, 6))
            cv2.putText(pixels, words, centre, cv2.FONT_HERSHEY_DUPLEX, 1.4, colour, 3, cv2.LINE_AA)
    return pixels


def write_photo_like(folder: Path, count: int = 24) -> Path:
    folder.mkdir(exist_ok=True)
    for seed in range(count):
        path = folder / f"{seed:03}.png"
        cv2.imwrite(str(path), cv2.cvtColor(photo_like(seed), cv2.COLOR_RGB2BGR))
    return folder
