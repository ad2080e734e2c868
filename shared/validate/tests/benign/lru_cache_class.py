"""A cache that forgets what was not used for long."""

from collections import OrderedDict
from typing import Generic, Hashable, Optional, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class LRU(Generic[K, V]):
    """Holds so many values."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._values: "OrderedDict[K, V]" = OrderedDict()

    def __getitem__(self, key: K) -> V:
        self._values.move_to_end(key)
        return self._values[key]

    def __setitem__(self, key: K, value: V) -> None:
        self._values[key] = value
        self._values.move_to_end(key)
        if len(self._values) > self.size:
            self._values.popitem(last=False)

    def __contains__(self, key: K) -> bool:
        return key in self._values

    def get(self, key: K, default: Optional[V] = None) -> Optional[V]:
        """The value, or the default."""
        try:
            return self[key]
        except KeyError:
            return default
