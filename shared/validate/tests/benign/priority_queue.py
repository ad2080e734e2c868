"""A queue in which the most urgent comes first."""

import heapq
from itertools import count
from typing import Generic, TypeVar

T = TypeVar("T")


class PriorityQueue(Generic[T]):
    """Stable: equals come in the order in which they were put."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, T]] = []
        self._order = count()

    def put(self, item: T, priority: int = 0) -> None:
        """Puts something in; a lower number is more urgent."""
        heapq.heappush(self._heap, (priority, next(self._order), item))

    def get(self) -> T:
        """Takes the most urgent out."""
        if not self._heap:
            raise LookupError("the queue is empty")
        return heapq.heappop(self._heap)[2]

    def __bool__(self) -> bool:
        return bool(self._heap)

    def __iter__(self):
        while self:
            yield self.get()
