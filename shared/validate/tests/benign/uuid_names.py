"""Stable ids for names."""

import uuid
from typing import Iterable

SPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "notes.example.org")


def ids(names: Iterable[str]) -> dict[str, str]:
    """The same name has the same id always."""
    return {name: str(uuid.uuid5(SPACE, name)) for name in names}


if __name__ == "__main__":
    for name, identity in ids(["a", "b"]).items():
        print(identity, name)
