"""Finds links in notes that lead to notes that are not there."""

import re
import sys
from pathlib import Path

LINK = re.compile(r"\[[^\]]*\]\(([^)#]+)(?:#[^)]*)?\)")


def broken(folder: Path):
    """Pairs of a note and a link that leads nowhere."""
    for note in sorted(folder.rglob("*.md")):
        text = note.read_text(encoding="utf-8", errors="replace")
        for target in LINK.findall(text):
            if "://" in target or target.startswith("mailto:"):
                continue
            if not (note.parent / target).exists():
                yield note.relative_to(folder), target


def main() -> int:
    """Prints them all."""
    found = list(broken(Path("memory")))
    for note, target in found:
        print(f"{note}: {target}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
