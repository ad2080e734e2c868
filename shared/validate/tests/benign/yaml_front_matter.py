"""Reads the head of a Markdown note without a library."""

from pathlib import Path


def split(text: str) -> tuple[dict[str, str], str]:
    """The pairs of the head, and the body."""
    if not text.startswith("---\n"):
        return {}, text
    head, mark, body = text[4:].partition("\n---\n")
    if not mark:
        return {}, text
    pairs = {}
    for line in head.splitlines():
        key, colon, value = line.partition(":")
        if colon and not key.startswith("#"):
            pairs[key.strip()] = value.strip().strip("'\"")
    return pairs, body


def titles(folder: Path) -> dict[str, str]:
    """The title of every note."""
    return {
        path.name: split(path.read_text(encoding="utf-8"))[0].get("title", path.stem)
        for path in sorted(folder.glob("**/*.md"))
    }
