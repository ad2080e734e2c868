"""Keeps an inventory in a JSON file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(order=True)
class Item:
    """Something that is kept."""

    name: str
    count: int = 0
    tags: list[str] = field(default_factory=list, compare=False)

    def __post_init__(self) -> None:
        if self.count < 0:
            raise ValueError(f"{self.name}: the count is negative")


class Inventory:
    """Items by name."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._items: dict[str, Item] = {}

    def load(self) -> None:
        """Reads the file; nothing where there is none."""
        if self._path.exists():
            for entry in json.loads(self._path.read_text(encoding="utf-8")):
                item = Item(**entry)
                self._items[item.name] = item

    def add(self, name: str, count: int) -> Item:
        """Adds to an item, which is made if need be."""
        item = self._items.setdefault(name, Item(name))
        item.count += count
        return item

    def save(self) -> None:
        """Writes the file."""
        entries = [asdict(item) for item in sorted(self._items.values())]
        self._path.write_text(json.dumps(entries, indent=2), encoding="utf-8")

    def __len__(self) -> int:
        return len(self._items)
