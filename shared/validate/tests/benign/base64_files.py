"""Encodes small pictures for a page."""

import base64
from pathlib import Path

TYPES = {".png": "image/png", ".gif": "image/gif", ".svg": "image/svg+xml"}


def data_url(path: Path) -> str:
    """The picture as an address that holds it."""
    kind = TYPES.get(path.suffix.lower())
    if kind is None:
        raise ValueError(f"{path.name}: no picture that is known")
    encoded = base64.b64encode(path.read_bytes()).decode("ascii")
    return f"data:{kind};base64,{encoded}"
