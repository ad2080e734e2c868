"""Filters the lines of a log by level and time."""

import sys
from datetime import datetime
from enum import IntEnum


class Level(IntEnum):
    """Levels in their order."""

    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40


def parse(line: str) -> tuple[datetime, Level, str] | None:
    """The parts of a line; nothing where it has another form."""
    try:
        stamp, level, message = line.rstrip("\n").split(" ", 2)
        return datetime.fromisoformat(stamp), Level[level.upper()], message
    except (ValueError, KeyError):
        return None


def main(minimum: Level = Level.WARNING) -> int:
    """Prints what is at least this important."""
    shown = 0
    for line in sys.stdin:
        entry = parse(line)
        if entry and entry[1] >= minimum:
            sys.stdout.write(f"{entry[0]:%H:%M} {entry[1].name}: {entry[2]}\n")
            shown += 1
    return shown


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
