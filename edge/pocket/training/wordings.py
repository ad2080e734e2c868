"""Wordings: templates of requests, written as text with alternatives.

A file of wordings has sections that begin with `# kind`. Each other line is a
template: `[a|b]` is one of its alternatives, which nest; `{slot}` is filled
by the caller. Sections of words hold one entry a line.
"""

import random
import re
from pathlib import Path

WORD_SECTIONS = {
    "stems", "folders", "search_words", "prose",
    *(f"{what}_{group}" for what in ("keys", "values")
      for group in ("what", "who", "when", "amount", "where")),
}


class Wordings:
    """The templates by kind, and the words by section, of some files."""

    def __init__(self, paths: list[Path]) -> None:
        self.templates: dict[str, list[list]] = {}
        self.words: dict[str, list[str]] = {}
        for path in paths:
            self._load(path)

    def _load(self, path: Path) -> None:
        section = ""
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("# "):
                section = line[2:].strip()
            elif line.strip() and section in WORD_SECTIONS:
                entries = self.words.setdefault(section, [])
                if line.strip() not in entries:
                    entries.append(line.strip())
            elif line.strip():
                self.templates.setdefault(section, []).append(parse(line.strip()))

    def sample(self, rng: random.Random, kind: str) -> str:
        """A request of a kind, its slots still to be filled."""
        return expand(rng, rng.choice(self.templates[kind]))


def parse(text: str) -> list:
    """A template as a list of texts and of lists of alternatives."""
    sequence, rest = _sequence(text, 0)
    if rest != len(text):
        raise ValueError(f"unbalanced brackets: {text}")
    return sequence


def _sequence(text: str, at: int, inner: bool = False) -> tuple[list, int]:
    parts: list = []
    begin = at
    while at < len(text) and not (inner and text[at] in "|]"):
        if text[at] == "[":
            parts.append(text[begin:at])
            alternatives, at = _alternatives(text, at + 1)
            parts.append(alternatives)
            begin = at
        else:
            at += 1
    parts.append(text[begin:at])
    return [part for part in parts if part != ""], at


def _alternatives(text: str, at: int) -> tuple[tuple, int]:
    alternatives = []
    while True:
        sequence, at = _sequence(text, at, inner=True)
        alternatives.append(sequence)
        if at >= len(text):
            raise ValueError(f"unbalanced brackets: {text}")
        at += 1
        if text[at - 1] == "]":
            return tuple(alternatives), at


def expand(rng: random.Random, sequence: list) -> str:
    """One of the texts that a template stands for."""
    return "".join(
        part if isinstance(part, str) else expand(rng, rng.choice(part)) for part in sequence
    )


def fill(template: str, slots: dict[str, str]) -> str:
    """Puts values into the slots."""
    return re.sub(r"\{(\w+)\}", lambda match: slots[match.group(1)], template)
