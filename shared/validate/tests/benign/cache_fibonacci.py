"""Fibonacci numbers, and how long they take to write."""

from functools import lru_cache, reduce


@lru_cache(maxsize=None)
def fibonacci(n: int) -> int:
    """The n-th number."""
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


def product(numbers: list[int]) -> int:
    """All of them multiplied."""
    return reduce(lambda left, right: left * right, numbers, 1)


def digits(n: int) -> int:
    """How many digits a number has."""
    return len(str(abs(n)))


print([fibonacci(n) for n in range(10)], digits(fibonacci(300)), product([1, 2, 3]))
