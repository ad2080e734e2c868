"""Formats entries of a bibliography."""

import re
from collections import ChainMap, namedtuple

Author = namedtuple("Author", "last first")
DEFAULTS = {"year": "n.d.", "publisher": ""}


def authors(text: str) -> list[Author]:
    """Names that are joined by `and`."""
    found = []
    for name in re.split(r"\s+and\s+", text):
        last, _, first = name.partition(", ")
        found.append(Author(last, first))
    return found


def entry(fields: dict[str, str]) -> str:
    """One entry as text."""
    values = ChainMap(fields, DEFAULTS)
    names = ", ".join(f"{author.last}, {author.first[:1]}." for author in authors(values["author"]))
    text = "%s (%s). %s. %s" % (names, values["year"], values["title"], values["publisher"])
    return text.strip()


print(entry({"author": "Knuth, Donald and Bach, Eric", "title": "Art", "year": "1968"}))
