"""Shows how two texts differ."""

import difflib
from pathlib import Path


def changes(old: str, new: str) -> str:
    """As a unified diff."""
    lines = difflib.unified_diff(
        old.splitlines(keepends=True), new.splitlines(keepends=True), "old", "new", n=1
    )
    return "".join(lines)


def alike(left: str, right: str) -> float:
    """From 0 to 1."""
    return difflib.SequenceMatcher(None, left, right).ratio()


here = Path(__file__).parent
print(f"{alike('kitten', 'sitting'):.2f}", changes("a\nb\n", "a\nc\n"), here.name)
