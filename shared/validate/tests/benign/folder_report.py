"""Reports what takes up space in the workspace."""

import os
from collections import Counter


def sizes(folder: str) -> Counter:
    """Bytes by the ending of the name."""
    found: Counter = Counter()
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            ending = os.path.splitext(name)[1] or "(none)"
            found[ending] += os.path.getsize(path)
    return found


def human(size: float) -> str:
    """With a unit."""
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"


for ending, size in sizes("outputs").most_common():
    print(f"{ending:10} {human(size)}")
