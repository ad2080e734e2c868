"""Measures how long something takes."""

import time
from contextlib import contextmanager
from typing import Iterator


class Stopwatch:
    """Sums the times of named parts."""

    def __init__(self) -> None:
        self.parts: dict[str, float] = {}

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """The time of what is done inside."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            spent = time.perf_counter() - begun
            self.parts[name] = self.parts.get(name, 0.0) + spent

    def __enter__(self) -> "Stopwatch":
        return self

    def __exit__(self, *_: object) -> None:
        for name, seconds in sorted(self.parts.items(), key=lambda pair: -pair[1]):
            print(f"{name}: {seconds * 1000:.1f} ms")


with Stopwatch() as watch:
    with watch.part("sum"):
        sum(range(100_000))
