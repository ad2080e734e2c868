"""Mixes colours."""

import colorsys
import re


class Color:
    """Red, green and blue from 0 to 255."""

    def __init__(self, red: int, green: int, blue: int) -> None:
        self.parts = (red, green, blue)

    @classmethod
    def parse(cls, text: str) -> "Color":
        """From #rrggbb."""
        match = re.fullmatch(r"#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})", text.lower())
        if not match:
            raise ValueError(f"{text} is no colour")
        return cls(*(int(part, 16) for part in match.groups()))

    def __str__(self) -> str:
        return "#{:02x}{:02x}{:02x}".format(*self.parts)

    def __add__(self, other: "Color") -> "Color":
        return Color(*((a + b) // 2 for a, b in zip(self.parts, other.parts)))

    @property
    def hue(self) -> float:
        """From 0 to 360 degrees."""
        return colorsys.rgb_to_hsv(*(part / 255 for part in self.parts))[0] * 360


print(Color.parse("#ff0000") + Color.parse("#0000ff"))
