"""Makes a table of contents for a Markdown file."""

import re
import sys
from pathlib import Path

HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*$")


def slug(title: str) -> str:
    """The anchor of a heading as web sites make it."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def contents(text: str) -> list[str]:
    """The lines of the table."""
    lines = []
    fenced = False
    for line in text.splitlines():
        if line.startswith("```"):
            fenced = not fenced
        match = HEADING.match(line)
        if match and not fenced:
            level, title = len(match.group(1)), match.group(2)
            lines.append(f"{'  ' * (level - 1)}- [{title}](#{slug(title)})")
    return lines


if __name__ == "__main__":
    print("\n".join(contents(Path(sys.argv[1]).read_text(encoding="utf-8"))))
