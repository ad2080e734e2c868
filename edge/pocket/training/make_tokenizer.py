"""Learns the tokenizer from the wordings and from invented names.

Usage: python make_tokenizer.py
"""

import random
import re
from collections import Counter
from pathlib import Path

from dialogues import Writer
from names import Names
from tokenizer import learn
from wordings import Wordings

HERE = Path(__file__).parent
TRAINING = ("developers", "office", "home", "neutral", "anywhere", "students", "terse", "travellers")


def wordings() -> Wordings:
    """What the model is trained on."""
    return Wordings([HERE.parent / "wordings" / f"{name}.txt" for name in TRAINING])


def main() -> None:
    rng = random.Random(7)
    spoken = wordings()
    writer = Writer(spoken, Names(spoken, 0.5))
    words: Counter = Counter()
    spaced: Counter = Counter()
    for _ in range(20_000):
        dialogue = writer.sample(rng)
        for text in (dialogue.request, dialogue.answer):
            words.update(re.findall(r"[A-Za-z]+", text))
    for kind in spoken.templates:
        for _ in range(400):
            text = re.sub(r"\{\w+\}", ",", spoken.sample(rng, kind))
            spaced.update(re.findall(r" ([A-Za-z]+)", text))
    common = Counter({word: count for word, count in words.items() if count > 1})
    tokenizer = learn(common, spaced, merges=760, whole=150)
    tokenizer.save(HERE / "merges.json")
    text = writer.sample(rng).request
    print(len(tokenizer), "tokens;", [tokenizer.tokens[token] for token in tokenizer.encode(text)])


if __name__ == "__main__":
    main()
