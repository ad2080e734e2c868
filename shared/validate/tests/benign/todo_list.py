"""A list of things to do in a Markdown file."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

FILE = Path("memory/todo.md")
LINE = re.compile(r"- \[(?P<done>[ x])\] (?P<text>.+)")


def read(path: Path) -> list[tuple[bool, str]]:
    """What there is to do, and whether it is done."""
    if not path.exists():
        return []
    matches = (LINE.fullmatch(line) for line in path.read_text().splitlines())
    return [(match["done"] == "x", match["text"]) for match in matches if match]


def write(path: Path, items: list[tuple[bool, str]]) -> None:
    """Replaces the file."""
    lines = [f"- [{'x' if done else ' '}] {text}" for done, text in items]
    path.write_text("\n".join(lines) + "\n")


def main(arguments: list[str] | None = None) -> None:
    """add, done or list."""
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("add").add_argument("text", nargs="+")
    commands.add_parser("done").add_argument("number", type=int)
    commands.add_parser("list")
    chosen = parser.parse_args(arguments)
    items = read(FILE)
    if chosen.command == "add":
        items.append((False, " ".join(chosen.text)))
        write(FILE, items)
    elif chosen.command == "done":
        items[chosen.number - 1] = (True, items[chosen.number - 1][1])
        write(FILE, items)
    for number, (done, text) in enumerate(items, start=1):
        print(f"{number:3} {'done' if done else 'open'} {text}")


if __name__ == "__main__":
    main()
