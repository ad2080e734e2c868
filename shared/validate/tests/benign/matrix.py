"""Small matrices without a library."""

from __future__ import annotations

import itertools
from collections.abc import Iterable


class Matrix:
    """Rows of numbers."""

    __slots__ = ("rows",)

    def __init__(self, rows: Iterable[Iterable[float]]) -> None:
        self.rows = [list(row) for row in rows]

    def __matmul__(self, other: Matrix) -> Matrix:
        columns = list(zip(*other.rows, strict=True))
        return Matrix(
            [sum(a * b for a, b in zip(row, column, strict=True)) for column in columns]
            for row in self.rows
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Matrix) and self.rows == other.rows

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.rows!r})"

    @classmethod
    def identity(cls, size: int) -> Matrix:
        """Ones on the diagonal."""
        return cls([[float(i == j) for j in range(size)] for i in range(size)])

    def flat(self) -> list[float]:
        """All numbers, row by row."""
        return list(itertools.chain.from_iterable(self.rows))
