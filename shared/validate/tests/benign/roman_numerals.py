"""Roman numerals."""

PAIRS = (
    (1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"),
    (50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"),
)


def to_roman(number: int) -> str:
    """From 1 to 3999."""
    if not 0 < number < 4000:
        raise ValueError(f"{number} has no numeral")
    result = ""
    for value, numeral in PAIRS:
        times, number = divmod(number, value)
        result += numeral * times
    return result


def from_roman(text: str) -> int:
    """The number; an error where the spelling is wrong."""
    rest, total = text, 0
    for value, numeral in PAIRS:
        while rest.startswith(numeral):
            rest, total = rest[len(numeral):], total + value
    if rest or to_roman(total) != text:
        raise ValueError(f"{text!r} is no numeral")
    return total
