"""Writes a picture as a BMP file."""

import struct
from pathlib import Path


def bmp(width: int, height: int, pixels: list[tuple[int, int, int]]) -> bytes:
    """The file's bytes, rows from the bottom."""
    padding = (4 - width * 3 % 4) % 4
    rows = bytearray()
    for y in reversed(range(height)):
        for red, green, blue in pixels[y * width : (y + 1) * width]:
            rows += struct.pack("<BBB", blue, green, red)
        rows += b"\x00" * padding
    size = 54 + len(rows)
    header = struct.pack("<2sIHHI", b"BM", size, 0, 0, 54)
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, len(rows), 2835, 2835, 0, 0)
    return header + info + bytes(rows)


Path("outputs/square.bmp").write_bytes(bmp(2, 2, [(255, 0, 0), (0, 255, 0), (0, 0, 255), (0, 0, 0)]))
