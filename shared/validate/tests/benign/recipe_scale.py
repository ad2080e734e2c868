"""Scales recipes."""

from fractions import Fraction
import re

AMOUNT = re.compile(r"^(?P<whole>\d+)?\s*(?P<part>\d/\d)?\s*(?P<rest>.*)$")


def scale(line: str, factor: Fraction) -> str:
    """A line with its amount changed."""
    match = AMOUNT.match(line)
    if match is None or not (match["whole"] or match["part"]):
        return line
    amount = Fraction(match["whole"] or 0) + Fraction(match["part"] or 0)
    amount *= factor
    whole, part = divmod(amount, 1)
    shown = " ".join(str(piece) for piece in (whole, part) if piece)
    return f"{shown} {match['rest']}"


for line in ["1 1/2 cups of flour", "2 eggs", "salt"]:
    print(scale(line, Fraction(3, 2)))
