"""Splits text into sentences and tells how hard it reads."""

import re
import unicodedata

END = re.compile(r"(?<=[.!?])\s+(?=[A-ZÄÖÜ])")


def sentences(text: str) -> list[str]:
    """Sentences without their line breaks."""
    plain = unicodedata.normalize("NFC", " ".join(text.split()))
    return [sentence for sentence in END.split(plain) if sentence]


def syllables(word: str) -> int:
    """A guess, by groups of vowels."""
    groups = re.findall(r"[aeiouy]+", word.lower())
    return max(1, len(groups) - word.lower().endswith("e"))


def flesch(text: str) -> float:
    """Flesch's reading ease: higher is easier."""
    words = re.findall(r"[^\W\d_]+", text)
    count = len(sentences(text)) or 1
    if not words:
        return 100.0
    per_word = sum(map(syllables, words)) / len(words)
    return 206.835 - 1.015 * len(words) / count - 84.6 * per_word
