"""Counts values in bins."""

import bisect
import math
from array import array


def edges(low: float, high: float, bins: int) -> array:
    """Where bins begin and end."""
    width = (high - low) / bins
    return array("d", (low + width * index for index in range(bins + 1)))


def histogram(values: list[float], bins: int = 10) -> list[tuple[float, int]]:
    """The beginning of each bin, and how many values it has."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return []
    borders = edges(min(finite), max(finite), bins)
    counts = [0] * bins
    for value in finite:
        index = min(bisect.bisect_right(borders, value) - 1, bins - 1)
        counts[index] += 1
    return list(zip(borders, counts))
