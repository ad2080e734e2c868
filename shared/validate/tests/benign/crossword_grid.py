"""Prints a grid of letters in which words are hidden."""

import random
import string


class Grid:
    """A square of letters."""

    DIRECTIONS = [(0, 1), (1, 0), (1, 1)]

    def __init__(self, size: int, seed: int | None = None) -> None:
        self.size = size
        self.random = random.Random(seed)
        self.cells = [[""] * size for _ in range(size)]

    def place(self, word: str) -> bool:
        """Hides a word; false where there is no room."""
        for _ in range(100):
            down, right = self.random.choice(self.DIRECTIONS)
            row = self.random.randrange(self.size)
            column = self.random.randrange(self.size)
            spots = [(row + down * i, column + right * i) for i in range(len(word))]
            if all(
                r < self.size and c < self.size and self.cells[r][c] in ("", letter)
                for (r, c), letter in zip(spots, word)
            ):
                for (r, c), letter in zip(spots, word):
                    self.cells[r][c] = letter
                return True
        return False

    def __str__(self) -> str:
        letters = string.ascii_uppercase
        return "\n".join(
            " ".join(cell or self.random.choice(letters) for cell in row) for row in self.cells
        )
