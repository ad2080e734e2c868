"""Draws bars in text."""

import argparse
import shutil
import sys


def bars(values: dict[str, float], width: int) -> list[str]:
    """A line for each value."""
    longest = max(map(len, values), default=0)
    most = max(values.values(), default=0) or 1
    room = max(10, width - longest - 12)
    return [
        f"{name:<{longest}} {'█' * round(value / most * room)} {value:g}"
        for name, value in values.items()
    ]


def main() -> int:
    """Reads pairs from the standard input."""
    parser = argparse.ArgumentParser(formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=shutil.get_terminal_size().columns)
    options = parser.parse_args()
    values = {}
    for line in sys.stdin:
        name, _, number = line.rpartition(" ")
        try:
            values[name] = float(number)
        except ValueError:
            print(f"skipped: {line.strip()!r}", file=sys.stderr)
    print(*bars(values, options.width), sep="\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
