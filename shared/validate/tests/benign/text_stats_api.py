"""Statistics of a text, as JSON."""

import json
import re
import sys


def stats(text):
    words = re.findall(r"\w+", text)
    return {
        "characters": len(text),
        "words": len(words),
        "longest": max(words, key=len, default=""),
        "lines": text.count("\n") + 1,
        "unique": len({word.casefold() for word in words}),
    }


if __name__ == "__main__":
    json.dump(stats(sys.stdin.read()), sys.stdout, indent=2, ensure_ascii=False)
