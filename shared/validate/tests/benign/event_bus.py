"""Tells those who listen."""

from __future__ import annotations

import weakref
from collections import defaultdict
from typing import Any, Callable

Listener = Callable[..., None]


class Bus:
    """Listeners by the name of what they wait for."""

    def __init__(self) -> None:
        self._listeners: defaultdict[str, list[Listener]] = defaultdict(list)
        self._owners: weakref.WeakSet[object] = weakref.WeakSet()

    def on(self, name: str) -> Callable[[Listener], Listener]:
        """A decorator for functions that listen."""

        def register(listener: Listener) -> Listener:
            self._listeners[name].append(listener)
            return listener

        return register

    def emit(self, name: str, **details: Any) -> int:
        """Tells all, and says how many they were."""
        for listener in self._listeners[name]:
            listener(**details)
        return len(self._listeners[name])


bus = Bus()


@bus.on("saved")
def report(path: str) -> None:
    """Says what was saved."""
    print(f"saved {path}")


bus.emit("saved", path="outputs/a.txt")
