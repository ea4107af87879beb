"""How near an answer of the device comes to that of the CPU in float32."""

import numpy as np


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    """Return the cosine between all values of two arrays."""
    first, second = (np.asarray(array, np.float64).ravel() for array in (one, other))
    return float(first @ second / np.sqrt((first @ first) * (second @ second)))


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Return the correlation between all values of two arrays: the cosine without the mean."""
    first, second = np.asarray(one, np.float64), np.asarray(other, np.float64)
    return cosine(first - first.mean(), second - second.mean())


def farthest(one: np.ndarray, other: np.ndarray) -> float:
    """Return the largest difference, as a share of the other's largest value."""
    difference = np.abs(np.asarray(one, np.float64) - np.asarray(other, np.float64))
    return float(difference.max() / np.abs(other).max())


def same_order(
    found: np.ndarray, expected: np.ndarray, count: int = 5, noise: float = 0.05
) -> bool:
    """Tell whether the first labels are the same, those apart whose logits lie within `noise`."""
    for mine, theirs in zip(np.argsort(-found)[:count], np.argsort(-expected)[:count], strict=True):
        if mine != theirs and abs(expected[mine] - expected[theirs]) > noise:
            return False
    return True
