"""Evaluates sums and products by a parser of its own."""

import operator
import re
from typing import NamedTuple

TOKEN = re.compile(r"\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<sign>[-+*/()]))")
SIGNS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}


class Token(NamedTuple):
    """A number or a sign."""

    kind: str
    text: str


def tokens(text: str) -> list[Token]:
    """All tokens of a formula."""
    found, position = [], 0
    while position < len(text.rstrip()):
        match = TOKEN.match(text, position)
        if match is None:
            raise SyntaxError(f"unexpected {text[position]!r}")
        kind = match.lastgroup or ""
        found.append(Token(kind, match[kind]))
        position = match.end()
    return found


class Parser:
    """Recursive descent."""

    def __init__(self, text: str) -> None:
        self.rest = tokens(text)

    def level(self, signs: str) -> float:
        """A chain of operations of one strength."""
        inner = self.factor if signs == "*/" else lambda: self.level("*/")
        value = inner()
        while self.rest and self.rest[0].text in signs:
            sign = self.rest.pop(0).text
            value = SIGNS[sign](value, inner())
        return value

    def factor(self) -> float:
        """A number, or a formula in brackets."""
        token = self.rest.pop(0)
        if token.text == "(":
            value = self.level("+-")
            self.rest.pop(0)
            return value
        return float(token.text)


print(Parser("2 * (3 + 4) - 1").level("+-"))
