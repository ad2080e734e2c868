"""Checks account numbers."""

import re


def is_iban(text: str) -> bool:
    """Whether the check digits of an IBAN are right."""
    compact = re.sub(r"\s+", "", text).upper()
    if not re.fullmatch(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}", compact):
        return False
    turned = compact[4:] + compact[:4]
    number = "".join(str(int(character, 36)) for character in turned)
    return int(number) % 97 == 1


assert is_iban("DE89 3704 0044 0532 0130 00")
assert not is_iban("DE88 3704 0044 0532 0130 00")
