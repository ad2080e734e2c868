"""Morse code both ways."""

CODE = {
    "a": ".-", "b": "-...", "c": "-.-.", "d": "-..", "e": ".", "f": "..-.", "g": "--.", "h": "....",
    "i": "..", "j": ".---", "k": "-.-", "l": ".-..", "m": "--", "n": "-.", "o": "---", "p": ".--.",
    "q": "--.-", "r": ".-.", "s": "...", "t": "-", "u": "..-", "v": "...-", "w": ".--", "x": "-..-",
    "y": "-.--", "z": "--..", " ": "/",
}
LETTERS = {code: letter for letter, code in CODE.items()}


def encode(text: str) -> str:
    """Letters that have no code are left out."""
    return " ".join(CODE[letter] for letter in text.lower() if letter in CODE)


def decode(code: str) -> str:
    """What is no code becomes a question mark."""
    return "".join(LETTERS.get(sign, "?") for sign in code.split())


print(encode("hello world"), decode("... --- ..."))
