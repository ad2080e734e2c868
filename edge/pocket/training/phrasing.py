"""How people type: the same wording in small variations."""

import random
import re

from wordings import fill

TYPOS = 0.02


def decorate(rng: random.Random, template: str, slots: dict[str, str]) -> str:
    """Fills a template, and varies it as people do who type."""
    chance = rng.random()
    if chance < 0.12:
        template = lower(template)
    elif chance < 0.2:
        template = template.rstrip(".?!")
    elif chance < 0.23:
        template = template.rstrip(".?!") + rng.choice(("?", ".", "!", "??", " ..."))
    if rng.random() < 0.05:
        start = rng.choice(("please ", "hey, ", "hi, ", "ok, ", "now ", "can you help: ", "so, ",
                            "quick question: ", "hello! ", "next: ", "right, "))
        template = start + (template if rng.random() < 0.3 else template[:1].lower() + template[1:])
    elif rng.random() < 0.05:
        template = template.rstrip(".") + rng.choice((", please", " please", ", thanks", " thx",
                                                      ". Thank you!", ", if you can", " now"))
    if rng.random() < TYPOS:
        template = typo(rng, template)
    return fill(template, slots)


def lower(template: str) -> str:
    return "".join(part if part.startswith("{") else part.lower()
                   for part in slots_apart(template))


def slots_apart(template: str) -> list[str]:
    return re.split(r"(\{\w+\})", template)


def typo(rng: random.Random, template: str) -> str:
    """Swaps two neighbouring letters of a word."""
    parts = slots_apart(template)
    texts = [index for index, part in enumerate(parts) if not part.startswith("{") and len(part) > 6]
    if texts:
        index = rng.choice(texts)
        part = parts[index]
        at = rng.randrange(1, len(part) - 2)
        if part[at].isalpha() and part[at + 1].isalpha():
            parts[index] = part[:at] + part[at + 1] + part[at] + part[at + 2:]
    return "".join(parts)
