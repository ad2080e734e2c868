"""Describes a list of numbers."""

import math
import statistics
from typing import NamedTuple, Sequence


class Summary(NamedTuple):
    """What is reported."""

    count: int
    mean: float
    median: float
    deviation: float
    p95: float


def summarize(values: Sequence[float]) -> Summary:
    """The summary of at least two values."""
    if len(values) < 2:
        raise ValueError("at least two values are needed")
    ordered = sorted(values)
    position = math.ceil(0.95 * len(ordered)) - 1
    return Summary(
        count=len(ordered),
        mean=statistics.fmean(ordered),
        median=statistics.median(ordered),
        deviation=statistics.stdev(ordered),
        p95=ordered[position],
    )


if __name__ == "__main__":
    summary = summarize([3.5, 4.25, 1.0, 9.75, 2.5])
    for name, value in summary._asdict().items():
        print(f"{name:10} {value:8.3f}")
