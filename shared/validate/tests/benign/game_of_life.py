"""Conway's game of life in text."""

from collections import Counter
from itertools import product

Cell = tuple[int, int]


def step(alive: set[Cell]) -> set[Cell]:
    """The next generation."""
    around = Counter(
        (x + dx, y + dy)
        for x, y in alive
        for dx, dy in product((-1, 0, 1), repeat=2)
        if (dx, dy) != (0, 0)
    )
    return {cell for cell, count in around.items() if count == 3 or (count == 2 and cell in alive)}


def show(alive: set[Cell], size: int) -> str:
    """As lines of text."""
    return "\n".join(
        "".join("#" if (x, y) in alive else "." for x in range(size)) for y in range(size)
    )


glider = {(1, 0), (2, 1), (0, 2), (1, 2), (2, 2)}
for _ in range(4):
    glider = step(glider)
print(show(glider, 8))
