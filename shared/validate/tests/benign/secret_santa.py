"""Draws who gives to whom."""

import secrets
from typing import Sequence


def draw(names: Sequence[str], apart: set[frozenset[str]] = frozenset()) -> dict[str, str]:
    """Nobody to oneself, and nobody to whom one lives with."""
    for _ in range(1000):
        receivers = list(names)
        for index in reversed(range(1, len(receivers))):
            other = secrets.randbelow(index + 1)
            receivers[index], receivers[other] = receivers[other], receivers[index]
        pairs = dict(zip(names, receivers))
        if all(a != b and frozenset((a, b)) not in apart for a, b in pairs.items()):
            return pairs
    raise RuntimeError("there is no such draw")
