"""Tells how strong a password is, without keeping it."""

import math
import string


def bits(password: str) -> float:
    """A rough bound of its entropy."""
    alphabet = 0
    for characters in (string.ascii_lowercase, string.ascii_uppercase, string.digits):
        if any(character in characters for character in password):
            alphabet += len(characters)
    if any(character in string.punctuation for character in password):
        alphabet += len(string.punctuation)
    return len(password) * math.log2(alphabet) if alphabet else 0.0


def verdict(password: str) -> str:
    """In a word."""
    strength = bits(password)
    if strength < 40:
        return "weak"
    return "fair" if strength < 70 else "strong"


if __name__ == "__main__":
    print(verdict(input("password: ")))
