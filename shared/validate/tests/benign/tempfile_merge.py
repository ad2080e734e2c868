"""Sorts a large file in pieces."""

import heapq
import itertools
import tempfile
from pathlib import Path


def sort_file(source: Path, target: Path, lines: int = 10_000) -> None:
    """Sorts by pieces that fit in memory."""
    with tempfile.TemporaryDirectory(dir="temp") as folder:
        pieces = []
        with source.open(encoding="utf-8") as file:
            for number in itertools.count():
                chunk = sorted(itertools.islice(file, lines))
                if not chunk:
                    break
                piece = Path(folder) / f"{number}.txt"
                piece.write_text("".join(chunk), encoding="utf-8")
                pieces.append(piece)
        handles = [piece.open(encoding="utf-8") for piece in pieces]
        try:
            with target.open("w", encoding="utf-8") as output:
                output.writelines(heapq.merge(*handles))
        finally:
            for handle in handles:
                handle.close()
