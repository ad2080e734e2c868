"""Flattens nested JSON into dotted keys."""

import json
from typing import Any, Iterator


def flatten(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Pairs of a dotted key and a leaf."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flatten(inner, f"{prefix}.{key}" if prefix else str(key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from flatten(inner, f"{prefix}[{index}]")
    else:
        yield prefix, value


def to_text(document: str) -> str:
    """One line for each leaf."""
    try:
        parsed = json.loads(document)
    except json.JSONDecodeError as error:
        return f"not JSON: {error}"
    return "\n".join(f"{key} = {value!r}" for key, value in flatten(parsed))
