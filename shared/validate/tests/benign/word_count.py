"""Counts the words of a text file."""

import argparse
import re
from collections import Counter
from pathlib import Path


def count(text: str) -> Counter[str]:
    """Words in lower case and how often they occur."""
    return Counter(re.findall(r"[a-z']+", text.lower()))


def main() -> None:
    """Reads the file that is named and prints its commonest words."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--top", type=int, default=10)
    args = parser.parse_args()
    try:
        text = args.file.read_text(encoding="utf-8")
    except OSError as error:
        raise SystemExit(f"cannot read {args.file}: {error}") from error
    for word, number in count(text).most_common(args.top):
        print(f"{number:6} {word}")


if __name__ == "__main__":
    main()
