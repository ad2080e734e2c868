"""Plans new names for photographs, and changes nothing."""

import re
from pathlib import Path

STAMP = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})")


def plan(folder: Path) -> list[tuple[str, str]]:
    """Pairs of an old and a new name."""
    pairs = []
    for number, path in enumerate(sorted(folder.glob("*.jpg")), start=1):
        match = STAMP.search(path.stem)
        if match is None:
            continue
        year, month, day = match.groups()
        pairs.append((path.name, f"{year}-{month}-{day}_{number:04}{path.suffix.lower()}"))
    return pairs


for old, new in plan(Path("memory/photos")):
    print(f"{old} -> {new}")
